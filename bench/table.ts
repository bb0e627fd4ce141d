/**
 * The tables of the benchmark: Markdown, aligned, so that a terminal shows them too.
 *
 * @module
 */

import { type Case, flopsOf, type Wanted } from "./cases.ts";
import { type Measurement, median, ratioOf, spread } from "./measure.ts";

/** What one contender of a case did, or why it did not. */
export interface Entry {
  /** Who. */
  readonly title: string;
  /** Its times. */
  readonly measurement?: Measurement;
  /** Why there are none. */
  readonly failure?: Error;
  /** Whether it is native code: a peer that is held against us apart. */
  readonly native?: boolean;
  /** Its first choice, that could not do it, and why: the times are of another. */
  readonly insteadOf?: { readonly title: string; readonly failure: Error };
}

/** A case and its contenders, the one that the others are held against first. */
export interface Outcome {
  readonly case: Case;
  readonly entries: readonly Entry[];
}

/** Which of a measurement's times. */
export type Time = "seconds" | "processor";

/**
 * The ratio of a case: the fastest of the others over the first; undefined where one
 * of the two has no times. Native peers are left out, or are alone.
 */
export function caseRatio(
  outcome: Outcome,
  time: Time,
  native = false,
): number | undefined {
  return fastest(outcome, time, native)?.ratio;
}

/** The fastest of the others, and its time over that of the first. */
function fastest(
  { entries: [first, ...others] }: Outcome,
  time: Time,
  native: boolean,
): { entry: Entry; ratio: number } | undefined {
  const base = first.measurement;
  if (!base) return undefined;
  return others.flatMap((entry) =>
    entry.measurement && (entry.native ?? false) === native
      ? [{ entry, ratio: ratioOf(entry.measurement[time], base[time]) }]
      : []
  ).sort((a, b) => a.ratio - b.ratio).at(0);
}

/** Contenders that leave room for the ratios in the same line of a terminal. */
const MOST_IN_LINE = 3;

/**
 * Tables of outcomes: one for each kind of contenders. Reasons stand below, numbered.
 *
 * @param outcomes The outcomes.
 * @param software Whether the processor does the work, so that its time says
 * something.
 * @returns Lines of Markdown, joined.
 */
export function tables(
  outcomes: readonly Outcome[],
  software: boolean,
): string {
  const times: Time[] = software ? ["seconds", "processor"] : ["seconds"];
  const reasons: string[] = [];
  const groups = Map.groupBy(
    outcomes,
    (outcome) => JSON.stringify(headOf(outcome, times)),
  );
  const parts = [...groups].map(([head, group]) =>
    [
      table([
        JSON.parse(head) as string[],
        ...group.map((outcome) => rowOf(outcome, times, reasons)),
      ]),
      ...(isWide(group[0]) ? [ratioTable(group, times)] : []),
    ].filter((part) => part !== "").join("\n\n")
  );
  if (reasons.length > 0) {
    parts.push(reasons.map((reason, i) => `(${i + 1}) ${reason}`).join("\n\n"));
  }
  return parts.join("\n\n");
}

/** Lines on one outcome: who did what. */
export function describeOutcome({ case: { work }, entries }: Outcome): string {
  return entries.map(({ title, measurement, failure, insteadOf }) =>
    `  ${title}: ${
      measurement ? cell(measurement, flopsOf(work)) : failure?.message
    }${insteadOf ? `, since ${reasonOf(insteadOf)}` : ""}`
  ).join("\n");
}

function reasonOf(
  { title, failure }: { title: string; failure: Error },
): string {
  return `${title}: ${failure.message.split("\n")[0]}`;
}

/** The times in one table, the ratios in another, with a line for a native peer. */
function isWide({ entries }: Outcome): boolean {
  return entries.length > MOST_IN_LINE || entries.some(({ native }) => native);
}

/** One column a contender, by what it is usually called. */
function titlesOf({ entries }: Outcome): string[] {
  return entries.map(({ title, insteadOf }) => insteadOf?.title ?? title);
}

function headOf(outcome: Outcome, times: readonly Time[]): string[] {
  const titles = titlesOf(outcome);
  const { against } = outcome.case;
  return [
    "case",
    ...titles,
    ...(isWide(outcome) ? [] : [
      against ? `${titles[1]} / ${titles[0]}` : "faster peer / ours",
      ...times.slice(1).map(() => "in processor time"),
      "wanted",
    ]),
  ];
}

function rowOf(
  outcome: Outcome,
  times: readonly Time[],
  reasons: string[],
): string[] {
  const { wanted, work, name } = outcome.case;
  const noteOf = (text: string): string => {
    if (!reasons.includes(text)) reasons.push(text);
    return `(${reasons.indexOf(text) + 1})`;
  };
  const cells = outcome.entries.map((entry) => {
    const { title, measurement, failure, insteadOf } = entry;
    if (!measurement) {
      return `no ${noteOf(reasonOf({ title, failure: failure! }))}`;
    }
    const text = cell(measurement, flopsOf(work));
    return insteadOf
      ? `${text} ${noteOf(`${title}, since ${reasonOf(insteadOf)}`)}`
      : text;
  });
  return [
    name,
    ...cells,
    ...(isWide(outcome) ? [] : [
      ...times.map((time) => caseRatio(outcome, time)?.toFixed(2) ?? ""),
      wantedOf(wanted),
    ]),
  ];
}

function wantedOf({ least, most }: Wanted = {}): string {
  if (least !== undefined) return `at least ${least}`;
  return most === undefined ? "" : `at most ${most}`;
}

/** A line for the faster of the JavaScript peers, and one for a native one. */
function ratioTable(
  outcomes: readonly Outcome[],
  times: readonly Time[],
): string {
  const rows = outcomes.flatMap((outcome) =>
    [false, true].flatMap((native) => {
      const found = fastest(outcome, "seconds", native);
      if (!found) return [];
      const { wanted, name } = outcome.case;
      const base = outcome.entries[0].measurement!;
      const { title, measurement } = found.entry;
      return [[
        name,
        title,
        ...times.map((time) =>
          ratioOf(measurement![time], base[time]).toFixed(2)
        ),
        !native
          ? wantedOf(wanted)
          : wanted?.pytorch === undefined
          ? ""
          : `more than ${wanted.pytorch}`,
      ]];
    })
  );
  if (rows.length === 0) return "";
  return table([
    [
      "case",
      "faster peer",
      "its time / ours",
      ...times.slice(1).map(() => "in processor time"),
      "wanted",
    ],
    ...rows,
  ]);
}

/** Rate, median time of a step, spread. */
function cell({ seconds }: Measurement, flops: number | undefined): string {
  const middle = median(seconds);
  const rate = flops === undefined
    ? `${digits(1 / middle)} steps/s`
    : `${digits(flops / middle / 1e9)} GFLOP/s`;
  const percent = (100 * spread(seconds)).toFixed(0);
  return `${rate}, ${digits(1000 * middle)} ms ±${percent} %`;
}

/** Three digits or, before the point, all. */
export function digits(x: number): string {
  return x >= 100 ? x.toFixed(0) : x.toPrecision(3);
}

/**
 * A Markdown table.
 *
 * @param rows Cells, the head first.
 * @returns Its lines, joined; columns of one width each.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column].length))
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  const [head, ...body] = rows;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return [line(head), rule, ...body.map(line)].join("\n");
}
