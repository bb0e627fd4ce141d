/**
 * Convolutions with kernels of 3 x 3 and stride 1, and their gradients with respect
 * to the input, by Winograd (`winograd.ts`).
 *
 * A first kernel transforms the weights. Then a unit of work copies its band of
 * rows (`image.ts`), and takes eight squares at a time through transform, products
 * and transform, within the first cache. Lanes are four squares side by side: the
 * even and the odd columns of the copy lie apart, so nothing is shuffled.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "./assembler.ts";
import {
  type Expression,
  f32,
  i32,
  i32x4,
  type Local,
  v128,
} from "./expression.ts";
import { type Axis, axisOf, copyBand, placeOn, placesOf } from "./image.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import type { Sliding } from "./sliding.ts";
import {
  clear,
  cutRows,
  firstRow,
  FLOAT,
  LANES,
  multiply,
  type Rows,
  storeLanes,
  storeTile,
  sumsOf,
  withRows,
} from "./tile.ts";
import {
  LEAST_POSITIONS,
  MOST_WEIGHTS,
  PLACES,
  positionsOf,
  transformSquare,
  transformWeights,
} from "./winograd.ts";

/** Vectors of squares that are taken through at a time. */
const VECTORS = 2;

/** Bytes of a row of a tile: eight squares. */
const ROW = VECTORS * LANES * FLOAT;

/** Most floats of a band in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 32;

/** A convolution, and how it is cut. */
interface Plan extends Sliding {
  readonly rows: Rows;
  /** Rows of squares, and vectors of four squares in each. */
  readonly squares: number;
  readonly across: number;
  /** Rows of squares in a band, and how many bands there are. */
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
function leastOf(cells: Sliding["phases"][0]["cells"]): [number, number] {
  return [
    Math.min(...cells.map(({ row }) => row)),
    Math.min(...cells.map(({ column }) => column)),
  ];
}

/** The kernels of a convolution, or of its gradient with respect to the input. */
export function winogradKernels(
  scene: Scene,
  index: number,
  sliding: Sliding,
): Kernel[] {
  const instruction = scene.instructions[index];
  const [image, weights] = instruction.operands.map((o) => scene.roots[o]);
  const plan = planOf(sliding);
  const { batch, groups, from, to, rows, bands, outs } = plan;
  const transformed = scene.scratch();
  const key = JSON.stringify(plan);
  return [
    {
      name: `${nameOf(instruction)}, weights`,
      key: `winograd weights ${key}`,
      emit: (f) => emitWeights(f, plan),
      inputs: [weights],
      outputs: [{
        number: transformed,
        spec: { shape: [groups, to, PLACES, from], dtype: "float" },
      }],
      units: groups * rows.tiles,
      scratch: 0,
    },
    {
      name: nameOf(instruction),
      key: `winograd ${key}`,
      emit: (f) => emitConvolution(f, plan),
      inputs: [image, transformed],
      outputs: [{ number: index, spec: instruction }],
      units: outs * batch * groups * bands,
      scratch: productsSize(plan) + PLACES * plan.stride +
        from * plan.plane * FLOAT,
    },
  ];
}

function planOf(sliding: Sliding): Plan {
  const { batch, groups, from, to, image, result, phases } = sliding;
  const least = leastOf(phases[0].cells);
  const squares = Math.ceil(result[0] / 2);
  const across = Math.ceil(result[1] / 2 / LANES);
  const four = (start: number) => [0, 1, 2, 3].map((i) => start + i);
  const axesOf = (band: number) =>
    [
      axisOf(image[0], 2, band, four(least[0])),
      axisOf(image[1], 2, across * LANES, four(least[1])),
    ] as const;
  const planeOf = ([rows, columns]: readonly [Axis, Axis]) =>
    placesOf(rows) * placesOf(columns);
  const units = Math.ceil(ENOUGH_UNITS / (batch * groups));
  const lean = Math.min(2, squares);
  let band = Math.max(lean, Math.ceil(squares / units));
  while (band > lean && from * planeOf(axesOf(band)) > BAND) {
    band = Math.ceil(band / 2);
  }
  const bands = Math.ceil(squares / band);
  const rows = cutRows(to);
  const most = Math.floor(MOST_WEIGHTS / (PLACES * from * rows.high));
  const outs = Math.max(
    Math.ceil(rows.tiles / Math.max(1, most)),
    Math.min(rows.tiles, Math.floor(ENOUGH_UNITS / (batch * groups * bands))),
  );
  const tiles = Math.ceil(rows.tiles / outs);
  const axes = axesOf(band);
  return {
    ...sliding,
    rows,
    squares,
    across,
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

/** Bytes of a tile's products. */
const productsSize = ({ rows }: Plan): number => PLACES * rows.high * ROW;

/**
 * Units: tiles of channels, of all groups. The result is in the order in which it is
 * read: [tile, place, channel of the image, channel of the tile].
 */
function emitWeights(f: FunctionBuilder, plan: Plan): void {
  const { from, to, rows, phases } = plan;
  const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
    f.parameter(i)
  );
  const least = leastOf(phases[0].cells);
  const offsetOf = (row: number, column: number): number =>
    phases[0].cells.find((cell) =>
      cell.row === least[0] + row && cell.column === least[1] + column
    )!.weight * FLOAT;
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const tile = f.let(i32.rem_u(unit, rows.tiles));
    const group = f.let(i32.div_u(unit, rows.tiles));
    const row = f.let(firstRow(f, rows, tile));
    const source = f.let(i32.add(
      input,
      i32.mul(
        i32.add(
          i32.mul(group, plan.weightGroup),
          i32.mul(row, plan.weightTo),
        ),
        FLOAT,
      ),
    ));
    const target = f.let(i32.add(
      output,
      i32.mul(
        i32.add(i32.mul(group, to), row),
        PLACES * from * FLOAT,
      ),
    ));
    withRows(f, rows, tile, (height) => {
      const [r, c] = [f.local("i32"), f.local("i32")];
      f.loop(r, 0, height, 1, () => {
        const weights = f.let(source);
        const at = f.let(target);
        f.loop(c, 0, from, 1, () => {
          transformWeights(
            f,
            (i, j) => f32.load(weights, offsetOf(i, j)),
            (i, j, number) =>
              f.store(at, number, (i * 4 + j) * from * height * FLOAT),
          );
          f.increase(weights, plan.weightFrom * FLOAT);
          f.increase(at, height * FLOAT);
        });
        f.increase(source, plan.weightTo * FLOAT);
        f.increase(target, FLOAT);
      });
    });
  });
}

