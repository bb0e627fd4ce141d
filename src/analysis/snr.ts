/**
 * The signal-to-noise ratio of a Kronecker factor (Eq. 7 of the paper): the energy of
 * the diagonal over that of what stands above it.
 *
 * @module
 */

import type { Value } from "../tensor/value.ts";
import { requireFilled } from "./requirements.ts";

/** Both readings of Eq. 7, in dB: what {@linkcode snr} finds. */
export interface Snr {
  /**
   * 10 log10 of the mean of M_ii^2 over the n diagonal entries, over the mean of M_ij^2
   * over the n (n - 1) / 2 entries above the diagonal. 0 dB: an entry above the diagonal
   * is as large as one on it.
   */
  readonly plain: number;
  /**
   * As the official notebook has it: the second mean is over all n^2 entries of the
   * upper triangle as a matrix, the zeros included. It is above the plain one by
   * 10 log10(2 n / (n - 1)), which is 3.01 dB for a large n and 6.02 for n = 2.
   */
  readonly official: number;
}

/**
 * How much larger the diagonal of a matrix is than what stands above it, in dB.
 *
 * @example Tenfold entries on the diagonal are 20 dB
 * ```ts
 * import { snr } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { plain, official } = snr(value([10, 1, 1, 10], [2, 2]));
 * assertAlmostEquals(plain, 20, 1e-12);
 * assertAlmostEquals(official, 20 + 10 * Math.log10(4), 1e-12);
 * ```
 *
 * @param matrix [n, n], n at least 2; a noisy one need not be symmetric.
 * @returns Both ratios; Infinity where all entries above the diagonal are 0, -Infinity
 * where all on it are.
 * @throws {RangeError} If the matrix is not square, has fewer than two rows, is not
 * finite, or has only zeros on and above the diagonal.
 * @throws {TypeError} If it is not float.
 */
export function snr(matrix: Value): Snr {
  const n = requireFilled("take the signal-to-noise ratio", matrix);
  const { data } = matrix;
  if (n === 1) {
    throw new RangeError(
      "Cannot take the signal-to-noise ratio: the matrix must have at least two rows, got [1, 1]",
    );
  }
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      largest = Math.max(largest, Math.abs(data[i * n + j]));
    }
  }
  if (largest === 0) {
    throw new RangeError(
      `Cannot take the signal-to-noise ratio: the [${n}, ${n}] matrix must have an entry on or above the diagonal that is not 0`,
    );
  }
  let signal = 0, noise = 0;
  for (let i = 0; i < n; i++) {
    // Relative to the largest entry no square is too large.
    signal += (data[i * n + i] / largest) ** 2;
    for (let j = i + 1; j < n; j++) noise += (data[i * n + j] / largest) ** 2;
  }
  const decibels = (entries: number): number =>
    10 * Math.log10((signal / n) / (noise / entries));
  return { plain: decibels(n * (n - 1) / 2), official: decibels(n * n) };
}
