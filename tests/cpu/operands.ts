import {
  constant,
  type Shape,
  sizeOf,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";

function constantOf(
  shape: Shape,
  seed: number,
  number: (state: number) => number,
): Tensor {
  let state = seed;
  const numbers = Array.from({ length: sizeOf(shape) }, () => {
    state = (state * 75 + 74) % 65537;
    return number(state);
  });
  return constant(value(numbers, shape));
}

/** Small integers: products and sums of them are exact in float32. */
export const integers = (shape: Shape, seed = 1): Tensor =>
  constantOf(shape, seed, (state) => state % 9 - 4);

/** Floats in [-1, 1): the order of their sums shows in the bits. */
export const floats = (shape: Shape, seed = 1): Tensor =>
  constantOf(shape, seed, (state) => Math.fround(state / 32768.5 - 1));
