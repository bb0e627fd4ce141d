/**
 * Comparing optimizers: the wall-clock protocol, what steps cost, and the runs of
 * several seeds in one.
 *
 * @example How many epochs of K-FAC take as long as ten of AdaFisher
 * ```ts
 * import { mlp } from "@adafisher/adafisher/models";
 * import { adafisher, kfacAsdl } from "@adafisher/adafisher/optim";
 * import { epochsWithin, secondsOfSteps } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([4, 3]);
 * const plain = { statistics: false, prepares: false, seconds: 1 };
 * const stepsPerEpoch = 100;
 * const budget = secondsOfSteps(
 *   adafisher(model),
 *   [plain, { statistics: true, prepares: false, seconds: 3 }],
 *   10 * stepsPerEpoch,
 * );
 * assertEquals(budget, 1020);
 * const epochs = epochsWithin(
 *   kfacAsdl(model),
 *   [plain, { statistics: true, prepares: true, seconds: 11 }],
 *   stepsPerEpoch,
 *   budget,
 * );
 * assertEquals(epochs, 5);
 * ```
 *
 * @module
 */

export {
  epochsWithin,
  medianCosts,
  secondsOfSteps,
  type StepCost,
  type StepKind,
  stepKinds,
} from "./protocol.ts";
export { median, type Spread, spreadOf } from "./spread.ts";
export {
  curveOf,
  type CurvePoint,
  type RunResult,
  secondsPerEpoch,
  type Stop,
  summarize,
  type Summary,
} from "./summary.ts";
export { timeSteps, type TimingOptions } from "./timing.ts";
