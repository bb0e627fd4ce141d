/**
 * The figure of signal-to-noise ratios (Eq. 7 of the paper).
 *
 * @module
 */

import type { Snr } from "../analysis/mod.ts";
import {
  type Figure,
  figure,
  type FigureOptions,
  type JsonFields,
  requireShown,
} from "./figure.ts";
import { cssOf } from "./raster.ts";
import { shadeOf } from "./shades.ts";

/** The ratio of a factor. */
export interface FactorSnr {
  /** The layer's or factor's name, such as `H of fc1`. */
  readonly layer: string;
  /** The training step, where it is known. */
  readonly step?: number | null;
  /** Both readings. */
  readonly snr: Snr;
}

/** Shades of the first and the last step: both show on dark pages and on light ones. */
const STEP_SHADES = [0.25, 0.75] as const;

/** Pixels that a layer's points take at a step. */
const ROOM = 13;

/**
 * Both readings of the SNR over layers: a circle for the plain one, a triangle for the
 * official one, darker ones of earlier steps, and a line at 0 dB, where an entry above
 * the diagonal is as large as one on it.
 *
 * @example
 * ```ts
 * import { snr } from "@adafisher/adafisher/analysis";
 * import { snrFigure, toSvg } from "@adafisher/adafisher/plot";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * const ratio = snr(value([10, 1, 1, 10], [2, 2]));
 * const svg = await toSvg(snrFigure([{ layer: "H of fc1", step: 50, snr: ratio }]));
 * assert(svg.includes("SNR (dB)"));
 * ```
 *
 * @param ratios One for each factor and step; layers stand in the order of the first.
 * @param options Title and size.
 * @returns The figure.
 * @throws {RangeError} If there are none, or one is not finite, as that of a factor with
 * nothing above its diagonal.
 */
export function snrFigure(
  ratios: readonly FactorSnr[],
  { title, width, height = 280 }: FigureOptions = {},
): Figure {
  if (ratios.length === 0) {
    throw new RangeError(
      "Cannot plot signal-to-noise ratios: there must be at least one, got none",
    );
  }
  const readings = ["plain", "official"] as const;
  const values = ratios.flatMap(({ layer, step, snr }) =>
    readings.map((reading) => {
      requireShown(`${reading} SNR of ${layer}`, [snr[reading]], { title: "" });
      return { layer, step: step ?? null, reading, decibels: snr[reading] };
    })
  );
  const layers = [...new Set(ratios.map(({ layer }) => layer))];
  const steps = [...new Set(values.map(({ step }) => step))]
    .sort((a, b) => (a ?? 0) - (b ?? 0));
  const step = { field: "step", type: "ordinal" };
  const byStep: JsonFields = steps.every((step) => step === null) ? {} : {
    xOffset: { ...step, scale: { domain: steps } },
    color: {
      ...step,
      title: "Step",
      scale: {
        domain: steps,
        range: steps.map((_, i) => {
          const [from, to] = STEP_SHADES;
          const share = i / Math.max(1, steps.length - 1);
          return cssOf(shadeOf(from + (to - from) * share));
        }),
      },
    },
  };
  return figure({
    title,
    width: width ?? Math.max(360, ROOM * layers.length * (steps.length + 1)),
    height,
    layer: [
      {
        data: { values: [{ decibels: 0 }] },
        mark: { type: "rule", stroke: "#7f7f7f", strokeDash: [6, 3] },
        encoding: { y: { field: "decibels", type: "quantitative" } },
      },
      {
        data: { values },
        mark: {
          type: "point",
          filled: true,
          size: 60,
          opacity: 1,
          color: "#0072b2",
        },
        encoding: {
          x: {
            field: "layer",
            type: "nominal",
            title: null,
            scale: { domain: layers },
            axis: { labelAngle: layers.length > 6 ? -50 : 0, labelLimit: 160 },
          },
          y: { field: "decibels", type: "quantitative", title: "SNR (dB)" },
          shape: {
            field: "reading",
            type: "nominal",
            title: "Reading of Eq. 7",
            scale: { domain: readings, range: ["circle", "triangle-up"] },
            legend: { symbolFillColor: "#7f7f7f", symbolStrokeWidth: 0 },
          },
          ...byStep,
        },
      },
    ],
  });
}
