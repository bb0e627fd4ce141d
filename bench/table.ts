/**
 * The tables of the benchmark: Markdown, aligned, so that a terminal shows them too.
 *
 * @module
 */

import { type Case, flopsOf } from "./cases.ts";
import type { DeviceName } from "./options.ts";
import { type Measurement, median, ratioOf, spread } from "./measure.ts";

/** What one contender of a case did, or why it did not. */
export interface Entry {
  /** Who. */
  readonly title: string;
  /** Its times. */
  readonly measurement?: Measurement;
  /** Why there are none. */
  readonly failure?: Error;
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
 * of the two has no times.
 */
export function caseRatio(
  { entries }: Outcome,
  time: Time,
): number | undefined {
  const [first, ...others] = entries.map(({ measurement }) => measurement);
  if (!first) return undefined;
  const ratios = others.flatMap((other) =>
    other ? [ratioOf(other[time], first[time])] : []
  );
  return ratios.length === 0 ? undefined : Math.min(...ratios);
}

/**
 * Tables of outcomes: one for each kind of contenders. Reasons stand below, numbered.
 *
 * @param outcomes The outcomes.
 * @param software Whether the processor does the work, so that its time says
 * something.
 * @param device Where they were measured: what is wanted depends on it.
 * @returns Lines of Markdown, joined.
 */
export function tables(
  outcomes: readonly Outcome[],
  software: boolean,
  device: DeviceName,
): string {
  const times: Time[] = software ? ["seconds", "processor"] : ["seconds"];
  const reasons: string[] = [];
  const groups = Map.groupBy(
    outcomes,
    (outcome) => JSON.stringify(headOf(outcome, times)),
  );
  const parts = [...groups].map(([head, group]) =>
    table([
      JSON.parse(head) as string[],
      ...group.map((outcome) => rowOf(outcome, times, reasons, device)),
    ])
  );
  if (reasons.length > 0) {
    parts.push(reasons.map((reason, i) => `(${i + 1}) ${reason}`).join("\n\n"));
  }
  return parts.join("\n\n");
}

/** Lines on one outcome: who did what. */
export function describeOutcome({ case: { work }, entries }: Outcome): string {
  return entries.map(({ title, measurement, failure }) =>
    `  ${title}: ${
      measurement ? cell(measurement, flopsOf(work)) : failure?.message
    }`
  ).join("\n");
}

function headOf(
  { case: { against }, entries }: Outcome,
  times: readonly Time[],
): string[] {
  const titles = entries.map(({ title }) => title);
  return [
    "case",
    ...titles,
    against ? `${titles[1]} / ${titles[0]}` : "faster peer / ours",
    ...times.slice(1).map(() => "in processor time"),
    "wanted",
  ];
}

function rowOf(
  outcome: Outcome,
  times: readonly Time[],
  reasons: string[],
  device: DeviceName,
): string[] {
  const { work, name } = outcome.case;
  const wanted = outcome.case.wanted?.[device];
  const cells = outcome.entries.map(({ title, measurement, failure }) => {
    if (measurement) return cell(measurement, flopsOf(work));
    const [line] = failure!.message.split("\n");
    const text = `${title}: ${line}`;
    if (!reasons.includes(text)) reasons.push(text);
    return `no (${reasons.indexOf(text) + 1})`;
  });
  return [
    name,
    ...cells,
    ...times.map((time) => caseRatio(outcome, time)?.toFixed(2) ?? ""),
    wanted === undefined
      ? ""
      : "least" in wanted
      ? `at least ${wanted.least}`
      : `at most ${wanted.most}`,
  ];
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
function digits(x: number): string {
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
