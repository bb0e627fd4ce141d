/**
 * Data sets, normalization, augmentation and batches.
 *
 * A data set keeps its examples as they come (bytes of images, measurements);
 * they are normalized and augmented when a batch is made, and a batch is a
 * function of the seed, the epoch and its index alone.
 *
 * Digits and Iris come with the package; CIFAR-10 and CIFAR-100 are read from
 * their binary files, which `downloadArchive` fetches.
 *
 * @example Two epochs over the digits
 * ```ts
 * import {
 *   batches,
 *   digitsNormalization,
 *   digitsSplit,
 * } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { train } = digitsSplit();
 * let seen = 0;
 * for (let epoch = 0; epoch < 2; epoch++) {
 *   const options = { batchSize: 256, shuffle: true, seed: 1, epoch };
 *   const normalization = digitsNormalization;
 *   for (const batch of batches(train, { ...options, normalization })) {
 *     seen += batch.labels.data.length;
 *   }
 * }
 * assertEquals(seen, 2 * 1437);
 * ```
 *
 * @module
 */

export { type Archive, cifarArchives, downloadArchive } from "./archive.ts";
export {
  augment,
  type Augmentation,
  type CropOptions,
  cutout,
  type CutoutOptions,
  type FlipOptions,
  paperAugmentation,
  randomCrop,
  randomFlip,
} from "./augmentation.ts";
export {
  type Batch,
  batchAt,
  batchCount,
  batches,
  type BatchOptions,
} from "./batches.ts";
export {
  type Cifar100Options,
  cifarNormalization,
  type CifarSplit,
  loadCifar10,
  loadCifar100,
} from "./cifar.ts";
export {
  CIFAR100_CLASSES,
  CIFAR100_SUPERCLASSES,
  CIFAR10_CLASSES,
} from "./cifar_classes.ts";
export {
  type Dataset,
  dataset,
  type DatasetOptions,
  type Inputs,
  type Split,
  split,
  type SplitOptions,
  subset,
} from "./dataset.ts";
export { digits, digitsNormalization, digitsSplit } from "./digits.ts";
export { download, type DownloadOptions } from "./download.ts";
export { iris, IRIS_FEATURES, irisNormalization, irisSplit } from "./iris.ts";
export {
  type Normalization,
  normalizationOf,
  normalize,
} from "./normalization.ts";
export { prefetchBatches, type PrefetchOptions } from "./prefetch.ts";
export { unpackTar } from "./tar.ts";
export type { RandomKey } from "../tensor/random.ts";
export type { Data, DType, Shape, Value } from "../tensor/value.ts";
