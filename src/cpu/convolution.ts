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
 *
 * What is said here of the image and the result holds for both: for the gradient,
 * the image is dy (`sliding.ts`).
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import { type Expression, i32, type Local, v128 } from "../wasm/expression.ts";
import { type Axis, axisOf, copyBand, placeOn, placesOf } from "./image.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { factorsOf, type Products, productsOf } from "./products.ts";
import { type Phase, type Sliding, slidingOf } from "./sliding.ts";
import {
  clear,
  cutRows,
  firstRow,
  FLOAT,
  LANES,
  multiply,
  type Rows,
  storeLanes,
  type Sums,
  sumsOf,
  vectorsFor,
  withRows,
} from "./tile.ts";
import { winogradKernels } from "./winograd_convolution.ts";
import { isForWinograd } from "./winograd_plan.ts";

/** Most floats of a band in the scratch: 256 KiB. */
const BAND = 64 * 1024;

/** Steps of the sum after which the sums wait in the result. */
const STEPS = 640;

/** Least rows of a band: with fewer, neighbouring bands copy much twice. */
const LEAST_ROWS = 4;

/** Most tiles of channels in a unit: their weights stay in the second cache. */
const MOST_TILES = 16;

/** Units of work that keep many threads busy. */
const ENOUGH_UNITS = 32;

/** Whether kernels compute several such convolutions together, and save work. */
export function shareConvolutions(
  { instructions }: Scene,
  index: number,
): boolean {
  return isForWinograd(slidingOf(instructions, index));
}

/** The kernels of `conv` or `conv-input-gradient`, or of several that share operands. */
export function convolutionKernels(
  scene: Scene,
  ...results: readonly number[]
): Kernel[] {
  const sliding = slidingOf(scene.instructions, results[0]);
  return isForWinograd(sliding)
    ? winogradKernels(scene, results, sliding)
    : results.map((index) => directKernel(scene, index, sliding));
}

/** The kernel of a convolution whose products are all computed. */
export function directKernel(
  scene: Scene,
  index: number,
  sliding: Sliding,
): Kernel {
  const instruction = scene.instructions[index];
  const { inputs, products } = productsOf(scene, [index]);
  const plan = planOf(sliding);
  return {
    name: nameOf(instruction),
    key: `convolution ${JSON.stringify([plan, products])}`,
    emit: (f) => emitConvolution(f, plan, products),
    inputs,
    outputs: [{ number: index, spec: instruction }],
    units: plan.batch * plan.groups * plan.bands * plan.outs,
    scratch: plan.direct ? 0 : plan.block * plan.plane * FLOAT,
  };
}

/** How a convolution is cut. */
interface Plan extends Sliding {
  readonly rows: Rows;
  /** Vectors of a tile. */
  readonly vectors: number;
  /** Rows of positions of each phase in a band, and how many bands there are. */
  readonly band: number;
  readonly bands: number;
  /** Ranges of channels of the result that are units apart. */
  readonly outs: number;
  /** Channels of the image between which the sums wait. */
  readonly block: number;
  /** Whether the image is read where it lies. */
  readonly direct: boolean;
  /** The band's layout, and how many floats a channel of it has. */
  readonly axes: readonly [Axis, Axis];
  readonly plane: number;
}

