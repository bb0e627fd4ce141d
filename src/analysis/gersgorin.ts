/**
 * Gersgorin discs of a Kronecker factor (section 3.1 of the paper).
 *
 * Disc i has centre M_ii and radius R_i, the sum of |M_ij| over j other than i. Every
 * eigenvalue lies in at least one disc. Where the radii are small beside the centres,
 * the diagonal alone says where the eigenvalues are.
 *
 * @module
 */

import { symmetricEigenvalues } from "../linalg/symmetric_eigen.ts";
import { type Value, value } from "../tensor/value.ts";
import { symmetricCopy } from "./symmetric.ts";

/** The discs of a symmetric matrix and its eigenvalues: what {@linkcode gersgorin} finds. */
export interface Gersgorin {
  /** M_ii of each row: [n]. */
  readonly centres: Value;
  /** R_i of each row: [n]. */
  readonly radii: Value;
  /** Eigenvalues, ascending: [n]. */
  readonly eigenvalues: Value;
  /**
   * Share of the eigenvalues that lie in at least one disc, in [0, 1]. By Gersgorin's
   * theorem it is 1, whatever the matrix: it checks the eigenvalues, and says nothing
   * of the diagonal. {@linkcode dominant} and {@linkcode margin} do.
   */
  readonly inside: number;
  /**
   * Share of the rows with |M_ii| > R_i, the strictly diagonally dominant ones, in
   * [0, 1]. A row of zeros is not one.
   */
  readonly dominant: number;
  /**
   * The least of |M_ii| - R_i over the rows, in units of the largest |M_ii|: above 0
   * if all rows are dominant, at most 1. Where no centre is but 0 it is 0 if all
   * radii are 0, else -Infinity.
   */
  readonly margin: number;
  /** Whether the eigenvalues converged; where not, they and `inside` are not right. */
  readonly converged: boolean;
}

/**
 * How accurate the eigenvalues are, relative to the bound of the norm that the discs
 * give: so far from a disc one of them still counts as in it.
 */
const ACCURACY = 1e-12;

/**
 * The discs of a symmetric matrix, its eigenvalues, and how much of the matrix is on
 * its diagonal by them.
 *
 * @example One dominant row of three
 * ```ts
 * import { gersgorin } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const factor = value([4, 1, 1, 1, 2, 1, 1, 1, 2], [3, 3]);
 * const { centres, radii, dominant, margin, inside } = gersgorin(factor);
 * assertEquals([...centres.data], [4, 2, 2]);
 * assertEquals([...radii.data], [2, 2, 2]);
 * assertEquals([dominant, margin, inside], [1 / 3, 0, 1]);
 * ```
 *
 * @param matrix [n, n], symmetric but for rounding; of two entries that should be equal
 * the one below the diagonal counts.
 * @returns Discs, eigenvalues, shares.
 * @throws {RangeError} If the matrix is empty, not square, not finite or not symmetric.
 * @throws {TypeError} If it is not float.
 */
export function gersgorin(matrix: Value): Gersgorin {
  const { n, data } = symmetricCopy("draw Gersgorin discs", matrix);
  const { values, converged } = symmetricEigenvalues(value(data, [n, n]));
  const centres = new Float64Array(n), radii = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (i === j) centres[i] = data[i * n + i];
      else radii[i] += Math.abs(data[i * n + j]);
    }
  }
  let largest = 0, least = Infinity, dominant = 0;
  for (let i = 0; i < n; i++) {
    const size = Math.abs(centres[i]);
    largest = Math.max(largest, size);
    least = Math.min(least, size - radii[i]);
    if (size > radii[i]) dominant++;
  }
  return {
    centres: value(centres),
    radii: value(radii),
    eigenvalues: values,
    inside: countInside(values.data, centres, radii) / n,
    dominant: dominant / n,
    margin: least === 0 ? 0 : least / largest,
    converged,
  };
}

/** How many of some ascending numbers lie in a disc; all are real, so discs are intervals. */
function countInside(
  numbers: ArrayLike<number>,
  centres: Float64Array,
  radii: Float64Array,
): number {
  let norm = 0;
  centres.forEach((c, i) => norm = Math.max(norm, Math.abs(c) + radii[i]));
  const slack = ACCURACY * norm;
  const discs = [...centres.keys()].map((i) => ({
    from: centres[i] - radii[i] - slack,
    to: centres[i] + radii[i] + slack,
  })).sort((a, b) => a.from - b.from);
  let inside = 0, next = 0, reach = -Infinity;
  for (let k = 0; k < numbers.length; k++) {
    // Of the discs that begin before the number, the one that ends last decides.
    while (next < discs.length && discs[next].from <= numbers[k]) {
      reach = Math.max(reach, discs[next++].to);
    }
    if (numbers[k] <= reach) inside++;
  }
  return inside;
}
