/**
 * `--device`: which device a command computes on.
 *
 * @module
 */

import { gpuDevice, NoGpuError } from "../src/gpu/mod.ts";
import type { Device } from "../src/program/mod.ts";
import { referenceDevice } from "../src/reference/mod.ts";
import { UsageError } from "./arguments.ts";

/** What `--device` takes. */
export const deviceNames = ["auto", "reference", "cpu", "gpu"] as const;

/** One of {@linkcode deviceNames}. */
export type DeviceName = typeof deviceNames[number];

/** A device, and how it is called in what a command prints. */
export interface ChosenDevice {
  readonly device: Device;
  readonly title: string;
}

/**
 * Opens a device: `auto` takes a real GPU where there is one, else the reference
 * device; `gpu` takes a software adapter as well.
 *
 * @param name What `--device` says.
 * @returns The device.
 * @throws {UsageError} If there is no such device here.
 */
export async function openDevice(name: DeviceName): Promise<ChosenDevice> {
  const reference = { device: referenceDevice, title: referenceDevice.name };
  if (name === "reference") return reference;
  if (name === "cpu") {
    throw new UsageError(
      "--device cpu does not exist yet: there are reference and gpu, and auto takes one of them",
    );
  }
  try {
    const device = await gpuDevice({ allowSoftware: name === "gpu" });
    return { device, title: `${device.name}, ${device.adapter.name}` };
  } catch (error) {
    if (!(error instanceof NoGpuError)) throw error;
    if (name === "auto") return reference;
    throw new UsageError(error.message);
  }
}
