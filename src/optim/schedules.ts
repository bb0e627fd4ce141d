/**
 * Learning-rate schedules: pure functions from what is finished to the rate of
 * what comes next.
 *
 * t counts finished steps, so the first step has t = 0 and step k has t = k - 1.
 * A schedule does not care what it counts: given totals in epochs, call it with
 * finished epochs, or wrap it in {@linkcode perEpoch}.
 *
 * Every schedule equals PyTorch's scheduler of that kind, called after each step.
 *
 * @module
 */

import { requireAtLeast, requireInteger, requirePositive } from "./validate.ts";

/**
 * A learning rate, by the number t of finished steps (or epochs).
 *
 * @example
 * ```ts
 * import type { Schedule } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * // The rate of the paper's Prop. 3.4: lr / sqrt(k).
 * const shrinking: Schedule = (t) => 0.1 / Math.sqrt(t + 1);
 * assertEquals(shrinking(3), 0.05);
 * ```
 */
export type Schedule = (t: number) => number;

/**
 * The same rate at every step.
 *
 * @example
 * ```ts
 * import { constantRate } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(constantRate(0.1)(1000), 0.1);
 * ```
 *
 * @param rate The learning rate, at least 0.
 * @returns The schedule.
 * @throws {RangeError} If the rate is negative or not finite.
 */
export function constantRate(rate: number): Schedule {
  requireAtLeast("rate", rate, 0);
  return checked(() => rate);
}

/**
 * Cosine annealing (Loshchilov and Hutter, 2017, without restarts): from `rate`
 * at t = 0 along half a cosine to `minimum` at t = total, and there it stays,
 *
 *     minimum + (rate - minimum) (1 + cos(pi t / total)) / 2
 *
 * PyTorch's CosineAnnealingLR rises again after `total`. The paper anneals to 0
 * over the epochs of a run.
 *
 * @example
 * ```ts
 * import { cosineAnnealing } from "@adafisher/adafisher/optim";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(cosineAnnealing(0.1, 200)(100), 0.05);
 * ```
 *
 * @param rate The first rate, at least 0.
 * @param total Steps (or epochs) until the minimum, at least 1.
 * @param minimum The last rate, at least 0; 0 by default.
 * @returns The schedule.
 * @throws {RangeError} If a rate is negative or not finite, or the total not whole.
 */
export function cosineAnnealing(
  rate: number,
  total: number,
  minimum = 0,
): Schedule {
  requireAtLeast("rate", rate, 0);
  requireInteger("total", total, 1);
  requireAtLeast("minimum", minimum, 0);
  return checked((t) => cosine(rate, minimum, Math.min(t, total) / total));
}

/** Options of {@linkcode cosineRestarts}. */
export interface CosineRestartsOptions {
  /** T_0: length of the first period, at least 1. */
  readonly period: number;
  /** T_mult: each period is so many times the one before; whole, 1 by default. */
  readonly factor?: number;
  /** The rate that each period ends with, at least 0; 0 by default. */
  readonly minimum?: number;
}

/**
 * Cosine annealing with warm restarts (SGDR, Loshchilov and Hutter, 2017, Eq. 5):
 * with u the steps since the last restart and T this period's length,
 *
 *     minimum + (rate - minimum) (1 + cos(pi u / T)) / 2
 *
 * @example
 * ```ts
 * import { cosineRestarts } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = cosineRestarts(0.1, { period: 10, factor: 2 });
 * assertEquals([0, 10, 30].map(schedule), [0.1, 0.1, 0.1]);
 * ```
 *
 * @param rate The rate after each restart, at least 0.
 * @param options Periods and the least rate.
 * @returns The schedule.
 * @throws {RangeError} If a rate is negative or not finite, or a length not whole.
 */
export function cosineRestarts(
  rate: number,
  options: CosineRestartsOptions,
): Schedule {
  const { period, factor = 1, minimum = 0 } = options;
  requireAtLeast("rate", rate, 0);
  requireInteger("period", period, 1);
  requireInteger("factor", factor, 1);
  requireAtLeast("minimum", minimum, 0);
  return checked((t) => {
    if (factor === 1) return cosine(rate, minimum, (t % period) / period);
    let start = 0, length = period;
    while (t >= start + length) {
      start += length;
      length *= factor;
    }
    return cosine(rate, minimum, (t - start) / length);
  });
}

/**
 * Stairs: the rate falls by a factor after each `every` steps,
 *
 *     rate * factor^floor(t / every)
 *
 * @example
 * ```ts
 * import { stepDecay } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([0, 29, 30].map(stepDecay(1, 30, 0.5)), [1, 1, 0.5]);
 * ```
 *
 * @param rate The first rate, at least 0.
 * @param every Length of a stair, at least 1.
 * @param factor What the rate is multiplied by, above 0; 0.1 by default.
 * @returns The schedule.
 * @throws {RangeError} If the rate is negative, the factor not above 0, or the
 * length not whole.
 */
