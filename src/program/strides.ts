/**
 * Row-major arrays seen through strides: how far apart neighbours lie, and
 * transposes and broadcasts as other strides over the same numbers.
 *
 * @module
 */

import type { Shape } from "../tensor/value.ts";
import type { Instruction } from "./program.ts";

/** Distance in memory between neighbours along each axis. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) {
    strides[i] = strides[i + 1] * shape[i + 1];
  }
  return strides;
}

/** An axis to walk along: so many steps, so far apart in memory. */
export interface Walk {
  readonly extent: number;
  readonly stride: number;
}

/** Axes as few as possible: neighbours that continue one another are one. */
export function mergeAxes(shape: Shape, strides: readonly number[]): Walk[] {
  const merged: Walk[] = [];
  shape.forEach((extent, i) => {
    if (extent === 1) return;
    const last = merged.at(-1);
    if (last && last.stride === strides[i] * extent) {
      merged[merged.length - 1] = {
        extent: last.extent * extent,
        stride: strides[i],
      };
    } else merged.push({ extent, stride: strides[i] });
  });
  return merged;
}

/** An instruction seen through transposes and broadcasts: no numbers are moved. */
export interface StridedView {
  /** The instruction whose numbers are read. */
  readonly base: number;
  /** How far apart they lie along each axis of the view. */
  readonly strides: readonly number[];
}

/** Looks through the transposes and broadcasts that an instruction consists of. */
export function stridedView(
  instructions: readonly Instruction[],
  index: number,
): StridedView {
  const { operation, operands, shape } = instructions[index];
  if (operation.kind === "transpose") {
    const { base, strides } = stridedView(instructions, operands[0]);
    return {
      base,
      strides: operation.permutation.map((axis) => strides[axis]),
    };
  }
  if (operation.kind === "broadcast") {
    const { base, strides } = stridedView(instructions, operands[0]);
    const from = instructions[operands[0]].shape;
    return {
      base,
      strides: strides.map((s, i) => from[i] === shape[i] ? s : 0),
    };
  }
  return { base: index, strides: stridesOf(shape) };
}
