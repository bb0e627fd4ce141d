/**
 * Training one run in a folder of its own: progress, metrics, checkpoints.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { join } from "@std/path";
import { CpuError } from "../src/cpu/mod.ts";
import { paperAugmentation } from "../src/data/mod.ts";
import { GpuError } from "../src/gpu/mod.ts";
import { saveCheckpoint } from "../src/io/mod.ts";
import { clipByGlobalNorm, PreconditionerError } from "../src/optim/mod.ts";
import type { Device } from "../src/program/mod.ts";
import {
  metricsColumns,
  MetricsLog,
  type MetricsRow,
  NonFiniteError,
  type ResumePoint,
  Trainer,
  type TrainerOptions,
} from "../src/train/mod.ts";
import type { Data } from "./data.ts";
import { type FactorPlan, keepFactors } from "./factors.ts";
import { outside, pause } from "./failure.ts";
import { writeJson } from "./files.ts";
import { percent, whole } from "./numbers.ts";
import { clock, ProgressBar } from "./progress.ts";
import { type RunOptions, type RunParts, scheduleOf } from "./recipe.ts";

/** The checkpoint in a run's folder. */
export const CHECKPOINT = "checkpoint.safetensors";
/** Steps from one look at the metrics to the next on a GPU: a look costs some 10 ms. */
const GPU_READ_EVERY = 10;
/**
 * Augmented batches that are made ahead for a GPU. On the other devices a step leaves no
 * core idle, or takes far longer than a batch.
 */
export const GPU_PREFETCH = 3;

/** When checkpoints are saved. */
export interface SaveEvery {
  readonly count: number;
  readonly unit: "step" | "epoch";
}

/** A run to be trained. */
export interface Run {
  readonly options: RunOptions;
  /** Where to go on; from the first step if it is not given. */
  readonly from?: ResumePoint;
}

/** How a run is trained; its numbers do not depend on it. */
export interface RunSetting {
  readonly folder: string;
  readonly device: Device;
  readonly saveEvery: SaveEvery;
  /** Batches made ahead; what is usual for the device if it is not given. */
  readonly prefetch?: number;
  /** Which factors are kept; none if it is not given. */
  readonly factors?: FactorPlan;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** What stands before the progress. */
  readonly title?: string;
  /** Stops the run, after it has saved. */
  readonly signal: AbortSignal;
}

/** How a run ended. */
export interface RunEnd {
  readonly kind: "finished" | "interrupted" | "failed";
  readonly trainer: Trainer;
  readonly log: MetricsLog;
  /** Why it failed: numbers that are not finite, a preconditioner, the device. */
  readonly error?: Error;
  /** The step of the last checkpoint; undefined where there is none. */
  readonly savedStep?: number;
}

const rowsAsCsv = (rows: readonly MetricsRow[]): string =>
  stringify(rows.map((row) => ({ ...row })), { columns: metricsColumns });

/**
 * Writes a run's options into its folder.
 *
 * @param folder The folder.
 * @param options The options.
 */
export async function writeOptions(
  folder: string,
  options: RunOptions,
): Promise<void> {
  await writeJson(join(folder, "options.json"), options);
}

/**
 * A run as the trainer takes it.
 *
 * @param options The run.
 * @param data Its data.
 * @param parts Its model and optimizer.
 * @param device Where to compute.
 * @param prefetch Batches made ahead; what is usual for the device by default.
 * @returns The trainer's options.
 * @throws {UsageError} If there are too few steps for the schedule.
 */
export function trainerOptionsOf(
  options: RunOptions,
  data: Data,
  parts: RunParts,
  device: Device,
  prefetch?: number,
): TrainerOptions {
  const { epochs, batchSize, seed, clip } = options;
  const steps = epochs * Math.ceil(data.train.count / batchSize);
  const schedule = scheduleOf(options, steps);
  const onGpu = device.name === "gpu";
  return {
    ...parts,
    learningRate: (step) => schedule(step - 1),
    clip: clip === null ? undefined : (g) => clipByGlobalNorm(g, clip),
    clipDescription: clip === null ? undefined : `global norm ${clip}`,
    examples: data.train,
    batches: {
      batchSize,
      shuffle: true,
      normalization: data.normalization,
      augmentation: data.augmented ? paperAugmentation : undefined,
    },
    prefetch: prefetch ?? (onGpu && data.augmented ? GPU_PREFETCH : 0),
    epochs,
    seed,
    device,
    readEvery: onGpu ? GPU_READ_EVERY : 1,
    options,
  };
}

