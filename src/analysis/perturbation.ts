/**
 * What noise beside the diagonal does to the eigenvalues of a Kronecker factor
 * (section 3.1 of the paper): M^ = M + E, with e_ij ~ N(0, sigma^2) off the diagonal,
 * each entry by itself, and 0 on it.
 *
 * M^ is not symmetric. As in the official study its eigenvalues are those of its lower
 * triangle, mirrored: half of the noise counts.
 *
 * @module
 */

import { symmetricEigenvalues } from "../linalg/symmetric_eigen.ts";
import { randomNormal, streamOf } from "../tensor/random.ts";
import { type Value, value } from "../tensor/value.ts";
import {
  type MemoryOptions,
  requireMemory,
  requireSymmetric,
} from "./requirements.ts";

/** The noise of {@linkcode perturbation}, and limits. */
export interface PerturbationOptions extends MemoryOptions {
  /**
   * Standard deviation of the noise, in the matrix's own units; 1e-3 by default, which
   * the paper adds to factors that are normalized to [0, 1].
   */
  readonly sigma?: number;
  /** Same seed, same noise: a whole number of 32 bits; 0 by default. */
  readonly seed?: number;
  /** Most steps for one eigenvalue; 60 by default, and two or three are usual. */
  readonly maxIterations?: number;
}

/** How much some eigenvalues changed. */
export interface EigenvalueChanges {
  /** Number of eigenvalues. */
  readonly count: number;
  /** Mean of their relative changes; null if there are none. */
  readonly mean: number | null;
  /** The largest of their relative changes; null if there are none. */
  readonly largest: number | null;
}

/** Eigenvalues without and with noise: what {@linkcode perturbation} finds. */
export interface Perturbation {
  /** M^: [n, n], not symmetric. */
  readonly noisy: Value;
  /** Eigenvalues of M, ascending: [n]. */
  readonly before: Value;
  /** Eigenvalues of the lower triangle of M^, ascending: [n]. */
  readonly after: Value;
  /**
   * |after - before| / |before| of each rank, n of them; null where the eigenvalue is
   * 0 but for rounding, so that its relative change says nothing.
   */
  readonly changes: readonly (number | null)[];
  /** The changes of the eigenvalues above 1, Kaiser's line. */
  readonly above: EigenvalueChanges;
  /** The changes of the other eigenvalues. */
  readonly below: EigenvalueChanges;
  /** Number of eigenvalues that are 0 but for rounding, which are in neither. */
  readonly zeros: number;
  /** Whether both sets of eigenvalues converged; where not, they are not right. */
  readonly converged: boolean;
}

/** How accurate eigenvalues are, relative to the largest: a smaller one is rounding. */
const ACCURACY = 1e-12;

/** Kaiser's criterion: components count whose eigenvalues are above it. */
const KAISER_LINE = 1;

/**
 * Adds seeded noise off the diagonal of a symmetric matrix, and compares eigenvalues.
 *
 * @example A thousandth of noise changes eigenvalues of 3 and 1/2 by little
 * ```ts
 * import { perturbation } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const factor = value([3, 0, 0, 0.5], [2, 2]);
 * const { noisy, above, below } = perturbation(factor, { sigma: 1e-3, seed: 1 });
 * assertEquals([noisy.data[0], noisy.data[3]], [3, 0.5]);
 * assertEquals([above.count, below.count], [1, 1]);
 * assert(above.largest! < 1e-4 && below.largest! < 1e-4);
 * ```
 *
 * It takes the memory of two matrices: the noisy one, and a copy for its eigenvalues.
 *
 * @param matrix M: [n, n], symmetric but for rounding; for eigenvalues, of two entries
 * that should be equal the one below the diagonal counts.
 * @param options Size and seed of the noise, and limits.
 * @returns The noisy matrix, both sets of eigenvalues, and how far they are apart.
 * @throws {RangeError} If the matrix is empty, not square, not finite or not symmetric,
 * if it needs more memory than it may take, sigma is negative or not finite, the seed is
 * no whole number of 32 bits, or a number with noise is too large for one.
 * @throws {TypeError} If the matrix is not float.
 */
export function perturbation(
  matrix: Value,
  options: PerturbationOptions = {},
): Perturbation {
  const { sigma = 1e-3, seed = 0, maxIterations } = options;
  if (!(sigma >= 0 && sigma < Infinity)) {
    throw new RangeError(
      `Cannot perturb: sigma must be finite and at least 0, got ${sigma}`,
    );
  }
  if (seed !== seed >>> 0) {
    throw new RangeError(
      `Cannot perturb: the seed must be a whole number from 0 to 2^32 - 1, got ${seed}`,
    );
  }
  requireMemory("perturb", matrix, 2, options);
  const n = requireSymmetric("perturb", matrix);
  const clean = symmetricEigenvalues(matrix, { maxIterations });
  const data = new Float64Array(matrix.data);
  for (let i = 0; i < n; i++) {
    // A row at a time: all draws at once would need more memory than the matrix.
    const noise = randomNormal([seed, streamOf("perturbation")], i, n);
    for (let j = 0; j < n; j++) {
      if (j !== i) data[i * n + j] += sigma * noise[j];
    }
  }
  const noisy = value(data, [n, n]);
  const moved = symmetricEigenvalues(noisy, { maxIterations });
  const before = clean.values.data, after = moved.values.data;
  const least = ACCURACY *
    Math.max(Math.abs(before[0]), Math.abs(before[n - 1]));
  const ranks = Array.from({ length: n }, (_, k) => k);
  const changes = ranks.map((k) =>
    Math.abs(before[k]) <= least
      ? null
      : Math.abs(after[k] - before[k]) / Math.abs(before[k])
  );
  const changesOf = (which: (eigenvalue: number) => boolean) =>
    summary(ranks.flatMap((k) => {
      const change = changes[k];
      return change !== null && which(before[k]) ? [change] : [];
    }));
  return {
    noisy,
    before: clean.values,
    after: moved.values,
    changes,
    above: changesOf((eigenvalue) => eigenvalue > KAISER_LINE),
    below: changesOf((eigenvalue) => eigenvalue <= KAISER_LINE),
    zeros: changes.filter((change) => change === null).length,
    converged: clean.converged && moved.converged,
  };
}

function summary(changes: readonly number[]): EigenvalueChanges {
  const count = changes.length;
  if (count === 0) return { count, mean: null, largest: null };
  let sum = 0, largest = 0;
  for (const change of changes) {
    sum += change;
    largest = Math.max(largest, change);
  }
  return { count, mean: sum / count, largest };
}
