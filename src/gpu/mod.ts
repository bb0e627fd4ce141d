/**
 * The GPU device: programs as WebGPU kernels, in float32.
 *
 * @module
 */

export * from "./adapter.ts";
export type { AdapterFacts } from "./device.ts";
export * from "./error.ts";
