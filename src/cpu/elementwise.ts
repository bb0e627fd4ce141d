/**
 * Element-wise kernels: whole chains of element-wise operations, shape
 * operations, windows and row look-ups in one pass over the result. What does
 * not change in a loop is computed outside of it.
 *
 * Inputs: the chain's; outputs: the results, all of one shape. A unit is a
 * vector of four elements where one loop is enough, else some outer loops.
 *
 * @module
 */

import { i32, select } from "../wasm/expression.ts";
import { copiesFor, cutUnits, vectorAxis, walkOver } from "./axes.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import {
  mergeNest,
  nestKey,
  type NestSource,
  reachableItems,
} from "./loops.ts";
import { Nest } from "./nest.ts";
import { Position, type Term } from "./places.ts";

/** The kernel that computes results of one index space element by element. */
export function elementwiseKernel(
  scene: Scene,
  indices: readonly number[],
): Kernel {
  const specs = indices.map((index) => {
    const { shape, dtype } = scene.instructions[index];
    return { shape, dtype };
  });
  const source = walkOver(
    scene,
    specs[0].shape,
    ({ values, axes, coordinates }): NestSource => {
      const position = Position.at(values.places, specs[0].shape, coordinates);
      const stores = indices.map((index, output) => ({
        output,
        index: position.linear,
        node: values.compute(index, position.reshaped(specs[output].shape)),
      }));
      if (axes.length === 0) axes.push(values.places.axis(1));
      return { values, axes, vector: undefined, stores, roots: [] };
    },
  );
  mergeNest(source, () => true);
  const { values } = source;
  const vector = vectorAxis(source.axes)!;
  const tiled = tiledAxis(source, vector);
  const outer = source.axes.filter((axis) => axis !== vector && axis !== tiled);
  if (tiled) outer.push(tiled);
  const nestSource: NestSource = {
    ...source,
    axes: [...outer, vector],
    vector,
  };
  const { extent } = vector;
  const flat = outer.length === 0;
  const whole = extent % 4 === 0;
  const units = tiled
    ? cutUnits(outer, vector, LINE, tiled)
    : cutUnits(outer, vector, 1024);
  return {
    name: groupName(scene.instructions, indices),
    // Whole vectors in one long loop are the same function for all lengths.
    key: nestKey(
      nestSource,
      flat && whole && extent >= 32 ? vector : undefined,
    ),
    inputs: values.inputs,
    outputs: indices.map((number, i) => ({ number, spec: specs[i] })),
    units: flat ? Math.ceil(extent / 4) : units.count,
    scratch: 0,
    emit: (f) => {
      const nest = new Nest(f, nestSource);
      const behind = values.inputs.length + indices.length;
      const first = f.parameter(behind + 1), last = f.parameter(behind + 2);
      nest.enter(0);
      const copies = copiesFor(nest, extent);
      const store = () => nest.store();
      if (!flat) {
        units.emit(
          nest,
          first,
          last,
          (from, to) => nest.vectorLoop(copies, store, from, to),
        );
        return;
      }
      const stop = f.let(i32.mul(last, 4));
      const to = whole
        ? stop
        : f.let(select(stop, i32.const(extent), i32.lt_u(stop, extent)));
      nest.vectorLoop(copies, store, f.let(i32.mul(first, 4)), to, whole);
    },
  };
}

/** Elements of a line of the cache. */
const LINE = 16;

/**
 * The axis along which something lies side by side that the vectors read at large
 * steps, such as the rows of what is transposed: none where there is no such thing.
 */
function tiledAxis(source: NestSource, vector: Term): Term | undefined {
  if (vector.extent < 2 * LINE) return undefined;
  for (const item of reachableItems(source)) {
    if (!("kind" in item) || item.kind !== "load") continue;
    const { terms } = item.index;
    if (Math.abs(terms.get(vector) ?? 0) < LINE) continue;
    const along = source.axes.find((axis) =>
      Math.abs(terms.get(axis) ?? 0) === 1 && axis.extent >= LINE / 2
    );
    if (along) return along;
  }
}

/** What a kernel of several results is called. */
export function groupName(
  instructions: Scene["instructions"],
  [first, ...more]: readonly number[],
): string {
  const name = nameOf(instructions[first]);
  return more.length === 0 ? name : `${name} and ${more.length} more`;
}
