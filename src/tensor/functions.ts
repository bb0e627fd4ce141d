/**
 * What is written in the operations: means, dot products, softmax.
 *
 * @module
 */

import {
  type Axes,
  cast,
  div,
  equal,
  exp,
  iota,
  log,
  max,
  mul,
  type ReductionOptions,
  reshape,
  sub,
  sum,
} from "./operations.ts";
import type { Tensor } from "./tensor.ts";
import { sizeOf } from "./value.ts";

/** x * x, element by element. */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/**
 * The mean over some axes; over all where none are given.
 *
 * @throws {RangeError} If there is nothing to take the mean of.
 */
export function mean(
  x: Tensor,
  axes?: Axes,
  options: ReductionOptions = {},
): Tensor {
  const total = sum(x, axes, options);
  const count = sizeOf(x.shape) / sizeOf(total.shape);
  if (!(count > 0)) {
    throw new RangeError(
      `Cannot take a mean: shape [${x.shape.join(", ")}] has no elements`,
    );
  }
  return div(total, count);
}

/** The sum of the products of equal elements: a scalar. */
export function dot(a: Tensor, b: Tensor): Tensor {
  return sum(mul(a, b));
}

/** log(softmax(x)) along an axis, without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const shifted = sub(x, max(x, axis, { keepAxes: true }));
  return sub(shifted, log(sum(exp(shifted), axis, { keepAxes: true })));
}

/** exp(x) / sum(exp(x)) along an axis, without overflow. */
export function softmax(x: Tensor, axis = -1): Tensor {
  const powers = exp(sub(x, max(x, axis, { keepAxes: true })));
  return div(powers, sum(powers, axis, { keepAxes: true }));
}

/**
 * One-hot rows: 1 at the index, 0 elsewhere, on a new last axis.
 *
 * @param indices Int [...]; an index outside [0, count) gives a row of zeros.
 * @param count Extent of the new axis.
 * @returns Float [..., count].
 */
export function oneHot(indices: Tensor, count: number): Tensor {
  const shape = [...indices.shape, count];
  const column = reshape(indices, [...indices.shape, 1]);
  return cast(equal(iota(shape, -1), column), "float");
}

/** Whether each element is a number: neither infinite nor NaN. */
export function isFinite(x: Tensor): Tensor {
  // x - x is 0 for a number, NaN otherwise, and NaN equals nothing.
  return equal(sub(x, x), 0);
}
