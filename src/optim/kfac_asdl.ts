/**
 * K-FAC (Martens and Grosse, 2015) as in the ASDL library (Osawa et al., 2023), whose
 * form the AdaFisher paper compares with: labels sampled from the model, damped
 * inverses of the factors, momentum SGD on the preconditioned gradients.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | W, b | `matrix`, `gradients[bias]` | gradient of a weight as [out, in], and of its bias |
 * | t | in `batchFactors` | derivative, at the output, of the summed cross-entropy to labels drawn from the model's softmax: with it, G is the true Fisher's factor |
 * | A, G | `state.factors` | factors of the input, without a bias column, and of t |
 * | pi | `pi` | shares the damping out (Martens and Grosse, 6.3) |
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/layer.ts";
import { cholesky, choleskyInverse } from "../linalg/mod.ts";
import { fill, matmul, mul, reshape } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Value, value } from "../tensor/value.ts";
import { clipByGlobalNorm } from "./clipping.ts";
import {
  average,
  describeFields,
  describeRule,
  identityTensor,
  requireGradients,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { KfacFactors } from "./kfac.ts";
import {
  fromMatrix,
  inputFactor,
  type MatrixLayer,
  matrixLayers,
  toMatrix,
} from "./matrix_layers.ts";
import type { FactorRule, LayerFactors, Optimizer } from "./optimizer.ts";
import { type Attempt, renew } from "./precondition.ts";
import { sgd } from "./sgd.ts";
import {
  requireAtLeast,
  requireEmaDecay,
  requireInteger,
  requirePositive,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode kfacAsdl}; {@linkcode shampooAsdl} has the same. */
