/**
 * Numbers as the shades of a picture: one image for all of them, whatever their
 * count, and the legend of its colours.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- only this folder needs libraries
import { scheme } from "npm:vega@6.4.0";
import type { JsonFields } from "./figure.ts";
import { rasterUrl, type Rgba } from "./raster.ts";

/** Viridis: dark to light, the same order for any kind of colour vision and in grey. */
const SCHEME = "viridis";

/** As many shades as eight bits tell apart, from Vega, which draws the legend. */
const SHADES: readonly Rgba[] = Array.from({ length: 256 }, (_, i) => {
  const [r, g, b] = scheme(SCHEME)(i / 255).match(/\d+/g).map(Number);
  return [r, g, b, 255];
});

/**
 * The colour of a share of the way from the darkest shade to the lightest.
 *
 * @param share In [0, 1]; what lies beyond has the colour of the end.
 * @returns The colour.
 */
export function shadeOf(share: number): Rgba {
  return SHADES[Math.round(255 * Math.min(1, Math.max(0, share)))];
}

/** The line of a legend that says what the darkest shade takes in. */
export const DARKEST = "(darkest: or less)";

/** Pixels that a picture of few cells has at most along its longer side. */
const SIDE = 720;

/** Where a picture lies: the numbers of the axes at its edges. */
export interface PictureEdges {
  /** At its left edge and at its right one. */
  readonly x: readonly [number, number];
  /** At one horizontal edge and at the other. */
  readonly y: readonly [number, number];
}

/**
 * A layer with a picture in it.
 *
 * @param rows Colours by row, from the top.
 * @param edges Where it lies.
 * @param position Encodings of x and y, by fields of these names.
 * @returns The layer.
 */
export function pictureLayer(
  rows: readonly (readonly Rgba[])[],
  { x, y }: PictureEdges,
  position: { readonly x: JsonFields; readonly y: JsonFields },
): JsonFields {
  return {
    data: {
      values: [{
        x: x[0],
        x2: x[1],
        y: y[0],
        y2: y[1],
        url: rasterUrl(enlarged(rows)),
      }],
    },
    mark: { type: "image", aspect: false },
    encoding: {
      ...position,
      x2: { field: "x2" },
      y2: { field: "y2" },
      url: { field: "url", type: "nominal" },
    },
  };
}

/**
 * Each cell as a square of pixels: who draws the picture smooths between pixels, and
 * a cell shall keep its edges.
 */
function enlarged(
  rows: readonly (readonly Rgba[])[],
): readonly (readonly Rgba[])[] {
  const side = Math.floor(SIDE / Math.max(rows.length, rows[0].length));
  if (side < 2) return rows;
  const repeat = <T>(all: readonly T[]): T[] =>
    all.flatMap((one) => new Array<T>(side).fill(one));
  return repeat(rows.map(repeat<Rgba>));
}

/**
 * A layer that shows nothing, but gives the shades their legend.
 *
 * @param title What the shades are, with its unit; an element a line.
 * @param domain Numbers of the darkest and the lightest shade.
 * @param scale How numbers lie between them.
 * @returns The layer.
 */
export function shadesLegend(
  title: string | readonly string[],
  [low, high]: readonly [number, number],
  scale: "linear" | "log" = "linear",
): JsonFields {
  return {
    data: { values: [{ shade: low }, { shade: high }] },
    mark: { type: "point", opacity: 0 },
    encoding: {
      fill: {
        field: "shade",
        type: "quantitative",
        title,
        scale: { type: scale, domain: [low, high], scheme: SCHEME },
        legend: {
          gradientOpacity: 1,
          gradientStrokeColor: "#999999",
          gradientLength: 200,
          format: scale === "log" ? "~g" : undefined,
        },
      },
    },
  };
}
