/**
 * The gradient at kernels of 3 x 3 with stride 1 or 2, by Winograd (`winograd.ts`,
 * `winograd_strided.ts`).
 *
 * The sum over squares and samples is a matrix product at each place: dy's
 * channels by the image's. Lanes are four channels, which are laid side by side as
 * they are copied (`image.ts`). Both sides are transformed a chunk of squares at a
 * time; parts of the squares are summed apart, and the last kernel joins them in
 * order and takes them back to 3 x 3. Gradients that are computed together
 * (`products.ts`) transform each side once; the terms of a sum are added up as
 * products, as if the samples of the one were behind those of the other.
 *
 * @module
 */

import type { FunctionBuilder } from "../wasm/assembler.ts";
import { f32x4, i32, type Local, v128 } from "../wasm/expression.ts";
import { groupName } from "./elementwise.ts";
import { copyChannels } from "./image.ts";
import type { Kernel, Scene } from "./kernel.ts";
import { type Products, productsOf } from "./products.ts";
import {
  clear,
  firstRow,
  FLOAT,
  LANES,
  loadTile,
  multiply,
  storeTile,
  type Sums,
  sumsOf,
  withRows,
} from "./tile.ts";
import { kindsIn, placesIn, type Transform } from "./winograd.ts";
import {
  bandSize,
  cellsOf,
  type Plan,
  planOf,
  type Side,
  winogradOf,
} from "./winograd_gradient_plan.ts";

/** Vectors of the image's channels in a tile. */
const VECTORS = 2;

/** Bytes of four channels. */
const FOUR = LANES * FLOAT;

/** The kernels of such `conv-kernel-gradient`s. */
export function winogradGradientKernels(
  scene: Scene,
  results: readonly number[],
): Kernel[] {
  const [instruction] = results.map((index) => scene.instructions[index]);
  const { inputs, products } = productsOf(scene, results);
  const plan = planOf(scene, results[0]);
  const { groups, parts, x, dy } = plan;
  const winograd = winogradOf(plan);
  const places = placesIn(winograd);
  const summed = results.map(() => scene.scratch());
  const key = JSON.stringify(plan);
  const name = groupName(scene.instructions, results);
  return [
    {
      name,
      key: `winograd gradient ${key}, ${JSON.stringify(products)}`,
      emit: (f) => emitSums(f, plan, products),
      inputs,
      outputs: summed.map((number) => ({
        number,
        spec: {
          shape: [parts, groups, kindsIn(winograd), dy.channels, x.channels],
          dtype: "float",
        },
      })),
      units: parts * groups,
      scratch: bandSize(plan) +
        places * products.firsts.length * x.stride +
        places * products.seconds.length * dy.stride,
    },
    ...results.map((index, i): Kernel => ({
      name: `${name}, joined`,
      key: `winograd gradient joined ${key}`,
      emit: (f) => emitJoin(f, plan),
      inputs: [summed[i]],
      outputs: [{ number: index, spec: instruction }],
      units: groups * dy.channels,
      scratch: 0,
    })),
  ];
}

