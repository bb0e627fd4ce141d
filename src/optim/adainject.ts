/**
 * AdaInject (Dubey et al., IEEE Transactions on Artificial Intelligence, 2022), applied
 * to Adam (the paper's AdamInject): the second moment is injected into the first,
 * weighted with the last change of the parameters.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | s, v | `state.first`, `state.second` | moving averages: of g with the injection, of g^2 |
 * | dtheta | `state.change` | theta two steps ago minus theta one step ago |
 * | k | `control` | injection control |
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
  requirePositive,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode adainject}. */
export interface AdainjectOptions {
  /** What s keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /**
   * Added to the root of v; at least 0, 1e-8 by default. Without it a parameter whose gradients
   * have all been 0 gets 0 / 0.
   */
  readonly epsilon?: number;
  /** k; above 0, 2 by default. */
  readonly control?: number;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What AdaInject carries from step to step; each of the parameters' names and shapes. */
export interface AdainjectState {
  /** s: moving average of g with the injection. */
  readonly first: Parameters;
  /** v: moving average of g^2. */
  readonly second: Parameters;
  /** dtheta: what the last step took away from theta. */
  readonly change: Parameters;
}

/**
 * AdaInject in Adam: per step t
 *
 *     g <- g + weightDecay theta
 *     s <- beta1 s + (1 - beta1) (g + dtheta g^2) / k          at step 1, g for the quotient
 *     v <- beta2 v + (1 - beta2) g^2
 *     dtheta <- lr (s / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *     theta <- theta - dtheta
 *
 * The paper has no weight decay.
 *
 * @example
 * ```ts
 * import { adainject } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const shares = [1, 2, 3].map((t) => adainject().scalars(t).share);
 * assertEquals(shares, [1, 0.5, 0.5]);
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adainject(
  options: AdainjectOptions = {},
): Optimizer<AdainjectState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adainject", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    control: 2,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, control, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requirePositive("control", control);
  requireAtLeast("weightDecay", weightDecay, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adainject",
    description: describeFields("adainject", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
      change: zerosLike(parameters),
    }),

    scalars: (t) => ({
      // At step 1 dtheta is 0, so that g is all that is left.
      share: t === 1 ? 1 : 1 / control,
      correction1: 1 - beta1 ** t,
      correction2: 1 - beta2 ** t,
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay theta
      const g = mapParameters(
        parameters,
        (name, theta) => decayed(name, gradients[name], theta),
      );
      // s <- beta1 s + (1 - beta1) (g + dtheta g^2) / k
      const first = mapParameters(g, (name, g) => {
        const injected = add(g, mul(state.change[name], square(g)));
        const fresh = mul(scalars.share, injected);
        return average(beta1, state.first[name], 1 - beta1, fresh);
      });
      // v <- beta2 v + (1 - beta2) g^2
      const second = mapParameters(
        g,
        (name, g) => average(beta2, state.second[name], 1 - beta2, square(g)),
      );
      // dtheta <- lr s^ / (sqrt(v^) + epsilon), theta <- theta - dtheta
      const change = mapParameters(parameters, (name) => {
        const root = sqrt(div(second[name], scalars.correction2));
        const unbiased = div(first[name], scalars.correction1);
        return mul(learningRate, div(unbiased, add(root, epsilon)));
      });
      const moved = mapParameters(
        parameters,
        (name, theta) => sub(theta, change[name]),
      );
      return { parameters: moved, state: { first, second, change } };
    },

    rule: (parameter) =>
      describeRule("s / sqrt(v)", parameter, weightDecay, decayMask),
  };
}
