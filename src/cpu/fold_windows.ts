/**
 * The adjoint of windows: each cell of the image adds up the window entries that
 * came from it, in the order of the kernel's cells. The element-wise chain that
 * gives the entries is part of the kernel.
 *
 * Inputs: the chain's; output: the image [N, C, H, W]. A sum over the kernel's
 * cells (see `reduction.ts`) with vectors along the image's rows.
 *
 * @module
 */

import { vectorAxis, walkOver } from "./axes.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { mergeNest } from "./loops.ts";
import { combine, linearIndex, type Term } from "./places.ts";
import { reductionKernel, type ReductionSource } from "./reduction.ts";

/** The kernel of `fold-windows`. */
export function foldWindowsKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { operation, operands: [operand], shape, dtype } = instruction;
  if (operation.kind !== "fold-windows") {
    throw new Error(`Cannot emit ${operation.kind}: it folds no windows`);
  }
  const { stride, padding, dilation } = operation.geometry;
  const patches = scene.instructions[operand].shape;
  const [, , kernelHeight, kernelWidth] = patches;
  const source = walkOver(
    scene,
    [...shape, kernelHeight, kernelWidth],
    ({ values, axes, coordinates, origin }): ReductionSource => {
      const [n, c, ...rest] = coordinates;
      // The window that has the cell at its entry (i, j), if there is one.
      const windows = [0, 1].map((d) =>
        values.spread(
          combine([[rest[d], 1], [rest[2 + d], -dilation[d]]], padding[d]),
          stride[d],
          patches[4 + d],
        )
      );
      const entry = values.outside(operand, [
        ...[n, c, rest[2], rest[3]],
        ...windows.map(({ at }) => at),
      ]);
      const node = values.where(
        windows.flatMap(({ conditions }) => conditions),
        entry,
        values.constant(0, "float"),
      );
      const place = linearIndex(coordinates.slice(0, 4), shape);
      const isReduced = (axis: Term) => (origin.get(axis) ?? 0) >= 4;
      if (axes.every(isReduced)) axes.unshift(values.places.axis(1));
      mergeNest({
        values,
        axes,
        vector: undefined,
        stores: [{ output: 0, node, index: place }],
        roots: [],
      }, (a, b) => isReduced(a) === isReduced(b));
      const kept = axes.filter((axis) => !isReduced(axis));
      return {
        values,
        kept,
        reduced: axes.filter(isReduced),
        vector: vectorAxis(kept)!,
        results: [{ join: { kind: "sum", dtype }, node, index: place }],
      };
    },
  );
  return reductionKernel(nameOf(instruction), source, [{
    number: index,
    spec: { shape, dtype },
  }]);
}
