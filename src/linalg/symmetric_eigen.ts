/**
 * Eigenvalues and eigenvectors of symmetric matrices: Householder reflections to
 * a tridiagonal matrix, then implicit QL steps (Golub and Van Loan, "Matrix
 * Computations", 8.3; Parlett, "The Symmetric Eigenvalue Problem", 8).
 *
 * The reflections cost 4/3 n^3 operations and are nearly all that eigenvalues alone
 * cost, for the QL steps then are O(n^2). With eigenvectors, multiplying the
 * reflections out costs as much again, and the rotations 3 n^3.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { largest, powerOfTwoNear, squareCopy } from "./matrix.ts";
import { reflectionRows, tridiagonalize } from "./tridiagonal.ts";

/** What {@linkcode symmetricEigen} finds: M = V diag(values) V^T. */
export interface SymmetricEigen {
  /** Eigenvalues, ascending: [n]. */
  readonly values: Value;
  /** Eigenvectors of length 1: column j of [n, n] belongs to value j. */
  readonly vectors: Value;
  /** False if an eigenvalue needed more than 60 QL steps: then neither is right. */
  readonly converged: boolean;
  /** QL steps that were taken. */
  readonly iterations: number;
}

/** QL steps for one eigenvalue; two or three are usual. */
const MOST_STEPS = 60;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix. Only the lower triangle
 * is looked at, so a matrix that rounding made slightly asymmetric is fine.
 *
 * @example
 * ```ts
 * import { symmetricEigen } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { values } = symmetricEigen(value([2, 1, 1, 2], [2, 2]));
 * assertAlmostEquals(values.data[0], 1);
 * assertAlmostEquals(values.data[1], 3);
 * ```
 *
 * @param matrix [n, n]; n may be 0.
 * @returns Eigenvalues, eigenvectors, and whether they converged.
 * @throws {RangeError} If the matrix is not square, or an entry is not finite.
 * @throws {TypeError} If it is not float.
 */
export function symmetricEigen(matrix: Value): SymmetricEigen {
  const { n, data, scale } = scaledCopy(matrix);
  const { diagonal, offDiagonal, reflections } = tridiagonalize(data, n, true);
  const rows = reflectionRows(reflections, n);
  const steps = implicitQl(diagonal, offDiagonal, n, rows);
  const order = [...diagonal.keys()]
    .sort((i, j) => diagonal[i] - diagonal[j]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = rows[from * n + i];
  });
  return {
    values: value(Float64Array.from(order, (i) => diagonal[i] * scale)),
    vectors: value(vectors, [n, n]),
    converged: steps !== undefined,
    iterations: steps ?? MOST_STEPS * n,
  };
}

/** What {@linkcode symmetricEigenvalues} finds. */
export interface SymmetricEigenvalues {
  /** Eigenvalues, ascending: [n]. */
  readonly values: Value;
  /** False if an eigenvalue needed more than 60 QL steps: then they are not right. */
  readonly converged: boolean;
  /** QL steps that were taken. */
  readonly iterations: number;
}

/**
 * All eigenvalues of a symmetric matrix, without its eigenvectors: a quarter of the
 * work of {@linkcode symmetricEigen}, or less, and the memory of one copy. Only the
 * lower triangle is looked at.
 *
 * @example A matrix of ones has rank 1
 * ```ts
 * import { symmetricEigenvalues } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const ones = value(new Float64Array(9).fill(1), [3, 3]);
 * const { values, converged } = symmetricEigenvalues(ones);
 * assert(converged);
 * assertAlmostEquals(values.data[1], 0);
 * assertAlmostEquals(values.data[2], 3);
 * ```
 *
 * @param matrix [n, n]; n may be 0.
 * @returns Eigenvalues, and whether they converged.
 * @throws {RangeError} If the matrix is not square, or an entry is not finite.
 * @throws {TypeError} If it is not float.
 */
export function symmetricEigenvalues(matrix: Value): SymmetricEigenvalues {
  const { n, data, scale } = scaledCopy(matrix);
  const { diagonal, offDiagonal } = tridiagonalize(data, n, false);
  const steps = implicitQl(diagonal, offDiagonal, n);
  return {
    values: value(diagonal.sort().map((entry) => entry * scale)),
    converged: steps !== undefined,
    iterations: steps ?? MOST_STEPS * n,
  };
}

/** A copy over a power of two: it scales without rounding, and squares stay in range. */
function scaledCopy(
  matrix: Value,
): { readonly n: number; readonly data: Float64Array; readonly scale: number } {
  const { n, data } = squareCopy("find eigenvalues", matrix);
  const scale = powerOfTwoNear(largest(data));
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  return { n, data, scale };
}

/**
 * Implicit QL steps until what stands beside the diagonal is gone.
 *
 * @param d The diagonal; becomes the eigenvalues.
 * @param e Entry i stands left of the diagonal in row i; overwritten.
 * @param rows The rows of Q^T, if wanted; row j becomes the eigenvector of d[j].
 * @returns Number of steps; none if an eigenvalue needed too many.
 */
function implicitQl(
  d: Float64Array,
  e: Float64Array,
  n: number,
  rows?: Float64Array,
): number | undefined {
  e.copyWithin(0, 1); // now entry i stands between rows i and i + 1
  if (n > 0) e[n - 1] = 0;
  let all = 0;
  for (let low = 0; low < n; low++) {
    for (let steps = 0;; steps++) {
      // The block that starts at `low` ends at the first entry that is nothing
      // beside its neighbours on the diagonal.
      let high = low;
      while (high < n - 1) {
        const beside = Math.abs(d[high]) + Math.abs(d[high + 1]);
        if (Math.abs(e[high]) <= Number.EPSILON * beside) break;
        high++;
      }
      if (high === low) break;
      if (steps === MOST_STEPS) return undefined;
      all++;
      // Wilkinson's shift: the eigenvalue of the first 2 x 2 block near d[low].
      const half = (d[low + 1] - d[low]) / (2 * e[low]);
      const root = Math.hypot(half, 1);
      const shift = d[low] - e[low] / (half + (half < 0 ? -root : root));
      // Chase the bulge from the bottom of the block to its top.
      let x = d[high] - shift, cosine = 1, sine = 1, moved = 0;
      let i = high - 1;
      for (; i >= low; i--) {
        const f = sine * e[i], b = cosine * e[i];
        const length = Math.hypot(f, x);
        e[i + 1] = length;
        if (length === 0) {
          // The block falls apart here: begin again with its upper part.
          d[i + 1] -= moved;
          e[high] = 0;
          break;
        }
        sine = f / length;
        cosine = x / length;
        const rest = d[i + 1] - moved;
        const t = (d[i] - rest) * sine + 2 * cosine * b;
        moved = sine * t;
        d[i + 1] = rest + moved;
        x = cosine * t - b;
        if (rows === undefined) continue;
        const upper = i * n, lower = upper + n;
        for (let k = 0; k < n; k++) {
          const p = rows[upper + k], q = rows[lower + k];
          rows[lower + k] = sine * p + cosine * q;
          rows[upper + k] = cosine * p - sine * q;
        }
      }
      if (i >= low) continue;
      d[low] -= moved;
      e[low] = x;
      e[high] = 0;
    }
  }
  return all;
}
