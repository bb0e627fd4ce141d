/**
 * The figures of `deno task analyze-factors`, each with a caption that says what to see
 * in it, and what was found.
 *
 * @module
 */

import { heatmapCells, type Spectrum } from "../src/analysis/mod.ts";
import {
  factorHeatMap,
  type Figure,
  gersgorinFigure,
  perturbationFigure,
  spectrumFigure,
} from "../src/plot/mod.ts";
import { type FactorStudy, titleOf } from "./factor_study.ts";
import { changeText, decibels } from "./factor_table.ts";
import { percent, short, whole } from "./numbers.ts";

/** A figure of the report. */
export interface NamedFigure {
  /** Its file's name, without ending. */
  readonly name: string;
  readonly figure: Figure;
  /** What to see in it, and what was found. */
  readonly caption: string;
}

/** Cells of a picture, a side: sharp at its 360 pixels. */
const CELLS = 360;

/** A name for a file, of anything. */
export const fileNameOf = (...parts: (string | number | null)[]): string =>
  parts.filter((part) => part !== null).join("-").replace(/[^\w.-]+/g, "_");

/** Spectra of a factor. */
export interface SpectrumPair {
  readonly clean: Spectrum;
  readonly noisy: Spectrum;
}

/**
 * The figures of one factor.
 *
 * @param study Its studies.
 * @param spectra Its spectra.
 * @param noise Deviation of the noise.
 * @returns Heat map, discs, eigenvalues under noise, spectra.
 */
export function factorFigures(
  study: FactorStudy,
  spectra: SpectrumPair,
  noise: number,
): NamedFigure[] {
  const { layer, factor, form, step, file } = study.finding;
  // Another program's files may have the same name and step in two of them.
  const place = form === null || step === null ? file : `step-${step}`;
  const named = (what: string, drawn: Drawn): NamedFigure => ({
    name: fileNameOf(layer, factor, form, place, what),
    ...drawn,
  });
  return [
    named("heat-map", heatMapOf(study)),
    named("discs", discsOf(study)),
    // On its logarithmic axes only eigenvalues above 0 have a place.
    ...(study.moved.before.data.some((x) => x > 0) &&
        study.moved.after.data.some((x) => x > 0)
      ? [named("noise", noiseOf(study, noise))]
      : []),
    named("spectrum", spectrumOf(study, spectra, noise)),
  ];
}

type Drawn = Omit<NamedFigure, "name">;

function heatMapOf({ finding, scaled }: FactorStudy): Drawn {
  const { rows, diagonalEnergy, evenly, snr } = finding;
  const blocks = rows > CELLS
    ? ` Each cell is the largest entry of its block of about ${
      Math.ceil(rows / CELLS)
    } rows and columns.`
    : "";
  return {
    figure: factorHeatMap(heatmapCells(scaled, CELLS, "largest"), {
      title: titleOf(finding),
    }),
    caption: `The sizes of the entries of ${
      titleOf(finding)
    }, over the largest one, ${
      short(finding.scale)
    }.${blocks} If the diagonal is all there is, a bright line crosses a dark square. Here the diagonal has ${
      percent(diagonalEnergy)
    } of the energy, where entries of one size would give it ${
      percent(evenly)
    }; SNR ${decibels(snr?.plain)} dB.`,
  };
}

function discsOf({ finding, discs }: FactorStudy): Drawn {
  const { rows, dominant, margin, inside } = finding;
  let centre = 0, radius = 0;
  for (let i = 0; i < rows; i++) {
    centre += Math.abs(discs.centres.data[i]) / rows;
    radius += discs.radii.data[i] / rows;
  }
  return {
    figure: gersgorinFigure(discs, { title: titleOf(finding) }),
    caption: `Gersgorin discs of ${
      titleOf(finding)
    }, and its eigenvalues. Small discs pin the eigenvalues to the diagonal; discs that reach over each other and over 0 say nothing of where they are. Here the mean radius is ${
      short(radius / centre)
    } of the mean centre, ${percent(dominant)} of the ${
      whole(rows)
    } rows are dominant, and the worst row has ${
      margin < 0
        ? `${
          short(-margin)
        } of the largest entry more beside the diagonal than on it`
        : `${
          short(margin)
        } of the largest entry more on the diagonal than beside it`
    }. ${percent(inside)} of the eigenvalues lie in a disc, as they must.`,
  };
}

function noiseOf({ finding, moved }: FactorStudy, noise: number): Drawn {
  const { above, below, zeros } = finding;
  const part = ({ count, median, largest }: typeof above, where: string) =>
    count === 0
      ? `none is ${where} it`
      : `those ${where} it, ${whole(count)}, change by ${
        changeText(median)
      } in the median and ${changeText(largest)} at most`;
  return {
    figure: perturbationFigure(moved, { title: titleOf(finding) }),
    caption: `Eigenvalues of ${
      titleOf(finding)
    }, without and with noise of deviation ${noise} beside the diagonal. If the diagonal holds what counts, the eigenvalues above Kaiser's line stay where they are. Here ${
      part(above, "above")
    }; ${part(below, "below")}${
      zeros === 0 ? "" : `; ${whole(zeros)} are 0 but for rounding`
    }.`,
  };
}

function spectrumOf(
  { finding }: FactorStudy,
  { clean, noisy }: SpectrumPair,
  noise: number,
): Drawn {
  const of = ({ share, uniform }: Spectrum["diagonal"]) =>
    `${percent(share)} (${percent(uniform)})`;
  return {
    figure: spectrumFigure({ clean, noisy }, { title: titleOf(finding) }),
    caption: `Magnitudes of the two-dimensional spectrum of ${
      titleOf(finding)
    }, without and with noise of deviation ${noise}, frequency 0 in the middle. What is on the diagonal of a factor spreads from the anti-diagonal of its spectrum; smooth structure beside it gathers at frequency 0. Here the band of a twentieth of the rows on either side holds, of the energy of the factor, ${
      of(clean.diagonal)
    } along the diagonal; of its spectrum, ${
      of(clean.antiDiagonal)
    } along the anti-diagonal, and ${
      of(noisy.antiDiagonal)
    } with noise. In brackets: what it would be with all entries of one size.`,
  };
}
