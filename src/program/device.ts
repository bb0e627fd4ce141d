/**
 * What a device does: it keeps named numbers in its memory, and runs programs
 * over them.
 *
 * @module
 */

import type { Value } from "../tensor/value.ts";
import type { ProfileListener } from "./profile.ts";
import type { Program } from "./program.ts";

/** A machine that evaluates expressions. */
export interface Device {
  /** Name, such as `reference`. */
  readonly name: string;
  /** Bytes of a float: 8 on the reference device, else 4. */
  readonly floatBytes: 4 | 8;
  /**
   * Copies values into the device's memory, where they stay from step to step.
   *
   * @param values The values by flat name; floats are rounded to the device's.
   * @returns The memory.
   */
  allocate(values: ReadonlyMap<string, Value>): Memory;
  /**
   * Gets a program ready to run.
   *
   * @param program The program. Its inputs are looked up in the memory first,
   * then among the values of the call.
   * @param updates Output name to name in the memory: these outputs replace
   * what the memory holds, after everything has been computed.
   * @returns The program, ready.
   */
  load(program: Program, updates: ReadonlyMap<string, string>): Executable;
  /**
   * The same machine as a device that times its kernels: whenever a program has
   * run on it, `listener` hears what each of them took. Absent where kernels
   * cannot be timed. Memory and programs belong to the device that made them.
   */
  readonly profiled?: (listener: ProfileListener) => Device;
}

/** Named numbers on a device. */
export interface Memory {
  /** Copies values back to the host; all of them where no names are given. */
  read(names?: Iterable<string>): Promise<Map<string, Value>>;
  /** Replaces values of the same shapes. */
  write(values: ReadonlyMap<string, Value>): void;
}

/** A program that is ready to run. */
export interface Executable {
  /** Size of the block of intermediate results. */
  readonly bytes: number;
  /**
   * Runs the program once.
   *
   * @param memory Numbers that stay on the device.
   * @param inputs The other inputs by name.
   * @returns The outputs that are no updates, by name.
   */
  run(
    memory: Memory,
    inputs: ReadonlyMap<string, Value>,
  ): Promise<Map<string, Value>>;
}
