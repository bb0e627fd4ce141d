/**
 * Batches of a data set: shuffled, normalized and augmented. A batch is a
 * function of the seed, the epoch and its index alone, so a run that was
 * stopped goes on with exactly the batches it would have seen.
 *
 * @module
 */

import {
  philox,
  type RandomKey,
  randomPermutation,
  streamOf,
} from "../tensor/random.ts";
import { type Value, value } from "../tensor/value.ts";
import { augment, type Augmentation } from "./augmentation.ts";
import { requireInteger, requireSeed } from "./checks.ts";
import { type Dataset, gatherInputs } from "./dataset.ts";
import { type Normalization, normalize } from "./normalization.ts";

/** How batches are made. */
export interface BatchOptions {
  /** Examples in a batch: 1 to the number of examples. */
  readonly batchSize: number;
  /** Seed of the order and the augmentation, an unsigned 32-bit integer; 0 unless set. */
  readonly seed?: number;
  /** Epoch, an unsigned 32-bit integer; 0 unless set. Each has an order of its own. */
  readonly epoch?: number;
  /** Whether the examples come in random order; false unless set. */
  readonly shuffle?: boolean;
  /** How the inputs are normalized; they stay raw where it is not given. */
  readonly normalization?: Normalization;
  /** How images are augmented; they stay as they are where it is not given. */
  readonly augmentation?: Augmentation;
  /** Whether a last batch of fewer examples is left out; false unless set. */
  readonly dropLast?: boolean;
}

/** Some examples, ready for a training or evaluation step. */
export interface Batch {
  /** Float32 value `[size, ...shape of an example]`. */
  readonly inputs: Value;
  /** Int value `[size]`: the classes. */
  readonly labels: Value;
  /** Number of the batch in its epoch, from 0. */
  readonly index: number;
  /** Rows of the data set the examples are from, shape `[size]`. */
  readonly rows: Int32Array;
}

/** Keeps the draws of the order apart from all others of the same key. */
const SHUFFLE_STREAM = streamOf("data/shuffle");
/** Keeps the augmentation keys apart from all other draws of the same key. */
const AUGMENT_STREAM = streamOf("data/augment");

/** Checks the options and gives the key of the epoch, `[seed, epoch]`. */
function epochKey(examples: Dataset, options: BatchOptions): RandomKey {
  const { batchSize, seed = 0, epoch = 0 } = options;
  const task = `make batches of ${examples.name}`;
  requireInteger(task, "batchSize", batchSize, 1, examples.count);
  requireSeed(task, seed);
  requireInteger(task, "epoch", epoch, 0, 0xffffffff);
  return [seed, epoch];
}

/** The rows of the data set in the order of the epoch. */
function epochOrder(
  examples: Dataset,
  key: RandomKey,
  shuffle: boolean,
): Int32Array {
  return shuffle
    ? randomPermutation(key, SHUFFLE_STREAM, examples.count)
    : Int32Array.from({ length: examples.count }, (_, row) => row);
}

/**
 * Number of batches of an epoch.
 *
 * @example
 * ```ts
 * import { batchCount, iris } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(batchCount(iris(), { batchSize: 64 }), 3);
 * assertEquals(batchCount(iris(), { batchSize: 64, dropLast: true }), 2);
 * ```
 *
 * @param examples The data set.
 * @param options Batch size and whether a smaller last batch is left out.
 * @returns The number.
 * @throws {RangeError} If the batch size is no integer from 1 to the number of examples.
 */
export function batchCount(examples: Dataset, options: BatchOptions): number {
  epochKey(examples, options);
  const whole = examples.count / options.batchSize;
  return options.dropLast ? Math.floor(whole) : Math.ceil(whole);
}

/** Batch `index` of an epoch whose order is known. */
function makeBatch(
  examples: Dataset,
  options: BatchOptions,
  key: RandomKey,
  order: Int32Array,
  index: number,
): Batch {
  const { batchSize, normalization, augmentation } = options;
  const { shape } = examples;
  const prepare = (raw: Float32Array | Uint8Array) =>
    normalization
      ? normalize(raw, shape, normalization)
      : Float32Array.from(raw);
  const rows = order.slice(index * batchSize, (index + 1) * batchSize);
  let inputs = value(prepare(gatherInputs(examples, rows)), [
    rows.length,
    ...shape,
  ]);
  if (augmentation) {
    const [first, second] = philox(key, [index, AUGMENT_STREAM, 0, 0]);
    const policy = blackPadding(augmentation, shape[0], normalization);
    inputs = augment(inputs, policy, [first, second]);
  }
  const labels = Int32Array.from(rows, (row) => examples.labels[row]);
  return { inputs, labels: value(labels), index, rows };
}

