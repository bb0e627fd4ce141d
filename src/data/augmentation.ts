/**
 * Augmentation of images: random crop, horizontal flip and cutout, as pure
 * functions of a batch and a random key. Each image of a batch is drawn on its
 * own, and the same key gives the same images.
 *
 * A batch is `[count, channels, height, width]`, row-major, and normalized.
 *
 * @module
 */

import { type RandomKey, randomUniform, streamOf } from "../tensor/random.ts";
import { type Shape, sizeOf, type Value, value } from "../tensor/value.ts";
import { requireInteger } from "./checks.ts";

/** How {@linkcode randomCrop} crops. */
export interface CropOptions {
  /** Pixels added on each side before a window of the old size is cut out. */
  readonly padding: number;
  /**
   * What the added pixels hold, one number a channel; 0 where it is not given.
   * {@linkcode batches} gives the normalized value of black here, as padding
   * comes before normalization in the usual pipelines.
   */
  readonly fill?: ArrayLike<number>;
}

/** How {@linkcode randomFlip} flips. */
export interface FlipOptions {
  /** Probability that an image is flipped, 0 to 1. */
  readonly probability: number;
}

/** How {@linkcode cutout} cuts. */
export interface CutoutOptions {
  /** Number of squares an image. */
  readonly holes: number;
  /** Side of a square, in pixels. */
  readonly size: number;
}

/** What {@linkcode augment} does, in this order; what is missing is left out. */
export interface Augmentation {
  /** Random crop with padding. */
  readonly crop?: CropOptions;
  /** Random horizontal flip. */
  readonly flip?: FlipOptions;
  /** Cutout. */
  readonly cutout?: CutoutOptions;
}

/**
 * The augmentation of the AdaFisher paper for CIFAR: crop of 32 with padding 4,
 * flip with probability 0.5, cutout with one hole of 16.
 */
export const paperAugmentation: Augmentation = {
  crop: { padding: 4 },
  flip: { probability: 0.5 },
  cutout: { holes: 1, size: 16 },
};

const CROP_STREAM = streamOf("data/crop");
const FLIP_STREAM = streamOf("data/flip");
const CUTOUT_STREAM = streamOf("data/cutout");

