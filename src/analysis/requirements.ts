/**
 * What the studies of a factor ask of its matrix and of the machine.
 *
 * @module
 */

import { largest, requireFinite, requireSquare } from "../linalg/matrix.ts";
import { sizeOf, type Value } from "../tensor/value.ts";

/**
 * How far apart two entries that should be equal may lie, relative to the largest.
 * An entry of a factor is a sum of float32 products over batch and positions; summed
 * in another order, a quarter of a million of them differ by about 3e-5.
 */
const ASYMMETRY = 1e-4;

/** Bytes that a study may take unless it is told: two GiB. */
const MEMORY = 2 ** 31;

/** A limit to what a study takes. */
export interface MemoryOptions {
  /**
   * The most bytes that matrices which the study makes may take at a time, those of its
   * result among them; 2^31 by default.
   */
  readonly memory?: number;
}

/**
 * Throws unless the matrices that a study will make fit the memory it may take. It goes
 * by the shape alone, so that nothing large is made or looked through in vain.
 *
 * @param what What cannot be done, for messages.
 * @param matrix The matrix of the study.
 * @param count How many float64 matrices of its shape the study has at most at a time.
 * @param options What it may take.
 * @throws {RangeError} If they do not fit, or the limit is not above 0.
 */
export function requireMemory(
  what: string,
  { shape }: Value,
  count: number,
  { memory = MEMORY }: MemoryOptions,
): void {
  if (!(memory > 0)) {
    throw new RangeError(
      `Cannot ${what}: memory must be above 0 bytes, got ${memory}`,
    );
  }
  const needed = count * sizeOf(shape) * Float64Array.BYTES_PER_ELEMENT;
  if (needed > memory) {
    throw new RangeError(
      `Cannot ${what}: for a matrix of [${
        shape.join(", ")
      }] it takes ${needed} bytes of memory, and may take ${memory}`,
    );
  }
}

/**
 * The number of rows of a matrix that is symmetric but for rounding.
 *
 * @param what What cannot be done, for messages.
 * @param matrix [n, n].
 * @returns n.
 * @throws {RangeError} If it is empty, not square, not finite or not symmetric.
 * @throws {TypeError} If it is not float.
 */
export function requireSymmetric(what: string, matrix: Value): number {
  const n = requireFilled(what, matrix);
  const { data } = matrix;
  const allowed = ASYMMETRY * largest(data);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const lower = data[i * n + j], upper = data[j * n + i];
      if (Math.abs(lower - upper) <= allowed) continue;
      throw new RangeError(
        `Cannot ${what}: the [${n}, ${n}] matrix must be symmetric to ${ASYMMETRY} of its largest entry, got ${lower} at [${i}, ${j}] and ${upper} at [${j}, ${i}]`,
      );
    }
  }
  return n;
}

/**
 * The number of rows of a square matrix that has at least one.
 *
 * @param what What cannot be done, for messages.
 * @param matrix [n, n].
 * @returns n.
 * @throws {RangeError} If it is empty, not square or not finite.
 * @throws {TypeError} If it is not float.
 */
export function requireFilled(what: string, matrix: Value): number {
  const n = requireSquare(what, matrix);
  if (n === 0) {
    throw new RangeError(
      `Cannot ${what}: the matrix must have at least one row, got [0, 0]`,
    );
  }
  requireFinite(what, matrix);
  return n;
}
