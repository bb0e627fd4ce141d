/**
 * What a run is: its options, with defaults for what is not given, and the model,
 * optimizer and schedule that they name.
 *
 * @module
 */

import type { Dataset } from "../src/data/mod.ts";
import type { JsonObject } from "../src/io/mod.ts";
import type { Layer } from "../src/layers/mod.ts";
import { modelByName, modelNames } from "../src/models/mod.ts";
import {
  constantRate,
  cosineAnnealing,
  cosineRestarts,
  linearWarmup,
  oneCycle,
  type Optimizer,
  optimizerByName,
  type OptimizerName,
  type OptimizerOptions,
  type Schedule,
  stepDecay,
} from "../src/optim/mod.ts";
import { UsageError } from "./arguments.ts";
import { DATA_FOLDER, type DatasetName, datasetNames } from "./data.ts";
import { deviceNames } from "./device.ts";

/** What `--schedule` takes. */
export const scheduleNames = [
  "constant",
  "cosine",
  "cosine-restarts",
  "step",
  "one-cycle",
] as const;

/** One of {@linkcode scheduleNames}. */
export type ScheduleName = typeof scheduleNames[number];

/** Options that mean the same in every command that trains. */
export const trainingOptions = {
  dataset: {
    kind: "choice",
    values: datasetNames,
    about: "What to learn from [digits]",
  },
  model: {
    kind: "choice",
    values: modelNames,
    about: "The network [digits cnn, iris mlp, CIFAR resnet20]",
  },
  preset: {
    kind: "choice",
    values: ["official", "paper"],
    about: "AdaFisher as in its official code, or as in the paper [official]",
  },
  "batch-size": {
    kind: "integer",
    least: 1,
    about: "Examples in a batch [digits 32, iris 16, CIFAR 256]",
  },
  device: {
    kind: "choice",
    values: deviceNames,
    default: "auto",
    about: "Where to compute; auto takes a real GPU, else cpu",
  },
  threads: {
    kind: "integer",
    least: 1,
    most: 512,
    about:
      "Threads of device cpu; the results do not depend on it [one a core]",
  },
  "data-dir": {
    kind: "text",
    placeholder: "folder",
    about: `Where the CIFAR files are [downloaded to ${DATA_FOLDER}]`,
  },
  json: {
    kind: "flag",
    about: "Results as one JSON object on the last line of the output",
  },
} as const;

/** Everything that makes a run what it is. */
export interface RunOptions extends JsonObject {
  readonly dataset: DatasetName;
  readonly model: string;
  readonly optimizer: OptimizerName;
  readonly preset: "official" | "paper" | null;
  readonly learningRate: number;
  /** Null: the optimizer's own. */
  readonly weightDecay: number | null;
  readonly epochs: number;
  readonly batchSize: number;
  readonly schedule: ScheduleName;
  readonly warmup: number;
  readonly clip: number | null;
  readonly seed: number;
  readonly dataFolder: string | null;
}

/** What a user may choose of a run, under the options' names. */
export interface RunChoices {
  readonly dataset?: DatasetName;
  readonly model?: string;
  readonly optimizer?: OptimizerName;
  readonly preset?: "official" | "paper";
  readonly lr?: number;
  readonly "weight-decay"?: number;
  readonly epochs?: number;
  readonly "batch-size"?: number;
  readonly schedule?: ScheduleName;
  readonly warmup?: number;
  readonly clip?: number;
  readonly seed?: number;
  readonly "data-dir"?: string;
}

/** What is usual for a data set; the paper's numbers for CIFAR. */
export const usually: Readonly<
  Record<DatasetName, Pick<RunOptions, "model" | "epochs" | "batchSize">>
> = {
  digits: { model: "cnn", epochs: 6, batchSize: 32 },
  iris: { model: "mlp", epochs: 60, batchSize: 16 },
  cifar10: { model: "resnet20", epochs: 200, batchSize: 256 },
  cifar100: { model: "resnet20", epochs: 200, batchSize: 256 },
};

/** The paper's learning rates for convolutional networks; those of others are usual. */
const RATES: Partial<Record<OptimizerName, number>> = {
  sgd: 0.1,
  adahessian: 0.15,
  kfac: 0.3,
  "kfac-asdl": 0.3,
  shampoo: 0.1,
  "shampoo-asdl": 0.3,
  rmsprop: 1e-3,
  adagrad: 1e-2,
  adadelta: 1,
  lamb: 1e-2,
  lars: 5,
  yogi: 1e-2,
};

