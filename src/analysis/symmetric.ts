/**
 * What every study of a symmetric factor asks of its matrix.
 *
 * @module
 */

import { squareCopy } from "../linalg/matrix.ts";
import type { Value } from "../tensor/value.ts";

/**
 * How far apart two entries that should be equal may lie, relative to the largest.
 * An entry of a factor is a sum of float32 products over batch and positions; summed
 * in another order, a quarter of a million of them differ by about 3e-5.
 */
const ASYMMETRY = 1e-4;

/**
 * The numbers of a matrix that is symmetric but for rounding.
 *
 * @param what What cannot be done, for messages.
 * @param matrix [n, n].
 * @returns n, and a copy, row-major, exactly symmetric: the lower triangle is in both.
 * @throws {RangeError} If it is empty, not square, not finite or not symmetric.
 * @throws {TypeError} If it is not float.
 */
export function symmetricCopy(
  what: string,
  matrix: Value,
): { readonly n: number; readonly data: Float64Array<ArrayBuffer> } {
  const { n, data } = filledCopy(what, matrix);
  let largest = 0;
  for (const entry of data) largest = Math.max(largest, Math.abs(entry));
  const allowed = ASYMMETRY * largest;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const lower = data[i * n + j], upper = data[j * n + i];
      if (Math.abs(lower - upper) > allowed) {
        throw new RangeError(
          `Cannot ${what}: the [${n}, ${n}] matrix must be symmetric to ${ASYMMETRY} of its largest entry, got ${lower} at [${i}, ${j}] and ${upper} at [${j}, ${i}]`,
        );
      }
      data[j * n + i] = lower;
    }
  }
  return { n, data };
}

/**
 * The numbers of a square matrix with at least one row.
 *
 * @param what What cannot be done, for messages.
 * @param matrix [n, n].
 * @returns n, and a copy, row-major.
 * @throws {RangeError} If it is empty, not square or not finite.
 * @throws {TypeError} If it is not float.
 */
export function filledCopy(
  what: string,
  matrix: Value,
): { readonly n: number; readonly data: Float64Array<ArrayBuffer> } {
  const { n, data } = squareCopy(what, matrix);
  if (n === 0) {
    throw new RangeError(
      `Cannot ${what}: the matrix must have at least one row, got [0, 0]`,
    );
  }
  return { n, data: data as Float64Array<ArrayBuffer> };
}
