/**
 * How a convolution whose products are all computed is cut (`convolution.ts`).
 *
 * @module
 */

import { type Axis, axisOf, placesOf } from "./image.ts";
import type { Sliding } from "./sliding.ts";
import { cutRows, FLOAT, LANES, type Rows, vectorsFor } from "./tile.ts";

/** Most floats of a band in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Steps of the sum after which the sums wait in the result. */
const STEPS = 640;

/** Least rows of a band: with fewer, neighbouring bands copy much twice. */
const LEAST_ROWS = 4;

/** Most tiles of channels in a unit: their weights stay in the second cache. */
const MOST_TILES = 16;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 32;

/** How a convolution is cut. */
export interface Plan extends Sliding {
  readonly rows: Rows;
  /** Vectors of a tile. */
  readonly vectors: number;
  /** Rows of positions of each phase in a band, and how many bands there are. */
  readonly band: number;
  readonly bands: number;
  /** Ranges of channels of the result that are units apart. */
  readonly outs: number;
  /** Channels of the image between which the sums wait. */
  readonly block: number;
  /** Whether the image is read where it lies. */
  readonly direct: boolean;
  /** The band's layout, and how many floats a channel of it has. */
  readonly axes: readonly [Axis, Axis];
  readonly plane: number;
}

/** Cuts a convolution. */
export function planOf(sliding: Sliding): Plan {
  const { batch, groups, from, to, image, step, phases } = sliding;
  const cells = phases.flatMap((phase) => phase.cells);
  const mostRows = Math.max(...phases.map((phase) => phase.rows));
  const mostColumns = Math.max(...phases.map((phase) => phase.columns));
  const rows = cutRows(to, "apart");
  const offsets = (side: "row" | "column") =>
    cells.length > 0 ? cells.map((cell) => cell[side]) : [0];
  const columns = axisOf(
    image[1],
    step[1],
    Math.ceil(mostColumns / LANES) * LANES,
    offsets("column"),
  );
  const rowsOf = (positions: number) =>
    axisOf(image[0], step[0], positions, offsets("row"));
  const inside = (axis: 0 | 1, side: "row" | "column", positions: number) =>
    step[axis] === 1 &&
    offsets(side).every((offset) =>
      offset >= 0 && offset + positions <= image[axis]
    );
  const direct = inside(0, "row", mostRows) &&
    inside(1, "column", mostColumns);
  // Channels per block: a round number of steps, and few enough for the scratch.
  const widest = Math.max(1, ...phases.map((phase) => phase.cells.length));
  let block = Math.min(from, Math.max(4, Math.floor(STEPS / widest / 4) * 4));
  const wanted = Math.ceil(
    mostRows / Math.ceil(ENOUGH_UNITS / (batch * groups)),
  );
  const least = Math.min(mostRows, LEAST_ROWS);
  let band = Math.max(wanted, least);
  const tooLarge = () =>
    !direct && block * placesOf(rowsOf(band)) * placesOf(columns) > BAND;
  while (tooLarge() && band > least) band = Math.ceil(band / 2);
  while (tooLarge() && block > 4) block = Math.ceil(block / 8) * 4;
  while (tooLarge() && band > 1) band--;
  const bands = Math.ceil(mostRows / band);
  const units = batch * groups * bands;
  const outs = Math.min(
    rows.tiles,
    Math.max(
      Math.floor(ENOUGH_UNITS / units),
      Math.ceil(rows.tiles / MOST_TILES),
    ),
  );
  const axes = direct
    ? [
      { ...rowsOf(1), least: 0, pitch: image[0] },
      { ...columns, least: 0, pitch: image[1] },
    ] as const
    : [rowsOf(band), columns] as const;
  return {
    ...sliding,
    rows,
    vectors: vectorsFor(rows.high),
    band,
    bands,
    outs: Math.max(1, outs),
    block,
    direct,
    axes,
    plane: placesOf(axes[0]) * placesOf(axes[1]),
  };
}

/**
 * Whether all channels of a band are copied at once. Then the bands of several images
 * are there together, and all terms of a sum are added up in registers.
 */
export const isWhole = ({ block, from }: Plan): boolean => block === from;

/** Bytes of the copied band of an image. */
export const bandSize = ({ block, plane }: Plan): number =>
  block * plane * FLOAT;
