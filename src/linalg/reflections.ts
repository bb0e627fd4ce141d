/**
 * Products of Householder reflections, some at a time: then they are products of
 * matrices (Schreiber and Van Loan, "A storage-efficient WY representation for products
 * of Householder transformations", 1989).
 *
 * @module
 */

import { from, padded, type Part, type Workspace } from "./workspace.ts";

/** Reflections that are multiplied together. */
const TOGETHER = 32;

/** Numbers that {@linkcode reflectionProduct} needs beside its matrices. */
export const roomForReflections = (n: number): number =>
  (3 * padded(n) + 2 * TOGETHER) * TOGETHER;

/**
 * Q^T for Q = H_0 H_1 ... and H_k = 1 - b_k v_k v_k^T, in which the first k + 1 entries of
 * v_k are 0: so what the reflections from H_k on make of the identity differs from it in
 * rows and columns from k + 1 on alone, and the last come first.
 *
 * @param space Where the matrices are.
 * @param q Becomes Q^T; [n, n], of zeros, as are what fills its rows and columns up to a
 * multiple of 4.
 * @param n Number of rows.
 * @param reflections v_k, a row each: [n, n], filled up likewise.
 * @param scales b_k: [n].
 * @param at Index of as much room as {@linkcode roomForReflections} says.
 */
export function reflectionProduct(
  space: Workspace,
  q: Part,
  n: number,
  reflections: Part,
  scales: Float64Array,
  at: number,
): void {
  const { numbers } = space;
  const end = padded(n), stride = TOGETHER;
  const [v, y, z] = [0, 1, 2].map((i) => ({
    at: at + i * end * stride,
    stride,
  }));
  const gram = { at: z.at + end * stride, stride };
  const t = { at: gram.at + TOGETHER * stride, stride };
  for (let i = 0; i < n; i++) numbers[q.at + i * q.stride + i] = 1;
  const last = Math.floor((end - 1) / TOGETHER) * TOGETHER;
  for (let first = last; first >= 0; first -= TOGETHER) {
    const count = Math.min(TOGETHER, end - first), rest = end - first;
    const rows = from(reflections, first, first);
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < rest; i++) {
        numbers[v.at + i * stride + k] = numbers[rows.at + k * rows.stride + i];
      }
    }
    numbers.fill(0, gram.at, t.at);
    space.add(gram, rows, v, count, rest, count);
    numbers.fill(0, t.at, t.at + TOGETHER * stride);
    triangle(numbers, t.at, gram.at, scales.subarray(first, first + count));
    // H_first ... H_last = 1 - V T V^T, and Q^T <- Q^T times the transpose of that.
    const corner = from(q, first, first);
    numbers.fill(0, y.at, gram.at);
    space.add(y, corner, v, rest, rest, count);
    space.add(z, y, t, rest, count, count);
    space.subtract(corner, z, rows, rest, count, rest);
  }
}

/**
 * T^T of 1 - V T V^T, column by column of T: with the reflection j it gets the column
 * -b_j T V^T v_j, and b_j on the diagonal.
 */
function triangle(
  numbers: Float64Array,
  t: number,
  gram: number,
  scales: Float64Array,
): void {
  for (let j = 0; j < scales.length; j++) {
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let p = i; p < j; p++) {
        sum += numbers[t + p * TOGETHER + i] * numbers[gram + p * TOGETHER + j];
      }
      numbers[t + j * TOGETHER + i] = -scales[j] * sum;
    }
    numbers[t + j * TOGETHER + j] = scales[j];
  }
}
