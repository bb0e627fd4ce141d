/**
 * A number for each pair of settings, as colour and in figures.
 *
 * @module
 */

import { type Figure, figure, type FigureOptions } from "./figure.ts";

/** What {@linkcode heatMap} draws. */
export interface HeatMapOptions extends FigureOptions {
  /** What the columns are, and each one's name, from the left. */
  readonly x: { readonly title: string; readonly names: readonly string[] };
  /** What the rows are, and each one's name, from the top. */
  readonly y: { readonly title: string; readonly names: readonly string[] };
  /** The numbers by row and column; null where there is none: the cell stays empty. */
  readonly values: readonly (readonly (number | null)[])[];
  /** What the colours show, with its unit. */
  readonly value: string;
  /** How numbers are written, in d3's format language; `.2f` by default. */
  readonly format?: string;
  /** The numbers of the ends of the colours; the least and largest by default. */
  readonly domain?: readonly [number, number];
}

/**
 * A heat map: rows and columns by name, the number in each cell. Colours go from
 * dark to light with the number, and read the same in grey.
 *
 * @example Accuracy by learning rate and batch size
 * ```ts
 * import { heatMap } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const map = heatMap({
 *   x: { title: "Batch size", names: ["32", "64"] },
 *   y: { title: "Learning rate", names: ["0.001", "0.01"] },
 *   values: [[95.1, 94.2], [96, null]],
 *   value: "Test accuracy (%)",
 *   format: ".1f",
 * });
 * assertEquals((map.data as { values: unknown[] }).values.length, 3);
 * ```
 *
 * @param options Names, numbers, what they are.
 * @returns The figure.
 * @throws {RangeError} If a row has another length than there are columns, there is
 * not one row a name, a number is not finite, or there is none at all.
 */
export function heatMap(options: HeatMapOptions): Figure {
  const { title, x, y, values, value, format = ".2f" } = options;
  const { names: columns } = x, { names: rows } = y;
  const wrong = values.find((row) => row.length !== columns.length);
  if (values.length !== rows.length || wrong) {
    throw new RangeError(
      `Cannot draw heat map: it needs ${rows.length} rows of ${columns.length} numbers, got ${values.length} rows${
        wrong ? `, one of ${wrong.length}` : ""
      }`,
    );
  }
  const cells = values.flatMap((row, i) =>
    row.flatMap((number, j) =>
      number === null
        ? []
        : [{ row: rows[i], column: columns[j], value: number }]
    )
  );
  if (cells.length === 0) {
    throw new RangeError(
      "Cannot draw heat map: it needs at least one number, got none",
    );
  }
  const numbers = cells.map((cell) => cell.value);
  const [low, high] = options.domain ??
    [Math.min(...numbers), Math.max(...numbers)];
  const axis = (field: string, title: string, names: readonly string[]) => ({
    field,
    type: "ordinal",
    title,
    scale: { domain: names },
    axis: { labelAngle: 0, grid: false },
  });
  return figure({
    title,
    width: options.width ?? 64 * columns.length,
    height: options.height ?? 34 * rows.length,
    data: { values: cells },
    encoding: {
      x: axis("column", x.title, columns),
      y: axis("row", y.title, rows),
    },
    layer: [
      {
        mark: { type: "rect", stroke: "white", strokeWidth: 1 },
        encoding: {
          color: {
            field: "value",
            type: "quantitative",
            title: value,
            // Where all are alike, a domain of no width would have no colours.
            scale: {
              scheme: "viridis",
              domain: low === high ? [low - 1, high + 1] : [low, high],
            },
          },
        },
      },
      {
        mark: { type: "text", fontSize: 11 },
        encoding: {
          text: { field: "value", type: "quantitative", format },
          color: {
            condition: {
              test: `datum.value > ${(low + high) / 2}`,
              value: "#111111",
            },
            value: "#ffffff",
          },
        },
      },
    ],
  });
}
