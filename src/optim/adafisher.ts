/**
 * AdaFisher and AdaFisherW (Martins Gomes et al., ICLR 2025, Algorithm 1):
 * momentum divided by a diagonal, Kronecker-factored Fisher matrix.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | m, m^ | `state.momentum` | moving average of g; without its bias |
 * | H_D, S_D | `state.factors` | diagonals of each layer's Kronecker factors |
 * | F | `fisher` | F = minmax(H_D) (x) minmax(S_D) + lambda, laid out as theta |
 *
 * Where the paper and its official code differ, there is one field for each
 * difference and two frozen presets (`adafisher_fields.ts`). In both, parameters
 * belong to layers by name, where the official code pairs them by position.
 *
 * @module
 */

import type {
  Factors,
  KroneckerLayer,
  Layer,
  Parameters,
} from "../layers/layer.ts";
import {
  add,
  div,
  equal,
  fill,
  max,
  mul,
  neg,
  select,
  sub,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  type AdaFisherFields,
  type AdaFisherOptions,
  chooseFields,
} from "./adafisher_fields.ts";
import {
  average,
  decayOf,
  describeFields,
  describeRule,
  mapParameters,
  requireGradients,
  zerosLike,
} from "./common.ts";
import type { DiagonalRule, Optimizer } from "./optimizer.ts";

/** What AdaFisher carries from step to step. */
export interface AdaFisherState {
  /** m: of each parameter's name and shape. */
  readonly momentum: Parameters;
  /** Moving averages of H_D and S_D, vectors, by layer name. */
  readonly factors: Readonly<Record<string, Factors>>;
}

/** The optimizer: its statistics are the diagonals of Kronecker factors. */
export type AdaFisher = Optimizer<AdaFisherState, DiagonalRule<AdaFisherState>>;

/**
 * AdaFisher for a model, with L2 weight decay: per step k
 *
 *     g  <- g + kappa theta
 *     H_D <- decay H_D + gain H_D',  S_D <- decay S_D + gain S_D'   (Eq. 3)
 *     F  = minmax(H_D) (x) minmax(S_D) + lambda                     (Eq. 4, 12)
 *     m  <- beta m + (1 - beta) g
 *     theta <- theta - lr (m / (1 - beta^k)) / F                    (Alg. 1)
 *
 * H_D' [n] and S_D' [n] are the step's fresh diagonals, taken every `interval`
 * steps. With `normalize: "before-average"` the min-max is of H_D' and S_D'
 * instead. F = 1 for a parameter of no layer with factors. A layer that the
 * forward pass does not use keeps the averages it has.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = adafisher(linear("fc", 3, 2), { preset: "paper" });
 * assertEquals(optimizer.curvature?.interval, 1);
 * assertEquals(optimizer.rule("fc.weight"), "m / F of fc");
 * ```
 *
 * @param model The model, whose layers give the factors.
 * @param options The preset and what to change of it.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adafisher(
  model: Layer,
  options: AdaFisherOptions = {},
): AdaFisher {
  return build("adafisher", model, options);
}

/**
 * AdaFisherW: AdaFisher with decoupled weight decay, in which kappa stays out of
 * g and m,
 *
 *     theta <- theta - lr (m^ / F + kappa theta)   (Alg. 1)
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { adafisherW } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = adafisherW(linear("fc", 3, 2), { weightDecay: 0.01 });
 * assertEquals(optimizer.rule("fc.bias"), "m / F of fc, decay 0.01");
 * ```
 *
 * @param model The model, whose layers give the factors.
 * @param options The preset and what to change of it.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function adafisherW(
  model: Layer,
  options: AdaFisherOptions = {},
): AdaFisher {
  return build("adafisherw", model, options);
}

function build(
  name: "adafisher" | "adafisherw",
  model: Layer,
  options: AdaFisherOptions,
): AdaFisher {
  const { fields, decayMask } = chooseFields(name, options);
  const { beta, form, interval, weightDecay } = fields;
  const decoupled = name === "adafisherw";
  const decayed = decayOf(weightDecay, decayMask);
  const after = fields.normalize === "after-average";

  /** F by parameter (Eq. 4), for those of the layers with factors. */
  function fisher(state: AdaFisherState): Parameters {
    const F: Record<string, Tensor> = {};
    for (const layer of model.kronecker) {
      Object.assign(F, fisherOf(layer, state.factors[layer.name], fields));
    }
    return F;
  }

  return {
    name,
    description: describeFields(name, fields, decayMask),

    init: (parameters) => ({
      momentum: zerosLike(parameters),
      factors: Object.fromEntries(model.kronecker.map((layer) => {
        const { h, s } = layer.factorShapes(form);
        return [layer.name, { h: fill(h, 1), s: fill(s, 1) }];
      })),
    }),

    scalars: (k) => {
      const first = k === 1 && fields.start === "first-batch";
      return {
        correction: 1 - beta ** k,
        decay: first ? 0 : fields.decay,
        gain: first ? 1 : fields.gain,
      };
    },

    curvature: {
      takes: "diagonals",
      interval,
      form,
      // H_D <- decay H_D + gain H_D', S_D likewise (Eq. 3)
      observe: (state, diagonals, { decay, gain }) => {
        const factors = { ...state.factors };
        for (const [layer, raw] of Object.entries(diagonals)) {
          const old = factors[layer];
          const fresh = after ? raw : minmaxed(raw, fields);
          factors[layer] = {
            h: average(decay, old.h, gain, fresh.h),
            s: average(decay, old.s, gain, fresh.s),
          };
        }
        return { ...state, factors };
      },
    },

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      const F = fisher(state);
      // m <- beta m + (1 - beta) g; AdaFisher: g + kappa theta for g
      const momentum = mapParameters(parameters, (p, theta) => {
        const g = gradients[p];
        return average(
          beta,
          state.momentum[p],
          1 - beta,
          decoupled ? g : decayed(p, g, theta),
        );
      });
      // theta <- theta - lr m^ / F; AdaFisherW: m^ / F + kappa theta for m^ / F
      const moved = mapParameters(parameters, (p, theta) => {
        const unbiased = div(momentum[p], scalars.correction); // m^
        const direction = F[p] ? div(unbiased, F[p]) : unbiased;
        const whole = decoupled ? decayed(p, direction, theta) : direction;
        return sub(theta, mul(learningRate, whole));
      });
      return { parameters: moved, state: { ...state, momentum } };
    },

    rule: (parameter) => {
      const owner = model.kronecker.find((l) => parameter in l.parameters);
      const rule = owner ? `m / F of ${owner.name}` : "m (F = 1)";
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}

