/**
 * What `deno task compare` found, as a table, as CSV and as a report page.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { lineChart, reportPage, toSvg } from "../src/plot/mod.ts";
import { curveOf, type RunResult, type Summary } from "../src/study/mod.ts";
import type { MetricsRow } from "../src/train/mod.ts";
import { secondsOf } from "./numbers.ts";
import {
  type Conditions,
  conditions,
  endsOf,
  MEANS,
  secondsText,
  seedsText,
} from "./study_report.ts";
import { spreadText, textTable } from "./table.ts";

/** One optimizer of a comparison. */
export interface Contender {
  /** Its name. */
  readonly optimizer: string;
  /** The optimizer with all hyperparameters, in one line. */
  readonly description: string;
  readonly learningRate: number;
  /** Seconds of a step that were measured before; null where epochs are equal. */
  readonly secondsPerStep: number | null;
  /** One run a seed. */
  readonly runs: readonly RunResult[];
  readonly summary: Summary;
}

/** A comparison; `epochs` are those of AdaFisher, or of all. */
export interface Comparison extends Conditions {
  readonly batchSize: number;
  readonly equal: "time" | "epochs";
  /** Seconds that a run may take; null where epochs are equal. */
  readonly budgetSeconds: number | null;
  readonly contenders: readonly Contender[];
}

const HEADS = [
  "optimizer",
  "learning rate",
  "epochs",
  "s an epoch",
  "s a run",
  "best test %",
  "last test %",
  "train loss",
  "test loss",
  "planned MB",
  "runs finished",
];

function rowOf({ optimizer, learningRate, summary }: Contender): string[] {
  return [
    optimizer,
    `${learningRate}`,
    `${summary.epochs}`,
    secondsText(summary.secondsPerEpoch),
    secondsText(summary.seconds),
    spreadText(summary.bestTestAccuracy, 2, 100),
    spreadText(summary.lastTestAccuracy, 2, 100),
    spreadText(summary.trainLoss, 4),
    spreadText(summary.testLoss, 4),
    (summary.planBytes / 1e6).toFixed(1),
    endsOf(summary),
  ];
}

/** The comparison as a table for a terminal. */
export function comparisonTable({ contenders }: Comparison): string {
  return textTable(HEADS, contenders.map(rowOf));
}

/** The comparison as CSV: one row an optimizer, mean and standard deviation apart. */
export function comparisonCsv({ contenders }: Comparison): string {
  const numbers = [
    "seconds",
    "secondsPerEpoch",
    "bestTestAccuracy",
    "lastTestAccuracy",
    "trainLoss",
    "testLoss",
  ] as const;
  const rows = contenders.map((
    { optimizer, learningRate, secondsPerStep, summary },
  ) => ({
    optimizer,
    learningRate,
    epochs: summary.epochs,
    runs: summary.runs,
    finished: summary.finished,
    secondsPerStep,
    planBytes: summary.planBytes,
    ...Object.fromEntries(numbers.flatMap((name) => [
      [name, summary[name]?.mean ?? null],
      [`${name}Deviation`, summary[name]?.deviation ?? null],
    ])),
  }));
  return stringify(rows, { columns: Object.keys(rows[0]) });
}

/** A curve for each setting that has one; null where none has. */
async function curves(
  settings: readonly { name: string; runs: readonly RunResult[] }[],
  over: "epoch" | "seconds",
  number: keyof MetricsRow,
): Promise<string | null> {
  const accuracy = number.endsWith("Accuracy");
  const factor = accuracy ? 100 : 1;
  const series = settings.map(({ name, runs }) => ({
    name,
    points: curveOf(runs, over, number).map(({ x, y, low, high }) => {
      const scaled = { x, y: factor * y };
      return low === undefined || high === undefined
        ? scaled
        : { ...scaled, low: factor * low, high: factor * high };
    }),
  })).filter(({ points }) => points.length > 0);
  if (series.length === 0) return null;
  const positive = series.every(({ points }) => points.every(({ y }) => y > 0));
  const log = !accuracy && positive;
  // No logarithm shows a spread down to 0 and below: it is cut off at a tenth of the mean.
  const shown = series.map(({ name, points }) => ({
    name,
    points: points.map((point) =>
      log && "low" in point
        ? { ...point, low: Math.max(point.low, point.y / 10) }
        : point
    ),
  }));
  const titles: Partial<Record<keyof MetricsRow, string>> = {
    testAccuracy: "Test accuracy (%)",
    trainLoss: "Training loss",
  };
  return await toSvg(lineChart({
    x: over === "epoch"
      ? { title: "Epoch", whole: true }
      : { title: "Seconds of training" },
    y: { title: titles[number] ?? number, scale: log ? "log" : "linear" },
    series: shown,
    points: Math.max(...shown.map(({ points }) => points.length)) < 40,
  }));
}

/** The comparison as a page. */
export async function comparisonReport(
  comparison: Comparison,
): Promise<string> {
  const { contenders, equal, epochs, seeds, batchSize, note } = comparison;
  const protocol = equal === "time"
    ? `Every optimizer trains for the time that ${epochs} epochs of AdaFisher take, as in the paper: ${
      secondsOf(comparison.budgetSeconds!)
    }. What a step costs was measured before, in short runs of all optimizers in turn; each schedule is stretched over the epochs that fit, of which there is at least one.`
    : `Every optimizer trains for ${epochs} epochs.`;
  const settings = contenders.map(({ optimizer, runs }) => ({
    name: optimizer,
    runs,
  }));
  const figures = [];
  for (
    const [number, what] of [
      ["testAccuracy", "Test accuracy"],
      ["trainLoss", "Training loss"],
    ] as const
  ) {
    for (const over of ["epoch", "seconds"] as const) {
      const svg = await curves(settings, over, number);
      if (svg === null) continue;
      figures.push({
        svg,
        caption: `${what} over ${
          over === "epoch" ? "epochs" : "seconds of training"
        }${
          seeds > 1
            ? `: mean of up to ${seeds} seeds, and one standard deviation`
            : ""
        }.`,
      });
    }
  }
  const { dataset, model } = comparison;
  return reportPage({
    title: `${contenders.length} ${
      contenders.length === 1 ? "optimizer" : "optimizers"
    } on ${dataset}, ${model}`,
    sections: [
      {
        heading: "Result",
        text: MEANS,
        table: { columns: HEADS, rows: contenders.map(rowOf) },
      },
      {
        heading: "How it was measured",
        text: [
          protocol,
          `Each optimizer has ${
            seedsText(seeds)
          } and batches of ${batchSize}. Learning rates are the paper's where it has one; nothing was tuned on these results.`,
          conditions(comparison),
          ...(note === null ? [] : [note]),
        ],
        table: {
          columns: ["optimizer", "hyperparameters", "ms a step, before"],
          rows: contenders.map(({ description, optimizer, secondsPerStep }) => [
            optimizer,
            description,
            secondsPerStep === null ? "–" : (1e3 * secondsPerStep).toFixed(2),
          ]),
        },
      },
      { heading: "Curves", text: "", figures },
    ],
  });
}
