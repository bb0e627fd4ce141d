/**
 * AdaBelief (Zhuang et al., NeurIPS 2020, Algorithm 2): Adam that divides by how far
 * gradients are from what their average foretold.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m | `state.first` | moving average of g |
 * | s | `state.second` | moving average of (g - m)^2 |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import { add, div, mul, sqrt, sub } from "../tensor/operations.ts";
import {
  average,
  decayOf,
  describeFields,
  describeRule,
  mapParameters,
  requireGradients,
  zerosLike,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { Optimizer } from "./optimizer.ts";
import {
  requireAtLeast,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode adabelief}. */
export interface AdabeliefOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What s keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /** Added to s, and to its root; at least 0, 1e-16 by default. */
  readonly epsilon?: number;
  /** Decoupled weight decay; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What AdaBelief carries from step to step; each of the parameters' names and shapes. */
export interface AdabeliefState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** s: moving average of (g - m)^2. */
  readonly second: Parameters;
}

/**
 * AdaBelief: per step t
 *
 *     m <- beta1 m + (1 - beta1) g
 *     s <- beta2 s + (1 - beta2) (g - m)^2 + epsilon
 *     theta <- theta - lr ((m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon) + weightDecay theta)
 *
 * The paper has no weight decay; as in its authors' code, it is decoupled. Their
 * epsilon is 1e-8 in the paper and 1e-16 in the code. A float32 device rounds s + 1e-16
 * to s for gradients of usual size, and divides by 0 where g = m to the last bit: there
 * an epsilon of 1e-8 is safer.
 *
 * @example
 * ```ts
 * import { adabelief } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(adabelief().rule("p"), "m / sqrt(s)");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adabelief(
  options: AdabeliefOptions = {},
): Optimizer<AdabeliefState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adabelief", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-16,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adabelief",
    description: describeFields("adabelief", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (t) => ({
      correction1: 1 - beta1 ** t,
      correction2: 1 - beta2 ** t,
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // m <- beta1 m + (1 - beta1) g
      const first = mapParameters(
        parameters,
        (name) => average(beta1, state.first[name], 1 - beta1, gradients[name]),
      );
      // s <- beta2 s + (1 - beta2) (g - m)^2 + epsilon
      const second = mapParameters(parameters, (name) => {
        const surprise = square(sub(gradients[name], first[name]));
        const s = average(beta2, state.second[name], 1 - beta2, surprise);
        return add(s, epsilon);
      });
      // theta <- theta - lr (m^ / (sqrt(s^) + epsilon) + weightDecay theta)
      const moved = mapParameters(parameters, (name, theta) => {
        const root = sqrt(div(second[name], scalars.correction2));
        const unbiased = div(first[name], scalars.correction1);
        const direction = div(unbiased, add(root, epsilon));
        return sub(theta, mul(learningRate, decayed(name, direction, theta)));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule("m / sqrt(s)", parameter, weightDecay, decayMask),
  };
}
