/**
 * Winograd's convolutions with kernels of 3 x 3 and stride 2, square by square: 81
 * products for 4 x 4 positions instead of 144.
 *
 * Along an axis, position i sees the cells 2 i, 2 i + 1 and 2 i + 2. The even ones and
 * the odd ones are two convolutions of stride 1: by the first and last number of the
 * kernel, F(4, 2), and by the one between, which takes a product for each position. So
 * four positions see nine cells at nine places: five of the polynomials, evaluated
 * at +-1/2, +-5/4 and infinity, then the four odd cells as they are. The weights of
 * the last four places are the same. With these points results are as near to the
 * exact ones as plain sums are; the gradient at the input, whose plain sums are
 * short, is twice as far off.
 *
 *           [ -25/32 -25/16  1/2    1     0 ]   even cells
 *           [  25/32 -25/16 -1/2    1     0 ]
 *     B^T = [  -5/16  -1/4   5/4    1     0 ]   and I for the odd cells
 *           [   5/16  -1/4  -5/4    1     0 ]
 *           [  25/64    0  -29/16   0     1 ]
 *
 *           [ -16/21   0   -8/21 ]             [  1     1     1      1    0 ]
 *           [  16/21   0   -8/21 ]       A^T = [ 1/2  -1/2   5/4   -5/4   0 ]  and I
 *     G   = [  32/105  0    8/21 ]             [ 1/4   1/4  25/16  25/16  0 ]
 *           [ -32/105  0    8/21 ]             [ 1/8  -1/8 125/64 -125/64 1 ]
 *           [    0     0     1   ]
 *           [    0     1     0   ]
 *
 * The gradient at the input sees dy as the image: two neighbours for odd cells,
 * through the kernel's last and first number, and one for even cells. Its squares
 * have 8 x 8 positions, made of 5 x 5 cells at the same places.
 *
 * @module
 */

import { f32x4, type Local } from "../wasm/expression.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  both,
  constants,
  type GradientWinograd,
  type Winograd,
} from "./winograd.ts";

type Vectors = readonly Local<"v128">[];

/** The points that are not at infinity, and their squares. */
const pointsOf = (f: FunctionBuilder) =>
  constants(f, 1 / 2, 5 / 4, 1 / 4, 25 / 16);

/** B^T for five cells that two weights see, and then I for the other cells. */
const cellsOf = (f: FunctionBuilder) => {
  const [small, large, near, far] = pointsOf(f);
  const [sum, product] = constants(f, 29 / 16, 25 / 64);
  return ([a, b, c, d, e]: Vectors, others: Vectors): Local<"v128">[] => {
    const pair = (square: Local<"v128">, point: Local<"v128">) => {
      const odd = f.let(f32x4.nmadd(b, square, d));
      const even = f.let(f32x4.nmadd(a, square, c));
      return [
        f.let(f32x4.madd(even, point, odd)),
        f.let(f32x4.nmadd(even, point, odd)),
      ];
    };
    return [
      ...pair(far, small),
      ...pair(near, large),
      f.let(f32x4.madd(a, product, f32x4.nmadd(c, sum, e))),
      ...others,
    ];
  };
};

/** A^T for the five places of two weights: four positions. */
const positionsOf = (f: FunctionBuilder) => {
  const [small, large, near, far] = pointsOf(f);
  const [cube, cube2] = constants(f, 1 / 8, 125 / 64);
  return ([a, b, c, d, e]: Vectors): Local<"v128">[] => {
    const [sum, difference] = [f32x4.add, f32x4.sub].map((of) =>
      f.let(of(a, b))
    );
    const [sum2, difference2] = [f32x4.add, f32x4.sub].map((of) =>
      f.let(of(c, d))
    );
    const third = f32x4.madd(difference2, cube2, e);
    return [
      f32x4.add(sum, sum2),
      f32x4.madd(difference, small, f32x4.mul(difference2, large)),
      f32x4.madd(sum, near, f32x4.mul(sum2, far)),
      f32x4.madd(difference, cube, third),
    ].map((position) => f.let(position));
  };
};

const evens = (column: Vectors) => column.filter((_, i) => i % 2 === 0);
const odds = (column: Vectors) => column.filter((_, i) => i % 2 === 1);

const weights: Winograd["weights"] = both(3, (f) => {
  const [small, second, large] = constants(f, 16 / 21, 8 / 21, 32 / 105);
  return ([a, b, c]) => {
    const last = f.let(f32x4.mul(c, second));
    return [
      f.let(f32x4.neg(f32x4.madd(a, small, last))),
      f.let(f32x4.nmadd(c, second, f32x4.mul(a, small))),
      f.let(f32x4.madd(a, large, last)),
      f.let(f32x4.nmadd(a, large, last)),
      c,
      b,
    ];
  };
});

/** Least squares times channels of both sides for which the transforms pay. */
const LEAST_PRODUCTS = 2 ** 18;

/** Most pairs of channels whose transformed weights the caches hold. */
const MOST_PAIRS = 2 ** 16;

/**
 * Whether the transforms pay.
 *
 * @param squares Squares of all samples.
 * @param from Channels of the image.
 * @param to Channels of the result.
 */
export const isStridedWorthwhile = (
  squares: number,
  from: number,
  to: number,
): boolean =>
  Math.min(from, to) >= 8 && from * to <= MOST_PAIRS &&
  squares * from * to >= LEAST_PRODUCTS;

/** Convolutions of stride 2, and their gradients at the kernel. */
export const STRIDED: GradientWinograd = {
  size: 4,
  seen: 9,
  step: 8,
  edge: 9,
  kinds: 6,
  weights,
  cells: both(9, (f) => {
    const apply = cellsOf(f);
    return (column) => apply(evens(column), odds(column));
  }),
  positions: both(9, (f) => {
    const apply = positionsOf(f);
    return (places) =>
      apply(places.slice(0, 5)).map((position, i) =>
        f.let(f32x4.add(position, places[5 + i]))
      );
  }),
  slopes: both(4, (f) => {
    const [small, large, near, far] = pointsOf(f);
    return ([a, b, c, d]) => {
      const pair = (square: Local<"v128">, point: Local<"v128">) => {
        const even = f.let(f32x4.madd(c, square, a));
        const odd = f.let(f32x4.madd(d, square, b));
        return [
          f.let(f32x4.madd(odd, point, even)),
          f.let(f32x4.nmadd(odd, point, even)),
        ];
      };
      return [...pair(near, small), ...pair(far, large), d, a, b, c, d];
    };
  }),
  kernels: both(6, (f) => {
    const [small, second, large] = constants(f, 16 / 21, 8 / 21, 32 / 105);
    return ([a, b, c, d, e, between]) => {
      const first = f32x4.mul(f32x4.sub(c, d), large);
      const last = f32x4.sub(f32x4.add(c, d), f32x4.add(a, b));
      return [
        f.let(f32x4.nmadd(f32x4.sub(a, b), small, first)),
        between,
        f.let(f32x4.madd(last, second, e)),
      ];
    };
  }),
};

/** Gradients at the input of convolutions of stride 2. */
export const SPREAD: Winograd = {
  size: 8,
  seen: 5,
  step: 4,
  edge: 9,
  kinds: 6,
  weights,
  cells: both(5, (f) => {
    const apply = cellsOf(f);
    return (column) => apply(column, column.slice(0, 4));
  }),
  positions: both(9, (f) => {
    const apply = positionsOf(f);
    return (places) =>
      apply(places.slice(0, 5)).flatMap((odd, i) => [places[5 + i], odd]);
  }),
};
