/**
 * A surface over a plane, as shades and lines of equal height, and paths over it.
 *
 * @module
 */

import { contoursAt, type Grid } from "./contours.ts";
import {
  type Axis,
  type Figure,
  figure,
  type FigureOptions,
  type JsonFields,
  quantitative,
  requireDistinct,
  requireShown,
  seriesScales,
} from "./figure.ts";
import { cssOf, rasterUrl, type Rgba } from "./raster.ts";

/** A path over a surface. */
export interface SurfacePath {
  /** What it is called in the legend. */
  readonly name: string;
  /** Where it goes, from its first point on. */
  readonly points: readonly (readonly [number, number])[];
}

/** What {@linkcode surfaceChart} draws. */
export interface SurfaceOptions extends FigureOptions {
  /** The horizontal axis. */
  readonly x: Omit<Axis, "scale">;
  /** The vertical axis. */
  readonly y: Omit<Axis, "scale">;
  /** The surface. */
  readonly grid: Grid;
  /** What the heights are, with their unit. */
  readonly value: string;
  /** Heights of the ends of the shades; the least and largest by default. */
  readonly domain?: readonly [number, number];
  /** Number of lines of equal height; 12 by default. */
  readonly levels?: number;
  /** Paths over it; none by default. */
  readonly paths?: readonly SurfacePath[];
}

/** Shades from low to high: light greys, so that the paths' colours stand out. */
const LOW: Rgba = [250, 250, 250, 255];
const HIGH: Rgba = [150, 155, 165, 255];
const NONE: Rgba = [0, 0, 0, 0];
const shade = (share: number): Rgba =>
  LOW.map((low, i) =>
    Math.round(low + (HIGH[i] - low) * Math.min(1, Math.max(0, share)))
  ) as unknown as Rgba;

/** An arrowhead that points upwards, in a square from -1 to 1. */
const ARROW = "M0,-0.8L0.6,0.6L0,0.3L-0.6,0.6Z";

/** Shortest step of a path that gets an arrow, in pixels. */
const ARROW_ROOM = 14;

/**
 * A surface as shades and contour lines, with paths over it: a ring where a path
 * begins, arrows along it, and a dot where it ends.
 *
 * @example A bowl and a way down
 * ```ts
 * import { surfaceChart } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const x = [-1, 0, 1], y = [-1, 0, 1];
 * const chart = surfaceChart({
 *   x: { title: "w1" },
 *   y: { title: "w2" },
 *   grid: { x, y, values: y.map((v) => x.map((u) => u * u + v * v)) },
 *   value: "Loss",
 *   paths: [{ name: "Adam", points: [[1, 1], [0.2, 0.1], [0, 0]] }],
 * });
 * assertEquals(chart.width, 520);
 * ```
 *
 * @param options Axes, surface, paths.
 * @returns The figure.
 * @throws {RangeError} If the grid's rows do not fit its columns, no height is given,
 * a number is not finite, or two paths have one name.
 */
export function surfaceChart(options: SurfaceOptions): Figure {
  const { title, width = 520, height = 420, grid, value, levels = 12 } =
    options;
  const { paths = [] } = options;
  const names = paths.map(({ name }) => name);
  requireDistinct(names);
  for (const { name, points } of paths) {
    requireShown(`path of ${name}`, points.flat(), options.x);
  }
  const heights = heightsOf(grid);
  const [low, high] = options.domain ??
    [
      heights.reduce((a, b) => Math.min(a, b)),
      heights.reduce((a, b) => Math.max(a, b)),
    ];
  const x = { ...options.x, domain: options.x.domain ?? reach(grid.x) };
  const y = { ...options.y, domain: options.y.domain ?? reach(grid.y) };
  const position = {
    x: plain(quantitative("x", x)),
    y: plain(quantitative("y", y)),
  };
  const pixels = {
    x: width / (x.domain[1] - x.domain[0]),
    y: height / (y.domain[1] - y.domain[0]),
  };
  const shades = {
    type: "linear",
    domain: [low, high],
    range: [cssOf(LOW), cssOf(HIGH)],
  };
  const { color, dash } = seriesScales(names);
  const field = { field: "path", type: "nominal" };
  const layers: JsonFields[] = [
    {
      data: { values: [pictureOf(grid, low, high)] },
      mark: { type: "image", aspect: false },
      encoding: {
        x: position.x,
        y: position.y,
        x2: { field: "x2" },
        y2: { field: "y2" },
        url: { field: "url", type: "nominal" },
      },
    },
    {
      // Shows nothing: it gives the shades a legend.
      data: { values: [{ height: low }, { height: high }] },
      mark: { type: "point", opacity: 0 },
      encoding: {
        fill: {
          field: "height",
          type: "quantitative",
          title: value,
          scale: shades,
          legend: { gradientOpacity: 1, gradientStrokeColor: "#999999" },
        },
      },
    },
    {
      data: { values: contourPoints(grid, low, high, levels) },
      mark: { type: "line", stroke: "#8a8f99", strokeWidth: 0.6, opacity: 0.8 },
      encoding: {
        ...position,
        detail: { field: "line", type: "nominal" },
        order: { field: "order", type: "quantitative" },
      },
    },
  ];
  if (paths.length > 0) {
    const points = pathPoints(paths, color.range);
    const last = points.filter(({ last }) => last);
    const first = points.filter(({ order }) => order === 0);
    const arrows = arrowsOf(paths, color.range, pixels);
    const order = { field: "order", type: "quantitative" };
    layers.push(
      {
        data: { values: points },
        mark: { type: "line", stroke: "white", strokeWidth: 4, opacity: 0.7 },
        encoding: { ...position, detail: field, order },
      },
      {
        data: { values: first },
        mark: {
          type: "point",
          size: 60,
          opacity: 1,
          stroke: "#222222",
          fill: "white",
          strokeWidth: 1.8,
        },
        encoding: position,
      },
      {
        data: { values: points },
        mark: { type: "line", strokeWidth: 2 },
        encoding: {
          ...position,
          order,
          color: { ...field, scale: color, legend: { title: null } },
          strokeDash: { ...field, scale: dash, legend: { title: null } },
        },
      },
      {
        data: { values: arrows },
        mark: {
          type: "point",
          shape: ARROW,
          filled: true,
          size: 150,
          opacity: 1,
          stroke: "white",
          strokeWidth: 0.8,
        },
        encoding: {
          ...position,
          fill: { field: "color", type: "nominal", scale: null },
          angle: { field: "angle", type: "quantitative", scale: null },
        },
      },
      {
        data: { values: last },
        mark: {
          type: "point",
          filled: true,
          size: 85,
          opacity: 1,
          stroke: "white",
          strokeWidth: 1.2,
        },
        encoding: {
          ...position,
          fill: { field: "color", type: "nominal", scale: null },
        },
      },
    );
  }
  return figure({ title, width, height, layer: layers });
}

