/**
 * Pooling of images: windows, then a maximum or a mean.
 *
 * @module
 */

import { mean } from "../tensor/functions.ts";
import { max, windows } from "../tensor/operations.ts";
import type { Pair, Tensor, WindowGeometry } from "../tensor/tensor.ts";
import { pairOf, requireImages, show, stateless } from "./checks.ts";
import type { Layer } from "./layer.ts";

/** Options of a pooling layer; a single number counts for both axes. */
export interface PoolingOptions {
  /** Distance between neighbouring windows; the window's size by default. */
  readonly stride?: number | Pair;
  /** Cells added on both sides, at most half the window; 0 by default. */
  readonly padding?: number | Pair;
}

/** What the windows of a pooling layer are, and the check of an image. */
interface Pooling {
  readonly description: string;
  readonly size: Pair;
  readonly geometry: WindowGeometry;
  readonly requireFit: (x: Tensor) => void;
}

function pooling(
  kind: string,
  kernel: number | Pair,
  options: PoolingOptions,
): Pooling {
  const title = `${kind} layer`;
  const size = pairOf(title, "kernel", kernel);
  const stride = pairOf(title, "stride", options.stride ?? size);
  const padding = pairOf(title, "padding", options.padding ?? 0, 0);
  if (padding.some((cells, axis) => 2 * cells > size[axis])) {
    throw new RangeError(
      `Cannot build ${title}: padding must be at most half the kernel [${
        size.join(", ")
      }], got [${padding.join(", ")}]`,
    );
  }
  return {
    description: `${kind}(${size.join("x")})`,
    size,
    geometry: { stride, padding, dilation: [1, 1] },
    requireFit(x) {
      requireImages(title, x);
      if (size.some((cells, i) => x.shape[2 + i] + 2 * padding[i] < cells)) {
        throw new RangeError(
          `Cannot apply ${title}: the window is ${size.join("x")}, input ${
            show(x.shape)
          } with padding ${show(padding)} is smaller`,
        );
      }
    },
  };
}

/**
 * The largest number of each window; the padding never wins. The derivative goes
 * to the first of equal ones.
 *
 * @example
 * ```ts
 * import { maxPool2d } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([-1, -2, -3, -4], [1, 1, 1, 4]));
 * const { output } = maxPool2d([1, 2]).forward(x, {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 * });
 * assertEquals([...(await evaluate(output)).data], [-1, -3]);
 * ```
 *
 * @param kernel Height and width of the window.
 * @param options Stride and padding.
 * @returns The layer; float [B, C, H, W] -> [B, C, OH, OW].
 * @throws {RangeError} If a number is out of its range.
 */
export function maxPool2d(
  kernel: number | Pair,
  options: PoolingOptions = {},
): Layer {
  const { description, size, geometry, requireFit } = pooling(
    "max-pool-2d",
    kernel,
    options,
  );
  return stateless("", description, (x) => {
    requireFit(x);
    return max(windows(x, size, geometry, -Infinity), [2, 3]);
  });
}

/**
 * The mean of each window; the padding counts as zeros.
 *
 * @example
 * ```ts
 * import { averagePool2d } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 4], [1, 1, 1, 4]));
 * const { output } = averagePool2d([1, 2]).forward(x, {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 * });
 * assertEquals([...(await evaluate(output)).data], [1.5, 3.5]);
 * ```
 *
 * @param kernel Height and width of the window.
 * @param options Stride and padding.
 * @returns The layer; float [B, C, H, W] -> [B, C, OH, OW].
 * @throws {RangeError} If a number is out of its range.
 */
export function averagePool2d(
  kernel: number | Pair,
  options: PoolingOptions = {},
): Layer {
  const { description, size, geometry, requireFit } = pooling(
    "avg-pool-2d",
    kernel,
    options,
  );
  return stateless("", description, (x) => {
    requireFit(x);
    return mean(windows(x, size, geometry), [2, 3]);
  });
}

/**
 * The mean of each channel.
 *
 * @example
 * ```ts
 * import { globalAveragePool2d } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 6], [1, 2, 1, 2]));
 * const { output } = globalAveragePool2d().forward(x, {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 * });
 * assertEquals([...(await evaluate(output)).data], [1.5, 4.5]);
 * ```
 *
 * @returns The layer; float [B, C, H, W] -> [B, C].
 */
export function globalAveragePool2d(): Layer {
  return stateless("", "global-avg-pool-2d", (x) => {
    requireImages("global-avg-pool-2d layer", x);
    return mean(x, [2, 3]);
  });
}
