/**
 * Index arithmetic of kernels: places in row-major arrays as WGSL expressions,
 * with as few divisions as the shapes allow.
 *
 * @module
 */

import { mergeAxes, stridesOf } from "../program/strides.ts";
import type { Shape } from "../tensor/value.ts";

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
