/** Comparing arrays of numbers: says which entry is worst, and where it is. */

import { fail } from "@std/assert";
import { type Shape, sizeOf, type Value } from "../src/tensor/value.ts";

/** How far apart two numbers may be: absolute + relative * |expected|. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

/** The index along each axis of an element of a row-major array. */
function indexOf(element: number, shape: Shape): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = element % shape[axis];
    element = Math.floor(element / shape[axis]);
  }
  return index;
}

/**
 * Asserts that a value has some numbers, exactly where no tolerance is given.
 * NaN and infinities are close to themselves alone.
 */
export function assertAllClose(
  actual: Value,
  expected: ArrayLike<number>,
  { absolute = 0, relative = 0 }: Tolerance = {},
  what = "value",
): void {
  if (actual.data.length !== sizeOf(actual.shape)) {
    fail(`${what}: ${actual.data.length} elements in [${actual.shape}]`);
  }
  if (actual.data.length !== expected.length) {
    fail(
      `${what}: [${actual.shape}] has not ${expected.length} elements as expected`,
    );
  }
  let worst = -1, excess = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual.data[i], expected[i])) continue;
    const error = Math.abs(actual.data[i] - expected[i]);
    const over = error - absolute - relative * Math.abs(expected[i]);
    // A NaN compares with nothing: it is worse than any number.
    if (!(over <= excess)) {
      worst = i;
      excess = Number.isNaN(over) ? Infinity : over;
    }
  }
  if (worst >= 0) {
    const place = indexOf(worst, actual.shape);
    fail(
      `${what}: worst at [${place}] of [${actual.shape}]: got ${
        actual.data[worst]
      }, expected ${expected[worst]}, too far by ${excess}`,
    );
  }
}
