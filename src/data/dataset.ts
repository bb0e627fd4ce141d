/**
 * Data sets in memory: examples as raw numbers, a label each, and how to take
 * some of them.
 *
 * @module
 */

import { randomPermutation, streamOf } from "../tensor/random.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { requireInteger, requireSeed } from "./checks.ts";

/** Raw examples: measurements as float32, or images as one byte a sample. */
export type Inputs = Float32Array | Uint8Array;

/** Labelled examples of one shape; made and checked by {@linkcode dataset}. */
export interface Dataset {
  /** What the examples are, for messages and reports. */
  readonly name: string;
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[];
  /** Shape of one example, such as `[3, 32, 32]` or `[4]`. */
  readonly shape: Shape;
  /** The examples one after another, each row-major, in raw units. */
  readonly inputs: Inputs;
  /** The class of each example, shape `[count]`. */
  readonly labels: Int32Array;
  /** Number of examples. */
  readonly count: number;
}

/** What a data set is made of: everything but the count. */
export type DatasetOptions = Omit<Dataset, "count">;

/** Two parts of a data set that share no example. */
export interface Split {
  /** The examples to learn from. */
  readonly train: Dataset;
  /** The examples to be judged by. */
  readonly test: Dataset;
}

/** How {@linkcode split} chooses. */
export interface SplitOptions {
  /** Give both parts the same share of each class; false unless set. */
  readonly stratified?: boolean;
}

/** Keeps the draws of a split apart from all others of the same seed. */
const SPLIT_STREAM = streamOf("data/split");

/** Slack for a product such as 0.29 * 100 that rounds to just below a whole number. */
const ROUNDING = 1e-9;

/**
 * Makes a data set and checks all of it.
 *
 * @example Two points in the plane
 * ```ts
 * import { dataset } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const points = dataset({
 *   name: "points",
 *   classes: ["left", "right"],
 *   shape: [2],
 *   inputs: Float32Array.of(-1, 0, 1, 0),
 *   labels: Int32Array.of(0, 1),
 * });
 * assertEquals(points.count, 2);
 * ```
 *
 * @param options Name, classes, shape of an example, inputs and labels; the
 * arrays are kept as they are, not copied.
 * @returns The data set, as many examples as there are labels.
 * @throws {TypeError} If the inputs are neither float32 nor bytes, or the labels not int32.
 * @throws {RangeError} If there is no example or class, an extent is no positive
 * integer, the inputs do not fill the shape, an input is not finite (row and
 * column are named) or a label is no class (its row is named).
 */
