/**
 * What the Kronecker factors of all layers share.
 *
 * Conventions. A layer's gradient is laid out as a matrix [out, in (+ 1)], the
 * last column the bias, and vec stacks its columns: entry (o, j) is element
 * j * out + o. Then vec(s h^T) = h (x) s, and the Fisher block is F = H (x) S,
 * with diagonal F_D[o, j] = S_D[o] * H_D[j].
 *
 * @module
 */

import {
  concat,
  div,
  fill,
  matmul,
  mul,
  reshape,
  slice,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { sameShape, show } from "./checks.ts";
import type { FactorForm, Factors, Parameters } from "./layer.ts";

/**
 * Sum of the outer products of the rows, divided by a number.
 *
 * @param rows [N, n].
 * @param divisor What the sum is divided by: N for a mean.
 * @returns [n, n].
 */
export function gram(rows: Tensor, divisor: number): Tensor {
  return div(matmul(transpose(rows), rows), divisor);
}

/** [N, n] with a column of ones behind: [N, n + 1]. */
export function withOnes(rows: Tensor): Tensor {
  return concat([rows, fill([rows.shape[0], 1], 1)], 1);
}

/** A vector with one more number behind. */
export function append(vector: Tensor, number: number): Tensor {
  return concat([vector, fill([1], number)]);
}

/**
 * Square of what makes the derivative of the mean loss into that of one
 * sample's loss: B^2 in the paper's form, 1 in the official code's.
 */
export function sampleScale(batch: number, form: FactorForm): number {
  return form === "paper" ? batch * batch : 1;
}

/** Throws unless the diagonals have the shapes of the layer's form. */
export function requireDiagonals(
  layer: string,
  { h, s }: Factors,
  shapes: { readonly h: Shape; readonly s: Shape },
): void {
  if (!sameShape(h.shape, shapes.h) || !sameShape(s.shape, shapes.s)) {
    throw new RangeError(
      `Cannot lay out the Kronecker diagonal of ${layer}: diagonals must be ${
        show(shapes.h)
      } and ${show(shapes.s)}, got ${show(h.shape)} and ${show(s.shape)}`,
    );
  }
}

/**
 * F_D[o, j] = S_D[o] * H_D[j] for a weight and, from the last entry of H_D, a
 * bias.
 *
 * @param name The layer's name.
 * @param weightShape [out, ...]; its other axes are flattened into j.
 * @param bias Whether H_D has the bias entry.
 * @param diagonals H_D [in (+ 1)] and S_D [out].
 * @returns `<name>.weight` and, with a bias, `<name>.bias`.
 */
export function layOut(
  name: string,
  weightShape: Shape,
  bias: boolean,
  { h, s }: Factors,
): Parameters {
  const size = sizeOf(weightShape.slice(1));
  const column = reshape(s, [s.shape[0], 1]);
  const row = reshape(slice(h, [0], [size]), [1, size]);
  const weight = reshape(mul(column, row), weightShape);
  return bias
    ? {
      [`${name}.weight`]: weight,
      [`${name}.bias`]: mul(s, slice(h, [size], [size + 1])),
    }
    : { [`${name}.weight`]: weight };
}

/**
 * The Fisher block H (x) S as one matrix: for tests and studies of small layers.
 *
 * @example
 * ```ts
 * import { toDense } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const h = constant(value([1, 2, 3, 4], [2, 2]));
 * const s = constant(value([5], [1, 1]));
 * const { data } = await evaluate(toDense({ h, s }));
 * assertEquals([...data], [5, 10, 15, 20]);
 * ```
 *
 * @param factors Full H [m, m] and S [n, n].
 * @returns [m * n, m * n]; row and column j * n + o belong to entry (o, j) of
 * the layer's [n, m] gradient (columns stacked).
 * @throws {RangeError} If a factor is no square matrix.
 */
export function toDense({ h, s }: Factors): Tensor {
  for (const { shape } of [h, s]) {
    if (shape.length !== 2 || shape[0] !== shape[1]) {
      throw new RangeError(
        `Cannot make a Fisher block dense: factors must be square matrices, got ${
          show(shape)
        }`,
      );
    }
  }
  const m = h.shape[0], n = s.shape[0];
  return reshape(
    mul(reshape(h, [m, 1, m, 1]), reshape(s, [1, n, 1, n])),
    [m * n, m * n],
  );
}
