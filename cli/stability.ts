/**
 * What `deno task sweep` found, as a table, as CSV and as a report page.
 *
 * @module
 */

import { stringify } from "@std/csv";
import {
  heatMap,
  lineChart,
  type ReportFigure,
  reportPage,
  type ReportSection,
  toSvg,
} from "../src/plot/mod.ts";
import { type RunResult, spreadOf, type Summary } from "../src/study/mod.ts";
import {
  type Conditions,
  conditions,
  endsOf,
  MEANS,
  secondsText,
  seedsText,
} from "./study_report.ts";
import { spreadText, textTable } from "./table.ts";

/** One optimizer at one learning rate and batch size. */
export interface Cell {
  readonly optimizer: string;
  readonly learningRate: number;
  readonly batchSize: number;
  /** One run a seed. */
  readonly runs: readonly RunResult[];
  readonly summary: Summary;
}

/** A sweep. */
export interface Sweep extends Conditions {
  /** The cells, optimizer by optimizer. */
  readonly cells: readonly Cell[];
}

const HEADS = [
  "optimizer",
  "learning rate",
  "batch",
  "s an epoch",
  "best test %",
  "last test %",
  "planned MB",
  "runs finished",
];

function rowOf(
  { optimizer, learningRate, batchSize, summary }: Cell,
): string[] {
  return [
    optimizer,
    `${learningRate}`,
    `${batchSize}`,
    secondsText(summary.secondsPerEpoch),
    spreadText(summary.bestTestAccuracy, 2, 100),
    spreadText(summary.lastTestAccuracy, 2, 100),
    (summary.planBytes / 1e6).toFixed(1),
    endsOf(summary),
  ];
}

/** The sweep as a table for a terminal. */
export function sweepTable({ cells }: Sweep): string {
  return textTable(HEADS, cells.map(rowOf));
}

/** The sweep as CSV: one row a cell, mean and standard deviation apart. */
export function sweepCsv({ cells }: Sweep): string {
  const numbers = [
    "secondsPerEpoch",
    "bestTestAccuracy",
    "lastTestAccuracy",
    "trainLoss",
    "testLoss",
  ] as const;
  const rows = cells.map(({ optimizer, learningRate, batchSize, summary }) => ({
    optimizer,
    learningRate,
    batchSize,
    epochs: summary.epochs,
    runs: summary.runs,
    finished: summary.finished,
    planBytes: summary.planBytes,
    ...Object.fromEntries(numbers.flatMap((name) => [
      [name, summary[name]?.mean ?? null],
      [`${name}Deviation`, summary[name]?.deviation ?? null],
    ])),
  }));
  return stringify(rows, { columns: Object.keys(rows[0]) });
}

/** The values of a name, each once, from the least. */
function valuesOf(
  cells: readonly Cell[],
  name: "learningRate" | "batchSize",
): readonly number[] {
  return [...new Set(cells.map((cell) => cell[name]))].sort((a, b) => a - b);
}

/** A number of all cells of an optimizer as a heat map; nothing where it has none. */
async function mapOf(
  cells: readonly Cell[],
  number: (summary: Summary) => number | null,
  value: string,
  format: string,
): Promise<readonly ReportFigure[]> {
  const rates = valuesOf(cells, "learningRate");
  const batches = valuesOf(cells, "batchSize");
  const values = rates.map((rate) =>
    batches.map((batch) => {
      const cell = cells.find(({ learningRate, batchSize }) =>
        learningRate === rate && batchSize === batch
      )!;
      return number(cell.summary);
    })
  );
  if (values.flat().every((number) => number === null)) return [];
  const svg = await toSvg(heatMap({
    x: { title: "Batch size", names: batches.map(String) },
    y: { title: "Learning rate", names: rates.map(String) },
    values,
    value,
    format,
  }));
  return [{
    svg,
    caption: `${value} of ${
      cells[0].optimizer
    } by learning rate and batch size; a cell is empty where no run reached its end.`,
  }];
}

