/**
 * What `deno task landscape` leaves: table, figures, data and report.
 *
 * @module
 */

import { stringify } from "@std/csv";
import type { LossSurface, Trajectory } from "../src/analysis/mod.ts";
import {
  type Figure,
  lineChart,
  reportPage,
  surfaceChart,
  toPng,
  toSvg,
} from "../src/plot/mod.ts";
import { percent } from "./numbers.ts";

/** An optimizer as figure and table show it. */
export interface LandscapeOptimizer {
  /** What they call it. */
  readonly title: string;
  /** Its learning rate. */
  readonly learningRate: number;
}

/** All that is known when the optimizers are done. */
export interface Landscape {
  readonly epochs: number;
  readonly seed: number;
  /** The device in words. */
  readonly device: string;
  readonly optimizers: readonly LandscapeOptimizer[];
  /** One for each optimizer, in their order. */
  readonly trajectories: readonly Trajectory[];
  readonly surface: LossSurface;
}

/** Where an optimizer came to. */
export interface LandscapeResult {
  readonly name: string;
  readonly learningRate: number;
  readonly weights: readonly [number, number];
  readonly loss: number;
  readonly lossAfter: number;
  readonly accuracy: number;
}

/** Pixels of the PNG for a pixel of the figure: 300 a printed inch at 7 inches. */
const PNG_SCALE = 3;

/**
 * A row for each optimizer: where it came to.
 *
 * @param optimizers The optimizers.
 * @param trajectories One for each.
 * @returns The rows.
 */
export function resultsOf(
  optimizers: readonly LandscapeOptimizer[],
  trajectories: readonly Trajectory[],
): LandscapeResult[] {
  return trajectories.map(({ name, points }, i) => {
    const last = points[points.length - 1];
    return {
      name,
      learningRate: optimizers[i].learningRate,
      weights: last.weights,
      loss: last.loss,
      lossAfter: last.lossAfter,
      accuracy: last.accuracy,
    };
  });
}

const COLUMNS = [
  "optimizer",
  "rate",
  "weight 1",
  "weight 2",
  "loss of last epoch",
  "loss after it",
  "accuracy after it",
];

function cellsOf(result: LandscapeResult): string[] {
  return [
    result.name,
    String(result.learningRate),
    result.weights[0].toFixed(3),
    result.weights[1].toFixed(3),
    result.loss.toFixed(4),
    result.lossAfter.toFixed(4),
    percent(result.accuracy),
  ];
}

/**
 * The results as aligned lines.
 *
 * @param results The rows.
 * @returns The table, its head first.
 */
export function tableText(results: readonly LandscapeResult[]): string {
  const rows = [COLUMNS, ...results.map(cellsOf)];
  const widths = COLUMNS.map((_, i) =>
    Math.max(...rows.map((row) => row[i].length))
  );
  return rows.map((row) =>
    row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])
    ).join("  ")
  ).join("\n");
}

/** The figure: paths over the surface, shaded between the losses that were met. */
function landscapeFigure(
  trajectories: readonly Trajectory[],
  surface: LossSurface,
): Figure {
  const losses = trajectories.flatMap(({ points }) =>
    points.map(({ loss }) => loss)
  );
  return surfaceChart({
    x: { title: "First layer: weight of principal component 1" },
    y: { title: "First layer: weight of principal component 2" },
    grid: surface,
    value: "Loss (nats)",
    domain: [
      losses.reduce((a, b) => Math.min(a, b)),
      losses.reduce((a, b) => Math.max(a, b)),
    ],
    paths: trajectories.map(({ name, points }) => ({
      name,
      points: points.map(({ weights }) => weights),
    })),
  });
}

function lossFigure(trajectories: readonly Trajectory[]): Figure {
  return lineChart({
    x: { title: "Epoch", whole: true },
    y: { title: "Loss after the epoch (nats)" },
    series: trajectories.map(({ name, points }) => ({
      name,
      points: points.map(({ epoch, lossAfter }) => ({
        x: epoch,
        y: lossAfter,
      })),
    })),
  });
}

const CAPTION =
  "Weights of the first layer after each epoch, over the surface of the mean " +
  "losses of the epochs: a piecewise cubic on the Delaunay triangulation of all " +
  "weights seen, within their hull. A ring marks the first weights, arrows the " +
  "direction, dots the last weights. Shades end at the least and largest loss " +
  "that was met; between the paths the surface goes beyond them.";

/** The report page. */
function reportOf(
  { epochs, seed, device, optimizers, trajectories }: Landscape,
  figures: readonly { svg: string; caption: string }[],
): string {
  const rows = resultsOf(optimizers, trajectories).map(cellsOf);
  return reportPage({
    title: "Loss landscape",
    sections: [
      {
        heading: "Where each optimizer went",
        text:
          `${epochs} epochs of batches of 10, seed ${seed}; device ${device}.`,
        table: { columns: COLUMNS, rows },
        figures,
      },
      {
        heading: "How it was made",
        text: [
          "The data are the 150 Iris flowers in two principal components of their " +
          "measurements, each of mean 0 and deviation 1. The network has one hidden " +
          "unit: a linear layer of two weights and a bias, ReLU, a linear layer of " +
          "three outputs. The loss is the cross-entropy of the softmax's outputs, " +
          "taken as logits, so that it lies above 0.551 nats. Both first weights are 0.2; biases, " +
          "second layer and order of the flowers are those of the seed, the same for " +
          "all optimizers. Learning rates are constant.",
          "The surface is no function of the two weights alone: each optimizer comes " +
          "to a pair of weights with biases and a second layer of its own.",
        ],
      },
    ],
  });
}

function trajectoriesCsv(trajectories: readonly Trajectory[]): string {
  return stringify(
    trajectories.flatMap(({ name, points }) =>
      points.map(({ weights: [weight1, weight2], ...rest }) => ({
        optimizer: name,
        weight1,
        weight2,
        ...rest,
      }))
    ),
    {
      columns: [
        "optimizer",
        "epoch",
        "weight1",
        "weight2",
        "loss",
        "lossAfter",
        "accuracy",
      ],
    },
  );
}

function surfaceCsv({ x, y, values }: LossSurface): string {
  return stringify(
    values.flatMap((row, i) =>
      row.flatMap((loss, j) =>
        loss === null ? [] : [{ weight1: x[j], weight2: y[i], loss }]
      )
    ),
    { columns: ["weight1", "weight2", "loss"] },
  );
}

/**
 * Everything that goes into the folder.
 *
 * @param landscape What is known.
 * @returns The files' bytes by name.
 */
export async function filesOf(
  landscape: Landscape,
): Promise<Record<string, Uint8Array>> {
  const { trajectories, surface } = landscape;
  const figure = landscapeFigure(trajectories, surface);
  const svg = await toSvg(figure);
  const losses = await toSvg(lossFigure(trajectories));
  const texts = {
    "landscape.svg": svg,
    "landscape.vl.json": JSON.stringify(figure),
    "landscape.json": JSON.stringify(landscape),
    "losses.svg": losses,
    "trajectories.csv": trajectoriesCsv(trajectories),
    "surface.csv": surfaceCsv(surface),
    "report.html": reportOf(landscape, [
      { svg, caption: CAPTION },
      {
        svg: losses,
        caption: "Loss of all flowers with the weights after each epoch.",
      },
    ]),
  };
  const encoder = new TextEncoder();
  return {
    ...Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, encoder.encode(text)]),
    ),
    "landscape.png": await toPng(svg, { scale: PNG_SCALE }),
  };
}
