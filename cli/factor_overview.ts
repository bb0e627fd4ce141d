/**
 * Figures over all layers or steps of `deno task analyze-factors`, with captions that
 * say what was found.
 *
 * @module
 */

import {
  type Figure,
  preconditionerFigures,
  snrFigure,
} from "../src/plot/mod.ts";
import type { Choice } from "./factor_analysis.ts";
import type { NamedFigure } from "./factor_figures.ts";
import type { PreconditionerRow } from "./factor_preconditioner.ts";
import type { FactorFinding } from "./factor_study.ts";
import { percent, short } from "./numbers.ts";

/**
 * The SNR of all layers, of H and of S by itself.
 *
 * @param findings All findings.
 * @param choice Which average is shown.
 * @returns A figure for each kind of factor that has a finite SNR.
 */
export function snrFigures(
  findings: readonly FactorFinding[],
  { average }: Choice,
): NamedFigure[] {
  return (["H", "S", null] as const).flatMap((kind) => {
    const those = findings.flatMap((finding) => {
      const { factor, form, snr } = finding;
      const shown = factor === kind && (form === null || form === average);
      return shown && snr !== null && Number.isFinite(snr.plain)
        ? [{ finding, snr }]
        : [];
    });
    if (those.length === 0) return [];
    const what = kind === null ? "the factors" : `${kind}, ${average} average`;
    const sorted = those.toSorted((a, b) => a.snr.plain - b.snr.plain);
    const low = sorted[0], high = sorted.at(-1)!;
    const nameOf = ({ finding: { layer, step, file } }: typeof low) =>
      `${layer} (${step === null ? file : `step ${step}`})`;
    const above = those.filter(({ snr }) => snr.plain > 10).length;
    return [{
      name: kind === null ? "snr" : `snr-${kind}-${average}`,
      figure: snrFigure(
        those.map(({ finding: { layer, step }, snr }) => ({
          layer,
          step,
          snr,
        })),
        { title: `SNR of ${what}` },
      ),
      caption:
        `The SNR of Eq. 7 of ${what}, in both readings. At 0 dB an entry above the diagonal is as large as one on it; at 10 dB its square is a tenth. Here the plain SNR goes from ${
          low.snr.plain.toFixed(1)
        } dB, ${nameOf(low)}, to ${high.snr.plain.toFixed(1)} dB, ${
          nameOf(high)
        }; ${above} of ${those.length} are above 10 dB.`,
    }];
  });
}

/**
 * F of the layers that are shown, over the run.
 *
 * @param preconditioners F of all layers.
 * @param choice Which layers are shown.
 * @returns Range, spread, lambda's share, multiplier and histogram; none without a run.
 */
export function preconditionerOverview(
  preconditioners: readonly PreconditionerRow[],
  { layers }: Choice,
): NamedFigure[] {
  const rows = preconditioners.filter(({ layer }) => layers.includes(layer));
  if (rows.length === 0) return [];
  const last = Math.max(...rows.map(({ step }) => step));
  const found = (say: (row: PreconditionerRow) => string) =>
    rows.filter(({ step }) => step === last).map((row) =>
      `${row.layer} with the ${row.preset} preset ${say(row)}`
    ).join("; ");
  const figures = preconditionerFigures(rows);
  const named = (
    name: string,
    figure: Figure,
    see: string,
    say: (row: PreconditionerRow) => string,
  ): NamedFigure => ({
    name: `preconditioner-${name}`,
    figure,
    caption: `${see} At step ${last}: ${found(say)}.`,
  });
  return [
    named(
      "range",
      figures.range,
      "F over the run: its median, from its least entry to its largest. A broad band tells parameters apart; a thin one divides all by the same number.",
      ({ study: { fisher } }) =>
        `${short(fisher.least)} to ${short(fisher.largest)}`,
    ),
    named(
      "spread",
      figures.spread,
      "The largest entry of F over the least. 1 is SGD with momentum, of one learning rate.",
      ({ study }) => short(study.spread),
    ),
    named(
      "lambda",
      figures.lambdaShare,
      "What of F is lambda, in the mean over its entries. Near 100 % the curvature has nothing to say.",
      ({ study }) => percent(study.lambdaShare),
    ),
    named(
      "multiplier",
      figures.multiplier,
      "1 / F, by which the learning rate is multiplied: median, least and largest.",
      ({ study: { multiplier } }) =>
        `${short(multiplier.least)} to ${short(multiplier.largest)}, median ${
          short(multiplier.median)
        }`,
    ),
    named(
      "histogram",
      figures.histogram,
      "The entries of F, counted. Entries heaped at lambda have no curvature to divide by.",
      ({ study }) =>
        `has ${percent(atFloor(study))} of its entries in the lowest bin`,
    ),
  ];
}

/** Share of the entries in the lowest bin. */
const atFloor = ({ histogram, count }: PreconditionerRow["study"]): number =>
  histogram.counts[0] / count;
