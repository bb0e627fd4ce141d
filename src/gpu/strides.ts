/**
 * Index arithmetic of kernels: places in row-major arrays as WGSL expressions,
 * with as few divisions as the shapes allow.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import type { Shape } from "../tensor/value.ts";

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

/**
 * Where element `at` of a row-major shape lies in an array with other strides.
 *
 * @param at A u32 expression.
 * @returns An i32 expression if a stride is negative, else u32; without type
 * trouble since a negative distance is subtracted from `start`.
 */
export function placeOf(
  at: string,
  shape: Shape,
  strides: readonly number[],
  start = 0,
): string {
  const axes = mergeAxes(shape, strides);
  const terms = [`${start}u`];
  const backward: string[] = [];
  let inner = 1;
  for (let i = axes.length - 1; i >= 0; i--) {
    const { extent, stride } = axes[i];
    if (stride !== 0) {
      const coordinate = coordinateOf(at, inner, i === 0 ? 0 : extent);
      const distance = Math.abs(stride);
      const term = distance === 1 ? coordinate : `${coordinate} * ${distance}u`;
      (stride < 0 ? backward : terms).push(term);
    }
    inner *= extent;
  }
  if (terms.length > 1 && start === 0) terms.shift();
  const forward = terms.join(" + ");
  return backward.length ? `${forward} - (${backward.join(" + ")})` : forward;
}

/** `(at / inner) % extent`; the outermost axis (extent 0) needs no remainder. */
function coordinateOf(at: string, inner: number, extent: number): string {
  const quotient = inner === 1 ? at : `(${at} / ${inner}u)`;
  return extent === 0 ? quotient : `(${quotient} % ${extent}u)`;
}

/** The coordinates of element `at` of a shape. */
export function coordinatesOf(at: string, shape: Shape): string[] {
  const strides = stridesOf(shape);
  return shape.map((extent, i) =>
    extent === 1 ? "0u" : coordinateOf(
      at,
      strides[i],
      shape.slice(0, i).every((e) => e === 1) ? 0 : extent,
    )
  );
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