function planOf(sliding: Sliding): Plan {
  const { batch, groups, from, to, image, step, phases } = sliding;
  const cells = phases.flatMap((phase) => phase.cells);
  const mostRows = Math.max(...phases.map((phase) => phase.rows));
  const mostColumns = Math.max(...phases.map((phase) => phase.columns));
  const rows = cutRows(to, "apart");
  const offsets = (side: "row" | "column") =>
    cells.length > 0 ? cells.map((cell) => cell[side]) : [0];
  const columns = axisOf(
    image[1],
    step[1],
    Math.ceil(mostColumns / LANES) * LANES,
    offsets("column"),
  );
  const rowsOf = (positions: number) =>
    axisOf(image[0], step[0], positions, offsets("row"));
  const inside = (axis: 0 | 1, side: "row" | "column", positions: number) =>
    step[axis] === 1 &&
    offsets(side).every((offset) =>
      offset >= 0 && offset + positions <= image[axis]
    );
  const direct = inside(0, "row", mostRows) &&
    inside(1, "column", mostColumns);
  // Channels per block: a round number of steps, and few enough for the scratch.
  const widest = Math.max(1, ...phases.map((phase) => phase.cells.length));
  let block = Math.min(from, Math.max(4, Math.floor(STEPS / widest / 4) * 4));
  const wanted = Math.ceil(
    mostRows / Math.ceil(ENOUGH_UNITS / (batch * groups)),
  );
  const least = Math.min(mostRows, LEAST_ROWS);
  let band = Math.max(wanted, least);
  const tooLarge = () =>
    !direct && block * placesOf(rowsOf(band)) * placesOf(columns) > BAND;
  while (tooLarge() && band > least) band = Math.ceil(band / 2);
  while (tooLarge() && block > 4) block = Math.ceil(block / 8) * 4;
  while (tooLarge() && band > 1) band--;
  const bands = Math.ceil(mostRows / band);
  const units = batch * groups * bands;
  const outs = Math.min(
    rows.tiles,
    Math.max(
      Math.floor(ENOUGH_UNITS / units),
      Math.ceil(rows.tiles / MOST_TILES),
    ),
  );
  const axes = direct
    ? [
      { ...rowsOf(1), least: 0, pitch: image[0] },
      { ...columns, least: 0, pitch: image[1] },
    ] as const
    : [rowsOf(band), columns] as const;
  return {
    ...sliding,
    rows,
    vectors: vectorsFor(rows.high),
    band,
    bands,
    outs: Math.max(1, outs),
    block,
    direct,
    axes,
    plane: placesOf(axes[0]) * placesOf(axes[1]),
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
  const [y, scratch, first, last] = [0, 1, 2, 3].map((i) =>
    f.parameter(products.operands + i)
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
    const target = f.let(
      i32.add(
        y,
        i32.mul(i32.add(i32.mul(plane, to), row), sizeOf(result) * FLOAT),
      ),
    );
    const channel = f.local("i32");
    factorsOf(products).forEach(([x, w], term) => {
      const source = f.let(i32.add(f.parameter(x), toSource));
      const weights = f.let(i32.add(f.parameter(w), toWeights));
      f.loop(channel, 0, from, block, () => {
        const channels = f.let(i32.sub(i32.const(from), channel));
        f.lower(channels, block);
        const seen = f.let(scratch);
        if (direct) {
          const rows = i32.mul(start, image[1] * FLOAT);
          f.set(seen, i32.add(source, rows));
        } else {
          copyBand(f, ...plan.axes, source, channels, start, scratch);
        }
        for (const phase of plan.phases) {
          emitPhase(f, plan, phase, {
            seen,
            weights,
            target,
            firstTile,
            lastTile,
            start,
            channels,
            resumed: term > 0 || (block < from && channel),
          });
        }
        f.increase(source, block * sizeOf(image) * FLOAT);
        f.increase(weights, block * plan.weightFrom * FLOAT);
      });
    });
  });
}

/** Where a band of a block of channels is. */
interface Place {
  readonly seen: Local<"i32">;
  readonly weights: Local<"i32">;
  readonly target: Local<"i32">;
  /** The tiles of channels; weights and target are those of the first. */
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
      const seen: Local<"i32">[] = [], targets: Local<"i32">[] = [];
      const edges: Expression<"i32">[] = [];
      for (let v = 0; v < pointers; v++) {
        const own = f.let(i32.add(vector, v));
        // The last tile computes the last vector more than once.
        if (v > 0) {
          f.if(i32.ge_u(own, count), () => f.set(own, i32.sub(count, 1)));
        }
        const row = f.let(i32.div_u(own, across));
        const column = f.let(i32.rem_u(own, across));
        seen.push(f.let(i32.add(
          place.seen,
          i32.add(
            i32.mul(row, placesOf(axes[1]) * FLOAT),
            i32.mul(column, LANES * FLOAT),
          ),
        )));
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
      const weights = f.let(place.weights);
      f.loop(tile, place.firstTile, place.lastTile, 1, () => {
        withRows(f, rows, tile, (height) => {
          emitTile(f, plan, phase, height, {
            ...place,
            weights,
            seen,
            targets,
            edges,
          });
          f.increase(weights, height * plan.weightTo * FLOAT);
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
  at: Omit<Place, "seen"> & {
    readonly seen: readonly Local<"i32">[];
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
  const a = f.let(at.weights);
  const b = at.seen.map((pointer) => f.let(pointer));
  const steps = phase.cells.map(({ row, column, weight }) => ({
    a: weight * FLOAT,
    b: (placeOn(axes[0], row) * placesOf(axes[1]) + placeOn(axes[1], column)) *
      FLOAT,
  }));
  const [aChannel, bChannel] = [plan.weightFrom * FLOAT, plane * FLOAT];
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
  if (steps.length > 0) {
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
