/**
 * Tensors as matrices along one axis, for Shampoo; internal to this folder.
 *
 * @module
 */

import { matmul, reshape, transpose } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";

/** The axes with axis i first. */
function axisFirst(rank: number, axis: number): number[] {
  const others = Array.from({ length: rank }, (_, i) => i)
    .filter((i) => i !== axis);
  return [axis, ...others];
}

/** [d_i, size / d_i]: row r has all entries whose index along axis i is r. */
export function unfold(x: Tensor, axis: number): Tensor {
  const extent = x.shape[axis];
  return reshape(
    transpose(x, axisFirst(x.shape.length, axis)),
    [extent, sizeOf(x.shape) / extent],
  );
}

/** G_i G_i^T: the sum over all other axes of the products of entries along axis i. */
export function gramAlong(x: Tensor, axis: number): Tensor {
  const rows = unfold(x, axis);
  return matmul(rows, transpose(rows));
}

/** x with every vector along axis i multiplied by a matrix [d_i, d_i]. */
export function multiplyAlong(
  x: Tensor,
  axis: number,
  matrix: Tensor,
): Tensor {
  const order = axisFirst(x.shape.length, axis);
  const back: number[] = [];
  order.forEach((from, to) => back[from] = to);
  const product = matmul(matrix, unfold(x, axis));
  return transpose(reshape(product, order.map((i) => x.shape[i])), back);
}
