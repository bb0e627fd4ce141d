/**
 * Winograd's convolutions F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3), square by square: 16
 * products for four positions instead of 36, and 36 for 16 instead of 144.
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
 * For 4 x 4 positions the polynomials are evaluated at 0, +-r/2, +-r and infinity,
 * where r is the root of 2: with these points, rather than whole numbers, the
 * matrices' numbers are least unequal, and so are the roundings.
 *
 *           [ 1   0   -5/2   0    1  0 ]       [   1     0     0  ]
 *           [ 0  -r    -2   r/2   1  0 ]       [ -2/3  -r/3  -1/3 ]
 *     B^T = [ 0   r    -2  -r/2   1  0 ]   G = [ -2/3   r/3  -1/3 ]
 *           [ 0 -r/2  -1/2   r    1  0 ]       [  1/6   r/6   1/3 ]
 *           [ 0  r/2  -1/2  -r    1  0 ]       [  1/6  -r/6   1/3 ]
 *           [ 0   1     0  -5/2   0  1 ]       [   0     0     1  ]
 *
 *           [ 1   1    1    1   1   0 ]
 *     A^T = [ 0  r/2 -r/2   r  -r   0 ]
 *           [ 0  1/2  1/2   2   2   0 ]
 *           [ 0  r/4 -r/4  2r  -2r  1 ]
 *
 * The chains of roundings are as long as there are channels, not nine times that,
 * so results are as near to the exact ones as plain sums of all products, or
 * nearer; but their error is relative to the largest numbers that a square sees.
 *
 * From: A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks,
 * arXiv 1509.09308; the points: B. Barabasz and others, Error Analysis and Improving
 * the Accuracy of Winograd Convolution for Deep Neural Networks, arXiv 1803.10986.
 *
 * @module
 */

import type { FunctionBuilder } from "../wasm/assembler.ts";
import { type Expression, f32x4, type Local } from "../wasm/expression.ts";

/** Most transformed weights of a unit: 1 MiB, what a second cache holds. */
export const MOST_WEIGHTS = 256 * 1024;

/** Least positions of a channel for which transforming the weights pays. */
export const LEAST_POSITIONS = 128;

/**
 * The transforms of a form of square; those of vectors hold constants of theirs.
 * All numbers are along each of the two axes.
 */
export interface Winograd {
  /** Positions of a square. */
  readonly size: number;
  /** Cells of the image that a square sees, and cells between neighbouring squares. */
  readonly seen: number;
  readonly step: number;
  /** Places of a transformed square. */
  readonly edge: number;
  /** Places of transformed weights: the places past them have the last one's too. */
  readonly kinds: number;
  /** G g G^T for a vector of kernels. */
  readonly weights: (f: FunctionBuilder) => Transform;
  /** B^T d B for a vector of squares of cells. */
  readonly cells: (f: FunctionBuilder) => Transform;
  /** A^T m A for a vector of squares of products. */
  readonly positions: (f: FunctionBuilder) => Transform;
}

/** A form that serves the gradient at the kernel too. */
export interface GradientWinograd extends Winograd {
  /** A dY A^T for a vector of squares of slopes. */
  readonly slopes: (f: FunctionBuilder) => Transform;
  /** G^T u G for a vector of sums: the gradient at the kernel. */
  readonly kernels: (f: FunctionBuilder) => Transform;
}

/** Places of a transformed square. */
export const placesIn = ({ edge }: Winograd): number => edge ** 2;

/** Places of transformed weights. */
export const kindsIn = ({ kinds }: Winograd): number => kinds ** 2;

/** Takes the numbers of vectors of squares from one side to the other. */
export type Transform = (load: Load, store: Store) => void;

/** Gives the number at a row and a column. */
type Load = (i: number, j: number) => Expression<"v128">;

/** Takes the number at a row and a column. */
type Store = (i: number, j: number, number: Expression<"v128">) => void;

const range = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i);

/** M x M^T, for a function that applies M to a column, and x of so many columns. */
function bothSides(
  f: FunctionBuilder,
  apply: (column: readonly Local<"v128">[]) => Local<"v128">[],
  size: number,
  load: Load,
): Local<"v128">[][] {
  const columns = range(size).map((j) =>
    apply(range(size).map((i) => f.let(load(i, j))))
  );
  return columns[0].map((_, i) => apply(columns.map((column) => column[i])));
}

function storeAll(
  rows: readonly (readonly Local<"v128">[])[],
  store: Store,
): void {
  rows.forEach((row, i) => row.forEach((number, j) => store(i, j, number)));
}

/** Transforms of vectors, for a function that applies a matrix to a column. */
export const both = (
  size: number,
  prepare: (f: FunctionBuilder) => Apply,
): (f: FunctionBuilder) => Transform =>
(f) => {
  const apply = prepare(f);
  return (load, store) => storeAll(bothSides(f, apply, size, load), store);
};

type Apply = (column: readonly Local<"v128">[]) => Local<"v128">[];

