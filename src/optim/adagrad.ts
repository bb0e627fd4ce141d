/**
 * Adagrad (Duchi, Hazan, Singer, 2011), with a diagonal matrix, as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | a | `state.accumulator` | sum of g^2 |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import { add, div, fill, mul, sqrt, sub } from "../tensor/operations.ts";
import {
  decayOf,
  describeFields,
  describeRule,
  mapParameters,
  requireGradients,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { Optimizer } from "./optimizer.ts";
import { requireAtLeast, withDefaults } from "./validate.ts";

/** Options of {@linkcode adagrad}. */
export interface AdagradOptions {
  /** The rate of step k is lr / (1 + (k - 1) lrDecay); at least 0, 0 by default. */
  readonly lrDecay?: number;
  /** Where a starts; at least 0, 0 by default. */
  readonly initialAccumulator?: number;
  /** Added to the root of a; at least 0, 1e-10 by default. */
  readonly epsilon?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What Adagrad carries from step to step. */
export interface AdagradState {
  /** a: sum of g^2, of the parameters' names and shapes. */
  readonly accumulator: Parameters;
}

/**
 * Adagrad: per step k
 *
 *     g <- g + weightDecay p
 *     a <- a + g^2
 *     p <- p - lr / (1 + (k - 1) lrDecay) g / (sqrt(a) + epsilon)
 *
 * Duchi et al. have no decay of the rate, and a delta in epsilon's place.
 *
 * @example
 * ```ts
 * import { adagrad } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(adagrad({ lrDecay: 0.5 }).scalars(3), { share: 0.5 });
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adagrad(
  options: AdagradOptions = {},
): Optimizer<AdagradState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adagrad", {
    lrDecay: 0,
    initialAccumulator: 0,
    epsilon: 1e-10,
    weightDecay: 0,
  }, given);
  const { lrDecay, initialAccumulator, epsilon, weightDecay } = fields;
  for (const [name, number] of Object.entries(fields)) {
    requireAtLeast(name, number, 0);
  }
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adagrad",
    description: describeFields("adagrad", fields, decayMask),

    init: (parameters) => ({
      accumulator: mapParameters(
        parameters,
        (_, { shape }) => fill(shape, initialAccumulator),
      ),
    }),

    scalars: (k) => ({ share: 1 / (1 + (k - 1) * lrDecay) }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay p
      const g = mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // a <- a + g^2
      const accumulator = mapParameters(
        g,
        (name, x) => add(state.accumulator[name], square(x)),
      );
      // p <- p - lr / (1 + (k - 1) lrDecay) g / (sqrt(a) + epsilon)
      const rate = mul(learningRate, scalars.share);
      const moved = mapParameters(parameters, (name, p) => {
        const q = add(sqrt(accumulator[name]), epsilon);
        return sub(p, mul(rate, div(g[name], q)));
      });
      return { parameters: moved, state: { accumulator } };
    },

    rule: (parameter) =>
      describeRule("g / sqrt(a)", parameter, weightDecay, decayMask),
  };
}
