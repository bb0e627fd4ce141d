/**
 * The heart of all products: a tile of a matrix product, kept in registers while
 * it runs along the sum.
 *
 * Rows of the tile are rows of A, whose numbers come one by one into all lanes; its
 * columns are vectors of four numbers of B. There are 15 registers to be had. Where
 * the rows' numbers lie apart, each is loaded: 6 x 2 vectors of sums, 2 of B and 1 of
 * A fill the registers. Where they lie side by side, four are loaded at once and
 * spread from there: 5 x 2 vectors of sums, for one register more is taken. That is
 * faster, since a load costs three instructions more than itself where the engine
 * looks at each address.
 *
 * Every sum is a chain of multiply-adds in the order of the steps, whatever the
 * tile's size, so the bits of a result do not depend on how the work is cut.
 *
 * @module
 */

import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  f32x4,
  i32,
  i32x4,
  type Local,
  type Operand,
  v128,
} from "../wasm/expression.ts";

/** Numbers in a vector. */
export const LANES = 4;

/** Bytes of a float. */
export const FLOAT = 4;

/** Vectors that registers hold. */
const REGISTERS = 15;

/** Most rows of a tile whose rows' numbers lie apart, and of one where side by side. */
const MOST_ROWS = { apart: 6, sideBySide: 5 } as const;

/** How rows are cut into tiles: as even as possible, so that no tile is lean. */
export interface Rows {
  /** Number of tiles. */
  readonly tiles: number;
  /** Rows of the first tiles; the others have one less. */
  readonly high: number;
  /** How many tiles have `high` rows. */
  readonly highTiles: number;
}

/** Cuts rows into tiles; their numbers lie apart or side by side. */
export function cutRows(rows: number, lie: keyof typeof MOST_ROWS): Rows {
  const tiles = Math.ceil(rows / MOST_ROWS[lie]);
  const high = Math.ceil(rows / tiles);
  return { tiles, high, highTiles: rows - (high - 1) * tiles };
}

/** First row of a tile. */
export function firstRow(
  f: FunctionBuilder,
  { tiles, high, highTiles }: Rows,
  tile: Local<"i32">,
): Expression<"i32"> {
  if (highTiles === tiles) return i32.mul(tile, high);
  const row = f.let(i32.mul(tile, high));
  f.if(
    i32.gt_u(tile, highTiles),
    () => f.set(row, i32.sub(row, i32.sub(tile, highTiles))),
  );
  return row;
}

/** Emits a body for each number of rows that a tile can have. */
export function withRows(
  f: FunctionBuilder,
  { tiles, high, highTiles }: Rows,
  tile: Local<"i32">,
  body: (rows: number) => void,
): void {
  if (highTiles === tiles) return body(high);
  f.if(i32.lt_u(tile, highTiles), () => body(high), () => body(high - 1));
}

/** Vectors side by side in a tile of so many rows: enough sums to hide latency. */
export function vectorsFor(rows: number): number {
  return rows >= 4 ? 2 : rows === 3 ? 3 : rows === 2 ? 4 : 6;
}

/** A step of the sum: where its numbers lie, in bytes past the pointers. */
export interface Step {
  readonly a: number;
  readonly b: number;
}

/** What is multiplied. */
export interface Factors {
  /** Points at the numbers of A; it is moved. */
  readonly a: Local<"i32">;
  /** Bytes from one row of A to the next. */
  readonly aRow: number;
  /** Points at the vectors of B, at each or, if they are neighbours, at all; moved. */
  readonly b: readonly Local<"i32">[];
  /** Steps of a round. */
  readonly steps: readonly Step[];
  /** Bytes by which the pointers move after a round. */
  readonly aStep: number;
  readonly bStep: number;
  /** Where A's pointer ends; one round where it is not given. */
  readonly aEnd?: Operand<"i32">;
}

/** The sums of a tile: a row of vectors for each row. */
export type Sums = readonly (readonly Local<"v128">[])[];

/** Variables for the sums of a tile. */
export function sumsOf(
  f: FunctionBuilder,
  rows: number,
  vectors: number,
): Sums {
  return Array.from(
    { length: rows },
    () => Array.from({ length: vectors }, () => f.local("v128")),
  );
}

/** Sets all sums to zero. */
export function clear(f: FunctionBuilder, sums: Sums): void {
  for (const sum of sums.flat()) f.set(sum, f32x4.splat(0));
}

