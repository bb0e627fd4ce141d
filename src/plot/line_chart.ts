/**
 * Lines over epochs or seconds, each with the band of its spread.
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

/** A point of a line. */
export interface LinePoint {
  /** Where it is along the horizontal axis. */
  readonly x: number;
  /** The number shown, such as a mean over seeds. */
  readonly y: number;
  /** Where its spread begins; with `high`, or not at all. */
  readonly low?: number;
  /** Where its spread ends. */
  readonly high?: number;
}

/** A line. */
export interface LineSeries {
  /** What it is called in the legend. */
  readonly name: string;
  /** Its points, in the order of x. */
  readonly points: readonly LinePoint[];
}

/** What {@linkcode lineChart} draws. */
export interface LineChartOptions extends FigureOptions {
  /** The horizontal axis. */
  readonly x: Axis;
  /** The vertical axis. */
  readonly y: Axis;
  /** The lines; the legend has them in this order. */
  readonly series: readonly LineSeries[];
  /** Whether each point is marked; only the line is shown by default. */
  readonly points?: boolean;
}

/**
 * Lines with bands.
 *
 * @example Accuracy over epochs, with the spread of three seeds
 * ```ts
 * import { lineChart } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const chart = lineChart({
 *   x: { title: "Epoch" },
 *   y: { title: "Test accuracy (%)" },
 *   series: [{
 *     name: "AdaFisher",
 *     points: [{ x: 1, y: 90, low: 88, high: 91 }, { x: 2, y: 95 }],
 *   }],
 * });
 * assertEquals((chart.layer as unknown[]).length, 2);
 * ```
 *
 * @param options Axes and lines.
 * @returns The figure.
 * @throws {RangeError} If a number cannot be shown, a spread has only one end, or
 * two lines have one name.
 */
export function lineChart(options: LineChartOptions): Figure {
  const { title, width = 520, height = 300, x, y, series, points } = options;
  const names = series.map(({ name }) => name);
  requireDistinct(names);
  for (const { name, points } of series) {
    requireShown(`${name} over ${x.title}`, points.map(({ x }) => x), x);
    const shown = points.flatMap(({ y, low, high }) => {
      if ((low === undefined) !== (high === undefined)) {
        throw new RangeError(
          `Cannot plot ${name}: a spread needs low and high, got ${low} and ${high}`,
        );
      }
      return low === undefined ? [y] : [y, low, high!];
    });
    requireShown(`${y.title} of ${name}`, shown, y);
  }
  const { color, dash } = seriesScales(names);
  const legend = names.length > 1 ? { title: null } : null;
  const values: JsonFields[] = series.flatMap(({ name, points }, i) =>
    points.map((point) => ({
      series: name,
      color: color.range[i],
      ...point,
    }))
  );
  const field = { field: "series", type: "nominal" };
  const horizontal = quantitative("x", x);
  const vertical = quantitative("y", y);
  // Colours as they are, without a scale, so that the legend is that of the lines.
  const fill = { field: "color", type: "nominal", scale: null };
  const band: JsonFields = {
    transform: [{ filter: "isValid(datum.low)" }],
    mark: { type: "area", opacity: 0.18 },
    encoding: {
      x: horizontal,
      y: quantitative("low", y),
      y2: { field: "high" },
      fill,
      // Series that share a colour still have a band each.
      detail: field,
    },
  };
  const lines: JsonFields = {
    mark: { type: "line", strokeWidth: 1.8 },
    encoding: {
      x: horizontal,
      y: vertical,
      color: { ...field, scale: color, legend },
      strokeDash: { ...field, scale: dash, legend },
    },
  };
  const dots: JsonFields = {
    mark: { type: "point", filled: true, size: 22 },
    encoding: { x: horizontal, y: vertical, fill },
  };
  const spread = values.some(({ low }) => low !== undefined);
  return figure({
    title,
    width,
    height,
    data: { values },
    layer: [...(spread ? [band] : []), lines, ...(points ? [dots] : [])],
  });
}
