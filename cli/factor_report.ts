/**
 * The report page of `deno task analyze-factors`.
 *
 * @module
 */

import { officialPreset } from "../src/optim/mod.ts";
import {
  type ReportFigure,
  reportPage,
  type ReportSection,
  type ReportTable,
} from "../src/plot/mod.ts";
import type { Analysis } from "./factor_analysis.ts";
import type { NamedFigure } from "./factor_figures.ts";
import {
  curvatureSection,
  preconditionerSection,
} from "./factor_fisher_report.ts";
import type { FactorFinding, Verdict } from "./factor_study.ts";
import { decibels, findingCells, findingColumns } from "./factor_table.ts";
import { percent, short, whole } from "./numbers.ts";

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

/** Figures over all layers or steps. */
export interface Overview {
  readonly snr: readonly NamedFigure[];
  readonly preconditioner: readonly NamedFigure[];
}

const drawnOf = (
  figures: readonly NamedFigure[],
  drawings: ReadonlyMap<string, string>,
): ReportFigure[] =>
  figures.map(({ name, caption }) => ({ svg: drawings.get(name)!, caption }));

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
    sections.set(heading, [
      ...sections.get(heading) ?? [],
      ...drawnOf(figures, drawings),
    ]);
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

/**
 * The report page.
 *
 * @param analysis What was found.
 * @param overview Figures over all layers or steps.
 * @param drawings All figures as SVG, by name.
 * @returns The page.
 */
export function factorReport(
  analysis: Analysis,
  overview: Overview,
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
        figures: drawnOf(overview.snr, drawings),
      },
      ...shownSections(analysis, drawings),
      ...preconditionerSection(
        analysis,
        drawnOf(overview.preconditioner, drawings),
      ),
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
