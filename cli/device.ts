/**
 * `--device`: which device a command computes on.
 *
 * @module
 */

import { cpuDevice } from "../src/cpu/mod.ts";
import { gpuDevice, NoGpuError } from "../src/gpu/mod.ts";
import type { Device, ProfileListener } from "../src/program/mod.ts";
import { referenceDevice } from "../src/reference/mod.ts";
import { UsageError } from "./arguments.ts";

/** What `--device` takes. */
export const deviceNames = ["auto", "reference", "cpu", "gpu"] as const;

/** One of {@linkcode deviceNames}. */
export type DeviceName = typeof deviceNames[number];

/** How a device is opened. */
export interface OpenOptions {
  /** Hears what kernels take; without one they are not timed. */
  readonly listener?: ProfileListener;
  /** Threads of the CPU device; one a core by default. */
  readonly threads?: number;
}

/** A device, and how it is called in what a command prints. */
export interface ChosenDevice {
  readonly device: Device;
  readonly title: string;
}

/**
 * Opens a device: `auto` takes a real GPU where there is one, else the CPU; `gpu`
 * takes a software adapter as well.
 *
 * @param name What `--device` says.
 * @param options Whether kernels are timed, and how many threads there are.
 * @returns The device.
 * @throws {UsageError} If there is no such device here, or its kernels cannot be
 * timed and should be.
 */
export async function openDevice(
  name: DeviceName,
  { listener, threads }: OpenOptions = {},
): Promise<ChosenDevice> {
  if (threads !== undefined && (name === "gpu" || name === "reference")) {
    throw new UsageError(
      `--threads goes with --device cpu, got --device ${name}`,
    );
  }
  const timed = listener !== undefined;
  const { device, title } = await findDevice(name, timed, threads);
  if (!listener) return { device, title };
  if (!device.profiled) {
    throw new UsageError(
      `--profile needs a device that can time its kernels, and ${title} cannot: --device cpu and --device reference can`,
    );
  }
  return { device: device.profiled(listener), title };
}

async function findDevice(
  name: DeviceName,
  timestamps: boolean,
  threads = navigator.hardwareConcurrency,
): Promise<ChosenDevice> {
  const cpu = (): ChosenDevice => ({
    device: cpuDevice({ threads }),
    title: `cpu, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  });
  if (name === "cpu") return cpu();
  if (name === "reference") {
    return { device: referenceDevice, title: referenceDevice.name };
  }
  pretendDesktop();
  try {
    const device = await gpuDevice({
      allowSoftware: name === "gpu",
      timestamps,
    });
    return { device, title: `${device.name}, ${device.adapter.name}` };
  } catch (error) {
    if (!(error instanceof NoGpuError)) throw error;
    if (name === "auto") return cpu();
    throw new UsageError(error.message);
  }
}

/**
 * Where there is no desktop, the library that looks for one while adapters are
 * searched writes an error of its own. It is quiet when the folder is named that
 * the desktop would have, even if that does not exist.
 */
function pretendDesktop(): void {
  const variable = "XDG_RUNTIME_DIR";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "granted" || Deno.env.get(variable)) return;
  Deno.env.set(variable, "/nonexistent");
}
