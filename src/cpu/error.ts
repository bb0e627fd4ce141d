/**
 * What can go wrong on the CPU device while a program runs.
 *
 * @module
 */

/** A kernel that failed. */
export class CpuError extends Error {
  /**
   * Makes the error.
   *
   * @param message What could not be done, why, and what helps.
   */
  constructor(message: string) {
    super(message);
    this.name = "CpuError";
  }
}
