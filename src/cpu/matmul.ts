/**
 * Matrix products: [..., M, K] x [..., K, N] -> [..., M, N].
 *
 * B is packed into strips of N by a kernel of its own, which reads transposed and
 * broadcast operands where they lie. Then each thread takes tiles of rows. It
 * reads A where it lies if its rows lie along K and B is narrow, and packs it for
 * a few tiles at a time if not. K is walked in blocks that the caches hold; between them the
 * sums wait in the result, as the floats they are. Where the result is small and
 * K long, parts of K are summed apart and joined in order.
 *
 * @module
 */

import { mergeAxes, stridedView, stridesOf } from "../program/strides.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import { type Expression, i32, type Local } from "../wasm/expression.ts";
import { joinParts } from "./join.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { pack } from "./pack.ts";
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
  vectorsFor,
  withRows,
} from "./tile.ts";

/** Steps along K after which the sums wait: a strip of B stays in the first cache. */
const BLOCK = 1024;

/** Columns of B from which on packing A pays, even if its rows lie along K. */
const WIDE = 48;

/** Tiles of rows that are packed and multiplied together. */
const TILES_AT_ONCE = 16;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 64;

/** Least steps of a part of K. */
const PART = 1024;

/** An operand: where it lies, and how far apart its numbers are, in floats. */
interface Matrix {
  readonly number: number;
  readonly batch: readonly number[];
  /** Along the side of the result, and along K. */
  readonly side: number;
  readonly depth: number;
}

/** A product that is to be emitted. */
interface Product {
  readonly name: string;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** The kernels of `matmul`. */
export function matmulKernels(scene: Scene, index: number): Kernel[] {
  const product = productOf(scene, index);
  const { name, batch, m, n, k, a, b } = product;
  const matrices = sizeOf(batch);
  const packA = a.depth !== 1 || n >= WIDE;
  const rows = cutRows(m, packA ? "sideBySide" : "apart");
  const width = vectorsFor(rows.high) * LANES;
  const strips = Math.ceil(n / width);
  const parts = partsOf(matrices * rows.tiles * strips, k);
  const groups = Math.min(
    strips,
    Math.ceil(ENOUGH_UNITS / (matrices * parts * rows.tiles)),
  );
  const packed = scene.scratch();
  const packedBatch = batch.map((extent, i) => b.batch[i] === 0 ? 1 : extent);
  const shape = scene.instructions[index].shape;
  const target = parts === 1 ? index : scene.scratch();
  const plan: Plan = {
    ...product,
    rows,
    width,
    strips,
    groups,
    parts,
    packA,
    packedStrides: stridesOf(packedBatch).map((s, i) =>
      b.batch[i] === 0 ? 0 : s * strips
    ),
  };
  const key = JSON.stringify({
    ...plan,
    name: "",
    a: { ...a, number: 0 },
    b: { ...b, number: 0 },
  });
  const spec = { shape: [parts, ...shape], dtype: "float" } as const;
  const packing: Kernel = {
    name: `${name}, packing`,
    key: `matmul packing ${key}`,
    emit: (f) => emitPacking(f, plan, packedBatch),
    inputs: [b.number],
    outputs: [{
      number: packed,
      spec: {
        shape: [sizeOf(packedBatch) * strips, k, width],
        dtype: "float",
      },
    }],
    units: sizeOf(packedBatch) * strips * parts,
    scratch: 0,
  };
  const multiplying: Kernel = {
    name,
    key: `matmul ${key}`,
    emit: (f) => emitProduct(f, plan),
    inputs: [a.number, packed],
    outputs: [{
      number: target,
      spec: parts === 1 ? scene.instructions[index] : spec,
    }],
    units: matrices * parts * groups * rows.tiles,
    scratch: plan.packA
      ? TILES_AT_ONCE * rows.high * Math.min(k, BLOCK) * FLOAT
      : 0,
  };
  const join = parts === 1
    ? []
    : [joinParts(scene.instructions[index], target, index, parts)];
  return [packing, multiplying, ...join];
}

/** A matrix product, with as few axes as possible. */
function productOf(scene: Scene, index: number): Product {
  const instruction = scene.instructions[index];
  const { shape, operands } = instruction;
  const [m, n] = shape.slice(-2);
  const k = scene.instructions[operands[0]].shape.at(-1)!;
  const [a, b] = operands.map((operand, i): Matrix => {
    const { base, strides } = stridedView(scene.instructions, operand);
    return {
      number: scene.roots[base],
      batch: strides.slice(0, -2),
      side: strides.at(i === 0 ? -2 : -1)!,
      depth: strides.at(i === 0 ? -1 : -2)!,
    };
  });
  const name = nameOf(instruction);
  const batch = shape.slice(0, -2);
  // Matrices that meet the same B are one taller matrix, if their rows go on.
  const walk = mergeAxes([...batch, m], [...a.batch, a.side]);
  if (b.batch.every((s, i) => s === 0 || batch[i] === 1) && walk.length === 1) {
    const tall = { ...a, batch: [], side: walk[0].stride };
    const height = walk[0].extent;
    return {
      name,
      a: tall,
      b: { ...b, batch: [] },
      batch: [],
      m: height,
      n,
      k,
    };
  }
  return { name, a, b, batch, m, n, k };
}

/** How many parts the sum over K is cut into; only the shape decides. */
function partsOf(tiles: number, k: number): number {
  const most = Math.floor(k / PART);
  return Math.max(1, Math.min(most, Math.floor(ENOUGH_UNITS / tiles)));
}

/** A product, and how it is cut. */
interface Plan extends Product {
  readonly rows: Rows;
  /** Columns of a strip of B. */
  readonly width: number;
  readonly strips: number;
  /** Ranges of strips that are units apart. */
  readonly groups: number;
  /** Parts of K. */
  readonly parts: number;
  readonly packA: boolean;
  /** Strips between the packed matrices, along each axis of the batch. */
  readonly packedStrides: readonly number[];
}

/** Sum over the axes of an index's coordinates times strides. */
function placeOf(
  f: FunctionBuilder,
  index: Local<"i32">,
  shape: Shape,
  strides: readonly number[],
): Expression<"i32"> {
  const rest = f.let(i32.add(index, 0));
  let place: Expression<"i32"> = i32.const(0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (strides[axis] !== 0) {
      const coordinate = i32.mul(i32.rem_u(rest, shape[axis]), strides[axis]);
      place = f.let(i32.add(place, coordinate));
    }
    f.set(rest, i32.div_u(rest, shape[axis]));
  }
  return place;
}

/** Units: matrix, strip of B, part of K; the last runs fastest. */
function emitPacking(f: FunctionBuilder, plan: Plan, batch: Shape): void {
  const { b, n, k, width, strips, parts } = plan;
  const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
    f.parameter(i)
  );
  const share = shareOf(plan);
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const start = f.let(i32.mul(i32.rem_u(unit, parts), share));
    const steps = f.let(i32.sub(i32.const(k), start));
    f.lower(steps, i32.const(share));
    const stripOfAll = f.let(i32.div_u(unit, parts));
    const matrix = f.let(i32.div_u(stripOfAll, strips));
    const strip = f.let(i32.rem_u(stripOfAll, strips));
    const place = i32.add(
      i32.add(placeOf(f, matrix, batch, b.batch), i32.mul(start, b.depth)),
      i32.mul(strip, width * b.side),
    );
    const from = f.let(i32.add(input, i32.mul(place, FLOAT)));
    const row = i32.add(i32.mul(stripOfAll, k), start);
    const to = f.let(i32.add(output, i32.mul(row, width * FLOAT)));
    const one = (count: number) =>
      pack(f, {
        from,
        across: b.side * FLOAT,
        along: b.depth * FLOAT,
        count,
        width,
        steps,
        to,
      });
    atEdge(f, n, width, strip, one);
  });
}

