/**
 * What an optimizer computes on the host between a step's statistics and its
 * update. The device gives the parts of the optimizer's state that it is made of,
 * this step's statistics in them; the host makes new ones, and the training step
 * takes these as an input. So a step that fails has changed nothing, and forward
 * and backward pass run twice in a step with preparation.
 *
 * @module
 */

import { drawStream } from "../optim/derivatives.ts";
import {
  type HostDraw,
  isDue,
  type Optimizer,
  type PreconditionRule,
} from "../optim/optimizer.ts";
import { leaves } from "../program/tree.ts";
import { randomNormal } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import { backwardPass, type StepInputs, type StepParts } from "./step.ts";
import { pick, type TrainingState, type Tree } from "./state.ts";

/** What the device gives the host. */
export interface Preparation<Leaf> {
  /** Parts of the optimizer's state, with this step's statistics in them. */
  readonly parts: Tree<Leaf>;
  /** The step that failed earlier, 0 where none has. */
  readonly failed: Leaf;
}

/** The preparation as a pure function, to be compiled. */
export function preparationStep(
  parts: StepParts,
  rule: PreconditionRule<object>,
  statistics: boolean,
): (
  state: TrainingState<Tensor>,
  inputs: StepInputs<Tensor>,
) => { state: Record<string, never>; outputs: Preparation<Tensor> } {
  return (state, inputs) => {
    const { derivatives } = backwardPass(parts, state, inputs, statistics);
    const observed = derivatives.observe(state.optimizer, inputs.scalars);
    return {
      state: {},
      outputs: {
        parts: pick(observed as Tree<Tensor>, rule.parts),
        failed: state.metrics.failed,
      },
    };
  };
}

/**
 * The parts as the host makes them. Where a number is not finite, or a step has
 * failed already, the step will change nothing: then they stay as they are.
 *
 * @param rule The optimizer's rule.
 * @param found What the device gave.
 * @param key Int [2]: the run's seed, and the number of the step.
 * @returns All parts of the rule.
 * @throws {PreconditionerError} If the optimizer gives up.
 */
export function prepared(
  rule: PreconditionRule<object>,
  { parts, failed }: Preparation<Value>,
  key: Value,
): Tree<Value> {
  const finite = [...leaves<Value>(parts).values()].every(isFiniteValue);
  if (!finite || failed.data[0] !== 0) return parts;
  const draw: HostDraw = (name, count) =>
    randomNormal([key.data[0], key.data[1]], drawStream(name), count);
  return { ...parts, ...rule.compute(parts, draw) as Tree<Value> };
}

/** Whether all numbers of a value are finite. */
function isFiniteValue({ data }: Value): boolean {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) return false;
  }
  return true;
}

/**
 * Whether an optimizer computes on the host at a step: at steps 1, interval + 1,
 * 2 interval + 1, ... of its `precondition`.
 *
 * @example
 * ```ts
 * import { adam } from "@adafisher/adafisher/optim";
 * import { preparesOnHost } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(preparesOnHost(adam(), 1), false);
 * ```
 *
 * @param optimizer The optimizer.
 * @param step Number of the step, from 1.
 * @returns Whether it does.
 */
export function preparesOnHost(optimizer: Optimizer, step: number): boolean {
  return isDue(optimizer.precondition, step);
}
