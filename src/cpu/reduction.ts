/**
 * Reductions over any axes, with the element-wise chain that feeds them: sums
 * and largest elements.
 *
 * Inputs: the chain's; outputs: the results, all over the same axes. Vectors run
 * along the last axis, whether it is reduced or stays. Sums are added up in runs
 * of at most `RUN` vectors, and those in turn, so that the error grows with the
 * root of the length rather than with the length. A unit is a range of results.
 * Where results are few and long, they are cut into parts, of a length that
 * depends on nothing but the shape, and a second kernel joins the parts in order.
 *
 * @module
 */

import { type Run, runsOf } from "../program/groups.ts";
import type { Instruction } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  i32,
  i32x4,
  type Operand,
  select,
  v128,
} from "../wasm/expression.ts";
import { copiesFor, cutUnits, vectorAxis, walkOver } from "./axes.ts";
import { groupName } from "./elementwise.ts";
import type { Kernel, Scene } from "./kernel.ts";
import { mergeNest, nestKey, type NestSource } from "./loops.ts";
import { Nest } from "./nest.ts";
import {
  combine,
  type Index,
  linearIndex,
  Position,
  type Term,
  termIndex,
} from "./places.ts";
import { identity, type Join, Totals } from "./totals.ts";
import type { Node, Values } from "./values.ts";

/** Rounds of the innermost loop that are added up on their own. */
const RUN = 64;
/** Units that results are cut into parts for. */
const ENOUGH_UNITS = 16;
/** What a part should reduce at least. */
const LEAST_PART = 4096;
/** Numbers side by side that are worth a part of their own, and of how many in all. */
const PLANE = 256, MANY_PLANES = 2 ** 17;

/** A reduction as loops. */
export interface ReductionSource {
  readonly values: Values;
  /** The loops over the results, in the order in which these lie in memory. */
  readonly kept: readonly Term[];
  /** The loops over what is reduced. */
  readonly reduced: readonly Term[];
  /** The axis of vectors, one of the loops. */
  readonly vector: Term;
  readonly results: readonly {
    readonly join: Join;
    readonly node: Node;
    readonly index: Index;
  }[];
  /** A kept axis that cuts a reduced one into ranges of a length. */
  readonly part?: {
    readonly axis: Term;
    readonly of: Term;
    readonly length: number;
  };
}

/** The kernels of sums and largest elements over the same axes. */
export function reductionKernels(
  scene: Scene,
  indices: readonly number[],
): Kernel[] {
  const { instructions } = scene;
  const runs = runsOf(instructions, indices[0]);
  const joins = indices.map((index) => joinOf(instructions[index]));
  const results = sizeOf(extentsOf(runs.filter(({ reduced }) => !reduced)));
  const parts = partsOf(runs, results);
  const specs = indices.map((index) => {
    const { shape, dtype } = instructions[index];
    return { shape: parts > 1 ? [parts, results] : shape, dtype };
  });
  const numbers = parts > 1 ? indices.map(() => scene.scratch()) : indices;
  const nodeOf = (values: Values, linear: Index, i: number): Node => {
    const [operand] = instructions[indices[i]].operands;
    const { shape } = instructions[operand];
    return values.element(
      operand,
      Position.numbered(values.places, shape, linear),
    );
  };
  const first = reductionKernel(
    groupName(instructions, indices),
    sourceOf(scene, runs, parts, joins, nodeOf),
    numbers.map((number, i) => ({ number, spec: specs[i] })),
  );
  if (parts === 1) return [first];
  const across: Run[] = [
    { extent: parts, stride: results, reduced: true },
    { extent: results, stride: 1, reduced: false },
  ];
  const second = reductionKernel(
    `parts of ${groupName(instructions, indices)}`,
    sourceOf(
      scene,
      across,
      1,
      joins,
      (values, linear, i) => values.load(numbers[i], joins[i].dtype, linear),
    ),
    indices.map((number) => ({ number, spec: instructions[number] })),
  );
  return [first, second];
}

const extentsOf = (runs: readonly Run[]): number[] =>
  runs.map(({ extent }) => extent);

function joinOf({ operation: { kind }, dtype }: Instruction): Join {
  if (kind !== "sum" && kind !== "reduce-max") {
    throw new Error(`Cannot emit ${kind}: it is no reduction`);
  }
  return { kind, dtype };
}

