/**
 * Tensors: immutable expressions, the operations that build them, their
 * derivatives, and random numbers that are the same on every device.
 *
 * @example An expression and its gradient
 * ```ts
 * import { constant, gradients, matmul, mean, square, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 4], [2, 2]));
 * const loss = mean(square(matmul(x, x)));
 * const [gradient] = gradients(loss, [x]);
 * assertEquals(gradient.shape, [2, 2]);
 * ```
 *
 * @module
 */

export * from "./functions.ts";
export * from "./gradients.ts";
export * from "./operations.ts";
export * from "./random.ts";
export * from "./tensor.ts";
export * from "./value.ts";
