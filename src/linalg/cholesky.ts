/**
 * The Cholesky factor M = L L^T of a symmetric positive definite matrix, and what
 * it is good for: solving, inverting.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { identity, squareCopy } from "./matrix.ts";

/** What {@linkcode cholesky} finds. */
export type Cholesky =
  | {
    /** M is positive definite. */
    readonly positiveDefinite: true;
    /** L: lower triangular, [n, n], its diagonal above 0. */
    readonly lower: Value;
  }
  | {
    /** M is not positive definite, or too near to such a matrix. */
    readonly positiveDefinite: false;
    /** The row at which the factor ended. */
    readonly row: number;
    /** What its root would have been taken of there: not above 0. */
    readonly pivot: number;
  };

/**
 * The Cholesky factor of a symmetric matrix. Only the lower triangle is looked at.
 *
 * @example
 * ```ts
 * import { cholesky } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const found = cholesky(value([4, 2, 2, 2], [2, 2]));
 * assert(found.positiveDefinite);
 * assertEquals([...found.lower.data], [2, 0, 1, 1]);
 * ```
 *
 * @param matrix [n, n]; n may be 0.
 * @returns The factor, or where it ended.
 * @throws {RangeError} If the matrix is not square, or an entry is not finite.
 * @throws {TypeError} If it is not float.
 */
export function cholesky(matrix: Value): Cholesky {
  const { n, data: l } = squareCopy("factor", matrix);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let entry = l[i * n + j];
      for (let k = 0; k < j; k++) entry -= l[i * n + k] * l[j * n + k];
      if (j < i) {
        l[i * n + j] = entry / l[j * n + j];
      } else if (entry > 0) {
        l[i * n + i] = Math.sqrt(entry);
      } else {
        return { positiveDefinite: false, row: i, pivot: entry };
      }
    }
    l.fill(0, i * n + i + 1, (i + 1) * n);
  }
  return { positiveDefinite: true, lower: value(l, [n, n]) };
}

/**
 * Solves L L^T X = B.
 *
 * @example
 * ```ts
 * import { choleskySolve } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const lower = value([2, 0, 1, 1], [2, 2]);
 * const x = choleskySolve(lower, value([8, 6], [2, 1]));
 * assertEquals([...x.data], [1, 2]);
 * ```
 *
 * @param lower L: lower triangular, [n, n], nothing on its diagonal 0.
 * @param right B: [n, m].
 * @returns X: [n, m].
 * @throws {RangeError} If L is not square or not finite, or B has another number
 * of rows.
 */
export function choleskySolve(lower: Value, right: Value): Value {
  const { n, data: l } = squareCopy("solve", lower);
  const { shape } = right;
  if (shape.length !== 2 || shape[0] !== n) {
    throw new RangeError(
      `Cannot solve: the right-hand side must be [${n}, m], got [${
        shape.join(", ")
      }]`,
    );
  }
  const m = shape[1];
  const x = Float64Array.from(right.data);
  const subtract = (factor: number, from: number, to: number): void => {
    for (let j = 0; j < m; j++) x[to * m + j] -= factor * x[from * m + j];
  };
  const divide = (row: number): void => {
    for (let j = 0; j < m; j++) x[row * m + j] /= l[row * n + row];
  };
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtract(l[i * n + k], k, i);
    divide(i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) subtract(l[k * n + i], k, i);
    divide(i);
  }
  return value(x, [n, m]);
}

/**
 * The inverse (L L^T)^-1, exactly symmetric.
 *
 * @example
 * ```ts
 * import { choleskyInverse } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const inverse = choleskyInverse(value([2, 0, 1, 1], [2, 2]));
 * assertEquals([...inverse.data], [0.5, -0.5, -0.5, 1]);
 * ```
 *
 * @param lower L: lower triangular, [n, n], nothing on its diagonal 0.
 * @returns [n, n].
 * @throws {RangeError} If L is not square or not finite.
 */
export function choleskyInverse(lower: Value): Value {
  const n = lower.shape[0];
  const inverse = choleskySolve(lower, identity(n));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      inverse.data[j * n + i] = inverse.data[i * n + j];
    }
  }
  return inverse;
}
