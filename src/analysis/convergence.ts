/**
 * Proposition 3.3 in numbers: on a strongly convex, smooth function
 *
 *     theta <- theta - lr grad f / F      with the F of Eq. 4
 *
 * converges for a small enough lr. The function is the squared error of a linear layer,
 * f = mean over rows of |W h - y|^2 / 2, whose Hessian is H (x) 1 with H = mean h h^T:
 * so mu and L, between which its curvature lies, are the least and the largest
 * eigenvalue of H, and f* is known. F is the optimizer's own, in the paper's order, and
 * changes with every step as S does; beta is 0, for the proposition has no momentum.
 *
 * **The bound.** Let a and b be the least and the largest entry of a step's F. By
 * smoothness, and as g^T F^-2 g <= g^T F^-1 g / a,
 *
 *     f(theta') <= f(theta) - lr (1 - lr L / (2 a)) g^T F^-1 g
 *
 * and by strong convexity g^T F^-1 g >= |g|^2 / b >= 2 (mu / b) (f(theta) - f*). So for
 * lr < 2 a / L a step leaves of the gap f - f* at most
 *
 *     1 - 2 lr (mu / b) (1 - lr L / (2 a))
 *
 * It is least at lr = a / L, where it is 1 - (mu / L) (a / b): F between lambda and
 * 1 + lambda costs the bound a factor of lambda / (1 + lambda) against gradient descent.
 * The min-max of Eq. 12 does bring some entry down to lambda, so no larger lr is safe in
 * general.
 *
 * **What it can show.** A step that breaks the bound would refute the derivation or the
 * code. That none does is one function, one start and one seed; and a bound that is kept
 * does not say that F helps.
 *
 * @module
 */

import { requireSeed } from "../data/checks.ts";
import {
  constants,
  initialize,
  linear,
  meanSquaredError,
  type Parameters,
} from "../layers/mod.ts";
import {
  cholesky,
  choleskySolve,
  multiply,
  symmetricEigenvalues,
  transposed,
} from "../linalg/mod.ts";
import {
  adafisher,
  type AdaFisherState,
  fisherOf,
} from "../optim/adafisher.ts";
import { paperPreset } from "../optim/adafisher_fields.ts";
import { differentiate } from "../optim/derivatives.ts";
import { requireInteger, requirePositive } from "../optim/validate.ts";
import { compile, DeviceState } from "../program/compile.ts";
import type { Mapped } from "../program/tree.ts";
import { evaluate, referenceDevice } from "../reference/mod.ts";
import { mul } from "../tensor/operations.ts";
import { randomNormal, streamOf } from "../tensor/random.ts";
import { scalarValue, type Value, value } from "../tensor/value.ts";

/** What {@linkcode quadraticConvergence} minimizes, and how. */
export interface QuadraticOptions {
  /** Inputs of the layer, without the bias' 1: 1 to 62; 6 by default. */
  readonly features?: number;
  /** Outputs of the layer; 3 by default. */
  readonly outputs?: number;
  /** Damping, above 0; 1e-3, the paper's, by default. */
  readonly lambda?: number;
  /**
   * The learning rate in units of lambda / L, above 0: below 2 the bound holds whatever
   * F is. 1 by default.
   */
  readonly relativeRate?: number;
  /** Steps at most; 200 by default. */
  readonly steps?: number;
  /** Seed of rows, targets and first parameters, unsigned, 32 bits; 0 by default. */
  readonly seed?: number;
}

/** A step of {@linkcode quadraticConvergence}. */
export interface QuadraticStep {
  /** f - f* before the step. */
  readonly gap: number;
  /** The gap after the step over that before. */
  readonly contraction: number;
  /** The least and the largest entry of this step's F. */
  readonly fisher: readonly [number, number];
  /** What the contraction cannot be above; none where lr is not below 2 a / L. */
  readonly bound: number | undefined;
}

/** What {@linkcode quadraticConvergence} finds. */
export interface QuadraticConvergence {
  /** mu, the least eigenvalue of H. */
  readonly strongConvexity: number;
  /** L, the largest. */
  readonly smoothness: number;
  /** lr. */
  readonly learningRate: number;
  /** The steps that were made. */
  readonly steps: readonly QuadraticStep[];
  /** The gap after the last of them over the first gap. */
  readonly remaining: number;
  /** Whether the gap has grown. */
  readonly diverged: boolean;
  /** Steps that have a bound. */
  readonly bounded: number;
  /** Those of them whose contraction is above it. */
  readonly violations: number;
}

