/**
 * From the hyperparameters that a case names to an optimizer.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import {
  adafisher,
  type AdaFisherOptions,
  adafisherW,
  adam,
  adamW,
  type Optimizer,
  sgd,
} from "../optim/mod.ts";
import type { OptimizerDescription } from "./case.ts";

/** An optimizer that the format has and this package has not. */
export class UnsupportedOptimizerError extends Error {
  /** Name of the optimizer. */
  readonly optimizer: string;

  /**
   * Says which optimizers are available.
   *
   * @param optimizer Name of the optimizer.
   */
  constructor(optimizer: string) {
    super(
      `Cannot build optimizer ${optimizer}: it is not available yet, only ${
        replayableOptimizerNames.join(", ")
      } are`,
    );
    this.name = "UnsupportedOptimizerError";
    this.optimizer = optimizer;
  }
}

/** Hyperparameters that have been read: their types are known to be right. */
// deno-lint-ignore no-explicit-any
type Hyperparameters = Readonly<Record<string, any>>;

/** What the format calls by the official code's names. */
function adafisherOptions(given: Hyperparameters): AdaFisherOptions {
  return {
    beta: given.beta,
    lambda: given.lambda,
    decay: 1 - given.gamma1,
    gain: given.gamma2,
    start: "ones",
    normalize: given.normalization === "batch"
      ? "before-average"
      : "after-average",
    epsilon: 1e-6,
    single: "zero",
    form: "official",
    interval: given.curvatureInterval,
    weightDecay: given.weightDecay,
  };
}

function adamOptions(given: Hyperparameters) {
  const { beta1, beta2, eps: epsilon, weightDecay } = given;
  return { beta1, beta2, epsilon, weightDecay };
}

const BUILDERS: Readonly<
  Record<string, (model: Layer, given: Hyperparameters) => Optimizer>
> = {
  adafisher: (model, given) => adafisher(model, adafisherOptions(given)),
  adafisherw: (model, given) => adafisherW(model, adafisherOptions(given)),
  sgd: (_, { momentum, dampening, nesterov, weightDecay }) =>
    sgd({
      momentum,
      // PyTorch has no use for dampening where there is no momentum.
      dampening: momentum === 0 ? 0 : dampening,
      nesterov,
      weightDecay,
    }),
  adam: (_, given) =>
    adam({ ...adamOptions(given), amsgrad: given.amsgrad ?? false }),
  adamw: (_, given) => adamW(adamOptions(given)),
};

/** Names of the optimizers whose traces can be replayed and recorded. */
export const replayableOptimizerNames: readonly string[] = Object.freeze(
  Object.keys(BUILDERS),
);

/**
 * Builds the optimizer that a case describes. Its learning rate is not part of
 * it: a step takes that as an input.
 *
 * @example
 * ```ts
 * import { buildModel, buildOptimizer } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * const model = buildModel([
 *   { type: "linear", name: "fc", in: 2, out: 3, bias: true },
 * ]);
 * const optimizer = buildOptimizer({
 *   name: "sgd",
 *   hyperparameters: {
 *     lr: 0.1,
 *     momentum: 0.9,
 *     dampening: 0,
 *     nesterov: false,
 *     weightDecay: 0,
 *   },
 * }, model);
 * assertEquals(optimizer.name, "sgd");
 * ```
 *
 * @param description Name and hyperparameters, as read from a case.
 * @param model The model.
 * @returns The optimizer.
 * @throws {UnsupportedOptimizerError} If this package has no such optimizer.
 * @throws {RangeError} If the optimizer refuses a hyperparameter.
 */
export function buildOptimizer(
  description: OptimizerDescription,
  model: Layer,
): Optimizer {
  const { name, hyperparameters } = description;
  if (!Object.hasOwn(BUILDERS, name)) throw new UnsupportedOptimizerError(name);
  return BUILDERS[name](model, hyperparameters);
}
