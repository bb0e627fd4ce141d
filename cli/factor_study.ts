/**
 * The studies of one Kronecker factor, and what they say in a word.
 *
 * Every factor is divided by its largest entry's size first: the noise of the paper is
 * of factors that are normalized to [0, 1], and so is Kaiser's line. Unlike min-max this
 * moves no eigenvector, and shares and ratios do not depend on it.
 *
 * @module
 */

import {
  type EigenvalueChanges,
  type Gersgorin,
  gersgorin,
  type Perturbation,
  perturbation,
  type Snr,
  snr,
} from "../src/analysis/mod.ts";
import { type Value, value } from "../src/tensor/mod.ts";
import { Failure, outside } from "./failure.ts";
import type { Factor } from "./factor_source.ts";

/** How factors are studied. */
export interface StudyOptions {
  /** Standard deviation of the noise, relative to the largest entry. */
  readonly noise: number;
  /** Seed of the noise. */
  readonly seed: number;
  /** Rows of the largest factor that may be studied. */
  readonly maxRows: number;
}

/**
 * Bytes that a study may take: more than the five matrices of float64 that the most
 * demanding one has at a time, so that `maxRows` alone is the limit.
 *
 * @param maxRows Rows of the largest factor.
 * @returns The bytes.
 */
export const memoryOf = (maxRows: number): number => 100 * maxRows ** 2;

/**
 * What the numbers of a factor amount to. The rule was set before any factor was looked
 * at: `concentrated` if the plain SNR is above 10 dB and more than half of the energy is
 * on the diagonal, `partly` if one of the two holds, `spread` if none does; `single` for
 * a matrix of one row, of which nothing can be said.
 */
export type Verdict = "concentrated" | "partly" | "spread" | "single";

/** Relative changes of some eigenvalues, the middle one with them. */
export interface MedianChanges extends EigenvalueChanges {
  /**
   * The middle one, the larger of two; null if there are none. An eigenvalue near 0
   * changes by a multiple of itself, and the mean is its change alone.
   */
  readonly median: number | null;
}

/** What was found of a factor. */
export interface FactorFinding extends Omit<Factor, "matrix"> {
  readonly rows: number;
  /** The size of the largest entry, by which the factor was divided. */
  readonly scale: number;
  /** Share of the sum of all squares that is on the diagonal. */
  readonly diagonalEnergy: number;
  /** The share that it would be if all entries were of one size. */
  readonly evenly: number;
  /** Share of the eigenvalues that lie in a Gersgorin disc; by the theorem 1. */
  readonly inside: number;
  /** Share of the rows that are strictly diagonally dominant. */
  readonly dominant: number;
  /** The least of |M_ii| - R_i, relative to the largest |M_ii|. */
  readonly margin: number;
  /** Both readings of Eq. 7; null for one row. */
  readonly snr: Snr | null;
  /** Relative changes of the eigenvalues above 1 under noise. */
  readonly above: MedianChanges;
  /** Of the others. */
  readonly below: MedianChanges;
  /** Number of eigenvalues that are 0 but for rounding. */
  readonly zeros: number;
  /** Whether all eigenvalues converged. */
  readonly converged: boolean;
  readonly verdict: Verdict;
}

/** A factor, and all that its studies found. */
export interface FactorStudy {
  readonly finding: FactorFinding;
  /** The factor, divided by its largest entry's size: [n, n]. */
  readonly scaled: Value;
  readonly discs: Gersgorin;
  readonly moved: Perturbation;
}

/**
 * What a factor is called.
 *
 * @param factor The factor.
 * @returns Layer, which factor, form, step or file.
 */
export function titleOf(
  { layer, form, factor, step, file }: Omit<Factor, "matrix">,
): string {
  return [
    factor === null ? layer : `${factor} of ${layer}`,
    ...(form === null ? [] : [`${form} average`]),
    step === null ? file : `step ${step}`,
  ].join(", ");
}

/**
 * Studies a factor.
 *
 * @param factor The factor.
 * @param options The noise.
 * @returns Numbers, and what they say.
 * @throws {Failure} If it is not finite, not symmetric, or all 0.
 */
export async function studyFactor(
  factor: Factor,
  { noise, seed, maxRows }: StudyOptions,
): Promise<FactorStudy> {
  const { matrix, ...rest } = factor;
  const { scaled, scale } = scaledOf(factor);
  const memory = memoryOf(maxRows);
  const { discs, moved, ratio } = await outside(() => ({
    discs: gersgorin(scaled, { memory }),
    moved: perturbation(scaled, { sigma: noise, seed, memory }),
    ratio: scaled.shape[0] === 1 ? null : snr(scaled),
  })).catch((cause) => {
    throw new Failure(`${titleOf(factor)}: ${cause.message}`, { cause });
  });
  const [rows] = matrix.shape;
  const diagonalEnergy = diagonalShare(scaled);
  return {
    finding: {
      ...rest,
      rows,
      scale,
      diagonalEnergy,
      evenly: 1 / rows,
      inside: discs.inside,
      dominant: discs.dominant,
      margin: discs.margin,
      snr: ratio,
      above: withMedian(moved.above, moved, (x) => x > 1),
      below: withMedian(moved.below, moved, (x) => x <= 1),
      zeros: moved.zeros,
      converged: discs.converged && moved.converged,
      verdict: verdictOf(ratio, diagonalEnergy),
    },
    scaled,
    discs,
    moved,
  };
}

/**
 * The rule of {@linkcode Verdict}.
 *
 * @param ratio Both readings of the SNR; null for one row.
 * @param diagonalEnergy The diagonal's share of all energy.
 * @returns The word.
 */
export function verdictOf(ratio: Snr | null, diagonalEnergy: number): Verdict {
  if (ratio === null) return "single";
  const larger = ratio.plain > 10, most = diagonalEnergy > 0.5;
  return larger && most ? "concentrated" : larger || most ? "partly" : "spread";
}

/** The factor over the size of its largest entry. */
function scaledOf(factor: Factor): { scaled: Value; scale: number } {
  const { shape: [n], data } = factor.matrix;
  let scale = 0;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new Failure(
        `Cannot study ${
          titleOf(factor)
        }: the entries of the [${n}, ${n}] matrix must be finite, got ${
          data[i]
        } at [${Math.floor(i / n)}, ${i % n}]`,
      );
    }
    scale = Math.max(scale, Math.abs(data[i]));
  }
  if (scale === 0) {
    throw new Failure(
      `Cannot study ${
        titleOf(factor)
      }: the [${n}, ${n}] matrix must have an entry that is not 0, got none`,
    );
  }
  const numbers = Float64Array.from(data, (entry) => entry / scale);
  return { scaled: value(numbers, [n, n]), scale };
}

/** Adds the median of the changes of the eigenvalues that are meant. */
function withMedian(
  changes: EigenvalueChanges,
  moved: Perturbation,
  which: (eigenvalue: number) => boolean,
): MedianChanges {
  const sorted = moved.changes.filter((change, k): change is number =>
    change !== null && which(moved.before.data[k])
  ).sort((a, b) => a - b);
  return { ...changes, median: sorted[sorted.length >> 1] ?? null };
}

function diagonalShare({ shape: [n], data }: Value): number {
  let on = 0, all = 0;
  for (let i = 0; i < data.length; i++) {
    const energy = data[i] ** 2;
    all += energy;
    if (i % (n + 1) === 0) on += energy;
  }
  return on / all;
}
