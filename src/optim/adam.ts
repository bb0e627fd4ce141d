/**
 * Adam (Kingma and Ba, 2015), AMSGrad (Reddi et al., 2018) and AdamW (Loshchilov
 * and Hutter, 2019), as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m | `state.first` | moving average of g |
 * | v | `state.second` | moving average of g^2 |
 * | vmax | `state.largest` | largest v so far |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import { add, div, maximum, mul, sqrt, sub } from "../tensor/operations.ts";
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

/** Options of {@linkcode adam} and {@linkcode adamW}. */
export interface AdamOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /**
   * Added to the root of v; at least 0, 1e-8 by default. Without it a parameter whose gradients
   * have all been 0 gets 0 / 0.
   */
  readonly epsilon?: number;
  /** Weight decay; at least 0; by default 0 in Adam, 0.01 in AdamW. */
  readonly weightDecay?: number;
  /** AMSGrad: the largest v so far in place of v; false by default. */
  readonly amsgrad?: boolean;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What Adam carries from step to step; each of the parameters' names and shapes. */
export interface AdamState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v: moving average of g^2. */
  readonly second: Parameters;
  /** vmax: largest v so far; empty without AMSGrad. */
  readonly largest: Parameters;
}

/**
 * Adam with L2 weight decay: per step k
 *
 *     g <- g + weightDecay p
 *     m <- beta1 m + (1 - beta1) g
 *     v <- beta2 v + (1 - beta2) g^2
 *     p <- p - lr (m / (1 - beta1^k)) / (sqrt(v) / sqrt(1 - beta2^k) + epsilon)
 *
 * With `amsgrad`, vmax <- max(vmax, v) takes the place of v in the last line. As
 * in PyTorch, v is corrected for its bias there too, which Reddi et al. leave out.
 *
 * @example
 * ```ts
 * import { adam } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = adam({ beta1: 0.5 });
 * assertEquals(optimizer.scalars(2).correction1, 0.75);
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adam(options: AdamOptions = {}): Optimizer<AdamState> {
  return build("adam", 0, options);
}

/**
 * AdamW: Adam with decoupled weight decay, in which the decay stays out of g,
 *
 *     p <- p - lr (m^ / (sqrt(v^) + epsilon) + weightDecay p)
 *
 * Loshchilov and Hutter leave lr out of the decay; as in PyTorch, it is in here.
 *
 * @example
 * ```ts
 * import { adamW } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(adamW().rule("fc.weight"), "m / sqrt(v), decay 0.01");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adamW(options: AdamOptions = {}): Optimizer<AdamState> {
  return build("adamw", 0.01, options);
}

function build(
  name: "adam" | "adamw",
  defaultDecay: number,
  options: AdamOptions,
): Optimizer<AdamState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults(name, {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: defaultDecay,
    amsgrad: false,
  }, given);
  const { beta1, beta2, epsilon, weightDecay, amsgrad } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  requireOneOf("amsgrad", amsgrad, [false, true]);
  const decoupled = name === "adamw";
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: amsgrad && !decoupled ? "amsgrad" : name,
    description: describeFields(name, fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
      largest: amsgrad ? zerosLike(parameters) : {},
    }),

    scalars: (k) => ({
      correction1: 1 - beta1 ** k,
      correction2: 1 - beta2 ** k,
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      const { correction1, correction2 } = scalars;
      // Adam: g <- g + weightDecay p
      const g = decoupled ? gradients : mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // m <- beta1 m + (1 - beta1) g
      const first = mapParameters(
        parameters,
        (name) => average(beta1, state.first[name], 1 - beta1, g[name]),
      );
      // v <- beta2 v + (1 - beta2) g^2
      const second = mapParameters(
        parameters,
        (name) =>
          average(beta2, state.second[name], 1 - beta2, square(g[name])),
      );
      // vmax <- max(vmax, v)
      const largest = amsgrad
        ? mapParameters(
          parameters,
          (name) => maximum(state.largest[name], second[name]),
        )
        : {};
      // p <- p - lr m^ / (sqrt(v^) + epsilon); AdamW: + weightDecay p
      const moved = mapParameters(parameters, (name, p) => {
        const v = amsgrad ? largest[name] : second[name];
        const root = add(div(sqrt(v), sqrt(correction2)), epsilon);
        const direction = div(div(first[name], correction1), root);
        const whole = decoupled ? decayed(name, direction, p) : direction;
        return sub(p, mul(learningRate, whole));
      });
      return { parameters: moved, state: { first, second, largest } };
    },

    rule: (parameter) =>
      describeRule(
        amsgrad ? "m / sqrt(vmax)" : "m / sqrt(v)",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}
