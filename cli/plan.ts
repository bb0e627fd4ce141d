/**
 * The wall-clock protocol of `deno task compare`: times the steps of all optimizers, and
 * gives each the epochs that fit.
 *
 * @module
 */

import { join } from "@std/path";
import type { Device } from "../src/program/mod.ts";
import {
  epochsWithin,
  medianCosts,
  secondsOfSteps,
  type StepCost,
  timeSteps,
} from "../src/study/mod.ts";
import type { Data } from "./data.ts";
import { outside, pause } from "./failure.ts";
import { readJson, writeJson } from "./files.ts";
import { ProgressBar } from "./progress.ts";
import type { RunOptions, RunParts } from "./recipe.ts";
import { trainerOptionsOf } from "./run.ts";
import { textTable } from "./table.ts";

/** An optimizer with the options of its run with seed 0. */
export interface Entry {
  readonly options: RunOptions;
  readonly parts: RunParts;
}

/** What a step of each kind costs, by the optimizer's description. */
export type Costs = Readonly<Record<string, readonly StepCost[]>>;

/** How often the optimizers are timed in turn. */
const ROUNDS = 9;

/** The costs of all entries: what the folder has, and what is still to be measured. */
export async function costsOf(
  entries: readonly Entry[],
  folder: string,
  data: Data,
  device: Device,
  signal: AbortSignal,
): Promise<Costs> {
  const path = join(folder, "times.json");
  const kept = (await readJson(path) ?? {}) as Record<
    string,
    readonly (readonly StepCost[])[]
  >;
  const nameOf = ({ parts }: Entry): string => parts.optimizer.description;
  const missing = entries.filter((entry) =>
    !Object.hasOwn(kept, nameOf(entry))
  );
  const bar = new ProgressBar();
  const show = (done: number, title: string): void =>
    bar.show(() => ({
      done,
      total: ROUNDS * missing.length,
      title,
      details: "",
    }));
  if (missing.length > 0) show(0, "Compiling");
  await pause();
  const costs = await outside(() =>
    timeSteps(
      missing.map(({ options, parts }) =>
        trainerOptionsOf(options, data, parts, device)
      ),
      {
        rounds: ROUNDS,
        signal,
        onTurn: (done, run) =>
          show(done, `Timing ${missing[run].options.optimizer}`),
      },
    )
  );
  bar.clear();
  const measured = {
    ...kept,
    ...Object.fromEntries(missing.map((entry, i) => [nameOf(entry), costs[i]])),
  };
  if (missing.length > 0) await writeJson(path, measured);
  return await outside(() =>
    Object.fromEntries(
      entries.map((entry) => [
        nameOf(entry),
        medianCosts(measured[nameOf(entry)]),
      ]),
    )
  );
}

/** How long each optimizer trains. */
export interface Plan extends Entry {
  readonly secondsPerStep: number | null;
}

/** Gives each entry the epochs that fit into the time of the reference's. */
export function planned(
  entries: readonly Entry[],
  reference: Entry,
  stepsPerEpoch: number,
  costs: Costs,
): { plans: readonly Plan[]; budget: number } {
  const secondsOf = ({ options, parts: { optimizer } }: Entry): number =>
    secondsOfSteps(
      optimizer,
      costs[optimizer.description],
      options.epochs * stepsPerEpoch,
    );
  const budget = secondsOf(reference);
  const plans = entries.map(({ options, parts }): Plan => {
    const { optimizer } = parts;
    const epochs = epochsWithin(
      optimizer,
      costs[optimizer.description],
      stepsPerEpoch,
      budget,
    );
    const entry = { options: { ...options, epochs }, parts };
    const secondsPerStep = secondsOf(entry) / (epochs * stepsPerEpoch);
    return { ...entry, secondsPerStep };
  });
  return { plans, budget };
}

/** The plan as a table for a terminal; `reference` are AdaFisher's seconds a step. */
export function planTable(plans: readonly Plan[], reference: number): string {
  return textTable(
    ["optimizer", "ms a step", "of AdaFisher's", "epochs", ""],
    plans.map(({ options, secondsPerStep }) => [
      options.optimizer,
      (1e3 * secondsPerStep!).toFixed(2),
      (secondsPerStep! / reference).toFixed(2),
      `${options.epochs}`,
      "",
    ]),
  );
}
