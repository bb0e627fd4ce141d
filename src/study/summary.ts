/**
 * What runs came to: one run's result, and the runs of all seeds in one.
 *
 * @module
 */

import type { MetricsRow } from "../train/mod.ts";
import { median, type Spread, spreadOf } from "./spread.ts";

/** Why a run did not reach its end. */
export interface Stop {
  /** The step that could not be made, or after which a number was not finite. */
  readonly step: number;
  /** What happened. */
  readonly reason: string;
}

/** What one run came to. */
export interface RunResult {
  /** Name of its optimizer. */
  readonly optimizer: string;
  /** Its learning rate, before the schedule. */
  readonly learningRate: number;
  /** Examples in a batch. */
  readonly batchSize: number;
  /** Its seed. */
  readonly seed: number;
  /** Epochs that it was to train. */
  readonly epochs: number;
  /** One row for each epoch that it finished. */
  readonly rows: readonly MetricsRow[];
  /** Bytes that its largest program was planned to need; 0 where no one looked. */
  readonly planBytes: number;
  /** Why it ended early; null where it did not. */
  readonly stopped: Stop | null;
}

/** What the runs of one setting came to. */
export interface Summary {
  /** Runs, one a seed. */
  readonly runs: number;
  /** Those that reached their end; the means are over these alone. */
  readonly finished: number;
  /** Epochs that each was to train. */
  readonly epochs: number;
  /** Seconds of training steps in a run; null where no run was finished, as below. */
  readonly seconds: Spread | null;
  /** Seconds of training steps an epoch, as in {@linkcode secondsPerEpoch}. */
  readonly secondsPerEpoch: Spread | null;
  /** Best test accuracy of any epoch, chosen by the test examples themselves. */
  readonly bestTestAccuracy: Spread | null;
  /** Test accuracy after the last epoch. */
  readonly lastTestAccuracy: Spread | null;
  /** Mean loss of the last epoch's batches, each before its step. */
  readonly trainLoss: Spread | null;
  /** Test loss after the last epoch. */
  readonly testLoss: Spread | null;
  /** The most that any run's programs were planned to need. */
  readonly planBytes: number;
  /** Those that ended early. */
  readonly stops: readonly (Stop & { readonly seed: number })[];
}

/**
 * Seconds an epoch of a run: the median over its epochs, without the first, in which
 * programs are compiled, if there is another.
 *
 * @example
 * ```ts
 * import { secondsPerEpoch } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(secondsPerEpoch([9, 10, 11]), 1);
 * assertEquals(secondsPerEpoch([9]), 9);
 * ```
 *
 * @param seconds Seconds since the run's beginning, at the end of each epoch.
 * @returns Seconds.
 * @throws {RangeError} If there is no epoch.
 */
export function secondsPerEpoch(seconds: readonly number[]): number {
  const durations = seconds.map((end, i) => end - (seconds[i - 1] ?? 0));
  return median(durations.length > 1 ? durations.slice(1) : durations);
}

/**
 * The runs of one setting, one a seed, in one.
 *
 * @example
 * ```ts
 * import { summarize } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * const row = {
 *   epoch: 1, step: 4, trainLoss: 2, trainAccuracy: 0.5, testLoss: 1,
 *   testAccuracy: 0.75, learningRate: 0.1, seconds: 3,
 * };
 * const run = {
 *   optimizer: "adam", learningRate: 0.1, batchSize: 8, epochs: 1,
 *   planBytes: 1024, rows: [row], stopped: null,
 * };
 * const diverged = { step: 2, reason: "diverged" };
 * const summary = summarize([
 *   { ...run, seed: 0 },
 *   { ...run, seed: 1, rows: [], stopped: diverged },
 * ]);
 * assertEquals(summary.lastTestAccuracy?.mean, 0.75);
 * assertEquals(summary.stops, [{ ...diverged, seed: 1 }]);
 * ```
 *
 * @param runs At least one run.
 * @returns Means and spreads over those that reached their end.
 * @throws {RangeError} If there is no run, or they were to train differently long.
 */
export function summarize(runs: readonly RunResult[]): Summary {
  const epochs = runs[0]?.epochs;
  if (runs.some((run) => run.epochs !== epochs) || epochs === undefined) {
    throw new RangeError(
      `Cannot summarize: it needs runs of equally many epochs, got ${
        runs.map((run) => run.epochs).join(", ") || "none"
      }`,
    );
  }
  const finished = runs.filter(({ stopped }) => stopped === null);
  const over = (number: (rows: readonly MetricsRow[]) => number) =>
    spreadOf(finished.map(({ rows }) => number(rows)));
  return {
    runs: runs.length,
    finished: finished.length,
    epochs,
    seconds: over((rows) => rows.at(-1)!.seconds),
    secondsPerEpoch: over((rows) =>
      secondsPerEpoch(rows.map(({ seconds }) => seconds))
    ),
    bestTestAccuracy: over((rows) =>
      Math.max(...rows.map(({ testAccuracy }) => testAccuracy))
    ),
    lastTestAccuracy: over((rows) => rows.at(-1)!.testAccuracy),
    trainLoss: over((rows) => rows.at(-1)!.trainLoss),
    testLoss: over((rows) => rows.at(-1)!.testLoss),
    planBytes: Math.max(...runs.map(({ planBytes }) => planBytes)),
    stops: runs.flatMap(({ seed, stopped }) =>
      stopped ? [{ ...stopped, seed }] : []
    ),
  };
}

/** A point of a curve: a mean over seeds. */
export interface CurvePoint {
  /** Where: an epoch, or the mean of the seconds at its end. */
  readonly x: number;
  /** The mean. */
  readonly y: number;
  /** The mean less the standard deviation; where there are several seeds. */
  readonly low?: number;
  /** The mean and the standard deviation. */
  readonly high?: number;
}

/**
 * A number over the epochs of a setting's runs: the mean over the seeds that reached
 * their end, with one standard deviation to either side.
 *
 * @example No curve where no run was finished
 * ```ts
 * import { curveOf } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(curveOf([], "epoch", "testAccuracy"), []);
 * ```
 *
 * @param runs The runs, one a seed.
 * @param over What stands along the curve.
 * @param number What is shown.
 * @returns One point an epoch.
 */
export function curveOf(
  runs: readonly RunResult[],
  over: "epoch" | "seconds",
  number: keyof MetricsRow,
): readonly CurvePoint[] {
  const finished = runs.filter(({ stopped }) => stopped === null);
  const epochs = Math.max(0, ...finished.map(({ rows }) => rows.length));
  return Array.from({ length: epochs }, (_, i): CurvePoint => {
    const at = finished.flatMap(({ rows }) => rows.slice(i, i + 1));
    const x = spreadOf(at.map((row) => row[over]))!.mean;
    const { mean: y, deviation } = spreadOf(at.map((row) => row[number]))!;
    return deviation === null
      ? { x, y }
      : { x, y, low: y - deviation, high: y + deviation };
  });
}
