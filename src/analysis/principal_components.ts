/**
 * Principal components of a data set: the directions in which it varies most.
 *
 * @module
 */

import { type Dataset, dataset } from "../data/mod.ts";
import { type EigenOptions, pca } from "../linalg/mod.ts";
import { value } from "../tensor/value.ts";

/** Components, and how much of the data they hold. */
export interface PrincipalComponents {
  /** The examples in the components' coordinates: [count] float32 each, centred. */
  readonly examples: Dataset;
  /** Variance along each component, the largest first, over n. */
  readonly variances: readonly number[];
  /** Share of the whole variance that the components have together, in (0, 1]. */
  readonly share: number;
}

/**
 * Turns a data set to its principal components: the eigenvectors of the covariance
 * with the largest eigenvalues, each with its largest entry positive.
 *
 * @example Flowers in two numbers
 * ```ts
 * import { principalComponents } from "@adafisher/adafisher/analysis";
 * import { iris } from "@adafisher/adafisher/data";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const { examples, share } = principalComponents(iris(), 2);
 * assertEquals(examples.shape, [2]);
 * assert(share > 0.97);
 * ```
 *
 * @param examples Vectors [features].
 * @param count Number of components.
 * @param options When to give up on an eigenvalue of the covariance.
 * @returns The data set in as many numbers an example.
 * @throws {RangeError} If the examples are no vectors, there are fewer features than
 * components, no feature varies, or an option is out of its range.
 * @throws {Error} If the eigenvalues do not converge.
 */
export function principalComponents(
  examples: Dataset,
  count: number,
  options: EigenOptions = {},
): PrincipalComponents {
  const [features] = examples.shape;
  const fits = Number.isSafeInteger(count) && count >= 1 && count <= features;
  if (examples.shape.length !== 1 || !fits) {
    throw new RangeError(
      `Cannot take principal components of ${examples.name}: vectors have from 1 to as many as they have features, got ${count} of shape [${examples.shape}]`,
    );
  }
  const { inputs } = examples;
  if (inputs.every((entry, i) => entry === inputs[i % features])) {
    throw new RangeError(
      `Cannot take principal components of ${examples.name}: none of its ${features} features varies`,
    );
  }
  const rows = value(Float64Array.from(inputs), [
    examples.count,
    features,
  ]);
  const { scores, variances, share, converged } = pca(rows, count, options);
  if (!converged) {
    throw new Error(
      `Cannot take principal components of ${examples.name}: the eigenvalues of its covariance did not converge`,
    );
  }
  return {
    examples: dataset({
      ...examples,
      name: `${examples.name}, ${count} principal components`,
      shape: [count],
      inputs: Float32Array.from(scores.data),
    }),
    variances: [...variances.data],
    share,
  };
}
