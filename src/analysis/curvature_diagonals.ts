/**
 * What AdaFisher's F stands for, computed without its approximations: the diagonal of
 * the Fisher matrix, and that of the Hessian.
 *
 * | diagonal | entry for a parameter theta | how |
 * | --- | --- | --- |
 * | true Fisher | mean over x of sum_c p(c given x) (d log p(c given x) / d theta)^2 | exact: every example, every class |
 * | empirical Fisher | mean over (x, y) of (d log p(y given x) / d theta)^2 | exact: the label that the example has |
 * | Hessian | d^2 loss / d theta^2 | Hutchinson: mean of v (H v), v of 1 and -1, H v exact |
 *
 * p is the softmax of the model's output. All are of the model in evaluation mode:
 * with the batch's own statistics in a normalization layer an example would have no
 * gradient of its own. AdaFisher's averages are taken in training mode, which is a
 * difference that belongs to it and not to its approximations.
 *
 * @module
 */

import { requireSeed } from "../data/checks.ts";
import { crossEntropy, type Layer, type Parameters } from "../layers/mod.ts";
import { adaHessian } from "../optim/adahessian.ts";
import {
  differentiate,
  drawFor,
  type ForwardPass,
} from "../optim/derivatives.ts";
import { compile, type DeviceState } from "../program/compile.ts";
import type { Mapped } from "../program/tree.ts";
import { gradients } from "../tensor/gradients.ts";
import { exp, mul, neg } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { intValue, sizeOf, type Value, value } from "../tensor/value.ts";
import { type Loss, type ModelState, trainableNames } from "../train/mod.ts";

/** Numbers laid out as the parameters that an optimizer moves, by their full names. */
export type Diagonal = Readonly<Record<string, Value>>;

/** Examples that a diagonal is a mean over. */
export interface Examples {
  /** Float [N, ...]. */
  readonly inputs: Value;
  /** Int [N]. */
  readonly labels: Value;
}

/** Both diagonals of the Fisher matrix: what {@linkcode fisherDiagonals} finds. */
export interface FisherDiagonals {
  /** With labels as the model predicts them: the expectation over all classes. */
  readonly true: Diagonal;
  /** With the labels that the examples have. */
  readonly empirical: Diagonal;
}

/** How {@linkcode fisherDiagonals} reports. */
export interface FisherDiagonalOptions {
  /** Hears of each example that is done: how many are. */
  readonly onExample?: (done: number) => void | Promise<void>;
}

/**
 * The diagonal of the Fisher matrix over some examples, true and empirical. One program
 * gives the gradient of one example's loss for one class; it is run N C times, so this
 * is for few examples and classes.
 *
 * @example A softmax of two classes: the Fisher entry of a bias is p (1 - p)
 * ```ts
 * import { DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { fisherDiagonals } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { intValue, value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const state = new DeviceState(referenceDevice, {
 *   parameters: {
 *     "fc.weight": value([0, 0], [2, 1]),
 *     "fc.bias": value([Math.log(3), 0]), // p = 3/4 and 1/4
 *   },
 *   buffers: {},
 * });
 * const found = await fisherDiagonals(linear("fc", 1, 2), state, {
 *   inputs: value([2], [1, 1]),
 *   labels: intValue([1]),
 * });
 * assertAlmostEquals(found.true["fc.bias"].data[0], 3 / 16);
 * assertAlmostEquals(found.true["fc.weight"].data[0], 4 * 3 / 16);
 * assertAlmostEquals(found.empirical["fc.bias"].data[0], 9 / 16);
 * ```
 *
 * @param model The model; its output is [N, classes].
 * @param state Its parameters and buffers; a training state will do.
 * @param examples The examples.
 * @param options Who hears of the progress.
 * @returns Both diagonals, float64.
 * @throws {RangeError} If the examples do not fit each other or the model, or a gradient
 * is not finite.
 */
