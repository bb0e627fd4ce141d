/**
 * Points of two numbers, in colour and shape by the series they belong to.
 *
 * @module
 */

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

/** Points that belong together. */
export interface ScatterSeries {
  /** What they are called in the legend. */
  readonly name: string;
  /** The points, with a word to each where `label` is given. */
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly label?: string;
  }[];
}

/** What {@linkcode scatter} draws. */
export interface ScatterOptions extends FigureOptions {
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** The points; the legend has the series in this order. */
  readonly series: readonly ScatterSeries[];
}

/**
 * Points.
 *
 * @example Seconds an epoch against accuracy
 * ```ts
 * import { scatter } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const chart = scatter({
 *   x: { title: "Time (s/epoch)", scale: "log" },
 *   y: { title: "Test accuracy (%)" },
 *   series: [{ name: "Adam", points: [{ x: 1.5, y: 93, label: "lr 0.001" }] }],
 * });
 * assertEquals(chart.width, 520);
 * ```
 *
 * @param options Axes and points.
 * @returns The figure.
 * @throws {RangeError} If a number cannot be shown, or two series have one name.
 */
export function scatter(options: ScatterOptions): Figure {
  const { title, width = 520, height = 300, x, y, series } = options;
  const names = series.map(({ name }) => name);
  requireDistinct(names);
  for (const { name, points } of series) {
    requireShown(`${x.title} of ${name}`, points.map(({ x }) => x), x);
    requireShown(`${y.title} of ${name}`, points.map(({ y }) => y), y);
  }
  const legend = names.length > 1 ? { title: null } : null;
  const position = {
    x: withMargin(quantitative("x", x)),
    y: withMargin(quantitative("y", y)),
  };
  const values: JsonFields[] = series.flatMap(({ name, points }) =>
    points.map((point) => ({ series: name, ...point }))
  );
  const field = { field: "series", type: "nominal", legend };
  const marks: JsonFields = {
    mark: { type: "point", filled: true, size: 60, opacity: 0.85 },
    encoding: {
      ...position,
      color: { ...field, scale: seriesScales(names).color },
      shape: { ...field, scale: { domain: names } },
    },
  };
  const labels: JsonFields = {
    transform: [{ filter: "isValid(datum.label)" }],
    mark: { type: "text", align: "left", dx: 7, fontSize: 10 },
    encoding: { ...position, text: { field: "label", type: "nominal" } },
  };
  const labelled = values.some(({ label }) => label !== undefined);
  return figure({
    title,
    width,
    height,
    data: { values },
    layer: labelled ? [marks, labels] : [marks],
  });
}

/** The axis with room for points at its ends. */
function withMargin(axis: JsonFields): JsonFields {
  return { ...axis, scale: { ...axis.scale as JsonFields, padding: 12 } };
}
