/**
 * Getting a GPU: the adapter that WebGPU offers, and a device with the
 * adapter's own limits.
 *
 * @module
 */

import type { Device } from "../program/device.ts";
import { type AdapterFacts, GpuDevice } from "./device.ts";
import { measureClock } from "./profile.ts";

/** There is no GPU that may be used; the message says why, and what helps. */
export class NoGpuError extends Error {
  /**
   * Makes the error.
   *
   * @param reason Why not.
   * @param help What to do about it.
   */
  constructor(reason: string, help: string) {
    super(`Cannot use the GPU: ${reason}\nhelp: ${help}`);
    this.name = "NoGpuError";
  }
}

/** A device that runs programs on the GPU. */
export interface Gpu extends Device {
  /** The adapter it belongs to. */
  readonly adapter: AdapterFacts;
}

/** Which adapters are taken. */
export interface GpuOptions {
  /**
   * Whether a driver that computes on the processor (llvmpipe, SwiftShader)
   * will do; false by default, since it is slow.
   */
  readonly allowSoftware?: boolean;
  /**
   * Whether to ask for timestamps, so that the device can be profiled where the
   * adapter has them; false by default.
   */
  readonly timestamps?: boolean;
}

const INSTALL =
  "on Linux, WebGPU needs the Vulkan loader and a driver, in Debian the packages libvulkan1 and mesa-vulkan-drivers";

/**
 * A device that runs programs on the GPU, in float32, through WebGPU.
 *
 * An index outside its table, which the reference device reports before the
 * state changes, is reported here with the outputs of the step, or some steps
 * later where a step has none. Until then its row is NaN, so that a training step
 * with such an index fails, and leaves the state of the run as it was.
 *
 * @param options Which adapters are taken.
 * @returns The device.
 * @throws {NoGpuError} If there is no adapter, only a software adapter where
 * none is allowed, or the adapter gives no device.
 */
export async function gpuDevice(options: GpuOptions = {}): Promise<Gpu> {
  const adapter = await navigator.gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter) throw new NoGpuError("no adapter was found", INSTALL);
  const { description, vendor, isFallbackAdapter } = adapter.info;
  const name = description || vendor || "unnamed adapter";
  const software = isFallbackAdapter ||
    /llvmpipe|swiftshader|lavapipe|basic render/i.test(name);
  if (software && !options.allowSoftware) {
    throw new NoGpuError(
      `the only adapter is ${name}, which computes on the processor`,
      "take another device, or allow a software adapter",
    );
  }
  const {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage,
  } = adapter.limits;
  const timestamps = options.timestamps === true &&
    adapter.features.has("timestamp-query");
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: timestamps ? ["timestamp-query"] : [],
      requiredLimits: {
        maxBufferSize,
        maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage,
      },
    });
  } catch (error) {
    throw new NoGpuError(
      `adapter ${name} gives no device: ${(error as Error).message}`,
      INSTALL,
    );
  }
  const clock = timestamps ? await measureClock(device) : undefined;
  return new GpuDevice(device, { name, software }, clock);
}
