/**
 * Principal component analysis: the directions in which rows of numbers vary most.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { product, transposed } from "./matrix.ts";
import { type EigenOptions, symmetricEigen } from "./symmetric_eigen.ts";

/** What {@linkcode pca} finds. */
export interface Pca {
  /** The mean row: [n]. */
  readonly mean: Value;
  /** Directions of length 1, at right angles, as rows: [count, n]. */
  readonly components: Value;
  /** Variance along each, the largest first, over m: [count]. */
  readonly variances: Value;
  /** The rows less their mean, in the directions' coordinates: [m, count]. */
  readonly scores: Value;
  /** Share of the whole variance that the components have together, in (0, 1]. */
  readonly share: number;
  /** False if the eigenvalues of the covariance did not converge. */
  readonly converged: boolean;
}

/**
 * The eigenvectors of the rows' covariance with the largest eigenvalues, each with its
 * largest entry positive. Costs O(m n^2 + n^3).
 *
 * @example Points on a line
 * ```ts
 * import { pca } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { components, share } = pca(value([0, 0, 3, 4, 6, 8], [3, 2]), 1);
 * assertAlmostEquals(components.data[0], 3 / 5);
 * assertAlmostEquals(components.data[1], 4 / 5);
 * assertAlmostEquals(share, 1);
 * ```
 *
 * @param rows [m, n].
 * @param count Number of components, from 1 to n.
 * @param options When to give up on an eigenvalue of the covariance.
 * @returns Directions, variances and coordinates.
 * @throws {RangeError} If the rows are no matrix, an entry is not finite, there are
 * fewer columns than components, no column varies, or an option is out of its range.
 */
export function pca(
  rows: Value,
  count: number,
  options: EigenOptions = {},
): Pca {
  const { shape } = rows;
  const [m, n] = shape;
  const fits = Number.isSafeInteger(count) && count >= 1 && count <= n;
  if (shape.length !== 2 || m === 0 || !fits) {
    throw new RangeError(
      `Cannot take principal components: a matrix with rows has from 1 to as many as columns, got ${count} of [${
        shape.join(", ")
      }]`,
    );
  }
  const wrong = rows.data.findIndex((entry: number) => !Number.isFinite(entry));
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot take principal components: the entries of the [${m}, ${n}] matrix must be finite, got ${
        rows.data[wrong]
      } at [${Math.floor(wrong / n)}, ${wrong % n}]`,
    );
  }
  const mean = new Float64Array(n);
  rows.data.forEach((entry: number, k: number) => mean[k % n] += entry / m);
  const centred = Float64Array.from(
    rows.data,
    (entry, k) => entry - mean[k % n],
  );
  const covariance = product(
    transposed(value(centred, [m, n])).data,
    centred,
    n,
    m,
    n,
  ).map((entry) => entry / m);
  const eigen = symmetricEigen(value(covariance, [n, n]), options);
  let whole = 0;
  for (const variance of eigen.values.data) whole += Math.max(0, variance);
  if (!(whole > 0)) {
    throw new RangeError(
      `Cannot take principal components: none of the ${n} columns of [${m}, ${n}] varies`,
    );
  }
  const components = new Float64Array(count * n);
  const variances = new Float64Array(count);
  let kept = 0;
  for (let k = 0; k < count; k++) {
    const column = n - 1 - k;
    const axis = Float64Array.from(
      { length: n },
      (_, j) => eigen.vectors.data[j * n + column],
    );
    const top = axis.reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a);
    components.set(axis.map((entry) => entry * Math.sign(top)), k * n);
    // Rounding may make less than 0 of a variance of 0.
    kept += variances[k] = Math.max(0, eigen.values.data[column]);
  }
  const axes = value(components, [count, n]);
  return {
    mean: value(mean),
    components: axes,
    variances: value(variances),
    scores: value(product(centred, transposed(axes).data, m, n, count), [
      m,
      count,
    ]),
    share: kept / whole,
    converged: eigen.converged,
  };
}
