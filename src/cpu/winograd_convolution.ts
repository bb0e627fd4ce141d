/**
 * Convolutions with kernels of 3 x 3 and stride 1 or 2, and their gradients with
 * respect to the input, by Winograd (`winograd.ts`, `winograd_strided.ts`).
 *
 * A first kernel transforms the weights. Then a unit of work copies its band of
 * rows (`image.ts`), and takes eight squares at a time through transform, products
 * and transform, within the first cache. Convolutions that are computed together
 * (`products.ts`) transform each image once; the terms of a sum are added up as
 * products, as if the channels of their images were one after another. Lanes are four squares, side by side or in
 * two rows: columns of the copy that are a square apart lie side by side, so nothing
 * is shuffled. With stride 1, squares have 4 x 4 positions where these cut the result
 * evenly, else 2 x 2.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  i32,
  i32x4,
  type Local,
  v128,
} from "../wasm/expression.ts";
import { groupName } from "./elementwise.ts";
import { copyBand, placeOn, placesOf } from "./image.ts";
import type { Kernel, Scene } from "./kernel.ts";
import { transpose } from "./pack.ts";
import { type Products, productsOf } from "./products.ts";
import type { Sliding } from "./sliding.ts";
import {
  clear,
  firstRow,
  FLOAT,
  LANES,
  multiply,
  storeLanes,
  storeTile,
  sumsOf,
  withRows,
} from "./tile.ts";
import { kindsIn, placesIn, type Transform } from "./winograd.ts";
import {
  kernelOf,
  leastOf,
  type Plan,
  planOf,
  ROW,
  VECTORS,
  winogradOf,
} from "./winograd_plan.ts";

/** The kernels of convolutions, or of gradients with respect to the input. */
export function winogradKernels(
  scene: Scene,
  results: readonly number[],
  sliding: Sliding,
): Kernel[] {
  const [instruction] = results.map((index) => scene.instructions[index]);
  const name = groupName(scene.instructions, results);
  const { inputs, products } = productsOf(scene, results);
  const { firsts, seconds, sums } = products;
  const plan = planOf(sliding, firsts.length);
  const { groups, from, rows, blocks, bands, outs } = plan;
  const key = JSON.stringify(plan);
  const transformed = seconds.map(() => scene.scratch());
  return [
    ...seconds.map((weights, i): Kernel => ({
      name: `${name}, weights`,
      key: `winograd weights ${key}`,
      emit: (f) => emitWeights(f, plan),
      inputs: [inputs[weights]],
      outputs: [{
        number: transformed[i],
        spec: {
          shape: [
            groups,
            kindsIn(winogradOf(plan)),
            weightsStride(plan) / FLOAT,
          ],
          dtype: "float",
        },
      }],
      units: groups * rows.tiles,
      scratch: 0,
    })),
    {
      name,
      key: `winograd ${key}, ${JSON.stringify(sums)}`,
      emit: (f) => emitConvolution(f, plan, products),
      inputs: [...firsts.map((image) => inputs[image]), ...transformed],
      outputs: results.map((number) => ({ number, spec: instruction })),
      units: outs * blocks * groups * bands,
      scratch: productsSize(plan) +
        firsts.length * transformedSize(plan) +
        firsts.length * plan.samples * from * plan.plane * FLOAT,
    },
  ];
}

/** Bytes from a place's products to the next's, and from a kind's weights. */
const productsStride = ({ rows, tiles }: Plan): number =>
  tiles * rows.high * ROW + 64;
const weightsStride = ({ from, to }: Plan): number => from * to * FLOAT + 64;

/** Bytes of the products of a unit's tiles. */
const productsSize = (plan: Plan): number =>
  placesIn(winogradOf(plan)) * productsStride(plan);

/** Bytes of the transformed squares of an image. */
const transformedSize = (plan: Plan): number =>
  placesIn(winogradOf(plan)) * plan.stride;

