/**
 * Dropout, inverted: in training each number is zero with probability `rate`, and
 * divided by 1 - rate otherwise, so that nothing has to be done outside training.
 *
 * @module
 */

import {
  fill,
  lessEqual,
  mul,
  randomBitsTensor,
  select,
} from "../tensor/operations.ts";
import { RANDOM_RANGE, streamOf } from "../tensor/random.ts";
import { requireFloatInput, requireName, stateless } from "./checks.ts";
import type { Layer } from "./layer.ts";

/**
 * Dropout. What is dropped is a function of the context's key and the layer's
 * name; without a key, or outside training, nothing is. One layer used twice in a
 * pass drops the same places twice, so give each place a layer of its own.
 *
 * @example
 * ```ts
 * import { dropout } from "@adafisher/adafisher/layers";
 * import { constant, fill, intValue } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assert } from "@std/assert";
 *
 * const { output } = dropout("drop", 0.5).forward(fill([100], 1), {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 *   key: constant(intValue([1, 2])),
 * });
 * const { data } = await evaluate(output);
 * assert(data.every((number) => number === 0 || number === 2));
 * ```
 *
 * @param name Full name; its hash is the random stream.
 * @param rate Probability of a zero, in [0, 1), in steps of 2^-24.
 * @returns The layer; float [...] -> the same shape.
 * @throws {RangeError} If the rate is out of its range.
 */
export function dropout(name: string, rate: number): Layer {
  const title = `dropout layer ${name}`;
  requireName("dropout", name);
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(
      `Cannot build ${title}: rate must be in [0, 1), got ${rate}`,
    );
  }
  const threshold = Math.round(rate * RANDOM_RANGE);
  return stateless(name, `dropout ${name}(${rate})`, (x, context) => {
    requireFloatInput(title, x);
    if (!context.training || !context.key || rate === 0) return x;
    const bits = randomBitsTensor(x.shape, context.key, streamOf(name));
    const kept = lessEqual(fill(x.shape, threshold, "int"), bits);
    return select(kept, mul(x, 1 / (1 - rate)), 0);
  });
}