/** Units: part, group; the last runs fastest. */
function emitSums(f: FunctionBuilder, plan: Plan, products: Products): void {
  const { batch, groups, outs, x, dy, squares, across } = plan;
  const { samples, band, bands } = plan;
  const { operands, firsts: images, seconds: slopes, sums } = products;
  const [scratch, first, last] = [0, 1, 2].map((i) =>
    f.parameter(operands + sums.length + i)
  );
  const places = placesIn(winogradOf(plan));
  // Where the transformed squares of each image and of each dy are.
  const start = bandSize(plan);
  const [placesOfX, placesOfDy] = [
    images.map((_, i) => start + i * places * x.stride),
    slopes.map((_, i) =>
      start + images.length * places * x.stride + i * places * dy.stride
    ),
  ].map((offsets) => offsets.map((o) => f.let(i32.add(scratch, o))));
  const transformX = winogradOf(plan).cells(f);
  const transformDy = winogradOf(plan).slopes(f);
  const share = Math.ceil(plan.chunks / plan.parts);
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const group = f.let(i32.rem_u(unit, groups));
    const firstChunk = f.let(i32.mul(i32.div_u(unit, groups), share));
    const lastChunk = f.let(i32.add(firstChunk, share));
    f.lower(lastChunk, plan.chunks);
    const size = kindsIn(winogradOf(plan)) * dy.channels * x.channels * FLOAT;
    const targets = sums.map((_, i) =>
      f.let(i32.add(f.parameter(operands + i), i32.mul(unit, size)))
    );
    const chunk = f.local("i32");
    f.loop(chunk, firstChunk, lastChunk, 1, () => {
      const sample = f.let(i32.mul(i32.div_u(chunk, bands), samples));
      const count = f.let(i32.sub(i32.const(batch), sample));
      f.lower(count, samples);
      const start = f.let(i32.mul(i32.rem_u(chunk, bands), band));
      const lines = f.let(i32.sub(i32.const(squares), start));
      f.lower(lines, band);
      const place = { sample, count, start, lines, scratch };
      images.forEach((image, i) =>
        transformSide(
          f,
          plan,
          x,
          transformX,
          f.parameter(image),
          placesOfX[i],
          {
            ...place,
            group: f.let(i32.div_u(group, outs)),
            groups: groups / outs,
          },
        )
      );
      slopes.forEach((slope, i) =>
        transformSide(
          f,
          plan,
          dy,
          transformDy,
          f.parameter(slope),
          placesOfDy[i],
          { ...place, group, groups },
        )
      );
      const all = f.let(i32.mul(i32.mul(count, lines), across));
      const resumed = f.let(i32.ne(chunk, firstChunk));
      sums.forEach((terms, i) => {
        const factors = terms.map(([x, dy]) => ({
          a: placesOfDy[dy],
          b: placesOfX[x],
        }));
        multiplyPlaces(f, plan, factors, targets[i], all, resumed);
      });
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
  plan: Plan,
  side: Side,
  transform: Transform,
  from: Local<"i32">,
  to: Local<"i32">,
  { sample, count, start, lines, group, groups, scratch }: Place,
): void {
  const { across, band } = plan;
  const { edge } = winogradOf(plan);
  const { channels, height, width, stride, seen, step } = side;
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
  const row = cellsOf(side, across) * FOUR;
  const fourBytes = cellsOf(side, band) * row;
  f.loop(s, 0, count, 1, () => {
    const [four, copied] = [f.let(source), f.let(scratch)];
    f.loop(channel, 0, channels, LANES, () => {
      copyChannels(f, {
        ...side,
        rows: f.let(i32.add(i32.mul(lines, step), seen - step)),
        columns: cellsOf(side, across),
        first: f.let(i32.sub(i32.mul(start, step), side.padding[0])),
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
            (i, j, number) => f.store(target, number, (i * edge + j) * stride),
          );
          f.increase(cell, fourBytes);
          f.increase(target, FOUR);
        });
        f.increase(first, step * FOUR);
      });
      f.increase(square, step * row);
    });
    f.increase(source, groups * channels * plane);
  });
}

/**
 * Adds the products of a chunk's terms to the sums of its part: those of all places
 * of a kind together, which are side by side in both directions.
 */
