/**
 * The training loop: a sequence of steps and epochs that is the same every time,
 * and goes on after a stop as if there had been none.
 *
 * @module
 */

import {
  type Batch,
  batchAt,
  batchCount,
  type BatchOptions,
  type Dataset,
  prefetchBatches,
} from "../data/mod.ts";
import type { Checkpoint, JsonObject } from "../io/mod.ts";
import { crossEntropy, type Layer } from "../layers/mod.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { DeviceState } from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import { leaves } from "../program/tree.ts";
import { referenceDevice } from "../reference/mod.ts";
import type { Value } from "../tensor/value.ts";
import {
  describeModel,
  fromCheckpoint,
  type RunDescription,
  toCheckpoint,
} from "./checkpoint.ts";
import { diagnose, NonFiniteError } from "./diagnose.ts";
import {
  type EvaluationOptions,
  type Evaluator,
  evaluator,
  type ModelState,
  type Score,
} from "./evaluate.ts";
import { stepInputs } from "./inputs.ts";
import {
  type TrainingMemory,
  type TrainingPrograms,
  trainingPrograms,
} from "./programs.ts";
import { preparesOnHost } from "./prepare.ts";
import { initialState, type TrainingState, zeroMetrics } from "./state.ts";
import {
  type GradientTransform,
  type Loss,
  type StepInputs,
  type StepParts,
  takesStatistics,
} from "./step.ts";

/** What a run trains, on what, and how. */
export interface TrainerOptions {
  /** The model; its output is float [B, classes]. */
  readonly model: Layer;
  /** The mean loss of a batch; cross-entropy by default. */
  readonly loss?: Loss;
  /** The optimizer. */
  readonly optimizer: Optimizer;
  /** The learning rate of a step, from 1. */
  readonly learningRate: (step: number) => number;
  /** What is done to the gradients first; nothing by default. */
  readonly clip?: GradientTransform;
  /** The clipping in words, for checkpoints; needed where there is one. */
  readonly clipDescription?: string;
  /** The examples to learn from. */
  readonly examples: Dataset;
  /**
   * How batches are made. A smaller last batch is trained on too, and counts in the
   * metrics by its size, unless `dropLast` is set.
   */
  readonly batches: Omit<BatchOptions, "seed" | "epoch">;
  /**
   * Batches that a worker makes ahead of the steps, as `prefetchBatches` does; 0, and
   * no worker, by default. It changes no bit of the run.
   */
  readonly prefetch?: number;
  /** How often all examples are seen. */
  readonly epochs: number;
  /** Seed of first parameters, order, augmentation and dropout; unsigned, 32 bits. */
  readonly seed: number;
  /** Where to compute; the reference device by default. */
  readonly device?: Device;
  /**
   * Steps from one look at the metrics to the next; 1 by default. More spares a device
   * the reading; a number that is not finite is noticed later, but not one good
   * number is lost to it.
   */
  readonly readEvery?: number;
  /** Options of the run that go into its checkpoints. */
  readonly options?: JsonObject;
}

/** A step was made, and the metrics were looked at. */
export interface StepEvent {
  /** `step`. */
  readonly kind: "step";
  /** Number of the step, from 1. */
  readonly step: number;
  /** The epoch it belongs to, from 1. */
  readonly epoch: number;
  /** Mean loss of the epoch so far. */
  readonly loss: number;
  /** Accuracy of the epoch so far, in [0, 1]. */
  readonly accuracy: number;
  /** Learning rate of the step. */
  readonly learningRate: number;
}

/** An epoch is over. */
export interface EpochEvent {
  /** `epoch`. */
  readonly kind: "epoch";
  /** Number of the last step, from 1. */
  readonly step: number;
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Mean loss of the epoch, each batch's taken before its step. */
  readonly loss: number;
  /** Accuracy of the epoch, in [0, 1]. */
  readonly accuracy: number;
  /** Learning rate of the last step. */
  readonly learningRate: number;
  /** Seconds spent on steps since the run began, resumed parts included. */
  readonly seconds: number;
}

/** What a run tells while it trains. */
export type TrainingEvent = StepEvent | EpochEvent;

/** A checkpoint to go on from. */
export interface ResumePoint {
  /** The checkpoint. */
  readonly checkpoint: Checkpoint;
  /** Where it is from, for messages. */
  readonly path: string;
}

const METRICS = ["lossSum", "correct", "count", "failed"] as const;

