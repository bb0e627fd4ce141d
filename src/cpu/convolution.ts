/**
 * Convolution and its gradient with respect to the input, as implicit matrix
 * products: rows are channels of the result, columns its positions, and the sum
 * runs over the channels and cells that a position sees.
 *
 * A unit of work is a band of rows of one sample. Its part of the image is copied
 * to the scratch once, with its padding (`image.ts`), a block of channels at a
 * time; then tiles of positions read the image in vectors, at each cell's offset,
 * and the weights where they lie. No patch is written to memory, nor are weights
 * packed. Where nothing is padded and the stride is 1, not even the image is copied.
 * Convolutions that are computed together (`products.ts`) copy each image once.
 *
 * What is said here of the image and the result holds for both: for the gradient,
 * the image is dy (`sliding.ts`).
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  i32,
  type Local,
  type Operand,
  v128,
} from "../wasm/expression.ts";
import { bandSize, isWhole, type Plan, planOf } from "./convolution_plan.ts";
import { groupName } from "./elementwise.ts";
import { copyBand, placeOn, placesOf } from "./image.ts";
import type { Kernel, Scene } from "./kernel.ts";
import { type Products, productsOf } from "./products.ts";
import { type Phase, type Sliding, slidingOf } from "./sliding.ts";
import {
  clear,
  firstRow,
  FLOAT,
  LANES,
  multiply,
  storeLanes,
  type Sums,
  sumsOf,
  withRows,
} from "./tile.ts";
import { winogradKernels } from "./winograd_convolution.ts";
import { isForWinograd } from "./winograd_plan.ts";

/** Whether kernels compute several such convolutions together, and save work. */
export function shareConvolutions(
  { instructions }: Scene,
  index: number,
): boolean {
  const sliding = slidingOf(instructions, index);
  return isForWinograd(sliding) || isWhole(planOf(sliding));
}

/** The kernels of `conv` or `conv-input-gradient`, or of several that share operands. */
export function convolutionKernels(
  scene: Scene,
  ...results: readonly number[]
): Kernel[] {
  const sliding = slidingOf(scene.instructions, results[0]);
  return isForWinograd(sliding)
    ? winogradKernels(scene, results, sliding)
    : [directKernel(scene, results, sliding)];
}

/** The kernel of convolutions whose products are all computed. */
export function directKernel(
  scene: Scene,
  results: readonly number[],
  sliding: Sliding,
): Kernel {
  const { instructions } = scene;
  const { inputs, products } = productsOf(scene, results);
  const plan = planOf(sliding);
  const images = isWhole(plan) ? products.firsts.length : 1;
  return {
    name: groupName(instructions, results),
    key: `convolution ${JSON.stringify([plan, products])}`,
    emit: (f) => emitConvolution(f, plan, products),
    inputs,
    outputs: results.map((number) => ({ number, spec: instructions[number] })),
    units: plan.batch * plan.groups * plan.bands * plan.outs,
    scratch: plan.direct ? 0 : images * bandSize(plan),
  };
}

