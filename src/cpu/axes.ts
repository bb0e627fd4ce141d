/**
 * From a shape to loops: axes, split where an index asks for it, and how the
 * loops are cut into units of work.
 *
 * @module
 */

import type { Shape } from "../tensor/value.ts";
import { i32, type Local, type Operand, select } from "../wasm/expression.ts";
import type { Scene } from "./kernel.ts";
import type { Nest } from "./nest.ts";
import {
  combine,
  constantIndex,
  type Index,
  SplitRequest,
  type Term,
} from "./places.ts";
import { Values } from "./values.ts";

/** Units that are enough for all threads. */
const MANY_UNITS = 64;
/** Units to cut long loops for, where there are few others. */
const ENOUGH_UNITS = 16;

/** What a kernel is built from: loops over a shape. */
export interface Walk {
  readonly values: Values;
  /** The loops, in row-major order. */
  readonly axes: Term[];
  /** The coordinates in terms of the loops. */
  readonly coordinates: Index[];
  /** The axis of the shape that a loop belongs to. */
  readonly origin: ReadonlyMap<Term, number>;
}

/**
 * Builds something over the elements of a shape. Where an index would need
 * divisions, an axis is split in two and everything is built again.
 */
export function walkOver<T>(
  scene: Pick<Scene, "instructions" | "stored">,
  shape: Shape,
  build: (walk: Walk) => T,
): T {
  const factors = shape.map((extent) => extent === 1 ? [] : [extent]);
  while (true) {
    const values = new Values(scene);
    const origin = new Map<Term, number>();
    const terms = factors.map((list, dimension) =>
      list.map((extent) => {
        const axis = values.places.axis(extent);
        origin.set(axis, dimension);
        return axis;
      })
    );
    const coordinates = terms.map((list) => {
      let inner = 1;
      const parts: [Index, number][] = [];
      for (const term of list.toReversed()) {
        parts.push([{ constant: 0, terms: new Map([[term, 1]]) }, inner]);
        inner *= term.extent;
      }
      return parts.length > 0 ? combine(parts) : constantIndex(0);
    });
    try {
      return build({ values, axes: terms.flat(), coordinates, origin });
    } catch (request) {
      if (!(request instanceof SplitRequest)) throw request;
      const dimension = origin.get(request.axis);
      if (dimension === undefined) throw request;
      const place = terms[dimension].indexOf(request.axis);
      factors[dimension].splice(
        place,
        1,
        request.axis.extent / request.inner,
        request.inner,
      );
    }
  }
}

/** How the outer loops of a nest are cut into units. */
export interface Units {
  readonly count: number;
  /** Emits the loops over units `first` to `last` around a body. */
  readonly emit: (
    nest: Nest,
    first: Local<"i32">,
    last: Local<"i32">,
    body: (from: Operand<"i32">, to: Operand<"i32">) => void,
  ) => void;
}

/**
 * Cuts loops into units: the outermost axes together, and where those are few,
 * blocks of the vector axis as well.
 *
 * @param outer The loops around the vector loop.
 * @param vector The axis that may be cut into blocks; its range is given to the
 * body.
 * @param least Fewest elements of a block, a multiple of 4.
 * @param tiled The last of the outer loops, if it is to run within a block of the
 * fewest elements: then lines of the cache that it shares are read once.
 */
export function cutUnits(
  outer: readonly Term[],
  vector: Term | undefined,
  least: number,
  tiled?: Term,
): Units {
  let count = 1, taken = 0;
  while (
    taken < outer.length && outer[taken] !== tiled &&
    (tiled || count < MANY_UNITS)
  ) count *= outer[taken++].extent;
  const cut = outer.slice(0, taken), rest = outer.slice(taken);
  const extent = vector?.extent ?? 0;
  let block = tiled ? least : extent;
  if (rest.length === 0 && count < ENOUGH_UNITS && extent > least) {
    const wanted = extent / Math.ceil(ENOUGH_UNITS / Math.max(count, 1));
    block = Math.max(least, Math.ceil(wanted / least) * least);
  }
  const blocks = block > 0 ? Math.ceil(extent / block) : 1;
  return {
    count: count * blocks,
    emit: (nest, first, last, body) => {
      const { f } = nest;
      const unit = f.local("i32");
      f.loop(unit, first, last, 1, () => {
        let from: Operand<"i32"> = 0, to: Operand<"i32"> = extent;
        let left: Local<"i32"> = unit;
        if (blocks > 1) {
          const start = f.let(i32.mul(i32.rem_u(unit, blocks), block));
          const stop = i32.add(start, block);
          from = start;
          to = extent % block === 0
            ? f.let(stop)
            : f.let(select(stop, i32.const(extent), i32.lt_u(stop, extent)));
          if (cut.length > 0) left = f.let(i32.div_u(unit, blocks));
        }
        cut.toReversed().forEach((axis, i) => {
          const counter = nest.counter(axis);
          if (i === cut.length - 1) return f.set(counter, left);
          f.set(counter, i32.rem_u(left, axis.extent));
          left = f.let(i32.div_u(left, axis.extent));
        });
        const inside = [
          ...cut.map((axis) => (body: () => void) => nest.scope(axis, body)),
          ...rest.map((axis) => (body: () => void) => nest.loop(axis, body)),
        ];
        const open = (i: number): void =>
          i < inside.length ? inside[i](() => open(i + 1)) : body(from, to);
        open(0);
      });
    },
  };
}

/**
 * The axis to run vectors along: the last one, where neighbours lie side by side,
 * unless it is short and another is not.
 */
export function vectorAxis(axes: readonly Term[]): Term | undefined {
  const last = axes[axes.length - 1];
  return last === undefined || last.extent >= 8
    ? last
    : axes.findLast(({ extent }) => extent >= 8) ?? last;
}

/**
 * How many vectors to compute at a time: fewer, the more values each has, and the
 * more sums it is added to, which all want registers.
 */
export function copiesFor(nest: Nest, extent: number, sums = 1): number {
  const values = nest.wideCount();
  const most = values <= 10 && sums <= 8 / 4
    ? 4
    : values <= 24 && sums <= 8 / 2
    ? 2
    : 1;
  let copies = 1;
  while (copies < most && copies * 8 <= extent) copies *= 2;
  return copies;
}
