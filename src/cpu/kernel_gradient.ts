/**
 * The gradient of a convolution with respect to its kernel, as an implicit matrix
 * product: rows are channels of dy, columns the entries (c, i, j) of a kernel, and
 * the sum runs over the samples and positions.
 *
 * Both sides lie along the sum: dy as it is, and the image once it is copied with
 * its padding (`image.ts`). So a tile adds up vectors of four positions, and the
 * four sums of a vector become one at its end. A unit of work is a part of the
 * positions and a range of channels of dy; the parts are joined in order. A part
 * goes through its positions in chunks that the caches hold; between them the
 * sums wait in the part's result.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "./assembler.ts";
import { type Expression, f32x4, i32, type Local, v128 } from "./expression.ts";
import { type Axis, axisOf, copyBand, placeOn, placesOf } from "./image.ts";
import { joinParts } from "./join.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import {
  clear,
  cutRows,
  firstLanes,
  firstRow,
  FLOAT,
  LANES,
  type Rows,
  sumLanes,
  type Sums,
  sumsOf,
  vectorsFor,
  withRows,
} from "./tile.ts";

/** Floats of the image in the scratch: an eighth of a usual second cache. */
const BAND = 64 * 1024;

/** Most positions of a chunk: six rows of dy stay in the first cache. */
const POSITIONS = 1024;

/** Least positions of a part, so that joining costs little. */
const PART = 512;

/** Most parts, and units of work that keep many threads busy. */
const MOST_PARTS = 32;
const ENOUGH_UNITS = 16;

/** A kernel gradient, and how it is cut. */
interface Plan {
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

/** The kernels of `conv-kernel-gradient`. */
export function kernelGradientKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const inputs = instruction.operands.map((o) => scene.roots[o]);
  const plan = planOf(scene, index);
  const { parts, groups, outs } = plan;
  const target = parts === 1 ? index : scene.scratch();
  const shape = parts === 1 ? instruction.shape : [parts, ...instruction.shape];
  const product: Kernel = {
    name: nameOf(instruction),
    key: `kernel gradient ${JSON.stringify(plan)}, ${inputs[0] === inputs[1]}`,
    emit: (f) => emitKernelGradient(f, plan, new Set(inputs).size),
    inputs: [...new Set(inputs)],
    outputs: [{ number: target, spec: { shape, dtype: "float" } }],
    units: parts * groups * outs,
    scratch: tableSize(plan) +
      (plan.direct ? 0 : plan.samples * plan.block * plan.plane * FLOAT),
  };
  return parts === 1
    ? [product]
    : [product, joinParts(instruction, target, index, parts)];
}