/** Units: sample, group, band of rows, range of channels; the last runs fastest. */
function emitConvolution(
  f: FunctionBuilder,
  plan: Plan,
  products: Products,
): void {
  const { groups, from, to, image, result, band, bands, block, direct } = plan;
  const { rows, outs } = plan;
  const tilesOfOut = Math.ceil(rows.tiles / outs);
  const { operands, firsts, seconds, sums } = products;
  const whole = isWhole(plan);
  const [scratch, first, last] = [0, 1, 2].map((i) =>
    f.parameter(operands + sums.length + i)
  );
  const unit = f.local("i32");
  f.loop(unit, first, last, 1, () => {
    const firstTile = f.let(i32.mul(i32.rem_u(unit, outs), tilesOfOut));
    const lastTile = f.let(i32.add(firstTile, tilesOfOut));
    f.lower(lastTile, rows.tiles);
    const row = f.let(firstRow(f, rows, firstTile));
    const rest = f.let(i32.div_u(unit, outs));
    const start = f.let(i32.mul(i32.rem_u(rest, bands), band));
    const plane = f.let(i32.div_u(rest, bands));
    const toWeights = f.let(i32.add(
      i32.mul(i32.rem_u(plane, groups), plan.weightGroup * FLOAT),
      i32.mul(row, plan.weightTo * FLOAT),
    ));
    const toSource = f.let(i32.mul(plane, from * sizeOf(image) * FLOAT));
    const toTarget = f.let(i32.mul(
      i32.add(i32.mul(plane, to), row),
      sizeOf(result) * FLOAT,
    ));
    const sources = firsts.map((x) => f.let(i32.add(f.parameter(x), toSource)));
    /** Makes a block of channels of an image be seen at an address. */
    const see = (
      source: Local<"i32">,
      channels: Operand<"i32">,
      to: Expression<"i32">,
    ): Local<"i32"> => {
      if (direct) {
        const above = i32.mul(start, image[1] * FLOAT);
        return f.let(i32.add(source, above));
      }
      const seen = f.let(to);
      copyBand(f, ...plan.axes, source, channels, start, seen);
      return seen;
    };
    const multiplyBand = (
      y: number,
      terms: readonly Term[],
      channels: Local<"i32">,
      resumed: Local<"i32"> | boolean,
    ) => {
      const target = f.let(i32.add(f.parameter(operands + y), toTarget));
      for (const phase of plan.phases) {
        emitPhase(f, plan, phase, {
          terms,
          target,
          firstTile,
          lastTile,
          start,
          channels,
          resumed,
        });
      }
    };
    const weightsOf = (w: number) =>
      f.let(i32.add(f.parameter(seconds[w]), toWeights));
    if (whole) {
      const seen = sources.map((source, x) =>
        see(source, from, i32.add(scratch, x * bandSize(plan)))
      );
      sums.forEach((terms, y) => {
        const all = terms.map(([x, w]) => ({
          seen: seen[x],
          weights: weightsOf(w),
        }));
        multiplyBand(y, all, f.let(i32.const(from)), false);
      });
      return;
    }
    const [terms] = sums;
    const channel = f.local("i32");
    terms.forEach(([x, w], term) => {
      const source = f.let(sources[x]);
      const weights = weightsOf(w);
      f.loop(channel, 0, from, block, () => {
        const channels = f.let(i32.sub(i32.const(from), channel));
        f.lower(channels, block);
        const seen = see(source, channels, scratch);
        multiplyBand(0, [{ seen, weights }], channels, term > 0 || channel);
        f.increase(source, block * sizeOf(image) * FLOAT);
        f.increase(weights, block * plan.weightFrom * FLOAT);
      });
    });
  });
}

/** What is multiplied: the seen band of an image, and weights of the first tile. */
interface Term {
  readonly seen: Local<"i32">;
  readonly weights: Local<"i32">;
}

/** Where a band of a block of channels is. */
interface Place {
  /** What is added up. */
  readonly terms: readonly Term[];
  readonly target: Local<"i32">;
  /** The tiles of channels; the target is that of the first. */
  readonly firstTile: Local<"i32">;
  readonly lastTile: Local<"i32">;
  /** First row of positions, of each phase. */
  readonly start: Local<"i32">;
  readonly channels: Local<"i32">;
  /** Whether sums of earlier terms or channels wait in the result: not 0 if so. */
  readonly resumed: Local<"i32"> | boolean;
}

/** The tiles of a band: positions, and for each of them all channels. */
function emitPhase(
  f: FunctionBuilder,
  plan: Plan,
  phase: Phase,
  place: Place,
): void {
  const { rows, result, spread, band, axes } = plan;
  const across = Math.ceil(phase.columns / LANES);
  // Vectors side by side in a row need one pointer; else each has its own.
  const together = across % plan.vectors === 0;
  const pointers = together ? 1 : plan.vectors;
  const count = f.let(i32.sub(i32.const(phase.rows), place.start));
  // A phase can have one row less than others.
  f.if(i32.gt_s(count, band), () => f.set(count, band));
  f.if(i32.gt_s(count, 0), () => {
    f.set(count, i32.mul(count, across));
    const vector = f.local("i32");
    f.loop(vector, 0, count, plan.vectors, () => {
      const seen: Local<"i32">[][] = place.terms.map(() => []);
      const targets: Local<"i32">[] = [];
      const edges: Expression<"i32">[] = [];
      for (let v = 0; v < pointers; v++) {
        const own = f.let(i32.add(vector, v));
        // The last tile computes the last vector more than once.
        if (v > 0) {
          f.if(i32.ge_u(own, count), () => f.set(own, i32.sub(count, 1)));
        }
        const row = f.let(i32.div_u(own, across));
        const column = f.let(i32.rem_u(own, across));
        const inBand = f.let(i32.add(
          i32.mul(row, placesOf(axes[1]) * FLOAT),
          i32.mul(column, LANES * FLOAT),
        ));
        place.terms.forEach((term, t) =>
          seen[t].push(f.let(i32.add(term.seen, inBand)))
        );
        const inPlane = i32.add(
          i32.mul(
            i32.add(row, place.start),
            spread[0] * result[1] * FLOAT,
          ),
          i32.mul(column, LANES * spread[1] * FLOAT),
        );
        targets.push(f.let(i32.add(
          i32.add(place.target, inPlane),
          (phase.row * result[1] + phase.column) * FLOAT,
        )));
        edges.push(i32.eq(column, across - (together ? plan.vectors : 1)));
      }
      const tile = f.local("i32");
      const terms = place.terms.map(({ weights }, t) => ({
        weights: f.let(weights),
        seen: seen[t],
      }));
      f.loop(tile, place.firstTile, place.lastTile, 1, () => {
        withRows(f, rows, tile, (height) => {
          emitTile(f, plan, phase, height, {
            ...place,
            terms,
            targets,
            edges,
          });
          for (const { weights } of terms) {
            f.increase(weights, height * plan.weightTo * FLOAT);
          }
          for (const target of targets) {
            f.increase(target, height * sizeOf(result) * FLOAT);
          }
        });
      });
    });
  });
}

