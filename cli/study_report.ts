/**
 * What the tables and reports of all studies say alike.
 *
 * @module
 */

import { stringify } from "@std/csv";
import type { RunResult, Spread, Summary } from "../src/study/mod.ts";
import { metricsColumns } from "../src/train/mod.ts";
import { spreadText } from "./table.ts";

/** What the runs of a study share. */
export interface Conditions {
  readonly dataset: string;
  readonly model: string;
  /** Trained numbers of the model. */
  readonly parameters: number;
  readonly trainCount: number;
  readonly testCount: number;
  readonly augmented: boolean;
  readonly device: string;
  readonly epochs: number;
  readonly seeds: number;
  /** What the user wants said. */
  readonly note: string | null;
}

/** How many runs reached their end, and why the others did not. */
export function endsOf({ runs, finished, stops }: Summary): string {
  const reasons = stops.map(({ seed, step, reason }) =>
    `seed ${seed} stopped at step ${step}, ${reason}`
  );
  return [`${finished} of ${runs}`, ...reasons].join("; ");
}

/** The seeds of so many runs, in words. */
export function seedsText(seeds: number): string {
  return seeds === 1 ? "seed 0" : `seeds 0 to ${seeds - 1}`;
}

/** Seconds, of which a small model's epoch takes few. */
export function secondsText(seconds: Spread | null): string {
  return spreadText(seconds, seconds !== null && seconds.mean < 1 ? 4 : 2);
}

/** Every epoch of every run as CSV. */
export function epochsCsv(runs: readonly RunResult[]): string {
  const rows = runs.flatMap((
    { optimizer, learningRate: peak, batchSize, seed, rows },
  ) => rows.map((row) => ({ optimizer, peak, batchSize, seed, ...row })));
  return stringify(rows, {
    columns: ["optimizer", "peak", "batchSize", "seed", ...metricsColumns],
  });
}

/** What every report says of how its runs were made. */
export function conditions(
  { dataset, model, parameters, trainCount, testCount, augmented, device }:
    Conditions,
): string {
  const count = (number: number) => number.toLocaleString("en-US");
  return `The model is ${model} with ${
    count(parameters)
  } parameters, the data set ${dataset}: ${
    count(trainCount)
  } examples to train${augmented ? ", augmented as in the paper" : ""}, ${
    count(testCount)
  } to test. The loss is cross-entropy, the learning rate falls along half a cosine to 0 over the epochs of the run. Device: ${device}; Deno ${Deno.version.deno} on ${Deno.build.os}.`;
}

/** What every report says of its numbers. */
export const MEANS =
  "Numbers are means over the seeds whose runs reached their end, with the sample standard deviation (n - 1). The best test accuracy is that of the best epoch, chosen by the test examples themselves; the last is that after the last epoch. The training loss is the mean over the last epoch's batches, each taken before its step. Seconds an epoch are of training steps and making batches, without evaluation: the median of a run's epochs but the first, in which programs are compiled. Seconds a run, and the curves over seconds, have that in them. Planned MB are the bytes of the largest program's memory plan, state included.";
