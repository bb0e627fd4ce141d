/**
 * Copies of a convolution's operands in which 4 channels are a vector, so that a
 * product reads blocks of 4 from them (`block.ts`), with as many zeros around as
 * the product needs: inside its sum nothing is tested.
 *
 * Bindings: the operand, the copy. One invocation per vector. The copies are scratch
 * results, as large as the operand and its zeros, that live as long as the kernels
 * that read them.
 *
 * @module
 */

import type { Kernel, Result } from "./wgsl.ts";
import type { Scene } from "./expression.ts";
import { assembleGroup } from "./wgsl.ts";

/** A copy, and the kernel that makes it. */
export interface Packed {
  /** The copy's number. */
  readonly number: number;
  /** The kernel. */
  readonly kernel: Kernel;
}

/** What of an axis of images is copied, behind how many zeros, into how much. */
export interface Margin {
  /** Zeros in front. */
  readonly before: number;
  /** How much is copied; what comes behind is not needed. */
  readonly used: number;
  /** Extent of the copy. */
  readonly extent: number;
}

/**
 * Copies images [N, C, H, W] to [N, groups, C / groups / 4, height, width] vectors
 * of 4 channels of a group.
 *
 * @param scene The program.
 * @param index The images.
 * @param groups Groups of the channels.
 * @param margins What of both axes is copied.
 */
export function packImages(
  scene: Scene,
  index: number,
  groups: number,
  margins: readonly [Margin, Margin],
): Packed {
  const [batch, channels, height, width] = scene.instructions[index].shape;
  const depth = channels / groups;
  const blocks = Math.ceil(depth / 4);
  const [down, across] = margins;
  const shape = [batch, groups, blocks, down.extent, across.extent, 4];
  return pack(scene, "channels", index, shape, {
    statements: `let x = at % ${across.extent}u - ${across.before}u;
let y = (at / ${across.extent}u) % ${down.extent}u - ${down.before}u;
let block = at / ${down.extent * across.extent}u;
let channel = (block % ${blocks}u) * 4u;
let first = ((block / ${blocks}u) * ${depth}u + channel) * ${
      height * width
    }u + y * ${width}u + x;`,
    // In front of the image these have wrapped round: far outside.
    exists: `y < ${down.used}u && x < ${across.used}u`,
    stride: height * width,
    coordinate: "channel",
    extent: depth,
  });
}

/**
 * Copies kernels [O, C / groups, kh, kw] to [groups, sum / 4, kh, kw, 4, rows / 4]
 * vectors of 4 rows: rows are the result's channels of a group, and the sum runs
 * over the image's.
 *
 * @param scene The program.
 * @param index The kernels.
 * @param groups Groups of the channels.
 * @param forward Whether O are the rows; else they are summed over.
 */
export function packKernels(
  scene: Scene,
  index: number,
  groups: number,
  forward: boolean,
): Packed {
  const [filters, depth, height, width] = scene.instructions[index].shape;
  const members = filters / groups;
  const cells = height * width;
  const [rows, rowStride] = forward ? [members, depth * cells] : [depth, cells];
  const [sum, sumStride] = forward ? [depth, cells] : [members, depth * cells];
  const rowBlocks = Math.ceil(rows / 4), sumBlocks = Math.ceil(sum / 4);
  const shape = [groups, sumBlocks, height, width, 4, rowBlocks, 4];
  return pack(scene, "kernels", index, shape, {
    statements: `let row = (at % ${rowBlocks}u) * 4u;
let cell = (at / ${rowBlocks * 4}u) % ${cells}u;
let block = at / ${rowBlocks * 4 * cells}u;
let summed = (block % ${sumBlocks}u) * 4u + (at / ${rowBlocks}u) % 4u;
let first = (block / ${sumBlocks}u) * ${
      members * depth * cells
    }u + row * ${rowStride}u + summed * ${sumStride}u + cell;`,
    exists: `summed < ${sum}u`,
    stride: rowStride,
    coordinate: "row",
    extent: rows,
  });
}

/** Which four numbers make vector `at`. */
interface Vectors {
  /** Statements that find the first number's place, `first`. */
  readonly statements: string;
  /** Whether there is such a vector; zeros else. */
  readonly exists: string;
  /** Distance from one number to the next. */
  readonly stride: number;
  /** Coordinate of the first number along the vector, and the axis' extent. */
  readonly coordinate: string;
  readonly extent: number;
}

function pack(
  scene: Scene,
  what: string,
  index: number,
  shape: readonly number[],
  { statements, exists, stride, coordinate, extent }: Vectors,
): Packed {
  const number = scene.scratch();
  const result: Result = { number, spec: { shape, dtype: "float" } };
  const numbers = [0, 1, 2, 3].map((c) =>
    // Places outside are not read into the copy, whatever is found there.
    `select(0.0, in0[first + ${c * stride}u], ${
      extent % 4 === 0
        ? "exists"
        : `exists && ${coordinate} + ${c}u < ${extent}u`
    })`
  );
  const kernel = assembleGroup({
    name: `packed ${what} float[${shape.join(", ")}]`,
    role: "prepares",
    inputs: [{ number: scene.roots[index], type: "f32" }],
    results: [{ ...result, name: "result", type: "vec4f" }],
    functions: [],
    work: { invocations: shape.reduce((size, n) => size * n, 1) / 4 },
    body: `${statements}
let exists = ${exists};
result[at] = vec4f(${numbers.join(", ")});`,
  });
  return { number, kernel };
}
