/**
 * `--device`: which device a command computes on.
 *
 * @module
 */

import { gpuDevice, NoGpuError } from "../src/gpu/mod.ts";
import type { Device, ProfileListener } from "../src/program/mod.ts";
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
 * @param listener Hears what kernels take; without one they are not timed.
 * @returns The device.
 * @throws {UsageError} If there is no such device here, or its kernels cannot be
 * timed and should be.
 */
export async function openDevice(
  name: DeviceName,
  listener?: ProfileListener,
): Promise<ChosenDevice> {
  const { device, title } = await findDevice(name, listener !== undefined);
  if (!listener) return { device, title };
  if (!device.profiled) {
    throw new UsageError(
      `--profile needs a device that can time its kernels, and ${title} cannot: --device reference can`,
    );
  }
  return { device: device.profiled(listener), title };
}

async function findDevice(
  name: DeviceName,
  timestamps: boolean,
): Promise<ChosenDevice> {
  const reference = { device: referenceDevice, title: referenceDevice.name };
  if (name === "reference") return reference;
  if (name === "cpu") {
    throw new UsageError(
      "--device cpu does not exist yet: there are reference and gpu, and auto takes one of them",
    );
  }
  try {
    const device = await gpuDevice({
      allowSoftware: name === "gpu",
      timestamps,
    });
    return { device, title: `${device.name}, ${device.adapter.name}` };
  } catch (error) {
    if (!(error instanceof NoGpuError)) throw error;
    if (name === "auto") return reference;
    throw new UsageError(error.message);
  }
}
