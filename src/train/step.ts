/**
 * The training step: a pure function from the state and a batch to the next
 * state. There are two of it where the optimizer takes layer statistics, one with
 * and one without them, over one state.
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/mod.ts";
import {
  differentiate,
  drawFor,
  type ForwardPass,
  type StepDerivatives,
} from "../optim/derivatives.ts";
import { isDue, type Optimizer } from "../optim/optimizer.ts";
import { leaves, mapLeaves } from "../program/tree.ts";
import {
  add,
  argmax,
  cast,
  equal,
  mul,
  reshape,
  select,
  slice,
  sub,
  sum,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  type MetricSums,
  pick,
  trainableNames,
  type TrainingState,
  type Tree,
} from "./state.ts";

/** The mean loss of a batch: from the model's output and the labels to a scalar. */
export type Loss = (output: Tensor, labels: Tensor) => Tensor;

/** A change of the gradients before the optimizer sees them, such as clipping. */
export type GradientTransform = (gradients: Parameters) => Parameters;

/** What a training step is made of. */
export interface StepParts {
  /** The model; its output is float [..., classes]. */
  readonly model: Layer;
  /** The loss. */
  readonly loss: Loss;
  /** The optimizer. */
  readonly optimizer: Optimizer;
  /** What is done to the gradients first; nothing by default. */
  readonly clip?: GradientTransform;
}

/** What a training step takes besides the state. */
export interface StepInputs<Leaf> {
  /** A batch: float [B, ...]. */
  readonly inputs: Leaf;
  /** Its classes: int [B, ...]. */
  readonly labels: Leaf;
  /** Int [2]: the run's seed, and the number of the step, from 1. */
  readonly key: Leaf;
  /** The step's learning rate, a scalar. */
  readonly learningRate: Leaf;
  /** The optimizer's `scalars(step)`. */
  readonly scalars: Readonly<Record<string, Leaf>>;
  /**
   * Parts of the optimizer's state that the host has prepared from this step's
   * statistics; they take the place of those in the state.
   */
  readonly prepared?: Tree<Leaf>;
}

/** The next state, and no outputs: nothing has to be read back. */
export interface StepOutcome {
  /** All of the state. */
  readonly state: TrainingState<Tensor>;
  /** Empty: the metrics are in the state. */
  readonly outputs: Readonly<Record<string, never>>;
}

/** What is known after the backward pass. */
export interface BackwardPass extends ForwardPass {
  /** Gradients and what else the optimizer takes. */
  readonly derivatives: StepDerivatives<object>;
  /** All buffers after the pass. */
  readonly buffers: Parameters;
}

/** Forward and backward pass; one backward pass serves gradients and statistics. */
export function backwardPass(
  parts: StepParts,
  state: TrainingState<Tensor>,
  inputs: StepInputs<Tensor>,
  statistics: boolean,
): BackwardPass {
  const { model, optimizer } = parts;
  const { output, uses, buffers } = model.forward(inputs.inputs, {
    parameters: state.parameters,
    buffers: state.buffers,
    training: true,
    key: inputs.key,
  });
  const pass: ForwardPass = {
    parameters: pick(state.parameters, trainableNames(model)),
    loss: parts.loss(output, inputs.labels),
    output,
    uses,
  };
  return {
    ...pass,
    derivatives: differentiate(optimizer, pass, {
      statistics,
      draws: drawFor(optimizer, pass, inputs.key, statistics),
      transform: parts.clip,
    }),
    buffers: { ...state.buffers, ...buffers },
  };
}

/** Parameters and optimizer state after the step, with nothing held back. */
export function updated(
  { optimizer }: StepParts,
  state: TrainingState<Tensor>,
  inputs: StepInputs<Tensor>,
  pass: BackwardPass,
): Pick<TrainingState<Tensor>, "parameters" | "optimizer"> {
  const { learningRate, scalars, prepared } = inputs;
  const { parameters, derivatives } = pass;
  const observed = derivatives.observe(state.optimizer, scalars);
  const next = optimizer.update({
    ...derivatives.input,
    parameters,
    state: { ...observed, ...prepared },
    learningRate,
    scalars,
  });
  return {
    parameters: { ...state.parameters, ...next.parameters },
    optimizer: next.state as Tree<Tensor>,
  };
}

