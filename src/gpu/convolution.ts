/**
 * Convolution and its gradient with respect to the input, as implicit matrix
 * products: rows are channels of the result, columns its positions, and the sum
 * runs over the kernel's cells and the other side's channels. No patch matrix
 * is written to memory.
 *
 * Bindings: the image (x, or dy for the gradient), the kernel w, the result.
 * A lane computes a tile in registers (`gather.ts`). Which cells its positions see is
 * worked out once for each of the kernel's cells, outside the loop over channels.
 *
 * @module
 */

import { nameOf, type Scene } from "./expression.ts";
import { columnsOf, eachRow, gather, storeTile, tilingOf } from "./gather.ts";
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
  const tiling = tilingOf(to, positions);
  const { down, across } = tiling;

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
  const body = `let across = group % ${across}u;
let channel = ((group / ${across}u) % ${down}u) * ${tiling.rows}u;
let block = group / ${across * down}u;
${columnsOf(tiling, positions)}
let ys = (columns / ${outWidth}u) % ${outHeight}u;
let xs = columns % ${outWidth}u;
let samples = columns / ${outHeight * outWidth}u;
let planes = (samples * ${groups * from}u + block * ${from}u) * ${
    height * width
  }u;
let kernel = block * ${filters / groups * depth * cells}u;
${eachRow(tiling, (r) => `var sum${r} = vec4f();`)}
for (var i = 0u; i < ${kernelHeight}u; i++) {
  ${seen("y", 0, "vec4u(i)", height)}
for (var j = 0u; j < ${kernelWidth}u; j++) {
  ${seen("x", 1, "vec4u(j)", width)}
  let seen = y_seen & x_seen;
  var cell = select(vec4u(), planes + y * ${width}u + x, seen);
${
    eachRow(tiling, (r) =>
      `  var w_at${r} = kernel + min(channel + ${r}u, ${
        to - 1
      }u) * ${toStride}u + i * ${kernelWidth}u + j;`)
  }
  for (var c = 0u; c < ${from}u; c++) {
    let numbers = select(vec4f(), ${gather(names[0], "cell")}, seen);
${
    eachRow(tiling, (r) =>
      `    sum${r} += ${names[1]}[w_at${r}] * numbers;
    w_at${r} += ${fromStride}u;`)
  }
    cell += vec4u(${height * width}u);
  }
}
}
let first = (samples * ${groups * to}u + block * ${to}u + channel) * ${
    outHeight * outWidth
  }u + ys * ${outWidth}u + xs;
${
    storeTile(
      tiling,
      (r) => `channel + ${r}u < ${to}u`,
      positions,
      (r) => `first + ${r * outHeight * outWidth}u`,
    )
  }`;
  return assemble({
    name: nameOf(instruction),
    inputs,
    output: index,
    spec: instruction,
    functions: [],
    work: { workgroups: groups * down * across, lanes: tiling.lanes },
    body,
  });
}
