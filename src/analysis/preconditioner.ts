/**
 * What AdaFisher's preconditioner does to a layer: F = H_D (x) S_D + lambda, by which
 * the momentum is divided (Eq. 4 and Algorithm 1 of the paper).
 *
 * theta <- theta - lr m^ / F is momentum SGD with a learning rate of lr / F for each
 * coordinate. If all entries of F are nearly the same, it is SGD with one learning
 * rate; if most of F is lambda, the curvature has little to say.
 *
 * @module
 */

import type { KroneckerLayer } from "../layers/layer.ts";
import { constants } from "../layers/mod.ts";
import { fisherOf } from "../optim/adafisher.ts";
import type { AdaFisherFields } from "../optim/adafisher_fields.ts";
import { evaluate } from "../reference/mod.ts";
import type { Value } from "../tensor/value.ts";

/** The moving averages of a layer's factors' diagonals, as AdaFisher's state has them. */
export interface DiagonalAverages {
  /** H_D: [n]. */
  readonly h: Value;
  /** S_D: [m]. */
  readonly s: Value;
}

/** How {@linkcode preconditioner} counts. */
export interface PreconditionerOptions {
  /** Bins of the histogram; 40 by default. */
  readonly bins?: number;
  /**
   * The outer edges of the histogram, both above 0: for histograms of several steps or
   * layers over the same bins. The least and the largest entry by default.
   */
  readonly range?: readonly [number, number];
}

/** Three of some numbers by their order. */
export interface ValueRange {
  /** The least. */
  readonly least: number;
  /** The one in the middle; the larger one of two. */
  readonly median: number;
  /** The largest. */
  readonly largest: number;
}

/** Numbers counted in bins that are equally wide on a logarithmic axis. */
export interface LogHistogram {
  /** The edges of the bins, ascending: bins + 1. */
  readonly edges: readonly number[];
  /** Numbers from an edge to below the next; the last edge counts as within. */
  readonly counts: readonly number[];
  /** Numbers below the first edge. */
  readonly below: number;
  /** Numbers above the last edge. */
  readonly above: number;
}

/** F of a layer in numbers: what {@linkcode preconditioner} finds. */
export interface Preconditioner {
  /** Number of entries of F: the layer's parameters. */
  readonly count: number;
  /** F. */
  readonly fisher: ValueRange;
  /** The largest entry of F over the least: 1 is SGD with one learning rate. */
  readonly spread: number;
  /** Mean of lambda / F over the entries, in (0, 1]: what of F is lambda. */
  readonly lambdaShare: number;
  /** 1 / F: by how much the learning rate is multiplied. */
  readonly multiplier: ValueRange;
  /** The entries of F. */
  readonly histogram: LogHistogram;
}

/**
 * F of a layer, from the moving averages of its diagonals: range, spread, histogram,
 * the share of it that lambda makes up, and the learning rates it amounts to.
 *
 * @example The official code at its first step: F is about the same everywhere
 * ```ts
 * import { preconditioner } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { officialPreset } from "@adafisher/adafisher/optim";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * // 0.08 of the ones it starts from, and 0.008 of normalized diagonals.
 * const averages = { h: value([0.08, 0.088, 0.085]), s: value([0.088, 0.08]) };
 * const study = await preconditioner(linear("fc", 2, 2), averages, officialPreset);
 * assert(study.spread < 1.19 && study.multiplier.median < 136);
 * ```
 *
 * @param layer The layer.
 * @param averages Its averages, in the reading of `fields.form`.
 * @param fields A preset, or other fields.
 * @param options The histogram's bins.
 * @returns The numbers.
 * @throws {RangeError} If an average has not the shape that the layer's form has, or is
 * not finite, or the bins are none.
 */
export async function preconditioner(
  layer: KroneckerLayer,
  averages: DiagonalAverages,
  fields: AdaFisherFields,
  options: PreconditionerOptions = {},
): Promise<Preconditioner> {
  const { h, s } = averages;
  for (const [name, { data }] of Object.entries({ h, s })) {
    for (let i = 0; i < data.length; i++) {
      if (Number.isFinite(data[i])) continue;
      throw new RangeError(
        `Cannot study the preconditioner of ${layer.name}: ${name} must be finite, got ${
          data[i]
        } at [${i}]`,
      );
    }
  }
  const diagonals = constants({ h, s });
  const F = await evaluate(
    fisherOf(layer, { h: diagonals.h, s: diagonals.s }, fields),
  );
  const parts = Object.values(F).map(({ data }) => data);
  const count = parts.reduce((sum, { length }) => sum + length, 0);
  const sorted = new Float64Array(count);
  let at = 0;
  for (const part of parts) {
    sorted.set(part, at);
    at += part.length;
  }
  sorted.sort();
  const [least, median, largest] = [0, count >> 1, count - 1].map((i) =>
    sorted[i]
  );
  let share = 0;
  for (const entry of sorted) share += fields.lambda / entry;
  return {
    count,
    fisher: { least, median, largest },
    spread: largest / least,
    lambdaShare: share / count,
    multiplier: { least: 1 / largest, median: 1 / median, largest: 1 / least },
    histogram: logHistogram(sorted, {
      bins: options.bins ?? 40,
      range: options.range ?? [least, largest],
    }),
  };
}

/** Counts ascending numbers above 0. */
function logHistogram(
  sorted: Float64Array,
  { bins, range: [low, high] }: Required<PreconditionerOptions>,
): LogHistogram {
  if (!Number.isSafeInteger(bins) || bins < 1) {
    throw new RangeError(
      `Cannot make a histogram of F: bins must be a whole number of at least 1, got ${bins}`,
    );
  }
  if (!(low > 0 && low <= high && high < Infinity)) {
    throw new RangeError(
      `Cannot make a histogram of F: the range must ascend from above 0, got ${low} to ${high}`,
    );
  }
  // The outer edges exactly as given; equal ones make bins without a width.
  const edges = Array.from(
    { length: bins + 1 },
    (_, k) => k === bins ? high : low * (high / low) ** (k / bins),
  );
  const counts = edges.slice(1).map(() => 0);
  let below = 0, above = 0, bin = 0;
  for (const entry of sorted) {
    if (entry < low) below++;
    else if (entry > high) above++;
    else {
      while (bin < bins - 1 && entry >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
  }
  return { edges, counts, below, above };
}