/**
 * Units: tiles of channels, of all groups. The result is in the order in which it is
 * read: [kind of place, tile, channel of the image, channel of the tile]. Lanes are channels
 * of the tile; it has at least four, and the last vector ends where it does.
 */
function emitWeights(f: FunctionBuilder, plan: Plan): void {
  const { from, rows } = plan;
  const winograd = winogradOf(plan);
  const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
    f.parameter(i)
  );
  const transform = winograd.weights(f);
  const kernel = kernelOf(plan);
  const least = leastOf(kernel);
  const offsetOf = (row: number, column: number): number =>
    kernel.find((cell) =>
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
      i32.add(
        i32.mul(group, kindsIn(winograd) * weightsStride(plan)),
        i32.mul(row, from * FLOAT),
      ),
    ));
    withRows(f, rows, tile, (height) => {
      const c = f.local("i32");
      f.loop(c, 0, from, 1, () => {
        for (const row of height > LANES ? [0, height - LANES] : [0]) {
          const offset = (lane: number, i: number, j: number) =>
            (row + lane) * plan.weightTo * FLOAT + offsetOf(i, j);
          transform(
            (i, j) =>
              [1, 2, 3].reduce(
                (vector, lane) =>
                  v128.load32_lane(source, vector, lane, offset(lane, i, j)),
                v128.load32_zero(source, offset(0, i, j)),
              ),
            (i, j, number) =>
              f.store(
                target,
                number,
                (i * winograd.kinds + j) * weightsStride(plan) + row * FLOAT,
              ),
          );
        }
        f.increase(source, plan.weightFrom * FLOAT);
        f.increase(target, height * FLOAT);
      });
    });
  });
}

/**
 * Units: range of channels, samples, group, band of rows of squares; the last runs
 * fastest, so that a thread keeps its weights.
 */
