/**
 * The figure of a factor's spectrum (Eq. 6 of the paper), without and with noise.
 *
 * @module
 */

import {
  heatmapCells,
  inDecibels,
  inOfficialScale,
  type Spectrum,
} from "../analysis/mod.ts";
import {
  type Figure,
  figure,
  type FigureOptions,
  type JsonFields,
  quantitative,
  requireShown,
} from "./figure.ts";
import { DARKEST, pictureLayer, shadeOf, shadesLegend } from "./shades.ts";

/** The spectra of {@linkcode spectrumFigure}. */
export interface SpectrumPair {
  /** Of the factor. */
  readonly clean: Pick<Spectrum, "magnitude">;
  /** Of the factor with noise. */
  readonly noisy: Pick<Spectrum, "magnitude">;
}

/** What {@linkcode spectrumFigure} may be given. */
export interface SpectrumFigureOptions extends FigureOptions {
  /**
   * `decibels`: 20 log10 |F|, by default. `official`: 20 ln |F|, as in the pictures of
   * the official study.
   */
  readonly scale?: "decibels" | "official";
  /** The most cells in a row or column of a picture; 300 by default. */
  readonly most?: number;
}

const SCALES = {
  decibels: { of: inDecibels, title: "20 log10 |F| (dB)" },
  official: { of: inOfficialScale, title: "20 ln |F|" },
};

/**
 * Share of the cells that are not brighter than the darkest shade: zeros of a spectrum
 * lie so far below all else that they would leave it one shade.
 */
const DARK_SHARE = 0.01;

/**
 * Two spectra side by side in the same shades, frequency 0 in the middle. A cell shows
 * the largest magnitude in it. Each spectrum is one image.
 *
 * @example A diagonal matrix, and noise beside its diagonal
 * ```ts
 * import { perturbation, spectrum } from "@adafisher/adafisher/analysis";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { spectrumFigure, toSvg } from "@adafisher/adafisher/plot";
 * import { assert } from "@std/assert";
 *
 * const factor = identity(32);
 * const { noisy } = perturbation(factor, { sigma: 1e-3, seed: 1 });
 * const pair = { clean: spectrum(factor), noisy: spectrum(noisy) };
 * const svg = await toSvg(spectrumFigure(pair, { scale: "official" }));
 * assert(svg.includes("20 ln |F|"));
 * ```
 *
 * @param pair Magnitudes of both, [n, n] each, as `spectrum` finds them.
 * @param options Title, size of each picture, scale, number of cells.
 * @returns The figure.
 * @throws {RangeError} If a magnitude is empty or not finite, all of one are 0, or they
 * differ in shape.
 */
export function spectrumFigure(
  { clean, noisy }: SpectrumPair,
  options: SpectrumFigureOptions = {},
): Figure {
  const { title, width = 290, height = 290, most = 300 } = options;
  const { of, title: unit } = SCALES[options.scale ?? "decibels"];
  const [n, columns] = clean.magnitude.shape;
  if (`${clean.magnitude.shape}` !== `${noisy.magnitude.shape}`) {
    throw new RangeError(
      `Cannot draw spectra: both must be of one shape, got [${clean.magnitude.shape}] and [${noisy.magnitude.shape}]`,
    );
  }
  const sides = Object.entries({ "Without noise": clean, "With noise": noisy })
    .map(([name, { magnitude }]) => {
      const { cells } = heatmapCells(magnitude, most, "largest");
      const { shape, data } = of(cells);
      requireShown(`spectrum ${name.toLowerCase()}`, Array.from(data), {
        title: "",
      });
      return { name, shape, data };
    });
  const sorted = Float64Array.from(sides.flatMap(({ data }) => [...data]))
    .sort();
  const high = sorted[sorted.length - 1];
  const low = Math.min(
    sorted[Math.floor(DARK_SHARE * sorted.length)],
    high - 1,
  );
  const axis = { grid: false };
  /** Frequencies at the edges of the first and the last entry. */
  const edges = (extent: number): [number, number] => {
    const first = -Math.floor(extent / 2) - 0.5;
    return [first, first + extent];
  };
  const x = edges(columns), y = edges(n);
  const position = {
    x: {
      ...quantitative("x", { title: "Frequency l, along rows", domain: x }),
      axis,
    },
    y: {
      ...quantitative("y", {
        title: "Frequency k, along columns",
        domain: [y[1], y[0]],
      }),
      axis,
    },
  };
  const views = sides.map(({ name, shape, data }, side): JsonFields => ({
    title: { text: name, fontSize: 12, fontWeight: "normal", anchor: "middle" },
    width,
    height,
    layer: [
      pictureLayer(
        Array.from({ length: shape[0] }, (_, i) =>
          Array.from(
            data.slice(i * shape[1], (i + 1) * shape[1]),
            (level) => shadeOf((level - low) / (high - low)),
          )),
        { x, y },
        position,
      ),
      ...(side === 0 ? [] : [shadesLegend([unit, DARKEST], [low, high])]),
    ],
  }));
  return figure({ title, hconcat: views });
}