export async function fisherDiagonals(
  model: Layer,
  state: DeviceState<ModelState<Value>>,
  examples: Examples,
  options: FisherDiagonalOptions = {},
): Promise<FisherDiagonals> {
  const task = "take Fisher diagonals";
  const count = requireExamples(task, examples);
  const { inputs, labels } = examples;
  const one = { inputs: rowOf(inputs, 0), labels: intValue([0]) };
  let classes = 0;
  const program = compile({
    state: specOf(state),
    inputs: one,
    step: (state, batch) => {
      const { parameters, output, loss } = evaluationPass(
        task,
        model,
        crossEntropy,
        state as ModelState<Tensor>,
        batch,
      );
      classes = output.shape[1];
      const names = Object.keys(parameters);
      const found = gradients(loss, names.map((name) => parameters[name]));
      return {
        state: {},
        outputs: {
          probability: exp(neg(loss)),
          gradients: Object.fromEntries(names.map((p, i) => [p, found[i]])),
        },
      };
    },
  }, state.device);
  for (let i = 0; i < count; i++) {
    if (labels.data[i] >= 0 && labels.data[i] < classes) continue;
    throw new RangeError(
      `Cannot ${task}: labels must be below ${classes}, got ${
        labels.data[i]
      } at [${i}]`,
    );
  }

  const expected = zeroSums(model), observed = zeroSums(model);
  for (let i = 0; i < count; i++) {
    const row = rowOf(inputs, i);
    for (let label = 0; label < classes; label++) {
      const { probability, gradients } = await program.run(
        state as unknown as DeviceState<Mapped<object, Value>>,
        { inputs: row, labels: intValue([label]) },
      );
      requireFinite(task, gradients, `example ${i}`);
      const p = probability.data[0];
      addTo(expected, gradients, (g) => p * g * g);
      if (label === labels.data[i]) addTo(observed, gradients, (g) => g * g);
    }
    await options.onExample?.(i + 1);
  }
  return {
    true: diagonalOf(model, expected, (sum) => sum / count),
    empirical: diagonalOf(model, observed, (sum) => sum / count),
  };
}

/** How {@linkcode hessianDiagonal} estimates. */
export interface HessianDiagonalOptions {
  /** Number of probes, at least 2; 64 by default. */
  readonly probes?: number;
  /** Seed of the probes, unsigned, 32 bits; 0 by default. */
  readonly seed?: number;
  /** Hears of each probe that is done: how many are. */
  readonly onProbe?: (done: number) => void | Promise<void>;
}

/** What {@linkcode hessianDiagonal} finds. */
export interface HessianDiagonal {
  /** Mean of v (H v) over the probes. */
  readonly diagonal: Diagonal;
  /** Standard error of that mean: 0 where the Hessian's row has no other entries. */
  readonly standardError: Diagonal;
}

/**
 * Hutchinson's estimate of the diagonal of the Hessian of the mean loss over some
 * examples: v (H v) has the diagonal as its mean, and the squares of a row's other
 * entries as its variance. H v is the exact one that AdaHessian gets.
 *
 * @example A quadratic whose Hessian is diagonal: any two probes give it exactly
 * ```ts
 * import { DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { hessianDiagonal } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { intValue, mean, square, value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const model = linear("fc", 2, 1, { bias: false });
 * const state = new DeviceState(referenceDevice, {
 *   parameters: { "fc.weight": value([5, 6], [1, 2]) },
 *   buffers: {},
 * });
 * const { diagonal } = await hessianDiagonal(
 *   model,
 *   (output) => mean(square(output)),
 *   state,
 *   { inputs: value([1, 0, 0, 3], [2, 2]), labels: intValue([0, 0]) },
 *   { probes: 2 },
 * );
 * assertAlmostEquals(diagonal["fc.weight"].data[0], 1);
 * assertAlmostEquals(diagonal["fc.weight"].data[1], 9);
 * ```
 *
 * @param model The model; its output is [N, classes].
 * @param loss The mean loss of a batch.
 * @param state Its parameters and buffers; a training state will do.
 * @param examples The examples, which go through the model as one batch.
 * @param options Number and seed of the probes.
 * @returns The estimate and its error, float64.
 * @throws {RangeError} If the examples do not fit each other or the model, there are
 * fewer than two probes, the seed is out of its range, or a product is not finite.
 */
