/**
 * Scatter-add of rows. The rows of the result are dealt out to owners, and the
 * places of `indices` are sorted by the owner of their row, without changing the
 * order of places of one owner. So rows of equal index are added in their order,
 * and the same numbers give the same bits.
 *
 * 1. Bindings: indices [N], the sorted places and where each owner's begin
 *    [N + owners + 1], flags. One invocation per owner, 2 N steps.
 * 2. Bindings: rows [N, D], indices, the sorted places, the result [V, D], which
 *    starts as zeros. owners x D invocations; a step for each place of the owner.
 *
 * @module
 */

import { nameOf, type Scene } from "./expression.ts";
import { assemble, type Kernel } from "./wgsl.ts";

/**
 * Owners, if there are so many rows. Each goes through all indices, so that more
 * of them cost more than they save where a processor does the work of a GPU.
 */
const MOST_OWNERS = 16;

/** The kernels of `scatter-add-rows`. */
export function scatterKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const [rows, indices] = instruction.operands.map((o) => scene.roots[o]);
  const [count] = scene.instructions[instruction.operands[0]].shape;
  const [height, width] = instruction.shape;
  const owners = Math.min(MOST_OWNERS, height);
  const sorted = scene.scratch();
  return [
    assemble({
      name: `places of ${nameOf(instruction)}`,
      role: "prepares",
      inputs: [{ number: indices, type: "i32" }],
      output: sorted,
      spec: { shape: [count + owners + 1], dtype: "int" },
      functions: ["raise"],
      work: { invocations: owners },
      body: `var place = 0u;
for (var n = 0u; n < ${count}u; n++) {
  let row = u32(in0[n]);
  // What is below 0 is, without a sign, far above.
  let owner = row % ${owners}u;
  if (row >= ${height}u && owner == at) { raise(${index}u, in0[n], n); }
  if (owner < at) { place++; }
}
result[${count}u + at] = i32(place);
if (at == 0u) { result[${count + owners}u] = ${count}i; }
for (var n = 0u; n < ${count}u; n++) {
  if (u32(in0[n]) % ${owners}u == at) {
    result[place] = i32(n);
    place++;
  }
}`,
      flags: true,
    }),
    assemble({
      name: nameOf(instruction),
      inputs: [
        { number: rows, type: "f32" },
        { number: indices, type: "i32" },
        { number: sorted, type: "i32" },
      ],
      output: index,
      spec: instruction,
      functions: [],
      work: { invocations: owners * width },
      body: `let owner = at / ${width}u;
let column = at % ${width}u;
let end = u32(in2[${count + 1}u + owner]);
for (var i = u32(in2[${count}u + owner]); i < end; i++) {
  let n = u32(in2[i]);
  let row = u32(in1[n]);
  if (row >= ${height}u) { continue; }
  let place = row * ${width}u + column;
  result[place] = result[place] + in0[n * ${width}u + column];
}`,
      clear: true,
    }),
  ];
}
