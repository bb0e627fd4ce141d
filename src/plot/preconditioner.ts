/**
 * Figures of what AdaFisher's preconditioner does: F of each layer over training.
 *
 * @module
 */

import type { Preconditioner } from "../analysis/mod.ts";
import {
  type Axis,
  type Figure,
  figure,
  type JsonFields,
  quantitative,
  requireShown,
  seriesScales,
} from "./figure.ts";

/** F of a layer after a step. */
export interface PreconditionerPoint {
  /** The layer's name. */
  readonly layer: string;
  /** The training step. */
  readonly step: number;
  /** The preset's name, or any other word for how F was made. */
  readonly preset: string;
  /** What `preconditioner` found. */
  readonly study: Preconditioner;
}

/** The figures of {@linkcode preconditionerFigures}; a panel for each layer. */
export interface PreconditionerFigures {
  /** F over steps: its median, and a band from its least entry to its largest. */
  readonly range: Figure;
  /** The largest entry of F over the least, over steps. */
  readonly spread: Figure;
  /** The entries of F at the last step of each layer and preset. */
  readonly histogram: Figure;
  /** What of F is lambda, in percent, over steps. */
  readonly lambdaShare: Figure;
  /** 1 / F, the multiplier of the learning rate, over steps: median and band. */
  readonly multiplier: Figure;
}

/** What a panel shows of F at a step. */
interface Shown {
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
}

/**
 * Draws F of layers over training, each preset in its colour.
 *
 * @example
 * ```ts
 * import { preconditioner } from "@adafisher/adafisher/analysis";
 * import { linear } from "@adafisher/adafisher/layers";
 * import { officialPreset, paperPreset } from "@adafisher/adafisher/optim";
 * import { preconditionerFigures, toSvg } from "@adafisher/adafisher/plot";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * const fc = linear("fc", 2, 2);
 * const averages = { h: value([0.1, 0.2, 0.3]), s: value([0.1, 0.4]) };
 * const points = [];
 * for (const [preset, fields] of [
 *   ["paper", paperPreset],
 *   ["official", officialPreset],
 * ] as const) {
 *   const study = await preconditioner(fc, averages, fields);
 *   points.push({ layer: "fc", step: 50, preset, study });
 * }
 * const { range } = preconditionerFigures(points);
 * assert((await toSvg(range)).includes("Entries of F"));
 * ```
 *
 * @param points F of each layer, step and preset, in the order of the panels and colours.
 * @param title What stands above each figure; nothing by default.
 * @returns The figures.
 * @throws {RangeError} If there are none, two are of one layer, step and preset, or a
 * number of one is not finite or not above 0.
 */
export function preconditionerFigures(
  points: readonly PreconditionerPoint[],
  { title }: { readonly title?: string } = {},
): PreconditionerFigures {
  if (points.length === 0) {
    throw new RangeError(
      "Cannot plot the preconditioner: F of at least one layer must be given, got none",
    );
  }
  const names = points.map(({ layer, step, preset }) =>
    `F of ${layer} at step ${step}, ${preset}`
  );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new RangeError(
      `Cannot plot the preconditioner: each F must be given once, got ${twice} twice`,
    );
  }
  const over = (y: Axis, shown: (study: Preconditioner) => Shown) =>
    overSteps(points, y, shown, title);
  return {
    range: over(
      { title: "Entries of F", scale: "log" },
      ({ fisher: { least, median, largest } }) => ({
        y: median,
        low: least,
        high: largest,
      }),
    ),
    spread: over(
      { title: "Largest F / least F", scale: "log" },
      ({ spread }) => ({ y: spread }),
    ),
    histogram: histograms(points, title),
    lambdaShare: over(
      { title: "lambda / F (%)", domain: [0, 100] },
      ({ lambdaShare }) => ({ y: 100 * lambdaShare }),
    ),
    multiplier: over(
      { title: "Multiplier 1 / F", scale: "log" },
      ({ multiplier: { least, median, largest } }) => ({
        y: median,
        low: least,
        high: largest,
      }),
    ),
  };
}

/** All different ones of some words, in the order of the first. */
const distinct = (words: readonly string[]): string[] => [...new Set(words)];

