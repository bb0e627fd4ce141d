/**
 * The adjoint of windows: each cell of the image adds up the window entries
 * that came from it, in the order of the kernel's cells. The element-wise chain
 * that gives the entries is part of the kernel.
 *
 * Bindings: the chain's inputs, the result [N, C, H, W]. One invocation per
 * cell, kh x kw steps.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { Expression, nameOf, type Scene } from "./expression.ts";
import { assemble, type Kernel } from "./wgsl.ts";

/** The kernel of `fold-windows`. */
export function foldWindowsKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { operation, operands, shape } = instruction;
  if (operation.kind !== "fold-windows") {
    throw new Error(`Cannot write ${operation.kind}: it folds no windows`);
  }
  const { stride, padding, dilation } = operation.geometry;
  const [, , kernelHeight, kernelWidth, outHeight, outWidth] =
    scene.instructions[operands[0]].shape;
  const [, , height, width] = shape;
  const expression = new Expression(scene);
  const element = expression.element(operands[0], "place");
  return assemble({
    name: nameOf(instruction),
    inputs: expression.inputs,
    output: index,
    spec: instruction,
    functions: expression.functions,
    work: { invocations: sizeOf(shape) },
    body: `let plane = at / ${height * width}u;
let row = (at / ${width}u) % ${height}u;
let column = at % ${width}u;
var total = 0.0;
for (var i = 0u; i < ${kernelHeight}u; i++) {
  // Where the window would start above the image, the difference wraps round.
  let y = row + ${padding[0]}u - i * ${dilation[0]}u;
  let p = y / ${stride[0]}u;
  if (y % ${stride[0]}u != 0u || p >= ${outHeight}u) { continue; }
  for (var j = 0u; j < ${kernelWidth}u; j++) {
    let x = column + ${padding[1]}u - j * ${dilation[1]}u;
    let q = x / ${stride[1]}u;
    if (x % ${stride[1]}u != 0u || q >= ${outWidth}u) { continue; }
    let place = (((plane * ${kernelHeight}u + i) * ${kernelWidth}u + j) * ${outHeight}u + p) * ${outWidth}u + q;
${expression.lines.join("\n")}
    total = total + ${element};
  }
}
result[at] = total;`,
    flags: expression.flags,
  });
}
