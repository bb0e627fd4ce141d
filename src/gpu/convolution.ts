/**
 * Convolution and its gradient with respect to the input, as implicit matrix
 * products: rows are channels of the result, columns its positions, and the sum
 * runs over the kernel's cells and the other side's channels. No patch matrix
 * is written to memory.
 *
 * Bindings: the image (x, or dy for the gradient), the kernel w, the result.
 * An invocation computes a tile of `rows` channels x 4 positions. Which cells
 * the 4 positions see is worked out once for each of the kernel's cells, outside
 * the loop over channels.
 *
 * @module
 */

import { nameOf, type Scene } from "./elementwise.ts";
import { rowsOf, tile } from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** The kernel of `conv` or `conv-input-gradient`. */
export function convolutionKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { operation, operands, shape } = instruction;
  if (
    operation.kind !== "conv" && operation.kind !== "conv-input-gradient"
  ) throw new Error(`Cannot write ${operation.kind}: it is no convolution`);
  const { inputs, names } = bindFloats(operands.map((o) => scene.roots[o]));
  const forward = operation.kind === "conv";
  const { stride, padding, dilation, groups } = operation.geometry;
  const [image, w] = operands;
  const [, , height, width] = scene.instructions[image].shape;
  const [filters, depth, kernelHeight, kernelWidth] =
    scene.instructions[w].shape;
  const [batch, , outHeight, outWidth] = shape;
  // Channels of one group, on the result's side and on the image's.
  const to = forward ? filters / groups : depth;
  const from = forward ? depth : filters / groups;
  const cells = kernelHeight * kernelWidth;
  // w [O, C / groups, kh, kw]: how far apart its numbers lie along both sides.
  const toStride = (forward ? depth : 1) * cells;
  const fromStride = (forward ? 1 : depth) * cells;
  const positions = batch * outHeight * outWidth;
  const rows = rowsOf(to, groups * positions);
  const down = Math.ceil(to / rows);
  const across = Math.ceil(positions / 4);
  const { sums, multiply, store } = tile(rows);

  // The image's cell that a position sees through a cell of the kernel.
  const seen = (name: string, axis: 0 | 1, step: string, extent: number) =>
    forward
      ? `let ${name} = ${name}s * ${stride[axis]}u + ${step} * ${
        dilation[axis]
      }u - ${padding[axis]}u;
  let ${name}_seen = ${name} < vec4u(${extent}u);`
      : `let ${name}_far = ${name}s + ${padding[axis]}u - ${step} * ${
        dilation[axis]
      }u;
  let ${name} = ${name}_far / ${stride[axis]}u;
  let ${name}_seen = (${name} < vec4u(${extent}u)) & (${name}_far % ${
        stride[axis]
      }u == vec4u());`;
  const body = `let across = at % ${across}u;
let down = (at / ${across}u) % ${down}u;
let group = at / ${across * down}u;
let channel = down * ${rows}u;
let position = across * 4u;
let each = min(vec4u(position) + vec4u(0u, 1u, 2u, 3u), vec4u(${
    positions - 1
  }u));
let rows = (each / ${outWidth}u) % ${outHeight}u;
let columns = each % ${outWidth}u;
let samples = each / ${outHeight * outWidth}u;
let planes = (samples * ${groups * from}u + group * ${from}u) * ${
    height * width
  }u;
let kernel = group * ${filters / groups * depth * cells}u;
${sums}
for (var i = 0u; i < ${kernelHeight}u; i++) {
  ${seen("row", 0, "vec4u(i)", height)}
for (var j = 0u; j < ${kernelWidth}u; j++) {
  ${seen("column", 1, "vec4u(j)", width)}
  let seen = row_seen & column_seen;
  if (!any(seen)) { continue; }
  var cell = select(vec4u(), planes + row * ${width}u + column, seen);
${
    Array.from(
      { length: rows },
      (_, r) =>
        `  var w_at${r} = kernel + min(channel + ${r}u, ${
          to - 1
        }u) * ${toStride}u + i * ${kernelWidth}u + j;`,
    ).join("\n")
  }
  for (var c = 0u; c < ${from}u; c++) {
    let x = select(vec4f(), vec4f(${
    [..."xyzw"].map((p) => `${names[0]}[cell.${p}]`).join(", ")
  }), seen);
${multiply((r) => `${names[1]}[w_at${r}]`, "x")}
    cell += vec4u(${height * width}u);
${
    Array.from({ length: rows }, (_, r) => `    w_at${r} += ${fromStride}u;`)
      .join("\n")
  }
  }
}
}
let place = (samples * ${groups * to}u + group * ${to}u + channel) * ${
    outHeight * outWidth
  }u + rows * ${outWidth}u + columns;
${
    store(
      (r) => `channel + ${r}u < ${to}u`,
      (p) => `position + ${p}u < ${positions}u`,
      (r, p) => `place.${"xyzw"[p]} + ${r * outHeight * outWidth}u`,
    )
  }`;
  return assemble({
    name: nameOf(instruction),
    inputs,
    output: index,
    spec: instruction,
    functions: [],
    invocations: groups * down * across,
    body,
  });
}
