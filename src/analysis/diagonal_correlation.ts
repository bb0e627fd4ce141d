/**
 * How far two diagonals go together, layer by layer: AdaFisher's F with the diagonals
 * that it stands for.
 *
 * @module
 */

import { constants, type KroneckerLayer, type Layer } from "../layers/mod.ts";
import { pearson, spearman } from "../linalg/mod.ts";
import { fisherOf } from "../optim/adafisher.ts";
import type { AdaFisherFields } from "../optim/adafisher_fields.ts";
import { evaluate } from "../reference/mod.ts";
import { sizeOf } from "../tensor/value.ts";
import type { Diagonal } from "./curvature_diagonals.ts";
import type { DiagonalAverages } from "./preconditioner.ts";

/**
 * AdaFisher's F of all layers with factors, laid out as their parameters.
 *
 * @example
 * ```ts
 * import { adaFisherDiagonal } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { paperPreset } from "@adafisher/adafisher/optim";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = { h: value([1, 3, 2]), s: value([0, 8]) };
 * const fields = { ...paperPreset, lambda: 0.25 };
 * const F = await adaFisherDiagonal(linear("fc", 2, 2), { fc }, fields);
 * assertEquals([...F["fc.weight"].data], [0.25, 0.25, 0.25, 1.25]);
 * ```
 *
 * @param model The model.
 * @param averages The averages of each layer, in the reading of `fields.form`: the
 * `factors` of AdaFisher's state.
 * @param fields A preset, or other fields.
 * @returns F, float64; nothing for parameters of other layers, where it is 1.
 * @throws {RangeError} If a layer has no averages, or they have not its shape.
 */
export async function adaFisherDiagonal(
  model: Layer,
  averages: Readonly<Record<string, DiagonalAverages>>,
  fields: AdaFisherFields,
): Promise<Diagonal> {
  const F: Record<string, Diagonal[string]> = {};
  for (const layer of model.kronecker) {
    const found = averages[layer.name];
    if (!found) {
      throw new RangeError(
        `Cannot make F: every layer must have averages, got none of ${layer.name}`,
      );
    }
    const { h, s } = constants({ h: found.h, s: found.s });
    Object.assign(F, await evaluate(fisherOf(layer, { h, s }, fields)));
  }
  return F;
}

/** How far the entries of two diagonals go together. */
export interface DiagonalCorrelation {
  /** Number of entries. */
  readonly count: number;
  /** Spearman's rank correlation of all of them; none where one does not vary. */
  readonly spearman: number | undefined;
  /**
   * Pearson's correlation of the logarithms, over the entries that are above 0 in both;
   * none where one does not vary there, or there are none.
   */
  readonly logPearson: number | undefined;
  /** Number of entries above 0 in both. */
  readonly positive: number;
}

/** What {@linkcode correlateDiagonals} finds. */
export interface DiagonalCorrelations {
  /** By the name of the layer, in the model's order. */
  readonly layers: Readonly<Record<string, DiagonalCorrelation>>;
  /** Over the entries of all these layers together. */
  readonly overall: DiagonalCorrelation;
}

/**
 * The correlations of two diagonals over the layers with factors, each layer by itself
 * and all together. Spearman's does not change with lambda, or any other ascending
 * function of F; the one of logarithms does, and asks for a law of powers.
 *
 * @example A square has the same order, and half the logarithm
 * ```ts
 * import { correlateDiagonals } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const model = linear("fc", 3, 1, { bias: false });
 * const { layers } = correlateDiagonals(
 *   model,
 *   { "fc.weight": value([1, 2, 5], [1, 3]) },
 *   { "fc.weight": value([1, 4, 25], [1, 3]) },
 * );
 * assertAlmostEquals(layers.fc.spearman!, 1);
 * assertAlmostEquals(layers.fc.logPearson!, 1);
 * ```
 *
 * @param model The model.
 * @param x A diagonal, such as F.
 * @param y Another, such as the true Fisher's.
 * @returns The correlations; frozen parameters are left out.
 * @throws {RangeError} If a diagonal lacks a parameter or has another shape, is not
 * finite, or no layer of the model has factors.
 */
export function correlateDiagonals(
  model: Layer,
  x: Diagonal,
  y: Diagonal,
): DiagonalCorrelations {
  const pairs = model.kronecker
    .map((layer) => ({ name: layer.name, ...entriesOf(layer, x, y) }))
    .filter(({ x }) => x.length > 0);
  if (pairs.length === 0) {
    throw new RangeError(
      `Cannot correlate diagonals: a layer with factors must be trained, got none in ${
        JSON.stringify(model.name)
      }`,
    );
  }
  return {
    layers: Object.fromEntries(
      pairs.map(({ name, x, y }) => [name, correlation(x, y)]),
    ),
    overall: correlation(
      pairs.flatMap(({ x }) => x),
      pairs.flatMap(({ y }) => y),
    ),
  };
}

/** The entries of a layer's trained parameters in two diagonals. */
function entriesOf(
  layer: KroneckerLayer,
  ...diagonals: readonly [Diagonal, Diagonal]
): { x: number[]; y: number[] } {
  const [x, y] = diagonals.map((diagonal) =>
    Object.entries(layer.parameters)
      .filter(([, { frozen }]) => !frozen)
      .flatMap(([name, { shape }]) => {
        const found = diagonal[name];
        if (found?.data.length === sizeOf(shape)) {
          return Array.from<number>(found.data);
        }
        throw new RangeError(
          `Cannot correlate diagonals: ${name} must be [${
            shape.join(", ")
          }], got ${found ? `[${found.shape.join(", ")}]` : "none"}`,
        );
      })
  );
  return { x, y };
}

function correlation(
  x: readonly number[],
  y: readonly number[],
): DiagonalCorrelation {
  const both = x.flatMap((a, i) => a > 0 && y[i] > 0 ? [i] : []);
  return {
    count: x.length,
    spearman: spearman(x, y),
    logPearson: both.length === 0 ? undefined : pearson(
      both.map((i) => Math.log(x[i])),
      both.map((i) => Math.log(y[i])),
    ),
    positive: both.length,
  };
}
