/**
 * Yogi (Zaheer et al., "Adaptive methods for nonconvex optimization", NeurIPS 2018,
 * Algorithm 2): Adam whose second moment forgets no faster than it learns.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | x, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m | `state.first` | moving average of g |
 * | v | `state.second` | moves towards g^2 by a share of g^2 |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import { add, div, fill, mul, sign, sqrt, sub } from "../tensor/operations.ts";
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

/** Options of {@linkcode yogi}. */
export interface YogiOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /**
   * Added to the root of v; at least 0, 1e-3 by default. Without it a parameter whose gradients
   * have all been 0 gets 0 / 0.
   */
  readonly epsilon?: number;
  /** Where v starts; at least 0, 1e-6 by default. */
  readonly initialAccumulator?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What Yogi carries from step to step; each of the parameters' names and shapes. */
export interface YogiState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v. */
  readonly second: Parameters;
}

/**
 * Yogi: per step
 *
 *     g <- g + weightDecay x
 *     m <- beta1 m + (1 - beta1) g
 *     v <- v - (1 - beta2) sign(v - g^2) g^2
 *     x <- x - lr m / (sqrt(v) + epsilon)
 *
 * As in the paper there is no correction of a bias. Its v starts with squares of the
 * first gradients over a large batch, here with a small number.
 *
 * @example
 * ```ts
 * import { yogi } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(yogi().rule("p"), "m / sqrt(v)");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function yogi(options: YogiOptions = {}): Optimizer<YogiState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("yogi", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-3,
    initialAccumulator: 1e-6,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, initialAccumulator, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("initialAccumulator", initialAccumulator, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "yogi",
    description: describeFields("yogi", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: mapParameters(
        parameters,
        (_, { shape }) => fill(shape, initialAccumulator),
      ),
    }),

    scalars: () => ({}),

    update: ({ parameters, gradients, state, learningRate }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay x
      const g = mapParameters(
        parameters,
        (name, x) => decayed(name, gradients[name], x),
      );
      // m <- beta1 m + (1 - beta1) g
      const first = mapParameters(
        g,
        (name, g) => average(beta1, state.first[name], 1 - beta1, g),
      );
      // v <- v - (1 - beta2) sign(v - g^2) g^2
      const second = mapParameters(g, (name, g) => {
        const v = state.second[name], squares = square(g);
        const change = mul(sign(sub(v, squares)), squares);
        return sub(v, mul(1 - beta2, change));
      });
      // x <- x - lr m / (sqrt(v) + epsilon)
      const moved = mapParameters(parameters, (name, x) => {
        const q = add(sqrt(second[name]), epsilon);
        return sub(x, mul(learningRate, div(first[name], q)));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule("m / sqrt(v)", parameter, weightDecay, decayMask),
  };
}