/**
 * Trains a run until its end, an interrupt or a failure.
 *
 * @param run What to train, and where to go on.
 * @param data Its data.
 * @param parts Its model and optimizer.
 * @param setting Where and how.
 * @returns How it ended.
 * @throws {Failure} If a file cannot be read or written, or is of another run.
 */
export async function trainRun(
  { options, from }: Run,
  data: Data,
  parts: RunParts,
  setting: RunSetting,
): Promise<RunEnd> {
  const { folder, device, saveEvery, prefetch, say, signal } = setting;
  const { title = "", factors } = setting;
  const { normalization } = data;
  const { epochs, batchSize } = options;
  const usual = trainerOptionsOf(options, data, parts, device, prefetch);
  // The factors of a step are taken between it and the one before.
  const trainerOptions = factors ? { ...usual, readEvery: 1 } : usual;
  const trainer = await outside(() => Trainer.start(trainerOptions, from));
  const log = await outside(() =>
    MetricsLog.open(folder, rowsAsCsv, trainer.epoch)
  );
  const keeper = factors &&
    await keepFactors(
      factors,
      folder,
      trainerOptions,
      from?.checkpoint.description.step,
    );
  const path = join(folder, CHECKPOINT);
  const place = () => `${trainer.step} ${trainer.epoch}`;
  const steps = epochs * trainer.stepsPerEpoch;
  let saved = from ? place() : undefined;
  let savedStep = from ? trainer.step : undefined;
  const save = async () => {
    await keeper?.save(trainer.step);
    await outside(async () => saveCheckpoint(path, await trainer.checkpoint()));
    await keeper?.tidy(trainer.step);
    saved = place();
    savedStep = trainer.step;
  };

  const bar = new ProgressBar();
  const began = performance.now(), firstStep = trainer.step;
  let heard = began;
  try {
    await keeper?.observe(trainer);
    for await (const event of trainer.train()) {
      if (event.kind === "epoch") {
        bar.clear();
        const score = await trainer.evaluate(data.test, { normalization });
        const row: MetricsRow = {
          epoch: event.epoch,
          step: event.step,
          trainLoss: event.loss,
          trainAccuracy: event.accuracy,
          testLoss: score.loss,
          testAccuracy: score.accuracy,
          learningRate: event.learningRate,
          seconds: event.seconds,
        };
        await outside(() => log.append(row));
        say(title + epochLine(row, epochs));
      } else {
        bar.show(() => {
          const passed = (performance.now() - began) / 1000;
          const made = event.step - firstStep;
          const left = passed / made * (steps - event.step);
          return {
            done: event.step,
            total: steps,
            title: `${title}epoch ${event.epoch}/${epochs}`,
            details: `loss ${event.loss.toFixed(4)}  accuracy ${
              percent(event.accuracy)
            }  ${whole(Math.round(made * batchSize / passed))} examples/s  ${
              clock(left)
            } left`,
          };
        });
      }
      const due = event[saveEvery.unit] % saveEvery.count === 0 &&
        event.kind === saveEvery.unit;
      if (due) await save();
      const now = performance.now();
      if (event.kind === "epoch" || now - heard > 50) {
        heard = now;
        await pause();
      }
      if (signal.aborted) {
        bar.clear();
        if (!due) await save();
        return { kind: "interrupted", trainer, log, savedStep };
      }
      await keeper?.observe(trainer);
    }
  } catch (error) {
    bar.clear();
    const known = [NonFiniteError, PreconditionerError, GpuError, CpuError];
    if (!known.some((KnownError) => error instanceof KnownError)) throw error;
    if (!(error instanceof Error)) throw error;
    return { kind: "failed", trainer, log, error, savedStep };
  }
  if (saved !== place()) await save();
  return { kind: "finished", trainer, log, savedStep };
}

function epochLine(row: MetricsRow, epochs: number): string {
  const place = `${row.epoch}`.padStart(`${epochs}`.length);
  return `epoch ${place}/${epochs}  loss ${
    row.trainLoss.toFixed(4)
  }  accuracy ${percent(row.trainAccuracy)}  test loss ${
    row.testLoss.toFixed(4)
  }  test accuracy ${percent(row.testAccuracy)}  ${row.seconds.toFixed(1)} s`;
}
