/**
 * The Cholesky factor M = L L^T of a symmetric positive definite matrix, and what
 * it is good for: solving, inverting.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { TILE } from "./kernels.ts";
import { squareCopy } from "./matrix.ts";
import { from, padded, strideOf, workspace } from "./workspace.ts";

/** Rows that are done together: what they need of those above are products of matrices. */
const PANEL = 32;

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
  const end = padded(n), stride = strideOf(end);
  const space = workspace("factor", end * stride);
  const u = space.numbers, all = { at: 0, stride };
  // L^T, and in the rows that fill up to a multiple of 4 the identity.
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) u[j * stride + i] = data[i * n + j];
  }
  for (let i = n; i < end; i++) u[i * stride + i] = 1;
  for (let panel = 0; panel < end; panel += PANEL) {
    const height = Math.min(PANEL, end - panel);
    // Rows of M, less what the rows of L^T above have of them.
    const subtract = (
      above: number,
      count: number,
      i: number,
      rows: number,
    ) => {
      const b = from(all, above, i);
      const a = { ...b, transposed: true };
      space.subtract(from(all, i, i), a, b, rows, count, end - i);
    };
    for (let above = 0; above < panel; above += PANEL) {
      subtract(above, PANEL, panel, height);
    }
    for (let i = panel; i < panel + height; i += TILE) {
      subtract(panel, i - panel, i, TILE);
      const failed = factorRows(u, stride, i, end);
      if (failed) return { positiveDefinite: false, ...failed };
    }
  }
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) lower[i * n + j] = u[j * stride + i];
  }
  return { positiveDefinite: true, lower: value(lower, [n, n]) };
}

/** Four rows of L^T, of which those above have been subtracted. */
function factorRows(
  u: Float64Array,
  stride: number,
  first: number,
  end: number,
): { readonly row: number; readonly pivot: number } | undefined {
  for (let i = first; i < first + TILE; i++) {
    const row = i * stride;
    for (let p = first; p < i; p++) {
      const above = p * stride, factor = u[above + i];
      for (let j = i; j < end; j++) u[row + j] -= factor * u[above + j];
    }
    const pivot = u[row + i];
    if (!(pivot > 0)) return { row: i, pivot };
    const root = Math.sqrt(pivot);
    for (let j = i; j < end; j++) u[row + j] /= root;
  }
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
  const end = padded(n), stride = strideOf(end);
  const space = workspace("invert", 2 * end * stride);
  const { numbers } = space;
  const lowerPart = { at: 0, stride }, w = { at: end * stride, stride };
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) numbers[i * stride + j] = l[i * n + j];
  }
  for (let i = n; i < end; i++) numbers[i * stride + i] = 1;
  // W = L^-1, row by row: L W = 1.
  for (let i = 0; i < end; i++) numbers[w.at + i * stride + i] = 1;
  for (let panel = 0; panel < end; panel += PANEL) {
    const height = Math.min(PANEL, end - panel);
    const subtract = (
      above: number,
      count: number,
      i: number,
      rows: number,
    ): void =>
      space.subtract(
        from(w, i, 0),
        from(lowerPart, i, above),
        from(w, above, 0),
        rows,
        count,
        above + count,
      );
    for (let above = 0; above < panel; above += PANEL) {
      subtract(above, PANEL, panel, height);
    }
    for (let i = panel; i < panel + height; i += TILE) {
      subtract(panel, i - panel, i, TILE);
      invertRows(numbers, stride, w.at, i);
    }
  }
  // M^-1 = W^T W, its lower triangle, and the same above.
  numbers.fill(0, 0, w.at);
  for (let i = 0; i < end; i += PANEL) {
    const height = Math.min(PANEL, end - i);
    for (let p = i; p < end; p += PANEL) {
      space.add(
        from(lowerPart, i, 0),
        { ...from(w, p, i), transposed: true },
        from(w, p, 0),
        height,
        Math.min(PANEL, end - p),
        i + height,
      );
    }
  }
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      inverse[i * n + j] = inverse[j * n + i] = numbers[i * stride + j];
    }
  }
  return value(inverse, [n, n]);
}

/** Four rows of W, of which those above have been subtracted. */
function invertRows(
  numbers: Float64Array,
  stride: number,
  w: number,
  first: number,
): void {
  for (let i = first; i < first + TILE; i++) {
    const row = w + i * stride, left = i * stride;
    for (let p = first; p < i; p++) {
      const above = w + p * stride, factor = numbers[left + p];
      for (let j = 0; j <= p; j++) {
        numbers[row + j] -= factor * numbers[above + j];
      }
    }
    const pivot = numbers[left + i];
    for (let j = 0; j <= i; j++) numbers[row + j] /= pivot;
  }
}
