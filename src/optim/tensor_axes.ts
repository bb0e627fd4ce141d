/**
 * Tensors as matrices along one axis, for Shampoo; internal to this folder.
 *
 * @module
 */

import {
  concat,
  matmul,
  reshape,
  slice,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";

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

/** A shape without its extents of 1. */
export function longAxes(shape: Shape): Shape {
  return shape.filter((extent) => extent > 1);
}

/** Where an axis is cut: [start, end] of its pieces, of `size` numbers but the last. */
function pieces(extent: number, size: number): [number, number][] {
  const count = Math.ceil(extent / size);
  return Array.from(
    { length: count },
    (_, i) => [i * size, Math.min(extent, (i + 1) * size)],
  );
}

/** Blocks whose axes are at most `size` long, the last axis fastest. */
export function cutBlocks(x: Tensor, size: number): readonly Tensor[] {
  return x.shape.reduce<readonly Tensor[]>(
    (blocks, extent, axis) =>
      blocks.flatMap((block) =>
        pieces(extent, size).map(([start, end]) =>
          slice(
            block,
            block.shape.map((_, i) => i === axis ? start : 0),
            block.shape.map((n, i) => i === axis ? end : n),
          )
        )
      ),
    [x],
  );
}

/** The tensor that was cut into blocks. */
export function joinBlocks(
  blocks: readonly Tensor[],
  shape: Shape,
  size: number,
): Tensor {
  // The last axis is the fastest: joined first, from neighbours.
  const joined = shape.reduceRight<readonly Tensor[]>(
    (parts, extent, axis) => {
      const count = pieces(extent, size).length;
      return Array.from(
        { length: parts.length / count },
        (_, i) => concat(parts.slice(i * count, (i + 1) * count), axis),
      );
    },
    blocks,
  );
  return joined[0];
}
