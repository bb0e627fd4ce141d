/**
 * The CPU device: float32 in WebAssembly, on all cores.
 *
 * @module
 */

export { cpuDevice, type CpuOptions } from "./device.ts";
export { CpuError } from "./error.ts";
