/**
 * Symmetric matrices made tridiagonal by Householder reflections.
 *
 * A reflection A <- A - v w^T - w v^T needs the product of A with the next v only when
 * it is complete in that v's own column. So each step passes over the matrix once: it
 * applies the reflection before and multiplies by the next v while an entry is at hand.
 * Large matrices do not fit a cache, and this halves and more what they move.
 *
 * @module
 */

import { NEGLIGIBLE_SQUARES } from "./matrix.ts";
import { TILE } from "./kernels.ts";
import { from, type Part, type Workspace } from "./workspace.ts";

/** T of Q^T A Q = T. */
export interface Tridiagonal {
  /** The diagonal: [n]. */
  readonly diagonal: Float64Array;
  /** What stands left of it: entry i in row i; entry 0 is 0. */
  readonly offDiagonal: Float64Array;
  /** Of each reflection 1 - b v v^T, first to last: b. */
  readonly scales: Float64Array;
}

/**
 * Q^T A Q = T, tridiagonal, by n - 1 reflections.
 *
 * @param space Where the matrix is.
 * @param a A: its lower triangle, and above the diagonal the entries of the 2 x 2 blocks
 * on it; overwritten. It has a multiple of 4 rows, zeros behind the first n.
 * @param n Number of rows.
 * @param at Index of room for four times the stride of A: zeros.
 * @param reflections Where to keep v of each reflection, a row each; zeros; not kept
 * without it.
 * @returns T, and what belongs to the reflections.
 */
export function tridiagonalize(
  space: Workspace,
  a: Part,
  n: number,
  at: number,
  reflections?: Part,
): Tridiagonal {
  const { numbers } = space;
  const diagonal = new Float64Array(n), offDiagonal = new Float64Array(n);
  const scales = new Float64Array(n);
  const end = Math.ceil(n / TILE) * TILE;
  // The reflection that is still to be applied, and the next one.
  let [v0, w0, v, w] = [0, 1, 2, 3].map((i) => at + i * a.stride);
  for (let k = 0; k < n; k++) {
    // Column k, from the diagonal down.
    const p = numbers[w0 + k], q = numbers[v0 + k];
    for (let i = k; i < n; i++) {
      numbers[v + i] = numbers[a.at + i * a.stride + k] -
        numbers[v0 + i] * p - numbers[w0 + i] * q;
    }
    diagonal[k] = numbers[v + k];
    if (k === n - 1) break;
    numbers.fill(0, v, v + k + 1);
    const { b, image } = reflect(numbers.subarray(v, v + n), k + 1);
    offDiagonal[k + 1] = image;
    scales[k] = b;
    if (reflections) {
      numbers.copyWithin(from(reflections, k, 0).at, v, v + n);
    }
    // w = b A v - (b^2 / 2) (v^T A v) v, so that A <- A - v w^T - w v^T.
    numbers.fill(0, w, w + end);
    const first = k + 1 - (k + 1) % 2;
    space.updateAndMultiply(a, v0, w0, v, w, first, end);
    numbers.fill(0, w, w + k + 1);
    let inner = 0;
    for (let i = k + 1; i < n; i++) inner += numbers[v + i] * numbers[w + i];
    const half = b * b * inner / 2;
    for (let i = k + 1; i < n; i++) {
      numbers[w + i] = b * numbers[w + i] - half * numbers[v + i];
    }
    [v0, v] = [v, v0];
    [w0, w] = [w, w0];
  }
  return { diagonal, offDiagonal, scales };
}

/**
 * The reflection that takes a vector to a multiple of its first entry.
 *
 * @param v The vector, from index `first` on; becomes that of the reflection, which is
 * 0 where the vector is as it should be.
 * @returns 2 over the squared length of v, and what the first entry becomes.
 */
function reflect(
  v: Float64Array,
  first: number,
): { readonly b: number; readonly image: number } {
  const head = v[first];
  let rest = 0;
  for (let i = first + 1; i < v.length; i++) rest += v[i] * v[i];
  // Of a matrix of low rank, what is left over shrinks by rounding's square each time.
  if (rest < NEGLIGIBLE_SQUARES) {
    v.fill(0, first);
    return { b: 0, image: head };
  }
  const length = Math.sqrt(head * head + rest);
  const image = head > 0 ? -length : length;
  v[first] = head - image;
  return { b: 2 / (rest + v[first] * v[first]), image };
}