/** Rows of the data: more than columns, so that H is positive definite. */
const ROWS = 64;
/**
 * Where a run ends, relative to the first gap. Below, the rounding of theta - theta*
 * would show in the contraction; above, it has diverged.
 */
const SMALLEST = 1e-10, LARGEST = 1e10;
/**
 * What rounding may add to a contraction: theta - theta* is at least 1e-5 of its first
 * size, and has an error of some 1e-15.
 */
const ROUNDING = 1e-9;

/**
 * Runs Proposition 3.3's iteration on the squared error of a linear layer, and holds
 * each step against the bound that strong convexity and smoothness give. The features
 * are normal with deviations from 1 down to 1/3, the targets a linear function of them
 * and noise of 0.1. It is computed in float64.
 *
 * @example Small rates keep the bound, large ones diverge
 * ```ts
 * import { quadraticConvergence } from "@adafisher/adafisher/analysis";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const small = await quadraticConvergence({ steps: 20 });
 * assertEquals([small.diverged, small.bounded, small.violations], [false, 20, 0]);
 * const large = await quadraticConvergence({ relativeRate: 1e6 });
 * assert(large.diverged);
 * ```
 *
 * @param options The problem, the rate, the seed.
 * @returns What each step did, and what was to be expected of it.
 * @throws {RangeError} If an option is out of its range.
 */
export async function quadraticConvergence(
  options: QuadraticOptions = {},
): Promise<QuadraticConvergence> {
  const { features = 6, outputs = 3, lambda = 1e-3 } = options;
  const { relativeRate = 1, steps: most = 200, seed = 0 } = options;
  requireInteger("features", features, 1);
  if (features + 1 >= ROWS) {
    throw new RangeError(
      `Cannot check convergence: features must be below ${
        ROWS - 1
      }, got ${features}`,
    );
  }
  requireInteger("outputs", outputs, 1);
  requirePositive("lambda", lambda);
  requirePositive("relativeRate", relativeRate);
  requireInteger("steps", most, 1);
  requireSeed("check convergence", seed);

  const { x, y } = regression(features, outputs, seed);
  const { hessian, solution } = leastSquares(x, y);
  const eigenvalues = symmetricEigenvalues(hessian).values.data;
  const mu = eigenvalues[0], L = eigenvalues[eigenvalues.length - 1];
  const learningRate = relativeRate * lambda / L;
  const run = await iteration(x, y, lambda, learningRate, seed);

  const steps: QuadraticStep[] = [];
  const gapOf = (theta: Weights) => gapFrom(theta, hessian, solution);
  const first = gapOf(run.first);
  let gap = first;
  while (
    steps.length < most && gap > SMALLEST * first && gap < LARGEST * first
  ) {
    const { theta, fisher: [a, b] } = await run.step();
    const next = gapOf(theta);
    steps.push({
      gap,
      contraction: next / gap,
      fisher: [a, b],
      bound: learningRate < 2 * a / L
        ? 1 - 2 * learningRate * (mu / b) * (1 - learningRate * L / (2 * a))
        : undefined,
    });
    gap = next;
  }
  const bounded = steps.filter(({ bound }) => bound !== undefined);
  return {
    strongConvexity: mu,
    smoothness: L,
    learningRate,
    steps,
    remaining: gap / first,
    diverged: gap > first,
    bounded: bounded.length,
    violations:
      bounded.filter(({ contraction, bound }) =>
        contraction > bound! + ROUNDING
      ).length,
  };
}

/** Weight [outputs, features] and bias [outputs] of the layer. */
type Weights = Readonly<Record<string, Value>>;

/** Rows [64, features] and targets [64, outputs]. */
function regression(
  features: number,
  outputs: number,
  seed: number,
): { readonly x: Value; readonly y: Value } {
  const draw = (what: string, rows: number, columns: number): Value => {
    const stream = streamOf(`convergence/${what}`);
    const numbers = randomNormal([seed, 0], stream, rows * columns);
    return value(numbers, [rows, columns]);
  };
  const { data, shape } = draw("features", ROWS, features);
  const x = value(
    Float64Array.from(
      data,
      (z, i) => z * 3 ** (-(i % features) / Math.max(1, features - 1)),
    ),
    shape,
  );
  const noise = draw("noise", ROWS, outputs).data;
  const signal = multiply(x, draw("weights", features, outputs));
  const y = Float64Array.from(signal.data, (z, i) => z + 0.1 * noise[i]);
  return { x, y: value(y, signal.shape) };
}

