/**
 * What goes wrong on a GPU.
 *
 * @module
 */

/** What the GPU or its driver refused, or the loss of the device. */
export class GpuError extends Error {
  /**
   * Makes the error.
   *
   * @param message What could not be done, why, and what helps.
   */
  constructor(message: string) {
    super(message);
    this.name = "GpuError";
  }
}
