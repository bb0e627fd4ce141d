/**
 * Shampoo (Gupta, Koren, Singer, 2018) as in the ASDL library (Osawa et al., 2023),
 * whose form the AdaFisher paper compares with: momentum SGD on gradients that are
 * multiplied along every axis by an inverse root of that axis's factor.
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | theta, g | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | G_i | `unfold(g, i)` | gradient with axis i as rows, all others as columns |
 * | M_i | `state.factors` | sum of G_i G_i^T |
 * | P_i | `state.roots` | M_i^(-1/q), q = 2n for n axes |
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/layer.ts";
import { identity, newtonInverseRoot, powerIteration } from "../linalg/mod.ts";
import { add, fill } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Value, value } from "../tensor/value.ts";
import { clipByGlobalNorm } from "./clipping.ts";
import {
  average,
  describeFields,
  describeRule,
  identityTensor,
  mapParameters,
  requireGradients,
} from "./common.ts";
import { decayAll } from "./decay_masks.ts";
import type { AsdlOptions } from "./kfac_asdl.ts";
import type { GradientRule, HostDraw, Optimizer } from "./optimizer.ts";
import { type Attempt, renew } from "./precondition.ts";
import { sgd } from "./sgd.ts";
import { gramAlong, multiplyAlong } from "./tensor_axes.ts";
import {
  requireAtLeast,
  requireEmaDecay,
  requireInteger,
  requirePositive,
  withDefaults,
} from "./validate.ts";

/** A matrix [d_i, d_i] for each axis i of a parameter, by the axis's number. */
export type AxisMatrices<Leaf = Tensor> = Readonly<Record<string, Leaf>>;

/** What Shampoo carries from step to step. */
export interface ShampooAsdlState {
  /** v: of each parameter's name and shape; empty without momentum. */
  readonly velocity: Parameters;
  /** M_i by parameter and axis, what was added to their diagonals included. */
  readonly factors: Readonly<Record<string, AxisMatrices>>;
  /** P_i by parameter and axis. */
  readonly roots: Readonly<Record<string, AxisMatrices>>;
  /** Int scalars by parameter: failures in a row. */
  readonly failures: Readonly<Record<string, Tensor>>;
}

/** What stands on the diagonal of M_i at first. */
const FIRST = 1e-12;