function emitConvolution(
  f: FunctionBuilder,
  plan: Plan,
  { firsts, seconds, sums }: Products,
): void {
  const { batch, groups, from, to, image, result, across, band, bands } = plan;
  const { rows, tiles, high, wide, samples, blocks } = plan;
  const { size } = winogradOf(plan);
  const images = firsts.length, outputs = images + seconds.length;
  const [products, first, last] = [0, 1, 2].map((i) =>
    f.parameter(outputs + sums.length + i)
  );
  const transformed = f.let(i32.add(products, productsSize(plan)));
  const copied = f.let(
    i32.add(transformed, images * transformedSize(plan)),
  );
  const transform = winogradOf(plan).cells(f);
  const positions = winogradOf(plan).positions(f);
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const start = f.let(i32.mul(i32.rem_u(unit, bands), band));
    const rest = f.let(i32.div_u(unit, bands));
    const group = f.let(i32.rem_u(rest, groups));
    f.set(rest, i32.div_u(rest, groups));
    const sample = f.let(i32.mul(i32.rem_u(rest, blocks), samples));
    const count = f.let(i32.sub(i32.const(batch), sample));
    f.lower(count, samples);
    const out = i32.div_u(rest, blocks);
    const firstTile = f.let(i32.mul(out, tiles));
    const lastTile = f.let(i32.add(firstTile, tiles));
    f.lower(lastTile, rows.tiles);
    const row = f.let(firstRow(f, rows, firstTile));
    const end = f.let(i32.add(
      products,
      i32.mul(i32.sub(firstRow(f, rows, lastTile), row), ROW),
    ));
    const toWeights = f.let(i32.add(
      i32.mul(group, kindsIn(winogradOf(plan)) * weightsStride(plan)),
      i32.mul(row, from * FLOAT),
    ));
    const weights = seconds.map((_, w) =>
      f.let(i32.add(f.parameter(images + w), toWeights))
    );
    const plane = f.let(i32.add(i32.mul(sample, groups), group));
    const imageBytes = from * sizeOf(image) * FLOAT;
    const bandBytes = from * plan.plane * FLOAT;
    const position = f.let(i32.mul(start, high));
    const s = f.local("i32");
    for (let x = 0; x < images; x++) {
      const begin = f.let(
        i32.add(f.parameter(x), i32.mul(plane, imageBytes)),
      );
      const into = f.let(i32.add(copied, x * samples * bandBytes));
      f.loop(s, 0, count, 1, () => {
        copyBand(f, ...plan.axes, begin, from, position, into);
        f.increase(begin, groups * imageBytes);
        f.increase(into, bandBytes);
      });
    }
    const target = f.let(
      i32.mul(i32.add(i32.mul(plane, to), row), sizeOf(result) * FLOAT),
    );
    const each = f.let(i32.sub(i32.const(plan.lines), start));
    f.lower(each, band);
    f.set(each, i32.mul(each, across));
    f.set(count, i32.mul(count, each));
    const vector = f.local("i32");
    f.loop(vector, 0, count, VECTORS, () => {
      const squares = Array.from({ length: VECTORS }, (_, v) => {
        const own = f.let(i32.add(vector, v));
        // The last vector is computed more than once if they are odd.
        if (v > 0) {
          f.if(i32.ge_u(own, count), () => f.set(own, i32.sub(count, 1)));
        }
        const sample = f.let(i32.div_u(own, each));
        f.set(own, i32.rem_u(own, each));
        const row = f.let(i32.div_u(own, across));
        const column = f.let(i32.rem_u(own, across));
        const place = i32.add(
          i32.mul(row, high * placesOf(plan.axes[1])),
          i32.mul(column, wide),
        );
        const seen = f.let(i32.add(
          i32.add(copied, i32.mul(sample, bandBytes)),
          i32.mul(place, FLOAT),
        ));
        f.set(row, i32.add(row, start));
        const cell = i32.add(
          i32.mul(sample, groups * to * sizeOf(result)),
          i32.add(
            i32.mul(row, high * size * result[1]),
            i32.mul(column, wide * size),
          ),
        );
        return {
          seen,
          target: f.let(i32.add(target, i32.mul(cell, FLOAT))),
          lastRow: f.let(i32.eq(row, plan.lines - 1)),
          lastColumn: f.let(i32.eq(column, across - 1)),
        };
      });
      for (let x = 0; x < images; x++) {
        transformSquares(
          f,
          plan,
          transform,
          squares.map(({ seen }) =>
            f.let(i32.add(seen, x * samples * bandBytes))
          ),
          f.let(i32.add(transformed, x * transformedSize(plan))),
        );
      }
      sums.forEach((terms, y) => {
        const factors = terms.map(([x, w]) => ({
          a: f.let(weights[w]),
          b: f.let(i32.add(transformed, x * transformedSize(plan))),
        }));
        multiplyPlaces(f, plan, firstTile, lastTile, factors, products);
        const own = squares.map((square) => ({
          ...square,
          target: f.let(i32.add(f.parameter(outputs + y), square.target)),
        }));
        const from = f.local("i32");
        f.loop(from, products, end, ROW, () => {
          own.forEach((square, v) =>
            storeSquares(f, plan, positions, from, v, square)
          );
        });
      });
    });
  });
}

/** B^T d B for two vectors of squares, for each channel. */
function transformSquares(
  f: FunctionBuilder,
  plan: Plan,
  transform: Transform,
  seen: readonly Local<"i32">[],
  transformed: Local<"i32">,
): void {
  const { from, axes, plane, stride, wide } = plan;
  const { edge } = winogradOf(plan);
  const pointers = seen.map((pointer) => f.let(pointer));
  const to = f.let(transformed);
  const channel = f.local("i32");
  f.loop(channel, 0, from, 1, () => {
    pointers.forEach((pointer, v) => {
      transform(
        (i, j) => {
          const row = placeOn(axes[0], axes[0].least + i) * placesOf(axes[1]);
          const place = row + placeOn(axes[1], axes[1].least + j);
          if (wide === LANES) return v128.load(pointer, place * FLOAT);
          return v128.load64_lane(
            pointer,
            v128.load64_zero(pointer, place * FLOAT),
            1,
            (place + placesOf(axes[1])) * FLOAT,
          );
        },
        (i, j, number) =>
          f.store(to, number, (i * edge + j) * stride + v * LANES * FLOAT),
      );
      f.increase(pointer, plane * FLOAT);
    });
    f.increase(to, ROW);
  });
}

