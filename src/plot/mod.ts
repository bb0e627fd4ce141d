/**
 * Plots: figures as Vega-Lite specifications in plain data, drawn as SVG and PNG,
 * and report pages in one file. Apart from everything else: no other part of the
 * package imports this one, and with it come Vega, Vega-Lite and resvg from npm.
 *
 * A figure that is the last value of a notebook's cell shows itself.
 *
 * @example A curve on a page of its own
 * ```ts
 * import { lineChart, reportPage, toSvg } from "@adafisher/adafisher/plot";
 * import { assert } from "@std/assert";
 *
 * const curve = lineChart({
 *   x: { title: "Epoch" },
 *   y: { title: "Loss", scale: "log" },
 *   series: [{ name: "Adam", points: [{ x: 1, y: 1 }, { x: 2, y: 0.1 }] }],
 * });
 * const page = reportPage({
 *   title: "A run",
 *   sections: [{
 *     heading: "Loss",
 *     text: "It falls.",
 *     figures: [{ svg: await toSvg(curve), caption: "Loss over epochs." }],
 *   }],
 * });
 * assert(page.includes("</svg>"));
 * ```
 *
 * @example The studies of a factor: its entries, its discs, what noise does to it
 * ```ts
 * import { gersgorin, heatmapCells, perturbation } from "@adafisher/adafisher/analysis";
 * import {
 *   factorHeatMap,
 *   gersgorinFigure,
 *   perturbationFigure,
 *   toSvg,
 * } from "@adafisher/adafisher/plot";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * // Of a training run: `deno task train --factors every:50`, then `readFactorFolder`.
 * const factor = value([5, 1, 0, 1, 4, 1, 0, 1, 3], [3, 3]);
 * const figures = [
 *   factorHeatMap(heatmapCells(factor, 360, "largest"), { title: "H of fc1" }),
 *   gersgorinFigure(gersgorin(factor)),
 *   perturbationFigure(perturbation(factor, { sigma: 1e-3, seed: 1 })),
 * ];
 * for (const figure of figures) assert((await toSvg(figure)).startsWith("<svg"));
 * ```
 *
 * @module
 */

export type { Grid } from "./contours.ts";
export { factorHeatMap, type FactorHeatMapOptions } from "./factor_heat_map.ts";
export {
  type Axis,
  type Figure,
  figure,
  type FigureOptions,
  type Json,
  type JsonFields,
  notebookDisplay,
  seriesColors,
} from "./figure.ts";
export { type GersgorinDiscs, gersgorinFigure } from "./gersgorin.ts";
export { heatMap, type HeatMapOptions } from "./heat_map.ts";
export {
  lineChart,
  type LineChartOptions,
  type LinePoint,
  type LineSeries,
} from "./line_chart.ts";
export {
  perturbationFigure,
  type PerturbedEigenvalues,
} from "./perturbation.ts";
export { type PngOptions, toPng } from "./png.ts";
export {
  type PreconditionerFigures,
  preconditionerFigures,
  type PreconditionerPoint,
} from "./preconditioner.ts";
export {
  type Report,
  type ReportFigure,
  reportPage,
  type ReportSection,
  type ReportTable,
} from "./report.ts";
export { scatter, type ScatterOptions, type ScatterSeries } from "./scatter.ts";
export { type FactorSnr, snrFigure } from "./snr.ts";
export {
  spectrumFigure,
  type SpectrumFigureOptions,
  type SpectrumPair,
} from "./spectrum.ts";
export {
  surfaceChart,
  type SurfaceOptions,
  type SurfacePath,
} from "./surface.ts";
export { toSvg } from "./svg.ts";
