/**
 * The shortcut of residual networks without parameters (He et al., "Deep
 * residual learning for image recognition", 2016, option A).
 *
 * @module
 */

import { pad, slice } from "../tensor/operations.ts";
import { requireImages, requireWhole, show, stateless } from "./checks.ts";
import type { Layer } from "./layer.ts";

/**
 * Takes every stride-th row and column, and puts the channels between channels
 * of zeros, as many in front as behind (one more behind if their number is odd).
 *
 * @example
 * ```ts
 * import { paddedShortcut } from "@adafisher/adafisher/layers";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { output } = paddedShortcut(16, 32, 2).forward(fill([1, 16, 8, 8], 1), {
 *   parameters: {},
 *   buffers: {},
 *   training: true,
 * });
 * assertEquals(output.shape, [1, 32, 4, 4]);
 * ```
 *
 * @param inChannels Channels of the input.
 * @param outChannels Channels of the output, at least as many.
 * @param stride Distance between the rows and columns taken.
 * @returns The layer; float [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)].
 * @throws {RangeError} If a number is out of its range.
 */
export function paddedShortcut(
  inChannels: number,
  outChannels: number,
  stride: number,
): Layer {
  const title = "padded shortcut";
  requireWhole(title, "channels and stride", [inChannels, outChannels, stride]);
  if (outChannels < inChannels) {
    throw new RangeError(
      `Cannot build ${title}: it cannot make ${outChannels} channels of ${inChannels}`,
    );
  }
  const front = Math.floor((outChannels - inChannels) / 2);
  const behind = outChannels - inChannels - front;
  return stateless(
    "",
    `${title}(${inChannels} -> ${outChannels}, stride ${stride})`,
    (x) => {
      requireImages(title, x);
      if (x.shape[1] !== inChannels) {
        throw new RangeError(
          `Cannot apply ${title}: input must have ${inChannels} channels, got ${
            show(x.shape)
          }`,
        );
      }
      const taken = slice(x, [0, 0, 0, 0], x.shape, [1, 1, stride, stride]);
      return pad(taken, [0, front, 0, 0], [0, behind, 0, 0]);
    },
  );
}
