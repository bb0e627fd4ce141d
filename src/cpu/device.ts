/**
 * The CPU device: programs as WebAssembly kernels on all cores.
 *
 * @module
 */

import type { Device, Executable } from "../program/device.ts";
import type { ProfileListener } from "../program/profile.ts";
import type { Program } from "../program/program.ts";
import type { Value } from "../tensor/value.ts";
import { CpuExecutable } from "./executable.ts";
import { Heap } from "./heap.ts";
import { CpuMemory } from "./memory.ts";
import { Pool } from "./pool.ts";

/** Options of a CPU device. */
export interface CpuOptions {
  /** How many threads may compute; as many as there are cores by default. */
  readonly threads?: number;
}

/** A device that runs programs on the processor; `cpuDevice` makes one. */
export class CpuDevice implements Device {
  /** `cpu`. */
  readonly name = "cpu";
  /** Floats have 4 bytes. */
  readonly floatBytes = 4;
  /** The memory. */
  readonly heap: Heap;
  /** The threads. */
  readonly pool: Pool;
  /** Hears what kernels take. */
  readonly #listener: ProfileListener | undefined;
  /** Address of the block of intermediate results, which all programs share. */
  block = 0;
  #blockBytes = 0;
  readonly #registry: FinalizationRegistry<() => void>;

  /**
   * @param threads How many threads may compute.
   * @param listener Hears what kernels take; without one they are not timed.
   */
  constructor(threads: number, listener?: ProfileListener) {
    this.#listener = listener;
    this.heap = new Heap();
    this.pool = new Pool(this.heap, threads);
    this.#registry = new FinalizationRegistry((release) => release());
    this.reserve(0, "");
  }

  /** Copies values into the device's memory. */
  allocate(values: ReadonlyMap<string, Value>): CpuMemory {
    return new CpuMemory(this, values);
  }

  /** Writes the program's kernels and lays out its memory. */
  load(program: Program, updates: ReadonlyMap<string, string>): Executable {
    return new CpuExecutable(this, program, updates, this.#listener);
  }

  /** A device like this one that times its kernels; it has memory of its own. */
  profiled(listener: ProfileListener): CpuDevice {
    return new CpuDevice(this.pool.threads, listener);
  }

  /**
   * Makes the block of intermediate results as large as a program needs it.
   *
   * @param bytes What it needs.
   * @param largest The largest tensors, for the error.
   */
  reserve(bytes: number, largest: string): void {
    if (this.block > 0 && bytes <= this.#blockBytes) return;
    if (this.block > 0) this.heap.release(this.block);
    this.block = 0;
    this.#blockBytes = 0;
    this.block = this.heap.allocate(
      `intermediate results, the largest of them ${largest}`,
      bytes,
    );
    this.#blockBytes = bytes;
  }

  /** Gives pieces of memory back when an object is gone, and drops programs. */
  releaseWith(
    object: object,
    addresses: readonly number[],
    programs: readonly number[] = [],
  ): void {
    const { heap, pool } = this;
    this.#registry.register(object, () => {
      for (const address of addresses) heap.release(address);
      for (const program of programs) pool.drop(program);
    });
  }
}

/**
 * Makes a device that computes on the processor: float32, WebAssembly with
 * vectors of four, all cores. It has up to 4 GiB of memory. The same program gives
 * the same bits for any number of threads.
 *
 * Threads are workers, which start when there is work for them and end when there
 * has been nothing to do for a tenth of a second, on the host either. Deno lets a program start them if it may
 * read this library's files (`--allow-read`); without them, or where there are
 * none, one thread computes.
 *
 * @example
 * ```ts
 * import { cpuDevice, evaluate } from "@adafisher/adafisher";
 * import { fill, matmul } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const device = cpuDevice({ threads: 2 });
 * const x = fill([64, 64], 0.5);
 * const product = await evaluate(matmul(x, x), device);
 * assertEquals(product.data[0], 16);
 * ```
 *
 * @param options How many threads may compute.
 * @returns The device; its `name` is `cpu`.
 * @throws {RangeError} If the number of threads is no integer of at least 1.
 */
export function cpuDevice(options: CpuOptions = {}): Device {
  const { threads = navigator.hardwareConcurrency ?? 1 } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(
      `Cannot make a CPU device: threads must be an integer of at least 1, got ${threads}`,
    );
  }
  return new CpuDevice(threads);
}
