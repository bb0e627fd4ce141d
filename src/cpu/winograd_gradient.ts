/**
 * The gradient at kernels of 3 x 3 with stride 1, by Winograd (`winograd.ts`).
 *
 * The sum over squares and samples is a matrix product at each place: dy's
 * channels by the image's. Lanes are four channels, which are laid side by side as
 * they are copied (`image.ts`). Both sides are transformed a chunk of squares at a
 * time; parts of the squares are summed apart, and the last kernel joins them in
 * order and takes them back to 3 x 3.
 *
 * @module
 */

import type { ConvolutionGeometry } from "../tensor/tensor.ts";
import type { Shape } from "../tensor/value.ts";
import type { FunctionBuilder } from "./assembler.ts";
import { f32x4, i32, type Local, v128 } from "./expression.ts";
import { copyChannels } from "./image.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import {
  clear,
  cutRows,
  firstRow,
  FLOAT,
  LANES,
  loadTile,
  multiply,
  type Rows,
  storeTile,
  sumsOf,
  withRows,
} from "./tile.ts";
import {
  LEAST_POSITIONS,
  MOST_WEIGHTS,
  placesIn,
  type Winograd,
  winogradOf,
} from "./winograd.ts";

/** Least squares of a part, so that joining costs little, and most parts. */
const PART = 64;
const MOST_PARTS = 16;

/** Most places of a chunk's squares: what is transformed stays in the second cache. */
const CHUNK = 1152;

/** Vectors of the image's channels in a tile. */
const VECTORS = 2;

/** Bytes of four channels. */
const FOUR = LANES * FLOAT;

/** Where a side of the product comes from: the image, or dy. */
interface Side {
  /** Channels of a group. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Cells of padding above and to the left of the first square. */
  readonly padding: readonly [number, number];
  /** Rows and columns of a square, and what neighbours share. */
  readonly edge: number;
  /** Bytes from one place's numbers to the next's. */
  readonly stride: number;
}

interface Plan {
  /** Positions of a square along each axis. */
  readonly size: Winograd["size"];
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
  return height === 3 && width === 3 &&
    [...stride, ...dilation].every((n) => n === 1) &&
    [depth, members].every((n) => n >= 12 && n % LANES === 0) &&
    dy[0] * dy[2] * dy[3] >= LEAST_POSITIONS;
}

/** The kernels of such a `conv-kernel-gradient`. */
export function winogradGradientKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const inputs = instruction.operands.map((o) => scene.roots[o]);
  const plan = planOf(scene, index);
  const { groups, parts, x, dy } = plan;
  const places = placesIn(winogradOf(plan));
  const summed = scene.scratch();
  const key = JSON.stringify(plan);
  const name = nameOf(instruction);
  return [
    {
      name,
      key: `winograd gradient ${key}, ${inputs[0] === inputs[1]}`,
      emit: (f) => emitSums(f, plan, new Set(inputs).size),
      inputs: [...new Set(inputs)],
      outputs: [{
        number: summed,
        spec: {
          shape: [parts, groups, places, dy.channels, x.channels],
          dtype: "float",
        },
      }],
      units: parts * groups,
      scratch: bandSize(plan) + places * (x.stride + dy.stride),
    },
    {
      name: `${name}, joined`,
      key: `winograd gradient joined ${key}`,
      emit: (f) => emitJoin(f, plan),
      inputs: [summed],
      outputs: [{ number: index, spec: instruction }],
      units: groups * dy.channels,
      scratch: 0,
    },
  ];
}