/** How many parts to cut each result into. */
function partsOf(runs: readonly Run[], results: number): number {
  const reduced = runs.filter((run) => run.reduced);
  if (reduced.length === 0) return 1;
  const length = sizeOf(extentsOf(reduced));
  // The planes of a channel are far apart: image by image, all of them are read in
  // the order in which they lie, by the thread that has just written the image.
  const [images, channels, plane] = runs;
  const inPlanes = runs.length === 3 && images.reduced && !channels.reduced &&
    plane.extent >= PLANE;
  if (inPlanes && length * results >= MANY_PLANES) return images.extent;
  // Results next to one another are vectors of 16, and a unit together.
  const units = runs[runs.length - 1].reduced ? results : results / 16;
  return Math.max(
    1,
    Math.min(
      Math.ceil(ENOUGH_UNITS / Math.max(units, 1)),
      Math.floor(length * Math.min(results, 16) / LEAST_PART),
      reduced[0].extent,
    ),
  );
}

/** The loops of a reduction over runs. */
function sourceOf(
  scene: Pick<Scene, "instructions" | "stored">,
  runs: readonly Run[],
  parts: number,
  joins: readonly Join[],
  nodeOf: (values: Values, linear: Index, i: number) => Node,
): ReductionSource {
  const shape = extentsOf(runs);
  return walkOver(scene, shape, ({ values, axes, coordinates, origin }) => {
    const isReduced = (axis: Term) => runs[origin.get(axis)!].reduced;
    const linear = linearIndex(coordinates, shape);
    const nodes = joins.map((_, i) => nodeOf(values, linear, i));
    const place = linearIndex(
      coordinates.filter((_, i) => !runs[i].reduced),
      extentsOf(runs.filter((run) => !run.reduced)),
    );
    mergeNest({
      values,
      axes,
      vector: undefined,
      stores: nodes.map((node, output) => ({ output, node, index: place })),
      roots: [],
    }, (a, b) => isReduced(a) === isReduced(b));
    const reduced = axes.filter(isReduced);
    let kept = axes.filter((axis) => !isReduced(axis));
    if (axes.length === 0) kept.push(values.places.axis(1));
    const vector = vectorAxis(axes) ?? kept[0];
    let part: ReductionSource["part"];
    let index = place;
    if (parts > 1) {
      const [of] = reduced;
      const least = of === vector ? 16 : 1;
      const length = Math.ceil(of.extent / parts / least) * least;
      const axis = values.places.axis(parts);
      const results = sizeOf(kept.map(({ extent }) => extent));
      index = combine([[place, 1], [termIndex(axis), results]]);
      kept = [axis, ...kept];
      part = { axis, of, length };
    }
    return {
      values,
      kept,
      reduced,
      vector,
      results: joins.map((join, i) => ({ join, node: nodes[i], index })),
      part,
    };
  });
}

/** The kernel of a reduction. */
export function reductionKernel(
  name: string,
  source: ReductionSource,
  outputs: Kernel["outputs"],
): Kernel {
  const { values, kept, reduced, vector, results, part } = source;
  const along = reduced.includes(vector);
  const outer = kept.filter((axis) => axis !== vector);
  const inner = reduced.filter((axis) => axis !== vector);
  const nestSource: NestSource = {
    values,
    axes: [
      ...outer,
      ...(along ? [] : [vector]),
      ...inner,
      ...(along ? [vector] : []),
    ],
    vector,
    stores: results.map(({ node, index }, output) => ({ output, node, index })),
    roots: [],
  };
  const units = cutUnits(outer, along ? undefined : vector, 16);
  return {
    name,
    key: [
      "reduce",
      nestKey(nestSource),
      reduced.map(({ id }) => id),
      results.map(({ join }) => `${join.kind} ${join.dtype}`),
      part ? `part ${part.axis.id} ${part.of.id} ${part.length}` : "",
    ].join("|"),
    inputs: values.inputs,
    outputs,
    units: units.count,
    scratch: 0,
    emit: (f) => {
      const nest = new Nest(f, nestSource);
      const behind = values.inputs.length + outputs.length;
      const first = f.parameter(behind + 1), last = f.parameter(behind + 2);
      nest.enter(0);
      const copies = copiesFor(nest, vector.extent, results.length);
      units.emit(nest, first, last, (from, to) => {
        const range = rangeIn(f, nest, part);
        if (along) reduceAlong(nest, nestSource, source, inner, copies, range);
        else {
          nest.vectorLoop(
            copies,
            () => {
              reduceAcross(nest, nestSource, source, inner, range);
            },
            from,
            to,
          );
        }
      });
    },
  };
}

