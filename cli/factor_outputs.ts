/**
 * The files that `deno task analyze-factors` leaves in its folder.
 *
 * @module
 */

import { toPng, toSvg } from "../src/plot/mod.ts";
import type { Analysis } from "./factor_analysis.ts";
import { preconditionerOverview, snrFigures } from "./factor_overview.ts";
import { factorReport, RULE } from "./factor_report.ts";
import type { FactorFinding } from "./factor_study.ts";
import {
  curvatureCsv,
  eigenvaluesCsv,
  findingsCsv,
  jsonText,
  preconditionerCsv,
  spectraCsv,
} from "./factor_table.ts";

/** The folder of the figures. */
export const FIGURES = "figures";

/**
 * Everything that goes into the folder.
 *
 * @param analysis What was found.
 * @param onFigure Hears of each figure that is drawn: how many are, of how many.
 * @returns The files' bytes by name.
 */
export async function filesOf(
  analysis: Analysis,
  onFigure: (done: number, total: number) => Promise<void>,
): Promise<Record<string, Uint8Array>> {
  const { shown, preconditioners, findings, curvature } = analysis;
  const files: Record<string, Uint8Array> = {};
  const encoder = new TextEncoder();
  const overview = {
    snr: snrFigures(findings, analysis.choice),
    preconditioner: preconditionerOverview(preconditioners, analysis.choice),
  };
  const figures = [
    ...overview.snr,
    ...shown.flatMap(({ figures }) => figures),
    ...overview.preconditioner,
  ];
  const drawings = new Map<string, string>();
  for (const { name, figure } of figures) {
    const svg = await toSvg(figure);
    drawings.set(name, svg);
    files[`${FIGURES}/${name}.svg`] = encoder.encode(svg);
    files[`${FIGURES}/${name}.png`] = await toPng(svg);
    await onFigure(drawings.size, figures.length);
  }
  const texts = {
    "report.html": factorReport(analysis, overview, drawings),
    "findings.csv": findingsCsv(findings),
    "eigenvalues.csv": eigenvaluesCsv(shown),
    "spectra.csv": spectraCsv(shown),
    "analysis.json": jsonText({
      ...analysis,
      rule: RULE,
      shown: shown.map(({ finding, discs, moved, spectra }) => ({
        ...titled(finding),
        spectra,
        centres: numbers(discs.centres.data),
        radii: numbers(discs.radii.data),
        eigenvalues: numbers(discs.eigenvalues.data),
        noisyEigenvalues: numbers(moved.after.data),
        changes: moved.changes,
      })),
    }),
    ...("missing" in curvature
      ? {}
      : { "curvature.csv": curvatureCsv(curvature.rows) }),
    ...(preconditioners.length === 0
      ? {}
      : { "preconditioner.csv": preconditionerCsv(preconditioners) }),
  };
  for (const [name, text] of Object.entries(texts)) {
    files[name] = encoder.encode(text);
  }
  return files;
}

const numbers = (data: ArrayLike<number>): number[] => Array.from(data);

const titled = (
  { layer, form, factor, step, file }: FactorFinding,
) => ({ layer, form, factor, step, file });
