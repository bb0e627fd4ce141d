/**
 * AdaHessian (Yao et al., AAAI 2021): Adam, with a random estimate of the Hessian's
 * diagonal in place of the gradient in the second moment.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | z | drawn by the step | probe: entries 1 or -1, each with probability 1/2 |
 * | H z | `hessianProduct` | exact product with the Hessian: the gradient of g . z |
 * | D | `diagonal` | estimate of the Hessian's diagonal: E[z * H z] is the diagonal (Eq. 5) |
 * | m, v | `state.first`, `state.second` | moving averages of g and D^2 |
 * | k | `hessianPower` | Hessian power |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { mean, square } from "../tensor/functions.ts";
import {
  abs,
  add,
  broadcastTo,
  div,
  mul,
  pow,
  sqrt,
  sub,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
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

/** Options of {@linkcode adaHessian}. */
export interface AdaHessianOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /** Added to the divisor; at least 0, 1e-4 by default. */
  readonly epsilon?: number;
  /** Decoupled weight decay; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** k, at least 0: 1, the default, divides by the Hessian, 0 by nothing. */
  readonly hessianPower?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What AdaHessian carries from step to step; each of the parameters' names and shapes. */
export interface AdaHessianState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v: moving average of D^2. */
  readonly second: Parameters;
}

/**
 * AdaHessian with decoupled weight decay: per step t
 *
 *     D = |H z|, in kernels the mean of it over [kh, kw]       (Eq. 5, 10)
 *     m <- beta1 m + (1 - beta1) g
 *     v <- beta2 v + (1 - beta2) D^2                            (Eq. 11)
 *     q = (sqrt(v) / sqrt(1 - beta2^t))^k + epsilon
 *     theta <- theta - lr ((m / (1 - beta1^t)) / q + weightDecay theta)
 *
 * H z spans all trained parameters, and is exact: no differences are taken. Where
 * the paper averages z * H z over a kernel, this takes the absolute values first,
 * as the authors' code does; epsilon, too, is theirs, and outside the power.
 *
 * @example
 * ```ts
 * import { adaHessian } from "@adafisher/adafisher/optim";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const optimizer = adaHessian({ hessianPower: 0.5 });
 * assert(optimizer.hessian); // the step draws z, and hands in H z
 * assertEquals(optimizer.rule("fc.weight"), "m / |H z|^0.5");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adaHessian(
  options: AdaHessianOptions = {},
): Optimizer<AdaHessianState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adahessian", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-4,
    weightDecay: 0,
    hessianPower: 1,
  }, given);
  const { beta1, beta2, epsilon, weightDecay, hessianPower } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("weightDecay", weightDecay, 0);
  requireAtLeast("hessianPower", hessianPower, 0);
  const decayed = decayOf(weightDecay, decayMask);

  return {
    name: "adahessian",
    description: describeFields("adahessian", fields, decayMask),
    hessian: true,

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (t) => ({
      correction1: 1 - beta1 ** t,
      correction2: 1 - beta2 ** t,
    }),

    update: (input) => {
      const { parameters, gradients, state, learningRate, scalars } = input;
      const { hessianProduct = {} } = input;
      requireGradients(parameters, gradients);
      requireGradients(parameters, hessianProduct, "its Hessian product");
      // m <- beta1 m + (1 - beta1) g
      const first = mapParameters(
        parameters,
        (p) => average(beta1, state.first[p], 1 - beta1, gradients[p]),
      );
      // v <- beta2 v + (1 - beta2) D^2
      const second = mapParameters(parameters, (p) => {
        const diagonal = spatialAverage(abs(hessianProduct[p])); // D
        return average(beta2, state.second[p], 1 - beta2, square(diagonal));
      });
      // theta <- theta - lr (m^ / q + weightDecay theta)
      const moved = mapParameters(parameters, (p, theta) => {
        const root = div(sqrt(second[p]), sqrt(scalars.correction2));
        const q = add(pow(root, hessianPower), epsilon);
        const direction = div(div(first[p], scalars.correction1), q);
        return sub(theta, mul(learningRate, decayed(p, direction, theta)));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule(
        `m / |H z|${hessianPower === 1 ? "" : `^${hessianPower}`}`,
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}

/** Of a kernel [out, in, kh, kw] the mean over [kh, kw] in every cell; others as they are. */
function spatialAverage(diagonal: Tensor): Tensor {
  return diagonal.shape.length === 4
    ? broadcastTo(mean(diagonal, [2, 3], { keepAxes: true }), diagonal.shape)
    : diagonal;
}
