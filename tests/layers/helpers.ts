/** What the tests of layers share: numbers, running a layer, comparing. */

import { assertEquals, fail } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constants,
  type Context,
  type Layer,
  type LayerResult,
} from "../../src/layers/mod.ts";
import {
  constant,
  dot,
  randomNormal,
  type Shape,
  sizeOf,
  type Tensor,
  type Value,
  value,
} from "../../src/tensor/mod.ts";

/** Normal numbers that depend on the seed alone. */
export function numbers(seed: number, shape: Shape, scale = 1): Value {
  const draws = randomNormal([seed, 77], 0, sizeOf(shape));
  return value(draws.map((number) => number * scale), shape);
}

/** Random values for every parameter of a layer, positive for variances. */
export function randomParameters(
  layer: Layer,
  kind: "parameters" | "buffers" = "parameters",
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(layer[kind]).map(([name, { shape }], i) => {
      const draws = numbers(500 + i, shape, 0.7);
      return [
        name,
        name.endsWith("running_var")
          ? value(Float64Array.from(draws.data, (v) => 0.5 + v * v), shape)
          : draws,
      ];
    }),
  );
}

/** A forward pass with random parameters where none are given, in training mode. */
export function run(
  layer: Layer,
  x: Tensor | Value,
  context: Partial<Context> = {},
): LayerResult {
  return layer.forward("data" in x ? constant(x) : x, {
    parameters: constants(randomParameters(layer)),
    buffers: constants(randomParameters(layer, "buffers")),
    training: true,
    ...context,
  });
}

/** The sum of a tensor's elements under random weights: a loss that sees all. */
export function weighted(x: Tensor, seed = 999): Tensor {
  return dot(x, constant(numbers(seed, x.shape)));
}

/** Asserts that a value has a shape and, nearly, some numbers. */
export function assertAllClose(
  actual: Value,
  expected: ArrayLike<number>,
  { absolute = 0, relative = 0 }: { absolute?: number; relative?: number } = {},
  what = "value",
): void {
  assertEquals(actual.data.length, expected.length, `${what}: length`);
  let worst = -1, excess = 0;
  for (let i = 0; i < expected.length; i++) {
    const allowed = absolute + relative * Math.max(1, Math.abs(expected[i]));
    const error = Math.abs(actual.data[i] - expected[i]);
    // Written so that NaN is a failure.
    if (!(error <= allowed) && !(error - allowed <= excess)) {
      worst = i;
      excess = error - allowed;
      if (Number.isNaN(error)) break;
    }
  }
  if (worst >= 0) {
    fail(
      `${what} [${actual.shape}]: element ${worst} is ${
        actual.data[worst]
      }, expected ${expected[worst]}`,
    );
  }
}

/** Asserts that a tensor evaluates, to rounding, to some numbers. */
export async function assertNumbers(
  actual: Tensor,
  expected: ArrayLike<number>,
  what?: string,
): Promise<void> {
  assertAllClose(await evaluate(actual), expected, { relative: 1e-12 }, what);
}
