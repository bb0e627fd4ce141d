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

/**
 * x * x, element by element.
 *
 * @param x A number, float or int, of any shape.
 * @returns Shape and type of x.
 */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/**
 * The mean over some axes.
 *
 * @example The mean of each column
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, mean, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 6], [2, 2]));
 * assertEquals([...(await evaluate(mean(x, 0))).data], [2, 4]);
 * ```
 *
 * @param x Float, any shape.
 * @param axes The axes to average over; all where none are given.
 * @param options Whether the averaged axes stay, with extent 1.
 * @returns Float, without the averaged axes.
 * @throws {TypeError} If x is not float.
 * @throws {RangeError} If there is no such axis, or the axes are empty.
 */
export function mean(
  x: Tensor,
  axes?: Axes,
  options: ReductionOptions = {},
): Tensor {
  if (x.dtype !== "float") {
    throw new TypeError(`Cannot take a mean: operand must be float, got ${x}`);
  }
  const kept = sum(x, axes, { keepAxes: true }).shape;
  const count = sizeOf(x.shape.filter((extent, i) => extent !== kept[i]));
  if (count === 0) {
    throw new RangeError(
      `Cannot take a mean: shape [${
        x.shape.join(", ")
      }] has an empty axis to reduce`,
    );
  }
  return div(sum(x, axes, options), count);
}

/**
 * The sum of the products of elements at equal places.
 *
 * @param a Any shape.
 * @param b Shape and type of a, or one that broadcasts with it.
 * @returns A scalar.
 * @throws {RangeError} If the shapes do not broadcast.
 * @throws {TypeError} If the types differ or are bool.
 */
export function dot(a: Tensor, b: Tensor): Tensor {
  return sum(mul(a, b));
}

/**
 * log(softmax(x)) along an axis, without overflow.
 *
 * @param x Float, any shape with such an axis.
 * @param axis The axis whose exponentials add to 1; the last by default.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 * @throws {RangeError} If there is no such axis, or it is empty.
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const shifted = sub(x, max(x, axis, { keepAxes: true }));
  return sub(shifted, log(sum(exp(shifted), axis, { keepAxes: true })));
}

/**
 * exp(x) / sum(exp(x)) along an axis, without overflow.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, softmax, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1000, 1000]));
 * assertEquals([...(await evaluate(softmax(x))).data], [0.5, 0.5]);
 * ```
 *
 * @param x Float, any shape with such an axis.
 * @param axis The axis that adds to 1; the last by default.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 * @throws {RangeError} If there is no such axis, or it is empty.
 */
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
 * @throws {TypeError} If the indices are not int.
 * @throws {RangeError} If the count is no integer of at least 0.
 */
export function oneHot(indices: Tensor, count: number): Tensor {
  if (indices.dtype !== "int") {
    throw new TypeError(
      `Cannot make one-hot rows: indices must be int, got ${indices}`,
    );
  }
  const shape = [...indices.shape, count];
  const column = reshape(indices, [...indices.shape, 1]);
  return cast(equal(iota(shape, -1), column), "float");
}

/**
 * Whether each element is a number: neither infinite nor NaN.
 *
 * @param x Float or int, any shape.
 * @returns Bool, shape of x.
 * @throws {TypeError} If x is bool.
 */
export function isFinite(x: Tensor): Tensor {
  // x - x is 0 for a number, NaN otherwise, and NaN equals nothing.
  return equal(sub(x, x), 0);
}
