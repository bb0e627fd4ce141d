/**
 * A large matrix in as few numbers as a picture has cells.
 *
 * @module
 */

import { sizeOf, type Value, value } from "../tensor/value.ts";

/**
 * What a cell says of its block of entries.
 *
 * - `mean`: their mean. A diagonal fades with the size of the blocks: of a block of
 *   b x b entries it has b.
 * - `largest`: the entry of the largest magnitude, with its sign. Nothing large gets
 *   lost, and a diagonal keeps its values.
 */
export type BlockReduction = "mean" | "largest";

/** A matrix in blocks: what {@linkcode heatmapCells} finds. */
export interface HeatmapCells {
  /** A number for each block: [r, c]. */
  readonly cells: Value;
  /** The first row of each block, and behind it the number of rows: r + 1 numbers. */
  readonly rows: readonly number[];
  /** The first column of each block, and behind it the number of columns: c + 1. */
  readonly columns: readonly number[];
}

/**
 * Reduces a matrix to at most some number of rows and columns; blocks differ by at
 * most one row or column in size, and a matrix that is small enough stays as it is.
 *
 * @example A 4 x 4 matrix in 2 x 2 cells
 * ```ts
 * import { heatmapCells } from "@adafisher/adafisher/analysis";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const { cells, rows } = heatmapCells(identity(4), 2, "mean");
 * assertEquals([...cells.data], [0.5, 0, 0, 0.5]);
 * assertEquals(rows, [0, 2, 4]);
 * assertEquals([...heatmapCells(identity(4), 2, "largest").cells.data], [1, 0, 0, 1]);
 * ```
 *
 * @param matrix [m, n], of any kind of number.
 * @param most The most cells in a row or column of the picture, at least 1.
 * @param reduction What a cell says of its block.
 * @returns The cells, and which rows and columns are in each.
 * @throws {RangeError} If it is no matrix, is empty, has an entry that is not finite,
 * or `most` is no whole number of at least 1.
 */
export function heatmapCells(
  matrix: Value,
  most: number,
  reduction: BlockReduction,
): HeatmapCells {
  const { shape, data } = matrix;
  if (shape.length !== 2 || sizeOf(shape) === 0) {
    throw new RangeError(
      `Cannot reduce to cells: it takes a matrix with entries, got [${
        shape.join(", ")
      }]`,
    );
  }
  if (!Number.isSafeInteger(most) || most < 1) {
    throw new RangeError(
      `Cannot reduce to cells: a picture must have at least 1 cell a side, got ${most}`,
    );
  }
  const wrong = data.findIndex((entry) => !Number.isFinite(entry));
  const [m, n] = shape;
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot reduce to cells: the entries of the [${m}, ${n}] matrix must be finite, got ${
        data[wrong]
      } at [${Math.floor(wrong / n)}, ${wrong % n}]`,
    );
  }
  const rows = blockStarts(m, most), columns = blockStarts(n, most);
  const cells: number[] = [];
  for (let r = 0; r + 1 < rows.length; r++) {
    for (let c = 0; c + 1 < columns.length; c++) {
      let sum = 0, largest = 0;
      for (let i = rows[r]; i < rows[r + 1]; i++) {
        for (let j = columns[c]; j < columns[c + 1]; j++) {
          const entry = data[i * n + j];
          sum += entry;
          if (Math.abs(entry) > Math.abs(largest)) largest = entry;
        }
      }
      const entries = (rows[r + 1] - rows[r]) * (columns[c + 1] - columns[c]);
      cells.push(reduction === "mean" ? sum / entries : largest);
    }
  }
  return {
    cells: value(cells, [rows.length - 1, columns.length - 1]),
    rows,
    columns,
  };
}

/** Where the blocks of an axis begin, and its extent. */
function blockStarts(extent: number, most: number): number[] {
  const blocks = Math.min(extent, most);
  return Array.from(
    { length: blocks + 1 },
    (_, k) => Math.floor(k * extent / blocks),
  );
}
