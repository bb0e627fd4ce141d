/**
 * From a forward pass to all that an optimizer needs of it: gradients, statistics,
 * a Hessian-vector product. One backward pass serves gradients and statistics.
 *
 * @module
 */

import { crossEntropy } from "../layers/losses.ts";
import type { LayerUse, Parameters } from "../layers/layer.ts";
import { diagonalsOf, factorsOf } from "../layers/statistics.ts";
import { dot, softmax } from "../tensor/functions.ts";
import { gradients } from "../tensor/gradients.ts";
import {
  add,
  cast,
  div,
  fill,
  iota,
  lessEqual,
  matmul,
  minimum,
  mul,
  randomBitsTensor,
  reshape,
  select,
  sum,
} from "../tensor/operations.ts";
import { RANDOM_RANGE, streamOf } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import { mapParameters } from "./common.ts";
import type { LayerFactors, Optimizer, Scalars } from "./optimizer.ts";

/** A forward pass, from the trained parameters to the loss. */
export interface ForwardPass {
  /** Trained parameters by full name. */
  readonly parameters: Parameters;
  /** The mean loss, a scalar. */
  readonly loss: Tensor;
  /** The model's output, float [..., classes]. */
  readonly output: Tensor;
  /** Uses of layers with Kronecker factors. */
  readonly uses: readonly LayerUse[];
}

/** What a step draws at random, where its optimizer needs it. */
export interface StepDraws {
  /** z: entries 1 or -1, of the trained parameters' names and shapes. */
  readonly probes?: Parameters;
  /** A label for each row of the output, int [...]. */
  readonly labels?: Tensor;
}

/** Options of {@linkcode differentiate}. */
export interface DifferentiateOptions {
  /** Whether the optimizer's statistics are due. */
  readonly statistics: boolean;
  /** What the step draws, by {@linkcode drawFor}; needed where the optimizer needs it. */
  readonly draws?: StepDraws;
  /** What is done to the gradients before the optimizer sees them; nothing by default. */
  readonly transform?: (gradients: Parameters) => Parameters;
}

/** What {@linkcode differentiate} gives. */
export interface StepDerivatives<State extends object> {
  /** Gradients of the mean loss, before the transform. */
  readonly gradients: Parameters;
  /** What the update takes. */
  readonly input: {
    /** Gradients after the transform. */
    readonly gradients: Parameters;
    /** H z, where the optimizer has `hessian`. */
    readonly hessianProduct?: Parameters;
  };
  /** The state with the step's statistics in it: as it is where none are due. */
  observe(state: State, scalars: Scalars): State;
}

/**
 * What an optimizer draws in a step, from the step's key: the same key, the same
 * draws, on every device.
 *
 * @example
 * ```ts
 * import { adam, drawFor } from "@adafisher/adafisher/optim";
 * import { constant, fill, intValue } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const p = fill([2], 1), loss = fill([], 0);
 * const pass = { parameters: { p }, loss, output: loss, uses: [] };
 * assertEquals(drawFor(adam(), pass, constant(intValue([7, 1])), true), {});
 * ```
 *
 * @param optimizer The optimizer.
 * @param pass The forward pass.
 * @param key Int [2], such as the run's seed and the step.
 * @param statistics Whether statistics are due: labels are drawn for these.
 * @returns Probes and labels, each only where it is needed.
 */
export function drawFor(
  optimizer: Optimizer,
  pass: ForwardPass,
  key: Tensor,
  statistics: boolean,
): StepDraws {
  return {
    ...optimizer.hessian ? { probes: rademacher(pass.parameters, key) } : {},
    ...statistics && samplesLabels(optimizer)
      ? { labels: sampleLabels(pass.output, key) }
      : {},
  };
}

/**
 * Whether an optimizer's statistics need labels drawn from the model's softmax.
 *
 * @param optimizer The optimizer.
 * @returns Whether they do.
 */
export function samplesLabels({ curvature }: Optimizer): boolean {
  return curvature?.takes === "factors" && curvature.labels === "sampled";
}

/**
 * The random stream of what a step draws for a purpose.
 *
 * @param purpose Such as a parameter's name, for its probe.
 * @returns A number for `randomNormal` and its like.
 */
export function drawStream(purpose: string): number {
  return streamOf(`probe/${purpose}`);
}

/** For each parameter a tensor of its shape: 1 or -1, each with probability 1/2. */
function rademacher(parameters: Parameters, key: Tensor): Parameters {
  return mapParameters(parameters, (name, { shape }) => {
    const bits = randomBitsTensor(shape, key, drawStream(name));
    const upper = lessEqual(fill(shape, RANDOM_RANGE / 2, "int"), bits);
    return select(upper, fill(shape, 1), fill(shape, -1));
  });
}

