/**
 * Studies of many runs: each has a folder of its own, and one that is finished is not
 * made again. So a study that was stopped goes on when it is started again.
 *
 * @module
 */

import { join } from "@std/path";
import { loadCheckpoint } from "../src/io/mod.ts";
import {
  type OptimizerName,
  optimizerNames,
  PreconditionerError,
} from "../src/optim/mod.ts";
import type { Device } from "../src/program/mod.ts";
import { kindOf } from "../src/io/json.ts";
import type { RunResult, Stop } from "../src/study/mod.ts";
import { NonFiniteError } from "../src/train/mod.ts";
import { nearest, UsageError } from "./arguments.ts";
import type { Data } from "./data.ts";
import { Failure, outside } from "./failure.ts";
import { readJson } from "./files.ts";
import { datedFolder, lockFolder, makeFolder } from "./folder.ts";
import { decimal } from "./numbers.ts";
import type { RunOptions, RunParts } from "./recipe.ts";
import { identityOf, readResult, writeResult } from "./result.ts";
import { CHECKPOINT, type RunEnd, trainRun, writeOptions } from "./run.ts";

/** Those that the paper compares on images; K-FAC and Shampoo as in ASDL, which it used. */
export const PAPER = "adafisher,adam,adamw,adahessian,kfac-asdl,shampoo-asdl";

/**
 * The folder of a study, made where it is not there: a new one by its name, or the one
 * that was asked for, with what it has.
 *
 * @param out What `--out` says.
 * @param name What the folder's name ends with where `--out` says nothing.
 * @returns Its path.
 * @throws {Failure} If it cannot be made, or another process is at work in it.
 */
export async function studyFolder(
  out: string | undefined,
  name: string,
): Promise<string> {
  if (out !== undefined) await makeFolder(out);
  const folder = out ?? await datedFolder(name);
  await lockFolder(folder);
  return folder;
}

/** How the runs of a study are made. */
export interface StudySetting {
  /** The study's folder. */
  readonly folder: string;
  readonly data: Data;
  readonly device: Device;
  /** Prints a line. */
  readonly say: (line: string) => void;
  /** Whether each epoch is worth a line. */
  readonly epochs: boolean;
  readonly signal: AbortSignal;
}

/** What {@linkcode keptRun} needs to know of a run. */
export interface StudyRun {
  /** Its folder within the study's; other runs have others. */
  readonly name: string;
  readonly options: RunOptions;
  readonly parts: RunParts;
}

/**
 * The result of a run: that of its folder if it is over, else it is trained, from where
 * it stopped. A run that diverges has a result too.
 *
 * @param run The run.
 * @param setting Where and how.
 * @returns The result; undefined where the user stopped it.
 * @throws {Failure} If the folder has another run, or a file or the device fails.
 */
export async function keptRun(
  { name, options, parts }: StudyRun,
  { folder: study, data, device, say, epochs, signal }: StudySetting,
): Promise<RunResult | undefined> {
  const folder = join(study, name);
  await makeFolder(folder);
  const kept = await readJson(join(folder, "options.json"));
  if (kept === undefined) await writeOptions(folder, options);
  else requireSame(folder, kept, options, ["dataFolder"]);
  const result = await readResult(folder, options);
  if (result !== undefined) {
    say(`${name}: kept, ${ending(result)}`);
    return result;
  }

  const path = join(folder, CHECKPOINT);
  const there = await outside(() =>
    Deno.stat(path).then(() => true, (error) => {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    })
  );
  const from = there
    ? { checkpoint: await outside(() => loadCheckpoint(path)), path }
    : undefined;
  const end = await trainRun({ options, from }, data, parts, {
    folder,
    device,
    saveEvery: { count: 1, unit: "epoch" },
    say: epochs ? say : () => {},
    title: `${name}: `,
    signal,
  });
  if (end.kind === "interrupted") return undefined;
  const made: RunResult = {
    ...identityOf(options),
    rows: end.log.rows,
    planBytes: end.trainer.planBytes,
    stopped: whyStopped(end),
  };
  await writeResult(folder, made);
  say(`${name}: ${ending(made)}`);
  return made;
}

/** Why a run is over before its end; null if it is not. */
function whyStopped({ error, trainer, log }: RunEnd): Stop | null {
  if (error instanceof NonFiniteError) {
    const { what } = error.diagnosis;
    return { step: error.step, reason: `diverged: ${what} not finite` };
  }
  if (error instanceof PreconditionerError) {
    return { step: trainer.step + 1, reason: error.message };
  }
  if (error) throw new Failure(error.message, { cause: error });
  const wrong = log.rows.find((row) =>
    !Object.values(row).every(Number.isFinite)
  );
  return wrong === undefined
    ? null
    : { step: wrong.step, reason: "diverged: test loss not finite" };
}

function ending({ rows, stopped }: RunResult): string {
  if (stopped) return `stopped at step ${stopped.step}, ${stopped.reason}`;
  const { epoch, testAccuracy, seconds } = rows.at(-1)!;
  return `test accuracy ${(100 * testAccuracy).toFixed(2)} % after ${epoch} ${
    epoch === 1 ? "epoch" : "epochs"
  } in ${seconds.toFixed(1)} s`;
}

/**
 * Requires that what was kept in a folder is of the same options.
 *
 * @param folder The folder.
 * @param kept The options that were kept.
 * @param wanted The options now.
 * @param ignored Names that may differ.
 * @throws {Failure} If another name differs.
 */
export function requireSame(
  folder: string,
  kept: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
  ignored: readonly string[] = [],
): void {
  const differs = Object.keys(wanted).find((name) =>
    !ignored.includes(name) && kept[name] !== wanted[name]
  );
  if (differs === undefined) return;
  throw new Failure(
    `Cannot go on with ${folder}: ${differs} must be as before, ${
      kindOf(kept[differs])
    }, got ${kindOf(wanted[differs])}; another --out begins another study`,
  );
}

/** The parts of a list with commas, none of them twice. */
export function listOf(option: string, text: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  const wrong = parts.find((part, i) =>
    part === "" || parts.indexOf(part) !== i
  );
  if (wrong !== undefined) {
    throw new UsageError(
      wrong === ""
        ? `${option} needs a list with commas, got ${JSON.stringify(text)}`
        : `${option} must name each thing once, got ${wrong} twice`,
    );
  }
  return parts;
}

/** The optimizers of a list with commas. */
export function optimizersOf(
  option: string,
  text: string,
): readonly OptimizerName[] {
  const names = listOf(option, text);
  names.forEach((name) => requireOptimizer(option, name));
  return names as readonly OptimizerName[];
}

/** Requires that there is an optimizer of that name. */
export function requireOptimizer(
  option: string,
  name: string,
): asserts name is OptimizerName {
  if ((optimizerNames as readonly string[]).includes(name)) return;
  const near = nearest(name, optimizerNames);
  throw new UsageError(
    `${option} needs names of ${optimizerNames.join(", ")}, got ${
      JSON.stringify(name)
    }${near === undefined ? "" : ` (did you mean ${JSON.stringify(near)}?)`}`,
  );
}

/** A number above 0. */
export function positiveOf(option: string, text: string): number {
  const number = decimal(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new UsageError(
    `${option} needs numbers above 0, got ${JSON.stringify(text)}`,
  );
}
