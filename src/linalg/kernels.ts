/**
 * The inner loops of linear algebra in WebAssembly, on vectors of two float64.
 *
 * There are no fused operations in them and no threads: each number is rounded as in
 * a plain loop, on every machine.
 *
 * @module
 */

import type { FunctionBuilder, FunctionSource } from "../wasm/assembler.ts";
import { type Expression, f64, f64x2, i32, v128 } from "../wasm/expression.ts";

/** Rows and columns of a tile that stays in registers. */
export const TILE = 4;

type Vector = Expression<"v128">;

const range = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i);

const kernel = (
  name: string,
  parameters: number,
  emit: (f: FunctionBuilder) => void,
): FunctionSource => ({
  name,
  parameters: range(parameters).map(() => "i32"),
  emit,
});

/**
 * C <- C + A B, or C - A B, tile by tile: each entry of C is loaded, gets its
 * products in the order of the inner axis, and is stored.
 *
 * Parameters: C and the bytes from one of its rows to the next; A, the bytes from row
 * to row and from column to column; B and the bytes from row to row; m, k and n,
 * multiples of 4.
 */
function product(
  name: string,
  accumulate: (x: Vector, y: Vector) => Vector,
): FunctionSource {
  return kernel(name, 10, (f) => {
    const [c, cRow, a, aRow, aColumn, b, bRow, m, k, n] = range(10)
      .map((i) => f.parameter(i));
    const [i, j, p] = range(3).map(() => f.local("i32"));
    const toC = f.local("i32"), toB = f.local("i32"), left = f.local("i32");
    const toA = range(TILE).map(() => f.local("i32"));
    const tile = range(TILE).map(() => range(2).map(() => f.local("v128")));
    const pair = range(2).map(() => f.local("v128"));
    const entry = f.local("v128");
    const columns = f.local("i32"), rows = f.local("i32");
    f.loop(j, 0, n, TILE, () => {
      f.set(columns, i32.shl(j, 3));
      f.set(rows, i32.add(c, columns));
      f.set(left, a);
      f.loop(i, 0, m, TILE, () => {
        f.set(toC, rows);
        f.set(toB, i32.add(b, columns));
        for (let r = 0; r < TILE; r++) {
          for (const h of [0, 1]) f.set(tile[r][h], v128.load(toC, 16 * h));
          f.increase(toC, cRow);
          f.set(toA[r], left);
          f.increase(left, aRow);
        }
        f.loop(p, 0, k, TILE, () => {
          for (let step = 0; step < TILE; step++) {
            for (const h of [0, 1]) f.set(pair[h], v128.load(toB, 16 * h));
            f.increase(toB, bRow);
            for (let r = 0; r < TILE; r++) {
              f.set(entry, v128.load64_splat(toA[r]));
              f.increase(toA[r], aColumn);
              for (const h of [0, 1]) {
                const each = f64x2.mul(entry, pair[h]);
                f.set(tile[r][h], accumulate(tile[r][h], each));
              }
            }
          }
        });
        for (let r = 0; r < TILE; r++) {
          for (const h of [0, 1]) f.store(rows, tile[r][h], 16 * h);
          f.increase(rows, cRow);
        }
      });
    });
  });
}

/** Rows of a symmetric matrix that are done together. */
const PAIR = 2;

/**
 * A <- A - v0 w0^T - w0 v0^T for a symmetric matrix, and w <- w + A v, in one pass over
 * its lower triangle and the 2 x 2 blocks on its diagonal.
 *
 * Parameters: A and the bytes from row to row; v0, w0, v and w; the first row and column,
 * and where they end: even.
 */
