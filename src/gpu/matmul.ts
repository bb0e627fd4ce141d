/**
 * Matrix products: [..., M, K] x [..., K, N] -> [..., M, N]. Transposed and
 * broadcast operands are read where they lie.
 *
 * Bindings: a, b, the result. A lane computes a tile of up to 8 x 8 in
 * registers, from blocks of 4 along its side and 4 along K (`block.ts`). The
 * lanes of a workgroup lie along the longer side of the result, M or N. Where
 * the result is small and K long, parts of K are summed apart and joined in
 * order, which takes memory for each part.
 *
 * @module
 */

import { stridedView } from "../program/strides.ts";
import { sizeOf } from "../tensor/value.ts";
import { blockReader, multiplyBlocks, type Side, vectorOf } from "./block.ts";
import { nameOf, type Scene } from "./elementwise.ts";
import { joinParts, partsOf } from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** The kernels of `matmul`. */
export function matmulKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { shape, operands } = instruction;
  const [height, width] = shape.slice(-2);
  const batch = shape.slice(0, -2);
  const matrices = sizeOf(batch);
  const depth = scene.instructions[operands[0]].shape.at(-1)!;
  const views = operands.map((o) => stridedView(scene.instructions, o));
  const { inputs, names } = bindFloats(
    views.map(({ base }) => scene.roots[base]),
  );
  const bare = views.map(({ strides }, i) => ({
    name: names[i],
    batch,
    batchStrides: strides.slice(0, -2),
    along: strides.at(i === 0 ? -2 : -1)!,
    step: strides.at(i === 0 ? -1 : -2)!,
    extent: i === 0 ? height : width,
    depth,
  }));
  const vectors = bare.map(vectorOf);
  // A matrix times itself is one binding, which has one type.
  const alone = inputs.length === 1 &&
    vectors.some((vector) => vector === "none");
  const sides = bare.map((side, i): Side => ({
    ...side,
    vector: alone ? "none" : vectors[i],
  }));
  inputs.forEach((input, i) => {
    if (sides[i].vector !== "none") input.type = "vec4f";
  });

  // The result's strides along both sides.
  const apart = [width, 1];
  const [d, a] = height > width ? [1, 0] : [0, 1];
  const [down, across] = [sides[d], sides[a]];
  const tall = down.extent > 4 ? 2 : 1;
  const wide = across.extent > 32 ? 2 : 1;
  const lanes = [8, 16, 32].find((n) => n * wide * 4 >= across.extent) ?? 64;
  const tilesDown = Math.ceil(down.extent / (tall * 4));
  const tilesAcross = Math.ceil(across.extent / (lanes * wide * 4));
  const tiles = matrices * tilesDown * tilesAcross;
  // Parts are of whole blocks; what remains of K goes to the last one.
  const blocks = Math.floor(depth / 4);
  const share = Math.max(1, Math.ceil(blocks / partsOf(tiles, depth)));
  const parts = Math.max(1, Math.ceil(blocks / share));
  const target = parts === 1 ? index : scene.scratch();

  const readers = [
    ...Array.from(
      { length: tall },
      (_, i) => blockReader(down, `a${i}`, `down_block + ${i}u`),
    ),
    ...Array.from(
      { length: wide },
      (_, i) => blockReader(across, `b${i}`, `across_block + ${i * lanes}u`),
    ),
  ];
  const block = (steps: number): string =>
    [
      ...readers.map(({ read }) => read(steps)),
      multiplyBlocks(tall, wide, steps),
    ].join("\n");
  const rest = depth % 4;
  const body = `let part = group / ${tiles}u;
let matrix = (group / ${tilesAcross * tilesDown}u) % ${matrices}u;
let down_block = ((group / ${tilesAcross}u) % ${tilesDown}u) * ${tall}u;
let across_block = (group % ${tilesAcross}u) * ${lanes * wide}u + lane;
let first = part * ${share}u;
let last = min(first + ${share}u, ${blocks}u);
${readers.map(({ start }) => start).join("\n")}
${
    Array.from({ length: tall * 4 }, (_, i) =>
      Array.from({ length: wide }, (_, j) =>
        `var sum${i}_${j} = vec4f();`).join(" ")).join("\n")
  }
for (var k = first; k < last; k++) {
${block(4)}
${readers.map(({ advance }) => advance).join("\n")}
}
${rest ? `if (part == ${parts - 1}u) {\n${block(rest)}\n}` : ""}
let plane = (part * ${matrices}u + matrix) * ${height * width}u;
${
    Array.from({ length: tall * 4 }, (_, i) =>
      `let row${i} = down_block * 4u + ${i}u;
if (row${i} < ${down.extent}u) {
${
        Array.from({ length: wide }, (_, j) =>
          [..."xyzw"].map((c, n) => {
            const column = `(across_block + ${j * lanes}u) * 4u + ${n}u`;
            return `  if (${column} < ${across.extent}u) { result[plane + row${i} * ${
              apart[d]
            }u + (${column}) * ${apart[a]}u] = sum${i}_${j}.${c}; }`;
          }).join("\n")).join("\n")
      }
}`).join("\n")
  }`;
  const product = assemble({
    name: nameOf(instruction),
    inputs,
    output: target,
    spec: { shape: [parts, ...shape], dtype: "float" },
    functions: [],
    work: { workgroups: tiles * parts, lanes },
    body,
  });
  return parts === 1
    ? [product]
    : [product, joinParts(instruction, target, index, parts)];
}
