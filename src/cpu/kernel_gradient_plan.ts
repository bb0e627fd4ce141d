/**
 * How the gradient of a convolution at its kernel is cut: into parts and chunks of
 * the positions, which only the shape decides.
 *
 * @module
 */

import { type Axis, axisOf, placeOn, placesOf } from "./image.ts";
import type { Scene } from "./kernel.ts";
import { cutRows, LANES, type Rows, vectorsFor } from "./tile.ts";

/** Most floats of the image in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Most positions of a chunk: six rows of dy stay in the first cache. */
const MOST_POSITIONS = 1024;

/** Least positions of a part, so that joining costs little. */
const PART = 512;

/** Most parts, and units of work; each range of channels copies the image anew. */
const MOST_PARTS = 32;
const ENOUGH_UNITS = 8;

/** A kernel gradient, and how it is cut. */
export interface GradientPlan {
  readonly batch: number;
  readonly groups: number;
  /** Channels of a group of the image, and of dy. */
  readonly depth: number;
  readonly members: number;
  readonly image: readonly [number, number];
  readonly positions: readonly [number, number];
  /** The band's layout, and how many floats a channel of it has. */
  readonly axes: readonly [Axis, Axis];
  readonly plane: number;
  /** Where in a plane each cell of the kernel begins. */
  readonly cells: readonly number[];
  /** Whether the image is read where it lies. */
  readonly direct: boolean;
  readonly rows: Rows;
  /** Entries of a tile. */
  readonly entries: number;
  /** A chunk: samples, rows of positions, and channels of the image. */
  readonly samples: number;
  readonly band: number;
  readonly block: number;
  readonly bands: number;
  readonly chunks: number;
  /** Parts of the chunks, and ranges of tiles. */
  readonly parts: number;
  readonly outs: number;
}

/** Cuts a `conv-kernel-gradient`. */
export function gradientPlan(scene: Scene, index: number): GradientPlan {
  const { operation, operands, shape } = scene.instructions[index];
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot emit ${operation.kind}: it is no kernel gradient`);
  }
  const { stride, padding, dilation, groups } = operation.geometry;
  const [batch, , height, width] = scene.instructions[operands[0]].shape;
  const [, , outHeight, outWidth] = scene.instructions[operands[1]].shape;
  const [filters, depth, kernelHeight, kernelWidth] = shape;
  const members = filters / groups;
  const unpadded = padding[0] === 0 && padding[1] === 0;
  const unstrided = stride[0] === 1 && stride[1] === 1;
  const area = kernelHeight * kernelWidth;
  const direct = unpadded && unstrided;
  // A kernel of one cell sees a plane as one long row.
  const plain = direct && area === 1;
  const image: readonly [number, number] = plain
    ? [1, height * width]
    : [height, width];
  const positions: readonly [number, number] = plain
    ? [1, outHeight * outWidth]
    : [outHeight, outWidth];

  const offsets = (axis: 0 | 1, extent: number) =>
    Array.from(
      { length: extent },
      (_, i) => i * dilation[axis] - padding[axis],
    );
  const rowOffsets = offsets(0, kernelHeight);
  const columnOffsets = offsets(1, kernelWidth);
  const columns: Axis = direct
    ? { ...axisOf(image[1], 1, 1, columnOffsets), pitch: image[1] }
    : axisOf(
      image[1],
      stride[1],
      Math.ceil(positions[1] / LANES) * LANES,
      columnOffsets,
    );
  const rowsOf = (count: number): Axis =>
    direct
      ? { ...axisOf(image[0], 1, 1, rowOffsets), pitch: image[0] }
      : axisOf(image[0], stride[0], count, rowOffsets);

  // A chunk is a band of a large sample, or several small samples.
  const all = positions[0] * positions[1];
  const many = Math.max(PART, Math.min(MOST_POSITIONS, batch * all / 16));
  const most = Math.max(1, Math.floor(many / positions[1]));
  const bands = Math.ceil(positions[0] / most);
  const band = Math.ceil(positions[0] / bands);
  const samples = Math.min(batch, Math.max(1, Math.floor(many / all)));
  const rows = rowsOf(band);
  const plane = placesOf(rows) * placesOf(columns);
  const block = direct
    ? depth
    : Math.min(depth, Math.max(1, Math.floor(BAND / (samples * plane))));
  const chunks = Math.ceil(batch / samples) * Math.ceil(positions[0] / band);
  const tiles = cutRows(members, "apart");
  const parts = Math.max(
    1,
    Math.min(chunks, MOST_PARTS, Math.floor(batch * all / PART)),
  );
  return {
    batch,
    groups,
    depth,
    members,
    image,
    positions,
    axes: [rows, columns],
    plane,
    cells: rowOffsets.flatMap((row) =>
      columnOffsets.map((column) =>
        placeOn(rows, row) * placesOf(columns) + placeOn(columns, column)
      )
    ),
    direct,
    rows: tiles,
    entries: vectorsFor(tiles.high),
    samples,
    band,
    block,
    bands: Math.ceil(positions[0] / band),
    chunks,
    // No part is empty.
    parts: Math.ceil(chunks / Math.ceil(chunks / parts)),
    outs: Math.min(tiles.tiles, Math.ceil(ENOUGH_UNITS / (parts * groups))),
  };
}