/** A label for each row, drawn from the softmax of its logits: int, [...] of [..., C]. */
function sampleLabels(logits: Tensor, key: Tensor): Tensor {
  const classes = logits.shape.at(-1)!;
  const rows = sizeOf(logits.shape.slice(0, -1));
  const square = [classes, classes];
  const upTo = cast(lessEqual(iota(square, 0), iota(square, 1)), "float");
  const p = softmax(reshape(logits, [rows, classes]));
  const bits = randomBitsTensor([rows, 1], key, drawStream("labels"));
  const u = div(cast(bits, "float"), RANDOM_RANGE);
  // The label is the number of classes whose cumulated probability u has passed;
  // rounding may leave the last one below 1.
  const passed = sum(cast(lessEqual(matmul(p, upTo), u), "int"), 1);
  const labels = minimum(passed, fill([rows], classes - 1, "int"));
  return reshape(labels, logits.shape.slice(0, -1));
}

/**
 * Differentiates the loss of a forward pass in all the ways that an optimizer asks
 * for.
 *
 * @example The Hessian of sum p^3 at [1, 2], times a probe
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { adaHessian, differentiate, drawFor } from "@adafisher/adafisher/optim";
 * import { constant, intValue, mul, sum, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const p = constant(value([1, 2]));
 * const loss = sum(mul(p, mul(p, p)));
 * const pass = { parameters: { p }, loss, output: loss, uses: [] };
 * const key = constant(intValue([7, 1])); // the seed and the step
 * const draws = drawFor(adaHessian(), pass, key, false);
 * const { input } = differentiate(adaHessian(), pass, { statistics: false, draws });
 * const { data } = (await evaluate(input.hessianProduct!)).p;
 * assertEquals([...data].map(Math.abs), [6, 12]);
 * ```
 *
 * @param optimizer The optimizer.
 * @param pass The forward pass.
 * @param options What is due, and what was drawn.
 * @returns Gradients, Hessian-vector product, and the statistics' way into the state.
 * @throws {RangeError} If the optimizer needs a draw that is not given.
 */
export function differentiate<State extends object>(
  optimizer: Optimizer<State>,
  pass: ForwardPass,
  options: DifferentiateOptions,
): StepDerivatives<State> {
  const { parameters, loss, uses } = pass;
  const { statistics, draws = {}, transform = (g) => g } = options;
  const curvature = statistics ? optimizer.curvature : undefined;
  const observes = curvature !== undefined && curvature.takes !== "gradients" &&
    !samplesLabels(optimizer);
  const names = Object.keys(parameters);
  const nodes = names.map((name) => parameters[name]);
  const outputs = uses.map(({ output }) => output);
  const found = gradients(loss, observes ? [...nodes, ...outputs] : nodes);
  const raw = Object.fromEntries(names.map((name, i) => [name, found[i]]));
  const seen = transform(raw);
  const hessianProduct = optimizer.hessian
    ? hessianTimes(raw, parameters, required(draws.probes, "probes"))
    : undefined;

  const observe = (state: State, scalars: Scalars): State => {
    switch (curvature?.takes) {
      case undefined:
        return state;
      case "gradients":
        return curvature.observe(state, seen, scalars);
      case "diagonals": {
        const derivatives = found.slice(names.length);
        return curvature.observe(
          state,
          diagonalsOf(uses, derivatives, curvature.form),
          scalars,
        );
      }
      case "factors": {
        const derivatives = observes
          ? found.slice(names.length)
          : gradients(sampledLoss(pass.output, draws.labels), outputs);
        return curvature.observe(
          state,
          fullFactors(uses, derivatives),
          scalars,
        );
      }
    }
  };
  return {
    gradients: raw,
    input: { gradients: seen, hessianProduct },
    observe,
  };
}

/** Sum of the cross-entropies to drawn labels, over the batch size as a mean would be. */
function sampledLoss(output: Tensor, labels: Tensor | undefined): Tensor {
  const rows = sizeOf(output.shape.slice(0, -1)) / output.shape[0];
  return mul(crossEntropy(output, required(labels, "labels")), rows);
}

function required<T>(draw: T | undefined, what: string): T {
  if (draw !== undefined) return draw;
  throw new RangeError(
    `Cannot differentiate: the optimizer needs ${what} that are drawn at random, got none`,
  );
}

/** H z: the gradient of g . z. */
function hessianTimes(
  g: Parameters,
  parameters: Parameters,
  z: Parameters,
): Parameters {
  const names = Object.keys(parameters);
  const products = names.map((name) => dot(g[name], z[name]));
  const total = products.reduce((a, b) => add(a, b), fill([], 0));
  const found = gradients(total, names.map((name) => parameters[name]));
  return Object.fromEntries(names.map((name, i) => [name, found[i]]));
}

/** The factors with the positions that they are means over. */
function fullFactors(
  uses: readonly LayerUse[],
  derivatives: readonly Tensor[],
): Record<string, LayerFactors> {
  const positions: Record<string, number[]> = {};
  for (const { layer, input, output } of uses) {
    const channels = layer.factorShapes("paper").s[0];
    const each = sizeOf(output.shape) / channels / input.shape[0];
    (positions[layer.name] ??= []).push(each);
  }
  const factors = factorsOf(uses, derivatives, "paper");
  return Object.fromEntries(
    Object.entries(factors).map(([name, pair]) => {
      const each = positions[name];
      const mean = each.reduce((a, b) => a + b) / each.length;
      return [name, { ...pair, positions: mean }];
    }),
  );
}
