/**
 * The metrics of a run in files: one row an epoch, in `metrics.jsonl` and
 * `metrics.csv`. Both are replaced as a whole, so a row is there once or not at all.
 *
 * @module
 */

import { join } from "node:path";
import { readText } from "../io/files.ts";
import { isObject, kindOf, quoted } from "../io/json.ts";
import { writeFileAtomically } from "../io/mod.ts";

/** One epoch of a run. */
export interface MetricsRow {
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Number of its last step, from 1. */
  readonly step: number;
  /** Mean loss over the epoch's batches. */
  readonly trainLoss: number;
  /** Accuracy over the epoch's batches, in [0, 1]. */
  readonly trainAccuracy: number;
  /** Loss on the test examples after the epoch. */
  readonly testLoss: number;
  /** Accuracy on the test examples after the epoch, in [0, 1]. */
  readonly testAccuracy: number;
  /** Learning rate of the last step. */
  readonly learningRate: number;
  /** Seconds spent on steps since the run began. */
  readonly seconds: number;
}

/** Names of a row's numbers, in the order of the columns. */
export const metricsColumns: readonly (keyof MetricsRow)[] = Object.freeze([
  "epoch",
  "step",
  "trainLoss",
  "trainAccuracy",
  "testLoss",
  "testAccuracy",
  "learningRate",
  "seconds",
]);

/** Writes rows as the text of a CSV file, its header included. */
export type CsvWriter = (rows: readonly MetricsRow[]) => string;

/** The metrics of one run, in a folder. */
export class MetricsLog {
  readonly #folder: string;
  readonly #csv: CsvWriter;
  #rows: readonly MetricsRow[];

  private constructor(
    folder: string,
    csv: CsvWriter,
    rows: readonly MetricsRow[],
  ) {
    this.#folder = folder;
    this.#csv = csv;
    this.#rows = rows;
  }

  /**
   * Opens the metrics of a run. Rows of epochs that are not finished in the
   * checkpoint it goes on from will come again, and are left out.
   *
   * @example
   * ```ts
   * import { MetricsLog } from "@adafisher/adafisher/train";
   * import { assertEquals } from "@std/assert";
   *
   * const folder = await Deno.makeTempDir();
   * const csv = () => "";
   * const log = await MetricsLog.open(folder, csv, 0);
   * assertEquals(log.rows, []);
   * await Deno.remove(folder, { recursive: true });
   * ```
   *
   * @param folder The run's folder; it must exist.
   * @param csv How rows become CSV.
   * @param epochs Epochs that are finished: 0 for a new run.
   * @returns The log.
   * @throws {RangeError} If the folder lacks a row of a finished epoch.
   * @throws {SyntaxError} If a line of `metrics.jsonl` is no JSON.
   * @throws {TypeError} If a line is no row.
   */
  static async open(
    folder: string,
    csv: CsvWriter,
    epochs: number,
  ): Promise<MetricsLog> {
    const rows = epochs === 0 ? [] : await readRows(folder, epochs);
    return new MetricsLog(folder, csv, rows);
  }

  /** The rows so far. */
  get rows(): readonly MetricsRow[] {
    return this.#rows;
  }

  /**
   * Adds an epoch to both files.
   *
   * @param row The epoch.
   * @throws {Error} If a file cannot be written; it is as it was then.
   */
  async append(row: MetricsRow): Promise<void> {
    this.#rows = [...this.#rows, row];
    const lines = this.#rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    await write(join(this.#folder, "metrics.jsonl"), lines);
    await write(join(this.#folder, "metrics.csv"), this.#csv(this.#rows));
  }
}

async function write(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, new TextEncoder().encode(text));
}

/**
 * A row as JSON has it: a number that was not finite is null there, and NaN again here.
 *
 * @param json What was read.
 * @param subject What it is called in messages.
 * @returns The row.
 * @throws {TypeError} If it is no object, or lacks a number.
 */
export function metricsRow(json: unknown, subject: string): MetricsRow {
  if (!isObject(json)) {
    throw new TypeError(`${subject} must be an object, got ${kindOf(json)}`);
  }
  const numbers = metricsColumns.map((name) => {
    const value = json[name];
    if (typeof value === "number") return [name, value];
    // Which epoch a row is of is always known.
    if (value === null && name !== "epoch") return [name, NaN];
    throw new TypeError(
      `${subject} must have a number ${name}, got ${kindOf(value)}`,
    );
  });
  return Object.fromEntries(numbers);
}

/** The rows of the first epochs. */
async function readRows(folder: string, epochs: number): Promise<MetricsRow[]> {
  const path = join(folder, "metrics.jsonl");
  const text = await readText(path);
  const rows = text.split("\n").filter((line) => line !== "")
    .map((line, i) => {
      const subject = `Cannot read ${path}: line ${i + 1}`;
      let json: unknown;
      try {
        json = JSON.parse(line);
      } catch (cause) {
        throw new SyntaxError(`${subject} must be JSON, got ${quoted(line)}`, {
          cause,
        });
      }
      return metricsRow(json, subject);
    })
    .filter(({ epoch }) => epoch <= epochs);
  if (rows.length !== epochs || rows.some(({ epoch }, i) => epoch !== i + 1)) {
    throw new RangeError(
      `Cannot read ${path}: it must have a row for each of ${epochs} finished epochs, got ${
        rows.map(({ epoch }) => epoch).join(", ") || "none"
      }`,
    );
  }
  return rows;
}
