/**
 * `--profile`: what each kernel took, as a table and as a trace file.
 *
 * @module
 */

import { writeFileAtomically } from "../src/io/mod.ts";
import type { KernelRuns, KernelTotal, Profile } from "../src/program/mod.ts";

/** Kernels that the table shows. */
const ROWS = 25;

/** Operations in the line on them. */
const OPERATIONS = 6;

const share = (part: number, all: number): string =>
  all > 0 ? `${(100 * part / all).toFixed(1)} %` : "?";

const whole = (number: number): string =>
  Math.round(number).toLocaleString("en-US");

/** A number of at least 0 that is read at a glance: three digits, or all before the point. */
function digits(number: number): string {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return "?";
  if (number >= 1000) return whole(number);
  const places = 2 - Math.floor(Math.log10(number));
  return number.toFixed(Math.max(0, Math.min(places, 3)));
}

/** Shares of the kernels that are alike but for their shapes, in one line. */
function sharesByOperation(
  totals: readonly KernelTotal[],
  all: number,
): string {
  const sums = new Map<string, number>();
  for (const { name, later } of totals) {
    const operation = name.replace(/ \w+\[.*$/, "");
    sums.set(operation, (sums.get(operation) ?? 0) + later.milliseconds);
  }
  return [...sums].sort(([, a], [, b]) => b - a).slice(0, OPERATIONS).map((
    [operation, milliseconds],
  ) => `${operation} ${share(milliseconds, all)}`).join(", ");
}

/** Rows of text as columns: numbers to the right, the last one is text. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, c) =>
    Math.max(...rows.map((row) => row[c].length))
  );
  return rows.map((row) =>
    row.map((cell, c) => c === row.length - 1 ? cell : cell.padStart(widths[c]))
      .join("  ")
  );
}

/**
 * The kernels of a profile, the longest first. What a kernel took when it first ran
 * has a column of its own, since drivers compile then, and counts nowhere else.
 *
 * @param profile The profile.
 * @param rows How many kernels are shown; what the others took is one more row.
 * @returns The table, and a line on all of them.
 */
export function profileTable(profile: Profile, rows: number = ROWS): string {
  const totals = profile.totals();
  const { milliseconds, firstMilliseconds, span } = profile;
  const all = milliseconds - firstMilliseconds;
  const cells = ({ first, later }: Pick<KernelTotal, "first" | "later">) => [
    digits(later.milliseconds),
    share(later.milliseconds, all),
    whole(later.count),
    digits(later.milliseconds / later.count),
    digits(first.milliseconds),
  ];
  const table = [
    ["total ms", "share", "count", "mean ms", "first ms"]
      .concat("GFLOP/s", "GB/s", "kernel"),
    ...totals.slice(0, rows).map((total) => {
      const { name, operations, flops, bytes, later } = total;
      const rate = (amount: number): string =>
        digits(amount * later.count / later.milliseconds / 1e6);
      const others = operations.filter((kind) => !name.startsWith(`${kind} `));
      return [
        ...cells(total),
        rate(flops),
        rate(bytes),
        others.length === 0 ? name : `${name} with ${others.join(", ")}`,
      ];
    }),
  ];
  const rest = totals.slice(rows);
  if (rest.length > 0) {
    const sum = (when: "first" | "later"): KernelRuns => ({
      count: rest.reduce((n, total) => n + total[when].count, 0),
      milliseconds: rest.reduce((n, total) => n + total[when].milliseconds, 0),
    });
    const others = { first: sum("first"), later: sum("later") };
    table.push([...cells(others), "", "", `${rest.length} other kernels`]);
  }
  const between = Math.max(0, span - milliseconds);
  return [
    ...columns(table),
    `Most of it by operation: ${sharesByOperation(totals, all)}`,
    `${whole(profile.count)} kernels in ${
      whole(profile.runs)
    } runs of programs took ${digits(milliseconds)} ms, ${
      digits(firstMilliseconds)
    } of them the first runs, which are left out above; ${
      digits(between)
    } ms passed between kernels`,
  ].join("\n");
}

/**
 * Writes a profile's trace.
 *
 * @param path Path of the file; its folder must exist.
 * @param profile The profile.
 * @param title What the device is called.
 */
export async function writeTrace(
  path: string,
  profile: Profile,
  title: string,
): Promise<void> {
  const text = `${JSON.stringify(profile.trace(title))}\n`;
  await writeFileAtomically(path, new TextEncoder().encode(text));
}
