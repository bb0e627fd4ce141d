/**
 * A small convolutional network, quick enough for plain loops on 8 x 8 digits.
 *
 * @module
 */

import {
  activation,
  batchNorm2d,
  conv2d,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  sequential,
} from "../layers/mod.ts";
import { requireWhole, show } from "../layers/checks.ts";
import type { Shape } from "../tensor/value.ts";

/** Options of {@linkcode digitsCnn}. */
export interface DigitsCnnOptions {
  /** Shape [C, H, W] of an image, H and W at least 4; [1, 8, 8] by default. */
  readonly inputShape?: Shape;
  /** Number of classes; 10 by default. */
  readonly classes?: number;
  /** Channels of the two convolutions; [8, 16] by default. */
  readonly widths?: readonly [number, number];
}

/**
 * Two 3 x 3 convolutions, each with batch-norm, ReLU and a 2 x 2 maximum, then a
 * linear layer: `conv1`, `bn1`, `conv2`, `bn2`, `fc`.
 *
 * @example
 * ```ts
 * import { digitsCnn, parameterCount } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parameterCount(digitsCnn()), 1922);
 * ```
 *
 * @param options Shape of an image, classes, widths.
 * @returns The model; float [B, C, H, W] -> [B, classes].
 * @throws {RangeError} If a number is out of its range.
 */
export function digitsCnn(options: DigitsCnnOptions = {}): Layer {
  const { inputShape = [1, 8, 8], classes = 10, widths = [8, 16] } = options;
  const [first, second] = widths;
  requireWhole("digits_cnn", "input extents", inputShape);
  const [channels, height, width] = inputShape;
  if (inputShape.length !== 3 || height < 4 || width < 4) {
    throw new RangeError(
      `Cannot build digits_cnn: an image must be [C, H, W] of at least 4 x 4 pixels, got ${
        show(inputShape)
      }`,
    );
  }
  const features = second * Math.floor(height / 4) * Math.floor(width / 4);
  // Batch-norm has a shift of its own, so the convolutions have none.
  return sequential([
    conv2d("conv1", channels, first, 3, { padding: 1, bias: false }),
    batchNorm2d("bn1", first),
    activation("relu"),
    maxPool2d(2),
    conv2d("conv2", first, second, 3, { padding: 1, bias: false }),
    batchNorm2d("bn2", second),
    activation("relu"),
    maxPool2d(2),
    flatten(),
    linear("fc", features, classes),
  ], { name: "digits_cnn" });
}
