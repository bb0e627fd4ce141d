/**
 * Winograd's convolution F(2 x 2, 3 x 3), square by square: 16 products for four
 * positions instead of 36.
 *
 *     Y = A^T [ (G g G^T) * (B^T d B) ] A,    * element by element
 *
 *           [ 1  0 -1  0 ]       [  1    0    0  ]         [ 1  1  1  0 ]
 *     B^T = [ 0  1  1  0 ]   G = [ 1/2  1/2  1/2 ]   A^T = [ 0  1 -1 -1 ]
 *           [ 0 -1  1  0 ]       [ 1/2 -1/2  1/2 ]
 *           [ 0  1  0 -1 ]       [  0    0    1  ]
 *
 * d is a square of 4 x 4 cells that 2 x 2 positions see, g the kernel. Summed over
 * channels, the product in brackets is a matrix product at each of the 16 places.
 * Read backwards, it is the gradient at the kernel:
 *
 *     dg = G^T [ sum over squares of (B^T d B) * (A dY A^T) ] G
 *
 * The chains of roundings are as long as there are channels, not nine times that,
 * so results are as near to the exact ones as plain sums of all products, or
 * nearer; but their error is relative to the largest numbers that a square sees.
 *
 * From: A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks,
 * arXiv 1509.09308.
 *
 * @module
 */

import type { FunctionBuilder } from "./assembler.ts";
import { type Expression, f32, f32x4, type Local } from "./expression.ts";

/** Places of a transformed square. */
export const PLACES = 16;

/** Most transformed weights of a unit: 1 MiB, what a second cache holds. */
export const MOST_WEIGHTS = 256 * 1024;

/** Least positions of a channel for which transforming the weights pays. */
export const LEAST_POSITIONS = 128;

/** Gives the number at a row and a column. */
type Load<T extends "f32" | "v128"> = (i: number, j: number) => Expression<T>;

/** Takes the number at a row and a column. */
type Store<T extends "f32" | "v128"> = (
  i: number,
  j: number,
  number: Expression<T>,
) => void;

const range = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i);

/** M x M^T, for a function that applies M to a column, and x of so many columns. */
function bothSides<T extends "f32" | "v128">(
  f: FunctionBuilder,
  apply: (column: readonly Local<T>[]) => Local<T>[],
  size: number,
  load: Load<T>,
): Local<T>[][] {
  const columns = range(size).map((j) =>
    apply(range(size).map((i) => f.let(load(i, j))))
  );
  return columns[0].map((_, i) => apply(columns.map((column) => column[i])));
}

function storeAll<T extends "f32" | "v128">(
  rows: readonly (readonly Local<T>[])[],
  store: Store<T>,
): void {
  rows.forEach((row, i) => row.forEach((number, j) => store(i, j, number)));
}

/** G g G^T for one kernel. */
export function transformWeights(
  f: FunctionBuilder,
  load: Load<"f32">,
  store: Store<"f32">,
): void {
  const apply = ([a, b, c]: readonly Local<"f32">[]) => {
    const outer = f.let(f32.mul(f32.add(a, c), 0.5));
    const inner = f.let(f32.mul(b, 0.5));
    return [a, f.let(f32.add(outer, inner)), f.let(f32.sub(outer, inner)), c];
  };
  storeAll(bothSides(f, apply, 3, load), store);
}

/** B^T d B for a vector of squares, column by column: registers are few. */
export function transformSquare(
  f: FunctionBuilder,
  load: Load<"v128">,
  store: Store<"v128">,
): void {
  const column = (j: number) => [0, 1, 2, 3].map((i) => f.let(load(i, j)));
  const finish = (
    j: number,
    operation: typeof f32x4.add,
    x: readonly Local<"v128">[],
    y: readonly Local<"v128">[],
  ) => {
    const [a, b, c, d] = x.map((one, i) => f.let(operation(one, y[i])));
    store(0, j, f32x4.sub(a, c));
    store(1, j, f32x4.add(b, c));
    store(2, j, f32x4.sub(c, b));
    store(3, j, f32x4.sub(b, d));
  };
  const [zeroth, second] = [column(0), column(2)];
  finish(0, f32x4.sub, zeroth, second);
  const first = column(1);
  finish(1, f32x4.add, first, second);
  finish(2, f32x4.sub, second, first);
  finish(3, f32x4.sub, first, column(3));
}

/** A^T m A for a vector of squares: two rows of two positions. */
export function positionsOf(
  f: FunctionBuilder,
  load: Load<"v128">,
): Local<"v128">[][] {
  const apply = ([a, b, c, d]: readonly Local<"v128">[]) => [
    f.let(f32x4.add(f32x4.add(a, b), c)),
    f.let(f32x4.sub(f32x4.sub(b, c), d)),
  ];
  return bothSides(f, apply, 4, load);
}

/** A dY A^T for a vector of squares of 2 x 2. */
export function transformSlopes(
  f: FunctionBuilder,
  load: Load<"v128">,
  store: Store<"v128">,
): void {
  const apply = ([a, b]: readonly Local<"v128">[]) => [
    a,
    f.let(f32x4.add(a, b)),
    f.let(f32x4.sub(a, b)),
    f.let(f32x4.neg(b)),
  ];
  storeAll(bothSides(f, apply, 2, load), store);
}

/** G^T u G for a vector of sums: the gradient at the kernel. */
export function kernelsFrom(
  f: FunctionBuilder,
  load: Load<"v128">,
  store: Store<"v128">,
): void {
  const half = f.let(f32x4.splat(0.5));
  const apply = ([a, b, c, d]: readonly Local<"v128">[]) => {
    const sum = f.let(f32x4.mul(f32x4.add(b, c), half));
    const difference = f.let(f32x4.mul(f32x4.sub(b, c), half));
    return [f.let(f32x4.add(a, sum)), difference, f.let(f32x4.add(sum, d))];
  };
  storeAll(bothSides(f, apply, 4, load), store);
}
