/**
 * The figure of Gersgorin discs (section 3.1 of the paper).
 *
 * @module
 */

import type { Gersgorin } from "../analysis/mod.ts";
import {
  type Figure,
  figure,
  type FigureOptions,
  type JsonFields,
  quantitative,
  requireShown,
  seriesColors,
} from "./figure.ts";
import type { Rgba } from "./raster.ts";
import { pictureLayer, shadeOf, shadesLegend } from "./shades.ts";

/** More discs than these are a picture of how many lie over a point. */
const MOST_CIRCLES = 100;

/**
 * More discs than these are but circles: fills as faint as they would need have no
 * colour of their own in eight bits.
 */
const MOST_FILLED = 40;

/** Pixels of a picture for one of the figure: sharp on fine screens. */
const SHARPNESS = 2;

/** How much larger the view is than what is in it. */
const MARGIN = 1.06;

/** The least and largest height of the plotted area. */
const HEIGHTS = [160, 560] as const;

const DISC = seriesColors[0], EIGENVALUE = seriesColors[1];
const EIGENVALUE_RGBA: Rgba = [0xd5, 0x5e, 0x00, 255];
const NONE: Rgba = [0, 0, 0, 0];

/** Labels of an axis: numbers far from 1, as many of factors are, by powers of ten. */
const NUMBER_LABELS =
  "datum.value == 0 ? '0' : format(datum.value, abs(datum.value) < 1e-3 || abs(datum.value) >= 1e5 ? '.3~e' : '.4~g')";

/** What the figure shows of {@linkcode Gersgorin}. */
export type GersgorinDiscs = Pick<
  Gersgorin,
  "centres" | "radii" | "eigenvalues" | "imaginary"
>;

/** A disc or, of radius 0, an eigenvalue, in the complex plane. */
interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/**
 * Discs in the complex plane, and the eigenvalues over them; one unit is as long
 * upwards as to the right. Up to 100 discs are circles. More are one image, of how
 * many discs lie over a point.
 *
 * @example The discs of three rows
 * ```ts
 * import { gersgorin } from "@adafisher/adafisher/analysis";
 * import { gersgorinFigure, toSvg } from "@adafisher/adafisher/plot";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * const discs = gersgorin(value([5, 1, 0, 1, 4, 1, 0, 1, 3], [3, 3]));
 * const svg = await toSvg(gersgorinFigure(discs, { title: "H of fc1" }));
 * assert(svg.includes("Imaginary part"));
 * ```
 *
 * @param discs Centres, radii and eigenvalues, as `gersgorin` finds them,
 * of a symmetric matrix or of any other.
 * @param options Title and width; the height is that of the largest disc.
 * @returns The figure.
 * @throws {RangeError} If there is no disc, there is not one radius a centre, a radius
 * is below 0, or a number is not finite.
 */
export function gersgorinFigure(
  { centres, radii, eigenvalues, imaginary }: GersgorinDiscs,
  { title, width = 560 }: Omit<FigureOptions, "height"> = {},
): Figure {
  const n = centres.data.length;
  if (n === 0 || radii.data.length !== n) {
    throw new RangeError(
      `Cannot draw Gersgorin discs: there must be at least one centre, and a radius to each, got ${n} centres and ${radii.data.length} radii`,
    );
  }
  if (imaginary.data.length !== eigenvalues.data.length) {
    throw new RangeError(
      `Cannot draw Gersgorin discs: eigenvalues need an imaginary part each, got ${eigenvalues.data.length} of them and ${imaginary.data.length} imaginary parts`,
    );
  }
  const discs = Array.from(
    centres.data,
    (x, i): Disc => ({ x, y: 0, radius: radii.data[i] }),
  );
  const dots = Array.from(
    eigenvalues.data,
    (x, i): Disc => ({ x, y: imaginary.data[i], radius: 0 }),
  );
  requireShown("centres of discs", discs.map(({ x }) => x), { title: "" });
  requireShown("radii of discs", discs.map(({ radius }) => radius), {
    title: "",
  });
  requireShown("eigenvalues", dots.flatMap(({ x, y }) => [x, y]), {
    title: "",
  });
  const negative = discs.findIndex(({ radius }) => radius < 0);
  if (negative >= 0) {
    throw new RangeError(
      `Cannot draw Gersgorin discs: radii must be at least 0, got ${
        radii.data[negative]
      } at [${negative}]`,
    );
  }
  const view = viewOf([...discs, ...dots], width);
  const { x, y, height } = view;
  const axis = { labelExpr: NUMBER_LABELS };
  const position = {
    x: { ...quantitative("x", { title: "Real part", domain: x }), axis },
    y: { ...quantitative("y", { title: "Imaginary part", domain: y }), axis },
  };
  const layers = n <= MOST_CIRCLES
    ? circleLayers(discs, dots, position, width / (x[1] - x[0]))
    : pictureLayers(discs, dots, position, view);
  return figure({ title, width, height, layer: layers });
}

/** The part of the plane that is shown. */
interface PlaneView {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly width: number;
  readonly height: number;
}