type Range = (axis: Term) => [Operand<"i32">, Operand<"i32">];

/** The range of a reduced axis that the part at work has. */
function rangeIn(
  f: FunctionBuilder,
  nest: Nest,
  part: ReductionSource["part"],
): Range {
  if (!part) return ({ extent }) => [0, extent];
  const { extent } = part.of;
  const held = (x: Expression<"i32">) => {
    const bound = f.let(x);
    return f.let(select(bound, i32.const(extent), i32.lt_u(bound, extent)));
  };
  const start = held(i32.mul(nest.counter(part.axis), part.length));
  const stop = held(i32.add(start, part.length));
  return (axis) => axis === part.of ? [start, stop] : [0, axis.extent];
}

/** Opens the loops over axes around a body. */
function loops(
  nest: Nest,
  axes: readonly Term[],
  range: Range,
  body: () => void,
): void {
  const [axis, ...rest] = axes;
  if (!axis) return body();
  const [from, to] = range(axis);
  nest.loop(axis, () => loops(nest, rest, range, body), from, to);
}

/** Calls with ranges of at most so many steps. */
function inRuns(
  f: FunctionBuilder,
  [from, to]: [Operand<"i32">, Operand<"i32">],
  length: number,
  extent: number,
  body: (from: Operand<"i32">, to: Operand<"i32">) => void,
): void {
  if (extent <= length) return body(from, to);
  const start = f.local("i32");
  f.loop(start, from, to, length, () => {
    const stop = f.let(i32.add(start, length));
    body(
      start,
      f.let(
        select(
          stop,
          typeof to === "number" ? i32.const(to) : to,
          i32.lt_u(stop, to),
        ),
      ),
    );
  });
}

/** Reduces along the axis of the vectors, to one number. */
function reduceAlong(
  nest: Nest,
  { stores }: NestSource,
  { results, vector }: ReductionSource,
  inner: readonly Term[],
  copies: number,
  range: Range,
): void {
  const { f } = nest;
  const totals = results.map(({ join }) => new Totals(f, join, copies));
  loops(nest, inner, range, () => {
    inRuns(
      f,
      range(vector),
      RUN * 4 * copies,
      vector.extent,
      (from, to) => {
        nest.vectorLoop(
          copies,
          () => {
            const { width } = nest;
            results.forEach(({ node, join }, i) => {
              for (let copy = 0; copy < width.copies; copy++) {
                const value = nest.value(node, copy);
                totals[i].take(
                  copy,
                  width.lanes === 4 ? value : v128.bitselect(
                    value,
                    identity(join),
                    i32x4.const([-1, 0, 0, 0]),
                  ),
                );
              }
            });
          },
          from,
          to,
        );
        for (const total of totals) total.flush();
      },
    );
  });
  stores.forEach((store, i) => nest.write(store, totals[i].all()));
}

/** Reduces across the axis of the vectors: each lane is a result. */
function reduceAcross(
  nest: Nest,
  { stores }: NestSource,
  { results }: ReductionSource,
  inner: readonly Term[],
  range: Range,
): void {
  const { f, width } = nest;
  const totals = results.map(({ join }) => new Totals(f, join, width.copies));
  const take = () => {
    results.forEach(({ node }, i) => {
      for (let copy = 0; copy < width.copies; copy++) {
        totals[i].take(copy, nest.value(node, copy));
      }
    });
  };
  const innermost = inner[inner.length - 1];
  loops(nest, inner.slice(0, -1), range, () => {
    if (!innermost) take();
    else {
      inRuns(
        f,
        range(innermost),
        RUN,
        innermost.extent,
        (from, to) => {
          nest.loop(innermost, take, from, to);
          for (const total of totals) total.flush();
        },
      );
    }
    if (!innermost) { for (const total of totals) total.flush(); }
  });
  stores.forEach((store, i) => {
    totals[i].totals.forEach((total, copy) => nest.write(store, total, copy));
  });
}
