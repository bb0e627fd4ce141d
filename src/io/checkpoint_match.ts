/**
 * Whether a checkpoint is of the run that wants to resume from it, told so that
 * the difference is seen at a glance.
 *
 * @module
 */

import type { Value } from "../tensor/value.ts";
import type { Checkpoint, CheckpointDescription } from "./checkpoint.ts";
import { quoted } from "./json.ts";

/** What a run expects of a checkpoint; a checkpoint of it will do. */
export interface ExpectedCheckpoint {
  /** Shape and element type of each value, by name. */
  readonly values: Readonly<Record<string, Pick<Value, "shape" | "dtype">>>;
  /** Model and optimizer of the run. */
  readonly description: Pick<CheckpointDescription, "model" | "optimizer">;
}

/** Most lines of a kind in a message. */
const HANDFUL = 5;

/** Widest cell of a table in a message, in characters. */
const CELL = 48;

/** The first few lines, then how many more there are. */
function handful(lines: readonly string[]): string[] {
  if (lines.length <= HANDFUL) return [...lines];
  return [...lines.slice(0, HANDFUL), `and ${lines.length - HANDFUL} more`];
}

/** Index of the first character that two texts do not share. */
function firstDifference(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}

/** At most a cell of a text, with the character at `focus` in it. */
function cell(text: string, focus: number): string {
  const begin = Math.max(0, focus - CELL / 2);
  const cut = text.slice(begin);
  const head = begin > 0 ? `…${cut.slice(1)}` : cut;
  return head.length > CELL ? `${head.slice(0, CELL - 1)}…` : head;
}

/** One line of two texts: what they are, the file's and the run's. */
type Row = readonly [label: string, found: string, expected: string];

/** Rows of a text of one or more lines; of several, those that differ. */
function rowsOf(label: string, found: string, expected: string): Row[] {
  const left = found.split("\n");
  const right = expected.split("\n");
  const length = Math.max(left.length, right.length);
  const rows = Array.from({ length }, (_, i): Row => {
    const [a, b] = [left[i] ?? "", right[i] ?? ""];
    const focus = firstDifference(a, b);
    return [
      length > 1 ? `${label} line ${i + 1}` : label,
      cell(a, focus),
      cell(b, focus),
    ];
  });
  if (length === 1) return rows;
  return rows.filter((_, i) => left[i] !== right[i]);
}

/** Rows as two aligned columns behind their labels. */
function table(rows: readonly Row[]): string[] {
  const widths = [0, 1].map((column) =>
    Math.max(...rows.map((row) => row[column].length))
  );
  return rows.map(([label, found, expected]) =>
    `  ${label.padEnd(widths[0])}  ${found.padEnd(widths[1])}  ${expected}`
  );
}

/** A value's shape and element type, for a message. */
function form({ shape, dtype }: Pick<Value, "shape" | "dtype">): string {
  return `[${shape.join(", ")}] ${dtype}`;
}

/** The two descriptions side by side, where they differ. */
function describeRun(
  found: ExpectedCheckpoint["description"],
  expected: ExpectedCheckpoint["description"],
): string[] {
  if (
    found.model === expected.model && found.optimizer === expected.optimizer
  ) return [];
  const rows = [
    ...rowsOf("model", found.model, expected.model),
    ...rowsOf("optimizer", found.optimizer, expected.optimizer),
  ];
  const lines = table([["", "in the file", "in this run"], ...rows]);
  return [lines[0], ...handful(lines.slice(1))];
}

/** Names and forms that differ. */
function describeValues(
  found: ExpectedCheckpoint["values"],
  expected: ExpectedCheckpoint["values"],
): string[] {
  const missing = Object.entries(expected)
    .filter(([name]) => !Object.hasOwn(found, name))
    .map(([name, value]) => `  missing: ${quoted(name)} ${form(value)}`);
  const unexpected = Object.entries(found)
    .filter(([name]) => !Object.hasOwn(expected, name))
    .map(([name, value]) => `  unexpected: ${quoted(name)} ${form(value)}`);
  const wrong = Object.entries(expected)
    .filter(([name]) => Object.hasOwn(found, name))
    .filter(([name, value]) => form(found[name]) !== form(value))
    .map(([name, value]) =>
      `  wrong shape: ${quoted(name)} ${form(found[name])}, not ${form(value)}`
    );
  return [...handful(missing), ...handful(unexpected), ...handful(wrong)];
}

/**
 * Refuses a checkpoint of another model or optimizer, or whose values are not
 * those of this run: the names, shapes and element types must be the same. The
 * message has both descriptions side by side, and a handful of the names.
 *
 * @example Another optimizer
 * ```ts
 * import { requireMatchingCheckpoint } from "@adafisher/adafisher/io";
 * import { assertThrows } from "@std/assert";
 *
 * const description = {
 *   step: 0,
 *   epoch: 0,
 *   seed: 1,
 *   model: "mlp 64-10",
 *   optimizer: "adam",
 *   options: {},
 * };
 * const found = { values: {}, description };
 * requireMatchingCheckpoint("run.safetensors", found, found);
 * assertThrows(
 *   () =>
 *     requireMatchingCheckpoint("run.safetensors", found, {
 *       values: {},
 *       description: { model: "mlp 64-10", optimizer: "adafisher" },
 *     }),
 *   RangeError,
 *   "optimizer  adam         adafisher",
 * );
 * ```
 *
 * @param path Path of the checkpoint, for the message.
 * @param found The checkpoint.
 * @param expected What the run has at its start.
 * @throws {RangeError} If they differ.
 */
export function requireMatchingCheckpoint(
  path: string,
  found: Checkpoint,
  expected: ExpectedCheckpoint,
): void {
  const differences = [
    ...describeRun(found.description, expected.description),
    ...describeValues(found.values, expected.values),
  ];
  if (differences.length === 0) return;
  throw new RangeError(
    `Cannot resume from ${path}: its model, optimizer and values must be those of this run, got\n${
      differences.join("\n")
    }`,
  );
}
