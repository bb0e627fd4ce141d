/**
 * How a convolution by Winograd is cut (`winograd_convolution.ts`).
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { type Axis, axisOf, placesOf } from "./image.ts";
import type { Sliding } from "./sliding.ts";
import { cutRows, FLOAT, LANES, type Rows } from "./tile.ts";
import {
  LEAST_POSITIONS,
  MOST_WEIGHTS,
  type Winograd,
  winogradOf,
} from "./winograd.ts";

/** Vectors of squares that are taken through at a time. */
export const VECTORS = 2;

/** Bytes of a row of a tile: eight squares. */
export const ROW = VECTORS * LANES * FLOAT;

/** Most floats of a band in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 32;

/** A convolution, and how it is cut. */
export interface Plan extends Sliding {
  readonly rows: Rows;
  /** Positions of a square along each axis. */
  readonly size: Winograd["size"];
  /** Rows and columns of squares in a vector: 1 x 4, or 2 x 2. */
  readonly high: number;
  readonly wide: number;
  /** Rows of vectors of squares, and vectors in each. */
  readonly lines: number;
  readonly across: number;
  /** Samples of a unit, and how many such ranges there are. */
  readonly samples: number;
  readonly blocks: number;
  /** Rows of vectors in a band, and how many bands there are. */
  readonly band: number;
  readonly bands: number;
  /** Tiles of channels in a unit, and how many such ranges there are. */
  readonly tiles: number;
  readonly outs: number;
  /** The band's layout, and how many floats a channel of it has. */
  readonly axes: readonly [Axis, Axis];
  readonly plane: number;
  /** Bytes from one place's transformed squares to the next's. */
  readonly stride: number;
}

/** Whether a convolution can be done so, and is faster for it. */
export function isForWinograd({
  batch,
  from,
  to,
  step,
  spread,
  phases,
  result,
}: Sliding): boolean {
  const [{ cells }] = phases;
  const [rows, columns] = leastOf(cells);
  const square = cells.length === 9 &&
    cells.every(({ row, column }) => row < rows + 3 && column < columns + 3);
  const plain = [...step, ...spread].every((n) => n === 1);
  // Few channels do not pay for the transforms, nor do few positions in a vector.
  const used = result[1] / (Math.ceil(result[1] / 8) * 8);
  return square && plain && from >= 8 && to >= 8 && used > 0.7 &&
    batch * sizeOf(result) >= LEAST_POSITIONS;
}

/** The least offsets of cells. */
export function leastOf(
  cells: Sliding["phases"][0]["cells"],
): [number, number] {
  return [
    Math.min(...cells.map(({ row }) => row)),
    Math.min(...cells.map(({ column }) => column)),
  ];
}

/** The largest squares that cut a result evenly, and how a vector has four of them. */
function squaresFor(
  [height, width]: Sliding["result"],
): Pick<Plan, "size" | "high" | "wide"> {
  if (height % 4 === 0 && width % 16 === 0) {
    return { size: 4, high: 1, wide: 4 };
  }
  if (height % 8 === 0 && width % 8 === 0) return { size: 4, high: 2, wide: 2 };
  return { size: 2, high: 1, wide: 4 };
}

/** Cuts a convolution, or several of so many images together. */
export function planOf(sliding: Sliding, images: number): Plan {
  const { batch, groups, from, to, image, result, phases } = sliding;
  const least = leastOf(phases[0].cells);
  const { size, high, wide } = squaresFor(result);
  const { edge } = winogradOf({ size });
  const lines = Math.ceil(result[0] / (size * high));
  const across = Math.ceil(result[1] / (size * wide));
  const seen = (start: number) =>
    Array.from({ length: edge }, (_, i) => start + i);
  const axesOf = (band: number) =>
    [
      axisOf(image[0], size, band * high, seen(least[0])),
      axisOf(image[1], size, across * wide, seen(least[1])),
    ] as const;
  const planeOf = ([rows, columns]: readonly [Axis, Axis]) =>
    placesOf(rows) * placesOf(columns);
  const units = Math.ceil(ENOUGH_UNITS / (batch * groups));
  const lean = Math.min(2, lines);
  let band = Math.max(lean, Math.ceil(lines / units));
  while (band > lean && images * from * planeOf(axesOf(band)) > BAND) {
    band = Math.ceil(band / 2);
  }
  const bands = Math.ceil(lines / band);
  // Samples of one vector are taken together, so that none is computed twice.
  const samples = Math.min(batch, Math.ceil(VECTORS / (lines * across)));
  const blocks = Math.ceil(batch / samples);
  const rows = cutRows(to, "sideBySide");
  const most = Math.floor(MOST_WEIGHTS / (edge ** 2 * from * rows.high));
  // Each range of channels transforms all images anew: of several, fewer are worth it.
  const enough = ENOUGH_UNITS / images;
  const outs = Math.max(
    Math.ceil(rows.tiles / Math.max(1, most)),
    Math.min(rows.tiles, Math.floor(enough / (blocks * groups * bands))),
  );
  const tiles = Math.ceil(rows.tiles / outs);
  const axes = axesOf(band);
  return {
    ...sliding,
    rows,
    size,
    high,
    wide,
    lines,
    across,
    samples,
    blocks,
    band,
    bands,
    tiles,
    outs: Math.ceil(rows.tiles / tiles),
    axes,
    plane: planeOf(axes),
    // One line more, so that the places do not share the same lines of a cache.
    stride: from * ROW + 64,
  };
}
