/**
 * A band of an image as the positions of a kernel see it: with its padding, and
 * so ordered that neighbouring positions read neighbouring numbers, whatever the
 * stride; or with four channels side by side. Only the image is copied, once, not
 * the patches.
 *
 * Along each axis, positions 0, 1, 2, ... see the cells `position * step + offset`.
 * Cells whose offsets leave the same remainder by the step lie side by side.
 *
 * @module
 */

import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  f32,
  f32x4,
  i32,
  i32x4,
  type Local,
  type Operand,
  v128,
} from "../wasm/expression.ts";
import { transpose } from "./pack.ts";
import { FLOAT, LANES } from "./tile.ts";

/** How an axis of a band is laid out. */
export interface Axis {
  /** Cells of the image along the axis. */
  readonly extent: number;
  /** Cells between neighbouring positions. */
  readonly step: number;
  /** The least offset: the cell that position 0 sees first, below 0 in the padding. */
  readonly least: number;
  /** The remainders of offsets, less `least`, that occur. */
  readonly remainders: readonly number[];
  /** Places for each remainder. */
  readonly pitch: number;
}

/**
 * Lays out an axis.
 *
 * @param extent Cells of the image.
 * @param step Cells between neighbouring positions.
 * @param positions Positions that are read.
 * @param offsets Offsets at which a position sees cells.
 */
export function axisOf(
  extent: number,
  step: number,
  positions: number,
  offsets: readonly number[],
): Axis {
  const least = Math.min(...offsets);
  const past = offsets.map((offset) => offset - least);
  const remainders = [...new Set(past.map((p) => p % step))].sort((a, b) =>
    a - b
  );
  const reach = Math.max(...past.map((p) => Math.floor(p / step)));
  return { extent, step, least, remainders, pitch: positions + reach };
}

/** Where position 0 sees an offset; position p sees it p places further. */
export function placeOn(axis: Axis, offset: number): number {
  const past = offset - axis.least;
  return axis.remainders.indexOf(past % axis.step) * axis.pitch +
    Math.floor(past / axis.step);
}

/** Places of a whole axis. */
export const placesOf = (axis: Axis): number =>
  axis.remainders.length * axis.pitch;

/**
 * Emits the copying of a band of channels.
 *
 * @param f The function.
 * @param rows The axis of the rows, laid out for the positions of the band.
 * @param columns The axis of the columns.
 * @param from Address of the first channel of the image.
 * @param channels How many channels; they lie one after another.
 * @param first First position of the band along the rows.
 * @param to Where the band goes: [channels, places of rows, places of columns].
 */
export function copyBand(
  f: FunctionBuilder,
  rows: Axis,
  columns: Axis,
  from: Local<"i32">,
  channels: Operand<"i32">,
  first: Operand<"i32">,
  to: Local<"i32">,
): void {
  const channel = f.local("i32");
  const place = f.local("i32");
  const y = f.local("i32");
  const plane = f.let(i32.add(from, 0));
  const at = f.let(i32.add(to, 0));
  const start = f.let(i32.mul(first, rows.step));
  f.loop(channel, 0, channels, 1, () => {
    for (const remainder of rows.remainders) {
      f.set(y, i32.add(start, rows.least + remainder));
      f.loop(place, 0, rows.pitch, 1, () => {
        // Above the image y is a large number.
        f.if(
          i32.lt_u(y, rows.extent),
          () => {
            const row = i32.mul(y, columns.extent * FLOAT);
            copyRow(f, columns, f.let(i32.add(plane, row)), at);
          },
          () => zeros(f, at, 0, placesOf(columns)),
        );
        f.increase(at, placesOf(columns) * FLOAT);
        f.increase(y, rows.step);
      });
    }
    f.increase(plane, rows.extent * columns.extent * FLOAT);
  });
}

