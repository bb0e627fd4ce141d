/**
 * What matrix products and convolutions share: a tile of the result in the
 * registers of each lane, and splitting a long sum among workgroups.
 *
 * A tile has `tall` blocks of 4 rows and `wide` blocks of 4 columns. The lanes of a
 * workgroup lie along the columns: neighbouring lanes have neighbouring blocks, and
 * a lane's own blocks are a workgroup's width apart. The rows of the tile are the
 * same for all lanes.
 *
 * A tile reads `tall + wide` blocks for `tall * wide` products of blocks, so large
 * tiles read less. A GPU holds 8 x 8 sums in its registers, and has many lanes to
 * hide the time that reading takes. On a software adapter it is the reading that
 * takes the time: a load is a loop over the lanes, of 53 cycles for a vector of 4
 * on llvmpipe, where 8 lanes multiply and add in one. There sums that do not fit
 * the registers cost less than further reads, and tiles of 16 x 16 have given 1.7
 * times the speed of 8 x 8 ones.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import { blockReader, type Side } from "./block.ts";
import { nameOf } from "./expression.ts";
import { assemble, type Kernel } from "./wgsl.ts";

/** Workgroups that are enough to keep a device busy. */
const BUSY = 64;
/** Steps of the sum that a workgroup should take at least. */
const LEAST_STEPS = 64;
/** What multiplying two blocks takes, in reads of one vector. */
const PRODUCT = 0.9;
/** Multiplications below which a driver would compile a large tile longer than it saves. */
const SMALL = 2 ** 24;

/** How a result of rows and columns is cut into tiles. */
export interface Tiling {
  /** Blocks of 4 rows of a tile. */
  readonly tall: number;
  /** Blocks of 4 columns of a tile. */
  readonly wide: number;
  /** Lanes of a workgroup. */
  readonly lanes: number;
  /** Tiles down, and workgroups' widths of tiles across. */
  readonly down: number;
  readonly across: number;
  /** An estimate of the time that a step of the sum takes for all tiles. */
  readonly cost: number;
}

/**
 * Cuts a result into tiles.
 *
 * @param rows Rows of the result.
 * @param columns Columns of the result.
 * @param steps Steps of the sum, over all results of this kind.
 * @param software Whether the adapter computes on the processor.
 */
export function tilingOf(
  rows: number,
  columns: number,
  steps: number,
  software: boolean,
): Tiling {
  const large = software && rows * columns * steps >= SMALL;
  const sizes = large ? [4, 3, 2, 1] : [2, 1];
  const tilings = sizes.flatMap((tall) =>
    sizes.map((wide): Tiling => {
      const lanes = software
        ? 8
        : [8, 16, 32].find((n) => n * wide * 4 >= columns) ?? 64;
      const down = Math.ceil(rows / (tall * 4));
      const across = Math.ceil(columns / (lanes * wide * 4));
      const cost = down * across * lanes *
        (4 * (tall + wide) + PRODUCT * tall * wide);
      return { tall, wide, lanes, down, across, cost };
    })
  );
  return tilings.reduce((best, t) => t.cost < best.cost ? t : best);
}

/** Among how many workgroups to split the steps of each tile. */
export function partsOf(tiles: number, steps: number): number {
  const wanted = Math.ceil(BUSY / tiles);
  return Math.max(1, Math.min(wanted, Math.floor(steps / LEAST_STEPS)));
}

/** Statements of a tile; `lane`, `down` and `across`, the tile's numbers, are known. */
export interface Tile {
  /** Finds its blocks and starts its sums. */
  readonly start: string;
  /**
   * Adds the products of so many steps.
   *
   * @param distances How far from the first step on both sides, u32 expressions.
   */
  readonly step: (
    distances: readonly [string, string],
    steps: number,
  ) => string;
  /** The row of sum i, and the first column of block j, u32 expressions. */
  readonly row: (i: number) => string;
  readonly column: (j: number) => string;
}

