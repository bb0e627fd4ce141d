/**
 * The largest eigenvalue of a positive semidefinite matrix by power iteration.
 *
 * @module
 */

import type { Value } from "../tensor/value.ts";
import { squareCopy } from "./matrix.ts";

/** Options of {@linkcode powerIteration}. */
export interface PowerIterationOptions {
  /** It ends when the value moves by no more; at least 0, 1e-6 by default. */
  readonly tolerance?: number;
  /** Most iterations, at least 1; 100 by default. */
  readonly iterations?: number;
}

/** What {@linkcode powerIteration} finds. */
export interface LargestEigenvalue {
  /** The eigenvalue; the last estimate where it did not converge. */
  readonly value: number;
  /** Whether the last iteration moved it by no more than the tolerance. */
  readonly converged: boolean;
  /** Iterations that were made. */
  readonly iterations: number;
}

/**
 * The eigenvalue of largest size, by repeating, from a given vector u,
 *
 *     u <- u / |u|,  w = M u,  e = u . w,  u <- w
 *
 * until e, which starts at 0, moves by no more than the tolerance.
 *
 * @example
 * ```ts
 * import { powerIteration } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const matrix = value([2, 1, 1, 2], [2, 2]);
 * const found = powerIteration(matrix, Float64Array.of(1, 0));
 * assertAlmostEquals(found.value, 3, 1e-5);
 * ```
 *
 * @param matrix M: [n, n].
 * @param start u: n numbers, not all 0; best random ones, as it must not be
 * perpendicular to the eigenvector.
 * @param options When to end.
 * @returns The eigenvalue, and whether it converged.
 * @throws {RangeError} If the matrix is not square or not finite, or the vector has
 * another length.
 */
export function powerIteration(
  matrix: Value,
  start: Float64Array,
  options: PowerIterationOptions = {},
): LargestEigenvalue {
  const { tolerance = 1e-6, iterations = 100 } = options;
  const { n, data } = squareCopy("find the largest eigenvalue", matrix);
  if (start.length !== n) {
    throw new RangeError(
      `Cannot find the largest eigenvalue: the start must have ${n} numbers, got ${start.length}`,
    );
  }
  let u = start, e = 0;
  for (let k = 1; k <= iterations; k++) {
    const length = Math.sqrt(dot(u, u));
    // M u = 0: no other eigenvalue can be found from here.
    if (length === 0) return { value: 0, converged: true, iterations: k };
    u = u.map((entry) => entry / length);
    const w = image(data, u);
    const next = dot(u, w);
    const moved = Math.abs(next - e);
    e = next;
    u = w;
    if (moved <= tolerance) {
      return { value: e, converged: true, iterations: k };
    }
  }
  return { value: e, converged: false, iterations };
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}

/** M u: four rows at a time, whose sums hide each other's latency. */
function image(matrix: Float64Array, u: Float64Array): Float64Array {
  const n = u.length, w = new Float64Array(n);
  for (let i = 0; i < n; i += 4) {
    // Where fewer are left, the last one again.
    const r0 = i * n, r1 = Math.min(i + 1, n - 1) * n;
    const r2 = Math.min(i + 2, n - 1) * n, r3 = Math.min(i + 3, n - 1) * n;
    let t0 = 0, t1 = 0, t2 = 0, t3 = 0;
    for (let j = 0; j < n; j++) {
      const x = u[j];
      t0 += matrix[r0 + j] * x;
      t1 += matrix[r1 + j] * x;
      t2 += matrix[r2 + j] * x;
      t3 += matrix[r3 + j] * x;
    }
    // What lies past the end is not stored.
    w[i] = t0;
    w[i + 1] = t1;
    w[i + 2] = t2;
    w[i + 3] = t3;
  }
  return w;
}
