/**
 * Matrix products: [..., M, K] x [..., K, N] -> [..., M, N]. Transposed and
 * broadcast operands are read where they lie.
 *
 * Bindings: a, b, the result. A lane computes a tile in registers (`tile.ts`), from
 * blocks of 4 along its side and 4 along K (`block.ts`). The lanes of a workgroup
 * lie along the side of the result, M or N, that leaves fewer of them idle. Where
 * the result is small and K long, parts of K are summed apart and joined in order,
 * which takes memory for each part.
 *
 * @module
 */

import { stridedView } from "../program/strides.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { blockStep, type Side, type Vector } from "./block.ts";
import type { Scene } from "./expression.ts";
import { productKernels } from "./product.ts";
import { placeOf } from "./strides.ts";
import { multiply, partsOf, tilingOf } from "./tile.ts";
import { bindFloats, type Kernel } from "./wgsl.ts";

/** How an operand's numbers lie. */
interface Layout {
  /** Shape of the batch, and how far apart the operand's matrices lie. */
  readonly batch: Shape;
  readonly batchStrides: readonly number[];
  /** Distance between neighbours along the result's side, and its extent. */
  readonly along: number;
  readonly extent: number;
  /** Distance between neighbours along the sum, and its length. */
  readonly step: number;
  readonly depth: number;
}

/** Which 4 neighbours of an operand can be read together. */
function vectorOf(layout: Layout): Vector {
  const { batchStrides, along, extent, step, depth } = layout;
  const fours = (...numbers: number[]): boolean =>
    numbers.every((n) => n % 4 === 0);
  if (!fours(...batchStrides)) return "none";
  if (along === 1 && fours(extent, step)) return "along";
  if (step === 1 && fours(depth, along)) return "step";
  return "none";
}

/** An operand as a side of the product; `matrix` is known. */
function sideOf(layout: Layout, name: string, vector: Vector): Side {
  const { batch, batchStrides, along, extent, step } = layout;
  const unit = vector === "none" ? 1 : 4;
  const matrix = placeOf("matrix", batch, batchStrides.map((s) => s / unit));
  return {
    name,
    vector,
    step: vector === "along" ? step / 4 : step,
    place: (block) =>
      vector === "along"
        ? `${matrix} + min(${block}, ${extent / 4 - 1}u)`
        : `${matrix} + min((${block}) * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(${
          extent - 1
        }u)) * ${along / unit}u`,
  };
}

/** The kernels of `matmul`, and of results that are computed from it. */
export function matmulKernels(
  scene: Scene,
  index: number,
  results: readonly number[],
): Kernel[] {
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
  const layouts = views.map(({ strides }, i): Layout => ({
    batch,
    batchStrides: strides.slice(0, -2),
    along: strides.at(i === 0 ? -2 : -1)!,
    step: strides.at(i === 0 ? -1 : -2)!,
    extent: i === 0 ? height : width,
    depth,
  }));
  const vectors = layouts.map(vectorOf);
  // A matrix times itself is one binding, which has one type.
  if (inputs.length === 1 && vectors.includes("none")) vectors.fill("none");
  const sides = layouts.map((l, i) => sideOf(l, names[i], vectors[i]));
  inputs.forEach((input, i) => {
    if (vectors[i] !== "none") input.type = "vec4f";
  });

  const steps = matrices * depth;
  const upright = tilingOf(height, width, steps, scene.software);
  const turned = tilingOf(width, height, steps, scene.software);
  const turn = turned.cost < upright.cost;
  const tiling = turn ? turned : upright;
  const [rows, columns] = turn ? [sides[1], sides[0]] : sides;
  const { down, across } = tiling;
  const tiles = matrices * down * across;
  // Parts are of whole blocks; what remains of K goes to the last one.
  const blocks = Math.floor(depth / 4);
  const share = Math.max(1, Math.ceil(blocks / partsOf(tiles, depth)));
  const parts = Math.max(1, Math.ceil(blocks / share));

  const tile = multiply(tiling, rows, columns);
  const at = (block: string): [string, string] => [
    `${block} * ${blockStep(rows)}u`,
    `${block} * ${blockStep(columns)}u`,
  ];
  const rest = depth % 4;
  const vector = width % 4 > 0 ? "none" : turn ? "rows" : "columns";
  const sum = `let part = group / ${tiles}u;
let matrix = (group / ${down * across}u) % ${matrices}u;
let down = (group / ${across}u) % ${down}u;
let across = group % ${across}u;
${tile.start}
let last = min(part * ${share}u + ${share}u, ${blocks}u);
for (var k = part * ${share}u; k < last; k++) {
${tile.step(at("k"), 4)}
}
${
    rest
      ? `if (part == ${parts - 1}u) {\n${tile.step(at(`${blocks}u`), rest)}\n}`
      : ""
  }
let plane = (part * ${matrices}u + matrix) * ${height * width}u;`;
  return productKernels(scene, {
    index,
    results,
    inputs,
    tiling,
    tile,
    tiles,
    parts,
    sum,
    store: {
      rows: turn ? width : height,
      columns: turn ? height : width,
      rowStride: turn ? "1u" : `${width}u`,
      column: (name) => ({
        place: turn ? `plane + ${name} * ${width}u` : `plane + ${name}`,
      }),
      vector,
    },
  });
}
