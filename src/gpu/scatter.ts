/**
 * Scatter-add of rows: the result starts as zeros, and one invocation per column
 * adds the rows one after another. So rows of equal index are added in order,
 * and the same numbers give the same bits.
 *
 * Bindings: rows [N, D], indices [N], the result [V, D], flags. D invocations,
 * N steps.
 *
 * @module
 */

import { nameOf, type Scene } from "./elementwise.ts";
import { assemble, type Kernel } from "./wgsl.ts";

/** The kernel of `scatter-add-rows`. */
export function scatterKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const [rows, indices] = instruction.operands.map((o) => scene.roots[o]);
  const [count] = scene.instructions[instruction.operands[0]].shape;
  const [height, width] = instruction.shape;
  return assemble({
    name: nameOf(instruction),
    inputs: [{ number: rows, type: "f32" }, { number: indices, type: "i32" }],
    output: index,
    spec: instruction,
    functions: [],
    work: { invocations: width },
    body: `for (var n = 0u; n < ${count}u; n++) {
  let row = in1[n];
  if (row < 0i || row >= ${height}i) {
    flags[0] = ${index + 1}u;
    continue;
  }
  let place = u32(row) * ${width}u + at;
  result[place] = result[place] + in0[n * ${width}u + at];
}`,
    clear: true,
    flags: true,
  });
}
