/**
 * AdamP (Heo et al., "AdamP: slowing down the slowdown for momentum optimizers on
 * scale-invariant weights", ICLR 2021, Algorithm 2): Adam that does not lengthen
 * weights whose length does not matter.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | w, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m, v | `state.first`, `state.second` | moving averages of g and g^2 |
 * | p | `direction` | Adam's direction |
 * | Pi_w(p) | `projected` | p without its part along w |
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import {
  abs,
  add,
  div,
  fill,
  less,
  max,
  maximum,
  mul,
  reshape,
  select,
  sqrt,
  sub,
  sum,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  average,
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

/** Options of {@linkcode adamP}. */
export interface AdamPOptions {
  /** What m keeps of itself; in [0, 1), 0.9 by default. */
  readonly beta1?: number;
  /** What v keeps of itself; in [0, 1), 0.999 by default. */
  readonly beta2?: number;
  /**
   * Added to the root of v; at least 0, 1e-8 by default. Without it a parameter whose gradients
   * have all been 0 gets 0 / 0.
   */
  readonly epsilon?: number;
  /** How near to perpendicular g and w must be to be projected; at least 0, 0.1 by default. */
  readonly delta?: number;
  /** Share of the decay where p is projected; in [0, 1], 0.1 by default. */
  readonly projectedDecay?: number;
  /** Nesterov's momentum; false by default. */
  readonly nesterov?: boolean;
  /** Decoupled weight decay; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What AdamP carries from step to step; each of the parameters' names and shapes. */
export interface AdamPState {
  /** m: moving average of g. */
  readonly first: Parameters;
  /** v: moving average of g^2. */
  readonly second: Parameters;
}

/**
 * AdamP: per step t
 *
 *     m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2
 *     p = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *     with nesterov, beta1 m + (1 - beta1) g for m in this line
 *     q = Pi_w(p) and c = projectedDecay   where |cos(w, g)| < delta / sqrt(dim w)
 *     q = p       and c = 1                else
 *     w <- w - lr (q + c weightDecay w)
 *
 * A parameter of two axes or more is projected row by row where every row of it (an
 * output channel) passes the test, else as a whole where the whole of it does. This is
 * the authors' code; the paper leaves open which numbers are one w.
 *
 * @example
 * ```ts
 * import { adamP } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(adamP().rule("p"), "m / sqrt(v), across w where g is");
 * ```
 *
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adamP(options: AdamPOptions = {}): Optimizer<AdamPState> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("adamp", {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    delta: 0.1,
    projectedDecay: 0.1,
    nesterov: false,
    weightDecay: 0,
  }, given);
  const { beta1, beta2, epsilon, delta, nesterov, weightDecay } = fields;
  requireUnitInterval("beta1", beta1, "below 1");
  requireUnitInterval("beta2", beta2, "below 1");
  requireAtLeast("epsilon", epsilon, 0);
  requireAtLeast("delta", delta, 0);
  requireUnitInterval("projectedDecay", fields.projectedDecay);
  requireOneOf("nesterov", nesterov, [false, true]);
  requireAtLeast("weightDecay", weightDecay, 0);

  return {
    name: "adamp",
    description: describeFields("adamp", fields, decayMask),

    init: (parameters) => ({
      first: zerosLike(parameters),
      second: zerosLike(parameters),
    }),

    scalars: (t) => ({
      correction1: 1 - beta1 ** t,
      correction2: 1 - beta2 ** t,
    }),

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2
      const first = mapParameters(
        parameters,
        (name) => average(beta1, state.first[name], 1 - beta1, gradients[name]),
      );
      const second = mapParameters(
        parameters,
        (name) =>
          average(
            beta2,
            state.second[name],
            1 - beta2,
            square(gradients[name]),
          ),
      );
      // w <- w - lr (q + c weightDecay w)
      const moved = mapParameters(parameters, (name, w) => {
        const g = gradients[name];
        const m = nesterov
          ? average(beta1, first[name], 1 - beta1, g)
          : first[name];
        const root = sqrt(div(second[name], scalars.correction2));
        const direction = div(
          div(m, scalars.correction1),
          add(root, epsilon),
        );
        const { q, share } = project(
          w,
          g,
          direction,
          delta,
          fields.projectedDecay,
        );
        const decays = weightDecay !== 0 && decayMask(name);
        const whole = decays ? add(q, mul(mul(share, weightDecay), w)) : q;
        return sub(w, mul(learningRate, whole));
      });
      return { parameters: moved, state: { first, second } };
    },

    rule: (parameter) =>
      describeRule(
        "m / sqrt(v), across w where g is",
        parameter,
        weightDecay,
        decayMask,
      ),
  };
}

/** Least length that is divided by: that of a row of zeros. */
const LEAST_LENGTH = 1e-8;

/** q, and which share of the decay it has: a scalar. */
function project(
  w: Tensor,
  g: Tensor,
  direction: Tensor,
  delta: number,
  projectedDecay: number,
): { readonly q: Tensor; readonly share: Tensor | number } {
  const { shape } = w;
  if (shape.length < 2) return { q: direction, share: 1 };
  const size = sizeOf(shape);
  const rows = across(w, g, direction, [shape[0], size / shape[0]], delta);
  const whole = across(w, g, direction, [1, size], delta);
  return {
    q: select(
      rows.passes,
      rows.projected,
      select(whole.passes, whole.projected, direction),
    ),
    share: select(
      rows.passes,
      projectedDecay,
      select(whole.passes, fill([], projectedDecay), 1),
    ),
  };
}

/** Whether all rows of g are nearly perpendicular to those of w, and Pi_w(p) by rows. */
function across(
  w: Tensor,
  g: Tensor,
  direction: Tensor,
  rows: readonly [number, number],
  delta: number,
): { readonly passes: Tensor; readonly projected: Tensor } {
  const [w2, g2, p] = [w, g, direction].map((x) => reshape(x, rows));
  const length = (x: Tensor): Tensor =>
    maximum(sqrt(sum(square(x), 1, { keepAxes: true })), LEAST_LENGTH);
  const along = (x: Tensor, y: Tensor): Tensor =>
    sum(mul(x, y), 1, { keepAxes: true });
  const cosine = div(abs(along(w2, g2)), mul(length(w2), length(g2)));
  const unit = div(w2, length(w2));
  return {
    passes: less(max(cosine), delta / Math.sqrt(rows[1])),
    projected: reshape(sub(p, mul(along(unit, p), unit)), w.shape),
  };
}
