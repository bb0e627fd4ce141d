/**
 * What a training run carries from step to step: a tree with the same names on
 * every device and in every checkpoint.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import { constants, initialize } from "../layers/mod.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Device } from "../program/device.ts";
import { evaluate } from "../reference/mod.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { intValue, scalarValue, type Value } from "../tensor/value.ts";

/** Records, nested, with one kind of leaf. */
export interface Tree<Leaf> {
  /** A leaf, or a tree within the tree. */
  readonly [name: string]: Leaf | Tree<Leaf>;
}

/** Sums over the examples of the epoch so far: scalars. */
export interface MetricSums<Leaf> {
  /** Float: sum of the losses, each batch's mean times its number of targets. */
  readonly lossSum: Leaf;
  /** Int: number of targets whose class has the largest output. */
  readonly correct: Leaf;
  /** Int: number of targets. */
  readonly count: Leaf;
  /**
   * Int: the first step whose numbers were not finite, 0 while there is none. From
   * that step on nothing in the state changes.
   */
  readonly failed: Leaf;
}

/** Everything a step reads and replaces. */
export interface TrainingState<Leaf> {
  /** Parameters by full name, frozen ones included. */
  readonly parameters: Readonly<Record<string, Leaf>>;
  /** Buffers by full name. */
  readonly buffers: Readonly<Record<string, Leaf>>;
  /** The optimizer's state, over the parameters that are not frozen. */
  readonly optimizer: Tree<Leaf>;
  /** Sums of the epoch. */
  readonly metrics: MetricSums<Leaf>;
}

/**
 * Names of the parameters that an optimizer may move: all but the frozen ones.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { trainableNames } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(trainableNames(linear("fc", 3, 2)), ["fc.weight", "fc.bias"]);
 * ```
 *
 * @param model The model.
 * @returns The names, in the model's order.
 */
export function trainableNames(model: Layer): readonly string[] {
  return Object.entries(model.parameters)
    .filter(([, spec]) => !spec.frozen)
    .map(([name]) => name);
}

/** The entries of a record under some names. */
export function pick<T>(
  record: Readonly<Record<string, T>>,
  names: readonly string[],
): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, record[name]]));
}

/** Sums at the start of an epoch. */
export function zeroMetrics(): MetricSums<Value> {
  return {
    lossSum: scalarValue(0),
    correct: intValue([0], []),
    count: intValue([0], []),
    failed: intValue([0], []),
  };
}

/**
 * The state before the first step.
 *
 * @example
 * ```ts
 * import { referenceDevice } from "@adafisher/adafisher";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { initialState } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([4, 3]);
 * const optimizer = optimizerByName("adafisher", model);
 * const state = await initialState(model, optimizer, 1, referenceDevice);
 * assertEquals(state.parameters["fc1.weight"].shape, [3, 4]);
 * ```
 *
 * @param model The model.
 * @param optimizer The optimizer.
 * @param seed Seed of the first parameters.
 * @param device Where the optimizer's first state is computed.
 * @returns The values.
 */
export async function initialState(
  model: Layer,
  optimizer: Optimizer,
  seed: number,
  device: Device,
): Promise<TrainingState<Value>> {
  const parameters = initialize(model.parameters, seed);
  const trained = constants(pick(parameters, trainableNames(model)));
  const first = optimizer.init(trained) as Tree<Tensor>;
  return {
    parameters,
    buffers: initialize(model.buffers, seed),
    optimizer: await evaluate(first, device) as Tree<Value>,
    metrics: zeroMetrics(),
  };
}
