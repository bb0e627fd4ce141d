/**
 * Shampoo (Gupta, Koren, Singer, "Shampoo: preconditioned stochastic tensor
 * optimization", ICML 2018) for tensors of any order, with the blocks, grafting and
 * refreshing of Anil et al. ("Scalable second order optimization for deep learning",
 * 2020) and Shi et al. (2023).
 *
 * | symbol | code | what |
 * | --- | --- | --- |
 * | W, G | `parameters`, `gradients` | parameters and gradients of the mean loss |
 * | G_i | `unfold(G, i)` | gradient of a block with axis i as rows, all others as columns |
 * | L_i | `state.factors` | sum, or moving average, of G_i G_i^T |
 * | P_i | `state.roots` | (L_i + epsilon)^(-1/2n) for n axes |
 * | D | `solution` | G multiplied along every axis i by P_i |
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/layer.ts";
import {
  identity,
  inverseRoot,
  newtonInverseRoot,
  powerIteration,
} from "../linalg/mod.ts";
import { square } from "../tensor/functions.ts";
import {
  add,
  div,
  equal,
  fill,
  mul,
  reshape,
  select,
  sqrt,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Shape, type Value, value } from "../tensor/value.ts";
import {
  average,
  describeFields,
  describeRule,
  identityTensor,
  mapParameters,
  norm,
  requireGradients,
  zerosLike,
} from "./common.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import type { GradientRule, Optimizer } from "./optimizer.ts";
import { type Attempt, renew } from "./precondition.ts";
import { sgd } from "./sgd.ts";
import type { AxisMatrices } from "./shampoo_asdl.ts";
import {
  cutBlocks,
  gramAlong,
  joinBlocks,
  longAxes,
  multiplyAlong,
} from "./tensor_axes.ts";
import {
  requireAtLeast,
  requireInteger,
  requireOneOf,
  requirePositive,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Whose length a preconditioned gradient gets. */
export type Grafting = "none" | "sgd" | "adam";

