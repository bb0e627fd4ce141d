/**
 * Layers: pure functions of parameters, buffers and input, with the Kronecker
 * factors that AdaFisher takes of linear layers, convolutions and normalizations;
 * and losses.
 *
 * @example A network, its loss, and the diagonals of its Kronecker factors
 * ```ts
 * import {
 *   activation,
 *   collectDiagonals,
 *   constants,
 *   crossEntropy,
 *   initialize,
 *   linear,
 *   sequential,
 * } from "@adafisher/adafisher/layers";
 * import { constant, fill, intValue } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const model = sequential([
 *   linear("fc1", 4, 3),
 *   activation("relu"),
 *   linear("fc2", 3, 2),
 * ]);
 * const { output, uses } = model.forward(fill([5, 4], 1), {
 *   parameters: constants(initialize(model.parameters, 1)),
 *   buffers: {},
 *   training: true,
 * });
 * const loss = crossEntropy(output, constant(intValue([0, 1, 0, 1, 1])));
 * const diagonals = collectDiagonals(loss, uses, "paper");
 * assertEquals(diagonals["fc1"].h.shape, [5]);
 * assertEquals(diagonals["fc1"].s.shape, [3]);
 * ```
 *
 * @module
 */

export * from "./activations.ts";
export * from "./attention.ts";
export * from "./batch_norm_2d.ts";
export * from "./conv2d.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./flatten.ts";
export {
  filled,
  type Initializer,
  kaimingNormalFanOut,
  kaimingUniform,
  normal,
  uniform,
} from "./initializers.ts";
export { toDense } from "./kronecker.ts";
export * from "./layer.ts";
export * from "./layer_norm.ts";
export * from "./linear.ts";
export * from "./losses.ts";
export * from "./padded_shortcut.ts";
export * from "./pooling.ts";
export * from "./residual.ts";
export * from "./sequential.ts";
export * from "./statistics.ts";
