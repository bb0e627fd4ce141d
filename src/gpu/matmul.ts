/**
 * Matrix products: [..., M, K] x [..., K, N] -> [..., M, N]. Transposed and
 * broadcast operands are read where they lie.
 *
 * Bindings: a, b, the result. An invocation computes a tile of `rows` x 4 in
 * registers, K steps of `rows` + 4 loads and `rows` x 4 products; neighbouring
 * invocations have neighbouring columns. At the edges a tile reads the last row
 * or column again and writes only what exists.
 *
 * Where the result is small and K long, `parts` invocations share each tile:
 * each takes a range of K, and a reduction in order joins the parts.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { nameOf, type Scene } from "./elementwise.ts";
import { placeOf, stridedView } from "./strides.ts";
import { joinParts, partsOf, rowsOf, tile } from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** The kernels of `matmul`. */
export function matmulKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { shape, operands } = instruction;
  const rank = shape.length;
  const [a, b] = operands.map((o) => stridedView(scene.instructions, o));
  const batch = shape.slice(0, -2);
  const [height, width] = shape.slice(-2);
  const depth = scene.instructions[operands[0]].shape[rank - 1];
  const rows = rowsOf(height, sizeOf(batch) * width);
  const down = Math.ceil(height / rows);
  const across = Math.ceil(width / 4);
  const tiles = sizeOf(batch) * down * across;
  const parts = partsOf(tiles, depth);
  const share = Math.ceil(depth / parts);
  const [aRow, aStep] = a.strides.slice(-2);
  const [bStep, bColumn] = b.strides.slice(-2);
  const { inputs, names } = bindFloats([
    scene.roots[a.base],
    scene.roots[b.base],
  ]);
  const { sums, multiply, store } = tile(rows);
  const target = parts === 1 ? index : scene.scratch();
  const body = `let part = at / ${tiles}u;
let tile = at % ${tiles}u;
let column = (tile % ${across}u) * 4u;
let row = ((tile / ${across}u) % ${down}u) * ${rows}u;
let matrix = tile / ${down * across}u;
let columns = min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(${
    width - 1
  }u)) * ${bColumn}u;
let first = part * ${share}u;
let last = min(first + ${share}u, ${depth}u);
var b_at = ${
    placeOf("matrix", batch, b.strides.slice(0, -2))
  } + first * ${bStep}u + columns;
let a_from = ${
    placeOf("matrix", batch, a.strides.slice(0, -2))
  } + first * ${aStep}u;
${
    Array.from(
      { length: rows },
      (_, i) =>
        `var a_at${i} = a_from + min(row + ${i}u, ${height - 1}u) * ${aRow}u;`,
    ).join("\n")
  }
${sums}
for (var k = first; k < last; k++) {
  let b = vec4f(${[..."xyzw"].map((c) => `${names[1]}[b_at.${c}]`).join(", ")});
${multiply((i) => `${names[0]}[a_at${i}]`, "b")}
  b_at += vec4u(${bStep}u);
${
    Array.from({ length: rows }, (_, i) => `  a_at${i} += ${aStep}u;`).join(
      "\n",
    )
  }
}
let plane = (part * ${sizeOf(batch)}u + matrix) * ${height * width}u;
${
    store(
      (i) => `row + ${i}u < ${height}u`,
      (j) => `column + ${j}u < ${width}u`,
      (i, j) => `plane + (row + ${i}u) * ${width}u + column + ${j}u`,
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
