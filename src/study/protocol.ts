/**
 * The wall-clock protocol (section 4 of the paper): every optimizer trains for the
 * time that N epochs of AdaFisher take, and its schedule is stretched over the epochs
 * that fit. Pure arithmetic over what one step of each kind costs.
 *
 * @module
 */

import type { Optimizer } from "../optim/mod.ts";
import { preparesOnHost, takesStatistics } from "../train/mod.ts";
import { median } from "./spread.ts";

/** What a step does besides its update. */
export interface StepKind {
  /** Whether it takes statistics. */
  readonly statistics: boolean;
  /** Whether it computes on the host. */
  readonly prepares: boolean;
}

/** What a step of a kind costs. */
export interface StepCost extends StepKind {
  /** Seconds; above 0. */
  readonly seconds: number;
}

/** More epochs are not planned: steps that cost next to nothing would never end. */
const MOST_EPOCHS = 100_000;

/** Kinds are looked for among so many steps at the most; usual intervals repeat sooner. */
const LONGEST = 100_000;

/**
 * The kinds of steps that an optimizer has, in the order of their first step.
 *
 * @example AdaFisher takes statistics at some steps
 * ```ts
 * import { mlp } from "@adafisher/adafisher/models";
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { stepKinds } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(stepKinds(adafisher(mlp([2, 2]))), [
 *   { statistics: true, prepares: false },
 *   { statistics: false, prepares: false },
 * ]);
 * ```
 *
 * @param optimizer The optimizer.
 * @returns The kinds.
 */
export function stepKinds(optimizer: Optimizer): readonly StepKind[] {
  const { curvature, precondition } = optimizer;
  const period = (curvature?.interval ?? 1) * (precondition?.interval ?? 1);
  const kinds = new Map<string, StepKind>();
  for (let step = 1; step <= Math.min(period + 1, LONGEST); step++) {
    const kind = kindOf(optimizer, step);
    kinds.set(nameOf(kind), kind);
  }
  return [...kinds.values()];
}

function kindOf(optimizer: Optimizer, step: number): StepKind {
  return {
    statistics: takesStatistics(optimizer, step),
    prepares: preparesOnHost(optimizer, step),
  };
}

function nameOf({ statistics, prepares }: StepKind): string {
  return `${statistics ? "with" : "without"} statistics and ${
    prepares ? "with" : "without"
  } work on the host`;
}

/**
 * Several measurements of an optimizer's steps in one: the median of each kind.
 *
 * @example
 * ```ts
 * import { medianCosts } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * const kind = { statistics: false, prepares: false };
 * const measured = [2, 9, 3].map((seconds) => [{ ...kind, seconds }]);
 * assertEquals(medianCosts(measured), [{ ...kind, seconds: 3 }]);
 * ```
 *
 * @param measurements At least one measurement; all of the same kinds in one order.
 * @returns The costs.
 * @throws {RangeError} If there is none, or their kinds differ.
 */
export function medianCosts(
  measurements: readonly (readonly StepCost[])[],
): readonly StepCost[] {
  const kinds = measurements.map((costs) => costs.map(nameOf).join(", "));
  if (kinds.length === 0 || kinds.some((names) => names !== kinds[0])) {
    throw new RangeError(
      `Cannot take medians: measurements must be of the same steps, got ${
        kinds.join("; ") || "none"
      }`,
    );
  }
  return measurements[0].map((cost, i) => ({
    ...cost,
    seconds: median(measurements.map((costs) => costs[i].seconds)),
  }));
}

/** Seconds of each step, from 1, by what its kind costs. */
function costAt(
  optimizer: Optimizer,
  costs: readonly StepCost[],
): (step: number) => number {
  const known = new Map(costs.map((cost) => [nameOf(cost), cost.seconds]));
  for (const [name, seconds] of known) {
    if (Number.isFinite(seconds) && seconds > 0) continue;
    throw new RangeError(
      `Cannot plan ${optimizer.name}: seconds of a step ${name} must be finite and above 0, got ${seconds}`,
    );
  }
  return (step) => {
    const name = nameOf(kindOf(optimizer, step));
    const seconds = known.get(name);
    if (seconds === undefined) {
      throw new RangeError(
        `Cannot plan ${optimizer.name}: it needs the cost of a step ${name}, got none`,
      );
    }
    return seconds;
  };
}

/**
 * What the first steps of an optimizer cost together.
 *
 * @example 100 steps of AdaFisher, the first of them with statistics
 * ```ts
 * import { mlp } from "@adafisher/adafisher/models";
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { secondsOfSteps } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * const costs = [
 *   { statistics: true, prepares: false, seconds: 5 },
 *   { statistics: false, prepares: false, seconds: 1 },
 * ];
 * assertEquals(secondsOfSteps(adafisher(mlp([2, 2])), costs, 100), 104);
 * ```
 *
 * @param optimizer The optimizer.
 * @param costs What each of its {@linkcode stepKinds} costs.
 * @param steps How many steps.
 * @returns Seconds.
 * @throws {RangeError} If the cost of a kind is not given, or is not above 0.
 */
export function secondsOfSteps(
  optimizer: Optimizer,
  costs: readonly StepCost[],
  steps: number,
): number {
  const cost = costAt(optimizer, costs);
  let seconds = 0;
  for (let step = 1; step <= steps; step++) seconds += cost(step);
  return seconds;
}

/**
 * How many epochs of an optimizer fit into a time: the largest E whose E * stepsPerEpoch
 * steps cost at most the budget, and at least 1, so that something is learned.
 *
 * @example
 * ```ts
 * import { adam } from "@adafisher/adafisher/optim";
 * import { epochsWithin } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * const costs = [{ statistics: false, prepares: false, seconds: 0.5 }];
 * assertEquals(epochsWithin(adam(), costs, 10, 52), 10);
 * ```
 *
 * @param optimizer The optimizer.
 * @param costs What each of its {@linkcode stepKinds} costs.
 * @param stepsPerEpoch Steps of an epoch, at least 1; a smaller last batch counts as a
 * whole one.
 * @param budget Seconds; at least 0.
 * @returns The epochs.
 * @throws {RangeError} If the cost of a kind is not given or is not above 0, the
 * budget is not finite, or more than 100,000 epochs fit.
 */
export function epochsWithin(
  optimizer: Optimizer,
  costs: readonly StepCost[],
  stepsPerEpoch: number,
  budget: number,
): number {
  if (!Number.isFinite(budget) || budget < 0) {
    throw new RangeError(
      `Cannot plan ${optimizer.name}: the budget must be finite and at least 0, got ${budget}`,
    );
  }
  if (!Number.isSafeInteger(stepsPerEpoch) || stepsPerEpoch < 1) {
    throw new RangeError(
      `Cannot plan ${optimizer.name}: steps per epoch must be a whole number of at least 1, got ${stepsPerEpoch}`,
    );
  }
  const cost = costAt(optimizer, costs);
  // One sum from step 1, as in secondsOfSteps: so N epochs fit into the time of N epochs.
  let seconds = 0, step = 0, epochs = 0;
  while (true) {
    const end = (epochs + 1) * stepsPerEpoch;
    while (step < end) seconds += cost(++step);
    if (seconds > budget) return Math.max(1, epochs);
    if (++epochs <= MOST_EPOCHS) continue;
    throw new RangeError(
      `Cannot plan ${optimizer.name}: at most ${MOST_EPOCHS} epochs may fit into ${budget} s, got more, at ${
        (seconds / step).toPrecision(3)
      } s a step`,
    );
  }
}
