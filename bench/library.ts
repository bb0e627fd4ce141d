/**
 * What the benchmark asks of a library.
 *
 * @module
 */

import type { Work } from "./cases.ts";

/** Numbers by name, row-major in the layout of the operands. */
export type Results = ReadonlyMap<string, ArrayLike<number>>;

/** A work that a library is ready to do, its operands on the device. */
export interface Job {
  /** Number of steps after which all has been done that comes up now and then. */
  readonly period: number;
  /** Does a step, which takes up what the last one left; it may only be queued. */
  step(): Promise<void>;
  /** Waits for all steps, by reading one number of the last result. */
  finish(): Promise<number>;
  /**
   * Reads what the steps so far have made: `x`, or `w` of a kernel gradient; the
   * parameters by name and the last `loss` of a training.
   */
  results(): Promise<Results>;
  /** Seconds of processors that another process has spent on it, as last known. */
  elsewhere?(): number;
  /** Gives its memory back. */
  close(): void;
}

/** A library on one of its backends. */
export interface Library {
  /** Name and version. */
  readonly title: string;
  /** Whether it is not JavaScript but native code, which is held against us apart. */
  readonly native?: boolean;
  /**
   * Gets ready for a work, at the first of its steps.
   *
   * @throws Whatever the library throws, if it cannot do the work.
   */
  prepare(work: Work): Promise<Job>;
}