/** Weights and transformed squares, which are moved from place to place. */
interface Factors {
  readonly a: Local<"i32">;
  readonly b: Local<"i32">;
}

/** The products of tiles of channels at all places, added up over the terms. */
function multiplyPlaces(
  f: FunctionBuilder,
  plan: Plan,
  firstTile: Local<"i32">,
  lastTile: Local<"i32">,
  terms: readonly Factors[],
  products: Local<"i32">,
): void {
  const { from, rows, stride } = plan;
  const { edge, kinds } = winogradOf(plan);
  const [line, column, tile] = [0, 1, 2].map(() => f.local("i32"));
  const target = f.let(products);
  const onPlace = () => {
    const to = f.let(target);
    // Behind the weights of a tile are the next one's.
    const ofTile = terms.map(({ a, b }) => ({ a: f.let(a), b }));
    f.loop(tile, firstTile, lastTile, 1, () => {
      withRows(f, rows, tile, (height) => {
        const sums = sumsOf(f, height, VECTORS);
        clear(f, sums);
        for (const { a, b: start } of ofTile) {
          const b = f.let(start);
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
        }
        storeTile(f, sums, to, ROW, VECTORS * LANES);
        f.increase(to, height * ROW);
      });
    });
    for (const { b } of terms) f.increase(b, stride);
    f.increase(target, productsStride(plan));
  };
  const weights = (kinds: number) =>
    terms.forEach(({ a }) => f.increase(a, kinds * weightsStride(plan)));
  f.loop(line, 0, edge, 1, () => {
    f.loop(column, 0, edge, 1, () => {
      onPlace();
      f.if(i32.lt_u(column, kinds - 1), () => weights(1));
    });
    f.if(
      i32.lt_u(line, kinds - 1),
      () => weights(1),
      () => weights(1 - kinds),
    );
  });
}

/** Takes a vector of squares of one channel back; the target goes on to the next. */
function storeSquares(
  f: FunctionBuilder,
  plan: Plan,
  positions: Transform,
  from: Local<"i32">,
  vector: number,
  square: Square,
): void {
  const { result, form } = plan;
  const { edge, size } = winogradOf(plan);
  const rows = Array.from({ length: size }, (): Local<"v128">[] => []);
  positions(
    (i, j) =>
      v128.load(
        from,
        (i * edge + j) * productsStride(plan) + vector * LANES * FLOAT,
      ),
    (i, _, number) => rows[i].push(f.let(number)),
  );
  if (form === "2 x 2") storePart(f, plan, rows, square);
  else storeWhole(f, plan, rows, square);
  f.increase(square.target, sizeOf(result) * FLOAT);
}

/** Where a vector of squares goes, and whether the result may end within it. */
interface Square {
  readonly target: Local<"i32">;
  readonly lastRow: Local<"i32">;
  readonly lastColumn: Local<"i32">;
}

/** Stores squares that are whole, four positions of a row after four. */
function storeWhole(
  f: FunctionBuilder,
  { result, wide }: Plan,
  rows: readonly (readonly Local<"v128">[])[],
  { target }: Square,
): void {
  const size = rows.length;
  rows.forEach((row, i) => {
    for (let column = 0; column < size; column += LANES) {
      const four = row.slice(column, column + LANES);
      transpose(f, four).forEach((vector, square) => {
        const line = Math.floor(square / wide) * size + i;
        const place = line * result[1] + square % wide * size + column;
        f.store(target, vector, place * FLOAT);
      });
    }
  });
}

/** Stores squares of 2 x 2 positions, as far as they are in the result. */
function storePart(
  f: FunctionBuilder,
  { result }: Plan,
  rows: readonly (readonly Local<"v128">[])[],
  square: Square,
): void {
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
}