/** Multiplies two sides. */
export function multiply(
  { tall, wide, lanes }: Tiling,
  rows: Side,
  columns: Side,
): Tile {
  const list = <T>(count: number, make: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const row = (i: number): string => `down * ${tall}u + ${i}u`;
  const column = (j: number): string =>
    `across * ${lanes * wide}u + lane + ${j * lanes}u`;
  const a = list(tall, (i) => blockReader(rows, `a${i}`, row(i)));
  const b = list(wide, (j) => blockReader(columns, `b${j}`, column(j)));
  const sums = list(tall * 4, (i) => list(wide, (j) => `sum${i}_${j}`));
  return {
    start: [
      ...[...a, ...b].map(({ start }) => start),
      ...sums.map((line) =>
        line.map((sum) => `var ${sum} = vec4f();`).join(" ")
      ),
    ].join("\n"),
    // Rows come last, block after block: so fewer numbers wait in registers.
    step: ([down, across], steps) =>
      [
        ...b.map(({ read }) => read(across, steps)),
        ...a.flatMap(({ prefix, read }, block) => [
          read(down, steps),
          ...list(4, (c) =>
            sums[block * 4 + c].flatMap((sum, j) =>
              list(steps, (k) =>
                `  ${sum} += ${prefix}_${k}.${"xyzw"[c]} * b${j}_${k};`)
            )).flat(),
        ]),
      ].join("\n"),
    row: (i) => `(${row(Math.floor(i / 4))}) * 4u + ${i % 4}u`,
    column: (j) => `(${column(j)}) * 4u`,
  };
}

/** Where the numbers of a result lie. */
export interface Store {
  /** Its extents. */
  readonly rows: number;
  readonly columns: number;
  /** Distance from a row to the next, a u32 expression. */
  readonly rowStride: string;
  /**
   * Where row 0 of a column lies.
   *
   * @param name Name of the column's number.
   */
  readonly column: (name: string) => {
    /** Statements before it. */
    readonly statements?: string;
    /** The place, a u32 expression. */
    readonly place: string;
    /** What must hold, besides being one of the columns. */
    readonly exists?: readonly string[];
  };
  /** Which 4 neighbours of a block lie in a row, and can be written together. */
  readonly vector: "rows" | "columns" | "none";
}

/** What is done with numbers of a tile: 4 of them, or one where there is no vector. */
export interface Written {
  /** Statements before it, for places outside the result as well. */
  readonly before: readonly string[];
  /** Statements for places inside. */
  readonly stores: readonly string[];
}

/**
 * Writes what exists of a tile.
 *
 * @param tiling How the result is cut into tiles.
 * @param tile The tile.
 * @param store Where the numbers lie.
 * @param write What to do with a value: its place, in vectors where there are such, and
 * the value; `result` is written by default.
 */
export function storeTile(
  { tall, wide, lanes, down, across }: Tiling,
  tile: Tile,
  { rows, columns, rowStride, column, vector }: Store,
  write = (at: string, value: string): Written => ({
    before: [],
    stores: [`result[${at}] = ${value};`],
  }),
): string {
  const allRows = rows === down * tall * 4;
  const allColumns = columns === across * lanes * wide * 4;
  const lines: string[] = [];
  for (let i = 0; i < tall * 4; i++) {
    lines.push(`let row${i} = ${tile.row(i)};`);
  }
  for (let j = 0; j < wide; j++) {
    for (const n of vector === "columns" ? [0] : [0, 1, 2, 3]) {
      const name = `column${j}_${n}`;
      const { statements = "", place, exists = [] } = column(name);
      lines.push(
        `let ${name} = ${tile.column(j)} + ${n}u;`,
        statements,
        `let ${name}_at = ${place};`,
      );
      for (let i = 0; i < tall * 4; i += vector === "rows" ? 4 : 1) {
        const at = `at${i}_${j}_${n}`;
        const place = `${name}_at + row${i} * ${rowStride}`;
        lines.push(
          `let ${at} = ${vector === "none" ? place : `(${place}) / 4u`};`,
        );
        const four = [0, 1, 2, 3].map((r) => `sum${i + r}_${j}.${"xyzw"[n]}`);
        const { before, stores } = write(
          at,
          vector === "columns"
            ? `sum${i}_${j}`
            : vector === "rows"
            ? `vec4f(${four.join(", ")})`
            : four[0],
        );
        const within = [
          ...exists,
          ...allColumns ? [] : [`${name} < ${columns}u`],
          ...allRows ? [] : [`row${i} < ${rows}u`],
        ];
        lines.push(...before);
        lines.push(
          within.length === 0
            ? stores.join("\n")
            : `if (${within.join(" && ")}) {\n${stores.join("\n")}\n}`,
        );
      }
    }
  }
  return lines.join("\n");
}

/** Adds the parts of a result, which lie one after another, in order. */
export function joinParts(
  instruction: Instruction,
  from: number,
  to: number,
  parts: number,
): Kernel {
  const size = sizeOf(instruction.shape);
  return assemble({
    name: `parts of ${nameOf(instruction)}`,
    role: "joins",
    inputs: [{ number: from, type: "f32" }],
    output: to,
    spec: instruction,
    functions: [],
    work: { invocations: size },
    body: `var total = 0.0;
for (var part = 0u; part < ${parts}u; part++) {
  total = total + in0[part * ${size}u + at];
}
result[at] = total;`,
  });
}
