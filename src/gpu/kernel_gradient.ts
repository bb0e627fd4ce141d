/**
 * The gradient of a convolution with respect to its kernel, as an implicit
 * matrix product: rows are output channels, columns the entries (c, i, j) of a
 * kernel, and the sum runs over the samples and positions.
 *
 * Bindings: x, dy, the result. A lane computes a tile in registers (`gather.ts`). The
 * sum is long and the result small, so it is split into parts, each a range of
 * the rows of the output of all samples; a second kernel adds the parts in order.
 *
 * @module
 */

import { nameOf, type Scene } from "./expression.ts";
import { columnsOf, eachRow, gather, storeTile, tilingOf } from "./gather.ts";
import { joinParts, partsOf } from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** The kernels of `conv-kernel-gradient`. */
export function kernelGradientKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { operation, operands, shape } = instruction;
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot write ${operation.kind}: it is no kernel gradient`);
  }
  const { stride, padding, dilation, groups } = operation.geometry;
  const [batch, channels, height, width] =
    scene.instructions[operands[0]].shape;
  const [, , outHeight, outWidth] = scene.instructions[operands[1]].shape;
  const [filters, depth, kernelHeight, kernelWidth] = shape;
  const members = filters / groups;
  const cells = kernelHeight * kernelWidth;
  const entries = depth * cells;
  const tiling = tilingOf(members, entries);
  const { down, across } = tiling;
  const tiles = groups * down * across;
  const plane = outHeight * outWidth;
  // The sum is split by rows of the output.
  const lines = batch * outHeight;
  const parts = Math.min(lines, partsOf(tiles, batch * plane));
  const share = Math.ceil(lines / parts);
  const { inputs, names } = bindFloats(operands.map((o) => scene.roots[o]));
  const target = parts === 1 ? index : scene.scratch();
  const body = `let part = group / ${tiles}u;
let across = group % ${across}u;
let member = ((group / ${across}u) % ${down}u) * ${tiling.rows}u;
let block = (group / ${across * down}u) % ${groups}u;
${columnsOf(tiling, entries)}
let channels = block * ${depth}u + columns / ${cells}u;
// Above and left of the image these wrap round: far outside.
let ys = ((columns / ${kernelWidth}u) % ${kernelHeight}u) * ${dilation[0]}u - ${
    padding[0]
  }u;
let xs = (columns % ${kernelWidth}u) * ${dilation[1]}u - ${padding[1]}u;
${eachRow(tiling, (r) => `var sum${r} = vec4f();`)}
let last = min(part * ${share}u + ${share}u, ${lines}u);
for (var line = part * ${share}u; line < last; line++) {
  let n = line / ${outHeight}u;
  let p = line % ${outHeight}u;
  let y = ys + p * ${stride[0]}u;
  let y_seen = y < vec4u(${height}u);
  let x_line = ((n * ${channels}u + channels) * ${height}u + y) * ${width}u;
${
    eachRow(tiling, (r) =>
      `  let dy_at${r} = (n * ${filters}u + block * ${members}u + min(member + ${r}u, ${
        members - 1
      }u)) * ${plane}u + p * ${outWidth}u;`)
  }
  for (var q = 0u; q < ${outWidth}u; q++) {
    let x = xs + q * ${stride[1]}u;
    let seen = y_seen & (x < vec4u(${width}u));
    let cell = select(vec4u(), x_line + x, seen);
    let numbers = select(vec4f(), ${gather(names[0], "cell")}, seen);
${
    eachRow(tiling, (r) =>
      `    sum${r} += ${names[1]}[dy_at${r} + q] * numbers;`)
  }
  }
}
let first = (part * ${filters}u + block * ${members}u + member) * ${entries}u + column;
${
    storeTile(
      tiling,
      (r) => `member + ${r}u < ${members}u`,
      entries,
      (r) => `first + ${r * entries}u`,
    )
  }`;
  const product = assemble({
    name: nameOf(instruction),
    inputs,
    output: target,
    spec: { shape: [parts, ...shape], dtype: "float" },
    functions: [],
    work: { workgroups: tiles * parts, lanes: tiling.lanes },
    body,
  });
  return parts === 1
    ? [product]
    : [product, joinParts(instruction, target, index, parts)];
}