/** Requires images that fill a shape of four axes. */
function requireImages(task: string, images: Float32Array, shape: Shape): void {
  if (shape.length !== 4) {
    throw new RangeError(
      `Cannot ${task}: shape must be [count, channels, height, width], got [${shape}]`,
    );
  }
  if (images.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot ${task}: shape [${shape}] needs ${
        sizeOf(shape)
      } numbers, got ${images.length}`,
    );
  }
}

/**
 * Pads each image on all sides and cuts a window of the old size out of it, at
 * an offset that is uniform over the `(2 padding + 1)^2` possible ones.
 *
 * @example Every pixel of the window comes from the image or the padding
 * ```ts
 * import { randomCrop } from "@adafisher/adafisher/data";
 * import { assert } from "@std/assert";
 *
 * const cropped = randomCrop(Float32Array.of(1, 2, 3, 4), [1, 1, 2, 2], [7, 0], {
 *   padding: 1,
 * });
 * assert(cropped.every((pixel) => [0, 1, 2, 3, 4].includes(pixel)));
 * ```
 *
 * @param images The batch.
 * @param shape `[count, channels, height, width]`.
 * @param key The random key.
 * @param options Padding, and what it holds.
 * @returns A new batch of the same shape.
 * @throws {RangeError} If the shape does not fit the images, the padding is no
 * integer of at least 0, or the fill has not one number a channel.
 */
export function randomCrop(
  images: Float32Array,
  shape: Shape,
  key: RandomKey,
  options: CropOptions,
): Float32Array {
  const { padding, fill } = options;
  requireImages("crop images", images, shape);
  requireInteger("crop images", "padding", padding, 0);
  const [count, channels, height, width] = shape;
  if (fill !== undefined && fill.length !== channels) {
    throw new RangeError(
      `Cannot crop images: fill must have one number for each of ${channels} channels, got ${fill.length}`,
    );
  }
  const draws = randomUniform(key, CROP_STREAM, 2 * count);
  const offset = (draw: number) =>
    Math.floor(draw * (2 * padding + 1)) - padding;
  const cropped = new Float32Array(images.length);
  for (let plane = 0; plane < count * channels; plane++) {
    const image = Math.floor(plane / channels);
    const down = offset(draws[2 * image]);
    const right = offset(draws[2 * image + 1]);
    const start = plane * height * width;
    cropped.fill(fill?.[plane % channels] ?? 0, start, start + height * width);
    // Columns of the window that lie inside the image.
    const left = Math.max(0, -right);
    const end = Math.min(width, width - right);
    if (left >= end) continue;
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      const from = start + (y + down) * width + right;
      cropped.set(
        images.subarray(from + left, from + end),
        start + y * width + left,
      );
    }
  }
  return cropped;
}

/**
 * Mirrors each image left to right with a given probability.
 *
 * @example Probability 1 mirrors all of them
 * ```ts
 * import { randomFlip } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const flipped = randomFlip(Float32Array.of(1, 2, 3), [1, 1, 1, 3], [7, 0], {
 *   probability: 1,
 * });
 * assertEquals([...flipped], [3, 2, 1]);
 * ```
 *
 * @param images The batch.
 * @param shape `[count, channels, height, width]`.
 * @param key The random key.
 * @param options The probability.
 * @returns A new batch of the same shape.
 * @throws {RangeError} If the shape does not fit the images, or the probability
 * is not within 0 to 1.
 */
export function randomFlip(
  images: Float32Array,
  shape: Shape,
  key: RandomKey,
  options: FlipOptions,
): Float32Array {
  const { probability } = options;
  requireImages("flip images", images, shape);
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(
      `Cannot flip images: probability must be from 0 to 1, got ${probability}`,
    );
  }
  const [count, channels, height, width] = shape;
  const draws = randomUniform(key, FLIP_STREAM, count);
  const flipped = Float32Array.from(images);
  for (let row = 0; row < count * channels * height; row++) {
    if (draws[Math.floor(row / (channels * height))] >= probability) continue;
    flipped.subarray(row * width, (row + 1) * width).reverse();
  }
  return flipped;
}

/**
 * Sets square holes to 0 in all channels of each image (DeVries and Taylor,
 * "Improved Regularization of Convolutional Neural Networks with Cutout", 2017).
 *
 * The centre (y, x) of a hole is uniform over the pixels; the hole covers rows
 * `y - floor(size / 2)` up to but not including `y - floor(size / 2) + size`,
 * columns likewise, as far as they are inside the image.
 *
 * @example A hole of one pixel
 * ```ts
 * import { cutout } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const ones = new Float32Array(9).fill(1);
 * const cut = cutout(ones, [1, 1, 3, 3], [7, 0], { holes: 1, size: 1 });
 * assertEquals(cut.filter((pixel) => pixel === 0).length, 1);
 * ```
 *
 * @param images The batch; 0 is the mean where it is normalized.
 * @param shape `[count, channels, height, width]`.
 * @param key The random key.
 * @param options Number of holes and their size.
 * @returns A new batch of the same shape.
 * @throws {RangeError} If the shape does not fit the images, or the number of
 * holes or their size is no positive integer.
 */
export function cutout(
  images: Float32Array,
  shape: Shape,
  key: RandomKey,
  options: CutoutOptions,
): Float32Array {
  const { holes, size } = options;
  requireImages("cut holes", images, shape);
  requireInteger("cut holes", "holes", holes, 1);
  requireInteger("cut holes", "size", size, 1);
  const [count, channels, height, width] = shape;
  const draws = randomUniform(key, CUTOUT_STREAM, 2 * count * holes);
  const cut = Float32Array.from(images);
  for (let hole = 0; hole < count * holes; hole++) {
    const top = Math.floor(draws[2 * hole] * height) - Math.floor(size / 2);
    const left = Math.floor(draws[2 * hole + 1] * width) - Math.floor(size / 2);
    const image = Math.floor(hole / holes);
    const firstColumn = Math.max(0, left);
    const endColumn = Math.min(width, left + size);
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height;
      const endRow = Math.min(height, top + size);
      for (let y = Math.max(0, top); y < endRow; y++) {
        const row = (plane + y) * width;
        cut.fill(0, row + firstColumn, row + endColumn);
      }
    }
  }
  return cut;
}

/**
 * Crops, flips and cuts a batch of images, as far as the policy says so.
 *
 * @example The paper's augmentation, twice with the same key
 * ```ts
 * import { augment, paperAugmentation } from "@adafisher/adafisher/data";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = value(new Float32Array(2 * 3 * 32 * 32).fill(1), [2, 3, 32, 32]);
 * const once = augment(batch, paperAugmentation, [1, 2]);
 * assertEquals(once.shape, batch.shape);
 * assertEquals(augment(batch, paperAugmentation, [1, 2]), once);
 * ```
 *
 * @param batch A float value of shape `[count, channels, height, width]` in float32.
 * @param policy What to do.
 * @param key The random key.
 * @returns A new value of the same shape; the batch itself where the policy is empty.
 * @throws {TypeError} If the batch is not stored as float32.
 * @throws {RangeError} If the shape has not four axes, or the policy is out of range.
 */
export function augment(
  batch: Value,
  policy: Augmentation,
  key: RandomKey,
): Value {
  const { shape } = batch;
  let images = batch.data;
  if (!(images instanceof Float32Array)) {
    throw new TypeError(
      `Cannot augment: batch must be stored as Float32Array, got ${images.constructor.name}`,
    );
  }
  requireImages("augment", images, shape);
  if (policy.crop) images = randomCrop(images, shape, key, policy.crop);
  if (policy.flip) images = randomFlip(images, shape, key, policy.flip);
  if (policy.cutout) images = cutout(images, shape, key, policy.cutout);
  return images === batch.data ? batch : value(images, shape);
}