function planOf(scene: Scene, index: number): Plan {
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
  const area2 = positions[0] * positions[1];
  const most = Math.max(1, Math.floor(POSITIONS / positions[1]));
  const bands = Math.ceil(positions[0] / most);
  const band = Math.ceil(positions[0] / bands);
  const samples = Math.min(batch, Math.max(1, Math.floor(POSITIONS / area2)));
  const rows = rowsOf(band);
  const plane = placesOf(rows) * placesOf(columns);
  const block = direct
    ? depth
    : Math.min(depth, Math.max(1, Math.floor(BAND / (samples * plane))));
  const chunks = Math.ceil(batch / samples) * Math.ceil(positions[0] / band);
  const tiles = cutRows(members);
  const parts = Math.max(
    1,
    Math.min(chunks, MOST_PARTS, Math.floor(batch * area2 / PART)),
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

/** Bytes of the table of cells at the start of the scratch. */
const tableSize = ({ cells }: Plan): number =>
  Math.ceil(cells.length / LANES) * LANES * FLOAT;

/** Units: part, group, range of tiles; the last runs fastest. */
function emitKernelGradient(
  f: FunctionBuilder,
  plan: Plan,
  operands: number,
): void {
  const { batch, groups, depth, members, image, positions, rows, cells } = plan;
  const x = f.parameter(0);
  const dy = f.parameter(operands - 1);
  const [result, scratch, first, last] = [0, 1, 2, 3].map((i) =>
    f.parameter(operands + i)
  );
  cells.forEach((place, i) =>
    f.store(scratch, i32.const(place * FLOAT), i * FLOAT)
  );
  const copied = f.let(i32.add(scratch, tableSize(plan)));
  const area = sizeOf(positions);
  const imageSize = sizeOf(image);
  const share = Math.ceil(plan.chunks / plan.parts);
  const tilesOfOut = Math.ceil(rows.tiles / plan.outs);
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const firstTile = f.let(i32.mul(i32.rem_u(unit, plan.outs), tilesOfOut));
    const lastTile = f.let(i32.add(firstTile, tilesOfOut));
    lower(f, lastTile, rows.tiles);
    const rest = f.let(i32.div_u(unit, plan.outs));
    const group = f.let(i32.rem_u(rest, groups));
    const part = f.let(i32.div_u(rest, groups));
    const chunk = f.local("i32");
    const firstChunk = f.let(i32.mul(part, share));
    const lastChunk = f.let(i32.add(firstChunk, share));
    lower(f, lastChunk, plan.chunks);
    f.loop(chunk, firstChunk, lastChunk, 1, () => {
      const sample = f.let(
        i32.mul(i32.div_u(chunk, plan.bands), plan.samples),
      );
      const samples = f.let(i32.sub(i32.const(batch), sample));
      lower(f, samples, plan.samples);
      const start = f.let(i32.mul(i32.rem_u(chunk, plan.bands), plan.band));
      const lines = f.let(i32.sub(i32.const(positions[0]), start));
      lower(f, lines, plan.band);
      const plane = f.let(i32.add(i32.mul(sample, groups), group));
      const channel = f.local("i32");
      f.loop(channel, 0, depth, plan.block, () => {
        const channels = f.let(i32.sub(i32.const(depth), channel));
        lower(f, channels, plan.block);
        const source = f.let(i32.add(
          x,
          i32.mul(
            i32.add(i32.mul(plane, depth), channel),
            imageSize * FLOAT,
          ),
        ));
        const seen = f.let(copied);
        if (plan.direct) {
          const above = i32.mul(start, image[1] * FLOAT);
          f.set(seen, i32.add(source, above));
        } else {
          const to = f.let(copied);
          const s = f.local("i32");
          f.loop(s, 0, samples, 1, () => {
            copyBand(f, ...plan.axes, source, channels, start, to);
            f.increase(source, groups * depth * imageSize * FLOAT);
            f.increase(to, plan.block * plan.plane * FLOAT);
          });
        }
        const tile = f.local("i32");
        f.loop(tile, firstTile, lastTile, 1, () => {
          const row = f.let(firstRow(f, rows, tile));
          const slopes = f.let(i32.add(
            dy,
            i32.mul(
              i32.add(
                i32.mul(i32.add(i32.mul(plane, members), row), area),
                i32.mul(start, positions[1]),
              ),
              FLOAT,
            ),
          ));
          const line = i32.add(
            i32.mul(i32.add(i32.mul(part, groups), group), members),
            row,
          );
          const target = f.let(i32.add(
            result,
            i32.mul(
              i32.add(
                i32.mul(line, depth * cells.length),
                i32.mul(channel, cells.length),
              ),
              FLOAT,
            ),
          ));
          emitEntries(f, plan, tile, {
            scratch,
            seen,
            slopes,
            target,
            samples,
            lines,
            entries: f.let(i32.mul(channels, cells.length)),
            resumed: f.let(i32.ne(chunk, firstChunk)),
          });
        });
      });
    });
  });
}

/** Sets a variable to a number if that is lower, unsigned. */
function lower(f: FunctionBuilder, variable: Local<"i32">, to: number): void {
  f.if(i32.gt_u(variable, to), () => f.set(variable, to));
}

/** Where a tile of rows is. */
interface Place {
  readonly scratch: Local<"i32">;
  /** The first channel of the chunk, and dy's of the tile. */
  readonly seen: Local<"i32">;
  readonly slopes: Local<"i32">;
  /** The result of the tile's first row and the block's first entry; it is moved. */
  readonly target: Local<"i32">;
  /** Samples and rows of the chunk. */
  readonly samples: Local<"i32">;
  readonly lines: Local<"i32">;
  /** Entries of the block of channels. */
  readonly entries: Local<"i32">;
  /** Whether earlier chunks' sums wait in the result. */
  readonly resumed: Local<"i32">;
}

/** The tiles of a row of tiles: all entries. */
function emitEntries(
  f: FunctionBuilder,
  plan: Plan,
  tile: Local<"i32">,
  place: Place,
): void {
  const { cells, plane, rows, entries } = plan;
  const entry = f.local("i32");
  f.loop(entry, 0, place.entries, entries, () => {
    const seen = Array.from({ length: entries }, (_, e) => {
      const own = f.let(i32.add(entry, e));
      // The last tile computes the last entry more than once.
      if (e > 0) {
        f.if(
          i32.ge_u(own, place.entries),
          () => f.set(own, i32.sub(place.entries, 1)),
        );
      }
      const channel = i32.mul(i32.div_u(own, cells.length), plane * FLOAT);
      const cell = i32.mul(i32.rem_u(own, cells.length), FLOAT);
      return f.let(i32.add(
        i32.add(place.seen, channel),
        i32.load(i32.add(place.scratch, cell)),
      ));
    });
    withRows(f, rows, tile, (height) => {
      const sums = sumsOf(f, height, entries);
      clear(f, sums);
      addPositions(f, plan, sums, f.let(place.slopes), seen, place);
      storeSums(f, plan, sums, entry, place);
    });
    f.increase(place.target, entries * FLOAT);
  });
}