const updateAndMultiply = kernel("updateAndMultiply", 8, (f) => {
  const [a, row, v0, w0, v, w, first, end] = range(8).map((i) =>
    f.parameter(i)
  );
  const i = f.local("i32"), j = f.local("i32"), last = f.local("i32");
  const start = f.let(i32.shl(first, 3));
  const rows = range(PAIR).map(() => f.local("i32"));
  f.set(rows[0], i32.add(a, i32.mul(first, row)));
  const vectors = (count = PAIR) => range(count).map(() => f.local("v128"));
  const p = vectors(), q = vectors(), s = vectors(), total = vectors();
  const [x, across, down, next, sum] = vectors(5);
  /** Two entries of each row. */
  const columns = (onDiagonal: boolean): void => {
    f.set(across, v128.load(i32.add(w0, j)));
    f.set(down, v128.load(i32.add(v0, j)));
    f.set(next, v128.load(i32.add(v, j)));
    if (!onDiagonal) f.set(sum, v128.load(i32.add(w, j)));
    for (let r = 0; r < PAIR; r++) {
      const at = i32.add(rows[r], j);
      f.set(x, f64x2.sub(v128.load(at), f64x2.mul(p[r], across)));
      f.set(x, f64x2.sub(x, f64x2.mul(q[r], down)));
      f.store(at, x);
      f.set(total[r], f64x2.add(total[r], f64x2.mul(x, next)));
      if (!onDiagonal) f.set(sum, f64x2.add(sum, f64x2.mul(x, s[r])));
    }
    if (!onDiagonal) f.store(i32.add(w, j), sum);
  };
  f.loop(i, first, end, PAIR, () => {
    f.set(last, i32.shl(i, 3));
    for (let r = 0; r < PAIR; r++) {
      if (r > 0) f.set(rows[r], i32.add(rows[r - 1], row));
      f.set(p[r], v128.load64_splat(i32.add(v0, last), 8 * r));
      f.set(q[r], v128.load64_splat(i32.add(w0, last), 8 * r));
      f.set(s[r], v128.load64_splat(i32.add(v, last), 8 * r));
      f.set(total[r], f64x2.splat(0));
    }
    f.loop(j, start, last, 8 * PAIR, () => columns(false));
    f.set(j, last);
    columns(true);
    for (let r = 0; r < PAIR; r++) {
      const [low, high] = [0, 1].map((h) => f64x2.extract_lane(total[r], h));
      const at = i32.add(w, last);
      f.store(at, f64.add(f64.load(at, 8 * r), f64.add(low, high)), 8 * r);
    }
    f.set(rows[0], i32.add(rows[PAIR - 1], row));
  });
});

/** Columns that are turned together: a cache line. */
export const LINE = 8;

/**
 * Turns neighbouring rows in some columns: q, the row at an address, and p, the row above
 * it, become s p + c q and c p - s q, and that is q for the next rotation, upwards.
 *
 * Parameters: the address of the first q; the bytes from row to row; where the
 * rotations c, s begin and end.
 */
const turn = kernel("turn", 4, (f) => {
  const [q, row, start, end] = range(4).map((i) => f.parameter(i));
  const at = f.local("i32"), above = f.local("i32");
  const c = f.local("v128"), s = f.local("v128"), p = f.local("v128");
  const line = range(LINE / 2).map((h) => f.let(v128.load(q, 16 * h)));
  f.loop(at, start, end, 16, () => {
    f.set(c, v128.load64_splat(at));
    f.set(s, v128.load64_splat(at, 8));
    f.set(above, i32.sub(q, row));
    line.forEach((x, h) => {
      f.set(p, v128.load(above, 16 * h));
      f.store(q, f64x2.add(f64x2.mul(s, p), f64x2.mul(c, x)), 16 * h);
      f.set(x, f64x2.sub(f64x2.mul(c, p), f64x2.mul(s, x)));
    });
    f.set(q, above);
  });
  line.forEach((x, h) => f.store(q, x, 16 * h));
});

/** All of them. */
export const KERNELS: readonly FunctionSource[] = [
  product("add", f64x2.add),
  product("subtract", f64x2.sub),
  updateAndMultiply,
  turn,
];
