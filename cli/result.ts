/**
 * What a run of a study came to, in the file that it leaves when it is over.
 *
 * @module
 */

import { join } from "@std/path";
import { Fields } from "../src/oracle/fields.ts";
import type { RunResult, Stop } from "../src/study/mod.ts";
import { metricsColumns, metricsRow } from "../src/train/metrics.ts";
import { outside } from "./failure.ts";
import { readJson, writeJson } from "./files.ts";
import type { RunOptions } from "./recipe.ts";

const RESULT = "result.json";

/** What a result has of its run's options. */
export function identityOf(
  { optimizer, learningRate, batchSize, seed, epochs }: RunOptions,
): Omit<RunResult, "rows" | "planBytes" | "stopped"> {
  return { optimizer, learningRate, batchSize, seed, epochs };
}

/** Leaves a run's result in its folder. */
export async function writeResult(
  folder: string,
  result: RunResult,
): Promise<void> {
  await writeJson(join(folder, RESULT), result);
}

/**
 * Reads the result of a run.
 *
 * @param folder The run's folder.
 * @param options The run.
 * @returns The result; undefined where the run is not over.
 * @throws {Failure} If the file cannot be read, or is not of that run.
 */
export async function readResult(
  folder: string,
  options: RunOptions,
): Promise<RunResult | undefined> {
  const path = join(folder, RESULT);
  const kept = await readJson(path);
  if (kept === undefined) return undefined;
  return await outside(
    () => resultOf(kept, options, `Cannot go on with ${path}`),
    "without the file the run ends anew",
  );
}

/** A result as JSON has it. */
function resultOf(
  kept: Readonly<Record<string, unknown>>,
  options: RunOptions,
  subject: string,
): RunResult {
  const fields = new Fields(subject, kept);
  const identity = identityOf(options);
  for (const [name, value] of Object.entries(identity)) {
    fields.exactly(name, value);
  }
  const { epochs } = options;
  const planBytes = fields.number("planBytes", { whole: true, least: 0 });
  const stopped = kept.stopped === null
    ? null
    : stopOf(fields.object("stopped"));
  const rows = fields.objects("rows").map((row, i) => {
    row.exactly("epoch", i + 1);
    // Numbers that were not finite are null: only a run that stopped may have some.
    if (stopped === null) {
      metricsColumns.forEach((name) => row.number(name, {}));
    }
    return metricsRow((kept.rows as unknown[])[i], `${subject}: rows[${i}]`);
  });
  if (stopped === null && rows.length !== epochs) {
    fields.refuse("rows", `a list of ${epochs}, one an epoch`);
  }
  return { ...identity, rows, planBytes, stopped };
}

function stopOf(stopped: Fields): Stop {
  return {
    step: stopped.number("step", { whole: true, least: 1 }),
    reason: stopped.text("reason"),
  };
}
