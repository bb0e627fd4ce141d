/**
 * RMSprop (Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, 2013),
 * as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | v | `state.second` | moving average of g^2 |
 * | a | `state.first` | moving average of g, where it is centered |
 * | b | `state.velocity` | momentum: the decaying sum of g / q |
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
  requireOneOf,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode rmsprop}. */
export interface RmspropOptions {
  /** What v and a keep of themselves; in [0, 1], 0.99 by default. */
  readonly alpha?: number;
  /** What b keeps of itself; at least 0, 0 by default: no momentum. */
  readonly momentum?: number;
  /** Divide by the root of the variance v - a^2 instead of v; false by default. */
  readonly centered?: boolean;
  /** Added to the root; at least 0, 1e-8 by default. */
  readonly epsilon?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What RMSprop carries from step to step; each of the parameters' names and shapes. */
export interface RmspropState {
  /** v: moving average of g^2. */
  readonly second: Parameters;
  /** a: moving average of g; empty unless centered. */
  readonly first: Parameters;
  /** b: decaying sum of g / q; empty without momentum. */
  readonly velocity: Parameters;
}

/**
 * RMSprop: per step
 *
 *     g <- g + weightDecay p
 *     v <- alpha v + (1 - alpha) g^2
 *     q = sqrt(v) + epsilon;  centered: a <- alpha a + (1 - alpha) g,  q = sqrt(v - a^2) + epsilon
 *     p <- p - lr g / q;  with momentum: b <- momentum b + g / q,  p <- p - lr b
 *
 * Graves puts epsilon under the root, and lr into b; this is PyTorch's form.
 *
 * @example
 * ```ts
 * import { rmsprop } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rmsprop({ centered: true }).rule("p"), "g / sqrt(v - a^2)");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function rmsprop(
  options: RmspropOptions = {},
): Optimizer<RmspropState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("rmsprop", {
    alpha: 0.99,
    momentum: 0,
    centered: false,
    epsilon: 1e-8,
    weightDecay: 0,
  }, given);
  const { alpha, momentum, centered, epsilon, weightDecay } = fields;
  requireUnitInterval("alpha", alpha);
  requireAtLeast("momentum", momentum, 0);
  requireOneOf("centered", centered, [false, true]);
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "rmsprop",
    description: describeFields("rmsprop", fields, decayMask),

    init: (parameters) => ({
      second: zerosLike(parameters),
      first: centered ? zerosLike(parameters) : {},
      velocity: momentum === 0 ? {} : zerosLike(parameters),
    }),

    scalars: () => ({}),

    update: ({ parameters, gradients, state, learningRate }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay p
      const g = mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // v <- alpha v + (1 - alpha) g^2, a <- alpha a + (1 - alpha) g
      const second = mapParameters(
        g,
        (name, x) => average(alpha, state.second[name], 1 - alpha, square(x)),
      );
      const first = centered
        ? mapParameters(
          g,
          (name, x) => average(alpha, state.first[name], 1 - alpha, x),
        )
        : {};
      // g / q, and b <- momentum b + g / q
      const divided = mapParameters(g, (name, x) => {
        const v = second[name];
        const spread = centered ? sub(v, square(first[name])) : v;
        return div(x, add(sqrt(spread), epsilon));
      });
      const velocity = momentum === 0 ? {} : mapParameters(
        divided,
        (name, x) => add(mul(momentum, state.velocity[name]), x),
      );
      // p <- p - lr g / q, or p - lr b
      const moved = mapParameters(
        parameters,
        (name, p) => sub(p, mul(learningRate, velocity[name] ?? divided[name])),
      );
      return { parameters: moved, state: { second, first, velocity } };
    },

    rule: (parameter) => {
      const divided = centered ? "g / sqrt(v - a^2)" : "g / sqrt(v)";
      const rule = momentum === 0 ? divided : `b of ${divided}`;
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}
