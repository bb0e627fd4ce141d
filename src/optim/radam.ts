/**
 * RAdam (Liu et al., ICLR 2020): Adam that divides by its second moment only when
 * that has seen enough to be trusted, as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m, v | `state.first`, `state.second` | moving averages of g and g^2 |
 * | r, r_k | in `rectification` | length of the average that v approximates: in the end, and at step k |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import {
  add,
  div,
  equal,
  mul,
  select,
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
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode radam}. */
export interface RadamOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /** Added to the root of v; at least 0, 1e-8 by default. */
  readonly epsilon?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What RAdam carries from step to step; each of the parameters' names and shapes. */
export interface RadamState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v: moving average of g^2. */
  readonly second: Parameters;
}

/**
 * RAdam: per step k
 *
 *     g <- g + weightDecay p
 *     m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
 *     r = 2 / (1 - beta2) - 1,  r_k = r - 2 k beta2^k / (1 - beta2^k)
 *     R = sqrt((r_k - 4) (r_k - 2) r / ((r - 4) (r - 2) r_k))
 *     p <- p - lr m^ R sqrt(1 - beta2^k) / (sqrt(v) + epsilon)   if r_k > 5
 *     p <- p - lr m^                                             else
 *
 * with m^ = m / (1 - beta1^k). Liu et al. divide where r_k > 4, and have no epsilon;
 * this is PyTorch's form.
 *
 * @example
 * ```ts
 * import { radam } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const first = [1, 5, 6].map((k) => radam().scalars(k).rectification);
 * assertEquals(first.map((R) => R > 0), [false, false, true]);
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function radam(options: RadamOptions = {}): Optimizer<RadamState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("radam", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  /** R sqrt(1 - beta2^k); 0 where v is not to be trusted yet. */
  function rectification(k: number): number {
    const correction = 1 - beta2 ** k;
    const r = 2 / (1 - beta2) - 1;
    const now = r - 2 * k * beta2 ** k / correction; // r_k
    if (now <= 5) return 0;
    const share = (now - 4) * (now - 2) * r / ((r - 4) * (r - 2) * now);
    return Math.sqrt(correction) * Math.sqrt(share);
  }

  return {
    name: "radam",
    description: describeFields("radam", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (k) => ({
      correction1: 1 - beta1 ** k,
      rectification: rectification(k),
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay p
      const g = mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2
      const first = mapParameters(
        g,
        (name, x) => average(beta1, state.first[name], 1 - beta1, x),
      );
      const second = mapParameters(
        g,
        (name, x) => average(beta2, state.second[name], 1 - beta2, square(x)),
      );
      // p <- p - lr m^ (R sqrt(1 - beta2^k) / (sqrt(v) + epsilon), or 1)
      const trusted = scalars.rectification;
      const moved = mapParameters(parameters, (name, p) => {
        const unbiased = div(first[name], scalars.correction1);
        const q = add(sqrt(second[name]), epsilon);
        const adaptive = mul(unbiased, div(trusted, q));
        const direction = select(equal(trusted, 0), unbiased, adaptive);
        return sub(p, mul(learningRate, direction));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule(
        "m / sqrt(v), or m in the first steps",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}
