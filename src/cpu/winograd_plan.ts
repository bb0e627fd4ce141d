/**
 * How a convolution by Winograd is cut (`winograd_convolution.ts`).
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { type Axis, axisOf, placesOf } from "./image.ts";
import type { Cell, Sliding } from "./sliding.ts";
import { cutRows, FLOAT, LANES, type Rows } from "./tile.ts";
import {
  LEAST_POSITIONS,
  MOST_WEIGHTS,
  SQUARES_OF_2,
  SQUARES_OF_4,
  type Winograd,
} from "./winograd.ts";
import { isStridedWorthwhile, SPREAD, STRIDED } from "./winograd_strided.ts";

/** Vectors of squares that are taken through at a time. */
export const VECTORS = 2;

/** Bytes of a row of a tile: eight squares. */
export const ROW = VECTORS * LANES * FLOAT;

/** Most floats of a band in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 32;

/** The forms of squares. */
const FORMS = {
  "2 x 2": SQUARES_OF_2,
  "4 x 4": SQUARES_OF_4,
  strided: STRIDED,
  spread: SPREAD,
} as const;

/** The transforms of a form of square. */
export const winogradOf = ({ form }: Pick<Plan, "form">): Winograd =>
  FORMS[form];

/** A convolution, and how it is cut. */
export interface Plan extends Sliding {
  readonly rows: Rows;
  /** The form of the squares. */
  readonly form: keyof typeof FORMS;
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
export function isForWinograd(sliding: Sliding): boolean {
  const { batch, from, to, result } = sliding;
  const kernel = kernelOf(sliding);
  const [rows, columns] = leastOf(kernel);
  const square = kernel.length === 9 &&
    kernel.every(({ row, column }) => row < rows + 3 && column < columns + 3);
  const squares = squaresFor(sliding);
  if (!square || squares === undefined) return false;
  const { size, step } = FORMS[squares.form];
  const positions = batch * sizeOf(result);
  // Squares are as far apart as they are large where the stride is 1; few channels do
  // not pay for the transforms there.
  return size === step
    ? from >= 8 && to >= 8 && positions >= LEAST_POSITIONS
    : isStridedWorthwhile(positions / size ** 2, from, to);
}

/**
 * The cells of the kernel of all phases: where they lie before or behind a position,
 * in cells of the image, or in positions where these are spread over it.
 */
export function kernelOf({ spread, phases }: Sliding): Cell[] {
  return phases.flatMap((phase) =>
    phase.cells.map(({ row, column, weight }) => ({
      row: row * spread[0] - phase.row,
      column: column * spread[1] - phase.column,
      weight,
    }))
  );
}

/** The least offsets of cells. */
export function leastOf(cells: readonly Cell[]): [number, number] {
  return [
    Math.min(...cells.map(({ row }) => row)),
    Math.min(...cells.map(({ column }) => column)),
  ];
}

/** The largest squares that cut a result evenly, and how a vector has four of them. */
function squaresFor(
  sliding: Sliding,
): Pick<Plan, "form" | "high" | "wide"> | undefined {
  const { step, spread, result: [height, width] } = sliding;
  const [steps, spreads] = [step, spread].map((axes) => axes.join());
  const whole = (size: number) => {
    if (height % size > 0) return undefined;
    if (width % (4 * size) === 0) return { high: 1, wide: 4 };
    const both = height % (2 * size) + width % (2 * size) === 0;
    return both ? { high: 2, wide: 2 } : undefined;
  };
  const formed = (form: Plan["form"]) => {
    const cut = whole(FORMS[form].size);
    return cut && { form, ...cut };
  };
  if (steps === "2,2" && spreads === "1,1") return formed("strided");
  if (steps === "1,1" && spreads === "2,2") {
    // Positions of odd numbers see two cells.
    const odd = leastOf(kernelOf(sliding)).every((least) => least === -1);
    return odd ? formed("spread") : undefined;
  }
  if (steps !== "1,1" || spreads !== "1,1") return undefined;
  // Few positions in a vector do not pay for the transforms.
  const used = width / (Math.ceil(width / 8) * 8);
  return formed("4 x 4") ??
    (used > 0.7 ? { form: "2 x 2", high: 1, wide: 4 } : undefined);
}

/** Cuts a convolution, or several of so many images together. */
export function planOf(sliding: Sliding, images: number): Plan {
  const { batch, groups, from, to, image, result, phases } = sliding;
  const squares = squaresFor(sliding);
  if (squares === undefined) {
    throw new Error(
      `Cannot cut a result of ${result} into squares: its size fits no form`,
    );
  }
  const { form, high, wide } = squares;
  const { size, seen, step, kinds } = FORMS[form];
  const least = leastOf(phases.flatMap(({ cells }) => cells));
  const lines = Math.ceil(result[0] / (size * high));
  const across = Math.ceil(result[1] / (size * wide));
  const offsets = (start: number) =>
    Array.from({ length: seen }, (_, i) => start + i);
  const axesOf = (band: number) =>
    [
      axisOf(image[0], step, band * high, offsets(least[0])),
      axisOf(image[1], step, across * wide, offsets(least[1])),
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
  const most = Math.floor(MOST_WEIGHTS / (kinds ** 2 * from * rows.high));
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
    form,
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