/** F(2 x 2, 3 x 3). */
export const SQUARES_OF_2: GradientWinograd = {
  size: 2,
  seen: 4,
  step: 2,
  edge: 4,
  kinds: 4,
  weights: both(3, (f) => {
    const half = f.let(f32x4.splat(0.5));
    return ([a, b, c]) => {
      const outer = f.let(f32x4.mul(f32x4.add(a, c), half));
      return [
        a,
        f.let(f32x4.madd(b, half, outer)),
        f.let(f32x4.nmadd(b, half, outer)),
        c,
      ];
    };
  }),
  // Column by column: registers are few.
  cells: (f) => (load, store) => {
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
  },
  positions: both(4, (f) => ([a, b, c, d]) => [
    f.let(f32x4.add(f32x4.add(a, b), c)),
    f.let(f32x4.sub(f32x4.sub(b, c), d)),
  ]),
  slopes: both(2, (f) => ([a, b]) => [
    a,
    f.let(f32x4.add(a, b)),
    f.let(f32x4.sub(a, b)),
    f.let(f32x4.neg(b)),
  ]),
  kernels: both(4, (f) => {
    const half = f.let(f32x4.splat(0.5));
    return ([a, b, c, d]) => {
      const sum = f.let(f32x4.mul(f32x4.add(b, c), half));
      const difference = f.let(f32x4.mul(f32x4.sub(b, c), half));
      return [f.let(f32x4.add(a, sum)), difference, f.let(f32x4.add(sum, d))];
    };
  }),
};

const { SQRT2 } = Math;

/** F(4 x 4, 3 x 3). */
export const SQUARES_OF_4: GradientWinograd = {
  size: 4,
  seen: 6,
  step: 4,
  edge: 6,
  kinds: 6,
  weights: both(3, (f) => {
    const [third, sixth, root] = constants(f, 1 / 3, 1 / 6, SQRT2 / 6);
    return ([a, b, c]) => {
      const [outer, inner] = [f32x4.mul(c, third), f32x4.mul(b, root)].map((
        it,
      ) => f.let(it));
      const twice = f.let(f32x4.add(inner, inner));
      const far = f.let(f32x4.madd(a, sixth, outer));
      const near = f.let(
        f32x4.nmadd(f32x4.add(a, a), third, f32x4.neg(outer)),
      );
      return [
        a,
        f.let(f32x4.sub(near, twice)),
        f.let(f32x4.add(near, twice)),
        f.let(f32x4.add(far, inner)),
        f.let(f32x4.sub(far, inner)),
        c,
      ];
    };
  }),
  cells: both(6, (f) => {
    const [half, two, most, small, large] = constants(
      f,
      0.5,
      2,
      2.5,
      SQRT2 / 2,
      SQRT2,
    );
    return ([a, b, c, d, e, g]) => {
      const pair = (
        even: Expression<"v128">,
        odd: Expression<"v128">,
        point: Local<"v128">,
      ) => {
        const [x, y] = [f.let(even), f.let(odd)];
        return [
          f.let(f32x4.madd(y, point, x)),
          f.let(f32x4.nmadd(y, point, x)),
        ];
      };
      return [
        f.let(f32x4.nmadd(c, most, f32x4.add(a, e))),
        ...pair(f32x4.nmadd(c, two, e), f32x4.nmadd(b, two, d), small),
        ...pair(f32x4.nmadd(c, half, e), f32x4.nmadd(b, half, d), large),
        f.let(f32x4.nmadd(d, most, f32x4.add(b, g))),
      ];
    };
  }),
  positions: both(6, (f) => {
    const [quarter, half, two, root] = constants(f, 0.25, 0.5, 2, SQRT2);
    return ([a, b, c, d, e, g]) => {
      const [sum, difference] = [f32x4.add, f32x4.sub].map((of) =>
        f.let(of(b, c))
      );
      const [sum2, difference2] = [f32x4.add, f32x4.sub].map((of) =>
        f.let(of(d, e))
      );
      const first = f.let(f32x4.madd(difference, half, difference2));
      const third = f.let(f32x4.mul(difference, quarter));
      const last = f.let(f32x4.madd(difference2, two, third));
      return [
        f.let(f32x4.add(a, f32x4.add(sum, sum2))),
        f.let(f32x4.mul(first, root)),
        f.let(f32x4.madd(sum2, two, f32x4.mul(sum, half))),
        f.let(f32x4.madd(last, root, g)),
      ];
    };
  }),
  slopes: both(4, (f) => {
    const [half, two, small, large] = constants(f, 0.5, 2, SQRT2 / 2, SQRT2);
    return ([a, b, c, d]) => {
      const pair = (factor: Local<"v128">, point: Local<"v128">) => {
        const even = f.let(f32x4.madd(c, factor, a));
        const odd = f.let(f32x4.madd(d, factor, b));
        return [
          f.let(f32x4.madd(odd, point, even)),
          f.let(f32x4.nmadd(odd, point, even)),
        ];
      };
      return [a, ...pair(half, small), ...pair(two, large), d];
    };
  }),
  kernels: both(6, (f) => {
    const [third, sixth, root] = constants(f, 1 / 3, 1 / 6, SQRT2 / 6);
    return ([a, b, c, d, e, g]) => {
      const [sum, difference] = [f32x4.add, f32x4.sub].map((of) =>
        f.let(of(b, c))
      );
      const [sum2, difference2] = [f32x4.add, f32x4.sub].map((of) =>
        f.let(of(d, e))
      );
      const zeroth = f32x4.sub(
        sum2,
        f32x4.add(f32x4.add(sum, sum), f32x4.add(sum, sum)),
      );
      const first = f32x4.sub(difference2, f32x4.add(difference, difference));
      return [
        f.let(f32x4.madd(zeroth, sixth, a)),
        f.let(f32x4.mul(first, root)),
        f.let(f32x4.madd(f32x4.sub(sum2, sum), third, g)),
      ];
    };
  }),
};

/** Vectors of a constant each. */
export const constants = (
  f: FunctionBuilder,
  ...numbers: readonly number[]
): Local<"v128">[] => numbers.map((number) => f.let(f32x4.splat(number)));