export async function hessianDiagonal(
  model: Layer,
  loss: Loss,
  state: DeviceState<ModelState<Value>>,
  examples: Examples,
  options: HessianDiagonalOptions = {},
): Promise<HessianDiagonal> {
  const task = "estimate the Hessian's diagonal";
  const { probes = 64, seed = 0 } = options;
  if (!Number.isSafeInteger(probes) || probes < 2) {
    throw new RangeError(
      `Cannot ${task}: probes must be a whole number of at least 2, got ${probes}`,
    );
  }
  requireSeed(task, seed);
  requireExamples(task, examples);
  const { inputs, labels } = examples;
  const batch = { inputs, labels, key: intValue([seed | 0, 0]) };
  // It draws the probes and asks for H v; it makes no step here.
  const optimizer = adaHessian();
  const program = compile({
    state: specOf(state),
    inputs: batch,
    step: (state, batch) => {
      const pass = evaluationPass(
        task,
        model,
        loss,
        state as ModelState<Tensor>,
        batch,
      );
      const draws = drawFor(optimizer, pass, batch.key, false);
      const { input } = differentiate(optimizer, pass, {
        statistics: false,
        draws,
      });
      const products = Object.keys(pass.parameters).map((name) => [
        name,
        mul(draws.probes![name], input.hessianProduct![name]),
      ]);
      return {
        state: {},
        outputs: Object.fromEntries(products) as Record<string, Tensor>,
      };
    },
  }, state.device);

  // Relative to the first probe's products, equal ones have no variance at all.
  let first: Diagonal | undefined;
  const sums = zeroSums(model), squares = zeroSums(model);
  for (let probe = 1; probe <= probes; probe++) {
    const products = await program.run(
      state as unknown as DeviceState<Mapped<object, Value>>,
      { ...batch, key: intValue([seed | 0, probe]) },
    );
    requireFinite(task, products, `probe ${probe}`);
    const origin = first ??= products;
    const offset = (x: number, name: string, i: number) =>
      x - origin[name].data[i];
    addTo(sums, products, offset);
    addTo(squares, products, (x, name, i) => offset(x, name, i) ** 2);
    await options.onProbe?.(probe);
  }
  return {
    diagonal: diagonalOf(
      model,
      sums,
      (sum, name, i) => first![name].data[i] + sum / probes,
    ),
    standardError: diagonalOf(model, squares, (square, name, i) => {
      const variance = (square - sums[name][i] ** 2 / probes) / (probes - 1);
      return Math.sqrt(Math.max(0, variance) / probes);
    }),
  };
}

/** Numbers to add to, float64, for the parameters that an optimizer moves. */
type Sums = Readonly<Record<string, Float64Array>>;

function zeroSums(model: Layer): Sums {
  return Object.fromEntries(
    trainableNames(model).map((name) => [
      name,
      new Float64Array(sizeOf(model.parameters[name].shape)),
    ]),
  );
}

function addTo(
  sums: Sums,
  values: Diagonal,
  term: (x: number, name: string, i: number) => number,
): void {
  for (const [name, numbers] of Object.entries(sums)) {
    const { data } = values[name];
    for (let i = 0; i < data.length; i++) numbers[i] += term(data[i], name, i);
  }
}

/** A diagonal made of sums. */
function diagonalOf(
  model: Layer,
  sums: Sums,
  entry: (sum: number, name: string, i: number) => number,
): Diagonal {
  return Object.fromEntries(
    Object.entries(sums).map(([name, numbers]) => [
      name,
      value(
        numbers.map((sum, i) => entry(sum, name, i)),
        model.parameters[name].shape,
      ),
    ]),
  );
}

/** The forward pass in evaluation mode, over the parameters that an optimizer moves. */
function evaluationPass(
  task: string,
  model: Layer,
  loss: Loss,
  state: ModelState<Tensor>,
  batch: { readonly inputs: Tensor; readonly labels: Tensor },
): ForwardPass {
  const { output } = model.forward(batch.inputs, { ...state, training: false });
  if (output.shape.length !== 2 || output.shape[0] !== batch.inputs.shape[0]) {
    throw new RangeError(
      `Cannot ${task}: the model's output must be [${
        batch.inputs.shape[0]
      }, classes], got [${output.shape.join(", ")}]`,
    );
  }
  const parameters: Parameters = Object.fromEntries(
    trainableNames(model).map((name) => [name, state.parameters[name]]),
  );
  return { parameters, output, uses: [], loss: loss(output, batch.labels) };
}

/** The part of a state's spec that a model reads. */
function specOf(state: DeviceState<ModelState<Value>>): object {
  const { parameters, buffers } = state.spec;
  return { parameters, buffers };
}

/** The number of examples. */
function requireExamples(task: string, { inputs, labels }: Examples): number {
  const [count] = inputs.shape;
  if (!(count > 0) || labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new RangeError(
      `Cannot ${task}: inputs must be [N, ...] and labels [N] with N at least 1, got [${
        inputs.shape.join(", ")
      }] and [${labels.shape.join(", ")}]`,
    );
  }
  return count;
}

/** One example as a batch of its own. */
function rowOf({ shape, data }: Value, i: number): Value {
  const row = [1, ...shape.slice(1)];
  const size = sizeOf(row);
  const floats = data as Float64Array | Float32Array;
  return value(floats.slice(i * size, (i + 1) * size), row);
}

function requireFinite(task: string, values: Diagonal, where: string): void {
  for (const [name, { data }] of Object.entries(values)) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue;
      throw new RangeError(
        `Cannot ${task}: ${name} must be finite, got ${
          data[i]
        } at [${i}] of ${where}`,
      );
    }
  }
}
