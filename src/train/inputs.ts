/**
 * What a training step takes besides the state.
 *
 * @module
 */

import type { Batch } from "../data/mod.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { intValue, scalarValue, type Value } from "../tensor/value.ts";
import type { StepInputs } from "./step.ts";

/**
 * The inputs of a step: its batch, its random key [seed, step], its learning rate and
 * the optimizer's scalars.
 *
 * @example
 * ```ts
 * import { batchAt, iris } from "@adafisher/adafisher/data";
 * import { adam } from "@adafisher/adafisher/optim";
 * import { stepInputs } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = batchAt(iris(), { batchSize: 10 }, 0);
 * const { key } = stepInputs(adam(), batch, 7, 1, 1e-3);
 * assertEquals([...key.data], [7, 1]);
 * ```
 *
 * @param optimizer The optimizer.
 * @param batch The batch.
 * @param seed The run's seed; unsigned, 32 bits.
 * @param step Number of the step, from 1.
 * @param learningRate Its learning rate.
 * @returns The inputs.
 */
export function stepInputs(
  optimizer: Optimizer,
  { inputs, labels }: Batch,
  seed: number,
  step: number,
  learningRate: number,
): StepInputs<Value> {
  return {
    inputs,
    labels,
    key: intValue([seed | 0, step]),
    learningRate: scalarValue(learningRate),
    scalars: Object.fromEntries(
      Object.entries(optimizer.scalars(step))
        .map(([name, number]) => [name, scalarValue(number)]),
    ),
  };
}
