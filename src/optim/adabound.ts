/**
 * AdaBound (Luo et al., ICLR 2019, Algorithm 2): Adam whose rate for each number is
 * kept between bounds that close in on one rate, so that it ends as SGD.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | x, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m, V | `state.first`, `state.second` | moving averages of g and g^2 |
 * | eta | `rate` | the rate of each number, between the bounds |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import {
  add,
  div,
  maximum,
  minimum,
  mul,
  sqrt,
  sub,
} from "../tensor/operations.ts";
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
  requirePositive,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode adabound}. */
export interface AdaboundOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What V keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /**
   * Added to the root of V; at least 0, 1e-8 by default. Without it a parameter whose gradients
   * have all been 0 gets 0 / 0.
   */
  readonly epsilon?: number;
  /** The rate that all numbers end with, over lr; above 0, 100 by default. */
  readonly finalRatio?: number;
  /** How fast the bounds close; above 0, 1e-3 by default. */
  readonly gamma?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What AdaBound carries from step to step; each of the parameters' names and shapes. */
export interface AdaboundState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** V: moving average of g^2. */
  readonly second: Parameters;
}

/**
 * AdaBound: per step t
 *
 *     g <- g + weightDecay x
 *     m <- beta1 m + (1 - beta1) g,  V <- beta2 V + (1 - beta2) g^2
 *     rate = lr sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(V) + epsilon)
 *     low = lr finalRatio (1 - 1 / (gamma t + 1)),  high = lr finalRatio (1 + 1 / (gamma t))
 *     x <- x - clip(rate, low, high) m
 *
 * The paper divides the rate by sqrt(t) besides, for its proof, and corrects no bias;
 * this is its authors' code. There the final rate is a number of its own, 0.1, that
 * follows the schedule; here it is a multiple of lr, which comes to the same.
 *
 * @example
 * ```ts
 * import { adabound } from "@adafisher/adafisher/optim";
 * import { assert } from "@std/assert";
 *
 * const { low, high } = adabound().scalars(1e6);
 * assert(low > 99.8 && high < 100.2); // of the learning rate
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adabound(
  options: AdaboundOptions = {},
): Optimizer<AdaboundState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adabound", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    finalRatio: 100,
    gamma: 1e-3,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, finalRatio, gamma, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requirePositive("finalRatio", finalRatio);
  requirePositive("gamma", gamma);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adabound",
    description: describeFields("adabound", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (t) => ({
      share: Math.sqrt(1 - beta2 ** t) / (1 - beta1 ** t),
      low: finalRatio * (1 - 1 / (gamma * t + 1)),
      high: finalRatio * (1 + 1 / (gamma * t)),
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay x
      const g = mapParameters(
        parameters,
        (name, x) => decayed(name, gradients[name], x),
      );
      // m <- beta1 m + (1 - beta1) g, V <- beta2 V + (1 - beta2) g^2
      const first = mapParameters(
        g,
        (name, g) => average(beta1, state.first[name], 1 - beta1, g),
      );
      const second = mapParameters(
        g,
        (name, g) => average(beta2, state.second[name], 1 - beta2, square(g)),
      );
      // x <- x - clip(rate, low, high) m, all rates in units of lr
      const moved = mapParameters(parameters, (name, x) => {
        const rate = div(scalars.share, add(sqrt(second[name]), epsilon));
        const kept = minimum(maximum(rate, scalars.low), scalars.high);
        return sub(x, mul(learningRate, mul(kept, first[name])));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule(
        "m / sqrt(V) between bounds",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}