/**
 * The training step as a pure function, to be compiled.
 *
 * The gradients are taken once, for parameters and statistics together. Frozen
 * parameters are not shown to the optimizer. Where the loss or any number of the
 * new state is not finite, the step changes nothing but `metrics.failed`, which
 * becomes the number of the step, and no later step changes anything: the state
 * stays at the last good numbers, however late the host looks.
 *
 * @example One step on the device
 * ```ts
 * import { DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { crossEntropy } from "@adafisher/adafisher/layers";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { intValue, scalarValue, value } from "@adafisher/adafisher/tensor";
 * import { initialState, trainingPrograms } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([2, 2]);
 * const optimizer = optimizerByName("adafisher", model);
 * const first = await initialState(model, optimizer, 1, referenceDevice);
 * const state = new DeviceState(referenceDevice, first);
 * const parts = { model, loss: crossEntropy, optimizer };
 * const scalars = Object.entries(optimizer.scalars(1));
 * await trainingPrograms(parts, referenceDevice).run(state, {
 *   inputs: value([1, 0, 0, 1], [2, 2]),
 *   labels: intValue([0, 1]),
 *   key: intValue([1, 1]),
 *   learningRate: scalarValue(0.1),
 *   scalars: Object.fromEntries(scalars.map(([k, v]) => [k, scalarValue(v)])),
 * }, true);
 * assertEquals((await state.read()).metrics.count.data[0], 2);
 * ```
 *
 * @param parts Model, loss, optimizer, clipping.
 * @param statistics Whether the optimizer observes the layers' factors.
 * @returns From state and inputs to the next state.
 */
export function trainingStep(
  parts: StepParts,
  statistics: boolean,
): (
  state: TrainingState<Tensor>,
  inputs: StepInputs<Tensor>,
) => StepOutcome {
  return (state, inputs) => {
    const pass = backwardPass(parts, state, inputs, statistics);
    const next: TrainingState<Tensor> = {
      ...updated(parts, state, inputs, pass),
      buffers: pass.buffers,
      metrics: counted(state.metrics, pass, inputs),
    };
    const failed = state.metrics.failed;
    const good = equal(add(excess(next), cast(failed, "float")), 0);
    const old = leaves<Tensor>(state);
    const kept = mapLeaves(
      next,
      (name, leaf) => select(good, leaf as Tensor, old.get(name)!),
    ) as unknown as TrainingState<Tensor>;
    const step = reshape(slice(inputs.key, [1], [2]), []);
    const first = select(equal(failed, 0), step, failed);
    return {
      state: {
        ...kept,
        metrics: { ...kept.metrics, failed: select(good, failed, first) },
      },
      outputs: {},
    };
  };
}

/** The epoch's sums with this batch in them. */
function counted(
  metrics: MetricSums<Tensor>,
  { loss, output }: BackwardPass,
  { labels }: StepInputs<Tensor>,
): MetricSums<Tensor> {
  const size = sizeOf(labels.shape);
  return {
    ...metrics,
    lossSum: add(metrics.lossSum, mul(loss, size)),
    correct: add(metrics.correct, correctOf(output, labels)),
    count: add(metrics.count, size),
  };
}

/** Number of labels whose class has the largest output: an int scalar. */
export function correctOf(output: Tensor, labels: Tensor): Tensor {
  return sum(cast(equal(argmax(output), labels), "int"));
}

/** 0 if all floats of a tree are finite, else NaN: x - x is 0 for numbers alone. */
export function excess(tree: object): Tensor {
  return [...leaves<Tensor>(tree).values()]
    .filter(({ dtype }) => dtype === "float")
    .map((leaf) => sum(sub(leaf, leaf)))
    .reduce((total, term) => add(total, term));
}

/**
 * Whether an optimizer takes statistics at a step: at steps 1, interval + 1,
 * 2 interval + 1, ...
 *
 * @example
 * ```ts
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { takesStatistics } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = adafisher(mlp([2, 2]), { interval: 3 });
 * const steps = [1, 2, 3, 4].filter((step) => takesStatistics(optimizer, step));
 * assertEquals(steps, [1, 4]);
 * ```
 *
 * @param optimizer The optimizer.
 * @param step Number of the step, from 1.
 * @returns Whether it does.
 */
export function takesStatistics(optimizer: Optimizer, step: number): boolean {
  return isDue(optimizer.curvature, step);
}
