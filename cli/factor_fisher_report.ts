/**
 * The parts of the report of `deno task analyze-factors` that tell of F: what it does to
 * the layers, and how it goes together with what it stands for.
 *
 * @module
 */

import type { DiagonalCorrelation } from "../src/analysis/mod.ts";
import type { ReportFigure, ReportSection } from "../src/plot/mod.ts";
import type { Analysis } from "./factor_analysis.ts";
import type { CurvatureName } from "./factor_curvature.ts";
import type { PreconditionerRow } from "./factor_preconditioner.ts";
import { percent, short, whole } from "./numbers.ts";

/**
 * What both presets' F does to the layers.
 *
 * @param analysis What was found.
 * @param figures Its figures.
 * @returns A section; none where there is no run.
 */
export function preconditionerSection(
  { preconditioners, choice }: Analysis,
  figures: readonly ReportFigure[],
): ReportSection[] {
  const rows = preconditioners.filter(({ step }) =>
    choice.steps.includes(step)
  );
  if (rows.length === 0) return [];
  const cells = ({ layer, step, preset, study }: PreconditionerRow) => [
    layer,
    preset,
    String(step),
    whole(study.count),
    ...[
      study.fisher.least,
      study.fisher.median,
      study.fisher.largest,
      study.spread,
    ].map(short),
    percent(study.lambdaShare),
    ...[
      study.multiplier.least,
      study.multiplier.median,
      study.multiplier.largest,
    ].map(short),
  ];
  const last = choice.steps.at(-1)!;
  const said = (["paper", "official"] as const).map((preset) => {
    const those = rows.filter((row) =>
      row.preset === preset && row.step === last
    );
    const spreads = those.map(({ study }) => study.spread);
    const shares = those.map(({ study }) => study.lambdaShare);
    return `With the ${preset} preset at step ${last} the largest entry of F is ${
      short(Math.min(...spreads))
    } to ${short(Math.max(...spreads))} times the least, by layer; lambda is ${
      percent(Math.min(...shares))
    } to ${percent(Math.max(...shares))} of F in the mean over entries.`;
  });
  return [{
    heading: "What the preconditioner does",
    text: [
      `AdaFisher divides the momentum by F, the product of the two diagonals plus lambda, so that 1 / F multiplies the learning rate of each coordinate. A spread of 1 is SGD with momentum, of one learning rate. ${
        said.join(" ")
      }`,
    ],
    table: {
      caption:
        "F of each layer. Both presets see the same batches and parameters, those of this run.",
      columns: [
        "layer",
        "preset",
        "step",
        "entries",
        "least F",
        "median F",
        "largest F",
        "spread",
        "lambda's share",
        "least 1/F",
        "median 1/F",
        "largest 1/F",
      ],
      rows: rows.map(cells),
    },
    figures,
  }];
}

/**
 * How far F goes together with what it stands for.
 *
 * @param analysis What was found.
 * @returns The section; where nothing was computed it says why.
 */
export function curvatureSection({ curvature }: Analysis): ReportSection {
  const heading = "What F stands for";
  if ("missing" in curvature) {
    return {
      heading,
      text:
        `The correlations of F with the Fisher and Hessian diagonals are not here: ${curvature.missing}.`,
    };
  }
  const { step, examples, probes, rows } = curvature;
  const of = (
    preset: string,
    diagonal: CurvatureName,
    layer: string | null,
  ): DiagonalCorrelation =>
    rows.find((row) =>
      row.preset === preset && row.diagonal === diagonal && row.layer === layer
    )!.correlation;
  const text = (correlation: number | undefined) =>
    correlation === undefined ? "–" : correlation.toFixed(2);
  const kinds = ["true Fisher", "empirical Fisher", "Hessian"] as const;
  const presets = ["paper", "official"] as const;
  const layers = [
    ...new Set(rows.map(({ layer }) => layer)),
  ];
  return {
    heading,
    text: [
      `F is meant to stand for the diagonal of the Fisher matrix. Here it is beside three diagonals, of the model after step ${step} in evaluation mode over ${examples} training examples: the true Fisher's (all classes, as probable as the model says), the empirical one's (the labels), both exact, and the Hessian's (Hutchinson's estimate, ${probes} probes). Numbers are Spearman's rank correlations over a layer's entries, which lambda and scale do not change: 1 for the same order, 0 for none.`,
      presets.map((preset) =>
        `Over all entries, F of the ${preset} preset has ${
          kinds.map((kind) =>
            `${text(of(preset, kind, null).spearman)} with the ${kind}`
          ).join(", ")
        }.`
      ).join(" "),
    ],
    table: {
      caption: "Rank correlations of F.",
      columns: [
        "layer",
        "entries",
        ...presets.flatMap((preset) =>
          kinds.map((kind) => `${preset}: ${kind}`)
        ),
      ],
      rows: layers.map((layer) => [
        layer ?? "all together",
        whole(of("paper", "Hessian", layer).count),
        ...presets.flatMap((preset) =>
          kinds.map((kind) => text(of(preset, kind, layer).spearman))
        ),
      ]),
    },
  };
}