/** A band of four channels of an image of planes of height x width. */
export interface ChannelBand {
  readonly height: number;
  readonly width: number;
  /** How many rows are copied, and the first: a large number above the image. */
  readonly rows: Local<"i32">;
  readonly first: Local<"i32">;
  /** How many columns are copied, and how many of them are before the image. */
  readonly columns: number;
  readonly before: number;
  /** Address of the first channel. */
  readonly from: Local<"i32">;
  readonly to: Local<"i32">;
}

/** Emits the copying of a band of four channels: [row, column, channel]. */
export function copyChannels(f: FunctionBuilder, band: ChannelBand): void {
  const { height, width, rows, first, columns, from, to } = band;
  const plane = height * width * FLOAT;
  const cellBytes = LANES * FLOAT;
  const before = Math.min(columns, band.before);
  const inside = Math.max(0, Math.min(columns - before, width));
  const [row, column] = [f.local("i32"), f.local("i32")];
  const y = f.let(first);
  const at = f.let(to);
  const padding = (count: number) =>
    f.loop(column, 0, count, 1, () => {
      f.store(at, f32x4.splat(0));
      f.increase(at, cellBytes);
    });
  const copied = () => {
    const cell = f.let(i32.add(from, i32.mul(y, width * FLOAT)));
    padding(before);
    f.loop(column, 0, Math.floor(inside / LANES), 1, () => {
      const channels = [0, 1, 2, 3].map((c) =>
        f.let(v128.load(cell, c * plane))
      );
      transpose(f, channels).forEach((vector, i) =>
        f.store(at, vector, i * cellBytes)
      );
      f.increase(cell, LANES * FLOAT);
      f.increase(at, LANES * cellBytes);
    });
    for (let i = 0; i < inside % LANES; i++) {
      const vector = [1, 2, 3].reduce(
        (channels, c) =>
          v128.load32_lane(cell, channels, c, c * plane + i * FLOAT),
        v128.load32_zero(cell, i * FLOAT),
      );
      f.store(at, vector);
      f.increase(at, cellBytes);
    }
    padding(columns - before - inside);
  };
  f.loop(row, 0, rows, 1, () => {
    f.if(i32.lt_u(y, height), copied, () => padding(columns));
    f.increase(y, 1);
  });
}

/** Copies the cells of a row that are seen, with zeros for the padding. */
function copyRow(
  f: FunctionBuilder,
  columns: Axis,
  from: Local<"i32">,
  to: Local<"i32">,
): void {
  const { extent, step, least, remainders, pitch } = columns;
  const fours = copyFours(f, columns, from, to);
  remainders.forEach((remainder, i) => {
    const offset = least + remainder;
    const inside = (place: number) =>
      Math.max(0, Math.min(pitch, Math.ceil(place / step)));
    const begin = inside(-offset);
    const end = Math.max(begin, inside(extent - offset));
    zeros(f, to, i * pitch, begin);
    // What is left of the fours.
    const start = Math.max(begin, inside(fours - offset));
    copyCells(
      f,
      step,
      end - start,
      from,
      start * step + offset,
      to,
      i * pitch + start,
    );
    zeros(f, to, i * pitch + end, pitch - end);
  });
}

/**
 * Copies the cells of four positions at once, and last of two, where positions are a
 * multiple of four cells apart and see all of them.
 *
 * @returns How many cells are copied.
 */
