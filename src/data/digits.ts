/**
 * Digits: 1,797 handwritten digits of 8x8 pixels, small enough to come with the
 * package.
 *
 * Source: the test part of "Optical Recognition of Handwritten Digits" by
 * E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, licensed
 * CC BY 4.0; the copy that scikit-learn ships under BSD-3-Clause.
 *
 * @module
 */

import { type Dataset, dataset, type Split, split } from "./dataset.ts";
import { DIGITS_TEXT } from "./digits_data.ts";
import type { Normalization } from "./normalization.ts";

/** Pixels of an image. */
const PIXELS = 64;

/** Mean and deviation of the pixels of the training part, full ink being 1. */
export const digitsNormalization: Normalization = {
  unit: 16,
  mean: [0.305],
  deviation: [0.375737],
};

/**
 * The digits data set: bytes 0 (paper) to 16 (full ink), shape `[1, 8, 8]`,
 * classes "0" to "9".
 *
 * @example
 * ```ts
 * import { digits } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { count, shape, labels } = digits();
 * assertEquals(count, 1797);
 * assertEquals(shape, [1, 8, 8]);
 * assertEquals(labels[5], 5);
 * ```
 *
 * @returns A new copy of the 1,797 examples, in the order of the source.
 */
export function digits(): Dataset {
  const lines = DIGITS_TEXT.trimEnd().split("\n");
  const inputs = new Uint8Array(lines.length * PIXELS);
  lines.forEach((line, row) => {
    for (let i = 0; i < PIXELS; i++) {
      inputs[row * PIXELS + i] = parseInt(line[i], 17);
    }
  });
  return dataset({
    name: "digits",
    classes: Array.from("0123456789"),
    shape: [1, 8, 8],
    inputs,
    labels: Int32Array.from(lines, (line) => Number(line.slice(PIXELS))),
  });
}

/**
 * The digits split into 1,437 to train and 360 to test: 80 %, stratified, seed 0.
 *
 * @example
 * ```ts
 * import { digitsSplit } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { train, test } = digitsSplit();
 * assertEquals([train.count, test.count], [1437, 360]);
 * ```
 *
 * @returns The two parts, the same on every call.
 */
export function digitsSplit(): Split {
  return split(digits(), 0.8, 0, { stratified: true });
}
