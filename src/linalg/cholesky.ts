/**
 * The Cholesky factor M = L L^T of a symmetric positive definite matrix, and what
 * it is good for: solving, inverting.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { addRows, squareCopy, transposed } from "./matrix.ts";

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
  const { n, data } = squareCopy("factor", matrix);
  // Row i of L^T: column i of M's lower triangle, less what the rows above have of it.
  const u = transposed(value(data, [n, n])).data as Float64Array;
  for (let i = 0; i < n; i++) {
    const above = { start: 0, end: i, from: i, to: () => n };
    addRows(u, i * n + i, u, n, above, (p) => -u[p * n + i]);
    const pivot = u[i * n + i];
    if (!(pivot > 0)) return { positiveDefinite: false, row: i, pivot };
    const root = Math.sqrt(pivot);
    for (let j = i; j < n; j++) u[i * n + j] /= root;
    u.fill(0, i * n, i * n + i);
  }
  return { positiveDefinite: true, lower: transposed(value(u, [n, n])) };
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
  const x = new Float64Array(right.data);
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
  const { n, data: l } = squareCopy("invert", lower);
  // W = L^-1, row by row: L W = 1.
  const w = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    // Row p of W ends with column p.
    const to = (p: number): number => Math.min(p + 4, i);
    const above = { start: 0, end: i, from: 0, to };
    addRows(w, i * n, w, n, above, (p) => -l[i * n + p]);
    w[i * n + i] = 1;
    for (let j = 0; j <= i; j++) w[i * n + j] /= l[i * n + i];
  }
  // M^-1 = W^T W, its lower triangle, and the same above.
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const below = { start: i, end: n, from: 0, to: () => i + 1 };
    addRows(inverse, i * n, w, n, below, (p) => w[p * n + i]);
    for (let j = 0; j < i; j++) inverse[j * n + i] = inverse[i * n + j];
  }
  return value(inverse, [n, n]);
}