export function stepDecay(
  rate: number,
  every: number,
  factor = 0.1,
): Schedule {
  requireAtLeast("rate", rate, 0);
  requireInteger("every", every, 1);
  requirePositive("factor", factor);
  return checked((t) => rate * factor ** Math.floor(t / every));
}

/** Options of {@linkcode oneCycle}. */
export interface OneCycleOptions {
  /** Share of the steps in which the rate rises; above 0, below 1; 0.3 by default. */
  readonly rise?: number;
  /** The first rate is the peak divided by this; above 0, 25 by default. */
  readonly startDivisor?: number;
  /** The last rate is the first divided by this; above 0, 10000 by default. */
  readonly endDivisor?: number;
}

/**
 * One cycle (Smith and Topin, 2018), in PyTorch's two phases: along half cosines
 * from peak / startDivisor at t = 0 up to the peak at t = rise * total - 1, then
 * down to peak / (startDivisor endDivisor) at t = total - 1, where it stays. Smith
 * and Topin's third, long fall of the rate is part of the second phase.
 *
 * @example
 * ```ts
 * import { oneCycle } from "@adafisher/adafisher/optim";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const schedule = oneCycle(1, 100);
 * assertAlmostEquals(schedule(0), 0.04);
 * assertAlmostEquals(schedule(29), 1);
 * ```
 *
 * @param peak The largest rate, at least 0.
 * @param total Steps of the whole cycle; rise * total must be above 1, and below
 * total.
 * @param options Shape of the cycle.
 * @returns The schedule.
 * @throws {RangeError} If the peak is negative, a divisor not above 0, or a phase
 * has no length.
 */
export function oneCycle(
  peak: number,
  total: number,
  options: OneCycleOptions = {},
): Schedule {
  const { rise = 0.3, startDivisor = 25, endDivisor = 1e4 } = options;
  requireAtLeast("peak", peak, 0);
  requireInteger("total", total, 1);
  requirePositive("startDivisor", startDivisor);
  requirePositive("endDivisor", endDivisor);
  const top = rise * total - 1, end = total - 1;
  if (!(top > 0 && top < end)) {
    throw new RangeError(
      `Invalid rise: ${rise}, rise * ${total} steps must be above 1 and below ${total}`,
    );
  }
  const first = peak / startDivisor, last = first / endDivisor;
  return checked((t) =>
    t <= top
      ? cosine(first, peak, t / top)
      : cosine(peak, last, (Math.min(t, end) - top) / (end - top))
  );
}

/**
 * A linear warm-up before a schedule: step t of the first `steps` has
 * (t + 1) / (steps + 1) of the schedule's first rate; then the schedule begins at
 * its t = 0. A schedule with a total should count without the warm-up.
 *
 * As PyTorch's LinearLR from 1 / (steps + 1) to 1, followed by the schedule.
 *
 * @example
 * ```ts
 * import { cosineAnnealing, linearWarmup } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = linearWarmup(3, cosineAnnealing(1, 10));
 * assertEquals([0, 1, 2, 3].map(schedule), [0.25, 0.5, 0.75, 1]);
 * assertEquals(schedule(13), 0);
 * ```
 *
 * @param steps Length of the warm-up, at least 0.
 * @param schedule What comes after it.
 * @returns The schedule.
 * @throws {RangeError} If the length is not whole.
 */
export function linearWarmup(steps: number, schedule: Schedule): Schedule {
  requireInteger("steps", steps, 0);
  return checked((t) =>
    t < steps ? schedule(0) * (t + 1) / (steps + 1) : schedule(t - steps)
  );
}

/**
 * A schedule over epochs as one over steps: the rate holds for a whole epoch.
 *
 * @example
 * ```ts
 * import { perEpoch, stepDecay } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const schedule = perEpoch(100, stepDecay(1, 1, 0.5));
 * assertEquals([0, 99, 100].map(schedule), [1, 1, 0.5]);
 * ```
 *
 * @param steps Steps of one epoch, at least 1.
 * @param schedule The schedule, in finished epochs.
 * @returns The schedule, in finished steps.
 * @throws {RangeError} If the number of steps is not whole.
 */
export function perEpoch(steps: number, schedule: Schedule): Schedule {
  requireInteger("steps", steps, 1);
  return checked((t) => schedule(Math.floor(t / steps)));
}

/** From a to b along half a cosine; x in [0, 1]. */
function cosine(a: number, b: number, x: number): number {
  return b + (a - b) * (1 + Math.cos(Math.PI * x)) / 2;
}

/** The schedule, which refuses a t that is no finite number of at least 0. */
function checked(schedule: Schedule): Schedule {
  return (t) => {
    requireAtLeast("t", t, 0);
    return schedule(t);
  };
}
