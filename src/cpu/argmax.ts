/**
 * The index of the first largest element along an axis, with the element-wise
 * chain that feeds it.
 *
 * Inputs: the chain's; output: the indices. Vectors run along the last axis,
 * unless that is the one that is reduced. A unit is a range of results.
 *
 * @module
 */

import { f32x4, i32x4, type Local, v128 } from "../wasm/expression.ts";
import { copiesFor, cutUnits, walkOver } from "./axes.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { mergeNest, nestKey, type NestSource } from "./loops.ts";
import { Nest } from "./nest.ts";
import {
  combine,
  constantIndex,
  linearIndex,
  Position,
  type Term,
  termIndex,
} from "./places.ts";
import { constantVector, storedForm } from "./vector_operations.ts";

/** The kernel of `argmax`. */
export function argmaxKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { operation, operands, shape, dtype } = instruction;
  if (operation.kind !== "argmax") {
    throw new Error(`Cannot emit ${operation.kind}: it is no argmax`);
  }
  const { axis } = operation;
  const from = scene.instructions[operands[0]];
  const source = walkOver(
    scene,
    from.shape,
    ({ values, axes, coordinates, origin }) => {
      const position = Position.at(values.places, from.shape, coordinates);
      const node = values.element(operands[0], position);
      const kept = coordinates.map((c, i) => i === axis ? constantIndex(0) : c);
      const along = axes.filter((a) => origin.get(a) === axis);
      const outer = axes.filter((a) => origin.get(a) !== axis);
      if (outer.length === 0) outer.push(values.places.axis(1));
      const nest: NestSource = {
        values,
        axes: [...outer, ...along],
        vector: axes.at(-1) === outer.at(-1) ? outer.at(-1) : undefined,
        stores: [{ output: 0, node, index: linearIndex(kept, shape) }],
        roots: [],
      };
      return { nest, along };
    },
  );
  const { nest: nestSource, along } = source;
  const { values } = nestSource;
  const isAlong = (a: Term) => along.includes(a);
  mergeNest(nestSource, (a, b) => !isAlong(a) && !isAlong(b));
  const { vector, stores: [store] } = nestSource;
  const outer = nestSource.axes.filter((a) => !isAlong(a) && a !== vector);
  const units = cutUnits(outer, vector, 16);
  return {
    name: nameOf(instruction),
    key: `argmax ${along.map(({ id }) => id)} ${nestKey(nestSource)}`,
    inputs: values.inputs,
    outputs: [{ number: index, spec: { shape, dtype } }],
    units: units.count,
    scratch: 0,
    emit: (f) => {
      const nest = new Nest(f, nestSource);
      const behind = values.inputs.length + 1;
      nest.enter(0);
      /** The coordinate along the axis, from the loops that it is split into. */
      const coordinate = combine(
        along.map((a, i) =>
          [
            termIndex(a),
            along.slice(i + 1).reduce((size, { extent }) => size * extent, 1),
          ] as const
        ),
      );
      const search = () => {
        const { width: { copies } } = nest;
        const largest: Local<"v128">[] = [], best: Local<"v128">[] = [];
        for (let copy = 0; copy < copies; copy++) {
          largest.push(f.local("v128"));
          best.push(f.let(constantVector(0, "int")));
        }
        const look = () => {
          const at = f.let(i32x4.splat(nest.indexValue(coordinate)));
          const start = i32x4.eq(at, constantVector(0, "int"));
          for (let copy = 0; copy < copies; copy++) {
            const x = f.let(
              storedForm(nest.value(store.node, copy), from.dtype),
            );
            const greater = from.dtype === "float"
              ? f32x4.gt(x, largest[copy])
              : i32x4.gt_s(x, largest[copy]);
            const taken = f.let(v128.or(start, greater));
            f.set(largest[copy], v128.bitselect(x, largest[copy], taken));
            f.set(best[copy], v128.bitselect(at, best[copy], taken));
          }
        };
        const open = (i: number): void =>
          i < along.length ? nest.loop(along[i], () => open(i + 1)) : look();
        open(0);
        best.forEach((indices, copy) =>
          nest.write(store, indices, copy, "int")
        );
      };
      units.emit(
        nest,
        f.parameter(behind + 1),
        f.parameter(behind + 2),
        (start, end) => {
          if (vector) {
            const copies = copiesFor(nest, vector.extent);
            nest.vectorLoop(copies, search, start, end);
          } else search();
        },
      );
    },
  };
}