/**
 * F of one layer (Eq. 4): minmax(H_D) (x) minmax(S_D) + lambda, or H_D (x) S_D + lambda
 * where each batch's diagonals were normalized before they were averaged.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { fisherOf, paperPreset } from "@adafisher/adafisher/optim";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const averages = { h: constant(value([1, 3, 2])), s: constant(value([0, 8])) };
 * const fields = { ...paperPreset, lambda: 0.25 };
 * const F = await evaluate(fisherOf(linear("fc", 2, 2), averages, fields));
 * assertEquals([...F["fc.weight"].data], [0.25, 0.25, 0.25, 1.25]);
 * assertEquals([...F["fc.bias"].data], [0.25, 0.75]);
 * ```
 *
 * @param layer The layer.
 * @param averages The moving averages of its H_D [n] and S_D [m].
 * @param fields Lambda, and how the averages are normalized.
 * @returns One tensor for each parameter of the layer, by full name.
 * @throws {RangeError} If an average has not the shape that the layer's form has.
 */
export function fisherOf(
  layer: KroneckerLayer,
  averages: Factors,
  fields: AdaFisherFields,
): Parameters {
  const after = fields.normalize === "after-average";
  const factors = after ? minmaxed(averages, fields) : averages;
  const product = layer.kroneckerDiagonal(factors, fields.form); // H_D (x) S_D
  return mapParameters(product, (_, d) => add(d, fields.lambda));
}

const minmaxed = ({ h, s }: Factors, fields: AdaFisherFields): Factors => ({
  h: minmax(h, fields),
  s: minmax(s, fields),
});

/**
 * Min-max normalization (Eq. 12): (v - min v) / (max v - min v + epsilon), in
 * [0, 1]; a constant v gives zeros, and a single entry what `single` says.
 *
 * Unlike in the official code, an infinite entry gives NaN rather than 1.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { minmax, paperPreset } from "@adafisher/adafisher/optim";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const v = constant(value([3, 1, 5]));
 * assertEquals([...(await evaluate(minmax(v, paperPreset))).data], [0.5, 0, 1]);
 * ```
 *
 * @param v [n].
 * @param fields epsilon, and what becomes of a single entry.
 * @returns [n].
 */
export function minmax(
  v: Tensor,
  { epsilon, single }: Pick<AdaFisherFields, "epsilon" | "single">,
): Tensor {
  if (sizeOf(v.shape) === 1 && single === "one") return fill(v.shape, 1);
  const low = neg(max(neg(v)));
  const range = add(sub(max(v), low), epsilon);
  // Where the range is 0 so is v - low, and any divisor will do.
  return div(sub(v, low), select(equal(range, 0), 1, range));
}
