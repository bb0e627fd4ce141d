/**
 * What can go wrong on the CPU device that is no mistake in a program.
 *
 * @module
 */

/** A kernel that failed, or memory that is not there. */
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
