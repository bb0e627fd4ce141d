/**
 * How the gradient at kernels of 3 x 3 by Winograd is cut (`winograd_gradient.ts`):
 * into parts and chunks of squares, which only the shape decides.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../tensor/tensor.ts";
import type { Shape } from "../tensor/value.ts";
import type { Scene } from "./kernel.ts";
import { cutRows, FLOAT, LANES, type Rows } from "./tile.ts";
import {
  type GradientWinograd,
  kindsIn,
  LEAST_POSITIONS,
  MOST_WEIGHTS,
  SQUARES_OF_2,
  SQUARES_OF_4,
} from "./winograd.ts";
import { isStridedWorthwhile, STRIDED } from "./winograd_strided.ts";

/** Least squares of a part, so that joining costs little, and most parts. */
const PART = 64;
const MOST_PARTS = 16;

/** Squares of a chunk times kinds of places: the second cache holds what is transformed. */
const CHUNK = 1152;

/** The forms of squares. */
const FORMS = {
  "2 x 2": SQUARES_OF_2,
  "4 x 4": SQUARES_OF_4,
  strided: STRIDED,
} as const;

/** The transforms of a plan's form of square. */
export const winogradOf = ({ form }: Pick<Plan, "form">): GradientWinograd =>
  FORMS[form];

/** Where a side of the product comes from: the image, or dy. */
export interface Side {
  /** Channels of a group. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Cells of padding above and to the left of the first square. */
  readonly padding: readonly [number, number];
  /** Rows and columns of a square, and those from one square to the next. */
  readonly seen: number;
  readonly step: number;
  /** Bytes from one place's numbers to the next's. */
  readonly stride: number;
}

/** A kernel gradient, and how it is cut. */
export interface Plan {
  /** The form of the squares. */
  readonly form: keyof typeof FORMS;
  readonly batch: number;
  /**
   * Groups of dy's channels, and how many of them see the same channels of the
   * image: a group of many channels is cut, so that the caches hold its sums.
   */
  readonly groups: number;
  readonly outs: number;
  readonly x: Side;
  readonly dy: Side;
  readonly rows: Rows;
  /** Rows of squares, and squares in each. */
  readonly squares: number;
  readonly across: number;
  /** A chunk: samples, and rows of squares. */
  readonly samples: number;
  readonly band: number;
  readonly bands: number;
  readonly chunks: number;
  readonly parts: number;
}

/** Whether a kernel gradient can be computed so, and is faster for it. */
export function isGradientForWinograd(
  [filters, depth, height, width]: Shape,
  dy: Shape,
  { stride, dilation, groups }: ConvolutionGeometry,
): boolean {
  const members = filters / groups;
  const positions = dy[0] * dy[2] * dy[3];
  const strided = stride.every((n) => n === 2) && isCutEvenly(dy) &&
    isStridedWorthwhile(positions / STRIDED.size ** 2, depth, members);
  return height === 3 && width === 3 && dilation.every((n) => n === 1) &&
    (strided || stride.every((n) => n === 1)) &&
    [depth, members].every((n) => n >= 12 && n % LANES === 0) &&
    positions >= LEAST_POSITIONS;
}

/** Whether squares of 4 x 4 cut dy evenly. */
const isCutEvenly = (dy: Shape): boolean => dy[2] % 4 + dy[3] % 4 === 0;

/** Cuts a `conv-kernel-gradient`. */
export function planOf(scene: Scene, index: number): Plan {
  const { operation, operands } = scene.instructions[index];
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot emit ${operation.kind}: it is no kernel gradient`);
  }
  const { padding, stride } = operation.geometry;
  const [image, slopes] = operands.map((o) => scene.instructions[o].shape);
  const batch = image[0];
  const form = stride[0] === 2
    ? "strided"
    : isCutEvenly(slopes)
    ? "4 x 4"
    : "2 x 2";
  const winograd = winogradOf({ form });
  const { size, seen, step } = winograd;
  const squares = Math.ceil(slopes[2] / size);
  const across = Math.ceil(slopes[3] / size);
  const depth = image[1] / operation.geometry.groups;
  const members = slopes[1] / operation.geometry.groups;
  // The largest range of channels that divides them.
  let range = members;
  for (let outs = 2; range * depth * kindsIn(winograd) > MOST_WEIGHTS; outs++) {
    if (range === LANES) break;
    if (members % (outs * LANES) === 0) range = members / outs;
  }
  const outs = members / range;
  const groups = operation.geometry.groups * outs;
  const most = Math.floor(CHUNK / kindsIn(winograd));
  // A chunk is a band of a large sample, or several small samples.
  const bands = Math.ceil(
    squares / Math.max(1, Math.floor(most / across)),
  );
  const band = Math.ceil(squares / bands);
  const total = batch * squares * across;
  const parts = Math.max(
    1,
    Math.min(Math.ceil(MOST_PARTS / groups), Math.floor(total / PART)),
  );
  const samples = Math.max(
    1,
    Math.min(
      Math.floor(most / (squares * across)),
      Math.ceil(batch / parts),
    ),
  );
  const chunks = Math.ceil(batch / samples) * Math.ceil(squares / band);
  const side = (
    shape: readonly number[],
    channels: number,
    padding: readonly [number, number],
    seen: number,
    step: number,
  ): Side => ({
    channels,
    height: shape[2],
    width: shape[3],
    padding,
    seen,
    step,
    // One line more, so that the places do not share the same lines of a cache.
    stride: samples * band * across * channels * FLOAT + 64,
  });
  return {
    form,
    batch,
    groups,
    outs,
    x: side(image, depth, padding, seen, step),
    dy: side(slopes, range, [0, 0], size, size),
    rows: cutRows(range, "sideBySide"),
    squares,
    across,
    samples,
    band,
    bands: Math.ceil(squares / band),
    chunks,
    // No part is empty.
    parts: Math.ceil(chunks / Math.ceil(chunks / Math.min(parts, chunks))),
  };
}

/** Rows and columns of a side's band, of so many rows and columns of squares. */
export const cellsOf = ({ seen, step }: Side, squares: number): number =>
  squares * step + seen - step;

/** Bytes of a band, four channels after four. */
export function bandSize({ x, dy, band, across }: Plan): number {
  const sizes = [x, dy].map((side) =>
    cellsOf(side, band) * cellsOf(side, across) * side.channels
  );
  return Math.max(...sizes) * FLOAT;
}
