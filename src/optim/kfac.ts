/**
 * K-FAC (Martens and Grosse, 2015; for convolutions Grosse and Martens, 2016), in
 * the eigenbasis of the factors and with KL clipping.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | D | `matrix` | gradient of a layer as a matrix [out, in + 1], the last column the bias |
 * | A, G | `state.factors` | moving averages of the factors: of the input, of the derivative |
 * | Qa, a; Qg, c | `state.eigen` | eigenvectors and eigenvalues of A and G |
 * | V | `solution` | (G (x) A + damping)^-1 applied to D |
 * | nu | `scale` | KL clipping: keeps lr^2 V . D at most klClip |
 *
 * The damping is added to the products of eigenvalues, and so to the whole of G
 * (x) A, where Martens and Grosse add a part of it to each factor.
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/layer.ts";
import { symmetricEigen } from "../linalg/mod.ts";
import { dot } from "../tensor/functions.ts";
import {
  add,
  div,
  fill,
  matmul,
  maximum,
  mul,
  reshape,
  sqrt,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Value, value } from "../tensor/value.ts";
import {
  average,
  describeFields,
  describeRule,
  identityTensor,
  mapParameters,
  requireGradients,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
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
  requireInteger,
  requirePositive,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Options of {@linkcode kfac}. */
export interface KfacOptions {
  /** Of the sum of V; at least 0, 0.9 by default. */
  readonly momentum?: number;
  /** What A and G keep of themselves; in [0, 1], 0.95 by default. */
  readonly statDecay?: number;
  /** Added to the products of eigenvalues; at least 0, 1e-3 by default. */
  readonly damping?: number;
  /** The largest lr^2 V . D; above 0, 1e-2 by default. */
  readonly klClip?: number;
  /** L2 decay, added to the clipped V; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** Steps from one look at the factors to the next; at least 1, 10 by default. */
  readonly factorInterval?: number;
  /** Steps from one eigendecomposition to the next; at least 1, 100 by default. */
  readonly inverseInterval?: number;
  /** How often in a row an eigendecomposition may fail; at least 0, 3 by default. */
  readonly mostFailures?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** Factors of a layer with n = in (+ 1) inputs and m outputs. */
export interface KfacFactors<Leaf = Tensor> {
  /** A: [n, n]. */
  readonly a: Leaf;
  /** G: [m, m]. */
  readonly g: Leaf;
}

/** Their eigenvectors, as columns, and eigenvalues. */
export interface KfacEigen<Leaf = Tensor> {
  /** Qa: [n, n]. */
  readonly inputVectors: Leaf;
  /** a: [n]. */
  readonly inputValues: Leaf;
  /** Qg: [m, m]. */
  readonly outputVectors: Leaf;
  /** c: [m]. */
  readonly outputValues: Leaf;
}

/** What K-FAC carries from step to step. */
export interface KfacState {
  /** v: of each parameter's name and shape; empty without momentum. */
  readonly velocity: Parameters;
  /** A and G by layer name. */
  readonly factors: Readonly<Record<string, KfacFactors>>;
  /** Their eigenvectors and eigenvalues by layer name. */
  readonly eigen: Readonly<Record<string, KfacEigen>>;
  /** Int scalars by layer name: failures in a row. */
  readonly failures: Readonly<Record<string, Tensor>>;
}

/** An eigenvalue that is not above this counts as 0. */
const LEAST_EIGENVALUE = 1e-10;
/** Weight decay begins after so many looks at the factors. */
const DECAY_AFTER = 20;

/**
 * K-FAC for a model: per step k, for each linear layer and convolution,
 *
 *     A <- statDecay A + (1 - statDecay) A',  G likewise     every factorInterval steps
 *     A = Qa diag(a) Qa^T,  G = Qg diag(c) Qg^T              every inverseInterval steps
 *     V = Qg [(Qg^T D Qa)_ij / (c_i a_j + damping)] Qa^T
 *     nu = min(1, sqrt(klClip / (lr^2 sum V . D)))           the sum over all layers
 *     g <- nu V;  g <- g + weightDecay theta                 where k > 20 factorInterval
 *     v <- momentum v + g,  theta <- theta - lr v
 *
 * A' and G' are those of the step's batch of B samples, with s the derivative of the
 * mean loss and L positions of a convolution's output: A' = sum [h, 1] [h, 1]^T / B
 * and G' = B sum s s^T for a linear layer, and with patches p for h, A' = sum [p, 1]
 * [p, 1]^T / (L^2 B) and G' = B L sum s s^T for a convolution. Both start as the
 * identity, and an eigenvalue not above 1e-10 counts as 0. Parameters of other
 * layers keep their gradients.
 *
 * Grosse and Martens divide A' of a convolution by B and not by L^2 B, and take
 * labels from the model for G, which {@linkcode kfacAsdl} does; this is the widely
 * used code's form. A layer used more than once has the mean of its uses' factors.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { kfac } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = kfac(linear("fc", 3, 2), { inverseInterval: 5 });
 * assertEquals(optimizer.precondition?.interval, 5);
 * assertEquals(optimizer.rule("fc.bias"), "v of (G (x) A + damping)^-1 g of fc");
 * ```
 *
 * @param model The model, whose layers give the factors.
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function kfac(
  model: Layer,
  options: KfacOptions = {},
): Optimizer<KfacState, FactorRule<KfacState>> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("kfac", {
    momentum: 0.9,
    statDecay: 0.95,
    damping: 1e-3,
    klClip: 1e-2,
    weightDecay: 0,
    factorInterval: 10,
    inverseInterval: 100,
    mostFailures: 3,
  }, given);
  const { statDecay, damping, klClip, weightDecay } = fields;
  requireUnitInterval("statDecay", statDecay);
  requireAtLeast("damping", damping, 0);
  requirePositive("klClip", klClip);
  requireAtLeast("weightDecay", weightDecay, 0);
  requireInteger("factorInterval", fields.factorInterval, 1);
  requireInteger("inverseInterval", fields.inverseInterval, 1);
  requireInteger("mostFailures", fields.mostFailures, 0);
  const base = sgd({ momentum: fields.momentum });
  const layers = matrixLayers(model);
  const extents = (layer: MatrixLayer) => ({
    n: layer.in + (layer.bias === undefined ? 0 : 1),
    m: layer.out,
  });

  /** V of one layer: [m, n]. */
  function solve(matrix: Tensor, eigen: KfacEigen): Tensor {
    const { inputVectors: qa, outputVectors: qg } = eigen;
    const [m, n] = matrix.shape;
    const within = matmul(matmul(transpose(qg), matrix), qa); // Qg^T D Qa
    const c = reshape(eigen.outputValues, [m, 1]);
    const a = reshape(eigen.inputValues, [1, n]);
    const divided = div(within, add(mul(c, a), damping));
    return matmul(matmul(qg, divided), transpose(qa));
  }

