/**
 * Figures as Vega-Lite specifications: plain data, with one font, one set of
 * colours, and a way to show themselves in a notebook.
 *
 * @module
 */

import { toPng } from "./png.ts";
import { toSvg } from "./svg.ts";

/** What JSON can say; what is undefined is left out. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** A JSON object, such as a specification or a part of one. */
export type JsonFields = { readonly [key: string]: Json | undefined };

/** The method a notebook calls to show a value. */
export const notebookDisplay: unique symbol = Symbol.for("Jupyter.display");

/**
 * A Vega-Lite specification. `JSON.stringify` gives it as any tool for Vega-Lite
 * reads it.
 */
export type Figure = JsonFields & {
  /**
   * The same specification by the type that notebooks draw, and a PNG in base64 for
   * readers that know no Vega-Lite, such as nbconvert, which would not show an SVG.
   */
  [notebookDisplay](): Promise<{
    "application/vnd.vegalite.v5+json": JsonFields;
    "image/png": string;
  }>;
};

/** How numbers are laid out along one direction of a figure. */
export interface Axis {
  /** What is shown, with its unit. */
  readonly title: string;
  /** `linear` by default; `log` needs numbers above 0. */
  readonly scale?: "linear" | "log";
  /** Least and largest number; from the data by default. */
  readonly domain?: readonly [number, number];
  /** Whether only whole numbers are marked, such as epochs; all by default. */
  readonly whole?: boolean;
}

/** What every figure may be given. */
export interface FigureOptions {
  /** What stands above it; nothing by default. */
  readonly title?: string;
  /** Width of the plotted area in pixels. */
  readonly width?: number;
  /** Height of the plotted area in pixels. */
  readonly height?: number;
}

/**
 * Colours of series. Okabe and Ito's, told apart with any kind of colour vision,
 * in an order that keeps neighbours apart; grey in place of black, and yellow left
 * out, so that all of them show on white and on black.
 */
export const seriesColors: readonly string[] = Object.freeze([
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#7f7f7f",
]);

/** Dashes, so that a series is told by more than its colour where colours repeat. */
const DASHES: readonly (readonly number[])[] = [[1, 0], [6, 3], [2, 2], [
  8,
  2,
  2,
  2,
]];

/** The font of figures, which {@linkcode toPng} has; others stand in elsewhere. */
export const FONT = "DejaVu Sans, Verdana, sans-serif";

const INK = "#222222";

const CONFIG: JsonFields = {
  font: FONT,
  background: "white",
  view: { stroke: null },
  title: { fontSize: 14, fontWeight: "bold", color: INK, anchor: "start" },
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: "normal",
    labelColor: INK,
    titleColor: INK,
    domainColor: INK,
    tickColor: INK,
    gridColor: "#dddddd",
    gridWidth: 0.6,
  },
  legend: {
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    labelColor: INK,
    titleColor: INK,
    symbolStrokeWidth: 2,
    labelLimit: 260,
  },
};

/**
 * Makes a figure of any Vega-Lite specification: its schema, fonts and colours are
 * added where it says nothing else.
 *
 * @example
 * ```ts
 * import { figure } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const points = figure({
 *   data: { values: [{ a: 1, b: 2 }] },
 *   mark: "point",
 *   encoding: {
 *     x: { field: "a", type: "quantitative" },
 *     y: { field: "b", type: "quantitative" },
 *   },
 * });
 * assertEquals(points.mark, "point");
 * ```
 *
 * @param specification The specification; layers, facets and all else are allowed.
 * @returns The figure.
 * @throws {RangeError} If it has a number that is not finite.
 */
export function figure(specification: JsonFields): Figure {
  requireFinite(specification, "");
  const whole = {
    // Notebooks know version 5; what is written here means the same in version 6.
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    config: CONFIG,
    ...specification,
  };
  Object.defineProperty(whole, notebookDisplay, {
    value: async () => {
      const svg = await toSvg(whole as unknown as Figure);
      return {
        "application/vnd.vegalite.v5+json": { ...whole },
        "image/png": (await toPng(svg, { scale: 1 })).toBase64(),
      };
    },
  });
  return whole as unknown as Figure;
}

function requireFinite(json: Json | undefined, path: string): void {
  if (typeof json === "number" && !Number.isFinite(json)) {
    throw new RangeError(
      `Cannot make a figure: ${path.slice(1)} must be finite, got ${json}`,
    );
  }
  if (typeof json !== "object" || json === null) return;
  for (const [name, part] of Object.entries(json)) {
    requireFinite(part, `${path}.${name}`);
  }
}

/** An axis as Vega-Lite has it, for numbers of a field. */
export function quantitative(
  field: string,
  { title, scale = "linear", domain, whole }: Axis,
): JsonFields {
  return {
    field,
    type: "quantitative",
    title,
    axis: whole ? { tickMinStep: 1 } : undefined,
    scale: {
      type: scale,
      domain,
      zero: scale === "linear" && domain === undefined ? false : undefined,
      // A whole power of ten more, at either end, would be mostly empty.
      nice: domain === undefined && scale === "linear",
    },
  };
}

/** Colour and dash of each series by its name, in the order they are given. */
export function seriesScales(
  names: readonly string[],
): {
  color: { domain: readonly string[]; range: readonly string[] };
  dash: JsonFields;
} {
  const colors = seriesColors.length;
  return {
    color: {
      domain: names,
      range: names.map((_, i) => seriesColors[i % colors]),
    },
    dash: {
      domain: names,
      range: names.map((_, i) =>
        DASHES[Math.floor(i / colors) % DASHES.length]
      ),
    },
  };
}

/** Requires numbers that an axis can show. */
export function requireShown(
  what: string,
  numbers: readonly number[],
  { scale = "linear" }: Axis,
): void {
  const wrong = numbers.find((number) =>
    !Number.isFinite(number) || (scale === "log" && number <= 0)
  );
  if (wrong === undefined) return;
  throw new RangeError(
    `Cannot plot ${what}: a ${scale} scale needs finite numbers${
      scale === "log" ? " above 0" : ""
    }, got ${wrong}`,
  );
}

/** Requires names that differ, so that each has its own colour. */
export function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return;
  throw new RangeError(
    `Cannot plot series: their names must differ, got ${
      JSON.stringify(twice)
    } twice`,
  );
}
