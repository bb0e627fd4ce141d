/**
 * The findings of `deno task analyze-factors` as tables: on the terminal, as CSV and
 * as JSON.
 *
 * @module
 */

import { stringify } from "@std/csv";
import type { ShownStudy } from "./factor_analysis.ts";
import type { FactorFinding } from "./factor_study.ts";
import type { CurvatureRow } from "./factor_curvature.ts";
import type { PreconditionerRow } from "./factor_preconditioner.ts";
import { percent, whole } from "./numbers.ts";

/** Heads of the findings' columns. */
export const findingColumns: readonly string[] = [
  "layer",
  "factor",
  "average",
  "step",
  "rows",
  "energy on diagonal",
  "eigenvalues in discs",
  "dominant rows",
  "SNR, dB",
  "official SNR, dB",
  "change above 1",
  "change below 1",
  "verdict",
];

/** Decibels without their unit: none of one row, without end of a diagonal matrix. */
export const decibels = (ratio: number | undefined): string =>
  ratio === undefined ? "–" : ratio === Infinity ? "∞" : ratio.toFixed(1);

/** A relative change in percent, two digits; a dash where there is none. */
export const changeText = (change: number | null): string =>
  change === null
    ? "–"
    : change > 0 && (change < 1e-5 || change > 1e3)
    ? `${(100 * change).toExponential(1)} %`
    : `${Number((100 * change).toPrecision(2))} %`;

/**
 * A finding as a row of the table.
 *
 * @param finding The finding.
 * @returns A cell for each of {@linkcode findingColumns}.
 */
export function findingCells(finding: FactorFinding): string[] {
  const { layer, factor, form, step, file, rows, snr } = finding;
  return [
    layer,
    factor ?? "–",
    form ?? "–",
    step === null ? file : String(step),
    whole(rows),
    percent(finding.diagonalEnergy),
    percent(finding.inside),
    percent(finding.dominant),
    decibels(snr?.plain),
    decibels(snr?.official),
    changeText(finding.above.median),
    changeText(finding.below.median),
    finding.verdict,
  ];
}

/**
 * All findings as CSV.
 *
 * @param findings The findings.
 * @returns A line for each, heads first.
 */
export function findingsCsv(findings: readonly FactorFinding[]): string {
  const rows = findings.map(({ snr, above, below, ...rest }) => ({
    ...rest,
    snrPlain: snr?.plain ?? null,
    snrOfficial: snr?.official ?? null,
    aboveCount: above.count,
    aboveMedian: above.median,
    aboveMean: above.mean,
    aboveLargest: above.largest,
    belowCount: below.count,
    belowMedian: below.median,
    belowMean: below.mean,
    belowLargest: below.largest,
  }));
  return stringify(rows, {
    columns: [
      "layer",
      "factor",
      "form",
      "step",
      "file",
      "rows",
      "scale",
      "diagonalEnergy",
      "evenly",
      "inside",
      "dominant",
      "margin",
      "snrPlain",
      "snrOfficial",
      "aboveCount",
      "aboveMedian",
      "aboveMean",
      "aboveLargest",
      "belowCount",
      "belowMedian",
      "belowMean",
      "belowLargest",
      "zeros",
      "converged",
      "verdict",
    ],
  });
}

/**
 * Discs and eigenvalues as CSV: row i has the disc of row i, and the eigenvalues of
 * rank i, in units of the factor's largest entry.
 *
 * @param studies The factors that have figures.
 * @returns A line for each row of each.
 */
export function eigenvaluesCsv(
  studies: readonly ShownStudy[],
): string {
  const rows = studies.flatMap(({ finding, discs, moved }) => {
    const { layer, factor, form, step, file } = finding;
    return Array.from({ length: finding.rows }, (_, i) => ({
      layer,
      factor,
      form,
      step,
      file,
      row: i,
      centre: discs.centres.data[i],
      radius: discs.radii.data[i],
      eigenvalue: discs.eigenvalues.data[i],
      noisyEigenvalue: moved.after.data[i],
      change: moved.changes[i],
    }));
  });
  return stringify(rows, {
    columns: [
      "layer",
      "factor",
      "form",
      "step",
      "file",
      "row",
      "centre",
      "radius",
      "eigenvalue",
      "noisyEigenvalue",
      "change",
    ],
  });
}

/**
 * Energy near the diagonals of factors and spectra as CSV, with what it would be if all
 * entries were of one size.
 *
 * @param studies The factors that have figures.
 * @returns Two lines for each, without and with noise.
 */
export function spectraCsv(studies: readonly ShownStudy[]): string {
  const rows = studies.flatMap(({ finding, spectra }) => {
    const { layer, factor, form, step, file } = finding;
    return Object.entries(spectra).map(([kind, bands]) => ({
      layer,
      factor,
      form,
      step,
      file,
      noise: kind === "noisy",
      diagonal: bands.diagonal.share,
      diagonalUniform: bands.diagonal.uniform,
      spectrumDiagonal: bands.spectrumDiagonal.share,
      spectrumDiagonalUniform: bands.spectrumDiagonal.uniform,
      antiDiagonal: bands.antiDiagonal.share,
      antiDiagonalUniform: bands.antiDiagonal.uniform,
    }));
  });
  return stringify(rows, {
    columns: [
      "layer",
      "factor",
      "form",
      "step",
      "file",
      "noise",
      "diagonal",
      "diagonalUniform",
      "spectrumDiagonal",
      "spectrumDiagonalUniform",
      "antiDiagonal",
      "antiDiagonalUniform",
    ],
  });
}

/**
 * What the preconditioner does, as CSV.
 *
 * @param rows One for each layer, step and preset.
 * @returns A line for each.
 */
export function preconditionerCsv(rows: readonly PreconditionerRow[]): string {
  return stringify(
    rows.map(({ layer, step, preset, study }) => ({
      layer,
      step,
      preset,
      count: study.count,
      least: study.fisher.least,
      median: study.fisher.median,
      largest: study.fisher.largest,
      spread: study.spread,
      lambdaShare: study.lambdaShare,
      leastMultiplier: study.multiplier.least,
      medianMultiplier: study.multiplier.median,
      largestMultiplier: study.multiplier.largest,
    })),
    {
      columns: [
        "layer",
        "step",
        "preset",
        "count",
        "least",
        "median",
        "largest",
        "spread",
        "lambdaShare",
        "leastMultiplier",
        "medianMultiplier",
        "largestMultiplier",
      ],
    },
  );
}

/**
 * The correlations of F as CSV.
 *
 * @param rows One for each preset, diagonal and layer; the layer of all is empty.
 * @returns A line for each.
 */
export function curvatureCsv(rows: readonly CurvatureRow[]): string {
  return stringify(
    rows.map(({ correlation, ...rest }) => ({ ...rest, ...correlation })),
    {
      columns: [
        "preset",
        "diagonal",
        "layer",
        "count",
        "spearman",
        "logPearson",
        "positive",
      ],
    },
  );
}

/**
 * A value as JSON text; an infinite number, as a diagonal matrix has, by its name.
 *
 * @param value The value.
 * @returns The text.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part === "number" && !Number.isFinite(part) ? String(part) : part,
  );
}
