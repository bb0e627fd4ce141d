/**
 * What `deno task analyze-factors` leaves in its folder: report and numbers.
 *
 * @module
 */

import type { DiagonalCorrelation } from "../src/analysis/mod.ts";
import { officialPreset } from "../src/optim/mod.ts";
import {
  type ReportFigure,
  reportPage,
  type ReportSection,
  type ReportTable,
  toPng,
  toSvg,
} from "../src/plot/mod.ts";
import type { Analysis } from "./factor_analysis.ts";
import type { CurvatureName } from "./factor_curvature.ts";
import type { PreconditionerRow } from "./factor_preconditioner.ts";
import type { FactorFinding, Verdict } from "./factor_study.ts";
import {
  curvatureCsv,
  decibels,
  eigenvaluesCsv,
  findingCells,
  findingColumns,
  findingsCsv,
  jsonText,
  preconditionerCsv,
} from "./factor_table.ts";
import { percent, short, whole } from "./numbers.ts";

/** The folder of the figures. */
export const FIGURES = "figures";

/** The rule of the verdict, in words. */
export const RULE =
  "The verdict is concentrated if the plain SNR is above 10 dB and more than half of " +
  "the energy is on the diagonal, partly if one of the two holds, and spread if none " +
  "does. The rule was set before any factor was looked at. A matrix of one row has no " +
  "verdict: single.";

const MEANING =
  "Energy is the sum of all squares. By Gersgorin's theorem all eigenvalues lie in a " +
  "disc, whatever the matrix: that column checks the eigenvalues and says nothing of " +
  "the diagonal. A row is dominant if its diagonal entry is larger than the sum of the " +
  "sizes of all its others. The SNR (Eq. 7) is the mean square on the diagonal over " +
  "that above it; the official one counts the zeros below among those above, and is " +
  "larger by 3 dB for a large matrix and by 6 for two rows, of the same factor. Changes " +
  "are the median relative changes of eigenvalues above and below 1, Kaiser's line, " +
  "under the noise; the numbers in the files have mean and largest, too, which are " +
  "those of the eigenvalues nearest to 0.";

/** `3 epochs`, `1 epoch`. */
const counted = (count: number, what: string): string =>
  `${whole(count)} ${what}${count === 1 ? "" : "s"}`;

/** The middle one of some numbers, the larger of two. */
const medianOf = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Factors of one kind after one step. */
interface Group {
  readonly factor: string;
  readonly average: string;
  readonly step: number | null;
  readonly findings: FactorFinding[];
}

function groupsOf(findings: readonly FactorFinding[]): Group[] {
  const groups = new Map<string, Group>();
  for (const finding of findings) {
    const { form, factor, step } = finding;
    const name = `${factor} ${form} ${step}`;
    const group = groups.get(name) ??
      { factor: factor ?? "–", average: form ?? "–", step, findings: [] };
    group.findings.push(finding);
    groups.set(name, group);
  }
  return [...groups.values()];
}

const countOf = (findings: readonly FactorFinding[], verdict: Verdict) =>
  findings.filter((finding) => finding.verdict === verdict).length;

/** What the last step says, in a sentence for each kind of average. */
function headlines(findings: readonly FactorFinding[]): string[] {
  const groups = groupsOf(findings);
  const last = Math.max(...groups.map(({ step }) => step ?? 0));
  return ["paper", "official", "–"].flatMap((average) => {
    const those = groups.filter((group) =>
      group.average === average && (group.step ?? last) === last
    );
    if (those.length === 0) return [];
    const parts = those.map(({ factor, findings }) => {
      const ratios = findings.flatMap(({ snr }) => snr ? [snr.plain] : []);
      return `${countOf(findings, "concentrated")} of ${
        counted(findings.length, "factor")
      }${factor === "–" ? "" : ` ${factor}`} concentrated, ${
        countOf(findings, "partly")
      } partly, ${countOf(findings, "spread")} spread${
        ratios.length === 0
          ? ""
          : `, with a median SNR of ${
            decibels(medianOf(ratios))
          } dB and half of them with at least ${
            percent(medianOf(findings.map((f) => f.diagonalEnergy)))
          } of the energy on the diagonal`
      }`;
    });
    const which = average === "–"
      ? "In the files"
      : `By the ${average} average at step ${last}`;
    return [`${which}: ${parts.join("; ")}.`];
  });
}

function summaryTable(findings: readonly FactorFinding[]): ReportTable {
  return {
    caption: "All layers together; medians over the layers.",
    columns: [
      "factor",
      "average",
      "step",
      "factors",
      "concentrated",
      "partly",
      "spread",
      "SNR, dB",
      "energy on diagonal",
      "dominant rows",
    ],
    rows: groupsOf(findings).map(({ factor, average, step, findings }) => {
      const ratios = findings.flatMap(({ snr }) => snr ? [snr.plain] : []);
      return [
        factor,
        average,
        step === null ? "–" : String(step),
        ...[
          findings.length,
          countOf(findings, "concentrated"),
          countOf(findings, "partly"),
          countOf(findings, "spread"),
        ].map(String),
        decibels(ratios.length === 0 ? undefined : medianOf(ratios)),
        percent(medianOf(findings.map((f) => f.diagonalEnergy))),
        percent(medianOf(findings.map((f) => f.dominant))),
      ];
    }),
  };
}

