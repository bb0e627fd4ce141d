/**
 * Flattening: all axes but the first become one.
 *
 * @module
 */

import { reshape } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import { stateless } from "./checks.ts";
import type { Layer } from "./layer.ts";

/**
 * All axes but the first as one, row-major.
 *
 * @example
 * ```ts
 * import { flatten } from "@adafisher/adafisher/layers";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { output } = flatten().forward(fill([2, 3, 4], 0), {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 * });
 * assertEquals(output.shape, [2, 12]);
 * ```
 *
 * @returns The layer; [B, ...] -> [B, n]. It throws a RangeError for a scalar.
 */
export function flatten(): Layer {
  return stateless("", "flatten", (x) => {
    if (x.shape.length === 0) {
      throw new RangeError(
        "Cannot apply flatten layer: input must have a first axis, got []",
      );
    }
    return reshape(x, [x.shape[0], sizeOf(x.shape.slice(1))]);
  });
}
