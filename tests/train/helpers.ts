/**
 * What the tests of training share.
 *
 * @module
 */

import { type Dataset, digits, subset } from "../../src/data/mod.ts";
import {
  activation,
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  sequential,
} from "../../src/layers/mod.ts";
import { digitsNormalization } from "../../src/data/mod.ts";
import { optimizerByName, type OptimizerOptions } from "../../src/optim/mod.ts";
import type { TrainerOptions } from "../../src/train/mod.ts";

/** Forty digits: with batches of 16, three a epoch, of which the last has 8. */
export const fortyDigits: Dataset = subset(
  digits(),
  Array.from({ length: 40 }, (_, row) => row),
);

/** A network with everything that carries something from step to step. */
export function smallNet(): Layer {
  return sequential([
    conv2d("conv", 1, 2, 3, { padding: 1, bias: false }),
    batchNorm2d("bn", 2),
    activation("relu"),
    maxPool2d(4),
    flatten(),
    dropout("drop", 0.25),
    linear("fc", 8, 10),
  ], { name: "small" });
}

/** Every optimizer, with its name in a test. */
export const optimizers: readonly {
  readonly title: string;
  readonly name: string;
  readonly options: OptimizerOptions;
  readonly rate: number;
}[] = [
  {
    title: "adafisher, official",
    name: "adafisher",
    options: { preset: "official", interval: 3 },
    rate: 1e-3,
  },
  {
    title: "adafisher, paper",
    name: "adafisher",
    options: { preset: "paper", interval: 3 },
    rate: 1e-2,
  },
  {
    title: "adafisherw",
    name: "adafisherw",
    options: { interval: 3, weightDecay: 0.01 },
    rate: 1e-3,
  },
  { title: "sgd", name: "sgd", options: { momentum: 0.9 }, rate: 0.05 },
  { title: "adam", name: "adam", options: {}, rate: 1e-2 },
  { title: "adamw", name: "adamw", options: {}, rate: 1e-2 },
  { title: "amsgrad", name: "amsgrad", options: {}, rate: 1e-2 },
  { title: "adahessian", name: "adahessian", options: {}, rate: 0.1 },
  {
    title: "rmsprop",
    name: "rmsprop",
    options: { centered: true, momentum: 0.5 },
    rate: 1e-3,
  },
  { title: "adagrad", name: "adagrad", options: {}, rate: 0.1 },
  { title: "adadelta", name: "adadelta", options: {}, rate: 5 },
  { title: "radam", name: "radam", options: { beta2: 0.9 }, rate: 1e-2 },
  { title: "lamb", name: "lamb", options: {}, rate: 3e-2 },
  {
    title: "lars",
    name: "lars",
    options: { trustCoefficient: 0.01 },
    rate: 1,
  },
  {
    title: "adabelief",
    name: "adabelief",
    options: { epsilon: 1e-8 },
    rate: 1e-2,
  },
  { title: "yogi", name: "yogi", options: {}, rate: 1e-2 },
  { title: "adabound", name: "adabound", options: {}, rate: 3e-3 },
  {
    title: "adamp",
    name: "adamp",
    options: { weightDecay: 0.01, delta: 1 },
    rate: 1e-2,
  },
  { title: "adainject", name: "adainject", options: {}, rate: 1e-2 },
  {
    title: "shampoo, by eigenvalues",
    name: "shampoo",
    options: { inverseInterval: 2, blockSize: 8 },
    rate: 3e-2,
  },
  {
    title: "shampoo, by Newton's iteration",
    name: "shampoo",
    options: {
      root: "newton",
      grafting: "adam",
      statDecay: 0.9,
      epsilon: 1e-3,
      inverseInterval: 3,
    },
    rate: 1e-2,
  },
  {
    title: "kfac, inverses seldom",
    name: "kfac",
    options: { factorInterval: 2, inverseInterval: 3 },
    rate: 1e-2,
  },
  {
    title: "kfac-asdl",
    name: "kfac-asdl",
    options: { curvatureInterval: 2, emaDecay: 0.1 },
    rate: 1e-2,
  },
  {
    title: "shampoo-asdl",
    name: "shampoo-asdl",
    options: { curvatureInterval: 2, damping: 1e-3 },
    rate: 1e-2,
  },
];

/** Options of a run on forty digits. */
export function runOf(
  model: Layer,
  name: string,
  options: OptimizerOptions,
  changes: Partial<TrainerOptions> = {},
): TrainerOptions {
  return {
    model,
    optimizer: optimizerByName(name, model, options),
    learningRate: () => 1e-3,
    examples: fortyDigits,
    batches: {
      batchSize: 16,
      shuffle: true,
      normalization: digitsNormalization,
    },
    epochs: 3,
    seed: 7,
    ...changes,
  };
}

/** A layer whose parameters no optimizer moves. */
export function frozen<L extends Layer>(layer: L): L {
  const parameters = Object.fromEntries(
    Object.entries(layer.parameters)
      .map(([name, spec]) => [name, { ...spec, frozen: true }]),
  );
  return { ...layer, parameters };
}