/**
 * The learning rate where none is given. AdaFisher's is 1e-3. Its paper's preset has an F of
 * up to 1 + lambda, where the official code's is about 1e-3 all over: in a few epochs
 * of a small data set it learns too slowly at that rate, and at 1e-2 the network of
 * convolutions diverges on the digits.
 */
function usualRate(
  optimizer: OptimizerName,
  preset: RunOptions["preset"],
  cifar: boolean,
): number {
  return preset === "paper" && !cifar ? 3e-3 : RATES[optimizer] ?? 1e-3;
}

/** Whether an optimizer is one of AdaFisher's two. */
export function isAdaFisher(optimizer: OptimizerName): boolean {
  return optimizer === "adafisher" || optimizer === "adafisherw";
}

/**
 * The options of a new run, with defaults for what was not given.
 *
 * @param options What was given.
 * @returns All options.
 * @throws {UsageError} If two of them do not go together.
 */
export function runOptions(options: RunChoices): RunOptions {
  const { dataset = "digits", optimizer = "adafisher" } = options;
  const cifar = dataset === "cifar10" || dataset === "cifar100";
  const fisher = isAdaFisher(optimizer);
  if (options.preset !== undefined && !fisher) {
    throw new UsageError(
      `--preset is for adafisher and adafisherw, got --optimizer ${optimizer}`,
    );
  }
  if (options["data-dir"] !== undefined && !cifar) {
    throw new UsageError(
      `--data-dir is for cifar10 and cifar100, got --dataset ${dataset}`,
    );
  }
  const decays = cifar && (optimizer === "adafisher" || optimizer === "sgd");
  const usual = usually[dataset];
  const preset = fisher ? options.preset ?? "official" : null;
  return {
    dataset,
    model: options.model ?? usual.model,
    optimizer,
    preset,
    learningRate: options.lr ?? usualRate(optimizer, preset, cifar),
    weightDecay: options["weight-decay"] ?? (decays ? 5e-4 : null),
    epochs: options.epochs ?? usual.epochs,
    batchSize: options["batch-size"] ?? usual.batchSize,
    schedule: options.schedule ?? "cosine",
    warmup: options.warmup ?? 0,
    clip: options.clip ?? null,
    seed: options.seed ?? 0,
    dataFolder: options["data-dir"] ?? null,
  };
}

/** What is trained. */
export interface RunParts {
  readonly model: Layer;
  readonly optimizer: Optimizer;
}

/**
 * Model and optimizer of a run.
 *
 * @param options The run.
 * @param train The examples to train on.
 * @param sizeOption The option that says how large a batch is.
 * @returns Both.
 * @throws {UsageError} If they do not fit together, or the batch is too large.
 */
export function build(
  options: RunOptions,
  train: Dataset,
  sizeOption = "--batch-size",
): RunParts {
  const { batchSize, dataset } = options;
  if (batchSize > train.count) {
    throw new UsageError(
      `${sizeOption} must be at most the ${train.count} examples of ${dataset}, got ${batchSize}`,
    );
  }
  try {
    const model = modelByName(options.model, {
      inputShape: train.shape,
      classes: train.classes.length,
    });
    const chosen: OptimizerOptions = {
      preset: options.preset ?? undefined,
      weightDecay: options.weightDecay ?? undefined,
      momentum: options.optimizer === "sgd" ? 0.9 : undefined,
    };
    const given = Object.fromEntries(
      Object.entries(chosen).filter(([, value]) => value !== undefined),
    );
    return {
      model,
      optimizer: optimizerByName(options.optimizer, model, given),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message);
  }
}

/**
 * The learning rate over all steps of a run, its warm-up first.
 *
 * @param options The run.
 * @param steps Its steps.
 * @returns The schedule.
 * @throws {UsageError} If there are too few steps for it.
 */
export function scheduleOf(options: RunOptions, steps: number): Schedule {
  const { schedule, learningRate: rate, warmup } = options;
  const total = steps - warmup;
  if (total < 1) {
    throw new UsageError(
      `--warmup must be less than the ${steps} steps of the run, got ${warmup}`,
    );
  }
  switch (schedule) {
    case "constant":
      return linearWarmup(warmup, constantRate(rate));
    case "cosine":
      return linearWarmup(warmup, cosineAnnealing(rate, total));
    case "cosine-restarts": {
      const period = Math.ceil(total / 7);
      return linearWarmup(warmup, cosineRestarts(rate, { period, factor: 2 }));
    }
    case "step":
      return linearWarmup(warmup, stepDecay(rate, Math.ceil(total / 3)));
    case "one-cycle":
      try {
        return linearWarmup(warmup, oneCycle(rate, total));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new UsageError(
          `--schedule one-cycle needs more steps, got ${total}`,
        );
      }
  }
}
