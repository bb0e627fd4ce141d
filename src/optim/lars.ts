/**
 * LARS (You, Gitman, Ginsburg, "Large batch training of convolutional networks",
 * 2017, Algorithm 1): momentum with a learning rate for each parameter, in proportion
 * to the parameter's length over its gradient's.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | v | `state.velocity` | momentum, with the learning rates in it |
 * | eta | `trustCoefficient` | how far a parameter may move, in its own length |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import {
  add,
  div,
  fill,
  less,
  mul,
  select,
  sub,
} from "../tensor/operations.ts";
import {
  decayOf,
  describeFields,
  describeRule,
  mapParameters,
  norm,
  requireGradients,
  zerosLike,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { Optimizer } from "./optimizer.ts";
import { requireAtLeast, requirePositive, withDefaults } from "./validate.ts";

/** Options of {@linkcode lars}. */
export interface LarsOptions {
  /** What v keeps of itself; at least 0, 0.9 by default. */
  readonly momentum?: number;
  /** eta; above 0, 1e-3 by default. */
  readonly trustCoefficient?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What LARS carries from step to step. */
export interface LarsState {
  /** v: of each parameter's name and shape. */
  readonly velocity: Parameters;
}

/**
 * LARS: per step, for each parameter by itself,
 *
 *     local = eta |p| / (|g| + weightDecay |p|)        1 where |p| or the divisor is 0
 *     v <- momentum v + lr local (g + weightDecay p)
 *     p <- p - v
 *
 * @example
 * ```ts
 * import { lars } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(lars().rule("p"), "v of |p| / |g| times g");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function lars(options: LarsOptions = {}): Optimizer<LarsState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("lars", {
    momentum: 0.9,
    trustCoefficient: 1e-3,
    weightDecay: 0,
  }, given);
  const { momentum, trustCoefficient, weightDecay } = fields;
  requireAtLeast("momentum", momentum, 0);
  requirePositive("trustCoefficient", trustCoefficient);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "lars",
    description: describeFields("lars", fields, decayMask),

    init: (parameters) => ({ velocity: zerosLike(parameters) }),

    scalars: () => ({}),

    update: ({ parameters, gradients, state, learningRate }) => {
      requireGradients(parameters, gradients);
      // v <- momentum v + lr local (g + weightDecay p)
      const velocity = mapParameters(parameters, (name, p) => {
        const g = gradients[name];
        const length = norm(p), slope = norm(g);
        const whole = decayMask(name)
          ? add(slope, mul(weightDecay, length))
          : slope;
        const both = less(fill([], 0), mul(length, whole));
        const local = select(
          both,
          div(mul(trustCoefficient, length), select(both, whole, 1)),
          1,
        );
        const rate = mul(learningRate, local);
        const step = mul(rate, decayed(name, g, p));
        return add(mul(momentum, state.velocity[name]), step);
      });
      // p <- p - v
      const moved = mapParameters(
        parameters,
        (name, p) => sub(p, velocity[name]),
      );
      return { parameters: moved, state: { velocity } };
    },

    rule: (parameter) =>
      describeRule(
        "v of |p| / |g| times g",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}
