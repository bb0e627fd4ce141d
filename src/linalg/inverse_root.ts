/**
 * Inverse p-th roots M^(-1/p) of symmetric positive semidefinite matrices, by
 * eigenvalues: exact but for rounding, whatever the condition.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { product, transposed } from "./matrix.ts";
import { type EigenOptions, symmetricEigen } from "./symmetric_eigen.ts";

/** What an inverse root comes with. */
export interface InverseRoot {
  /** The root: [n, n], symmetric. */
  readonly root: Value;
  /** Whether it can be trusted. */
  readonly converged: boolean;
  /** Iterations that were made. */
  readonly iterations: number;
}

/** Options of {@linkcode inverseRoot}. */
export interface InverseRootOptions extends EigenOptions {
  /** Added to each eigenvalue; at least 0, 0 by default. */
  readonly ridge?: number;
  /** Whether the ridge is in units of the largest eigenvalue; false by default. */
  readonly relative?: boolean;
}

/**
 * M^(-1/p) = V diag(lambda_i^(-1/p)) V^T for M = V diag(lambda_i) V^T.
 *
 * An eigenvalue below 0, which rounding makes of one of 0, counts as 0. Where one is
 * not above 0 even with the ridge, there is no root: `converged` is false.
 *
 * @example
 * ```ts
 * import { inverseRoot } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { root } = inverseRoot(value([16, 0, 0, 81], [2, 2]), 4);
 * assertAlmostEquals(root.data[0], 1 / 2);
 * assertAlmostEquals(root.data[3], 1 / 3);
 * ```
 *
 * @param matrix M: [n, n], its lower triangle is looked at.
 * @param p The order of the root, above 0.
 * @param options What is added to the eigenvalues first, and when to give up on one.
 * @returns The root, and whether it exists.
 * @throws {RangeError} If the matrix is not square or not finite, p not above 0, or
 * the ridge negative, or an option is out of its range.
 */
export function inverseRoot(
  matrix: Value,
  p: number,
  options: InverseRootOptions = {},
): InverseRoot {
  const { ridge = 0, relative = false } = options;
  requireOrder(p);
  if (!Number.isFinite(ridge) || ridge < 0) {
    throw new RangeError(
      `Cannot take an inverse root: ridge must be a finite number of at least 0, got ${ridge}`,
    );
  }
  const eigen = symmetricEigen(matrix, options);
  const n = eigen.values.shape[0];
  const added = relative ? ridge * Math.max(0, ...eigen.values.data) : ridge;
  const scales = Float64Array.from(
    eigen.values.data,
    (lambda) => (Math.max(lambda, 0) + added) ** (-1 / p),
  );
  const root = symmetricFrom(eigen.vectors, scales);
  const exists = scales.every((scale) => scale > 0 && scale < Infinity);
  return {
    root: exists ? root : value(new Float64Array(n * n), [n, n]),
    converged: exists && eigen.converged,
    iterations: eigen.iterations,
  };
}

/** V diag(scales) V^T. */
function symmetricFrom(vectors: Value, scales: Float64Array): Value {
  const n = scales.length;
  const scaled = Float64Array.from(
    vectors.data,
    (entry, i) => entry * scales[i % n],
  );
  return value(
    product(scaled, transposed(vectors).data, n, n, n),
    [n, n],
  );
}

/** Throws unless the order of a root is above 0. */
export function requireOrder(p: number): void {
  if (Number.isFinite(p) && p > 0) return;
  throw new RangeError(
    `Cannot take an inverse root: its order must be a finite number above 0, got ${p}`,
  );
}
