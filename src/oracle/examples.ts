/**
 * Small runs to record by name, one model of each family.
 *
 * @module
 */

import type { LayerDescription, OptimizerDescription } from "./case.ts";
import { suggestion } from "./nearest.ts";
import type { BatchDescription, RecordingDescription } from "./record.ts";

/** A model and the batches that it takes. */
interface Example {
  readonly about: string;
  readonly layers: readonly LayerDescription[];
  readonly batch: BatchDescription;
}

const MODELS: Readonly<Record<string, Example>> = {
  mlp: {
    about: "A perceptron of three linear layers.",
    layers: [
      { type: "linear", name: "fc1", in: 10, out: 16, bias: true },
      { type: "relu" },
      { type: "linear", name: "fc2", in: 16, out: 12, bias: true },
      { type: "tanh" },
      { type: "linear", name: "fc3", in: 12, out: 4, bias: true },
    ],
    batch: { size: 16, input: [10] },
  },
  cnn: {
    about: "Convolutions, batch-norm, a residual block.",
    layers: [
      {
        type: "conv2d",
        name: "conv1",
        in: 2,
        out: 4,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
        groups: 1,
        bias: false,
      },
      {
        type: "batch-norm-2d",
        name: "bn1",
        features: 4,
        eps: 1e-5,
        momentum: 0.1,
      },
      { type: "relu" },
      {
        type: "residual",
        body: [{
          type: "conv2d",
          name: "conv2",
          in: 4,
          out: 4,
          kernel: [3, 3],
          stride: [1, 1],
          padding: [1, 1],
          dilation: [1, 1],
          groups: 2,
          bias: true,
        }],
        shortcut: [],
      },
      { type: "max-pool-2d", kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
      { type: "global-avg-pool-2d" },
      { type: "linear", name: "fc", in: 4, out: 3, bias: true },
    ],
    batch: { size: 6, input: [2, 6, 6] },
  },
  transformer: {
    about: "Causal attention and layer-norm on a frozen embedding.",
    layers: [
      { type: "embedding", name: "embed", count: 9, dim: 8, frozen: true },
      {
        type: "residual",
        body: [{
          type: "attention",
          name: "attention",
          dim: 8,
          heads: 2,
          causal: true,
        }],
        shortcut: [],
      },
      { type: "layer-norm", name: "norm", shape: [8], eps: 1e-5 },
      { type: "linear", name: "head", in: 8, out: 9, bias: true },
    ],
    batch: { size: 4, input: [6], tokens: 9 },
  },
};

const ADAM = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const ADAFISHER = {
  lr: 1e-3,
  beta: 0.9,
  lambda: 1e-3,
  gamma1: 0.92,
  gamma2: 0.008,
  curvatureInterval: 2,
  weightDecay: 0,
  normalization: "batch",
};

const ASDL = {
  lr: 0.05,
  momentum: 0.9,
  weightDecay: 5e-4,
  emaDecay: -1,
  clipNorm: 1,
};

const OPTIMIZERS: Readonly<
  Record<string, OptimizerDescription["hyperparameters"]>
> = {
  adafisher: ADAFISHER,
  adafisherw: { ...ADAFISHER, weightDecay: 0.01 },
  sgd: {
    lr: 0.05,
    momentum: 0.9,
    dampening: 0,
    nesterov: false,
    weightDecay: 5e-4,
  },
  adam: { ...ADAM, weightDecay: 0, amsgrad: false },
  adamw: { ...ADAM, weightDecay: 0.01 },
  radam: { ...ADAM, weightDecay: 0 },
  adagrad: {
    lr: 0.05,
    lrDecay: 0.01,
    initialAccumulator: 0.1,
    eps: 1e-10,
    weightDecay: 0,
  },
  adadelta: { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 },
  rmsprop: {
    lr: 0.005,
    alpha: 0.9,
    momentum: 0.5,
    centered: true,
    eps: 1e-6,
    weightDecay: 0,
  },
  adahessian: { ...ADAM, eps: 1e-4, weightDecay: 5e-4, hessianPower: 1 },
  kfac: {
    lr: 0.05,
    momentum: 0.9,
    statDecay: 0.95,
    damping: 0.03,
    klClip: 0.01,
    weightDecay: 0,
    factorInterval: 2,
    inverseInterval: 3,
  },
  "kfac-asdl": { ...ASDL, damping: 1e-3, curvatureInterval: 3 },
  // Smaller dampings make the roots depend on the last bits of the factors.
  "shampoo-asdl": { ...ASDL, damping: 1e-6, curvatureInterval: 2 },
};

/** Models that {@linkcode exampleDescription} knows. */
export const exampleModels: readonly string[] = Object.freeze(
  Object.keys(MODELS),
);

/** Optimizers that {@linkcode exampleDescription} knows. */
export const exampleOptimizers: readonly string[] = Object.freeze(
  Object.keys(OPTIMIZERS),
);

/**
 * A small run of ten steps, to be recorded.
 *
 * @example
 * ```ts
 * import { exampleDescription } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(exampleDescription("mlp", "adafisher").steps, 10);
 * ```
 *
 * @param model One of {@linkcode exampleModels}.
 * @param optimizer One of {@linkcode exampleOptimizers}.
 * @returns What to record.
 * @throws {RangeError} If there is no such model or optimizer.
 */
export function exampleDescription(
  model: string,
  optimizer: string,
): RecordingDescription {
  const choose = <T>(
    what: string,
    all: Readonly<Record<string, T>>,
    name: string,
  ): T => {
    if (Object.hasOwn(all, name)) return all[name];
    const names = Object.keys(all);
    throw new RangeError(
      `Cannot describe a run: ${what} must be one of ${names.join(", ")}, got ${
        JSON.stringify(name)
      }${suggestion(name, names)}`,
    );
  };
  const { about, layers, batch } = choose("model", MODELS, model);
  const hyperparameters = choose("optimizer", OPTIMIZERS, optimizer);
  return {
    about,
    layers,
    batch,
    loss: "cross-entropy",
    optimizer: { name: optimizer, hyperparameters },
    steps: 10,
    record: [1, 2, 3, 10],
    tolerance: { float64: 1e-9, float32: 1e-4 },
  };
}
