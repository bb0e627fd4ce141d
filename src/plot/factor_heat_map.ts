/**
 * The figure of a Kronecker factor: the size of its entries.
 *
 * @module
 */

import type { HeatmapCells } from "../analysis/mod.ts";
import {
  type Figure,
  figure,
  type FigureOptions,
  quantitative,
} from "./figure.ts";
import { DARKEST, pictureLayer, shadeOf, shadesLegend } from "./shades.ts";

/** What {@linkcode factorHeatMap} may be given. */
export interface FactorHeatMapOptions extends FigureOptions {
  /**
   * Powers of ten from the lightest shade, the largest entry, to the darkest; 6 by
   * default, or fewer where no entry is so small.
   */
  readonly decades?: number;
}

/**
 * A matrix as a picture: a cell's colour is |M_ij| on a logarithmic scale, row 0 at the
 * top. It is one image, so a factor of thousands of rows makes no larger figure than
 * its cells do.
 *
 * @example A diagonal matrix of a thousand rows
 * ```ts
 * import { heatmapCells } from "@adafisher/adafisher/analysis";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { factorHeatMap, toSvg } from "@adafisher/adafisher/plot";
 * import { assert } from "@std/assert";
 *
 * const cells = heatmapCells(identity(1000), 200, "largest");
 * const svg = await toSvg(factorHeatMap(cells, { title: "H of fc1" }));
 * assert(svg.includes("<image") && svg.length < 100_000);
 * ```
 *
 * @param cells The matrix in cells; some 300 to 400 a side are what a page can show.
 * @param options Title, size, range of the shades.
 * @returns The figure.
 * @throws {RangeError} If all entries are 0, one is not finite, or `decades` is not
 * above 0 and finite.
 */
export function factorHeatMap(
  { cells, rows, columns }: HeatmapCells,
  options: FactorHeatMapOptions = {},
): Figure {
  const { title, width = 360, height = 360, decades = 6 } = options;
  if (!(decades > 0 && decades < Infinity)) {
    throw new RangeError(
      `Cannot draw a factor: decades must be above 0 and finite, got ${decades}`,
    );
  }
  const [m, n] = cells.shape;
  const sizes = Array.from(cells.data, Math.abs);
  const odd = sizes.find((size) => !Number.isFinite(size));
  const high = sizes.reduce((a, b) => Math.max(a, b), 0);
  if (odd !== undefined || high === 0) {
    throw new RangeError(
      `Cannot draw a factor: its cells must be finite and not all 0, got ${
        odd ?? `[${m}, ${n}] zeros`
      }`,
    );
  }
  const least = sizes.reduce((a, b) => b > 0 ? Math.min(a, b) : a, high);
  const darkest = high * 10 ** -decades;
  // A range of no width would have no shades.
  const low = least === high ? high / 10 : Math.max(least, darkest);
  const span = Math.log(high / low);
  const pictures = Array.from(
    { length: m },
    (_, i) =>
      sizes.slice(i * n, (i + 1) * n)
        .map((size) => shadeOf(Math.log(size / low) / span)),
  );
  // A row's number stands at its middle.
  const x = [-0.5, columns[n] - 0.5] as const;
  const y = [-0.5, rows[m] - 0.5] as const;
  const axis = { grid: false, tickMinStep: 1 };
  const position = {
    x: { ...quantitative("x", { title: "Column", domain: x }), axis },
    y: { ...quantitative("y", { title: "Row", domain: [y[1], y[0]] }), axis },
  };
  return figure({
    title,
    width,
    height,
    layer: [
      pictureLayer(pictures, { x, y }, position),
      shadesLegend(
        least < low || sizes.includes(0) ? ["|M|", DARKEST] : "|M|",
        [low, high],
        "log",
      ),
    ],
  });
}
