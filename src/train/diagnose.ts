/**
 * Where numbers went bad: a step that failed is run once more, on the state it
 * left untouched, and everything on its way is looked at in order.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import { compile, type DeviceState } from "../program/compile.ts";
import { leaves, type Mapped } from "../program/tree.ts";
import { equal } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import type { TrainingMemory } from "./programs.ts";
import {
  backwardPass,
  excess,
  type StepInputs,
  type StepParts,
  updated,
} from "./step.ts";
import type { TrainingState } from "./state.ts";

/** The first thing on a step's way whose numbers are not finite. */
export interface Diagnosis {
  /** Name of the layer, as `fc1`; "" where it is the input or the loss. */
  readonly layer: string;
  /** What of it, as `output of layer fc1`. */
  readonly what: string;
}

/** Training stopped because a number was not finite; the state is the last good one. */
export class NonFiniteError extends Error {
  /** `NonFiniteError`. */
  override readonly name = "NonFiniteError";
  /** The step that was not made, from 1. */
  readonly step: number;
  /** What went bad first. */
  readonly diagnosis: Diagnosis;

  /**
   * Says what happened, and what may help.
   *
   * @param step The step that was not made, from 1.
   * @param diagnosis What went bad first.
   * @param learningRate The step's learning rate, for the advice.
   */
  constructor(step: number, diagnosis: Diagnosis, learningRate: number) {
    super(
      `Cannot go on training: numbers of step ${step} must be finite, and the ${diagnosis.what} is not. The state is that of step ${
        step - 1
      }; a learning rate smaller than ${learningRate} may help`,
    );
    this.step = step;
    this.diagnosis = diagnosis;
  }
}

/** A thing to look at, in the order of the step. */
interface Probe extends Diagnosis {
  /** What has to be finite. */
  readonly tensor: Tensor;
}

/** Name of the layer that a parameter belongs to: all but the last part. */
function layerOf(parameter: string): string {
  return parameter.slice(0, Math.max(0, parameter.lastIndexOf(".")));
}

/**
 * The layer within a name of optimizer state: `factors/fc1/h`, `momentum/fc1.weight`,
 * `roots/fc1.weight/0`.
 */
function ownerOf(name: string, model: Layer): string {
  const [, part = ""] = name.split("/");
  return model.kronecker.some((layer) => layer.name === part)
    ? part
    : layerOf(part);
}

/** Everything on a step's way, in order. */
function probes(
  parts: StepParts,
  state: TrainingState<Tensor>,
  inputs: StepInputs<Tensor>,
  statistics: boolean,
): Probe[] {
  const { parameters, buffers } = state;
  const pass = backwardPass(parts, state, inputs, statistics);
  const next = updated(parts, state, inputs, pass);
  const each = (what: string, record: Readonly<Record<string, Tensor>>) =>
    Object.entries(record).map(([name, tensor]): Probe => ({
      layer: layerOf(name),
      what: `${what} ${name}`,
      tensor,
    }));
  const one = (layer: string, what: string, tensor: Tensor): Probe => ({
    layer,
    what,
    tensor,
  });
  return [
    one("", "input", inputs.inputs),
    ...pass.uses.flatMap(({ layer, output }) => [
      ...each(
        "parameter",
        Object.fromEntries(
          Object.keys(layer.parameters).map((name) => [name, parameters[name]]),
        ),
      ),
      ...each(
        "buffer",
        Object.fromEntries(
          Object.keys(layer.buffers).map((name) => [name, buffers[name]]),
        ),
      ),
      one(layer.name, `output of layer ${layer.name}`, output),
    ]),
    ...each("parameter", parameters),
    ...each("buffer", buffers),
    one("", "output of the model", pass.output),
    one("", "loss", pass.loss),
    // From the last layer back to the first, as the derivatives are made.
    ...each("gradient of", pass.derivatives.gradients).reverse(),
    ...each("new value of", next.parameters),
    ...each("new value of", pass.buffers),
    ...[...leaves<Tensor>(next.optimizer)]
      .filter(([, { dtype }]) => dtype === "float")
      .map(([name, tensor]) =>
        one(ownerOf(name, parts.model), `optimizer's new ${name}`, tensor)
      ),
  ];
}

/**
 * The first thing of a step whose numbers are not finite.
 *
 * @param parts Model, loss, optimizer, clipping.
 * @param state The state that the step started from; it is not changed.
 * @param inputs The step's inputs.
 * @param statistics Whether it is a step with statistics.
 * @returns What went bad first; undefined if nothing did.
 */
export async function diagnose(
  parts: StepParts,
  state: TrainingMemory,
  inputs: StepInputs<Value>,
  statistics: boolean,
): Promise<Diagnosis | undefined> {
  let looked: readonly Probe[] = [];
  const program = compile({
    state: state.spec as object,
    inputs: inputs as object,
    step: (state, inputs) => {
      looked = probes(
        parts,
        state as TrainingState<Tensor>,
        inputs as StepInputs<Tensor>,
        statistics,
      );
      const outputs = Object.fromEntries(
        looked.map(({ tensor }, i) => [`${i}`, equal(excess({ tensor }), 0)]),
      );
      return { state: {}, outputs };
    },
  }, state.device);
  const found = await program.run(
    state as unknown as DeviceState<Mapped<object, Value>>,
    inputs as Mapped<object, Value>,
  ) as Readonly<Record<string, Value>>;
  const first = looked.find((_, i) => found[i].data[0] === 0);
  return first && { layer: first.layer, what: first.what };
}
