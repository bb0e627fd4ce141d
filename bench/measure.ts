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
  /** Seconds of all processors together that a step took, by round. */
  readonly processor: readonly number[];
}

/** How long is measured. */
export interface MeasureOptions {
  /** How often each job has its turn. */
  readonly rounds: number;
  /** Seconds of a turn; a job has at least one period of steps, however long. */
  readonly roundSeconds: number;
  /** A job that has had turns of so many seconds has no more; without it, all rounds. */
  readonly mostSeconds?: number;
  /** What a step is known to take, so that those of slow jobs need not be tried. */
  readonly known?: ReadonlyMap<Job, number>;
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

/**
 * What a turn begins with, untimed: threads that have ended, or caches that were
 * lost, while others had their turns.
 */
const WARM_SECONDS = 0.25;

async function warmUp(job: Job, stepSeconds: number): Promise<void> {
  const steps = Math.min(MOST_STEPS, Math.floor(WARM_SECONDS / stepSeconds));
  if (steps === 0) return;
  for (let i = 0; i < steps; i++) await job.step();
  await job.finish();
}

/** Seconds a step of a turn: steps, and the reading of one number. */
async function takeTurn(
  job: Job,
  steps: number,
  now: () => Moment,
): Promise<Moment> {
  const elsewhere = () => job.elsewhere?.() ?? 0;
  const before = elsewhere();
  const start = now();
  for (let i = 0; i < steps; i++) await job.step();
  const last = await job.finish();
  const end = now();
  if (!Number.isFinite(last)) {
    throw new RangeError(`after ${steps} steps the result is ${last}`);
  }
  return {
    clock: (end.clock - start.clock) / steps,
    processor: (end.processor - start.processor + elsewhere() - before) / steps,
  };
}

/** A turn: its steps, and about what each takes. */
interface Turn {
  readonly steps: number;
  readonly stepSeconds: number;
}

/** How many steps make a turn of the asked length: some periods, at least one. */
async function planTurn(
  job: Job,
  period: number,
  roundSeconds: number,
  now: () => Moment,
): Promise<Turn> {
  let count = 1;
  for (;;) {
    const { clock } = await takeTurn(job, count, now);
    const wanted = Math.min(roundSeconds / clock, MOST_STEPS);
    // A short turn is reading for the most part, and says little of the steps.
    if (count * clock >= roundSeconds / 4 || count >= MOST_STEPS) {
      const steps = Math.max(1, Math.round(wanted / period)) * period;
      return { steps, stepSeconds: clock };
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
  { rounds, roundSeconds, mostSeconds = Infinity, known, now = thisProcess }:
    MeasureOptions,
): Promise<(Measurement | Error)[]> {
  // One for all: what is compared in a round should be about as long.
  const period = Math.max(...jobs.map((job) => job.period));
  const failures = new Map<Job, Error>();
  const plans = new Map<Job, Turn>();
  for (const job of jobs) {
    const stepSeconds = known?.get(job) ?? 0;
    if (stepSeconds >= roundSeconds) {
      plans.set(job, { steps: period, stepSeconds });
    }
  }
  const turns = new Map<Job, Moment[]>(jobs.map((job) => [job, []]));
  const secondsOf = (job: Job): number =>
    turns.get(job)!.reduce((sum, { clock }) => sum + clock, 0) *
    (plans.get(job)?.steps ?? 0);
  for (let round = 0; round <= rounds; round++) {
    for (const job of jobs) {
      if (failures.has(job) || secondsOf(job) >= mostSeconds) continue;
      try {
        const plan = plans.get(job);
        if (!plan) {
          plans.set(job, await planTurn(job, period, roundSeconds, now));
        } else if (round > 0) {
          await warmUp(job, plan.stepSeconds);
          turns.get(job)!.push(await takeTurn(job, plan.steps, now));
        }
      } catch (error) {
        failures.set(job, error as Error);
      }
    }
  }
  return jobs.map((job) =>
    failures.get(job) ?? {
      steps: plans.get(job)!.steps,
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

/** How often the numbers `base` go into `other`: the median over the rounds of both. */
export function ratioOf(
  other: readonly number[],
  base: readonly number[],
): number {
  const rounds = Math.min(other.length, base.length);
  return median(
    other.slice(0, rounds).map((number, round) => number / base[round]),
  );
}