  return {
    name: "kfac",
    description: describeFields("kfac", fields, decayMask),

    init: (parameters) => {
      const each = <T>(make: (n: number, m: number) => T): Record<string, T> =>
        Object.fromEntries(layers.map((layer) => {
          const { n, m } = extents(layer);
          return [layer.name, make(n, m)];
        }));
      return {
        ...base.init(parameters),
        factors: each((n, m) => ({
          a: identityTensor(n),
          g: identityTensor(m),
        })),
        eigen: each((n, m) => ({
          inputVectors: identityTensor(n),
          inputValues: fill([n], 1),
          outputVectors: identityTensor(m),
          outputValues: fill([m], 1),
        })),
        failures: each(() => fill([], 0, "int")),
      };
    },

    scalars: (k) => ({
      ...base.scalars(k),
      decay: k > DECAY_AFTER * fields.factorInterval ? weightDecay : 0,
    }),

    curvature: {
      takes: "factors",
      interval: fields.factorInterval,
      labels: "targets",
      // A <- statDecay A + (1 - statDecay) A', G likewise
      observe: (state, fresh) => {
        const factors = { ...state.factors };
        for (const layer of layers) {
          const found = fresh[layer.name];
          if (!found) continue;
          const { a, g } = batchFactors(layer, found);
          const old = factors[layer.name];
          factors[layer.name] = {
            a: average(statDecay, old.a, 1 - statDecay, a),
            g: average(statDecay, old.g, 1 - statDecay, g),
          };
        }
        return { ...state, factors };
      },
    },

    precondition: {
      interval: fields.inverseInterval,
      parts: ["factors", "eigen", "failures"],
      compute: ({ factors, eigen, failures }) => {
        const { kept, failures: counts } = renew(
          eigen,
          failures,
          fields.mostFailures,
          (layer) => decompose(factors[layer]),
        );
        return { eigen: kept, failures: counts };
      },
    },

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      const direction: Record<string, Tensor> = { ...gradients };
      let product = fill([], 0); // sum V . D
      for (const layer of layers) {
        const matrix = toMatrix(layer, gradients, true);
        const solution = solve(matrix, state.eigen[layer.name]);
        product = add(product, dot(solution, matrix));
        Object.assign(direction, fromMatrix(layer, solution));
      }
      // nu = min(1, sqrt(klClip / (lr^2 sum V . D))), never divided by 0
      const squares = mul(mul(learningRate, learningRate), product);
      const scale = sqrt(div(klClip, maximum(klClip, squares)));
      for (const { weight, bias } of layers) {
        for (const name of bias === undefined ? [weight] : [weight, bias]) {
          direction[name] = mul(scale, direction[name]);
        }
      }
      // g <- nu V + decay theta, then momentum
      const decayed = weightDecay === 0 ? direction : mapParameters(
        parameters,
        (name, theta) =>
          decayMask(name)
            ? add(direction[name], mul(scalars.decay, theta))
            : direction[name],
      );
      const next = base.update({
        parameters,
        gradients: decayed,
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
      const rule = owner
        ? `v of (G (x) A + damping)^-1 g of ${owner.name}`
        : "v of g";
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}

/** A' and G' of a batch, from the paper's H and S: their means over all positions. */
function batchFactors(layer: MatrixLayer, factors: LayerFactors): KfacFactors {
  const a = inputFactor(layer, factors, true);
  const { s, positions } = factors;
  return layer.convolution
    ? { a: div(a, positions), g: mul(s, positions ** 2) }
    : { a, g: s };
}

/** The eigenvectors and eigenvalues of both factors. */
function decompose(factors: KfacFactors<Value>): Attempt<KfacEigen<Value>> {
  const a = symmetricEigen(factors.a), g = symmetricEigen(factors.g);
  if (!a.converged || !g.converged) {
    const which = a.converged ? "G" : "A";
    return { failure: `the eigenvalues of ${which} did not converge` };
  }
  return {
    found: {
      inputVectors: a.vectors,
      inputValues: nonNegative(a.values),
      outputVectors: g.vectors,
      outputValues: nonNegative(g.values),
    },
  };
}

function nonNegative({ data }: Value): Value {
  return value(
    Float64Array.from(data, (x) => x > LEAST_EIGENVALUE ? x : 0),
  );
}
