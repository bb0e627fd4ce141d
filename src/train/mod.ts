/**
 * Training: the step as a pure function, the loop that repeats it, evaluation,
 * checkpoints and metrics.
 *
 * A run is the same bit for bit wherever it is stopped and resumed on a device:
 * batches and random keys are functions of seed, epoch and step, and a checkpoint
 * has everything else.
 *
 * @example Training, stopping in the middle of an epoch, and going on
 * ```ts
 * import { irisNormalization, irisSplit } from "@adafisher/adafisher/data";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { Trainer } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([4, 8, 3]);
 * const options = {
 *   model,
 *   optimizer: optimizerByName("adam", model),
 *   learningRate: () => 1e-3,
 *   examples: irisSplit().train,
 *   batches: { batchSize: 40, shuffle: true, normalization: irisNormalization },
 *   epochs: 2,
 *   seed: 1,
 * };
 * const whole = await Trainer.start(options);
 * for await (const _ of whole.train());
 *
 * const stopped = await Trainer.start(options);
 * for await (const event of stopped.train()) if (event.step === 4) break;
 * const checkpoint = await stopped.checkpoint();
 * const resumed = await Trainer.start(options, { checkpoint, path: "memory" });
 * for await (const _ of resumed.train());
 * assertEquals(await resumed.state.read(), await whole.state.read());
 * ```
 *
 * @module
 */

export {
  describeModel,
  fromCheckpoint,
  type RunDescription,
  toCheckpoint,
} from "./checkpoint.ts";
export { diagnose, type Diagnosis, NonFiniteError } from "./diagnose.ts";
export {
  type EvaluationOptions,
  type Evaluator,
  evaluator,
  type ModelState,
  type Score,
} from "./evaluate.ts";
export { stepInputs } from "./inputs.ts";
export {
  type CsvWriter,
  metricsColumns,
  MetricsLog,
  type MetricsRow,
} from "./metrics.ts";
export { preparesOnHost } from "./prepare.ts";
export {
  type TrainingMemory,
  type TrainingPrograms,
  trainingPrograms,
} from "./programs.ts";
export {
  initialState,
  type MetricSums,
  trainableNames,
  type TrainingState,
  type Tree,
} from "./state.ts";
export {
  type GradientTransform,
  type Loss,
  type StepInputs,
  type StepOutcome,
  type StepParts,
  takesStatistics,
  trainingStep,
} from "./step.ts";
export {
  type EpochEvent,
  type ResumePoint,
  type StepEvent,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
} from "./trainer.ts";
