/**
 * The figures of `deno task analyze-factors`, each with a caption that says what to see
 * in it, and what was found.
 *
 * @module
 */

import { heatmapCells } from "../src/analysis/mod.ts";
import {
  factorHeatMap,
  type Figure,
  gersgorinFigure,
} from "../src/plot/mod.ts";
import { type FactorStudy, titleOf } from "./factor_study.ts";
import { decibels } from "./factor_table.ts";
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

/**
 * The figures of one factor.
 *
 * @param study Its studies.
 * @returns Discs and heat map.
 */
export function factorFigures(study: FactorStudy): NamedFigure[] {
  const { layer, factor, form, step } = study.finding;
  const file = step === null
    ? study.finding.file.replace(/\.\w+$/, "")
    : `step-${step}`;
  const named = (what: string) => fileNameOf(layer, factor, form, file, what);
  return [
    { name: named("heat-map"), ...heatMapOf(study) },
    { name: named("discs"), ...discsOf(study) },
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
