/**
 * The inner loops of linear algebra in WebAssembly, on vectors of two float64.
 *
 * There are no fused operations in them and no threads: each number is rounded as in
 * a plain loop, on every machine.
 *
 * @module
 */

import type { FunctionBuilder, FunctionSource } from "../wasm/assembler.ts";
import { type Expression, f64x2, i32, v128 } from "../wasm/expression.ts";

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

/** All of them. */
export const KERNELS: readonly FunctionSource[] = [
  product("add", f64x2.add),
  product("subtract", f64x2.sub),
];