/** Adds the products of all positions of a chunk. */
function addPositions(
  f: FunctionBuilder,
  plan: Plan,
  sums: Sums,
  slopes: Local<"i32">,
  seen: readonly Local<"i32">[],
  { samples, lines }: Place,
): void {
  const { groups, depth, members, image, positions, axes, direct } = plan;
  const lineOfDy = positions[1] * FLOAT;
  const lineOfX = placesOf(axes[1]) * FLOAT;
  const area = sizeOf(positions) * FLOAT;
  const move = (dy: Expression<"i32"> | number, x: typeof dy) => {
    f.increase(slopes, dy);
    for (const pointer of seen) f.increase(pointer, x);
  };
  const sampleOfX = direct
    ? groups * depth * sizeOf(image) * FLOAT
    : plan.block * plan.plane * FLOAT;
  const sampleOfDy = groups * members * area;
  const vectors = Math.floor(positions[1] / LANES);
  const rest = positions[1] % LANES;
  const unroll = vectors > 8 ? 4 : vectors;
  const rounds = vectors > 8 ? Math.floor(vectors / unroll) : 0;

  const line = f.local("i32");
  const oneLine = () => {
    const round = f.local("i32");
    f.loop(round, 0, rounds, 1, () => {
      for (let v = 0; v < unroll; v++) {
        addVector(f, plan, sums, slopes, seen, v);
      }
      move(unroll * LANES * FLOAT, unroll * LANES * FLOAT);
    });
    const done = rounds * unroll;
    for (let v = 0; v < vectors - done; v++) {
      addVector(f, plan, sums, slopes, seen, v);
    }
    if (rest > 0) {
      addVector(f, plan, sums, slopes, seen, vectors - done, rest);
    }
    const moved = done * LANES * FLOAT;
    move(lineOfDy - moved, lineOfX - moved);
  };
  const oneSample = () => {
    if (positions[0] === 1) oneLine();
    else f.loop(line, 0, lines, 1, oneLine);
  };
  if (plan.samples === 1) return oneSample();
  const jumpOfDy = f.let(
    i32.sub(i32.const(sampleOfDy), i32.mul(lines, lineOfDy)),
  );
  const jumpOfX = f.let(i32.sub(i32.const(sampleOfX), i32.mul(lines, lineOfX)));
  const sample = f.local("i32");
  f.loop(sample, 0, samples, 1, () => {
    oneSample();
    move(jumpOfDy, jumpOfX);
  });
}

/** Adds the products of a vector of positions; only the first `count` count. */
function addVector(
  f: FunctionBuilder,
  { positions }: Plan,
  sums: Sums,
  slopes: Local<"i32">,
  seen: readonly Local<"i32">[],
  vector: number,
  count = LANES,
): void {
  const offset = vector * LANES * FLOAT;
  // Behind a row there may be anything, and 0 times infinity is no number.
  const load = (from: Local<"i32">, at: number) => {
    const four = v128.load(from, at);
    return f.let(count < LANES ? v128.and(four, firstLanes(count)) : four);
  };
  const slope = (row: number) =>
    load(slopes, row * sizeOf(positions) * FLOAT + offset);
  const cells = (entry: number) => load(seen[entry], offset);
  // The fewer are kept in registers, the others come one by one.
  if (sums.length >= seen.length) {
    const xs = seen.map((_, e) => cells(e));
    sums.forEach((row, r) => {
      const y = slope(r);
      row.forEach((sum, e) => f.set(sum, f32x4.madd(y, xs[e], sum)));
    });
  } else {
    const ys = sums.map((_, r) => slope(r));
    seen.forEach((_, e) => {
      const x = cells(e);
      sums.forEach((row, r) => f.set(row[e], f32x4.madd(ys[r], x, row[e])));
    });
  }
}

/** Adds up each vector of sums, and stores the sums of all entries that there are. */
function storeSums(
  f: FunctionBuilder,
  { depth, cells, entries, parts, chunks, block }: Plan,
  sums: Sums,
  entry: Local<"i32">,
  { target, entries: count, resumed }: Place,
): void {
  const all = sums.flatMap((row, r) =>
    row.map((sum, e) => ({
      sum,
      e,
      offset: (r * depth * cells.length + e) * FLOAT,
    }))
  );
  const vectors: Local<"v128">[] = [];
  for (let i = 0; i < all.length; i += LANES) {
    const four = [0, 1, 2, 3].map((lane) =>
      all[Math.min(i + lane, all.length - 1)]
    );
    const totals = f.let(sumLanes(f, four.map(({ sum }) => sum)));
    // A part of one chunk starts from nothing.
    if (chunks > parts) {
      f.if(resumed, () => {
        const before = four.slice(1).reduce(
          (vector, { offset }, lane) =>
            v128.load32_lane(target, vector, lane + 1, offset),
          v128.load32_zero(target, four[0].offset),
        );
        f.set(totals, f32x4.add(before, totals));
      });
    }
    vectors.push(totals);
  }
  const uneven = [block, depth % block].some((channels) =>
    channels * cells.length % entries !== 0
  );
  for (let e = 0; e < entries; e++) {
    const store = () =>
      all.forEach((one, i) => {
        if (one.e !== e) return;
        const vector = vectors[Math.floor(i / LANES)];
        f.storeLane(target, vector, i % LANES, one.offset);
      });
    if (e === 0 || !uneven) store();
    else f.if(i32.lt_u(i32.add(entry, e), count), store);
  }
}