export function dataset(options: DatasetOptions): Dataset {
  const { name, classes, inputs, labels } = options;
  const shape = [...options.shape];
  const task = `make data set ${name}`;
  if (!(inputs instanceof Float32Array || inputs instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot ${task}: inputs must be a Float32Array or a Uint8Array, got ${
        describe(inputs)
      }`,
    );
  }
  if (!(labels instanceof Int32Array)) {
    throw new TypeError(
      `Cannot ${task}: labels must be an Int32Array, got ${describe(labels)}`,
    );
  }
  for (let axis = 0; axis < shape.length; axis++) {
    requireInteger(task, `extent of axis ${axis}`, shape[axis], 1);
  }
  requireInteger(task, "number of classes", classes.length, 1);
  requireInteger(task, "number of examples", labels.length, 1);
  const size = sizeOf(shape);
  if (inputs.length !== labels.length * size) {
    throw new RangeError(
      `Cannot ${task}: ${labels.length} examples of shape [${shape}] need ${
        labels.length * size
      } inputs, got ${inputs.length}`,
    );
  }
  if (inputs instanceof Float32Array) requireFinite(task, inputs, size);
  for (let row = 0; row < labels.length; row++) {
    requireInteger(
      task,
      `label of row ${row}`,
      labels[row],
      0,
      classes.length - 1,
    );
  }
  return {
    name,
    classes: [...classes],
    shape,
    inputs,
    labels,
    count: labels.length,
  };
}

/** What a thing of the wrong type is. */
function describe(thing: unknown): string {
  return (thing as object | null)?.constructor?.name ?? String(thing);
}

/** Requires finite inputs; `size` is the number of inputs of a row. */
function requireFinite(task: string, inputs: Float32Array, size: number): void {
  const bad = inputs.findIndex((input) => !Number.isFinite(input));
  if (bad < 0) return;
  throw new RangeError(
    `Cannot ${task}: input of row ${Math.floor(bad / size)}, column ${
      bad % size
    } must be finite, got ${inputs[bad]}`,
  );
}

/**
 * Copies the inputs of some rows.
 *
 * @param examples The data set.
 * @param rows The rows wanted, in this order; each within the data set.
 * @returns Their raw inputs, `rows.length` times an example.
 */
export function gatherInputs(
  examples: Dataset,
  rows: ArrayLike<number>,
): Inputs {
  const { inputs } = examples;
  const size = sizeOf(examples.shape);
  const gathered = inputs instanceof Uint8Array
    ? new Uint8Array(rows.length * size)
    : new Float32Array(rows.length * size);
  for (let i = 0; i < rows.length; i++) {
    const start = rows[i] * size;
    gathered.set(inputs.subarray(start, start + size), i * size);
  }
  return gathered;
}

/**
 * Takes some rows of a data set, in the order given; a row may come twice.
 *
 * @example The first and the last flower
 * ```ts
 * import { iris, subset } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const two = subset(iris(), [0, 149]);
 * assertEquals([...two.labels], [0, 2]);
 * ```
 *
 * @param examples The data set.
 * @param rows Row numbers, from 0; at least one.
 * @param name Name of the result; that of the data set where it is not given.
 * @returns A new data set with copies of those rows.
 * @throws {RangeError} If there is no row, or one that the data set does not have.
 */
export function subset(
  examples: Dataset,
  rows: ArrayLike<number>,
  name: string = examples.name,
): Dataset {
  const task = `take a subset of ${examples.name}`;
  requireInteger(task, "number of rows", rows.length, 1);
  for (let i = 0; i < rows.length; i++) {
    requireInteger(task, `entry ${i} of rows`, rows[i], 0, examples.count - 1);
  }
  return {
    ...examples,
    name,
    inputs: gatherInputs(examples, rows),
    labels: Int32Array.from(rows, (row) => examples.labels[row]),
    count: rows.length,
  };
}

/** A fraction of a number of examples, rounded down. */
function shareOf(count: number, fraction: number): number {
  return Math.floor(count * fraction + ROUNDING);
}

/**
 * How many of each group go into the first part: the fraction of each, rounded
 * down, and what is then missing of the whole goes to the largest remainders.
 */
function quotas(sizes: readonly number[], fraction: number): number[] {
  const quota = sizes.map((size) => shareOf(size, fraction));
  const remainder = (group: number) => sizes[group] * fraction - quota[group];
  const count = sizes.reduce((sum, size) => sum + size, 0);
  const missing = shareOf(count, fraction) -
    quota.reduce((sum, number) => sum + number, 0);
  const groups = sizes.map((_, group) => group)
    .sort((a, b) => remainder(b) - remainder(a));
  for (const group of groups.slice(0, missing)) quota[group]++;
  return quota;
}

/**
 * Splits a data set into two at random: the same seed gives the same parts.
 *
 * All rows are put into the random order of the key `[seed, 0]`; the training
 * part takes the first `floor(fraction * count)` of them, or with `stratified`
 * the first ones of each class. Both parts keep that random order, so their
 * first rows are random samples too.
 *
 * @example Four fifths of the flowers, as many of each kind
 * ```ts
 * import { iris, split } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { train, test } = split(iris(), 0.8, 1, { stratified: true });
 * assertEquals([train.count, test.count], [120, 30]);
 * assertEquals(test.labels.filter((label) => label === 2).length, 10);
 * ```
 *
 * @param examples The data set.
 * @param fraction Share of the training part, between 0 and 1.
 * @param seed An unsigned 32-bit integer.
 * @param options Whether to stratify.
 * @returns The two parts, named "... train" and "... test".
 * @throws {TypeError} If fraction or seed is no number.
 * @throws {RangeError} If the fraction leaves a part empty, or the seed is no
 * unsigned 32-bit integer.
 */
export function split(
  examples: Dataset,
  fraction: number,
  seed: number,
  options: SplitOptions = {},
): Split {
  const { name, count, labels } = examples;
  const task = `split ${name}`;
  requireSeed(task, seed);
  const total = shareOf(count, fraction);
  if (!(total >= 1 && total < count)) {
    const ErrorType = typeof fraction === "number" ? RangeError : TypeError;
    throw new ErrorType(
      `Cannot ${task}: fraction must leave an example of ${count} on either side, got ${fraction}`,
    );
  }
  const group = (row: number) => options.stratified ? labels[row] : 0;
  const sizes = examples.classes.map(() => 0);
  for (let row = 0; row < count; row++) sizes[group(row)]++;
  const wanted = quotas(sizes, fraction);
  const train: number[] = [], test: number[] = [];
  for (const row of randomPermutation([seed, 0], SPLIT_STREAM, count)) {
    (wanted[group(row)]-- > 0 ? train : test).push(row);
  }
  return {
    train: subset(examples, train, `${name} train`),
    test: subset(examples, test, `${name} test`),
  };
}
