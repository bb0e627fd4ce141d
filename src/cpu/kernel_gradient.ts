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
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  f32x4,
  i32,
  type Local,
  v128,
} from "../wasm/expression.ts";
import { copyBand, placesOf } from "./image.ts";
import { type GradientPlan, gradientPlan } from "./kernel_gradient_plan.ts";
import { joinParts } from "./join.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { factorsOf, type Products, productsOf } from "./products.ts";
import {
  clear,
  firstLanes,
  firstRow,
  FLOAT,
  LANES,
  sumLanes,
  type Sums,
  sumsOf,
  withRows,
} from "./tile.ts";
import { winogradGradientKernels } from "./winograd_gradient.ts";
import { isGradientForWinograd } from "./winograd_gradient_plan.ts";

/** Whether kernels compute several such gradients together, and save work. */
export function shareGradients(
  { instructions }: Scene,
  index: number,
): boolean {
  const { operation, operands, shape } = instructions[index];
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot emit ${operation.kind}: it is no kernel gradient`);
  }
  const dy = instructions[operands[1]].shape;
  return isGradientForWinograd(shape, dy, operation.geometry);
}

/** The kernels of `conv-kernel-gradient`, or of several that share operands. */
export function kernelGradientKernels(
  scene: Scene,
  ...results: readonly number[]
): Kernel[] {
  return shareGradients(scene, results[0])
    ? winogradGradientKernels(scene, results)
    : results.flatMap((result) => directKernels(scene, result));
}

/** The kernels of a gradient whose products are all computed. */
export function directKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { inputs, products } = productsOf(scene, [index]);
  const plan = gradientPlan(scene, index);
  const { parts, groups, outs } = plan;
  const target = parts === 1 ? index : scene.scratch();
  const shape = parts === 1 ? instruction.shape : [parts, ...instruction.shape];
  const product: Kernel = {
    name: nameOf(instruction),
    key: `kernel gradient ${JSON.stringify([plan, products])}`,
    emit: (f) => emitKernelGradient(f, plan, products),
    inputs,
    outputs: [{ number: target, spec: { shape, dtype: "float" } }],
    units: parts * groups * outs,
    scratch: tableSize(plan) +
      (plan.direct ? 0 : plan.samples * plan.block * plan.plane * FLOAT),
  };
  return parts === 1
    ? [product]
    : [product, joinParts(instruction, target, index, parts)];
}

/** Bytes of the table of cells at the start of the scratch. */
const tableSize = ({ cells }: GradientPlan): number =>
  Math.ceil(cells.length / LANES) * LANES * FLOAT;

/** Units: part, group, range of tiles; the last runs fastest. */
function emitKernelGradient(
  f: FunctionBuilder,
  plan: GradientPlan,
  products: Products,
): void {
  const { batch, groups, depth, members, image, positions, rows, cells } = plan;
  const [result, scratch, first, last] = [0, 1, 2, 3].map((i) =>
    f.parameter(products.operands + i)
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
    f.lower(lastTile, rows.tiles);
    const rest = f.let(i32.div_u(unit, plan.outs));
    const group = f.let(i32.rem_u(rest, groups));
    const part = f.let(i32.div_u(rest, groups));
    const chunk = f.local("i32");
    const firstChunk = f.let(i32.mul(part, share));
    const lastChunk = f.let(i32.add(firstChunk, share));
    f.lower(lastChunk, plan.chunks);
    f.loop(chunk, firstChunk, lastChunk, 1, () => {
      const sample = f.let(
        i32.mul(i32.div_u(chunk, plan.bands), plan.samples),
      );
      const samples = f.let(i32.sub(i32.const(batch), sample));
      f.lower(samples, plan.samples);
      const start = f.let(i32.mul(i32.rem_u(chunk, plan.bands), plan.band));
      const lines = f.let(i32.sub(i32.const(positions[0]), start));
      f.lower(lines, plan.band);
      const plane = f.let(i32.add(i32.mul(sample, groups), group));
      const channel = f.local("i32");
      factorsOf(products).forEach(([x, dy], term) => {
        f.loop(channel, 0, depth, plan.block, () => {
          const channels = f.let(i32.sub(i32.const(depth), channel));
          f.lower(channels, plan.block);
          const source = f.let(i32.add(
            f.parameter(x),
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
              f.parameter(dy),
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
              resumed: term > 0 ||
                (plan.chunks > plan.parts && f.let(i32.ne(chunk, firstChunk))),
            });
          });
        });
      });
    });
  });
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
  /** Whether sums of earlier chunks or terms wait in the result. */
  readonly resumed: Local<"i32"> | boolean;
}

/** The tiles of a row of tiles: all entries. */
function emitEntries(
  f: FunctionBuilder,
  plan: GradientPlan,
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
  plan: GradientPlan,
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
  { positions }: GradientPlan,
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
  { depth, cells, entries, block }: GradientPlan,
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
    const resume = () => {
      const before = four.slice(1).reduce(
        (vector, { offset }, lane) =>
          v128.load32_lane(target, vector, lane + 1, offset),
        v128.load32_zero(target, four[0].offset),
      );
      f.set(totals, f32x4.add(before, totals));
    };
    if (resumed === true) resume();
    else if (resumed !== false) f.if(resumed, resume);
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
