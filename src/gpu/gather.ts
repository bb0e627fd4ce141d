/**
 * What convolutions share: a tile of the result in the registers of each lane.
 *
 * The lanes of a workgroup lie along the columns of the result, each with 4
 * columns, a workgroup's width apart. The rows of the tile are the same for all
 * lanes, so that their numbers are loaded once for the workgroup.
 *
 * @module
 */

/** Columns of a lane. */
export const COLUMNS = 4;

/** How a result of rows and columns is cut into tiles. */
export interface Tiling {
  /** Rows of a tile. */
  readonly rows: number;
  /** Lanes of a workgroup. */
  readonly lanes: number;
  /** Tiles down and across. */
  readonly down: number;
  readonly across: number;
}

/** Cuts a result of so many rows and columns into tiles. */
export function tilingOf(rows: number, columns: number): Tiling {
  const lanes = [8, 16, 32].find((n) => n * COLUMNS >= columns) ?? 64;
  const tall = [1, 2, 4, 8].find((n) => n >= rows) ?? 8;
  return {
    rows: tall,
    lanes,
    down: Math.ceil(rows / tall),
    across: Math.ceil(columns / (lanes * COLUMNS)),
  };
}

/** The columns of a lane, of which there are `count`; at the edge the last again. */
export function columnsOf({ lanes }: Tiling, count: number): string {
  const apart = [0, 1, 2, 3].map((j) => `${j * lanes}u`).join(", ");
  return `let column = across * ${lanes * COLUMNS}u + lane + vec4u(${apart});
let columns = min(column, vec4u(${count - 1}u));`;
}

/** Four numbers from four places. */
export function gather(array: string, places: string): string {
  return `vec4f(${
    [..."xyzw"].map((c) => `${array}[${places}.${c}]`).join(", ")
  })`;
}

/** Writes a statement for each row of a tile. */
export function eachRow(
  { rows }: Tiling,
  write: (row: number) => string,
): string {
  return Array.from({ length: rows }, (_, row) => write(row)).join("\n");
}

/**
 * Writes what exists of a tile to its places in `result`.
 *
 * @param tiling The tiling.
 * @param rowExists Whether row i of the tile is a row of the result.
 * @param columns How many columns the result has.
 * @param place Place of row i, a vec4u of the columns.
 */
export function storeTile(
  tiling: Tiling,
  rowExists: (row: number) => string,
  columns: number,
  place: (row: number) => string,
): string {
  return eachRow(tiling, (i) =>
    `if (${rowExists(i)}) {
  let place = ${place(i)};
${
      [..."xyzw"].map((c) =>
        `  if (column.${c} < ${columns}u) { result[place.${c}] = sum${i}.${c}; }`
      ).join("\n")
    }
}`);
}
