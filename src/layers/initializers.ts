/**
 * First values of parameters: functions of the seed and the parameter's own
 * name, so that adding a layer to a model changes no other layer's numbers.
 *
 * @module
 */

import {
  type RandomKey,
  randomNormal,
  randomUniform,
  streamOf,
} from "../tensor/random.ts";
import { type Shape, sizeOf, type Value, value } from "../tensor/value.ts";
import type { ParameterSpec } from "./layer.ts";

/**
 * A rule for first values.
 *
 * @param name Full name of the parameter; its hash is the random stream.
 * @param shape Shape of the parameter.
 * @param key The random key.
 * @returns The numbers, of that shape.
 */
export type Initializer = (
  name: string,
  shape: Shape,
  key: RandomKey,
) => Value;

/**
 * Uniform numbers in [-bound, bound).
 *
 * @example
 * ```ts
 * import { uniform } from "@adafisher/adafisher/layers";
 * import { assert } from "@std/assert";
 *
 * const { data } = uniform(0.5)("fc.weight", [4], [1, 0]);
 * assert(data.every((number) => Math.abs(number) <= 0.5));
 * ```
 *
 * @param bound Largest absolute value.
 * @returns The rule.
 */
export function uniform(bound: number): Initializer {
  return (name, shape, key) => {
    const draws = randomUniform(key, streamOf(name), sizeOf(shape));
    return value(draws.map((u) => (2 * u - 1) * bound), shape);
  };
}

/**
 * Normal numbers of mean 0.
 *
 * @example
 * ```ts
 * import { normal } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normal(0.02)("wte.weight", [3, 4], [1, 0]).shape, [3, 4]);
 * ```
 *
 * @param deviation The standard deviation.
 * @returns The rule.
 */
export function normal(deviation: number): Initializer {
  return (name, shape, key) => {
    const draws = randomNormal(key, streamOf(name), sizeOf(shape));
    return value(draws.map((n) => n * deviation), shape);
  };
}

/**
 * The same number everywhere.
 *
 * @example
 * ```ts
 * import { filled } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...filled(1)("bn.weight", [2], [1, 0]).data], [1, 1]);
 * ```
 *
 * @param number The number.
 * @returns The rule.
 */
export function filled(number: number): Initializer {
  return (_name, shape) =>
    value(new Float64Array(sizeOf(shape)).fill(number), shape);
}

/**
 * Kaiming uniform with a = sqrt(5), PyTorch's default for linear layers and
 * convolutions: U(-1 / sqrt(fanIn), 1 / sqrt(fanIn)), fanIn being the product of
 * all extents but the first.
 *
 * @example
 * ```ts
 * import { kaimingUniform } from "@adafisher/adafisher/layers";
 * import { assert } from "@std/assert";
 *
 * const { data } = kaimingUniform("fc.weight", [2, 16], [1, 0]);
 * assert(data.every((number) => Math.abs(number) <= 1 / 4));
 * ```
 *
 * @param name Full name of the parameter.
 * @param shape Shape [out, in, ...].
 * @param key The random key.
 * @returns The numbers.
 */
export function kaimingUniform(
  name: string,
  shape: Shape,
  key: RandomKey,
): Value {
  return uniform(1 / Math.sqrt(sizeOf(shape.slice(1))))(name, shape, key);
}

/**
 * Kaiming normal over the outputs, usual in residual networks:
 * N(0, 2 / fanOut), fanOut = out * kh * kw.
 *
 * @example
 * ```ts
 * import { kaimingNormalFanOut } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const { shape } = kaimingNormalFanOut("conv.weight", [8, 3, 3, 3], [1, 0]);
 * assertEquals(shape, [8, 3, 3, 3]);
 * ```
 *
 * @param name Full name of the parameter.
 * @param shape Shape [out, in, kh, kw].
 * @param key The random key.
 * @returns The numbers.
 */
export function kaimingNormalFanOut(
  name: string,
  shape: Shape,
  key: RandomKey,
): Value {
  const fanOut = shape[0] * sizeOf(shape.slice(2));
  return normal(Math.sqrt(2 / fanOut))(name, shape, key);
}

/** The spec of a parameter or buffer. */
export function parameterSpec(
  name: string,
  shape: Shape,
  initializer: Initializer,
  frozen = false,
): ParameterSpec {
  return Object.freeze({
    shape: Object.freeze([...shape]),
    initial: (key: RandomKey): Value => initializer(name, shape, key),
    ...(frozen ? { frozen } : {}),
  });
}
