/**
 * Keeping the full Kronecker factors of a run: `--factors` of `deno task train`.
 *
 * The factors of a step are those of its batch with the parameters before it, as the
 * optimizer would see them. `factors/step-<k>.safetensors` has the averages after the
 * observation of step k. The paper's average forgets a batch within some steps, so that
 * steps far before a kept one are not observed. Beside a checkpoint of step k lies
 * `factor-averages-<k>.safetensors`, with which the averages go on after a stop.
 *
 * @module
 */

import { join } from "@std/path";
import {
  averageFactors,
  type FactorAverages,
  factorObserver,
  readFactorAverages,
  writeFactors,
} from "../src/analysis/mod.ts";
import { batchAt } from "../src/data/mod.ts";
import { readSafetensors } from "../src/io/mod.ts";
import { crossEntropy, type Layer } from "../src/layers/mod.ts";
import { officialPreset } from "../src/optim/mod.ts";
import type { DeviceState } from "../src/program/mod.ts";
import { intValue, type Value } from "../src/tensor/mod.ts";
import type { ModelState, Trainer, TrainerOptions } from "../src/train/mod.ts";
import { UsageError } from "./arguments.ts";
import { Failure, outside } from "./failure.ts";

/** The folder of the factors in a run's folder. */
export const FACTORS = "factors";

/** Which factors a run keeps. */
export interface FactorPlan {
  /** `every:50`, or `steps:1,50`. */
  readonly when: string;
  /** Names of the layers. */
  readonly layers: readonly string[];
}

const AVERAGES = /^factor-averages-\d+\.safetensors$/;
const averagesAt = (folder: string, step: number): string =>
  join(folder, `factor-averages-${step}.safetensors`);

/**
 * Steps after which a batch is forgotten: it weighs 2e-10 in the paper's average, less
 * than float32's rounding even where factors have shrunk to a hundredth since.
 */
const FORGOTTEN = 100;

/** The steps of a plan: a function of the step's number, and the last one named. */
function readWhen(
  when: string,
): { has: (step: number) => boolean; last: number } | undefined {
  const [, every, list] =
    /^(?:every:([1-9]\d{0,14})|steps:([1-9]\d{0,14}(?:,[1-9]\d{0,14})*))$/
      .exec(when) ?? [];
  if (every) {
    return { has: (step) => step % Number(every) === 0, last: Number(every) };
  }
  if (!list) return undefined;
  const steps = list.split(",").map(Number);
  return { has: (step) => steps.includes(step), last: Math.max(...steps) };
}

/**
 * Whether the averages of a kept step depend on the factors of this one.
 *
 * @param when `every:50`, or `steps:1,50`.
 * @param step Number of the step, from 1.
 * @returns Whether it must be observed.
 */
export function isObserved(when: string, step: number): boolean {
  if ((step - 1) % officialPreset.interval === 0) return true;
  const { has } = readWhen(when)!;
  for (let later = step; later <= step + FORGOTTEN; later++) {
    if (has(later)) return true;
  }
  return false;
}

/**
 * What `--factors` and `--factor-layers` ask for.
 *
 * @param options The two, as given.
 * @param model The model of the run.
 * @param steps Number of the run's steps.
 * @returns The plan; none if no factors are asked for.
 * @throws {UsageError} If a step or layer is not there, or the text says none.
 */
export function factorPlan(
  options: { readonly factors?: string; readonly "factor-layers"?: string },
  model: Layer,
  steps: number,
): FactorPlan | undefined {
  const { factors: when, "factor-layers": chosen } = options;
  if (when === undefined) {
    if (chosen === undefined) return undefined;
    throw new UsageError(
      "--factor-layers needs --factors, which says in which steps",
    );
  }
  const read = readWhen(when);
  if (!read) {
    throw new UsageError(
      `--factors needs steps, such as every:50 or steps:1,50, got ${
        JSON.stringify(when)
      }`,
    );
  }
  if (read.last > steps) {
    throw new UsageError(
      `--factors ${when} asks for step ${read.last}, and the run has ${steps}`,
    );
  }
  const known = model.kronecker.map(({ name }) => name);
  const layers = [...new Set(chosen?.split(",") ?? known)];
  const unknown = layers.find((name) => !known.includes(name));
  if (unknown !== undefined || layers.length === 0) {
    throw new UsageError(
      `--factor-layers needs layers with factors, which are ${
        known.join(", ") || "none in this model"
      }; got ${JSON.stringify(unknown ?? "")}`,
    );
  }
  return { when, layers };
}