/** Options of {@linkcode shampoo}. */
export interface ShampooOptions {
  /** Of the sum of steps; at least 0, 0.9 by default. */
  readonly momentum?: number;
  /** L2 decay, added to the step; at least 0, 0 by default. */
  readonly weightDecay?: number;
  /** What L_i keeps of itself; 1 for a sum, as in Gupta et al.; in [0, 1], 1 by default. */
  readonly statDecay?: number;
  /** Added to L_i, in its largest eigenvalue; above 0, 1e-4 by default. */
  readonly epsilon?: number;
  /** Longest axis of a block; at least 1, 128 by default. */
  readonly blockSize?: number;
  /** Whose length D gets, for each parameter by itself; `sgd` by default. */
  readonly grafting?: Grafting;
  /** What Adam's v keeps of itself, for grafting; in [0, 1), 0.999 by default. */
  readonly graftingDecay?: number;
  /** How P_i is computed; `eigen` by default. */
  readonly root?: "eigen" | "newton";
  /** Steps from one look at the gradients to the next; at least 1, 1 by default. */
  readonly factorInterval?: number;
  /** Steps from one computation of the roots to the next; at least 1, 10 by default. */
  readonly inverseInterval?: number;
  /** How often in a row the roots may fail; at least 0, 3 by default. */
  readonly mostFailures?: number;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/** What Shampoo carries from step to step. */
export interface ShampooState {
  /** Momentum: of each parameter's name and shape; empty without momentum. */
  readonly velocity: Parameters;
  /** Adam's v, for grafting: of each parameter's name and shape; else empty. */
  readonly second: Parameters;
  /** L_i by block and axis; block j of parameter p is called `p[j]`. */
  readonly factors: Readonly<Record<string, AxisMatrices>>;
  /** P_i by block and axis. */
  readonly roots: Readonly<Record<string, AxisMatrices>>;
  /** Int scalars by block: failures in a row. */
  readonly failures: Readonly<Record<string, Tensor>>;
}

/** Added to the root of Adam's v, for grafting. */
const GRAFTING_EPSILON = 1e-8;

/**
 * Shampoo: each parameter without its axes of extent 1 is cut into blocks, whose axes
 * are at most blockSize long. Per step, for each block of n axes,
 *
 *     L_i <- L_i + G_i G_i^T                  every factorInterval steps; with statDecay
 *                                             b < 1, b L_i + (1 - b) G_i G_i^T
 *     P_i = (L_i + epsilon e_i 1)^(-1 / 2n)   every inverseInterval steps; e_i the largest
 *                                             eigenvalue of L_i
 *     D = G multiplied along every axis i by P_i
 *     D <- D |A| / |D|                        grafting, for the whole parameter: A = G for
 *                                             sgd, Adam's G / (sqrt(v) + 1e-8) for adam
 *     v <- momentum v + D + weightDecay W,  W <- W - lr v
 *
 * A number by itself has no axis, and D = G before grafting. A vector has one: its P is
 * the full matrix of Adagrad. Gupta et al. start L_i at epsilon 1, where this adds a
 * share of the largest eigenvalue before each root: so it does the same to gradients of
 * any size. They have neither blocks nor grafting.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { shampoo } from "@adafisher/adafisher/optim";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = shampoo(linear("fc", 3, 2), { blockSize: 2 });
 * const { factors } = optimizer.init({ "fc.weight": fill([2, 3], 0) });
 * // Two blocks: the columns 0 and 1, and column 2.
 * assertEquals(Object.keys(factors), ["fc.weight[0]", "fc.weight[1]"]);
 * assertEquals(factors["fc.weight[0]"]["1"].shape, [2, 2]);
 * ```
 *
 * @param model The model, whose parameters have the shapes.
 * @param options Hyperparameters.
 * @returns The optimizer.
 * @throws {RangeError} If an option is unknown or outside its range.
 */
export function shampoo(
  model: Layer,
  options: ShampooOptions = {},
): Optimizer<ShampooState, GradientRule<ShampooState>> {
  const { decayMask = decayAll, ...given } = options;
  const fields = withDefaults("shampoo", {
    momentum: 0.9,
    weightDecay: 0,
    statDecay: 1,
    epsilon: 1e-4,
    blockSize: 128,
    grafting: "sgd" as Grafting,
    graftingDecay: 0.999,
    root: "eigen" as "eigen" | "newton",
    factorInterval: 1,
    inverseInterval: 10,
    mostFailures: 3,
  }, given);
  const { weightDecay, statDecay, epsilon, blockSize, grafting } = fields;
  const { graftingDecay } = fields;
  requireUnitInterval("statDecay", statDecay);
  requirePositive("epsilon", epsilon);
  requireAtLeast("weightDecay", weightDecay, 0);
  requireInteger("blockSize", blockSize, 1);
  requireOneOf("grafting", grafting, ["none", "sgd", "adam"]);
  requireUnitInterval("graftingDecay", graftingDecay, "below 1");
  requireOneOf("root", fields.root, ["eigen", "newton"]);
  requireInteger("factorInterval", fields.factorInterval, 1);
  requireInteger("inverseInterval", fields.inverseInterval, 1);
  requireInteger("mostFailures", fields.mostFailures, 0);
  const base = sgd({ momentum: fields.momentum, weightDecay, decayMask });

  /** The blocks of a parameter's gradient, by name. */
  const blocksOf = (name: string, x: Tensor): [string, Tensor][] =>
    cutBlocks(reshape(x, longAxes(x.shape)), blockSize)
      .map((block, j) => [`${name}[${j}]`, block]);

  /** Something for each block that has an axis: for all but single numbers. */
  const eachBlock = <T>(
    parameters: Parameters,
    make: (name: string, block: Tensor) => T,
  ): Record<string, T> =>
    Object.fromEntries(
      Object.entries(parameters)
        .flatMap(([name, x]) => blocksOf(name, x))
        .filter(([, { shape }]) => shape.length > 0)
        .map(([name, block]) => [name, make(name, block)]),
    );

  /** Something for each axis of a block. */
  const eachAxis = <T>(
    shape: Shape,
    make: (axis: number, extent: number) => T,
  ): Record<string, T> =>
    Object.fromEntries(shape.map((extent, i) => [i, make(i, extent)]));

  /** D of a whole parameter, before grafting. */
  function solve(name: string, g: Tensor, state: ShampooState): Tensor {
    const shape = longAxes(g.shape);
    const blocks = blocksOf(name, g).map(([block, x]) =>
      Object.entries(state.roots[block] ?? {}).reduce(
        (x, [axis, root]) => multiplyAlong(x, Number(axis), root),
        x,
      )
    );
    return reshape(joinBlocks(blocks, shape, blockSize), g.shape);
  }

  return {
    name: "shampoo",
    description: describeFields("shampoo", fields, decayMask),

    init: (parameters) => ({
      ...base.init(parameters),
      second: grafting === "adam" ? zerosLike(parameters) : {},
      factors: eachBlock(
        parameters,
        (_, { shape }) => eachAxis(shape, (_, n) => fill([n, n], 0)),
      ),
      roots: eachBlock(
        parameters,
        (_, { shape }) => eachAxis(shape, (_, n) => identityTensor(n)),
      ),
      failures: eachBlock(parameters, () => fill([], 0, "int")),
    }),

    scalars: (k) => ({
      ...base.scalars(k),
      correction2: 1 - graftingDecay ** k,
    }),

    curvature: {
      takes: "gradients",
      interval: fields.factorInterval,
      // L_i <- L_i + G_i G_i^T
      observe: (state, gradients) => ({
        ...state,
        factors: eachBlock(
          gradients,
          (name, block) =>
            eachAxis(block.shape, (i) => {
              const old = state.factors[name][i];
              const fresh = gramAlong(block, i);
              return statDecay === 1
                ? add(old, fresh)
                : average(statDecay, old, 1 - statDecay, fresh);
            }),
        ),
      }),
    },

    precondition: {
      interval: fields.inverseInterval,
      parts: ["factors", "roots", "failures"],
      compute: ({ factors, roots, failures }, draw) => {
        const { kept, failures: counts } = renew(
          roots,
          failures,
          fields.mostFailures,
          (block) =>
            rootsOf(
              factors[block],
              epsilon,
              fields.root,
              (axis, n) => draw(`${block}/${axis}`, n),
            ),
        );
        return { roots: kept, failures: counts };
      },
    },

    update: ({ parameters, gradients, state, learningRate, scalars }) => {
      requireGradients(parameters, gradients);
      // Adam's v, for grafting
      const second = grafting !== "adam" ? {} : mapParameters(
        parameters,
        (name) =>
          average(
            graftingDecay,
            state.second[name],
            1 - graftingDecay,
            square(gradients[name]),
          ),
      );
      // D <- D |A| / |D|
      const direction = mapParameters(parameters, (name) => {
        const g = gradients[name];
        const solution = solve(name, g, state);
        if (grafting === "none") return solution;
        const graft = grafting === "sgd" ? g : div(
          g,
          add(
            sqrt(div(second[name], scalars.correction2)),
            GRAFTING_EPSILON,
          ),
        );
        return withLength(solution, norm(graft));
      });
      const next = base.update({
        parameters,
        gradients: direction,
        state,
        learningRate,
        scalars,
      });
      return {
        parameters: next.parameters,
        state: { ...state, ...next.state, second },
        direction,
      };
    },

    rule: (parameter) => {
      const shape = longAxes(model.parameters[parameter]?.shape ?? []);
      const order = 2 * shape.length;
      const length = grafting === "none" ? "" : `, as long as ${grafting}'s`;
      const rule = shape.length === 0
        ? `v of g${length}`
        : `v of g times L_i^(-1/${order}) along ${shape.length} ${
          shape.length === 1 ? "axis" : "axes"
        }${length}`;
      return describeRule(rule, parameter, weightDecay, decayMask);
    },
  };
}

/** A direction of another length; zeros stay zeros. */
function withLength(direction: Tensor, length: Tensor): Tensor {
  const own = norm(direction);
  const none = equal(own, 0);
  return mul(direction, div(length, select(none, 1, own)));
}

/** P_i along all axes of a block. */
function rootsOf(
  factors: AxisMatrices<Value>,
  epsilon: number,
  how: "eigen" | "newton",
  draw: (axis: string, count: number) => Float64Array,
): Attempt<AxisMatrices<Value>> {
  const axes = Object.entries(factors);
  const order = 2 * axes.length;
  const found: Record<string, Value> = {};
  for (const [axis, factor] of axes) {
    const n = factor.shape[0];
    // No gradient yet: any multiple of the identity will do.
    if (factor.data.every((entry) => entry === 0)) {
      found[axis] = identity(n);
      continue;
    }
    const { root, converged } = how === "eigen"
      ? inverseRoot(factor, order, { ridge: epsilon, relative: true })
      : newtonInverseRoot(
        withRidge(factor, epsilon, draw(axis, n)),
        order,
      );
    if (!converged) {
      return { failure: `the root along axis ${axis} did not converge` };
    }
    found[axis] = root;
  }
  return { found };
}

/** M + epsilon e 1, e the largest eigenvalue of M. */
function withRidge(
  matrix: Value,
  epsilon: number,
  start: Float64Array,
): Value {
  const { data, shape: [n] } = matrix;
  const ridge = epsilon * powerIteration(matrix, start).value;
  const sum = new Float64Array(data);
  for (let i = 0; i < n; i++) sum[i * n + i] += ridge;
  return value(sum, [n, n]);
}