/** The colours of the presets. */
function presetColors(points: readonly PreconditionerPoint[]): JsonFields {
  const presets = distinct(points.map(({ preset }) => preset));
  return {
    field: "preset",
    type: "nominal",
    title: "Preset",
    legend: { symbolOpacity: 1 },
    scale: seriesScales(presets).color,
  };
}

/** A panel for each layer: something of F over steps. */
function overSteps(
  points: readonly PreconditionerPoint[],
  axis: Axis,
  shown: (study: Preconditioner) => Shown,
  title: string | undefined,
): Figure {
  const values = points.map(({ layer, step, preset, study }) => {
    const { y, low, high } = shown(study);
    requireShown(
      `${axis.title} of ${layer} at step ${step}, ${preset}`,
      low === undefined ? [y] : [y, low, high!],
      axis,
    );
    return { layer, step, preset, y, low, high };
  });
  const layers = distinct(points.map(({ layer }) => layer));
  const step = quantitative("step", { title: "Step" });
  // Room for the marks of the first and the last step.
  const x = { ...step, scale: { ...step.scale as JsonFields, padding: 8 } };
  const vertical = (field: string) => ({
    ...quantitative(field, axis),
    axis: { format: axis.scale === "log" ? "~g" : undefined, tickCount: 5 },
  });
  const color = presetColors(points);
  const band = {
    x,
    y: vertical("low"),
    y2: { field: "high" },
    color,
  };
  return figure({
    title,
    data: { values },
    facet: {
      field: "layer",
      type: "nominal",
      title: null,
      sort: layers,
      header: { labelFontSize: 12 },
    },
    columns: Math.min(layers.length, 3),
    spec: {
      width: 190,
      height: 130,
      layer: [
        ...(values.some(({ low }) => low !== undefined)
          ? [
            { mark: { type: "area", opacity: 0.2 }, encoding: band },
            // One step alone makes no band.
            {
              mark: { type: "rule", strokeWidth: 1.5, opacity: 0.6 },
              encoding: band,
            },
          ]
          : []),
        {
          mark: { type: "line", strokeWidth: 1.8 },
          encoding: { x, y: vertical("y"), color },
        },
        {
          mark: { type: "point", filled: true, size: 26, opacity: 1 },
          encoding: { x, y: vertical("y"), color },
        },
      ],
    },
  });
}

/** A row for each layer, a column for each preset: the entries of F at the last step. */
function histograms(
  points: readonly PreconditionerPoint[],
  title: string | undefined,
): Figure {
  const last = points.filter(({ layer, preset, step }) =>
    points.every((other) =>
      other.layer !== layer || other.preset !== preset || other.step <= step
    )
  );
  const values = last.flatMap(({ layer, step, preset, study }) => {
    const { histogram: { edges, counts }, count } = study;
    requireShown(`histogram of ${layer}, ${preset}`, edges, {
      title: "",
      scale: "log",
    });
    return counts.map((entries, k) => ({
      layer,
      preset: `${preset}, step ${step}`,
      from: edges[k],
      to: edges[k + 1],
      share: 100 * entries / count,
    }));
  });
  const header = { title: null, labelFontSize: 12 };
  const presets = distinct(values.map(({ preset }) => preset));
  return figure({
    title,
    data: { values },
    facet: {
      row: {
        field: "layer",
        type: "nominal",
        title: null,
        sort: distinct(last.map(({ layer }) => layer)),
        header,
      },
      column: {
        field: "preset",
        type: "nominal",
        title: null,
        sort: presets,
        header,
      },
    },
    // F of one preset may be a thousandth as wide as that of the other.
    resolve: { scale: { x: "independent" } },
    spec: {
      width: 230,
      height: 80,
      mark: { type: "rect", stroke: "white", strokeWidth: 0.3 },
      encoding: {
        x: {
          ...quantitative("from", { title: "F", scale: "log" }),
          axis: { format: "~g", tickCount: 4, labelOverlap: true },
        },
        x2: { field: "to" },
        y: {
          ...quantitative("share", { title: "Entries (%)" }),
          axis: { tickCount: 3 },
        },
        y2: { datum: 0 },
        color: {
          field: "preset",
          type: "nominal",
          legend: null,
          scale: seriesScales(presets).color,
        },
      },
    },
  });
}
