/**
 * The multi-layer perceptron.
 *
 * @module
 */

import {
  activation,
  type ActivationName,
  flatten,
  type Layer,
  linear,
  type LinearOptions,
  sequential,
} from "../layers/mod.ts";
import { show } from "../layers/checks.ts";

/** Options of {@linkcode mlp}. */
export interface MlpOptions {
  /** What stands between two linear layers; `relu` by default. */
  readonly activation?: ActivationName;
  /** Options of every linear layer. */
  readonly linear?: LinearOptions;
}

/**
 * Linear layers `fc1`, `fc2`, ... with an activation between two of them. The input
 * is flattened first, so images may go in as they are.
 *
 * @example
 * ```ts
 * import { mlp, parameterCount } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([2, 3, 3]);
 * assertEquals(parameterCount(model), 2 * 3 + 3 + 3 * 3 + 3);
 * ```
 *
 * @param sizes Numbers of features: of the input, of each hidden layer, of the output.
 * @param options Activation, options of the linear layers.
 * @returns The model; float [B, ...] with sizes[0] numbers a sample -> [B, last size].
 * @throws {RangeError} If there are fewer than two sizes, or one is no whole number of at least 1.
 */
export function mlp(
  sizes: readonly number[],
  options: MlpOptions = {},
): Layer {
  if (sizes.length < 2) {
    throw new RangeError(
      `Cannot build mlp: it needs the sizes of input and output, got ${
        show(sizes)
      }`,
    );
  }
  const between = activation(options.activation ?? "relu");
  const layers: Layer[] = [flatten()];
  for (let i = 1; i < sizes.length; i++) {
    if (i > 1) layers.push(between);
    layers.push(linear(`fc${i}`, sizes[i - 1], sizes[i], options.linear));
  }
  return sequential(layers, { name: "mlp" });
}
