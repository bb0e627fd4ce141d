// The tables of docs/adafisher.md of how far F goes with the curvature's diagonals on
// the digits.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  adaFisherDiagonal,
  correlateDiagonals,
  type Diagonal,
  type DiagonalAverages,
  fisherDiagonals,
  hessianDiagonal,
} from "../../src/analysis/mod.ts";
import { cpuDevice } from "../../src/cpu/mod.ts";
import {
  batchAt,
  digitsNormalization as normalization,
  digitsSplit,
} from "../../src/data/mod.ts";
import { crossEntropy } from "../../src/layers/mod.ts";
import { modelByName } from "../../src/models/mod.ts";
import {
  adafisher,
  type AdaFisherPreset,
  officialPreset,
  paperPreset,
} from "../../src/optim/mod.ts";
import type { DeviceState } from "../../src/program/mod.ts";
import type { Value } from "../../src/tensor/mod.ts";
import { type ModelState, Trainer } from "../../src/train/mod.ts";

// float32, but the CPU device gives the same bits with any number of threads.
const STEPS = 301, SEEDS = [0, 1, 2];

/** The columns of `documented` for one seed, by layer, and of all together. */
async function correlationsOf(
  name: string,
  preset: AdaFisherPreset,
  seed: number,
): Promise<Record<string, number[]>> {
  const { train } = digitsSplit();
  const model = modelByName(name, { inputShape: [1, 8, 8], classes: 10 });
  const trainer = await Trainer.start({
    model,
    device: cpuDevice(),
    optimizer: adafisher(model, { preset }),
    learningRate: () => 1e-3,
    examples: train,
    batches: { batchSize: 64, shuffle: true, dropLast: true, normalization },
    epochs: 100,
    seed,
    readEvery: STEPS,
  });
  for await (const { step } of trainer.train()) if (step >= STEPS) break;
  const state = trainer.state as unknown as DeviceState<ModelState<Value>>;
  const examples = batchAt(train, { batchSize: 256, normalization }, 0);
  const fisher = await fisherDiagonals(model, state, examples);
  const hessian = await hessianDiagonal(
    model,
    crossEntropy,
    state,
    examples,
    { probes: 256 },
  );

  const { factors } = (await trainer.state.read()).optimizer as unknown as {
    factors: Record<string, DiagonalAverages>;
  };
  const fields = preset === "paper" ? paperPreset : officialPreset;
  const F = await adaFisherDiagonal(model, factors, fields);
  const pairs: [Diagonal, Diagonal][] = [
    [F, fisher.true],
    [F, fisher.empirical],
    [F, hessian.diagonal],
    [hessian.diagonal, fisher.true],
  ];
  if (preset === "paper") {
    const raw = { ...fields, normalize: "before-average", lambda: 0 } as const;
    pairs.push([await adaFisherDiagonal(model, factors, raw), fisher.true]);
  }
  const rows: Record<string, number[]> = {};
  pairs.forEach(([x, y], i) => {
    const { layers, overall } = correlateDiagonals(model, x, y);
    for (const [row, found] of Object.entries({ ...layers, overall })) {
      (rows[row] ??= []).push(found.spearman!);
      if (i === 0) rows[row].push(found.logPearson!);
    }
  });
  return rows;
}

/** The mean over the seeds. */
async function meanCorrelations(
  name: string,
  preset: AdaFisherPreset,
): Promise<Record<string, number[]>> {
  const runs: Record<string, number[]>[] = [];
  for (const seed of SEEDS) runs.push(await correlationsOf(name, preset, seed));
  return Object.fromEntries(
    Object.entries(runs[0]).map(([row, numbers]) => [
      row,
      numbers.map((_, i) =>
        runs.reduce((sum, run) => sum + run[row][i], 0) / runs.length
      ),
    ]),
  );
}

/**
 * Spearman's correlation of F with the true Fisher, and that of their logarithms;
 * Spearman's of F with the empirical Fisher and with the Hessian, of the Hessian with
 * the true Fisher, and, of the paper's averages, of H_D (x) S_D with the true Fisher.
 */
const documented: Record<string, Record<string, number[]>> = {
  "mlp paper": {
    fc1: [0.89, 0.80, 0.83, 0.36, 0.39, 0.93],
    fc2: [0.83, 0.81, 0.82, 0.70, 0.84, 0.84],
    overall: [0.81, 0.64, 0.80, 0.40, 0.53, 0.93],
  },
  "mlp official": {
    fc1: [0.71, 0.35, 0.65, 0.38, 0.51],
    fc2: [0.69, 0.35, 0.66, 0.52, 0.78],
    overall: [0.68, 0.35, 0.64, 0.39, 0.56],
  },
  "cnn paper": {
    conv1: [0.51, 0.51, 0.50, 0.38, 0.81, 0.80],
    bn1: [0.21, 0.22, 0.25, 0.28, 0.78, 0.29],
    conv2: [0.77, 0.79, 0.73, 0.58, 0.74, 0.79],
    bn2: [0.22, 0.25, 0.25, 0.10, 0.20, 0.22],
    fc: [0.86, 0.81, 0.80, 0.54, 0.62, 0.86],
    overall: [0.72, 0.70, 0.68, 0.54, 0.74, 0.38],
  },
  "cnn official": {
    conv1: [0.08, 0.10, 0.06, 0.09, 0.79],
    bn1: [-0.23, -0.08, -0.24, -0.21, 0.93],
    conv2: [0.45, 0.44, 0.38, 0.29, 0.60],
    bn2: [0.70, 0.52, 0.61, 0.31, 0.59],
    fc: [0.49, 0.36, 0.42, 0.32, 0.63],
    overall: [0.36, 0.21, 0.32, 0.24, 0.67],
  },
};

for (const [run, rows] of Object.entries(documented)) {
  Deno.test(`${run}: how far F goes with the curvature on the digits is as documented`, async () => {
    const [name, preset] = run.split(" ") as [string, AdaFisherPreset];
    const found = await meanCorrelations(name, preset);
    // Half a unit of the last digit written, and a little. Convolutions that sum in
    // another order lead the network elsewhere: 0.08 was seen between two versions.
    const tolerance = name === "mlp" ? 0.0051 : 0.1;
    assertEquals(Object.keys(found), Object.keys(rows));
    for (const [row, numbers] of Object.entries(rows)) {
      assertEquals(found[row].length, numbers.length);
      numbers.forEach((correlation, i) => {
        assertAlmostEquals(
          found[row][i],
          correlation,
          tolerance,
          `${row} ${i}`,
        );
      });
    }
  });
}