/**
 * A training run. The batches are a function of seed and epoch, the random key of
 * a step is [seed, step]: so two runs with the same options are the same bit for
 * bit, and so are a run and one that was stopped and resumed.
 *
 * @example Three epochs of flowers
 * ```ts
 * import { irisNormalization, irisSplit } from "@adafisher/adafisher/data";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { Trainer } from "@adafisher/adafisher/train";
 * import { assert } from "@std/assert";
 *
 * const { train, test } = irisSplit();
 * const model = mlp([4, 8, 3]);
 * const trainer = await Trainer.start({
 *   model,
 *   optimizer: optimizerByName("adafisher", model),
 *   learningRate: () => 1e-3,
 *   examples: train,
 *   batches: { batchSize: 16, shuffle: true, normalization: irisNormalization },
 *   epochs: 3,
 *   seed: 1,
 * });
 * for await (const event of trainer.train()) {
 *   if (event.kind === "epoch") assert(event.loss < 2);
 * }
 * const score = await trainer.evaluate(test, {
 *   normalization: irisNormalization,
 * });
 * assert(score.accuracy > 0.4);
 * ```
 */
export class Trainer {
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number;
  /** The state on the device. */
  readonly state: TrainingMemory;
  readonly #options: TrainerOptions;
  readonly #parts: StepParts;
  readonly #programs: TrainingPrograms;
  readonly #evaluator: Evaluator;
  #step = 0;
  #epoch = 0;
  #seconds = 0;
  /** Of programs that ran before the run was resumed. */
  #planBytesBefore = 0;

  private constructor(
    options: TrainerOptions,
    stepsPerEpoch: number,
    state: TrainingMemory,
  ) {
    const { model, loss = crossEntropy, optimizer, clip } = options;
    this.stepsPerEpoch = stepsPerEpoch;
    this.state = state;
    this.#options = options;
    this.#parts = { model, loss, optimizer, clip };
    this.#programs = trainingPrograms(this.#parts, state.device);
    this.#evaluator = evaluator(model, loss);
  }

  /**
   * Starts a run, or goes on with one.
   *
   * @param options What to train, on what, and how.
   * @param from Where to go on; from the first step if it is not given.
   * @returns The run, ready to train.
   * @throws {RangeError} If an option is out of its range, or the checkpoint is of
   * another model, optimizer, seed or number of steps.
   */
  static async start(
    options: TrainerOptions,
    from?: ResumePoint,
  ): Promise<Trainer> {
    const { model, optimizer, examples, seed, epochs } = options;
    const { device = referenceDevice, readEvery = 1, prefetch = 0 } = options;
    requireWhole("epochs", epochs, 0);
    requireWhole("readEvery", readEvery, 1);
    requireWhole("prefetch", prefetch, 0);
    const stepsPerEpoch = batchCount(examples, { ...options.batches, seed });
    requireWhole("steps per epoch", stepsPerEpoch, 1);
    let values = await initialState(model, optimizer, seed, device);
    if (from) {
      values = fromCheckpoint(
        from.checkpoint,
        values,
        { ...identityOf(options), seed, stepsPerEpoch },
        from.path,
      );
    }
    const state = new DeviceState(device, values) as unknown as TrainingMemory;
    const trainer = new Trainer(options, stepsPerEpoch, state);
    if (from) {
      const { step, epoch, seconds, planBytes } = from.checkpoint.description;
      trainer.#step = step;
      trainer.#epoch = epoch;
      trainer.#seconds = Number(seconds ?? 0);
      trainer.#planBytesBefore = Number(planBytes ?? 0);
    }
    return trainer;
  }

  /** Steps that were made. */
  get step(): number {
    return this.#step;
  }

  /** Epochs that were finished. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Seconds spent on steps, making batches included. */
  get seconds(): number {
    return this.#seconds;
  }

