/**
 * What both presets' preconditioners do with the factors of a run.
 *
 * @module
 */

import {
  type DiagonalAverages,
  type FactorAverages,
  type FactorPair,
  type Preconditioner,
  preconditioner,
} from "../src/analysis/mod.ts";
import {
  type AdaFisherPreset,
  officialPreset,
  paperPreset,
} from "../src/optim/mod.ts";
import { type Value, value } from "../src/tensor/mod.ts";
import type { FactorRun } from "./factor_source.ts";
import { outside } from "./failure.ts";

/** F of a layer after a step, with one of the presets. */
export interface PreconditionerRow {
  readonly layer: string;
  readonly step: number;
  readonly preset: AdaFisherPreset;
  readonly study: Preconditioner;
}

/**
 * F of all layers that were kept, over the steps, with both presets. The run was trained
 * with one of them, or with another optimizer: F of the others is what they would have
 * had with the same batches and parameters.
 *
 * @param run The run.
 * @param steps Steps that it kept.
 * @param onStep Hears of each step that is done: how many are.
 * @returns A row for each layer, step and preset.
 * @throws {Failure} If a file cannot be read, or an average is not finite.
 */
export async function preconditionersOf(
  { model, averages }: FactorRun,
  steps: readonly number[],
  onStep: (done: number) => Promise<void>,
): Promise<PreconditionerRow[]> {
  const rows: PreconditionerRow[] = [];
  for (const [i, step] of steps.entries()) {
    const kept = await averages(step);
    for (const layer of model.kronecker) {
      const found = diagonalsOf(kept, layer.name);
      if (!found) continue;
      for (
        const [preset, fields] of [
          ["paper", paperPreset],
          ["official", officialPreset],
        ] as const
      ) {
        const study = await outside(() =>
          preconditioner(layer, found[preset], fields)
        );
        rows.push({ layer: layer.name, step, preset, study });
      }
    }
    await onStep(i + 1);
  }
  return rows;
}

/**
 * The diagonals that each preset's optimizer would have.
 *
 * @param averages The averages after a step.
 * @param layer A layer.
 * @returns The diagonals by preset; none of a layer that was not kept.
 */
export function diagonalsOf(
  { paper, officialDiagonals }: FactorAverages,
  layer: string,
): Record<AdaFisherPreset, DiagonalAverages> | undefined {
  const full: FactorPair | undefined = paper[layer];
  if (!full) return undefined;
  return {
    paper: { h: diagonalOf(full.h), s: diagonalOf(full.s) },
    official: officialDiagonals[layer],
  };
}

function diagonalOf({ shape: [n], data }: Value): Value {
  return value(Float64Array.from({ length: n }, (_, i) => data[i * n + i]));
}
