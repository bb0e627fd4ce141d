/**
 * From a loss and the uses of layers in a forward pass to their Kronecker
 * factors. A layer that is used more than once gets the mean of its uses' factors,
 * weighted by their numbers of output positions.
 *
 * @module
 */

import { gradients } from "../tensor/gradients.ts";
import { add, mul } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import type { FactorForm, Factors, LayerUse, Statistics } from "./layer.ts";

/**
 * Diagonals H_D and S_D of every layer used, from derivatives at hand: for a step
 * that differentiates with respect to parameters and outputs at once.
 *
 * @example
 * ```ts
 * import { diagonalsOf, linear, symbolic } from "@adafisher/adafisher/layers";
 * import { fill, gradients, mean } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 3, 2);
 * const parameters = symbolic(fc.parameters, "p");
 * const { output, uses } = fc.forward(fill([4, 3], 1), {
 *   parameters,
 *   buffers: {},
 *   training: true,
 * });
 * const [weight, derivative] = gradients(mean(output), [
 *   parameters["fc.weight"],
 *   uses[0].output,
 * ]);
 * const diagonals = diagonalsOf(uses, [derivative], "paper");
 * assertEquals(diagonals["fc"].h.shape, [4]);
 * assertEquals(weight.shape, [2, 3]);
 * ```
 *
 * @param uses The uses of a forward pass.
 * @param derivatives Derivative of the mean loss at each use's output.
 * @param form The paper's reading, or the official code's.
 * @returns Diagonals by the layer's name.
 * @throws {RangeError} If there are not as many derivatives as uses.
 */
export function diagonalsOf(
  uses: readonly LayerUse[],
  derivatives: readonly Tensor[],
  form: FactorForm,
): Record<string, Factors> {
  return merge(
    uses,
    derivatives,
    (use, statistics) => use.layer.diagonals(statistics, form),
  );
}

/**
 * Full factors H and S of every layer used, from derivatives at hand.
 *
 * @example
 * ```ts
 * import { factorsOf, linear, symbolic } from "@adafisher/adafisher/layers";
 * import { fill, gradients, mean } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 3, 2);
 * const { output, uses } = fc.forward(fill([4, 3], 1), {
 *   parameters: symbolic(fc.parameters, "p"),
 *   buffers: {},
 *   training: true,
 * });
 * const derivatives = gradients(mean(output), [uses[0].output]);
 * assertEquals(factorsOf(uses, derivatives, "paper")["fc"].h.shape, [4, 4]);
 * ```
 *
 * @param uses The uses of a forward pass.
 * @param derivatives Derivative of the mean loss at each use's output.
 * @param form The paper's reading, or the official code's.
 * @returns Full factors by the layer's name.
 * @throws {RangeError} If there are not as many derivatives as uses.
 */
export function factorsOf(
  uses: readonly LayerUse[],
  derivatives: readonly Tensor[],
  form: FactorForm,
): Record<string, Factors> {
  return merge(
    uses,
    derivatives,
    (use, statistics) => use.layer.factors(statistics, form),
  );
}

/**
 * Diagonals H_D and S_D of every layer used in a forward pass.
 *
 * @example
 * ```ts
 * import { collectDiagonals, linear, symbolic } from "@adafisher/adafisher/layers";
 * import { fill, mean } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 3, 2);
 * const { output, uses } = fc.forward(fill([4, 3], 1), {
 *   parameters: symbolic(fc.parameters, "p"),
 *   buffers: {},
 *   training: true,
 * });
 * const { fc: diagonals } = collectDiagonals(mean(output), uses, "paper");
 * assertEquals(diagonals.h.shape, [4]);
 * ```
 *
 * @param loss The mean loss, a scalar.
 * @param uses The uses of the forward pass that the loss is made of.
 * @param form The paper's reading, or the official code's.
 * @returns Diagonals by the layer's name.
 */
export function collectDiagonals(
  loss: Tensor,
  uses: readonly LayerUse[],
  form: FactorForm,
): Record<string, Factors> {
  return diagonalsOf(uses, derivativesOf(loss, uses), form);
}

/**
 * Full factors H and S of every layer used in a forward pass.
 *
 * @example
 * ```ts
 * import { collectFactors, linear, symbolic } from "@adafisher/adafisher/layers";
 * import { fill, mean } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 3, 2);
 * const { output, uses } = fc.forward(fill([4, 3], 1), {
 *   parameters: symbolic(fc.parameters, "p"),
 *   buffers: {},
 *   training: true,
 * });
 * const { fc: factors } = collectFactors(mean(output), uses, "paper");
 * assertEquals(factors.s.shape, [2, 2]);
 * ```
 *
 * @param loss The mean loss, a scalar.
 * @param uses The uses of the forward pass that the loss is made of.
 * @param form The paper's reading, or the official code's.
 * @returns Full factors by the layer's name.
 */
export function collectFactors(
  loss: Tensor,
  uses: readonly LayerUse[],
  form: FactorForm,
): Record<string, Factors> {
  return factorsOf(uses, derivativesOf(loss, uses), form);
}

/** The pre-activation derivatives s of all uses, in one backward pass. */
function derivativesOf(loss: Tensor, uses: readonly LayerUse[]): Tensor[] {
  return gradients(loss, uses.map(({ output }) => output));
}

/** Number of output positions of a use: rows, pixels, tokens, over all samples. */
function positionsOf({ layer, output }: LayerUse): number {
  return sizeOf(output.shape) / sizeOf(layer.factorShapes("paper").s);
}

/** What is taken of each use, averaged over the uses of one layer. */
function merge(
  uses: readonly LayerUse[],
  derivatives: readonly Tensor[],
  take: (use: LayerUse, statistics: Statistics) => Factors,
): Record<string, Factors> {
  if (uses.length !== derivatives.length) {
    throw new RangeError(
      `Cannot take factors: ${uses.length} uses need as many derivatives, got ${derivatives.length}`,
    );
  }
  const totals = new Map<string, number>();
  for (const use of uses) {
    const { name } = use.layer;
    totals.set(name, (totals.get(name) ?? 0) + positionsOf(use));
  }
  const merged: Record<string, Factors> = {};
  uses.forEach((use, i) => {
    const { name } = use.layer;
    const share = positionsOf(use) / totals.get(name)!;
    const fresh = take(use, { input: use.input, derivative: derivatives[i] });
    const weighted: Factors = share === 1
      ? fresh
      : { h: mul(share, fresh.h), s: mul(share, fresh.s) };
    const before = merged[name];
    merged[name] = before
      ? { h: add(before.h, weighted.h), s: add(before.s, weighted.s) }
      : weighted;
  });
  return merged;
}