/** A section for each factor that is shown, its steps beneath each other. */
function shownSections(
  { shown }: Analysis,
  drawings: ReadonlyMap<string, string>,
): ReportSection[] {
  const sections = new Map<string, ReportFigure[]>();
  for (const { finding: { layer, factor, form }, figures } of shown) {
    const heading = factor === null
      ? layer
      : `${factor} of ${layer}, ${form} average`;
    const drawn = figures.map(({ name, caption }) => ({
      svg: drawings.get(name)!,
      caption,
    }));
    sections.set(heading, [...sections.get(heading) ?? [], ...drawn]);
  }
  return [...sections].map(([heading, figures]) => ({
    heading,
    text: "",
    figures,
  }));
}

/** Where the factors are from. */
function origin({ run, folder, choice }: Analysis): string {
  const steps = choice.steps.length > 0
    ? ` Studied at ${choice.steps.length === 1 ? "step" : "steps"} ${
      choice.steps.join(", ")
    }.`
    : "";
  return run === null
    ? `The factors are those of the files in ${folder}.${steps}`
    : `The factors are those of ${run.model} on ${run.dataset}, trained with ${run.optimizer}${
      run.preset === null ? "" : `, preset ${run.preset},`
    } for ${
      counted(run.epochs, "epoch")
    } of batches of ${run.batchSize}, learning rate ${run.learningRate}, seed ${run.seed}.${steps}`;
}

/** How much of the official average is the identity that it starts from. */
function identityLeft({ run, choice }: Analysis): string[] {
  if (run === null) return [];
  const { decay, gain, interval } = officialPreset;
  const left = choice.steps.map((step) => {
    const seen = Math.floor((step - 1) / interval) + 1;
    return `at step ${step}, after ${counted(seen, "observation")}, ${
      short(decay ** seen)
    } of the identity is left`;
  });
  return [
    `Two averages are shown, and they are not the same thing. The paper's is 0.8 of the old and 0.2 of the new factor, at every step. The official study's is ${decay} of the old and ${gain} of the new one, min-maxed to [0, 1], at every ${interval}th step, and starts from the identity: ${
      left.join("; ")
    }, beside ${gain} of the newest min-maxed factor. What is left of the identity is on the diagonal whatever the batches say, and min-max moves all entries to 0 and above.`,
  ];
}

function preconditionerSection(
  { preconditioners, choice }: Analysis,
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
  }];
}

/** How far F goes together with what it stands for. */
function curvatureSection({ curvature }: Analysis): ReportSection {
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

/**
 * The report page.
 *
 * @param analysis What was found.
 * @param drawings Its figures as SVG, by name.
 * @returns The page.
 */
export function factorReport(
  analysis: Analysis,
  drawings: ReadonlyMap<string, string>,
): string {
  const { choice, findings, leftOut, run } = analysis;
  return reportPage({
    title: run === null
      ? "Kronecker factors: is the diagonal all there is?"
      : `Kronecker factors of ${run.model} on ${run.dataset}: is the diagonal all there is?`,
    sections: [
      {
        heading: "Findings",
        text: [
          origin(analysis),
          ...headlines(findings),
          RULE,
          ...identityLeft(analysis),
        ],
        table: summaryTable(findings),
      },
      {
        heading: "Every factor",
        text: leftOut.length === 0 ? MEANING : [
          MEANING,
          `Left out, with more than ${whole(choice.maxRows)} rows: ${
            leftOut.join("; ")
          }.`,
        ],
        table: { columns: findingColumns, rows: findings.map(findingCells) },
      },
      ...shownSections(analysis, drawings),
      ...preconditionerSection(analysis),
      curvatureSection(analysis),
      {
        heading: "How it was made",
        text: [
          `The noise has a standard deviation of ${choice.noise} off the diagonal and 0 on it, and seed ${choice.seed}. Every factor was divided by the size of its largest entry before: the paper's noise is of factors normalized to [0, 1]. Eigenvalues of the noisy matrix are those of its lower triangle, as in the official study.`,
        ],
      },
    ],
  });
}

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
  const figures = shown.flatMap(({ figures }) => figures);
  const drawings = new Map<string, string>();
  for (const { name, figure } of figures) {
    const svg = await toSvg(figure);
    drawings.set(name, svg);
    files[`${FIGURES}/${name}.svg`] = encoder.encode(svg);
    files[`${FIGURES}/${name}.png`] = await toPng(svg);
    await onFigure(drawings.size, figures.length);
  }
  const texts = {
    "report.html": factorReport(analysis, drawings),
    "findings.csv": findingsCsv(findings),
    "eigenvalues.csv": eigenvaluesCsv(shown),
    "analysis.json": jsonText({
      ...analysis,
      rule: RULE,
      shown: shown.map(({ finding, discs, moved }) => ({
        ...titled(finding),
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
