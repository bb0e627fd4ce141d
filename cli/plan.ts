/**
 * The wall-clock protocol of `deno task compare`: times the steps of all optimizers, and
 * gives each the epochs that fit.
 *
 * @module
 */

import { join } from "@std/path";
import { kindOf, quoted } from "../src/io/json.ts";
import type { Optimizer } from "../src/optim/mod.ts";
import { Fields } from "../src/oracle/fields.ts";
import type { Device } from "../src/program/mod.ts";
import {
  epochsWithin,
  medianCosts,
  secondsOfSteps,
  type StepCost,
  stepKinds,
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

/** The file that has what steps cost. */
export const TIMES = "times.json";

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
  const path = join(folder, TIMES);
  const kept = await readJson(path) ?? {};
  const nameOf = ({ parts }: Entry): string => parts.optimizer.description;
  const missing = entries.filter((entry) =>
    !Object.hasOwn(kept, nameOf(entry))
  );
  const known = entries.filter((entry) => !missing.includes(entry));
  await outside(() => {
    for (const { parts: { optimizer } } of known) {
      requireMeasured(optimizer, kept[optimizer.description], path);
    }
  }, "without the file steps are timed anew");

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
  ).catch((error) => {
    if (!signal.aborted) throw error;
    throw new Failure(
      `Stopped before all steps were timed. To begin again, give the same options and --out ${folder}`,
      { cause: error },
    );
  }).finally(() => bar.clear());
  const measured = {
    ...kept,
    ...Object.fromEntries(missing.map((entry, i) => [nameOf(entry), costs[i]])),
  } as Measured;
  if (missing.length > 0) await writeJson(path, measured);
  return Object.fromEntries(
    entries.map((entry) => [
      nameOf(entry),
      medianCosts(measured[nameOf(entry)]),
    ]),
  );
}

/** Rounds of costs, by the optimizer's description. */
type Measured = Readonly<Record<string, readonly (readonly StepCost[])[]>>;

/** Requires that what a file has are rounds of costs of the optimizer's kinds of steps. */
function requireMeasured(
  optimizer: Optimizer,
  rounds: unknown,
  path: string,
): void {
  const subject = `Cannot go on with ${path}`;
  const entry = quoted(optimizer.description);
  const kinds = stepKinds(optimizer);
  if (!Array.isArray(rounds) || rounds.length === 0) {
    throw new TypeError(
      `${subject}: ${entry} must be a list of rounds, got ${kindOf(rounds)}`,
    );
  }
  rounds.forEach((round, i) => {
    const name = `round ${i + 1} of ${entry}`;
    const fields = new Fields(subject, { [name]: round });
    const costs = fields.objects(name);
    if (costs.length !== kinds.length) {
      fields.refuse(name, `a list of ${kinds.length}, one a kind of step`);
    }
    costs.forEach((cost, k) => {
      cost.exactly("statistics", kinds[k].statistics);
      cost.exactly("prepares", kinds[k].prepares);
      cost.number("seconds", { above: 0 });
    });
  });
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