/**
 * ASDL's Shampoo: every curvatureInterval steps, for each parameter of n >= 2 axes
 * and each axis i,
 *
 *     M_i <- M_i + G_i G_i^T            with emaDecay e >= 0: (1 - e) M_i + e G_i G_i^T
 *     e_i = the largest eigenvalue of M_i, by power iteration from random numbers
 *     M_i <- M_i + damping e_i 1
 *     P_i = M_i^(-1 / 2n)               by a coupled Newton iteration, to 1e-6
 *
 * and at every step
 *
 *     g <- g multiplied along every axis i by P_i
 *     g <- g min(1, clipNorm / (|g| + 1e-6))     |g| the joint norm of all gradients
 *     g <- g + weightDecay theta,  v <- momentum v + g,  theta <- theta - lr v
 *
 * M_i starts as 1e-12 times the identity, and keeps what is added to its diagonal. An
 * axis of extent 1 has P_i = 1. Parameters of one axis keep their gradients, a kernel
 * has four factors, and nothing is split into blocks. {@linkcode shampoo} is the
 * general optimizer.
 *
 * Gupta et al. have no damping and no clipping. The Newton iteration may end before
 * it has converged, when rounding makes its error grow; as in ASDL that is no failure.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { shampooAsdl } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = shampooAsdl(linear("fc", 3, 2));
 * assertEquals(optimizer.rule("fc.weight"), "v of g times M_i^(-1/4) along 2 axes");
 * assertEquals(optimizer.rule("fc.bias"), "v of g");
 * ```
 *
 * @param model The model, whose parameters have the shapes.
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function shampooAsdl(
  model: Layer,
  options: AsdlOptions = {},
): Optimizer<ShampooAsdlState, GradientRule<ShampooAsdlState>> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("shampoo-asdl", {
    momentum: 0.9,
    weightDecay: 0,
    damping: 1e-12,
    curvatureInterval: 1,
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

  return {
    name: "shampoo-asdl",
    description: describeFields("shampoo-asdl", fields, decayMask),

    init: (parameters) => {
      const each = (scale: number) =>
        forMatrices(parameters, ({ shape }) =>
          Object.fromEntries(
            shape.map((extent, i) => [i, identityTensor(extent, scale)]),
          ));
      return {
        ...base.init(parameters),
        factors: each(FIRST),
        roots: each(1),
        failures: forMatrices(parameters, () => fill([], 0, "int")),
      };
    },

    scalars: base.scalars,

    curvature: {
      takes: "gradients",
      interval: curvatureInterval,
      // M_i <- M_i + G_i G_i^T
      observe: (state, gradients) => ({
        ...state,
        factors: mapAxes(state.factors, (p, i, factor) => {
          const fresh = gramAlong(gradients[p], i);
          return emaDecay < 0
            ? add(factor, fresh)
            : average(1 - emaDecay, factor, emaDecay, fresh);
        }),
      }),
    },

    precondition: {
      interval: curvatureInterval,
      parts: ["factors", "roots", "failures"],
      compute: ({ factors, roots, failures }, draw) => {
        const damped = mapAxes(
          factors,
          (p, i, m) => dampen(m, damping, `${p}/${i}`, draw),
        );
        const { kept, failures: counts } = renew(
          roots,
          failures,
          fields.mostFailures,
          (p) => rootsOf(damped[p]),
        );
        return { factors: damped, roots: kept, failures: counts };
      },
    },

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      const direction = mapParameters(
        gradients,
        (p, g) =>
          Object.entries(state.roots[p] ?? {}).reduce(
            (x, [axis, root]) => multiplyAlong(x, Number(axis), root),
            g,
          ),
      );
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
      const axes = model.parameters[parameter]?.shape.length ?? 0;
      const rule = axes < 2
        ? "v of g"
        : `v of g times M_i^(-1/${2 * axes}) along ${axes} axes`;
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}

/** Something for each parameter of two axes or more. */
function forMatrices<T>(
  parameters: Parameters,
  make: (parameter: Tensor) => T,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([, { shape }]) => shape.length >= 2)
      .map(([name, parameter]) => [name, make(parameter)]),
  );
}

/** A new matrix for each axis of each parameter. */
function mapAxes<Leaf>(
  matrices: Readonly<Record<string, AxisMatrices<Leaf>>>,
  change: (parameter: string, axis: number, matrix: Leaf) => Leaf,
): Record<string, AxisMatrices<Leaf>> {
  return Object.fromEntries(
    Object.entries(matrices).map(([p, axes]) => [
      p,
      Object.fromEntries(
        Object.entries(axes).map(([i, m]) => [i, change(p, Number(i), m)]),
      ),
    ]),
  );
}

/** M + damping e 1, e the largest eigenvalue of M. */
function dampen(
  matrix: Value,
  damping: number,
  name: string,
  draw: HostDraw,
): Value {
  const n = matrix.shape[0];
  if (n === 1) return matrix;
  const largest = powerIteration(matrix, draw(name, n)).value;
  const data = new Float64Array(matrix.data);
  for (let i = 0; i < n; i++) data[i * n + i] += damping * largest;
  return value(data, [n, n]);
}

/** M_i^(-1/q) of all axes of a parameter. */
function rootsOf(
  factors: AxisMatrices<Value>,
): Attempt<AxisMatrices<Value>> {
  const axes = Object.entries(factors);
  const order = 2 * axes.length;
  const found: Record<string, Value> = {};
  for (const [axis, factor] of axes) {
    const n = factor.shape[0];
    const root = n === 1 ? identity(1) : newtonInverseRoot(factor, order).root;
    if (!root.data.every(Number.isFinite)) {
      return { failure: `the root along axis ${axis} is not finite` };
    }
    found[axis] = root;
  }
  return { found };
}