/** H [n, n] of the rows with a 1 behind each, and the W^T [n, outputs] of least f. */
function leastSquares(
  x: Value,
  y: Value,
): { readonly hessian: Value; readonly solution: Value } {
  const [rows, features] = x.shape;
  const n = features + 1;
  const h = new Float64Array(rows * n).fill(1);
  for (let i = 0; i < rows; i++) {
    h.set(x.data.subarray(i * features, (i + 1) * features), i * n);
  }
  const meanOver = (a: Value): Value => {
    const { data, shape } = multiply(transposed(value(h, [rows, n])), a);
    return value(Float64Array.from(data, (sum) => sum / rows), shape);
  };
  const hessian = meanOver(value(h, [rows, n]));
  const factor = cholesky(hessian);
  if (!factor.positiveDefinite) {
    throw new RangeError(
      `Cannot check convergence: the Hessian must be positive definite, got a pivot of ${factor.pivot} in row ${factor.row}`,
    );
  }
  return { hessian, solution: choleskySolve(factor.lower, meanOver(y)) };
}

/** f - f*: half the sum over outputs of d^T H d, d = theta - theta*. */
function gapFrom(theta: Weights, hessian: Value, solution: Value): number {
  const [n, outputs] = solution.shape;
  const weight = theta["fc.weight"].data, bias = theta["fc.bias"].data;
  let twice = 0;
  for (let o = 0; o < outputs; o++) {
    const d = Array.from({ length: n }, (_, j) => {
      const entry = j < n - 1 ? weight[o * (n - 1) + j] : bias[o];
      return entry - solution.data[j * outputs + o];
    });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        twice += d[i] * hessian.data[i * n + j] * d[j];
      }
    }
  }
  return twice / 2;
}

/** AdaFisher in the paper's order, without momentum, on all rows at once. */
async function iteration(
  x: Value,
  y: Value,
  lambda: number,
  learningRate: number,
  seed: number,
) {
  const model = linear("fc", x.shape[1], y.shape[1]);
  const fields = { ...paperPreset, beta: 0, lambda };
  const optimizer = adafisher(model, { preset: "paper", beta: 0, lambda });
  const first = initialize(model.parameters, seed);
  const values = {
    theta: first,
    optimizer: await evaluate(optimizer.init(constants(first))),
  };
  const state = new DeviceState(referenceDevice, values);
  const scalarsOf = (step: number): Record<string, Value> =>
    Object.fromEntries(
      Object.entries(optimizer.scalars(step))
        .map(([name, number]) => [name, scalarValue(number)]),
    );
  const program = compile({
    state: values as object,
    inputs: { x, y, learningRate: scalarValue(0), scalars: scalarsOf(1) },
    step: (state, inputs) => {
      const { theta: parameters, optimizer: old } = state as {
        theta: Parameters;
        optimizer: AdaFisherState;
      };
      const { scalars } = inputs;
      const { output, uses } = model.forward(inputs.x, {
        parameters,
        buffers: {},
        training: true,
      });
      // The mean over all entries, times their number in a row, over 2.
      const loss = mul(meanSquaredError(output, inputs.y), y.shape[1] / 2);
      const derivatives = differentiate(
        optimizer,
        { parameters, loss, output, uses },
        { statistics: true },
      );
      const observed = derivatives.observe(old, scalars);
      const next = optimizer.update({
        ...derivatives.input,
        parameters,
        state: observed,
        learningRate: inputs.learningRate,
        scalars,
      });
      return {
        state: { theta: next.parameters, optimizer: next.state },
        outputs: {
          theta: next.parameters,
          F: fisherOf(model.kronecker[0], observed.factors.fc, fields),
        },
      };
    },
  }, referenceDevice);
  let made = 0;
  return {
    first,
    async step(): Promise<{ theta: Weights; fisher: [number, number] }> {
      const { theta, F } = await program.run(
        state as unknown as DeviceState<Mapped<object, Value>>,
        {
          x,
          y,
          learningRate: scalarValue(learningRate),
          scalars: scalarsOf(++made),
        },
      );
      const entries = Object.values(F).flatMap(({ data }) => [...data]);
      return { theta, fisher: [Math.min(...entries), Math.max(...entries)] };
    },
  };
}
