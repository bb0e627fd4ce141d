/**
 * Principal components of a data set: the directions in which it varies most.
 *
 * @module
 */

import { type Dataset, dataset } from "../data/mod.ts";
import { symmetricEigen } from "../linalg/mod.ts";
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
 * @returns The data set in as many numbers an example.
 * @throws {RangeError} If the examples are no vectors, there are fewer features than
 * components, or no feature varies.
 */
export function principalComponents(
  examples: Dataset,
  count: number,
): PrincipalComponents {
  const [features] = examples.shape;
  const fits = Number.isSafeInteger(count) && count >= 1 && count <= features;
  if (examples.shape.length !== 1 || !fits) {
    throw new RangeError(
      `Cannot take principal components of ${examples.name}: vectors have from 1 to as many as they have features, got ${count} of shape [${examples.shape}]`,
    );
  }
  const rows = Array.from({ length: examples.count }, (_, i) =>
    Array.from(
      examples.inputs.subarray(features * i, features * (i + 1)),
    ));
  const mean = (term: (row: readonly number[]) => number): number =>
    rows.reduce((sum, row) => sum + term(row), 0) / rows.length;
  const centre = Array.from(
    { length: features },
    (_, a) => mean((row) => row[a]),
  );
  const covariance = Array.from(
    { length: features * features },
    (_, entry) => {
      const a = Math.floor(entry / features), b = entry % features;
      return mean((row) => (row[a] - centre[a]) * (row[b] - centre[b]));
    },
  );
  const { values, vectors } = symmetricEigen(
    value(covariance, [features, features]),
  );
  const whole = sumOf(values.data);
  if (!(whole > 0)) {
    throw new RangeError(
      `Cannot take principal components of ${examples.name}: none of its ${features} features varies`,
    );
  }
  const largest = Array.from({ length: count }, (_, k) => features - 1 - k);
  const axes = largest.map((column) => {
    const axis = Array.from(
      { length: features },
      (_, a) => vectors.data[a * features + column],
    );
    const top = axis.reduce((a, b) => Math.abs(b) > Math.abs(a) ? b : a);
    return axis.map((entry) => entry * Math.sign(top));
  });
  const variances = largest.map((column) => values.data[column]);
  return {
    examples: dataset({
      ...examples,
      name: `${examples.name}, ${count} principal components`,
      shape: [count],
      inputs: Float32Array.from(
        rows.flatMap((row) =>
          axes.map((axis) =>
            axis.reduce(
              (sum, entry, a) => sum + entry * (row[a] - centre[a]),
              0,
            )
          )
        ),
      ),
    }),
    variances,
    share: sumOf(variances) / whole,
  };
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}
