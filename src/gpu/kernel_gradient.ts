/**
 * The gradient of a convolution with respect to its kernel, as an implicit
 * matrix product: rows are output channels, columns the entries (c, i, j) of a
 * kernel, and the sum runs over the samples and positions.
 *
 * Bindings: x, dy, the result. An invocation computes a tile of `rows` output
 * channels x 4 entries. The sum is long and the result small, so `parts`
 * invocations share each tile, each with a range of the rows of the output of
 * all samples; a second kernel adds the parts in order.
 *
 * @module
 */

import { nameOf, type Scene } from "./elementwise.ts";
import { joinParts, rowsOf, tile } from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** Invocations that are enough to keep a device busy. */
const BUSY = 2048;

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
  const group = filters / groups;
  const cells = kernelHeight * kernelWidth;
  const entries = depth * cells;
  const rows = rowsOf(group, groups * entries);
  const down = Math.ceil(group / rows);
  const across = Math.ceil(entries / 4);
  const tiles = groups * down * across;
  // The sum is split by rows of the output.
  const lines = batch * outHeight;
  const parts = Math.max(1, Math.min(lines, Math.ceil(BUSY / tiles)));
  const share = Math.ceil(lines / parts);
  const { sums, multiply, store } = tile(rows);
  const plane = outHeight * outWidth;
  const { inputs, names } = bindFloats(operands.map((o) => scene.roots[o]));
  const target = parts === 1 ? index : scene.scratch();
  const body = `let part = at / ${tiles}u;
let across = at % ${across}u;
let down = (at / ${across}u) % ${down}u;
let group = (at / ${across * down}u) % ${groups}u;
let filter_ = down * ${rows}u;
let entry = across * 4u;
let each = min(vec4u(entry) + vec4u(0u, 1u, 2u, 3u), vec4u(${entries - 1}u));
let channels = group * ${depth}u + each / ${cells}u;
let rows = ((each / ${kernelWidth}u) % ${kernelHeight}u) * ${dilation[0]}u - ${
    padding[0]
  }u;
let columns = (each % ${kernelWidth}u) * ${dilation[1]}u - ${padding[1]}u;
${sums}
let last = min(part * ${share}u + ${share}u, ${lines}u);
for (var line = part * ${share}u; line < last; line++) {
  let n = line / ${outHeight}u;
  let p = line % ${outHeight}u;
  // Above and left of the image these wrap round: far outside.
  let row = rows + p * ${stride[0]}u;
  let row_seen = row < vec4u(${height}u);
  let x_line = ((n * ${channels}u + channels) * ${height}u + row) * ${width}u;
${
    Array.from(
      { length: rows },
      (_, r) =>
        `  let dy_at${r} = (n * ${filters}u + group * ${group}u + min(filter_ + ${r}u, ${
          group - 1
        }u)) * ${plane}u + p * ${outWidth}u;`,
    ).join("\n")
  }
  for (var q = 0u; q < ${outWidth}u; q++) {
    let column = columns + q * ${stride[1]}u;
    let seen = row_seen & (column < vec4u(${width}u));
    let cell = select(vec4u(), x_line + column, seen);
    let x = select(vec4f(), vec4f(${
    [..."xyzw"].map((c) => `${names[0]}[cell.${c}]`).join(", ")
  }), seen);
${multiply((r) => `${names[1]}[dy_at${r} + q]`, "x")}
  }
}
let place = (part * ${filters}u + group * ${group}u + filter_) * ${entries}u + entry;
${
    store(
      (r) => `filter_ + ${r}u < ${group}u`,
      (e) => `entry + ${e}u < ${entries}u`,
      (r, e) => `place + ${r * entries + e}u`,
    )
  }`;
  const product = assemble({
    name: nameOf(instruction),
    inputs,
    output: target,
    spec: { shape: [parts, ...shape], dtype: "float" },
    functions: [],
    invocations: tiles * parts,
    body,
  });
  return parts === 1
    ? [product]
    : [product, joinParts(instruction, target, index, parts)];
}