function planOf(scene: Scene, index: number): Plan {
  const { operation, operands } = scene.instructions[index];
  if (operation.kind !== "conv-kernel-gradient") {
    throw new Error(`Cannot emit ${operation.kind}: it is no kernel gradient`);
  }
  const { padding } = operation.geometry;
  const [image, slopes] = operands.map((o) => scene.instructions[o].shape);
  const batch = image[0];
  // Squares of 4 x 4 where they cut dy evenly.
  const size = slopes[2] % 4 === 0 && slopes[3] % 4 === 0 ? 4 : 2;
  const places = placesIn(winogradOf({ size }));
  const squares = Math.ceil(slopes[2] / size);
  const across = Math.ceil(slopes[3] / size);
  const depth = image[1] / operation.geometry.groups;
  const members = slopes[1] / operation.geometry.groups;
  // The largest range of channels that divides them.
  let range = members;
  for (let outs = 2; range * depth * places > MOST_WEIGHTS; outs++) {
    if (range === LANES) break;
    if (members % (outs * LANES) === 0) range = members / outs;
  }
  const outs = members / range;
  const groups = operation.geometry.groups * outs;
  const most = Math.floor(CHUNK / places);
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
    edge: number,
  ): Side => ({
    channels,
    height: shape[2],
    width: shape[3],
    padding,
    edge,
    // One line more, so that the places do not share the same lines of a cache.
    stride: samples * band * across * channels * FLOAT + 64,
  });
  return {
    size,
    batch,
    groups,
    outs,
    x: side(image, depth, padding, size + 2),
    dy: side(slopes, range, [0, 0], size),
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
const cellsOf = ({ edge }: Side, size: number, squares: number): number =>
  squares * size + edge - size;

/** Bytes of a band, four channels after four. */
function bandSize({ size, x, dy, band, across }: Plan): number {
  const sizes = [x, dy].map((side) =>
    cellsOf(side, size, band) * cellsOf(side, size, across) * side.channels
  );
  return Math.max(...sizes) * FLOAT;
}

/** Units: part, group; the last runs fastest. */
function emitSums(f: FunctionBuilder, plan: Plan, operands: number): void {
  const { batch, groups, outs, x, dy, squares, across } = plan;
  const { samples, band, bands } = plan;
  const [result, scratch, first, last] = [0, 1, 2, 3].map((i) =>
    f.parameter(operands + i)
  );
  const seen = f.let(i32.add(scratch, bandSize(plan)));
  const places = placesIn(winogradOf(plan));
  const slopes = f.let(i32.add(seen, places * x.stride));
  const transformX = winogradOf(plan).cells(f);
  const transformDy = winogradOf(plan).slopes(f);
  const share = Math.ceil(plan.chunks / plan.parts);
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const group = f.let(i32.rem_u(unit, groups));
    const firstChunk = f.let(i32.mul(i32.div_u(unit, groups), share));
    const lastChunk = f.let(i32.add(firstChunk, share));
    f.lower(lastChunk, plan.chunks);
    const size = places * dy.channels * x.channels * FLOAT;
    const target = f.let(i32.add(result, i32.mul(unit, size)));
    const chunk = f.local("i32");
    f.loop(chunk, firstChunk, lastChunk, 1, () => {
      const sample = f.let(i32.mul(i32.div_u(chunk, bands), samples));
      const count = f.let(i32.sub(i32.const(batch), sample));
      f.lower(count, samples);
      const start = f.let(i32.mul(i32.rem_u(chunk, bands), band));
      const lines = f.let(i32.sub(i32.const(squares), start));
      f.lower(lines, band);
      const place = { sample, count, start, lines, scratch };
      transformSide(f, plan, x, transformX, f.parameter(0), seen, {
        ...place,
        group: f.let(i32.div_u(group, outs)),
        groups: groups / outs,
      });
      transformSide(
        f,
        plan,
        dy,
        transformDy,
        f.parameter(operands - 1),
        slopes,
        {
          ...place,
          group,
          groups,
        },
      );
      const all = f.let(i32.mul(i32.mul(count, lines), across));
      const resumed = f.let(i32.ne(chunk, firstChunk));
      multiplyPlaces(f, plan, seen, slopes, target, all, resumed);
    });
  });
}

/** A chunk of squares. */
interface Place {
  readonly sample: Local<"i32">;
  readonly count: Local<"i32">;
  readonly start: Local<"i32">;
  readonly lines: Local<"i32">;
  /** The group of the side's channels, and how many there are. */
  readonly group: Local<"i32">;
  readonly groups: number;
  readonly scratch: Local<"i32">;
}

/** Transforms all squares of a chunk: [place, square, channel]. */
function transformSide(
  f: FunctionBuilder,
  { size, across, band }: Plan,
  side: Side,
  transform: ReturnType<Winograd["cells"]>,
  from: Local<"i32">,
  to: Local<"i32">,
  { sample, count, start, lines, group, groups, scratch }: Place,
): void {
  const { channels, height, width, stride } = side;
  const plane = height * width * FLOAT;
  const [s, channel, line, column] = [0, 1, 2, 3].map(() => f.local("i32"));
  const source = f.let(i32.add(
    from,
    i32.mul(
      i32.add(i32.mul(sample, groups), group),
      channels * plane,
    ),
  ));
  const target = f.let(to);
  const row = cellsOf(side, size, across) * FOUR;
  const fourBytes = cellsOf(side, size, band) * row;
  f.loop(s, 0, count, 1, () => {
    const [four, copied] = [f.let(source), f.let(scratch)];
    f.loop(channel, 0, channels, LANES, () => {
      copyChannels(f, {
        ...side,
        rows: f.let(i32.add(i32.mul(lines, size), side.edge - size)),
        columns: cellsOf(side, size, across),
        first: f.let(i32.sub(i32.mul(start, size), side.padding[0])),
        before: side.padding[1],
        from: four,
        to: copied,
      });
      f.increase(four, LANES * plane);
      f.increase(copied, fourBytes);
    });
    // All channels of a square in turn, which fill the lines of the cache.
    const square = f.let(scratch);
    f.loop(line, 0, lines, 1, () => {
      const first = f.let(square);
      f.loop(column, 0, across, 1, () => {
        const cell = f.let(first);
        f.loop(channel, 0, channels, LANES, () => {
          transform(
            (i, j) => v128.load(cell, i * row + j * FOUR),
            (i, j, number) =>
              f.store(target, number, (i * (size + 2) + j) * stride),
          );
          f.increase(cell, fourBytes);
          f.increase(target, FOUR);
        });
        f.increase(first, size * FOUR);
      });
      f.increase(square, size * row);
    });
    f.increase(source, groups * channels * plane);
  });
}