function emitTile(
  f: FunctionBuilder,
  plan: Plan,
  phase: Phase,
  height: number,
  at: Omit<Place, "terms"> & {
    /** The vectors of each term, and the weights of the tile. */
    readonly terms: readonly {
      readonly seen: readonly Local<"i32">[];
      readonly weights: Local<"i32">;
    }[];
    readonly targets: readonly Local<"i32">[];
    /** Whether a vector is the last one of its row. */
    readonly edges: readonly Expression<"i32">[];
  },
): void {
  const { from, axes, plane, vectors } = plan;
  const sums = sumsOf(f, height, vectors);
  const load = () =>
    eachVector(
      plan,
      sums,
      at.targets,
      (sum, target, offset) =>
        f.set(sum, loadSpread(plan.spread[1], target, offset)),
    );
  if (at.resumed === true) load();
  else if (at.resumed === false) clear(f, sums);
  else f.if(at.resumed, load, () => clear(f, sums));
  const steps = phase.cells.map(({ row, column, weight }) => ({
    a: weight * FLOAT,
    b: (placeOn(axes[0], row) * placesOf(axes[1]) + placeOn(axes[1], column)) *
      FLOAT,
  }));
  const [aChannel, bChannel] = [plan.weightFrom * FLOAT, plane * FLOAT];
  for (const { weights, seen } of steps.length > 0 ? at.terms : []) {
    const a = f.let(weights);
    const b = seen.map((pointer) => f.let(pointer));
    const some = (channels: number, aEnd?: Expression<"i32">) =>
      multiply(f, sums, {
        a,
        aRow: plan.weightTo * FLOAT,
        b,
        steps: Array.from({ length: channels }, (_, c) =>
          steps.map((step) => ({
            a: step.a + c * aChannel,
            b: step.b + c * bChannel,
          }))).flat(),
        aStep: channels * aChannel,
        bStep: channels * bChannel,
        aEnd,
      });
    // Few cells: several channels in a round.
    const together = steps.length > 2 ? 1 : 4;
    const whole = together === 1
      ? at.channels
      : i32.and(at.channels, -together);
    some(together, f.let(i32.add(a, i32.mul(whole, aChannel))));
    const rest = from % together;
    if (rest > 0) {
      f.if(i32.and(at.channels, together - 1), () => some(rest));
    }
  }
  const edge = phase.columns % LANES;
  const last = at.edges.length === 1 ? vectors - 1 : 0;
  eachVector(plan, sums, at.targets, (sum, target, offset, v) => {
    const store = (count: number) =>
      storeSpread(f, plan.spread[1], target, sum, count, offset);
    // Of vectors that share a pointer, only the last can be at the edge.
    if (edge === 0 || v < last) store(LANES);
    else f.if(at.edges[v - last], () => store(edge), () => store(LANES));
  });
}

/** Calls with the sums of a tile, and where each lies in the result. */
function eachVector(
  { result, spread }: Plan,
  sums: Sums,
  targets: readonly Local<"i32">[],
  use: (
    sum: Local<"v128">,
    target: Local<"i32">,
    offset: number,
    vector: number,
  ) => void,
): void {
  const together = targets.length === 1;
  sums.forEach((row, r) =>
    row.forEach((sum, v) => {
      const offset = r * sizeOf(result) +
        (together ? v * LANES * spread[1] : 0);
      use(sum, targets[together ? 0 : v], offset * FLOAT, v);
    })
  );
}

/** Four floats, each so many floats after the one before. */
function loadSpread(
  spread: number,
  from: Local<"i32">,
  offset: number,
): Expression<"v128"> {
  if (spread === 1) return v128.load(from, offset);
  return [1, 2, 3].reduce(
    (vector, lane) =>
      v128.load32_lane(from, vector, lane, offset + lane * spread * FLOAT),
    v128.load32_zero(from, offset),
  );
}

/** Stores the first lanes of a vector, each so many floats after the one before. */
function storeSpread(
  f: FunctionBuilder,
  spread: number,
  to: Local<"i32">,
  vector: Local<"v128">,
  count: number,
  offset: number,
): void {
  if (spread === 1) return storeLanes(f, to, vector, count, offset);
  for (let lane = 0; lane < count; lane++) {
    f.storeLane(to, vector, lane, offset + lane * spread * FLOAT);
  }
}
