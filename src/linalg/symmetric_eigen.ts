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
import {
  largest,
  powerOfTwoNear,
  requireFinite,
  requireSquare,
} from "./matrix.ts";
import { reflectionProduct, roomForReflections } from "./reflections.ts";
import { roomForRotations, type Rotations, rotationsOf } from "./rotations.ts";
import { tridiagonalize } from "./tridiagonal.ts";
import { padded, strideOf, workspace } from "./workspace.ts";

/** What cannot be done, for messages. */
const WHAT = "find eigenvalues";

/** Options of functions that find eigenvalues. */
export interface EigenOptions {
  /**
   * Most steps for one eigenvalue, at least 1; 60 by default. Two or three are usual, so
   * that fewer are for tests of what happens without convergence. In a symmetric
   * matrix n eigenvalues share n times as many: where the rank is low, the first one
   * may take a hundred, and the others none.
   */
  readonly maxIterations?: number;
}

/** What {@linkcode symmetricEigen} finds: M = V diag(values) V^T. */
export interface SymmetricEigen {
  /** Eigenvalues, ascending: [n]. */
  readonly values: Value;
  /** Eigenvectors of length 1: column j of [n, n] belongs to value j. */
  readonly vectors: Value;
  /** False if the eigenvalues needed more QL steps than allowed: then neither is right. */
  readonly converged: boolean;
  /** QL steps that were taken. */
  readonly iterations: number;
}

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
 * @param options When to give up on an eigenvalue.
 * @returns Eigenvalues, eigenvectors, and whether they converged.
 * @throws {RangeError} If the matrix is not square, an entry is not finite, or an option
 * is out of its range.
 * @throws {TypeError} If it is not float.
 */
export function symmetricEigen(
  matrix: Value,
  options: EigenOptions = {},
): SymmetricEigen {
  const most = mostSteps(options);
  const n = requireSquare(WHAT, matrix);
  const stride = strideOf(n), size = padded(n) * stride;
  const room = Math.max(4 * stride, roomForReflections(n), roomForRotations(n));
  const space = workspace(WHAT, 2 * size + room);
  const { numbers } = space;
  const a = { at: 0, stride }, reflections = { at: size, stride };
  const scale = copyScaled(matrix, numbers, stride);
  const { diagonal, offDiagonal, scales } = tridiagonalize(
    space,
    a,
    n,
    2 * size,
    reflections,
  );
  // Where A was, the eigenvectors will be, a row each.
  numbers.fill(0, 0, size);
  reflectionProduct(space, a, n, reflections, scales, 2 * size);
  const rotations = rotationsOf(space, a, n, 2 * size);
  const found = implicitQl(diagonal, offDiagonal, n, most, rotations);
  rotations.finish();
  const order = [...diagonal.keys()]
    .sort((i, j) => diagonal[i] - diagonal[j]);
  const vectors = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const row = order[j] * stride;
    for (let i = 0; i < n; i++) vectors[i * n + j] = numbers[row + i];
  }
  return {
    values: value(Float64Array.from(order, (i) => diagonal[i] * scale)),
    vectors: value(vectors, [n, n]),
    ...found,
  };
}

/** What {@linkcode symmetricEigenvalues} finds. */
export interface SymmetricEigenvalues {
  /** Eigenvalues, ascending: [n]. */
  readonly values: Value;
  /** False if the eigenvalues needed more QL steps than allowed: then they are not right. */
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
 * @param options When to give up on an eigenvalue.
 * @returns Eigenvalues, and whether they converged.
 * @throws {RangeError} If the matrix is not square, an entry is not finite, or an option
 * is out of its range.
 * @throws {TypeError} If it is not float.
 */
export function symmetricEigenvalues(
  matrix: Value,
  options: EigenOptions = {},
): SymmetricEigenvalues {
  const most = mostSteps(options);
  const n = requireSquare(WHAT, matrix);
  const stride = strideOf(n), size = padded(n) * stride;
  const space = workspace(WHAT, size + 4 * stride);
  const scale = copyScaled(matrix, space.numbers, stride);
  const a = { at: 0, stride };
  const { diagonal, offDiagonal } = tridiagonalize(space, a, n, size);
  const found = implicitQl(diagonal, offDiagonal, n, most);
  return {
    values: value(diagonal.sort().map((entry) => entry * scale)),
    ...found,
  };
}

/** The limit of steps for one eigenvalue. */
export function mostSteps({ maxIterations = 60 }: EigenOptions): number {
  if (Number.isSafeInteger(maxIterations) && maxIterations >= 1) {
    return maxIterations;
  }
  throw new RangeError(
    `Cannot find eigenvalues: maxIterations must be a whole number of at least 1, got ${maxIterations}`,
  );
}

/**
 * Copies the lower triangle and what mirrors it in 2 x 2 blocks on the diagonal, over a
 * power of two: it scales without rounding, and squares stay in range.
 *
 * @returns The power of two.
 */
function copyScaled(
  matrix: Value,
  numbers: Float64Array,
  stride: number,
): number {
  requireFinite(WHAT, matrix);
  const { data, shape: [n] } = matrix;
  const scale = powerOfTwoNear(largest(data));
  for (let i = 0; i < n; i++) {
    const row = i * stride;
    for (let j = 0; j <= i; j++) numbers[row + j] = data[i * n + j] / scale;
    if (i % 2 === 1) numbers[row - stride + i] = numbers[row + i - 1];
  }
  return scale;
}

/**
 * Implicit QL steps until what stands beside the diagonal is gone.
 *
 * @param d The diagonal; becomes the eigenvalues.
 * @param e Entry i stands left of the diagonal in row i; overwritten.
 * @param most Most steps for one eigenvalue, on average.
 * @param rotations Of the columns of Q, if wanted: column j becomes the eigenvector of
 * d[j].
 * @returns Number of steps, and whether they were enough.
 */
function implicitQl(
  d: Float64Array,
  e: Float64Array,
  n: number,
  most: number,
  rotations?: Rotations,
): { readonly converged: boolean; readonly iterations: number } {
  e.copyWithin(0, 1); // now entry i stands between rows i and i + 1
  if (n > 0) e[n - 1] = 0;
  let all = 0;
  for (let low = 0; low < n; low++) {
    for (;;) {
      // The block that starts at `low` ends at the first entry that is nothing
      // beside its neighbours on the diagonal.
      let high = low;
      while (high < n - 1) {
        const beside = Math.abs(d[high]) + Math.abs(d[high + 1]);
        if (Math.abs(e[high]) <= Number.EPSILON * beside) break;
        high++;
      }
      if (high === low) break;
      if (all === most * n) return { converged: false, iterations: all };
      all++;
      // Wilkinson's shift: the eigenvalue of the first 2 x 2 block near d[low].
      const half = (d[low + 1] - d[low]) / (2 * e[low]);
      const root = Math.hypot(half, 1);
      const shift = d[low] - e[low] / (half + (half < 0 ? -root : root));
      // Chase the bulge from the bottom of the block to its top.
      let x = d[high] - shift, cosine = 1, sine = 1, moved = 0;
      let i = high - 1;
      rotations?.sweep(high);
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
        rotations?.add(cosine, sine);
      }
      if (i >= low) continue;
      d[low] -= moved;
      e[low] = x;
      e[high] = 0;
    }
  }
  return { converged: true, iterations: all };
}