function multiplyPlaces(
  f: FunctionBuilder,
  plan: Plan,
  terms: readonly { readonly a: Local<"i32">; readonly b: Local<"i32"> }[],
  result: Local<"i32">,
  squares: Local<"i32">,
  resumed: Local<"i32">,
): void {
  const { x, dy, rows } = plan;
  const { edge, kinds } = winogradOf(plan);
  const [line, column, tile, channel] = [0, 1, 2, 3].map(() => f.local("i32"));
  const factors = terms.map(({ a, b }) => ({ a: f.let(a), b: f.let(b) }));
  const target = f.let(result);
  const aStep = dy.channels * FLOAT, bStep = x.channels * FLOAT;
  const fours = f.let(i32.mul(i32.and(squares, -LANES), aStep));
  const all = f.let(i32.mul(squares, aStep));
  const multiplyTerms = (
    sums: Sums,
    row: Local<"i32">,
    place: Local<"i32"> | undefined,
  ) =>
    factors.forEach(({ a, b }) => {
      const offset = (side: Side) =>
        place === undefined ? 0 : i32.mul(place, side.stride);
      const from = f.let(i32.add(i32.add(a, row), offset(dy)));
      const atA = f.let(from);
      const atB = f.let(
        i32.add(i32.add(b, i32.mul(channel, FLOAT)), offset(x)),
      );
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
          aEnd: f.let(i32.add(from, bytes)),
        });
      some(4, fours);
      some(1, all);
    });
  // How many lines of places, and places of a line, are of the last kind.
  const shared = edge - kinds + 1;
  const [lines, places] = [f.local("i32"), f.local("i32")];
  const [below, beside] = [f.local("i32"), f.local("i32")];
  const alike = (sums: Sums, row: Local<"i32">) => {
    if (shared === 1) return multiplyTerms(sums, row, undefined);
    f.loop(below, 0, lines, edge, () => {
      f.loop(beside, 0, places, 1, () => {
        multiplyTerms(sums, row, f.let(i32.add(below, beside)));
      });
    });
  };
  const count = (kind: Local<"i32">, of: Local<"i32">, each: number) => {
    f.set(of, each);
    f.if(i32.eq(kind, kinds - 1), () => f.set(of, shared * each));
  };
  f.loop(line, 0, kinds, 1, () => {
    if (shared > 1) count(line, lines, edge);
    f.loop(column, 0, kinds, 1, () => {
      if (shared > 1) count(column, places, 1);
      f.loop(tile, 0, rows.tiles, 1, () => {
        const row = f.let(i32.mul(firstRow(f, rows, tile), FLOAT));
        withRows(f, rows, tile, (height) => {
          const tileOf = (vectors: number) => {
            const sums = sumsOf(f, height, vectors);
            f.if(
              resumed,
              () => loadTile(f, sums, target, x.channels * FLOAT),
              () => clear(f, sums),
            );
            alike(sums, row);
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
      for (const { a, b } of factors) {
        f.increase(a, dy.stride);
        f.increase(b, x.stride);
      }
    });
    if (shared > 1) {
      for (const { a, b } of factors) {
        f.increase(a, (shared - 1) * dy.stride);
        f.increase(b, (shared - 1) * x.stride);
      }
    }
  });
}

/** Units: channels of dy, of all groups. */
function emitJoin(f: FunctionBuilder, plan: Plan): void {
  const { groups, x, dy, parts } = plan;
  const { kinds, kernels } = winogradOf(plan);
  const transform = kernels(f);
  const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
    f.parameter(i)
  );
  const matrix = dy.channels * x.channels * FLOAT;
  const [unit, channel, part] = [0, 1, 2].map(() => f.local("i32"));
  f.loop(unit, first, last, 1, () => {
    const row = f.let(i32.rem_u(unit, dy.channels));
    const group = i32.mul(i32.div_u(unit, dy.channels), kinds ** 2 * matrix);
    const from = f.let(i32.add(
      input,
      i32.add(group, i32.mul(row, x.channels * FLOAT)),
    ));
    const to = f.let(i32.add(output, i32.mul(unit, x.channels * 9 * FLOAT)));
    f.loop(channel, 0, x.channels, LANES, () => {
      const sums = Array.from(
        { length: kinds ** 2 },
        (_, i) => f.let(v128.load(from, i * matrix)),
      );
      const at = f.let(from);
      f.loop(part, 1, parts, 1, () => {
        f.increase(at, groups * kinds ** 2 * matrix);
        sums.forEach((sum, i) =>
          f.set(sum, f32x4.add(sum, v128.load(at, i * matrix)))
        );
      });
      transform((i, j) => sums[i * kinds + j], (i, j, number) => {
        for (let lane = 0; lane < LANES; lane++) {
          f.storeLane(to, number, lane, (lane * 9 + i * 3 + j) * FLOAT);
        }
      });
      f.increase(from, FOUR);
      f.increase(to, LANES * 9 * FLOAT);
    });
  });
}
