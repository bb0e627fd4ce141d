/**
 * The two-dimensional spectrum of a Kronecker factor (Eq. 6 of the paper): how fast a
 * factor changes along its rows and columns, and how much of it lies near a diagonal.
 *
 * The spectrum of a matrix with nothing beside its diagonal d is
 * F(k, l) = sum over m of d_m e^(-2 pi i (k + l) m / n): a function of k + l. The
 * diagonal's mean gives the line k + l = 0, round the edges, which is the
 * anti-diagonal; what varies along the diagonal spreads from it.
 *
 * @module
 */

import { fft2 } from "../linalg/fft2.ts";
import { type Value, value } from "../tensor/value.ts";
import { filledCopy } from "./symmetric.ts";

/** What {@linkcode spectrum} counts as near. */
export interface SpectrumOptions {
  /** The most that an entry near a diagonal is off it; a twentieth of n by default. */
  readonly band?: number;
}

/** Energy near a diagonal. */
export interface BandEnergy {
  /** Share of the sum of all squares that is near it, in [0, 1]. */
  readonly share: number;
  /** Share of the entries that are near it: `share` if all were of one size. */
  readonly uniform: number;
}

/** A matrix in frequencies: what {@linkcode spectrum} finds. */
export interface Spectrum {
  /** |F(k, l)|: [n, n], frequency 0 at [floor(n / 2), floor(n / 2)]. */
  readonly magnitude: Value;
  /** 20 ln |F|, the scale of the official study's pictures, not below the floor. */
  readonly official: Value;
  /** 20 log10 |F| in dB, not below the floor. */
  readonly decibels: Value;
  /** Of the matrix: |i - j| at most the band. */
  readonly diagonal: BandEnergy;
  /** Of the spectrum: k + l at most the band from 0, round the edges. */
  readonly antiDiagonal: BandEnergy;
}

/**
 * The floor of the logarithms, relative to the largest magnitude: what is below is
 * rounding, and of 0 there is no logarithm.
 */
const FLOOR = 2 ** -52;

/**
 * The spectrum of a matrix, and the share of the energy near the diagonal, of the
 * matrix, and near the line that a diagonal makes, of the spectrum.
 *
 * @example All of the identity's energy is on both lines
 * ```ts
 * import { spectrum } from "@adafisher/adafisher/analysis";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const { magnitude, diagonal, antiDiagonal } = spectrum(identity(5), { band: 0 });
 * assertAlmostEquals(magnitude.data[2 * 5 + 2], 5, 1e-14);
 * assertEquals(diagonal, { share: 1, uniform: 0.2 });
 * assertAlmostEquals(antiDiagonal.share, 1, 1e-14);
 * ```
 *
 * @param matrix [n, n]; a noisy one need not be symmetric.
 * @param options The width of the band.
 * @returns Magnitudes in three scales, and shares of energy.
 * @throws {RangeError} If the matrix is empty, not square, not finite or all 0, its
 * spectrum is too large for a number, or the band is no whole number from 0 to n.
 * @throws {TypeError} If it is not float.
 */
export function spectrum(
  matrix: Value,
  options: SpectrumOptions = {},
): Spectrum {
  const { n, data } = filledCopy("take a spectrum", matrix);
  const { band = Math.floor(n / 20) } = options;
  if (!(Number.isSafeInteger(band) && band >= 0 && band <= n)) {
    throw new RangeError(
      `Cannot take a spectrum: the band must be a whole number from 0 to ${n}, got ${band}`,
    );
  }
  const { real, imaginary } = fft2(value(data, [n, n]));
  const magnitude = new Float64Array(n * n);
  const middle = Math.floor(n / 2);
  let largest = 0;
  for (let k = 0; k < n; k++) {
    for (let l = 0; l < n; l++) {
      const from = k * n + l;
      const size = Math.hypot(real.data[from], imaginary.data[from]);
      magnitude[(k + middle) % n * n + (l + middle) % n] = size;
      largest = Math.max(largest, size);
    }
  }
  if (!(largest > 0 && largest < Infinity)) {
    throw new RangeError(
      `Cannot take a spectrum: the largest magnitude of the [${n}, ${n}] matrix must be above 0 and finite, got ${largest}`,
    );
  }
  const scaled = (logarithm: (x: number) => number): Value =>
    value(
      magnitude.map((x) => 20 * logarithm(Math.max(x, FLOOR * largest))),
      [n, n],
    );
  return {
    magnitude: value(magnitude, [n, n]),
    official: scaled(Math.log),
    decibels: scaled(Math.log10),
    diagonal: energyNear(data, n, (i, j) => Math.abs(i - j) <= band),
    antiDiagonal: energyNear(magnitude, n, (row, column) => {
      const sum = (row + column + 2 * (n - middle)) % n; // k + l, from 0 to n - 1
      return Math.min(sum, n - sum) <= band;
    }),
  };
}

function energyNear(
  data: Float64Array,
  n: number,
  near: (row: number, column: number) => boolean,
): BandEnergy {
  let largest = 0;
  for (const entry of data) largest = Math.max(largest, Math.abs(entry));
  let inside = 0, all = 0, count = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      // Relative to the largest entry no square is too large.
      const energy = (data[i * n + j] / largest) ** 2;
      all += energy;
      if (!near(i, j)) continue;
      inside += energy;
      count++;
    }
  }
  return { share: inside / all, uniform: count / (n * n) };
}