/**
 * What a run that goes on was keeping.
 *
 * @param folder The run's folder.
 * @param step The step of its checkpoint.
 * @returns The plan; none if it keeps no factors.
 * @throws {Failure} If the averages of the step are not there, or cannot be read.
 */
export async function resumedPlan(
  folder: string,
  step: number,
): Promise<FactorPlan | undefined> {
  try {
    await Deno.stat(join(folder, FACTORS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const path = averagesAt(folder, step);
  const { metadata } = await outside(() => readSafetensors(path));
  const { when = "", layers = "" } = metadata;
  if (!readWhen(when) || layers === "") {
    throw new Failure(
      `Cannot go on with the factors of ${path}: its metadata must say when and layers, got ${
        JSON.stringify(metadata)
      }`,
    );
  }
  return { when, layers: layers.split(",") };
}

/** What keeps the factors of a run. */
export interface FactorKeeper {
  /** Takes the factors of the step that the trainer makes next, if it makes one. */
  observe(trainer: Trainer): Promise<void>;
  /** Writes the averages that go with a checkpoint; before it is written. */
  save(step: number): Promise<void>;
  /** Removes the averages of older checkpoints; after one is written. */
  tidy(step: number): Promise<void>;
}

/**
 * Begins to keep factors, or goes on with it.
 *
 * @param plan Which.
 * @param folder The run's folder.
 * @param options The run, as the trainer takes it.
 * @param from The step after which the run goes on; none if it begins.
 * @returns What keeps them.
 * @throws {Failure} If a file cannot be read or written.
 */
export async function keepFactors(
  plan: FactorPlan,
  folder: string,
  options: TrainerOptions,
  from?: number,
): Promise<FactorKeeper> {
  const { model, loss = crossEntropy, examples, batches, seed } = options;
  const { when, layers } = plan;
  const wanted = readWhen(when)!;
  const observer = factorObserver(model, loss, layers);
  const metadata = { when, layers: layers.join(",") };
  let averages: FactorAverages | undefined;
  if (from !== undefined) {
    averages = await outside(() =>
      readFactorAverages(averagesAt(folder, from), layers)
    );
  }
  await outside(() => Deno.mkdir(join(folder, FACTORS), { recursive: true }));
  return {
    observe: async (trainer) => {
      const index = trainer.step - trainer.epoch * trainer.stepsPerEpoch;
      if (
        trainer.epoch >= options.epochs || index === trainer.stepsPerEpoch
      ) return;
      const step = trainer.step + 1;
      if (!isObserved(when, step)) return;
      const batch = batchAt(
        examples,
        { ...batches, seed, epoch: trainer.epoch },
        index,
      );
      const fresh = await observer(
        trainer.state as unknown as DeviceState<ModelState<Value>>,
        { ...batch, key: intValue([seed | 0, step]) },
      );
      await outside(async () => {
        averages = averageFactors(averages, fresh, step);
        if (!wanted.has(step)) return;
        const path = join(folder, FACTORS, `step-${step}.safetensors`);
        await writeFactors(path, averages, { ...metadata, step: `${step}` });
      });
    },
    save: async (step) => {
      if (!averages) return;
      const found = averages;
      await outside(() =>
        writeFactors(averagesAt(folder, step), found, {
          ...metadata,
          step: `${step}`,
        })
      );
    },
    tidy: (step) =>
      outside(async () => {
        for await (const { name } of Deno.readDir(folder)) {
          const path = join(folder, name);
          if (!AVERAGES.test(name) || path === averagesAt(folder, step)) {
            continue;
          }
          await Deno.remove(path);
        }
      }),
  };
}
