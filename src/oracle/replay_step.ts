/**
 * The step of a replay as pure functions, to be compiled.
 *
 * @module
 */

import {
  crossEntropy,
  type Layer,
  meanSquaredError,
  type Parameters,
} from "../layers/mod.ts";
import {
  differentiate,
  drawFor,
  type Optimizer,
  type StepDraws,
} from "../optim/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { LossName } from "./case.ts";

/** What a step starts from: trees of tensors, or of their values. */
export interface ReplayState<Leaf> {
  /** Trained parameters by full name. */
  readonly parameters: Readonly<Record<string, Leaf>>;
  /** Frozen parameters by full name. */
  readonly frozen: Readonly<Record<string, Leaf>>;
  /** Buffers by full name. */
  readonly buffers: Readonly<Record<string, Leaf>>;
  /** The optimizer's state. */
  readonly optimizer: object;
}

/** What a step takes besides. */
export interface ReplayInputs<Leaf> {
  /** The batch. */
  readonly x: Leaf;
  /** Its targets. */
  readonly y: Leaf;
  /** The learning rate, a scalar. */
  readonly learningRate: Leaf;
  /** The optimizer's scalars of this step. */
  readonly scalars: Readonly<Record<string, Leaf>>;
  /** What the recorder drew at random, where the optimizer draws on the device. */
  readonly draws?: {
    /** Probes by the parameters' names. */
    readonly probes?: Readonly<Record<string, Leaf>>;
    /** A label for each row of the batch. */
    readonly labels?: Leaf;
  };
  /** Int [2], the key to draw with where there are no draws. */
  readonly key?: Leaf;
  /** Parts of the optimizer's state that the host has made. */
  readonly prepared?: object;
}

/** What a step is made of. */
export interface ReplayParts {
  /** The model. */
  readonly model: Layer;
  /** The loss. */
  readonly loss: LossName;
  /** The optimizer. */
  readonly optimizer: Optimizer;
}

/** What a step gives. */
export interface ReplayOutcome {
  /** What it changes of the state. */
  readonly state: Omit<ReplayState<Tensor>, "frozen">;
  /** What the trace records before the update. */
  readonly outputs: {
    /** The mean loss, a scalar. */
    readonly loss: Tensor;
    /** Its gradients, by the parameters' names. */
    readonly gradients: Parameters;
    /** Preconditioned gradients; none where the optimizer gives none. */
    readonly direction: Parameters;
    /** What was drawn, or given. */
    readonly draws: StepDraws;
  };
}

const LOSSES: Readonly<
  Record<LossName, (output: Tensor, target: Tensor) => Tensor>
> = {
  "cross-entropy": (output, target) => crossEntropy(output, target),
  mse: meanSquaredError,
};

/** Forward and backward pass, with the draws and the way of the statistics. */
function backward(
  { model, loss, optimizer }: ReplayParts,
  statistics: boolean,
  state: ReplayState<Tensor>,
  { x, y, draws, key }: ReplayInputs<Tensor>,
) {
  const { parameters } = state;
  const { output, uses, buffers } = model.forward(x, {
    parameters: { ...parameters, ...state.frozen },
    buffers: state.buffers,
    training: true,
  });
  const pass = { parameters, loss: LOSSES[loss](output, y), output, uses };
  const drawn: StepDraws = draws ??
    (key ? drawFor(optimizer, pass, key, statistics) : {});
  return {
    loss: pass.loss,
    buffers,
    draws: drawn,
    derivatives: differentiate(optimizer, pass, { statistics, draws: drawn }),
  };
}

/**
 * One step of a replay, a pure function: forward and backward pass, statistics
 * where they are due, update.
 *
 * @param parts Model, loss, optimizer.
 * @param statistics Whether the optimizer takes statistics; not where the host has
 * prepared parts of its state, which have them.
 * @param state What the step starts from.
 * @param inputs The batch, the step's scalars and draws, what the host has prepared.
 * @returns What changes of the state; loss, gradients and what was drawn.
 */
export function replayStep(
  parts: ReplayParts,
  statistics: boolean,
  state: ReplayState<Tensor>,
  inputs: ReplayInputs<Tensor>,
): ReplayOutcome {
  const { parameters } = state;
  const { learningRate, scalars, prepared } = inputs;
  const { loss, buffers, draws, derivatives } = backward(
    parts,
    statistics,
    state,
    inputs,
  );
  const next = parts.optimizer.update({
    ...derivatives.input,
    parameters,
    state: { ...derivatives.observe(state.optimizer, scalars), ...prepared },
    learningRate,
    scalars,
  });
  return {
    state: {
      parameters: next.parameters,
      buffers: { ...state.buffers, ...buffers },
      optimizer: next.state,
    },
    outputs: {
      loss,
      gradients: derivatives.gradients,
      direction: next.direction ?? {},
      draws,
    },
  };
}

/** What the host needs before a step: parts of the optimizer's state, and the draws. */
export function preparation(
  parts: ReplayParts,
  names: readonly string[],
  statistics: boolean,
  state: ReplayState<Tensor>,
  inputs: ReplayInputs<Tensor>,
) {
  const { draws, derivatives } = backward(parts, statistics, state, inputs);
  const observed = derivatives.observe(state.optimizer, inputs.scalars);
  const chosen = Object.entries(observed)
    .filter(([name]) => names.includes(name));
  return {
    state: {},
    outputs: { parts: Object.fromEntries(chosen), draws },
  };
}
