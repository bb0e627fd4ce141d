/**
 * The figure of what noise does to eigenvalues (section 3.1 of the paper).
 *
 * @module
 */

import type { Perturbation } from "../analysis/mod.ts";
import {
  type Figure,
  figure,
  type FigureOptions,
  type JsonFields,
  quantitative,
  requireShown,
  seriesColors,
} from "./figure.ts";

/** What the figure shows of {@linkcode Perturbation}. */
export type PerturbedEigenvalues = Pick<Perturbation, "before" | "after">;

/** Relative to the largest, a smaller eigenvalue is rounding. */
const ROUNDING = 1e-12;

/** Up to so many eigenvalues each has a mark of its own on the line. */
const MOST_MARKS = 100;

/** Kaiser's criterion: components count whose eigenvalues are above it. */
const KAISER_LINE = 1;

/**
 * Eigenvalues without and with noise by rank, the largest first, both axes
 * logarithmic, and Kaiser's line at 1. Those that are below 0, or 0 but for rounding,
 * have no place on such an axis; the legend says how many are left out.
 *
 * @example
 * ```ts
 * import { perturbation } from "@adafisher/adafisher/analysis";
 * import { perturbationFigure, toSvg } from "@adafisher/adafisher/plot";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * const study = perturbation(value([3, 0, 0, 0.5], [2, 2]), { sigma: 1e-3 });
 * const svg = await toSvg(perturbationFigure(study, { title: "H of fc1" }));
 * assert(svg.includes("Kaiser"));
 * ```
 *
 * @param eigenvalues Both sets, ascending, as `perturbation` finds them.
 * @param options Title and size.
 * @returns The figure.
 * @throws {RangeError} If there are none, the sets differ in number, one is not finite,
 * or none of a set is above 0.
 */
export function perturbationFigure(
  { before, after }: PerturbedEigenvalues,
  { title, width = 520, height = 320 }: FigureOptions = {},
): Figure {
  const n = before.data.length;
  if (n === 0 || after.data.length !== n) {
    throw new RangeError(
      `Cannot plot eigenvalues: there must be as many with noise as without, and at least one, got ${after.data.length} and ${n}`,
    );
  }
  const sets = [
    seriesOf("without noise", before.data),
    seriesOf("with noise", after.data),
  ];
  const kaiser = "Kaiser's line";
  const names = [...sets.map(({ name }) => name), kaiser];
  const labels = { format: "~g" };
  const end = Math.max(n, 2);
  const position = {
    x: {
      ...quantitative("rank", {
        title: "Rank of the eigenvalue",
        scale: "log",
        domain: [1, end],
      }),
      axis: labels,
    },
    y: {
      ...quantitative("eigenvalue", { title: "Eigenvalue", scale: "log" }),
      axis: { ...labels, tickCount: 8 },
    },
  };
  const color = {
    field: "series",
    type: "nominal",
    legend: { title: null, symbolType: "stroke", symbolOpacity: 1 },
    scale: {
      domain: names,
      range: [seriesColors[0], seriesColors[1], seriesColors[6]],
    },
  };
  // The noisy ones as a thin line over a broad one: both are seen where they are equal.
  const looks = [
    { strokeWidth: 5, opacity: 0.5, point: { size: 70, opacity: 0.5 } },
    { strokeWidth: 1.5, point: { size: 18 } },
  ];
  const lines = sets.map(({ name, points }, i): JsonFields => ({
    data: { values: points.map((point) => ({ series: name, ...point })) },
    mark: {
      type: "line",
      ...looks[i],
      ...(n > MOST_MARKS && { point: false }),
    },
    encoding: { ...position, color },
  }));
  const line = [1, end].map((rank) => ({
    series: kaiser,
    rank,
    eigenvalue: KAISER_LINE,
  }));
  return figure({
    title,
    width,
    height,
    layer: [
      {
        data: { values: line },
        mark: { type: "line", strokeWidth: 1.5, strokeDash: [6, 3] },
        encoding: { ...position, color },
      },
      ...lines,
    ],
  });
}

/** What is above 0 of ascending eigenvalues, the largest first. */
function seriesOf(what: string, eigenvalues: ArrayLike<number>) {
  const descending = Array.from(eigenvalues).reverse();
  requireShown(`eigenvalues ${what}`, descending, { title: "" });
  const least = ROUNDING *
    descending.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const points = descending.flatMap((eigenvalue, k) =>
    eigenvalue > least ? [{ rank: k + 1, eigenvalue }] : []
  );
  if (points.length === 0) {
    throw new RangeError(
      `Cannot plot eigenvalues ${what}: a log scale needs one above 0, got ${descending.length} that are not`,
    );
  }
  const left = descending.length - points.length;
  return {
    name: left === 0 ? what : `${what} (${left} not above 0)`,
    points,
  };
}
