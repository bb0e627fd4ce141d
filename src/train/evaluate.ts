/**
 * How good a model is: loss and accuracy over a data set, in evaluation mode.
 *
 * @module
 */

import { batches, type BatchOptions, type Dataset } from "../data/mod.ts";
import type { Layer } from "../layers/mod.ts";
import {
  compile,
  type CompiledStep,
  type DeviceState,
} from "../program/compile.ts";
import type { Mapped } from "../program/tree.ts";
import { mul } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf, type Value } from "../tensor/value.ts";
import { correctOf, type Loss } from "./step.ts";

/** Parameters and buffers: what a model in evaluation mode is. */
export interface ModelState<Leaf> {
  /** Parameters by full name. */
  readonly parameters: Readonly<Record<string, Leaf>>;
  /** Buffers by full name. */
  readonly buffers: Readonly<Record<string, Leaf>>;
}

/** How good a model is. */
export interface Score {
  /** Mean loss over the targets. */
  readonly loss: number;
  /** Share of the targets whose class has the largest output, in [0, 1]. */
  readonly accuracy: number;
  /** Number of targets. */
  readonly count: number;
}

/** How the data set is put through the model. */
export type EvaluationOptions = Pick<BatchOptions, "normalization"> & {
  /** Examples in a batch; 256 by default, or all if there are fewer. */
  readonly batchSize?: number;
};

/** Evaluates a state that has parameters and buffers. */
export type Evaluator = (
  state: DeviceState<ModelState<Value>>,
  examples: Dataset,
  options?: EvaluationOptions,
) => Promise<Score>;

type Outputs = { lossSum: Tensor; correct: Tensor };
type Program = CompiledStep<
  object,
  object,
  { state: object; outputs: Outputs }
>;

/**
 * Makes the evaluation of a model: no dropout, running statistics, all examples
 * once and in order. Programs are compiled when first needed, one for each shape
 * of a batch, and read the state where it lies; a training state will do.
 *
 * @example A model that has learned nothing yet
 * ```ts
 * import { DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { digitsSplit } from "@adafisher/adafisher/data";
 * import { crossEntropy, initialize } from "@adafisher/adafisher/layers";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { evaluator } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([64, 10]);
 * const state = new DeviceState(referenceDevice, {
 *   parameters: initialize(model.parameters, 1),
 *   buffers: {},
 * });
 * const evaluate = evaluator(model, crossEntropy);
 * const { count } = await evaluate(state, digitsSplit().test);
 * assertEquals(count, 360);
 * ```
 *
 * @param model The model.
 * @param loss The mean loss of a batch.
 * @returns A function of state and data set; it throws a RangeError if the
 * examples do not fit the model.
 */
export function evaluator(model: Layer, loss: Loss): Evaluator {
  const programs = new Map<string, Program>();

  function programOf(
    state: DeviceState<ModelState<Value>>,
    inputs: object,
    name: string,
  ): Program {
    const known = programs.get(name);
    if (known) return known;
    const { parameters, buffers } = state.spec;
    const program = compile({
      state: { parameters, buffers } as object,
      inputs,
      step: (state, inputs) => {
        const { parameters, buffers } = state as ModelState<Tensor>;
        const batch = inputs as { inputs: Tensor; labels: Tensor };
        const { output } = model.forward(batch.inputs, {
          parameters,
          buffers,
          training: false,
        });
        const size = sizeOf(batch.labels.shape);
        return {
          state: {},
          outputs: {
            lossSum: mul(loss(output, batch.labels), size),
            correct: correctOf(output, batch.labels),
          },
        };
      },
    }, state.device);
    programs.set(name, program);
    return program;
  }

  return async (state, examples, options = {}) => {
    const { normalization, batchSize = Math.min(256, examples.count) } =
      options;
    let lossSum = 0, correct = 0, count = 0;
    for (const batch of batches(examples, { batchSize, normalization })) {
      const { inputs, labels } = batch;
      const name = `${state.device.name} ${inputs.shape}`;
      const sums = await programOf(state, { inputs, labels }, name).run(
        state as unknown as DeviceState<Mapped<object, Value>>,
        { inputs, labels } as Mapped<object, Value>,
      );
      lossSum += sums.lossSum.data[0];
      correct += sums.correct.data[0];
      count += labels.data.length;
    }
    return { loss: lossSum / count, accuracy: correct / count, count };
  };
}
