/**
 * Measuring: several jobs in turn, so that whatever else the machine does hits all
 * of them alike, and what is said about the times.
 *
 * @module
 */

import process from "node:process";
import type { Job } from "./library.ts";

/** The times of a job. */
export interface Measurement {
  /** Steps in a round. */
  readonly steps: number;
  /** Seconds a step, by round. */
  readonly seconds: readonly number[];
  /** Seconds of all processors together that a step took of this process, by round. */
  readonly processor: readonly number[];
}

/** How long is measured. */
export interface MeasureOptions {
  /** How often each job has its turn. */
  readonly rounds: number;
  /** Seconds of a turn; a job has at least one period of steps, however long. */
  readonly roundSeconds: number;
  /** Tells the time; that of this process by default. */
  readonly now?: () => Moment;
}

/** Seconds since some moment. */
export interface Moment {
  /** By the clock. */
  readonly clock: number;
  /** Of all processors together, spent by this process. */
  readonly processor: number;
}

function thisProcess(): Moment {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now() / 1e3, processor: (user + system) / 1e6 };
}

/** Most steps in a turn. */
const MOST_STEPS = 10_000;

/** Seconds a step of a turn: steps, and the reading of one number. */
async function takeTurn(
  job: Job,
  steps: number,
  now: () => Moment,
): Promise<Moment> {
  const start = now();
  for (let i = 0; i < steps; i++) await job.step();
  const last = await job.finish();
  const end = now();
  if (!Number.isFinite(last)) {
    throw new RangeError(`after ${steps} steps the result is ${last}`);
  }
  return {
    clock: (end.clock - start.clock) / steps,
    processor: (end.processor - start.processor) / steps,
  };
}

/** How many steps make a turn of the asked length: some periods, at least one. */
async function stepsOfTurn(
  job: Job,
  period: number,
  roundSeconds: number,
  now: () => Moment,
): Promise<number> {
  let count = 1;
  for (;;) {
    const { clock } = await takeTurn(job, count, now);
    const wanted = Math.min(roundSeconds / clock, MOST_STEPS);
    // A short turn is reading for the most part, and says little of the steps.
    if (count * clock >= roundSeconds / 4 || count >= MOST_STEPS) {
      return Math.max(1, Math.round(wanted / period)) * period;
    }
    count = Math.ceil(Math.min(wanted, 10 * count));
  }
}

/**
 * Measures jobs in turn: one round after the other, each job once a round.
 *
 * @param jobs The jobs, which have made a few steps already.
 * @param options Rounds and their length.
 * @returns The times, in the order of the jobs; of a job that fails, the error.
 */
export async function measure(
  jobs: readonly Job[],
  { rounds, roundSeconds, now = thisProcess }: MeasureOptions,
): Promise<(Measurement | Error)[]> {
  // One for all: what is compared in a round should be about as long.
  const period = Math.max(...jobs.map((job) => job.period));
  const failures = new Map<Job, Error>();
  const steps = new Map<Job, number>();
  const turns = new Map<Job, Moment[]>(jobs.map((job) => [job, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const job of jobs) {
      if (failures.has(job)) continue;
      try {
        const count = steps.get(job);
        if (count === undefined) {
          const found = await stepsOfTurn(job, period, roundSeconds, now);
          steps.set(job, found);
        } else turns.get(job)!.push(await takeTurn(job, count, now));
      } catch (error) {
        failures.set(job, error as Error);
      }
    }
  }
  return jobs.map((job) =>
    failures.get(job) ?? {
      steps: steps.get(job)!,
      seconds: turns.get(job)!.map(({ clock }) => clock),
      processor: turns.get(job)!.map(({ processor }) => processor),
    }
  );
}

/** The number in the middle; of an even count, the mean of the two. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** Half the distance from smallest to largest, as a share of the median. */
export function spread(numbers: readonly number[]): number {
  return (Math.max(...numbers) - Math.min(...numbers)) / 2 / median(numbers);
}

/** How often the numbers `base` go into `other`: the median over the rounds. */
export function ratioOf(
  other: readonly number[],
  base: readonly number[],
): number {
  return median(other.map((number, round) => number / base[round]));
}
