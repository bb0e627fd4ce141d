/**
 * The gradient of a convolution with respect to its kernel, as an implicit
 * matrix product: rows are output channels, columns the entries (c, i, j) of a
 * kernel, and the sum runs over the samples and positions.
 *
 * Passes: copies of x and dy with 4 channels in a vector (`pack.ts`), the product,
 * and the sum of its parts. The product's bindings: dy, x, the result. A lane
 * computes a tile in registers (`tile.ts`). The sum is long and the result small, so
 * it is split into parts, each a range of the rows of the output of all samples,
 * which a last kernel adds in order.
 *
 * @module
 */

import type { Side } from "./block.ts";
import type { Scene } from "./expression.ts";
import { packImages } from "./pack.ts";
import { productKernels } from "./product.ts";
import { multiply, partsOf, tilingOf } from "./tile.ts";
import type { Kernel } from "./wgsl.ts";

/** The kernels of `conv-kernel-gradient`, and of results that are computed from it. */
export function kernelGradientKernels(
  scene: Scene,
  index: number,
  results: readonly number[],
): Kernel[] {
  const instruction = scene.instructions[index];
  const { operation, operands, shape } = instruction;
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot write ${operation.kind}: it is no kernel gradient`);
  }
  const { stride, padding, dilation, groups } = operation.geometry;
  const [batch, , height, width] = scene.instructions[operands[0]].shape;
  const [, , outHeight, outWidth] = scene.instructions[operands[1]].shape;
  const [filters, depth, kernelHeight, kernelWidth] = shape;
  const members = filters / groups;
  const memberBlocks = Math.ceil(members / 4);
  const depthBlocks = Math.ceil(depth / 4);
  const cells = kernelHeight * kernelWidth;
  const entries = depth * cells;

  // A line of the output is summed in blocks of up to 4 positions. At its end dy
  // has zeros, and so has x where nothing of it is seen.
  const block = [4, 3, 2, 1].reduce((best, n) =>
    Math.ceil(outWidth / n) * (n + 1) < Math.ceil(outWidth / best) * (best + 1)
      ? n
      : best
  );
  const lineBlocks = Math.ceil(outWidth / block);
  const whole = (extent: number, all: number) => ({
    before: 0,
    used: extent,
    extent: all,
  });
  const reach = (axis: 0 | 1, extent: number): number =>
    (extent - 1) * stride[axis] + (shape[2 + axis] - 1) * dilation[axis] + 1;
  const seen = (axis: 0 | 1, extent: number, out: number, all: number) => ({
    before: padding[axis],
    used: Math.max(0, Math.min(extent, reach(axis, out) - padding[axis])),
    extent: reach(axis, all),
  });
  const line = lineBlocks * block;
  const dyMargins = [
    whole(outHeight, outHeight),
    whole(outWidth, line),
  ] as const;
  const xMargins = [
    seen(0, height, outHeight, outHeight),
    seen(1, width, outWidth, line),
  ] as const;
  const [down, across] = xMargins.map(({ extent }) => extent);
  const x = packImages(scene, operands[0], groups, xMargins);
  const dy = packImages(scene, operands[1], groups, dyMargins);

  const lines = batch * outHeight;
  const steps = lines * line;
  const columnCount = depthBlocks * cells * 4;
  const tiling = tilingOf(members, columnCount, groups * steps, scene.software);
  const tiles = groups * tiling.down * tiling.across;
  const parts = Math.min(lines, partsOf(tiles, steps));
  const share = Math.ceil(lines / parts);
  const rows: Side = {
    name: "in0",
    vector: "along",
    step: 1,
    place: (b) =>
      `(block * ${memberBlocks}u + min(${b}, ${memberBlocks - 1}u)) * ${
        outHeight * line
      }u`,
  };
  const columns: Side = {
    name: "in1",
    vector: "along",
    step: stride[1],
    place: (b) => {
      const entry = `min(${b}, ${depthBlocks * cells - 1}u)`;
      return `(block * ${depthBlocks}u + ${entry} / ${cells}u) * ${
        down * across
      }u + (${entry} / ${kernelWidth}u % ${kernelHeight}u) * ${
        dilation[0] * across
      }u + (${entry} % ${kernelWidth}u) * ${dilation[1]}u`;
    },
  };
  const tile = multiply(tiling, rows, columns);
  const sum = `let part = group / ${tiles}u;
let block = (group / ${tiling.down * tiling.across}u) % ${groups}u;
let down = (group / ${tiling.across}u) % ${tiling.down}u;
let across = group % ${tiling.across}u;
${tile.start}
let last = min(part * ${share}u + ${share}u, ${lines}u) * ${lineBlocks}u;
for (var step = part * ${share * lineBlocks}u; step < last; step++) {
  let q = step % ${lineBlocks}u;
  let p = step / ${lineBlocks}u % ${outHeight}u;
  let n = step / ${lineBlocks * outHeight}u;
  let dy_at = n * ${
    groups * memberBlocks * outHeight * line
  }u + p * ${line}u + q * ${block}u;
  let x_at = n * ${groups * depthBlocks * down * across}u + p * ${
    stride[0] * across
  }u + q * ${block * stride[1]}u;
${tile.step(["dy_at", "x_at"], block)}
}
let first = (part * ${filters}u + block * ${members}u) * ${entries}u;`;
  const product = productKernels(scene, {
    index,
    results,
    inputs: [dy, x].map(({ number }) => ({ number, type: "vec4f" })),
    tiling,
    tile,
    tiles,
    parts,
    sum,
    store: {
      rows: members,
      columns: columnCount,
      rowStride: `${entries}u`,
      column: (name) => ({
        statements: `let ${name}_c = ${name} / ${
          4 * cells
        }u * 4u + ${name} % 4u;`,
        place: `first + ${name}_c * ${cells}u + ${name} / 4u % ${cells}u`,
        exists: depth % 4 ? [`${name}_c < ${depth}u`] : [],
      }),
      vector: "none",
    },
  });
  return [x.kernel, dy.kernel, ...product];
}
