/**
 * LAMB (You et al., "Large batch optimization for deep learning: training BERT in 76
 * minutes", ICLR 2020, Algorithm 2): Adam whose step, for each parameter, is as long
 * as the parameter times the learning rate.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m, v | `state.first`, `state.second` | moving averages of g and g^2 |
 * | u | `direction` | Adam's direction with the decay in it (r + lambda x in the paper) |
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
  trustRatio,
  zerosLike,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { Optimizer } from "./optimizer.ts";
import {
  requireAtLeast,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode lamb}. */
export interface LambOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /** Added to the root of v; at least 0, 1e-6 by default. */
  readonly epsilon?: number;
  /** Weight decay, in u; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What LAMB carries from step to step; each of the parameters' names and shapes. */
export interface LambState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v: moving average of g^2. */
  readonly second: Parameters;
}

/**
 * LAMB: per step k, for each parameter by itself,
 *
 *     m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
 *     u = (m / (1 - beta1^k)) / (sqrt(v / (1 - beta2^k)) + epsilon) + weightDecay p
 *     p <- p - lr (|p| / |u|) u
 *
 * with 1 for |p| / |u| where either is 0. The paper's phi is the identity here.
 *
 * @example
 * ```ts
 * import { lamb } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lamb().rule("p"), "|p| / |u| times u = m / sqrt(v)");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function lamb(options: LambOptions = {}): Optimizer<LambState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("lamb", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-6,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "lamb",
    description: describeFields("lamb", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (k) => ({
      correction1: 1 - beta1 ** k,
      correction2: 1 - beta2 ** k,
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2
      const first = mapParameters(
        parameters,
        (name) => average(beta1, state.first[name], 1 - beta1, gradients[name]),
      );
      const second = mapParameters(
        parameters,
        (name) =>
          average(
            beta2,
            state.second[name],
            1 - beta2,
            square(gradients[name]),
          ),
      );
      // p <- p - lr (|p| / |u|) u
      const moved = mapParameters(parameters, (name, p) => {
        const root = sqrt(div(second[name], scalars.correction2));
        const adam = div(
          div(first[name], scalars.correction1),
          add(root, epsilon),
        );
        const direction = decayed(name, adam, p);
        const scale = mul(learningRate, trustRatio(p, direction));
        return sub(p, mul(scale, direction));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule(
        "|p| / |u| times u = m / sqrt(v)",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}