/** Steps of a part of K: whole fours, except for the last part. */
function shareOf({ k, parts }: Plan): number {
  return Math.ceil(k / parts / 4) * 4;
}

/** Emits a body for full strips, and one for the last strip if it is narrower. */
function atEdge(
  f: FunctionBuilder,
  n: number,
  width: number,
  strip: Local<"i32">,
  body: (columns: number) => void,
): void {
  const edge = n % width;
  if (edge === 0) body(width);
  else if (n < width) body(edge);
  else {
    f.if(
      i32.eq(strip, Math.floor(n / width)),
      () => body(edge),
      () => body(width),
    );
  }
}

/** Units: matrix, part of K, group of strips, tile of rows; the last runs fastest. */
function emitProduct(f: FunctionBuilder, plan: Plan): void {
  const { a, batch, m, n, k, rows, width, strips, groups, parts, packA } = plan;
  const [inputA, packed, result, scratch, first, last] = [0, 1, 2, 3, 4, 5]
    .map((i) => f.parameter(i));
  const share = shareOf(plan);
  const wide = Math.ceil(strips / groups);
  const unit = f.local("i32");
  const tiles = f.local("i32");
  f.set(unit, first);
  f.block((leave) =>
    f.repeat((again) => {
      leave(i32.ge_u(unit, last));
      const tile = f.let(i32.rem_u(unit, rows.tiles));
      const rest = f.let(i32.div_u(unit, rows.tiles));
      const group = f.let(i32.rem_u(rest, groups));
      f.set(rest, i32.div_u(rest, groups));
      const part = f.let(i32.rem_u(rest, parts));
      const matrix = f.let(i32.div_u(rest, parts));
      // As many tiles as the caches hold, of one matrix and group.
      f.set(tiles, i32.const(TILES_AT_ONCE));
      f.lower(tiles, i32.sub(last, unit));
      f.lower(tiles, i32.sub(i32.const(rows.tiles), tile));
      const lastTile = f.let(i32.add(tile, tiles));

      const row = f.let(firstRow(f, rows, tile));
      const startA = f.let(i32.add(
        inputA,
        i32.mul(
          i32.add(placeOf(f, matrix, batch, a.batch), i32.mul(row, a.side)),
          FLOAT,
        ),
      ));
      const startB = f.let(i32.add(
        packed,
        i32.mul(
          placeOf(f, matrix, batch, plan.packedStrides),
          k * width * FLOAT,
        ),
      ));
      const plane = i32.add(i32.mul(part, sizeOf(batch)), matrix);
      const startC = f.let(i32.add(
        result,
        i32.mul(i32.add(i32.mul(plane, m), row), n * FLOAT),
      ));
      const firstStrip = f.let(i32.mul(group, wide));
      const lastStrip = f.let(i32.add(firstStrip, wide));
      f.lower(lastStrip, i32.const(strips));

      const at = f.local("i32");
      const start = f.let(i32.mul(part, share));
      const end = f.let(i32.add(start, share));
      f.lower(end, i32.const(k));
      f.loop(at, start, end, BLOCK, () => {
        const steps = f.let(i32.sub(end, at));
        f.lower(steps, i32.const(BLOCK));
        const blockA = f.let(i32.add(startA, i32.mul(at, a.depth * FLOAT)));
        if (packA) {
          packTiles(f, plan, blockA, scratch, tile, lastTile, steps);
          f.set(blockA, scratch);
        }
        const strip = f.local("i32");
        f.loop(strip, firstStrip, lastStrip, 1, () => {
          const place = i32.add(i32.mul(strip, k), at);
          const blockB = f.let(
            i32.add(startB, i32.mul(place, width * FLOAT)),
          );
          const c = f.let(i32.add(startC, i32.mul(strip, width * FLOAT)));
          const nextA = f.let(i32.add(blockA, 0));
          const t = f.local("i32");
          f.loop(t, tile, lastTile, 1, () => {
            withRows(f, rows, t, (height) => {
              atEdge(f, n, width, strip, (columns) => {
                const resumed = i32.ne(at, start);
                emitTile(f, plan, height, columns, {
                  a: nextA,
                  b: blockB,
                  c,
                  steps,
                  resumed,
                });
              });
              f.increase(c, height * n * FLOAT);
            });
          });
        });
      });
      f.increase(unit, tiles);
      again();
    })
  );
}