function copyFours(
  f: FunctionBuilder,
  { extent, step, least, remainders, pitch }: Axis,
  from: Local<"i32">,
  to: Local<"i32">,
): number {
  const seen = remainders.length === step && least <= 0;
  if (step % LANES > 0 || !seen) return 0;
  const cells = Math.min(extent, pitch * step + least);
  const round = LANES * step;
  const rounds = Math.floor(cells / round);
  const placeOf = (cell: number) =>
    (cell - least) % step * pitch + Math.floor((cell - least) / step);
  const load = (source: Local<"i32">, cell: number) =>
    f.let(v128.load(source, cell * FLOAT));
  const parts = Array.from({ length: step / LANES }, (_, i) => i * LANES);
  repeatVectors(f, rounds, [from, to], [round, LANES], ([source, at], r) => {
    for (const part of parts) {
      const rows = [0, 1, 2, 3].map((position) =>
        load(source, r * round + position * step + part)
      );
      transpose(f, rows).forEach((vector, i) =>
        f.store(at, vector, placeOf(r * round + part + i) * FLOAT)
      );
    }
  });
  const done = rounds * round;
  if (cells - done < 2 * step) return done;
  for (const part of parts) {
    const [left, right] = [done + part, done + step + part].map((cell) =>
      load(from, cell)
    );
    [[0, 4, 1, 5], [2, 6, 3, 7]].forEach((lanes, pair) => {
      const vector = f.let(i32x4.shuffle(left, right, lanes));
      for (const half of [0, 1]) {
        const place = placeOf(done + part + pair * 2 + half);
        f.storeHalf(to, vector, half, place * FLOAT);
      }
    });
  }
  return done + 2 * step;
}

/** Most vectors that are copied without a loop. */
const UNROLLED = 16;

/** Sets so many floats to zero. */
function zeros(
  f: FunctionBuilder,
  to: Local<"i32">,
  offset: number,
  count: number,
): void {
  const vectors = Math.floor(count / LANES);
  const start = repeatVectors(f, vectors, [to], [LANES], ([at], v) => {
    f.store(at, f32x4.splat(0), (offset + v * LANES) * FLOAT);
  });
  for (let i = start * LANES; i < count; i++) {
    f.store(to, f32.const(0), (offset + i) * FLOAT);
  }
}

/** Copies every `step`-th float, from the one at `skip` on. */
function copyCells(
  f: FunctionBuilder,
  step: number,
  count: number,
  from: Local<"i32">,
  skip: number,
  to: Local<"i32">,
  target: number,
): void {
  const vectors = step > 2 ? 0 : Math.floor(count / LANES);
  const done = repeatVectors(
    f,
    vectors,
    [from, to],
    [LANES * step, LANES],
    ([source, at], v) => {
      const load = (part: number) =>
        v128.load(source, (skip + (v * step + part) * LANES) * FLOAT);
      const cells = step === 1
        ? load(0)
        : i32x4.shuffle(load(0), load(1), [0, 2, 4, 6]);
      f.store(at, cells, (target + v * LANES) * FLOAT);
    },
  );
  for (let i = done * LANES; i < count; i++) {
    f.store(
      to,
      f32.load(from, (skip + i * step) * FLOAT),
      (target + i) * FLOAT,
    );
  }
}

/**
 * Emits a body for each of so many vectors, in a loop where they are many.
 *
 * @param f The function.
 * @param count How many.
 * @param pointers Are moved by `steps` floats a vector, in copies of their own.
 * @param steps See `pointers`.
 * @param body Gets the pointers and how many vectors further it is.
 * @returns The count.
 */
function repeatVectors(
  f: FunctionBuilder,
  count: number,
  pointers: readonly Local<"i32">[],
  steps: readonly number[],
  body: (pointers: readonly Local<"i32">[], vector: number) => void,
): number {
  const unroll = 4;
  const rounds = count > UNROLLED ? Math.floor(count / unroll) : 0;
  const moved = rounds > 0
    ? pointers.map((pointer) => f.let(i32.add(pointer, 0)))
    : pointers;
  const round = f.local("i32");
  f.loop(round, 0, rounds, 1, () => {
    for (let v = 0; v < unroll; v++) body(moved, v);
    moved.forEach((pointer, i) =>
      f.increase(pointer, unroll * steps[i] * FLOAT)
    );
  });
  for (let v = rounds * unroll; v < count; v++) {
    body(moved, v - rounds * unroll);
  }
  return count;
}