/** Accuracy over the learning rate, a line for each optimizer, at one batch size. */
async function ratesChart(
  byOptimizer: ReadonlyMap<string, readonly Cell[]>,
  batch: number,
): Promise<readonly ReportFigure[]> {
  const series = [...byOptimizer].map(([name, cells]) => ({
    name,
    points: cells.filter(({ batchSize }) => batchSize === batch)
      .toSorted((a, b) => a.learningRate - b.learningRate)
      .flatMap(({ learningRate: x, summary: { lastTestAccuracy } }) =>
        lastTestAccuracy === null
          ? []
          : [{ x, y: 100 * lastTestAccuracy.mean, ...bandOf(lastTestAccuracy) }]
      ),
  })).filter(({ points }) => points.length > 0);
  if (series.length === 0) return [];
  const svg = await toSvg(lineChart({
    x: { title: "Learning rate", scale: "log" },
    y: { title: "Test accuracy (%)" },
    series,
    points: true,
  }));
  return [{
    svg,
    caption:
      `Test accuracy after the last epoch over the learning rate, batches of ${batch}.`,
  }];
}

function bandOf(
  { mean, deviation }: NonNullable<Summary["lastTestAccuracy"]>,
): { low: number; high: number } | Record<never, never> {
  return deviation === null ? {} : {
    low: 100 * (mean - deviation),
    high: 100 * (mean + deviation),
  };
}

/** Seconds an epoch over the batch size, a line for each optimizer, over all rates. */
async function secondsChart(
  byOptimizer: ReadonlyMap<string, readonly Cell[]>,
): Promise<readonly ReportFigure[]> {
  const series = [...byOptimizer].map(([name, cells]) => ({
    name,
    points: valuesOf(cells, "batchSize").flatMap((x) => {
      const seconds = spreadOf(
        cells.filter(({ batchSize }) => batchSize === x)
          .flatMap(({ summary }) => summary.secondsPerEpoch?.mean ?? []),
      );
      return seconds === null ? [] : [{ x, y: seconds.mean }];
    }),
  })).filter(({ points }) => points.length > 0);
  if (series.length === 0) return [];
  const svg = await toSvg(lineChart({
    x: { title: "Batch size", scale: "log" },
    y: { title: "Seconds an epoch", scale: "log" },
    series,
    points: true,
  }));
  return [{
    svg,
    caption:
      "Seconds an epoch over the batch size: the mean over all learning rates.",
  }];
}

/** The sweep as a page. */
export async function sweepReport(sweep: Sweep): Promise<string> {
  const { cells, dataset, model, epochs, seeds, note } = sweep;
  const byOptimizer = Map.groupBy(cells, ({ optimizer }) => optimizer);
  const maps: ReportSection[] = [];
  for (const [optimizer, own] of byOptimizer) {
    const accuracy = await mapOf(
      own,
      ({ lastTestAccuracy }) =>
        lastTestAccuracy === null ? null : 100 * lastTestAccuracy.mean,
      "Test accuracy (%)",
      ".1f",
    );
    const seconds = await mapOf(
      own,
      ({ secondsPerEpoch }) => secondsPerEpoch?.mean ?? null,
      "Seconds an epoch",
      ".3~g",
    );
    maps.push({
      heading: optimizer,
      text: accuracy.length > 0 ? "" : "No run reached its end.",
      figures: [...accuracy, ...seconds],
    });
  }
  const curves: ReportFigure[] = [];
  for (const batch of valuesOf(cells, "batchSize")) {
    curves.push(...await ratesChart(byOptimizer, batch));
  }
  curves.push(...await secondsChart(byOptimizer));
  return reportPage({
    title: `Learning rates and batch sizes on ${dataset}, ${model}`,
    sections: [
      {
        heading: "How it was measured",
        text: [
          `Every optimizer trains for ${epochs} epochs at each learning rate and batch size, with ${
            seedsText(seeds)
          }.`,
          conditions(sweep),
          ...(note === null ? [] : [note]),
        ],
      },
      { heading: "Curves", text: "", figures: curves },
      ...maps,
      {
        heading: "All numbers",
        text: MEANS,
        table: { columns: HEADS, rows: cells.map(rowOf) },
      },
    ],
  });
}