/** An axis without lines of its own: there are those of equal height. */
function plain(axis: JsonFields): JsonFields {
  return { ...axis, axis: { grid: false } };
}

/** All heights of a grid, checked. */
function heightsOf({ x, y, values }: Grid): number[] {
  const wrong = values.find((row) => row.length !== x.length);
  if (values.length !== y.length || wrong) {
    throw new RangeError(
      `Cannot draw surface: it needs ${y.length} rows of ${x.length} heights, got ${values.length} rows${
        wrong ? `, one of ${wrong.length}` : ""
      }`,
    );
  }
  if (x.length < 2 || y.length < 2) {
    throw new RangeError(
      `Cannot draw surface: it needs at least two rows and columns, got ${y.length} and ${x.length}`,
    );
  }
  const heights = values.flat().filter((height) => height !== null);
  const odd = heights.find((height) => !Number.isFinite(height));
  if (heights.length === 0 || odd !== undefined) {
    throw new RangeError(
      `Cannot draw surface: it needs finite heights, got ${odd ?? "none"}`,
    );
  }
  return heights;
}

/** The ends of a row, and a twentieth more at both. */
function reach(numbers: readonly number[]): [number, number] {
  const first = numbers[0], last = numbers[numbers.length - 1];
  const more = (last - first) / 20;
  return [first - more, last + more];
}

/** The shades, and where they lie: half a step beyond the outer nodes. */
function pictureOf(grid: Grid, low: number, high: number): JsonFields {
  const { x, y, values } = grid;
  const rows = values.toReversed().map((row) =>
    row.map((height) =>
      height === null
        ? NONE
        : shade(high > low ? (height - low) / (high - low) : 0)
    )
  );
  const half = (numbers: readonly number[]) =>
    (numbers[numbers.length - 1] - numbers[0]) / (numbers.length - 1) / 2;
  return {
    x: x[0] - half(x),
    x2: x[x.length - 1] + half(x),
    y: y[0] - half(y),
    y2: y[y.length - 1] + half(y),
    url: rasterUrl(rows),
  };
}

function contourPoints(
  grid: Grid,
  low: number,
  high: number,
  levels: number,
): JsonFields[] {
  const lines = Array.from(
    { length: levels },
    (_, i) => low + (high - low) * (i + 0.5) / levels,
  ).flatMap((level) => contoursAt(grid, level));
  return lines.flatMap(({ points }, line) =>
    points.map(([x, y], order) => ({ line, order, x, y }))
  );
}

function pathPoints(
  paths: readonly SurfacePath[],
  colors: readonly string[],
): {
  order: number;
  last: boolean;
  [name: string]: string | number | boolean;
}[] {
  return paths.flatMap(({ name, points }, i) =>
    points.map(([x, y], order) => ({
      path: name,
      color: colors[i],
      order,
      x,
      y,
      last: order === points.length - 1,
    }))
  );
}

/** An arrow in the middle of each step that has room for it. */
function arrowsOf(
  paths: readonly SurfacePath[],
  colors: readonly string[],
  pixels: { readonly x: number; readonly y: number },
): JsonFields[] {
  return paths.flatMap(({ points }, i) =>
    points.slice(1).flatMap(([x, y], k) => {
      const [u, v] = points[k];
      const right = (x - u) * pixels.x, up = (y - v) * pixels.y;
      if (Math.hypot(right, up) < ARROW_ROOM) return [];
      // Degrees clockwise from upwards.
      const angle = Math.atan2(right, up) * 180 / Math.PI;
      return [{ x: (x + u) / 2, y: (y + v) / 2, angle, color: colors[i] }];
    })
  );
}