/** A policy whose crop pads with black as it is after normalization. */
function blackPadding(
  policy: Augmentation,
  channels: number,
  normalization: Normalization | undefined,
): Augmentation {
  if (!policy.crop || policy.crop.fill || !normalization) return policy;
  const black = new Uint8Array(channels);
  const fill = normalize(black, [channels], normalization);
  return { ...policy, crop: { ...policy.crop, fill } };
}

/**
 * The batches of an epoch, one after another.
 *
 * The order is a random permutation of the key `[seed, epoch]`, the
 * augmentation has a key of its own for each batch. The last batch holds what
 * is left over and may be smaller; `dropLast` leaves it out then. A crop pads with
 * black (raw 0), as torchvision does, which after normalization is not 0.
 *
 * @example An epoch of shuffled flowers, the last batch being smaller
 * ```ts
 * import { batches, iris } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const epoch = batches(iris(), { batchSize: 64, shuffle: true, seed: 1 });
 * const shapes = [...epoch].map((batch) => batch.inputs.shape);
 * assertEquals(shapes, [[64, 4], [64, 4], [22, 4]]);
 * ```
 *
 * @example Going on in the middle of an epoch
 * ```ts
 * import { batches, iris } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { batchSize: 64, shuffle: true, epoch: 3 };
 * const all = [...batches(iris(), options)];
 * assertEquals([...batches(iris(), options, 1)], all.slice(1));
 * ```
 *
 * @param examples The data set.
 * @param options Size, order, normalization and augmentation.
 * @param start Index of the first batch wanted; 0 where it is not given.
 * @returns The batches from `start` on, made as they are asked for.
 * @throws {TypeError} If the batch size, seed, epoch or start is no number.
 * @throws {RangeError} If the batch size is no integer from 1 to the number of
 * examples, the seed or epoch no unsigned 32-bit integer, the start beyond the
 * epoch's end, or the examples are no images (`[channels, height, width]`) and
 * to be augmented.
 */
export function batches(
  examples: Dataset,
  options: BatchOptions,
  start: number = 0,
): Generator<Batch, void, void> {
  const key = epochKey(examples, options);
  const count = batchCount(examples, options);
  const task = `make batches of ${examples.name}`;
  requireInteger(task, "start", start, 0, count);
  if (options.augmentation) requireImageShape(task, examples);
  return (function* () {
    const order = epochOrder(examples, key, options.shuffle ?? false);
    for (let index = start; index < count; index++) {
      yield makeBatch(examples, options, key, order, index);
    }
  })();
}

/**
 * The batches of several epochs, one after another.
 *
 * @param examples The data set.
 * @param options As for {@linkcode batches}; the epoch is the first one.
 * @param start The first batch wanted, counted from the first one of the first epoch;
 * it may be one of a later epoch.
 * @param epochs How many epochs.
 * @returns The batches from `start` on, made as they are asked for.
 */
export function* epochBatches(
  examples: Dataset,
  options: BatchOptions,
  start: number,
  epochs: number,
): Generator<Batch, void, void> {
  const count = batchCount(examples, options);
  const { epoch: first = 0 } = options;
  for (let done = Math.floor(start / count); done < epochs; done++) {
    const index = Math.max(0, start - done * count);
    yield* batches(examples, { ...options, epoch: first + done }, index);
  }
}

/** Requires examples that can be augmented. */
function requireImageShape(task: string, examples: Dataset): void {
  if (examples.shape.length === 3) return;
  throw new RangeError(
    `Cannot ${task}: augmentation needs examples of shape [channels, height, width], got [${examples.shape}]`,
  );
}

/**
 * One batch of an epoch, the same as {@linkcode batches} yields.
 *
 * @example
 * ```ts
 * import { batchAt, batches, iris } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { batchSize: 50, shuffle: true, seed: 1, epoch: 2 };
 * const all = [...batches(iris(), options)];
 * assertEquals(batchAt(iris(), options, 1), all[1]);
 * ```
 *
 * @param examples The data set.
 * @param options Size, order, normalization and augmentation.
 * @param index Number of the batch in the epoch, from 0.
 * @returns The batch.
 * @throws {TypeError} If the batch size, seed, epoch or index is no number.
 * @throws {RangeError} As {@linkcode batches}, and if there is no such batch.
 */
export function batchAt(
  examples: Dataset,
  options: BatchOptions,
  index: number,
): Batch {
  const last = batchCount(examples, options) - 1;
  requireInteger(
    `make batches of ${examples.name}`,
    "index",
    index,
    0,
    last,
  );
  return batches(examples, options, index).next().value as Batch;
}
