/**
 * How far AdaFisher's F goes together with the diagonals that it stands for, at the end
 * of a run.
 *
 * @module
 */

import { join } from "@std/path";
import {
  adaFisherDiagonal,
  correlateDiagonals,
  type DiagonalCorrelation,
  fisherDiagonals,
  hessianDiagonal,
} from "../src/analysis/mod.ts";
import { batchAt } from "../src/data/mod.ts";
import { loadCheckpoint } from "../src/io/mod.ts";
import { crossEntropy } from "../src/layers/mod.ts";
import {
  type AdaFisherPreset,
  officialPreset,
  paperPreset,
} from "../src/optim/mod.ts";
import { DeviceState } from "../src/program/mod.ts";
import type { Value } from "../src/tensor/mod.ts";
import { loadData } from "./data.ts";
import { openDevice } from "./device.ts";
import { diagonalsOf } from "./factor_preconditioner.ts";
import type { FactorSource } from "./factor_source.ts";
import { outside } from "./failure.ts";
import { CHECKPOINT } from "./run.ts";

/** Training examples that the diagonals are means over, and probes of the Hessian's. */
const EXAMPLES = 128, PROBES = 64;

/** A diagonal that F stands for. */
export type CurvatureName = "true Fisher" | "empirical Fisher" | "Hessian";

/** How far F of a layer, or of all, goes together with a diagonal. */
export interface CurvatureRow {
  readonly preset: AdaFisherPreset;
  readonly diagonal: CurvatureName;
  /** A layer; null for all together. */
  readonly layer: string | null;
  readonly correlation: DiagonalCorrelation;
}

/** The correlations at the end of a run, or why there are none. */
export type Curvature =
  | {
    readonly step: number;
    readonly examples: number;
    readonly probes: number;
    readonly rows: readonly CurvatureRow[];
  }
  | { readonly missing: string };

/** What hears how far it is, between 0 and 1. */
export type CurvatureListener = (share: number) => Promise<void>;

/**
 * Correlates F, of both presets, with the exact Fisher diagonals and Hutchinson's
 * estimate of the Hessian's, layer by layer. It takes a gradient for each example and
 * class, so only runs on the data sets that come with the package have it.
 *
 * @param source The factors.
 * @param seed Of the choice of examples, and of the probes.
 * @param onShare Hears how far it is.
 * @param signal Stops it.
 * @returns The correlations, or why there are none.
 * @throws {Failure} If the checkpoint cannot be read, or is of another model.
 */
export async function curvatureOf(
  { run, folder, steps, layers }: FactorSource,
  seed: number,
  onShare: CurvatureListener,
  signal: AbortSignal,
): Promise<Curvature> {
  if (!run) return { missing: "the files are not those of a run" };
  const { model, options } = run;
  if (options.dataset !== "digits" && options.dataset !== "iris") {
    return {
      missing:
        `a gradient for each example and class is too much on ${options.dataset}`,
    };
  }
  if (layers.length < model.kronecker.length) {
    return { missing: "the run did not keep the factors of all layers" };
  }
  const step = steps.at(-1)!;
  const checkpoint = await outside(() =>
    loadCheckpoint(join(folder, CHECKPOINT)).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    })
  );
  if (!checkpoint) return { missing: "the run has no checkpoint" };
  const { values, description } = checkpoint;
  if (description.step !== step) {
    return {
      missing:
        `the checkpoint is of step ${description.step}, the last factors are of step ${step}`,
    };
  }
  const { device } = await openDevice("cpu");
  const named = (kind: string, names: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.keys(names).map((name) => [name, values[`${kind}/${name}`]]),
    ) as Record<string, Value>;
  const state = new DeviceState(device, {
    parameters: named("parameters", model.parameters),
    buffers: named("buffers", model.buffers),
  });
  const { train, normalization } = await loadData(
    options.dataset,
    null,
    signal,
  );
  const examples = Math.min(EXAMPLES, train.count);
  const batch = batchAt(
    train,
    { batchSize: examples, shuffle: true, normalization, seed, epoch: 0 },
    0,
  );
  return await outside(async () => {
    const fisher = await fisherDiagonals(model, state, batch, {
      onExample: (done) => onShare(done / examples / 2),
    });
    const { diagonal } = await hessianDiagonal(
      model,
      crossEntropy,
      state,
      batch,
      {
        probes: PROBES,
        seed,
        onProbe: (done) => onShare(0.5 + done / PROBES / 2),
      },
    );
    const targets = {
      "true Fisher": fisher.true,
      "empirical Fisher": fisher.empirical,
      Hessian: diagonal,
    };
    const averages = await run.averages(step);
    const rows: CurvatureRow[] = [];
    for (
      const [preset, fields] of [
        ["paper", paperPreset],
        ["official", officialPreset],
      ] as const
    ) {
      const diagonals = Object.fromEntries(
        layers.map((layer) => [layer, diagonalsOf(averages, layer)![preset]]),
      );
      const F = await adaFisherDiagonal(model, diagonals, fields);
      for (const [name, target] of Object.entries(targets)) {
        const { layers, overall } = correlateDiagonals(model, F, target);
        const all = [...Object.entries(layers), [null, overall]] as const;
        for (const [layer, correlation] of all) {
          rows.push({
            preset,
            diagonal: name as CurvatureName,
            layer,
            correlation,
          });
        }
      }
    }
    return { step, examples, probes: PROBES, rows };
  });
}