export interface AsdlOptions {
  /** Of the sum of clipped gradients; at least 0, 0.9 by default. */
  readonly momentum?: number;
  /** L2 decay, added to the clipped gradients; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** At least 0; by default 1e-3 in K-FAC, 1e-12 in Shampoo. */
  readonly damping?: number;
  /** Steps from one refresh to the next; at least 1; by default 10 in K-FAC, 1 in Shampoo. */
  readonly curvatureInterval?: number;
  /** e: share of the fresh factors in their averages, in [0, 1]; -1, the default: none are kept. */
  readonly emaDecay?: number;
  /** Largest joint norm of all preconditioned gradients; above 0, 1 by default. */
  readonly clipNorm?: number;
  /** How often in a row a refresh may fail; at least 0, 3 by default. */
  readonly mostFailures?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What ASDL's K-FAC carries from step to step. */
export interface KfacAsdlState {
  /** v: of each parameter's name and shape; empty without momentum. */
  readonly velocity: Parameters;
  /** A [in, in] and G [out, out] by layer name, without damping. */
  readonly factors: Readonly<Record<string, KfacFactors>>;
  /** Their inverses, damping included, by layer name. */
  readonly inverses: Readonly<Record<string, KfacFactors>>;
  /** Int scalars by layer name: failures in a row. */
  readonly failures: Readonly<Record<string, Tensor>>;
}

/** Least number that is added to a diagonal. */
const LEAST_DAMPING = 1e-7;

/**
 * ASDL's K-FAC for a model: every curvatureInterval steps, for each linear layer and
 * convolution,
 *
 *     A <- (1 - e) A + e A',  G likewise        e = emaDecay; with -1 A <- A', G <- G'
 *     pi = sqrt((tr A / dim A) / (tr G / dim G))
 *     Ai = (A + max(sqrt(damping) pi, 1e-7))^-1,  Gi = (G + max(sqrt(damping) / pi, 1e-7))^-1
 *
 * (where pi is 0 or infinite, both get `damping` itself), and at every step
 *
 *     W <- Gi W Ai,  b <- Gi b
 *     g <- g min(1, clipNorm / (|g| + 1e-6))     |g| the joint norm of all gradients
 *     g <- g + weightDecay theta,  v <- momentum v + g,  theta <- theta - lr v
 *
 * A' and G' are those of the step's batch of B samples: A' = sum h h^T / B and G' = sum
 * t t^T / B for a linear layer, A' = sum p p^T / (L B), p the patches at L positions,
 * and G' = sum t t^T / B for a convolution. A and G start at zero. Parameters of other
 * layers keep their gradients.
 *
 * Martens and Grosse append a 1 to h and precondition weight and bias together, and
 * take the mean over the positions in neither factor; this is ASDL's form.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { kfacAsdl } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = kfacAsdl(linear("fc", 3, 2));
 * assertEquals(optimizer.curvature?.labels, "sampled");
 * assertEquals(optimizer.precondition?.interval, 10);
 * ```
 *
 * @param model The model, whose layers give the factors; its output are logits.
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function kfacAsdl(
  model: Layer,
  options: AsdlOptions = {},
): Optimizer<KfacAsdlState, FactorRule<KfacAsdlState>> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("kfac-asdl", {
    momentum: 0.9,
    weightDecay: 0,
    damping: 1e-3,
    curvatureInterval: 10,
    emaDecay: -1,
    clipNorm: 1,
    mostFailures: 3,
  }, given);
  const { weightDecay, damping, curvatureInterval, emaDecay } = fields;
  requireAtLeast("damping", damping, 0);
  requireInteger("curvatureInterval", curvatureInterval, 1);
  requireEmaDecay(emaDecay);
  requirePositive("clipNorm", fields.clipNorm);
  requireInteger("mostFailures", fields.mostFailures, 0);
  const base = sgd({ momentum: fields.momentum, weightDecay, decayMask });
  const layers = matrixLayers(model);

  const eachLayer = <T>(
    make: (layer: MatrixLayer) => T,
  ): Record<string, T> =>
    Object.fromEntries(layers.map((layer) => [layer.name, make(layer)]));

  return {
    name: "kfac-asdl",
    description: describeFields("kfac-asdl", fields, decayMask),

    init: (parameters) => ({
      ...base.init(parameters),
      factors: eachLayer((layer) => ({
        a: fill([layer.in, layer.in], 0),
        g: fill([layer.out, layer.out], 0),
      })),
      inverses: eachLayer((layer) => ({
        a: identityTensor(layer.in),
        g: identityTensor(layer.out),
      })),
      failures: eachLayer(() => fill([], 0, "int")),
    }),

    scalars: base.scalars,

    curvature: {
      takes: "factors",
      interval: curvatureInterval,
      labels: "sampled",
      // A <- (1 - e) A + e A', G likewise
      observe: (state, fresh) => {
        const factors = { ...state.factors };
        for (const layer of layers) {
          const found = fresh[layer.name];
          if (!found) continue;
          const { a, g } = batchFactors(layer, found);
          const old = factors[layer.name];
          factors[layer.name] = emaDecay < 0 ? { a, g } : {
            a: average(1 - emaDecay, old.a, emaDecay, a),
            g: average(1 - emaDecay, old.g, emaDecay, g),
          };
        }
        return { ...state, factors };
      },
    },

    precondition: {
      interval: curvatureInterval,
      parts: ["factors", "inverses", "failures"],
      compute: ({ factors, inverses, failures }) => {
        const { kept, failures: counts } = renew(
          inverses,
          failures,
          fields.mostFailures,
          (layer) => invert(factors[layer], damping),
        );
        return { inverses: kept, failures: counts };
      },
    },

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      const direction: Record<string, Tensor> = { ...gradients };
      for (const layer of layers) {
        const { a, g } = state.inverses[layer.name];
        // W <- Gi W Ai, b <- Gi b
        const matrix = toMatrix(layer, gradients, false);
        const solution = matmul(matmul(g, matrix), a);
        Object.assign(direction, fromMatrix(layer, solution));
        const { bias, out } = layer;
        if (bias === undefined) continue;
        const column = reshape(gradients[bias], [out, 1]);
        direction[bias] = reshape(matmul(g, column), [out]);
      }
      const next = base.update({
        parameters,
        gradients: clipByGlobalNorm(direction, fields.clipNorm),
        state,
        learningRate,
        scalars,
      });
      return {
        parameters: next.parameters,
        state: { ...state, ...next.state },
        direction,
      };
    },

    rule: (parameter) => {
      const owner = layers.find(({ weight, bias }) =>
        parameter === weight || parameter === bias
      );
      const rule = owner === undefined
        ? "v of g"
        : parameter === owner.bias
        ? `v of G^-1 g of ${owner.name}`
        : `v of G^-1 g A^-1 of ${owner.name}`;
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}

/** A' and G' of a batch, from the paper's H and S: their means over all positions. */
function batchFactors(layer: MatrixLayer, factors: LayerFactors): KfacFactors {
  const { s, positions } = factors;
  return {
    a: inputFactor(layer, factors, false),
    g: layer.convolution ? mul(s, positions) : s,
  };
}

/** The damped inverses of both factors. */
function invert(
  { a, g }: KfacFactors<Value>,
  damping: number,
): Attempt<KfacFactors<Value>> {
  const pi = Math.sqrt(meanDiagonal(a) / meanDiagonal(g));
  const shared = pi > 0 && pi < Infinity;
  const root = Math.sqrt(damping);
  const found = {
    a: inverseOf(a, shared ? Math.max(root * pi, LEAST_DAMPING) : damping),
    g: inverseOf(g, shared ? Math.max(root / pi, LEAST_DAMPING) : damping),
  };
  for (const name of ["a", "g"] as const) {
    if (found[name] !== undefined) continue;
    return {
      failure:
        `its damped factor ${name.toUpperCase()} is not positive definite`,
    };
  }
  return { found: found as KfacFactors<Value> };
}

/** (M + ridge)^-1; none where that is not positive definite. */
function inverseOf(matrix: Value, ridge: number): Value | undefined {
  const n = matrix.shape[0];
  const damped = new Float64Array(matrix.data);
  for (let i = 0; i < n; i++) damped[i * n + i] += ridge;
  const found = cholesky(value(damped, [n, n]));
  return found.positiveDefinite ? choleskyInverse(found.lower) : undefined;
}

function meanDiagonal({ data, shape: [n] }: Value): number {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += data[i * n + i];
  return trace / n;
}