/** All that is to be seen, and a little more; one unit in pixels both ways. */
function viewOf(all: readonly Disc[], width: number): PlaneView {
  let left = Infinity, right = -Infinity, up = 0;
  for (const { x, y, radius } of all) {
    left = Math.min(left, x - radius);
    right = Math.max(right, x + radius);
    up = Math.max(up, Math.abs(y) + radius);
  }
  // One point alone has no extent: its own size gives the view one.
  const extent = MARGIN * (right - left || Math.abs(right) || 1);
  const upright = MARGIN * 2 * up;
  const height = Math.min(
    HEIGHTS[1],
    Math.max(HEIGHTS[0], Math.round(upright * width / extent)),
  );
  const unit = Math.max(extent / width, upright / height);
  const middle = (left + right) / 2;
  return {
    x: [middle - unit * width / 2, middle + unit * width / 2],
    y: [-unit * height / 2, unit * height / 2],
    width,
    height,
  };
}

type Position = { readonly x: JsonFields; readonly y: JsonFields };

/** A mark for each disc and each eigenvalue. */
function circleLayers(
  discs: readonly Disc[],
  dots: readonly Disc[],
  position: Position,
  pixels: number,
): JsonFields[] {
  const what = {
    field: "what",
    type: "nominal",
    legend: { title: null },
    scale: { domain: ["disc", "eigenvalue"], range: [DISC, EIGENVALUE] },
  };
  const circles = {
    data: {
      values: discs.map(({ x, y, radius }) => ({
        x,
        y,
        // The area of the square around the circle.
        size: (2 * radius * pixels) ** 2,
        what: "disc",
      })),
    },
    size: { field: "size", type: "quantitative", scale: null },
  };
  const fill = {
    data: circles.data,
    mark: {
      type: "point",
      fill: DISC,
      strokeOpacity: 0,
      // All of them, one over the other, still show what lies beneath.
      opacity: 1 - (1 - 0.5) ** (1 / discs.length),
    },
    encoding: { ...position, size: circles.size },
  };
  return [
    ...(discs.length <= MOST_FILLED ? [fill] : []),
    {
      data: circles.data,
      mark: { type: "point", strokeWidth: 0.8, strokeOpacity: 0.8, opacity: 1 },
      encoding: { ...position, size: circles.size, stroke: what },
    },
    {
      data: { values: dots.map(({ x, y }) => ({ x, y, what: "eigenvalue" })) },
      mark: { type: "point", size: 36, strokeWidth: 1.6, opacity: 1 },
      encoding: { ...position, stroke: what },
    },
  ];
}

/** One image of how many discs lie over a point, and of the eigenvalues. */
function pictureLayers(
  discs: readonly Disc[],
  dots: readonly Disc[],
  position: Position,
  view: PlaneView,
): JsonFields[] {
  const counts = coverage(discs, view);
  const most = counts.reduce(
    (most, row) => row.reduce((a, b) => Math.max(a, b), most),
    1,
  );
  // One disc over a point is a shade, too: the darkest.
  const span = Math.log(Math.max(most, 2));
  const rows = counts.map((row) =>
    Array.from(
      row,
      (count) => count > 0 ? shadeOf(Math.log(count) / span) : NONE,
    )
  );
  const { column, row } = pixelsOf(view);
  for (const { x, y } of dots) {
    const left = Math.floor(column(x)), top = Math.floor(row(y));
    for (let i = top - 3; i <= top + 3; i++) {
      for (let j = left - 1; j <= left + 1; j++) {
        if (rows[i]?.[j]) rows[i][j] = EIGENVALUE_RGBA;
      }
    }
  }
  return [
    pictureLayer(rows, view, position),
    shadesLegend("Discs over a point", [1, Math.max(most, 2)], "log"),
    {
      // Shows nothing: it says what the marks in the image are.
      data: { values: [{ what: "eigenvalue" }] },
      mark: { type: "point", opacity: 0 },
      encoding: {
        stroke: {
          field: "what",
          type: "nominal",
          title: null,
          scale: { domain: ["eigenvalue"], range: [EIGENVALUE] },
          legend: { symbolOpacity: 1, symbolType: "stroke" },
        },
      },
    },
  ];
}

/** Rows and columns of the image, of numbers of the plane. */
function pixelsOf({ x, y, width, height }: PlaneView) {
  const pixels = SHARPNESS * width / (x[1] - x[0]);
  return {
    width: SHARPNESS * width,
    height: SHARPNESS * height,
    pixels,
    column: (real: number) => (real - x[0]) * pixels,
    row: (imaginary: number) => (y[1] - imaginary) * pixels,
  };
}

/** How many discs lie over the middle of each pixel, by row from the top. */
function coverage(discs: readonly Disc[], view: PlaneView): Int32Array[] {
  const { width, height, pixels, column, row } = pixelsOf(view);
  const middle = row(0);
  return Array.from({ length: height }, (_, i) => {
    const away = Math.abs(i + 0.5 - middle);
    // Where discs begin counts one more from there on, where they end one less.
    const counts = new Int32Array(width + 1);
    for (const { x, radius } of discs) {
      const r = radius * pixels;
      if (r <= away) continue;
      const half = Math.sqrt(r * r - away * away);
      const from = Math.ceil(column(x) - half - 0.5);
      const to = Math.floor(column(x) + half - 0.5);
      if (to < from) continue;
      counts[Math.max(0, from)]++;
      counts[Math.min(width, to + 1)]--;
    }
    for (let j = 1; j < width; j++) counts[j] += counts[j - 1];
    return counts.subarray(0, width);
  });
}
