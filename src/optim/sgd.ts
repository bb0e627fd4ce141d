/**
 * Stochastic gradient descent with momentum, as in PyTorch.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | p, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | v | `state.velocity` | momentum: the decaying sum of g |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { add, mul, sub } from "../tensor/operations.ts";
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
  requireFinite,
  requireOneOf,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode sgd}. */
export interface SgdOptions {
  /**
   * What v keeps of itself; at least 0, 0 by default: no momentum. From 1 on, v
   * forgets nothing.
   */
  readonly momentum?: number;
  /** What v leaves out of g after the first step; 0 by default, of use in [0, 1]. */
  readonly dampening?: number;
  /** Look ahead: g + momentum v for v; false by default. */
  readonly nesterov?: boolean;
  /** L2 decay, added to g; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What SGD carries from step to step. */
export interface SgdState {
  /** v: of each parameter's name and shape; empty without momentum. */
  readonly velocity: Parameters;
}

/**
 * Stochastic gradient descent: per step
 *
 *     g <- g + weightDecay p
 *     v <- momentum v + (1 - dampening) g          (at step 1, v = g)
 *     p <- p - lr v,  with nesterov  p - lr (g + momentum v)
 *
 * Without momentum v is g. Sutskever et al. (2013) put lr into v; as in PyTorch,
 * here it stays outside, so that a new rate holds for the whole of v at once. As in
 * PyTorch, momentum may be 1 and more, and dampening any number.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { sgd } from "@adafisher/adafisher/optim";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = sgd();
 * const parameters = { p: fill([1], 3) };
 * const { parameters: moved } = optimizer.update({
 *   parameters,
 *   gradients: { p: fill([1], 2) },
 *   state: optimizer.init(parameters),
 *   learningRate: fill([], 0.5),
 *   scalars: { gain: fill([], optimizer.scalars(1).gain) },
 * });
 * assertEquals([...(await evaluate(moved)).p.data], [2]);
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range; if there is
 * dampening without momentum; if there is nesterov without momentum, or with
 * dampening.
 */
export function sgd(options: SgdOptions = {}): Optimizer<SgdState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("sgd", {
    momentum: 0,
    dampening: 0,
    nesterov: false,
    weightDecay: 0,
  }, given);
  const { momentum, dampening, nesterov, weightDecay } = fields;
  requireAtLeast("momentum", momentum, 0);
  requireFinite("dampening", dampening);
  requireOneOf("nesterov", nesterov, [false, true]);
  requireAtLeast("weightDecay", weightDecay, 0);
  if (momentum === 0) {
    requireOneOf("dampening without momentum", dampening, [0]);
    requireOneOf("nesterov without momentum", nesterov, [false]);
  }
  if (nesterov) requireOneOf("dampening with nesterov", dampening, [0]);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "sgd",
    description: describeFields("sgd", fields, decayMask),

    init: (parameters) => ({
      velocity: momentum === 0 ? {} : zerosLike(parameters),
    }),

    scalars: (k) => ({ gain: k === 1 ? 1 : 1 - dampening }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // g <- g + weightDecay p
      const g = mapParameters(
        parameters,
        (name, p) => decayed(name, gradients[name], p),
      );
      // v <- momentum v + (1 - dampening) g
      const v = momentum === 0 ? {} : mapParameters(
        g,
        (name) =>
          average(momentum, state.velocity[name], scalars.gain, g[name]),
      );
      // p <- p - lr v, or p - lr (g + momentum v)
      const moved = mapParameters(parameters, (name, p) => {
        const ahead = nesterov
          ? add(g[name], mul(momentum, v[name]))
          : v[name] ?? g[name];
        return sub(p, mul(learningRate, ahead));
      });
      return { parameters: moved, state: { velocity: v } };
    },

    rule: (parameter) => {
      const rule = momentum === 0 ? "g" : nesterov ? "g + momentum v" : "v";
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}
