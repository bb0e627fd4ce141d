/**
 * Convolution and its gradient with respect to the input, as implicit matrix
 * products: rows are channels of the result, columns its positions, and the sum
 * runs over the other side's channels and the kernel's cells. No patch matrix is
 * written to memory.
 *
 * Passes: copies of the image (x, or dy for the gradient) and the kernel w with 4
 * channels in a vector (`pack.ts`), then the product. Its bindings: the image, the
 * kernel, the result. A lane computes a tile in registers (`tile.ts`).
 *
 * The gradient of a convolution of stride s has s * s kinds of positions, by their
 * remainders: each kind sees certain cells of the kernel only, of which neighbours
 * see neighbouring rows of dy. A workgroup has positions of one kind.
 *
 * @module
 */

import type { Side } from "./block.ts";
import type { Scene } from "./expression.ts";
import { type Margin, packImages, packKernels } from "./pack.ts";
import { productKernels } from "./product.ts";
import { multiply, tilingOf } from "./tile.ts";
import type { Kernel } from "./wgsl.ts";

/** Cells of the kernel that positions of one kind see along an axis, in order. */
export interface Cells {
  /** The first cell, how many there are, and how far apart. */
  readonly first: number;
  readonly count: number;
  /** Where position 0 of the kind sees the first cell, in the image. */
  readonly start: number;
}

/** How positions of the result see the image along an axis. */
export interface Axis {
  /** Positions of each kind, at most: position t of kind k is t * kinds + k. */
  readonly positions: number;
  /** What each kind sees. */
  readonly kinds: readonly Cells[];
  /** Distance of the cells that a kind sees, in the kernel and in the image. */
  readonly cellStep: number;
  readonly imageStep: number;
  /** Distance of what neighbours of a kind see, in the image. */
  readonly stride: number;
}

/** What a convolution sees along an axis. */
export function forwardAxis(
  extent: number,
  cells: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  return {
    positions: extent,
    kinds: [{ first: 0, count: cells, start: -padding }],
    cellStep: 1,
    imageStep: dilation,
    stride,
  };
}

/** What the gradient with respect to an input of this extent sees along an axis. */
export function gradientAxis(
  extent: number,
  cells: number,
  stride: number,
  padding: number,
  dilation: number,
): Axis {
  // Position y sees cell i in row (y + padding - i * dilation) / stride of dy, if
  // that is whole. Cells are taken from the last to the first: rows then go up.
  const row = (y: number, i: number) => (y + padding - i * dilation) / stride;
  const kinds = Array.from({ length: stride }, (_, y): Cells => {
    const seen = Array.from({ length: cells }, (_, i) => cells - 1 - i)
      .filter((i) => Number.isInteger(row(y, i)));
    const [first = 0] = seen;
    return {
      first,
      count: seen.length,
      start: seen.length ? row(y, first) : 0,
    };
  });
  const cellStep = Array.from({ length: stride }, (_, i) => i + 1)
    .find((i) => (i * dilation) % stride === 0)!;
  return {
    positions: Math.ceil(extent / stride),
    kinds,
    cellStep: -cellStep,
    imageStep: cellStep * dilation / stride,
    stride: 1,
  };
}

/** What of the image is needed along an axis, with zeros where it ends. */
export function marginOf(
  { positions, kinds, imageStep, stride }: Axis,
  extent: number,
): Margin {
  const starts = kinds.map(({ start }) => start);
  const ends = kinds.map(({ start, count }) =>
    start + (positions - 1) * stride + Math.max(0, count - 1) * imageStep
  );
  const before = Math.max(0, -Math.min(...starts));
  const end = Math.max(...ends) + 1;
  return {
    before,
    used: Math.max(0, Math.min(extent, end)),
    extent: before + end,
  };
}

/**
 * The kernels of `conv` or `conv-input-gradient`, and of results that are computed
 * from it.
 */