/** Packs the tiles of A for a block of K. */
function packTiles(
  f: FunctionBuilder,
  { a, rows }: Plan,
  block: Local<"i32">,
  scratch: Local<"i32">,
  tile: Local<"i32">,
  lastTile: Local<"i32">,
  steps: Local<"i32">,
): void {
  const t = f.local("i32");
  const row = f.let(i32.add(block, 0));
  const to = f.let(i32.add(scratch, 0));
  f.loop(t, tile, lastTile, 1, () => {
    withRows(f, rows, t, (height) => {
      const from = f.let(i32.add(row, 0));
      pack(f, {
        from,
        across: a.side * FLOAT,
        along: a.depth * FLOAT,
        count: height,
        width: height,
        steps,
        to,
      });
      f.increase(row, height * a.side * FLOAT);
    });
  });
}

/** A tile of the result, over a block of K; A's pointer goes on to the next tile. */
function emitTile(
  f: FunctionBuilder,
  { a, n, k, width, packA }: Plan,
  height: number,
  columns: number,
  at: {
    a: Local<"i32">;
    b: Local<"i32">;
    c: Local<"i32">;
    steps: Local<"i32">;
    resumed: Expression<"i32">;
  },
): void {
  const sums = sumsOf(f, height, Math.ceil(columns / LANES));
  if (k <= BLOCK) clear(f, sums);
  else {
    f.if(
      at.resumed,
      () => loadTile(f, sums, at.c, n * FLOAT),
      () => clear(f, sums),
    );
  }
  const aRow = packA ? FLOAT : a.side * FLOAT;
  const aStep = packA ? height * FLOAT : FLOAT;
  const pointerA = f.let(i32.add(at.a, 0));
  const pointerB = f.let(i32.add(at.b, 0));
  const some = (count: number, aEnd?: Expression<"i32">) =>
    multiply(f, sums, {
      a: pointerA,
      aRow,
      b: [pointerB],
      steps: Array.from(
        { length: count },
        (_, i) => ({ a: i * aStep, b: i * width * FLOAT }),
      ),
      aStep: count * aStep,
      bStep: count * width * FLOAT,
      aEnd,
    });
  const fours = i32.mul(i32.and(at.steps, -4), aStep);
  some(4, f.let(i32.add(pointerA, fours)));
  // What remains of K lies in the last block.
  if (k % 4 > 0) {
    f.if(i32.and(at.steps, 3), () => some(k % 4));
  }
  storeTile(f, sums, at.c, n * FLOAT, columns);
  const next = packA
    ? i32.mul(at.steps, height * FLOAT)
    : i32.const(height * a.side * FLOAT);
  f.increase(at.a, next);
}
