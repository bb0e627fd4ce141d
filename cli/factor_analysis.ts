/**
 * All studies of `deno task analyze-factors`, one factor after the other.
 *
 * @module
 */

import { type Spectrum, spectrum } from "../src/analysis/mod.ts";
import type { FactorForm } from "../src/layers/mod.ts";
import { type Curvature, curvatureOf } from "./factor_curvature.ts";
import { factorFigures, type NamedFigure } from "./factor_figures.ts";
import {
  type PreconditionerRow,
  preconditionersOf,
} from "./factor_preconditioner.ts";
import type { Factor, FactorSource } from "./factor_source.ts";
import {
  type FactorFinding,
  type FactorStudy,
  memoryOf,
  studyFactor,
  titleOf,
} from "./factor_study.ts";
import { Failure, pause } from "./failure.ts";
import { whole } from "./numbers.ts";
import { ProgressBar } from "./progress.ts";
import type { RunOptions } from "./recipe.ts";

/** What is studied, and how. */
export interface Choice {
  /** Layers that get figures. */
  readonly layers: readonly string[];
  readonly steps: readonly number[];
  /** Which of a run's averages get figures. */
  readonly average: FactorForm;
  /** Deviation of the noise, relative to the largest entry. */
  readonly noise: number;
  readonly seed: number;
  readonly maxRows: number;
}

/** A factor that is shown. */
export interface ShownStudy extends Pick<FactorStudy, "finding" | "discs"> {
  /** Without the noisy matrix itself. */
  readonly moved: Omit<FactorStudy["moved"], "noisy">;
  /** Shares of energy near the diagonals, of the factor and with noise. */
  readonly spectra: Record<"clean" | "noisy", Omit<Spectrum, "magnitude">>;
  readonly figures: readonly NamedFigure[];
}

/** All that was found. */
export interface Analysis {
  readonly choice: Choice;
  /** The run's options; null where another program made the factors. */
  readonly run: RunOptions | null;
  /** Where the factors were. */
  readonly folder: string;
  /** Of every factor of the steps. */
  readonly findings: readonly FactorFinding[];
  /** Of the factors that are shown. */
  readonly shown: readonly ShownStudy[];
  /** Factors that were too large. */
  readonly leftOut: readonly string[];
  /** F beside the diagonals that it stands for. */
  readonly curvature: Curvature;
  /** F over all steps that were kept; none where there is no run. */
  readonly preconditioners: readonly PreconditionerRow[];
}

/**
 * Studies the factors of the chosen steps.
 *
 * @param source Where they are.
 * @param choice What is chosen of it.
 * @param signal Stops it.
 * @returns What was found.
 * @throws {Failure} If a factor cannot be studied, or one that is to be shown is too
 * large.
 */
export async function analyze(
  source: FactorSource,
  choice: Choice,
  signal: AbortSignal,
): Promise<Analysis> {
  const { steps, maxRows } = choice;
  const all = await source.factors(steps);
  const rowsOf = ({ matrix: { shape: [rows] } }: Factor) => rows;
  const large = all.filter((factor) => rowsOf(factor) > maxRows);
  const wanted = large.find((factor) => isShown(factor, choice));
  if (wanted) {
    throw new Failure(
      `Cannot study ${titleOf(wanted)}: it must have at most ${
        whole(maxRows)
      } rows, got ${
        whole(rowsOf(wanted))
      }; --max-rows allows more, --layers shows others`,
    );
  }
  const factors = all.filter((factor) => !large.includes(factor));
  // An eigenvalue problem takes time as the cube of its rows.
  const work = factors.map((factor) => rowsOf(factor) ** 3);
  const total = work.reduce((sum, cost) => sum + cost, 0);
  const bar = new ProgressBar();
  const findings: FactorFinding[] = [], shown: ShownStudy[] = [];
  let done = 0;
  try {
    for (const [i, factor] of factors.entries()) {
      bar.show(() => ({
        done,
        total,
        title: "Studying",
        details: `${titleOf(factor)}, ${whole(rowsOf(factor))} rows`,
      }));
      await heard(signal);
      const study = await studyFactor(factor, choice);
      findings.push(study.finding);
      if (isShown(factor, choice)) {
        shown.push(show(study, choice));
      }
      done += work[i];
    }
    const preconditioners = source.run
      ? await preconditionersOf(source.run, source.steps, async (done) => {
        bar.show(() => ({
          done,
          total: source.steps.length,
          title: "Preconditioner",
          details: `step ${source.steps[done - 1]}`,
        }));
        await heard(signal);
      })
      : [];
    const curvature = await curvatureOf(
      source,
      choice.seed,
      async (share) => {
        bar.show(() => ({
          done: share,
          total: 1,
          title: "Curvature",
          details: "Fisher and Hessian diagonals",
        }));
        await heard(signal);
      },
      signal,
    );
    return {
      choice,
      run: source.run?.options ?? null,
      folder: source.folder,
      findings,
      shown,
      leftOut: large.map(titleOf),
      preconditioners,
      curvature,
    };
  } finally {
    bar.clear();
  }
}

/** The figures of a factor, and what of its studies is no matrix. */
function show(study: FactorStudy, { noise, maxRows }: Choice): ShownStudy {
  const { finding, discs, scaled, moved: { noisy, ...moved } } = study;
  const memory = memoryOf(maxRows);
  const spectra = {
    clean: spectrum(scaled, { memory }),
    noisy: spectrum(noisy, { memory }),
  };
  const bands = ({ magnitude: _, ...shares }: Spectrum) => shares;
  return {
    finding,
    discs,
    moved,
    spectra: { clean: bands(spectra.clean), noisy: bands(spectra.noisy) },
    figures: factorFigures(study, spectra, noise),
  };
}

/** Whether a factor gets figures. */
function isShown({ layer, form }: Factor, choice: Choice): boolean {
  return choice.layers.includes(layer) &&
    (form === null || form === choice.average);
}

async function heard(signal: AbortSignal): Promise<void> {
  await pause();
  signal.throwIfAborted();
}