export function convolutionKernels(
  scene: Scene,
  index: number,
  results: readonly number[],
): Kernel[] {
  const { instructions, software } = scene;
  const instruction = instructions[index];
  const { operation, operands, shape } = instruction;
  if (
    operation.kind !== "conv" && operation.kind !== "conv-input-gradient"
  ) throw new Error(`Cannot write ${operation.kind}: it is no convolution`);
  const forward = operation.kind === "conv";
  const { stride, padding, dilation, groups } = operation.geometry;
  const [image, w] = operands;
  const imageShape = instructions[image].shape;
  const kernel = instructions[w].shape;
  const [batch, channels, height, width] = shape;
  // Channels of one group, on the result's side and in blocks on the image's.
  const to = channels / groups;
  const toBlocks = Math.ceil(to / 4);
  const fromBlocks = Math.ceil(imageShape[1] / groups / 4);
  const axisOf = forward ? forwardAxis : gradientAxis;
  const [y, x] = [0, 1].map((a) =>
    axisOf(shape[2 + a], kernel[2 + a], stride[a], padding[a], dilation[a])
  );
  const margins = [
    marginOf(y, imageShape[2]),
    marginOf(x, imageShape[3]),
  ] as const;
  const [down, across] = margins.map(({ extent }) => extent);
  const images = packImages(scene, image, groups, margins);
  const kernels = packKernels(scene, w, groups, forward);

  const kinds = y.kinds.length * x.kinds.length;
  const plane = y.positions * x.positions;
  const positions = batch * plane;
  const cells = kernel[2] * kernel[3];
  const steps = kinds * groups * fromBlocks * 4 * cells;
  const tiling = tilingOf(to, positions, steps, software);
  const tiles = groups * tiling.down * tiling.across;
  // What a kind of position sees, by its number.
  const seen = (axis: Axis, name: string) => {
    const by = (write: (cells: Cells) => number): string =>
      axis.kinds.slice(0, -1).reduceRight(
        (rest, kind, k) =>
          `select(${rest}, ${write(kind)}u, ${name}_kind == ${k}u)`,
        `${write(axis.kinds.at(-1)!)}u`,
      );
    const before = margins[axis === y ? 0 : 1].before;
    return `let ${name}_cell = ${by(({ first }) => first)};
let ${name}_count = ${by(({ count }) => count)};
let ${name}_start = ${by(({ start }) => before + start)};`;
  };
  const rows: Side = {
    name: "in0",
    vector: "along",
    step: toBlocks,
    place: (block) =>
      `block * ${fromBlocks * cells * 4 * toBlocks}u + min(${block}, ${
        toBlocks - 1
      }u)`,
  };
  const columns: Side = {
    name: "in1",
    vector: "step",
    step: 1,
    place: (block) => {
      const at = `min((${block}) * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(${
        positions - 1
      }u))`;
      const [t, u] = [
        `(${at} / ${x.positions}u % ${y.positions}u)`,
        `(${at} % ${x.positions}u)`,
      ];
      return `(${at} / ${plane}u * ${groups}u + block) * ${
        fromBlocks * down * across
      }u + (${t} * ${y.stride}u + y_start) * ${across}u + ${u} * ${x.stride}u + x_start`;
    },
  };
  const tile = multiply(tiling, rows, columns);
  const cell = (axis: Axis, name: string, step: string): string =>
    axis.cellStep < 0 ? `(${name}_cell - ${step} * ${-axis.cellStep}u)` : step;
  const whole = kinds === 1 && height * width % 4 === 0;
  const sum = `let block = (group / ${
    tiling.down * tiling.across
  }u) % ${groups}u;
let down = (group / ${tiling.across}u) % ${tiling.down}u;
let across = group % ${tiling.across}u;
let kind = group / ${tiles}u;
let y_kind = kind / ${x.kinds.length}u;
let x_kind = kind % ${x.kinds.length}u;
${seen(y, "y")}
${seen(x, "x")}
${tile.start}
// One loop, since each loop of a software adapter moves all sums.
var c = 0u;
var i = 0u;
var j = 0u;
let steps = ${fromBlocks}u * y_count * x_count;
for (var step = 0u; step < steps; step++) {
  let w_at = ((c * ${kernel[2]}u + ${cell(y, "y", "i")}) * ${kernel[3]}u + ${
    cell(x, "x", "j")
  }) * ${4 * toBlocks}u;
  let image_at = (c * ${down}u + i * ${y.imageStep}u) * ${across}u + j * ${x.imageStep}u;
${tile.step(["w_at", "image_at"], 4)}
  j++;
  let row_ends = j == x_count;
  j = select(j, 0u, row_ends);
  i += select(0u, 1u, row_ends);
  let cells_end = i == y_count;
  i = select(i, 0u, cells_end);
  c += select(0u, 1u, cells_end);
}`;
  const product = productKernels(scene, {
    index,
    results,
    inputs: [kernels.number, images.number].map((number) => ({
      number,
      type: "vec4f",
    })),
    tiling,
    tile,
    tiles: kinds * tiles,
    parts: 1,
    sum,
    store: {
      rows: to,
      columns: positions,
      rowStride: `${height * width}u`,
      column: (name) => ({
        statements:
          `let ${name}_y = (${name} / ${x.positions}u % ${y.positions}u) * ${y.kinds.length}u + y_kind;
let ${name}_x = (${name} % ${x.positions}u) * ${x.kinds.length}u + x_kind;`,
        place: `(${name} / ${plane}u * ${channels}u + block * ${to}u) * ${
          height * width
        }u + ${name}_y * ${width}u + ${name}_x`,
        exists: [
          ...height % y.kinds.length ? [`${name}_y < ${height}u`] : [],
          ...width % x.kinds.length ? [`${name}_x < ${width}u`] : [],
        ],
      }),
      vector: whole ? "columns" : "none",
    },
  });
  return [images.kernel, kernels.kernel, ...product];
}