/**
 * Units: range of channels, sample, group, band of rows of squares; the last runs
 * fastest, so that a thread keeps its weights.
 */
function emitConvolution(f: FunctionBuilder, plan: Plan): void {
  const { batch, groups, from, to, image, result, across, band, bands } = plan;
  const { rows, tiles } = plan;
  const [x, weights, y, products, first, last] = [0, 1, 2, 3, 4, 5].map((i) =>
    f.parameter(i)
  );
  const transformed = f.let(i32.add(products, productsSize(plan)));
  const copied = f.let(i32.add(transformed, PLACES * plan.stride));
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const start = f.let(i32.mul(i32.rem_u(unit, bands), band));
    const rest = f.let(i32.div_u(unit, bands));
    const plane = f.let(i32.rem_u(rest, batch * groups));
    const out = i32.div_u(rest, batch * groups);
    const firstTile = f.let(i32.mul(out, tiles));
    const lastTile = f.let(i32.add(firstTile, tiles));
    f.lower(lastTile, rows.tiles);
    const row = f.let(firstRow(f, rows, firstTile));
    const source = i32.mul(plane, from * sizeOf(image) * FLOAT);
    const begin = f.let(i32.add(x, source));
    copyBand(f, ...plan.axes, begin, from, start, copied);
    const target = f.let(
      i32.add(
        y,
        i32.mul(i32.add(i32.mul(plane, to), row), sizeOf(result) * FLOAT),
      ),
    );
    const count = f.let(i32.sub(i32.const(plan.squares), start));
    f.lower(count, band);
    f.set(count, i32.mul(count, across));
    const vector = f.local("i32");
    f.loop(vector, 0, count, VECTORS, () => {
      const squares = Array.from({ length: VECTORS }, (_, v) => {
        const own = f.let(i32.add(vector, v));
        // The last vector is computed more than once if they are odd.
        if (v > 0) {
          f.if(i32.ge_u(own, count), () => f.set(own, i32.sub(count, 1)));
        }
        const row = f.let(i32.div_u(own, across));
        const column = f.let(i32.rem_u(own, across));
        const seen = f.let(i32.add(
          copied,
          i32.add(
            i32.mul(row, placesOf(plan.axes[1]) * FLOAT),
            i32.mul(column, LANES * FLOAT),
          ),
        ));
        f.set(row, i32.add(row, start));
        const place = i32.add(
          i32.mul(row, 2 * result[1]),
          i32.mul(column, 2 * LANES),
        );
        return {
          seen,
          target: f.let(i32.add(target, i32.mul(place, FLOAT))),
          lastRow: f.let(i32.eq(row, plan.squares - 1)),
          lastColumn: f.let(i32.eq(column, across - 1)),
        };
      });
      transformSquares(f, plan, squares.map(({ seen }) => seen), transformed);
      const tile = f.local("i32");
      const a = f.let(i32.add(
        weights,
        i32.mul(
          i32.add(i32.mul(i32.rem_u(plane, groups), to), row),
          PLACES * from * FLOAT,
        ),
      ));
      f.loop(tile, firstTile, lastTile, 1, () => {
        withRows(f, rows, tile, (height) => {
          multiplyPlaces(f, plan, height, a, transformed, products);
          const [row, from] = [f.local("i32"), f.let(products)];
          f.loop(row, 0, height, 1, () => {
            squares.forEach((square, v) =>
              storeSquares(f, plan, height, from, v, square)
            );
            f.increase(from, ROW);
          });
        });
      });
    });
  });
}