/** Adds the products of a chunk to the sums of its part, at all places. */
function multiplyPlaces(
  f: FunctionBuilder,
  plan: Plan,
  seen: Local<"i32">,
  slopes: Local<"i32">,
  result: Local<"i32">,
  squares: Local<"i32">,
  resumed: Local<"i32">,
): void {
  const { x, dy, rows } = plan;
  const [place, tile, channel] = [0, 1, 2].map(() => f.local("i32"));
  const [a, b, target] = [f.let(slopes), f.let(seen), f.let(result)];
  const aStep = dy.channels * FLOAT, bStep = x.channels * FLOAT;
  const fours = f.let(i32.mul(i32.and(squares, -LANES), aStep));
  const all = f.let(i32.mul(squares, aStep));
  f.loop(place, 0, placesIn(winogradOf(plan)), 1, () => {
    f.loop(tile, 0, rows.tiles, 1, () => {
      const rowA = f.let(i32.add(a, i32.mul(firstRow(f, rows, tile), FLOAT)));
      withRows(f, rows, tile, (height) => {
        const tileOf = (vectors: number) => {
          const sums = sumsOf(f, height, vectors);
          f.if(
            resumed,
            () => loadTile(f, sums, target, x.channels * FLOAT),
            () => clear(f, sums),
          );
          const [atA, atB] = [
            f.let(rowA),
            f.let(i32.add(b, i32.mul(channel, FLOAT))),
          ];
          const some = (count: number, bytes: Local<"i32">) =>
            multiply(f, sums, {
              a: atA,
              aRow: FLOAT,
              b: [atB],
              steps: Array.from(
                { length: count },
                (_, i) => ({ a: i * aStep, b: i * bStep }),
              ),
              aStep: count * aStep,
              bStep: count * bStep,
              aEnd: f.let(i32.add(rowA, bytes)),
            });
          some(4, fours);
          some(1, all);
          storeTile(f, sums, target, x.channels * FLOAT, vectors * LANES);
          f.increase(target, vectors * FOUR);
        };
        const wide = VECTORS * LANES;
        const whole = x.channels - x.channels % wide;
        f.loop(channel, 0, whole, wide, () => tileOf(VECTORS));
        if (whole < x.channels) {
          f.set(channel, whole);
          tileOf(1);
        }
        // The target stands behind the first row.
        f.increase(target, (height - 1) * x.channels * FLOAT);
      });
    });
    f.increase(a, dy.stride);
    f.increase(b, x.stride);
  });
}

/** Units: channels of dy, of all groups. */
function emitJoin(f: FunctionBuilder, plan: Plan): void {
  const { groups, x, dy, parts } = plan;
  const { edge, kernels } = winogradOf(plan);
  const transform = kernels(f);
  const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
    f.parameter(i)
  );
  const matrix = dy.channels * x.channels * FLOAT;
  const [unit, channel, part] = [0, 1, 2].map(() => f.local("i32"));
  f.loop(unit, first, last, 1, () => {
    const row = f.let(i32.rem_u(unit, dy.channels));
    const group = i32.mul(i32.div_u(unit, dy.channels), edge ** 2 * matrix);
    const from = f.let(i32.add(
      input,
      i32.add(group, i32.mul(row, x.channels * FLOAT)),
    ));
    const to = f.let(i32.add(output, i32.mul(unit, x.channels * 9 * FLOAT)));
    f.loop(channel, 0, x.channels, LANES, () => {
      const sums = Array.from(
        { length: edge ** 2 },
        (_, i) => f.let(v128.load(from, i * matrix)),
      );
      const at = f.let(from);
      f.loop(part, 1, parts, 1, () => {
        f.increase(at, groups * edge ** 2 * matrix);
        sums.forEach((sum, i) =>
          f.set(sum, f32x4.add(sum, v128.load(at, i * matrix)))
        );
      });
      transform((i, j) => sums[i * edge + j], (i, j, number) => {
        for (let lane = 0; lane < LANES; lane++) {
          f.storeLane(to, number, lane, (lane * 9 + i * 3 + j) * FLOAT);
        }
      });
      f.increase(from, FOUR);
      f.increase(to, LANES * 9 * FLOAT);
    });
  });
}
