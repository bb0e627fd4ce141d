/**
 * Tables on a terminal.
 *
 * @module
 */

import type { Spread } from "../src/study/mod.ts";

/**
 * A table as lines: the first column and the last are text, all others set to the right.
 *
 * @param heads Heads of the columns.
 * @param rows The rows.
 * @returns The lines, joined.
 */
export function textTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, i) =>
    Math.max(...all.map((row) => row[i].length))
  );
  return all.map((row) =>
    row.map((cell, i) =>
      i === 0
        ? cell.padEnd(widths[i])
        : i === row.length - 1
        ? cell
        : cell.padStart(widths[i])
    ).join("  ").trimEnd()
  ).join("\n");
}

/**
 * A mean with its standard deviation.
 *
 * @param spread Both; null where there is none.
 * @param digits Digits after the point.
 * @param factor What both are multiplied by, such as 100 for percent.
 * @returns `97.31 ± 0.42`, the mean alone, or a dash.
 */
export function spreadText(
  spread: Spread | null,
  digits: number,
  factor = 1,
): string {
  if (spread === null) return "–";
  const { mean, deviation } = spread;
  const text = (factor * mean).toFixed(digits);
  return deviation === null
    ? text
    : `${text} ± ${(factor * deviation).toFixed(digits)}`;
}