/** Adds products to sums. */
export function multiply(
  f: FunctionBuilder,
  sums: Sums,
  factors: Factors,
): void {
  const { a, aRow, b, steps, aStep, bStep, aEnd } = factors;
  const vectors = sums[0].length;
  const rows = sums.length;
  const kept = rows * vectors + Math.min(rows, vectors) + 2;
  const loadA = aRow === FLOAT && kept <= REGISTERS
    ? splatsOf(f, a)
    : (row: number, step: Step) => v128.load32_splat(a, row * aRow + step.a);
  const loadB = (vector: number, step: Step) =>
    b.length === 1
      ? v128.load(b[0], vector * LANES * FLOAT + step.b)
      : v128.load(b[vector], step.b);
  const add = (
    sum: Local<"v128">,
    x: Expression<"v128">,
    y: Expression<"v128">,
  ) => f.set(sum, f32x4.madd(x, y, sum));
  const round = () => {
    for (const step of steps) {
      // The fewer are kept in registers, the others come one by one.
      if (rows >= vectors) {
        const bs = sums[0].map((_, v) => f.let(loadB(v, step)));
        sums.forEach((row, r) => {
          const x = f.let(loadA(r, step));
          row.forEach((sum, v) => add(sum, x, bs[v]));
        });
      } else {
        const as = sums.map((_, r) => f.let(loadA(r, step)));
        for (let v = 0; v < vectors; v++) {
          const y = f.let(loadB(v, step));
          sums.forEach((row, r) => add(row[v], as[r], y));
        }
      }
    }
    for (const pointer of b) f.increase(pointer, bStep);
  };
  if (aEnd === undefined) {
    round();
    f.increase(a, aStep);
  } else f.loop(a, a, aEnd, aStep, round);
}

/** Splats of numbers that lie side by side: a vector is loaded where one ends. */
function splatsOf(
  f: FunctionBuilder,
  a: Local<"i32">,
): (row: number, step: Step) => Expression<"v128"> {
  let first = -LANES;
  let four: Local<"v128">;
  return (row, step) => {
    const place = row + step.a / FLOAT;
    if (place < first || place >= first + LANES) {
      first = place;
      four = f.let(v128.load(a, place * FLOAT));
    }
    const lane = place - first;
    return i32x4.shuffle(four, four, [lane, lane, lane, lane]);
  };
}

/** The sum of the lanes of each of four vectors. */
export function sumLanes(
  f: FunctionBuilder,
  [a, b, c, d]: readonly Expression<"v128">[],
): Expression<"v128"> {
  const halves = (x: Expression<"v128">, y: Expression<"v128">) =>
    f.let(f32x4.add(
      i32x4.shuffle(x, y, [0, 4, 1, 5]),
      i32x4.shuffle(x, y, [2, 6, 3, 7]),
    ));
  const [ac, bd] = [halves(a, c), halves(b, d)];
  return halves(ac, bd);
}

/** A mask of the first lanes. */
export const firstLanes = (count: number): Expression<"v128"> =>
  i32x4.const([0, 1, 2, 3].map((lane) => lane < count ? -1 : 0));

/** Loads the sums of a tile, each row so many bytes after the one before. */
export function loadTile(
  f: FunctionBuilder,
  sums: Sums,
  from: Local<"i32">,
  rowBytes: number,
): void {
  sums.forEach((row, r) =>
    row.forEach((sum, v) =>
      f.set(sum, v128.load(from, r * rowBytes + v * LANES * FLOAT))
    )
  );
}

/** Stores the first columns of a tile, each row so many bytes after the one before. */
export function storeTile(
  f: FunctionBuilder,
  sums: Sums,
  to: Local<"i32">,
  rowBytes: number,
  columns: number,
): void {
  sums.forEach((row, r) =>
    row.forEach((sum, v) => {
      const count = Math.min(LANES, columns - v * LANES);
      storeLanes(f, to, sum, count, r * rowBytes + v * LANES * FLOAT);
    })
  );
}

/** Stores the first lanes of a vector side by side. */
export function storeLanes(
  f: FunctionBuilder,
  to: Operand<"i32">,
  vector: Expression<"v128">,
  count: number,
  offset: number,
): void {
  if (count === LANES) return f.store(to, vector, offset);
  if (count >= 2) f.storeHalf(to, vector, 0, offset);
  if (count % 2 === 1) {
    f.storeLane(to, vector, count - 1, offset + (count - 1) * FLOAT);
  }
}