  /**
   * Bytes that the largest program so far needs, resumed parts and the state
   * included; 0 before the first.
   */
  get planBytes(): number {
    return Math.max(this.#planBytesBefore, this.#programs.planBytes);
  }

  /**
   * Trains until the epochs are over. Whoever consumes the events may stop at any
   * of them, take a checkpoint, and go on, here or in another process.
   *
   * @returns Events: one a look at the metrics, and one an epoch.
   * @throws {NonFiniteError} If a loss or a number of the new state is not finite;
   * the state is the last good one then, and a checkpoint can be taken of it.
   * @throws {PreconditionerError} If what the optimizer computes on the host failed
   * too often in a row; likewise.
   */
  async *train(): AsyncGenerator<TrainingEvent, void, void> {
    const { examples, epochs, seed, prefetch = 0 } = this.#options;
    if (this.#epoch >= epochs) return;
    const stream = prefetchBatches(
      examples,
      { ...this.#options.batches, seed, epoch: this.#epoch },
      this.#step - this.#epoch * this.stepsPerEpoch,
      { epochs: epochs - this.#epoch, ahead: prefetch },
    );
    try {
      yield* this.#trainOn(stream);
    } finally {
      await stream.return();
    }
  }

  /** Trains on the batches that are left of this epoch and of those that follow. */
  async *#trainOn(
    stream: AsyncGenerator<Batch, void, void>,
  ): AsyncGenerator<TrainingEvent, void, void> {
    const { epochs, readEvery = 1 } = this.#options;
    let clock = performance.now();
    const lap = () => {
      const now = performance.now();
      this.#seconds += (now - clock) / 1000;
      clock = now;
    };
    while (this.#epoch < epochs) {
      while (this.#step < (this.#epoch + 1) * this.stepsPerEpoch) {
        const batch = (await stream.next()).value as Batch;
        const step = this.#step + 1;
        await this.#programs.run(
          this.state,
          this.#inputsOf(step, batch),
          takesStatistics(this.#options.optimizer, step),
          preparesOnHost(this.#options.optimizer, step),
        );
        this.#step = step;
        lap();
        if (step % readEvery !== 0) continue;
        yield {
          kind: "step",
          step,
          epoch: this.#epoch + 1,
          ...await this.#look(),
          learningRate: this.#options.learningRate(step),
        };
        clock = performance.now();
      }
      const score = await this.#look();
      this.#epoch += 1;
      this.state.memory.write(leaves<Value>({ metrics: zeroMetrics() }));
      yield {
        kind: "epoch",
        step: this.#step,
        epoch: this.#epoch,
        ...score,
        learningRate: this.#options.learningRate(this.#step),
        seconds: this.#seconds,
      };
      clock = performance.now();
    }
  }

  /**
   * Loss and accuracy over a data set, in evaluation mode.
   *
   * @param examples The data set.
   * @param options Normalization and batch size.
   * @returns The score.
   * @throws {RangeError} If the examples do not fit the model.
   */
  async evaluate(
    examples: Dataset,
    options: EvaluationOptions = {},
  ): Promise<Score> {
    const state = this.state as unknown as DeviceState<ModelState<Value>>;
    return await this.#evaluator(state, examples, options);
  }

  /**
   * All numbers of the run as they are now, the epoch's sums included.
   *
   * @returns The checkpoint, to be saved by `saveCheckpoint`.
   */
  async checkpoint(): Promise<Checkpoint> {
    const state = await this.state.read() as unknown as TrainingState<Value>;
    // A step that failed and was not noticed yet has not been made, nor have those after it.
    const failed = state.metrics.failed.data[0];
    const values = failed === 0 ? state : {
      ...state,
      metrics: { ...state.metrics, failed: zeroMetrics().failed },
    };
    const description: RunDescription = {
      ...identityOf(this.#options),
      step: failed === 0 ? this.#step : failed - 1,
      epoch: this.#epoch,
      seed: this.#options.seed,
      stepsPerEpoch: this.stepsPerEpoch,
      seconds: this.#seconds,
      planBytes: this.planBytes,
      options: this.#options.options ?? {},
    };
    return toCheckpoint(values, description);
  }

  /** What a step takes besides the state. */
  #inputsOf(step: number, batch: Batch): StepInputs<Value> {
    const { optimizer, seed, learningRate } = this.#options;
    return stepInputs(optimizer, batch, seed, step, learningRate(step));
  }

  /** Loss and accuracy of the epoch so far; throws where a step has failed. */
  async #look(): Promise<Pick<Score, "loss" | "accuracy">> {
    const names = METRICS.map((name) => `metrics/${name}`);
    const values = await this.state.memory.read(names);
    const [lossSum, correct, count, failed] = names.map((name) =>
      values.get(name)!.data[0]
    );
    if (failed !== 0) await this.#fail(failed);
    return { loss: lossSum / count, accuracy: correct / count };
  }

  /** Goes back to before the step that failed, finds out why, and throws. */
  async #fail(step: number): Promise<never> {
    const { examples, optimizer, seed, learningRate } = this.#options;
    const { failed } = zeroMetrics();
    this.state.memory.write(leaves<Value>({ metrics: { failed } }));
    this.#step = step - 1;
    const options = { ...this.#options.batches, seed, epoch: this.#epoch };
    const index = this.#step - this.#epoch * this.stepsPerEpoch;
    const given = this.#inputsOf(step, batchAt(examples, options, index));
    const statistics = takesStatistics(optimizer, step);
    const whole = preparesOnHost(optimizer, step)
      ? await this.#programs.prepare(this.state, given, statistics)
      : given;
    const diagnosis = await diagnose(
      this.#parts,
      this.state,
      whole,
      statistics && whole.prepared === undefined,
    );
    throw new NonFiniteError(
      step,
      diagnosis ?? { layer: "", what: "sum of the losses" },
      learningRate(step),
    );
  }
}

/** Model and optimizer in words. */
function identityOf(
  options: TrainerOptions,
): Pick<RunDescription, "model" | "optimizer"> {
  const { model, optimizer, clip, clipDescription } = options;
  const clipped = clip ? `, clipped: ${clipDescription ?? "yes"}` : "";
  return {
    model: describeModel(model),
    optimizer: `${optimizer.description}${clipped}`,
  };
}

function requireWhole(what: string, number: number, least: number): void {
  if (Number.isSafeInteger(number) && number >= least) return;
  throw new RangeError(
    `Cannot train: ${what} must be a whole number of at least ${least}, got ${number}`,
  );
}
