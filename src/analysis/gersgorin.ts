/**
 * Gersgorin discs of a Kronecker factor (section 3.1 of the paper).
 *
 * Disc i has centre M_ii and radius R_i, the sum of |M_ij| over j other than i. Every
 * eigenvalue, real or complex, lies in at least one disc of the complex plane. Where
 * the radii are small beside the centres, the diagonal alone says where the
 * eigenvalues are.
 *
 * @module
 */

import { generalEigenvalues, symmetricEigenvalues } from "../linalg/mod.ts";
import { type Value, value } from "../tensor/value.ts";
import {
  type MemoryOptions,
  requireFilled,
  requireMemory,
  requireSymmetric,
} from "./requirements.ts";

/** Options of {@linkcode gersgorin}. */
export interface GersgorinOptions extends MemoryOptions {
  /**
   * Whether the matrix must be symmetric, as factors are; true by default. With false
   * it may be any square matrix, such as a factor with noise.
   */
  readonly symmetric?: boolean;
  /** Most steps for one eigenvalue; 60 by default, and two or three are usual. */
  readonly maxIterations?: number;
}

/** The discs of a matrix and its eigenvalues: what {@linkcode gersgorin} finds. */
export interface Gersgorin {
  /** M_ii of each row: [n]. */
  readonly centres: Value;
  /** R_i of each row: [n]. */
  readonly radii: Value;
  /** Real parts of the eigenvalues, ascending: [n]. */
  readonly eigenvalues: Value;
  /** Their imaginary parts: [n]; 0 of a symmetric matrix. */
  readonly imaginary: Value;
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
 * How far from a disc an eigenvalue still counts as in it, relative to the bound of the
 * norm that the discs give. Computed eigenvalues are those of a matrix that rounding
 * made differ by less than this, and lie in its discs whatever their condition.
 */
const ACCURACY = 1e-12;

/**
 * The discs of a matrix, its eigenvalues, and how much of the matrix is on its diagonal
 * by them.
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
 * @example A matrix that is not symmetric may have complex eigenvalues, here 1 -+ i
 * ```ts
 * import { gersgorin } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const turn = value([1, -1, 1, 1], [2, 2]);
 * const { eigenvalues, imaginary } = gersgorin(turn, { symmetric: false });
 * assertEquals([...eigenvalues.data], [1, 1]);
 * assertEquals([...imaginary.data], [-1, 1]);
 * ```
 *
 * Besides its result it takes the memory of one copy. Eigenvalues of a general matrix
 * cost some ten times those of a symmetric one.
 *
 * @param matrix [n, n], symmetric but for rounding unless the options say otherwise; of
 * two entries that should be equal the one below the diagonal counts.
 * @param options Whether the matrix must be symmetric, and limits.
 * @returns Discs, eigenvalues, shares.
 * @throws {RangeError} If the matrix is empty, not square, not finite or not symmetric,
 * if it needs more memory than it may take, or an option is out of its range.
 * @throws {TypeError} If it is not float.
 */
export function gersgorin(
  matrix: Value,
  options: GersgorinOptions = {},
): Gersgorin {
  const { symmetric = true, maxIterations } = options;
  const what = "draw Gersgorin discs";
  requireMemory(what, matrix, 1, options);
  const n = symmetric
    ? requireSymmetric(what, matrix)
    : requireFilled(what, matrix);
  const { centres, radii } = discsOf(matrix, n, symmetric);
  const { eigenvalues, imaginary, converged } = eigenvaluesOf(
    matrix,
    symmetric,
    maxIterations,
  );
  let most = 0, least = Infinity, dominant = 0;
  for (let i = 0; i < n; i++) {
    const size = Math.abs(centres[i]);
    most = Math.max(most, size);
    least = Math.min(least, size - radii[i]);
    if (size > radii[i]) dominant++;
  }
  return {
    centres: value(centres),
    radii: value(radii),
    eigenvalues,
    imaginary,
    inside: countInside(eigenvalues, imaginary, centres, radii) / n,
    dominant: dominant / n,
    margin: least === 0 ? 0 : least / most,
    converged,
  };
}

/** Centres and radii; of a symmetric matrix from its lower triangle. */
function discsOf({ data }: Value, n: number, symmetric: boolean) {
  const centres = new Float64Array(n), radii = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    centres[i] = data[i * n + i];
    for (let j = 0; j < i; j++) {
      radii[i] += Math.abs(data[i * n + j]);
      radii[j] += Math.abs(symmetric ? data[i * n + j] : data[j * n + i]);
    }
  }
  return { centres, radii };
}

function eigenvaluesOf(
  matrix: Value,
  symmetric: boolean,
  maxIterations?: number,
) {
  if (!symmetric) {
    const { real, ...rest } = generalEigenvalues(matrix, { maxIterations });
    return { eigenvalues: real, ...rest };
  }
  const { values, converged } = symmetricEigenvalues(matrix, { maxIterations });
  const imaginary = value(new Float64Array(values.data.length));
  return { eigenvalues: values, imaginary, converged };
}

/** How many complex numbers lie in a disc. */
function countInside(
  real: Value,
  imaginary: Value,
  centres: Float64Array,
  radii: Float64Array,
): number {
  let norm = 0;
  centres.forEach((c, i) => norm = Math.max(norm, Math.abs(c) + radii[i]));
  const slack = ACCURACY * norm;
  let inside = 0;
  for (let k = 0; k < centres.length; k++) {
    const x = real.data[k], y = imaginary.data[k];
    if (
      centres.some((c, i) => Math.hypot(x - c, y) <= radii[i] + slack)
    ) inside++;
  }
  return inside;
}
