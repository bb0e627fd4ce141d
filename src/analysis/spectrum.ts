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
import { largest } from "../linalg/matrix.ts";
import { type Data, type Value, value } from "../tensor/value.ts";
import {
  type MemoryOptions,
  requireFilled,
  requireMemory,
} from "./requirements.ts";

/** What {@linkcode spectrum} counts as near, and limits. */
export interface SpectrumOptions extends MemoryOptions {
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
  /**
   * |F(k, l)|: [n, n], frequency 0 at [floor(n / 2), floor(n / 2)]. For pictures, and
   * reduced to their cells first: {@linkcode inOfficialScale}, {@linkcode inDecibels}.
   */
  readonly magnitude: Value;
  /** Of the matrix: |i - j| at most the band. */
  readonly diagonal: BandEnergy;
  /** Of the spectrum: k - l at most the band from 0, round the edges. */
  readonly spectrumDiagonal: BandEnergy;
  /** Of the spectrum: k + l at most the band from 0, round the edges. */
  readonly antiDiagonal: BandEnergy;
}

/**
 * The floor of the logarithms, relative to the largest magnitude: what is below is
 * rounding, and of 0 there is no logarithm.
 */
const FLOOR = 2 ** -52;

/**
 * The spectrum of a matrix, and the share of the energy near the diagonal: of the
 * matrix, of the spectrum, and near the line that a diagonal makes of the spectrum.
 *
 * @example All of the identity's energy is on its diagonal and on the spectrum's other
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
 * @example A factor without and with noise, in at most 256 x 256 cells
 * ```ts
 * import {
 *   heatmapCells,
 *   inOfficialScale,
 *   perturbation,
 *   spectrum,
 * } from "@adafisher/adafisher/analysis";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const clean = identity(300);
 * const { noisy } = perturbation(clean, { sigma: 1e-3, seed: 1 });
 * const pictures = [clean, noisy].map((factor) => {
 *   const { cells } = heatmapCells(spectrum(factor).magnitude, 256, "largest");
 *   return inOfficialScale(cells);
 * });
 * assertEquals(pictures[1].shape, [256, 256]);
 * ```
 *
 * It takes the memory of three matrices: the real and imaginary parts and their size.
 *
 * @param matrix [n, n]; a noisy one need not be symmetric.
 * @param options The width of the band, and limits.
 * @returns Magnitudes, and shares of energy.
 * @throws {RangeError} If the matrix is empty, not square, not finite or all 0, if it
 * needs more memory than it may take, its spectrum is too large for a number, or the
 * band is no whole number from 0 to n.
 * @throws {TypeError} If it is not float.
 */
export function spectrum(
  matrix: Value,
  options: SpectrumOptions = {},
): Spectrum {
  requireMemory("take a spectrum", matrix, 3, options);
  const n = requireFilled("take a spectrum", matrix);
  const { band = Math.floor(n / 20) } = options;
  if (!(Number.isSafeInteger(band) && band >= 0 && band <= n)) {
    throw new RangeError(
      `Cannot take a spectrum: the band must be a whole number from 0 to ${n}, got ${band}`,
    );
  }
  const middle = Math.floor(n / 2);
  const magnitude = shiftedMagnitude(matrix, n, middle);
  const top = largest(magnitude);
  if (!(top > 0 && top < Infinity)) {
    throw new RangeError(
      `Cannot take a spectrum: the largest magnitude of the [${n}, ${n}] matrix must be above 0 and finite, got ${top}`,
    );
  }
  /** Whether a frequency, from 0 to 2 n, is near 0 or a multiple of n. */
  const near = (frequency: number): boolean =>
    Math.min(frequency % n, n - frequency % n) <= band;
  return {
    magnitude: value(magnitude, [n, n]),
    diagonal: energyNear(matrix.data, n, (i, j) => Math.abs(i - j) <= band),
    spectrumDiagonal: energyNear(magnitude, n, (i, j) => near(i - j + n)),
    antiDiagonal: energyNear(
      magnitude,
      n,
      (i, j) => near((i + j + 2 * (n - middle)) % n), // k is i - middle
    ),
  };
}

/** |F|, row-major, with the frequency 0 at [middle, middle]. */
function shiftedMagnitude(
  matrix: Value,
  n: number,
  middle: number,
): Float64Array<ArrayBuffer> {
  const { real, imaginary } = fft2(matrix);
  const magnitude = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const row = (k + middle) % n * n;
    for (let l = 0; l < n; l++) {
      const from = k * n + l;
      magnitude[row + (l + middle) % n] = Math.hypot(
        real.data[from],
        imaginary.data[from],
      );
    }
  }
  return magnitude;
}

/**
 * Magnitudes in the scale of the official study's pictures: 20 ln |F|.
 *
 * @example
 * ```ts
 * import { inOfficialScale } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { data } = inOfficialScale(value([1, Math.E]));
 * assertEquals([...data], [0, 20]);
 * ```
 *
 * @param magnitude Numbers of at least 0, not all 0, of any shape: those of a
 * {@linkcode Spectrum}, or of cells that it was reduced to.
 * @returns As many, not below the logarithm of 2^-52 of the largest.
 * @throws {RangeError} If one is negative or not finite, or all are 0.
 */
export function inOfficialScale(magnitude: Value): Value {
  return logarithms(magnitude, Math.log);
}

/**
 * Magnitudes in dB: 20 log10 |F|.
 *
 * @example
 * ```ts
 * import { inDecibels } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...inDecibels(value([1, 10])).data], [0, 20]);
 * ```
 *
 * @param magnitude Numbers of at least 0, not all 0, of any shape: those of a
 * {@linkcode Spectrum}, or of cells that it was reduced to.
 * @returns As many, not below 313 dB under the largest.
 * @throws {RangeError} If one is negative or not finite, or all are 0.
 */
export function inDecibels(magnitude: Value): Value {
  return logarithms(magnitude, Math.log10);
}

function logarithms(
  { shape, data }: Value,
  logarithm: (x: number) => number,
): Value {
  const wrong = data.findIndex((x) => !(x >= 0 && x < Infinity));
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot take logarithms: magnitudes must be finite and at least 0, got ${
        data[wrong]
      } at ${wrong}`,
    );
  }
  const top = largest(data);
  if (top === 0) {
    throw new RangeError(
      `Cannot take logarithms: one of the ${data.length} magnitudes must be above 0`,
    );
  }
  const floor = Math.max(FLOOR * top, Number.MIN_VALUE);
  return value(
    Float64Array.from(data, (x) => 20 * logarithm(Math.max(x, floor))),
    shape,
  );
}

function energyNear(
  data: Data,
  n: number,
  near: (row: number, column: number) => boolean,
): BandEnergy {
  const top = largest(data);
  let inside = 0, all = 0, count = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      // Relative to the largest entry no square is too large.
      const energy = (data[i * n + j] / top) ** 2;
      all += energy;
      if (!near(i, j)) continue;
      inside += energy;
      count++;
    }
  }
  return { share: inside / all, uniform: count / (n * n) };
}
