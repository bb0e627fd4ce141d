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
import { Failure, outside, pause } from "./failure.ts";
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
  const kept = await measuredIn(path);
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

/** Rounds of costs, by the optimizer's description. */
type Measured = Readonly<Record<string, readonly (readonly StepCost[])[]>>;

/** What a file has; nothing where there is none. */
async function measuredIn(path: string): Promise<Measured> {
  const kept = await readJson(path);
  if (kept === undefined) return {};
  const wrong = typeof kept === "object" && kept && !Array.isArray(kept)
    ? Object.entries(kept).find(([, rounds]) => !isMeasured(rounds))?.[0]
    : "";
  if (wrong === undefined) return kept as Measured;
  throw new Failure(
    `Cannot go on with ${path}: ${
      wrong === "" ? "it" : `its entry ${JSON.stringify(wrong)}`
    } must have what steps cost, in seconds above 0; without the file it is measured anew`,
  );
}

/** Whether something from a file is rounds of costs, all of the same kinds of steps. */
function isMeasured(rounds: unknown): boolean {
  if (!Array.isArray(rounds) || rounds.length === 0) return false;
  const kindsOf = (round: unknown): string | undefined =>
    Array.isArray(round) && round.length > 0 && round.every(isCost)
      ? round.map(({ statistics, prepares }) => [statistics, prepares]).join()
      : undefined;
  const [first, ...others] = rounds.map(kindsOf);
  return first !== undefined && others.every((kinds) => kinds === first);
}

function isCost(cost: Partial<StepCost> | null): boolean {
  return typeof cost?.statistics === "boolean" &&
    typeof cost.prepares === "boolean" &&
    Number.isFinite(cost.seconds) && cost.seconds! > 0;
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
