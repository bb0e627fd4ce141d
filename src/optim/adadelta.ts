/**
 * Adadelta (Zeiler, 2012), as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | v | `state.second` | moving average of g^2 |
 * | u | `state.changes` | moving average of d^2 |
 * | d | `change` | the change, in the parameters' own unit |
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

/** Options of {@linkcode adadelta}. */
export interface AdadeltaOptions {
  /** What v and u keep of themselves; in [0, 1], 0.9 by default. */
  readonly rho?: number;
  /** Added under both roots; at least 0, 1e-6 by default. */
  readonly epsilon?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What Adadelta carries from step to step; each of the parameters' names and shapes. */
export interface AdadeltaState {
  /** v: moving average of g^2. */
  readonly second: Parameters;
  /** u: moving average of d^2. */
  readonly changes: Parameters;
}

/**
 * Adadelta: per step
 *
 *     g <- g + weightDecay p
 *     v <- rho v + (1 - rho) g^2
 *     d = sqrt(u + epsilon) / sqrt(v + epsilon) g
 *     u <- rho u + (1 - rho) d^2
 *     p <- p - lr d
 *
 * Zeiler has no learning rate: his is lr = 1.
 *
 * @example
 * ```ts
 * import { adadelta } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(adadelta().rule("p"), "sqrt(u / v) g");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adadelta(
  options: AdadeltaOptions = {},
): Optimizer<AdadeltaState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adadelta", {
    rho: 0.9,
    epsilon: 1e-6,
    weightDecay: 0,
  }, given);
  const { rho, epsilon, weightDecay } = fields;
  requireUnitInterval("rho", rho);
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adadelta",
    description: describeFields("adadelta", fields, decayMask),

    init: (parameters) => ({
      second: zerosLike(parameters),
      changes: zerosLike(parameters),
    }),

    scalars: () => ({}),

    update: ({ parameters, gradients, state, learningRate }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay p
      const g = mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // v <- rho v + (1 - rho) g^2
      const second = mapParameters(
        g,
        (name, x) => average(rho, state.second[name], 1 - rho, square(x)),
      );
      // d = sqrt(u + epsilon) / sqrt(v + epsilon) g
      const change = mapParameters(g, (name, x) => {
        const size = sqrt(add(state.changes[name], epsilon));
        return mul(div(size, sqrt(add(second[name], epsilon))), x);
      });
      // u <- rho u + (1 - rho) d^2
      const changes = mapParameters(
        change,
        (name, d) => average(rho, state.changes[name], 1 - rho, square(d)),
      );
      // p <- p - lr d
      const moved = mapParameters(
        parameters,
        (name, p) => sub(p, mul(learningRate, change[name])),
      );
      return { parameters: moved, state: { second, changes } };
    },

    rule: (parameter) =>
      describeRule("sqrt(u / v) g", parameter, weightDecay, decayMask),
  };
}