/** B^T d B for two vectors of squares, for each channel. */
function transformSquares(
  f: FunctionBuilder,
  { from, axes, plane, stride }: Plan,
  seen: readonly Local<"i32">[],
  transformed: Local<"i32">,
): void {
  const pointers = seen.map((pointer) => f.let(pointer));
  const to = f.let(transformed);
  const channel = f.local("i32");
  f.loop(channel, 0, from, 1, () => {
    pointers.forEach((pointer, v) => {
      transformSquare(
        f,
        (i, j) => {
          const row = placeOn(axes[0], axes[0].least + i) * placesOf(axes[1]);
          const place = row + placeOn(axes[1], axes[1].least + j);
          return v128.load(pointer, place * FLOAT);
        },
        (i, j, number) =>
          f.store(to, number, (i * 4 + j) * stride + v * LANES * FLOAT),
      );
      f.increase(pointer, plane * FLOAT);
    });
    f.increase(to, ROW);
  });
}

/** The products of a tile of channels at all places; `a` goes on to the next tile. */
function multiplyPlaces(
  f: FunctionBuilder,
  { from, stride }: Plan,
  height: number,
  a: Local<"i32">,
  transformed: Local<"i32">,
  products: Local<"i32">,
): void {
  const place = f.local("i32");
  const b = f.let(transformed);
  const to = f.let(products);
  f.loop(place, 0, PLACES, 1, () => {
    const sums = sumsOf(f, height, VECTORS);
    clear(f, sums);
    const some = (count: number, aEnd?: Expression<"i32">) =>
      multiply(f, sums, {
        a,
        aRow: FLOAT,
        b: [b],
        steps: Array.from(
          { length: count },
          (_, i) => ({ a: i * height * FLOAT, b: i * ROW }),
        ),
        aStep: count * height * FLOAT,
        bStep: count * ROW,
        aEnd,
      });
    some(4, f.let(i32.add(a, Math.floor(from / 4) * 4 * height * FLOAT)));
    if (from % 4 > 0) some(from % 4);
    f.increase(b, stride - from * ROW);
    storeTile(f, sums, to, ROW, VECTORS * LANES);
    f.increase(to, height * ROW);
  });
}

/** Takes a vector of squares of one channel back; the target goes on to the next. */
function storeSquares(
  f: FunctionBuilder,
  { result }: Plan,
  height: number,
  from: Local<"i32">,
  vector: number,
  square: {
    target: Local<"i32">;
    lastRow: Local<"i32">;
    lastColumn: Local<"i32">;
  },
): void {
  const rows = positionsOf(
    f,
    (i, j) =>
      v128.load(from, (i * 4 + j) * height * ROW + vector * LANES * FLOAT),
  );
  const edge = result[1] % (2 * LANES);
  const storeRow = (row: number) => {
    const [even, odd] = rows[row];
    const halves = [[0, 4, 1, 5], [2, 6, 3, 7]].map((lanes) =>
      f.let(i32x4.shuffle(even, odd, lanes))
    );
    const store = (count: number) =>
      halves.forEach((half, i) => {
        const lanes = Math.max(0, Math.min(LANES, count - i * LANES));
        const offset = (row * result[1] + i * LANES) * FLOAT;
        storeLanes(f, square.target, half, lanes, offset);
      });
    if (edge === 0) store(2 * LANES);
    else f.if(square.lastColumn, () => store(edge), () => store(2 * LANES));
  };
  storeRow(0);
  if (result[0] % 2 === 0) storeRow(1);
  else f.if(i32.eqz(square.lastRow), () => storeRow(1));
  f.increase(square.target, sizeOf(result) * FLOAT);
}
