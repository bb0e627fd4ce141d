/**
 * Matrix products: [..., M, K] x [..., K, N] -> [..., M, N]. Transposed and
 * broadcast operands are read where they lie.
 *
 * Bindings: a, b, the result. A lane computes a tile in registers (`tile.ts`);
 * where M is larger than N the product is computed transposed, so that the
 * lanes lie along the longer side. Where the result is small and K long, parts
 * of K are summed apart and joined in order, which takes memory for each part.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { nameOf, type Scene } from "./elementwise.ts";
import { placeOf, stridedView } from "./strides.ts";
import {
  columnsOf,
  eachRow,
  gather,
  joinParts,
  partsOf,
  storeTile,
  tilingOf,
} from "./tile.ts";
import { assemble, bindFloats, type Kernel } from "./wgsl.ts";

/** An operand as the kernel sees it. */
interface Side {
  /** Its binding. */
  readonly name: string;
  /** Strides of the batch axes. */
  readonly batch: readonly number[];
  /** Distance between neighbours along the result's side, and along K. */
  readonly along: number;
  readonly step: number;
  /** Extent of the result's side, and distance between neighbours there. */
  readonly extent: number;
  readonly apart: number;
}

/** The kernels of `matmul`. */
export function matmulKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { shape, operands } = instruction;
  const [height, width] = shape.slice(-2);
  const batch = shape.slice(0, -2);
  const depth = scene.instructions[operands[0]].shape.at(-1)!;
  const views = operands.map((o) => stridedView(scene.instructions, o));
  const { inputs, names } = bindFloats(
    views.map(({ base }) => scene.roots[base]),
  );
  const sides = views.map(({ strides }, i): Side => ({
    name: names[i],
    batch: strides.slice(0, -2),
    along: strides.at(i === 0 ? -2 : -1)!,
    step: strides.at(i === 0 ? -1 : -2)!,
    extent: i === 0 ? height : width,
    apart: i === 0 ? width : 1,
  }));
  const [down, across] = height > width ? sides.toReversed() : sides;
  const tiling = tilingOf(down.extent, across.extent);
  const tiles = sizeOf(batch) * tiling.down * tiling.across;
  const parts = partsOf(tiles, depth);
  const share = Math.ceil(depth / parts);
  const target = parts === 1 ? index : scene.scratch();
  const body = `let part = group / ${tiles}u;
let across = group % ${tiling.across}u;
let row = ((group / ${tiling.across}u) % ${tiling.down}u) * ${tiling.rows}u;
let matrix = (group / ${tiling.across * tiling.down}u) % ${sizeOf(batch)}u;
${columnsOf(tiling, across.extent)}
let first = part * ${share}u;
let last = min(first + ${share}u, ${depth}u);
let down_from = ${placeOf("matrix", batch, down.batch)} + first * ${down.step}u;
var across_at = ${
    placeOf("matrix", batch, across.batch)
  } + first * ${across.step}u + columns * ${across.along}u;
${
    eachRow(tiling, (i) =>
      `var down_at${i} = down_from + min(row + ${i}u, ${
        down.extent - 1
      }u) * ${down.along}u;
var sum${i} = vec4f();`)
  }
for (var k = first; k < last; k++) {
  let numbers = ${gather(across.name, "across_at")};
${
    eachRow(tiling, (i) =>
      `  sum${i} += ${down.name}[down_at${i}] * numbers;
  down_at${i} += ${down.step}u;`)
  }
  across_at += vec4u(${across.step}u);
}
let plane = (part * ${sizeOf(batch)}u + matrix) * ${height * width}u;
${
    storeTile(
      tiling,
      (i) => `row + ${i}u < ${down.extent}u`,
      across.extent,
      (i) =>
        `plane + (row + ${i}u) * ${down.apart}u + column * ${across.apart}u`,
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
