/**
 * Statistics of numbers: mean, variance, quantiles, histogram, correlation.
 *
 * @module
 */

import type { Numbers } from "./matrix.ts";

/**
 * The mean.
 *
 * @example
 * ```ts
 * import { mean } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mean([1, 2, 6]), 3);
 * ```
 *
 * @param numbers At least one; an array, or the `data` of a value.
 * @returns Their sum over their number.
 * @throws {RangeError} If there are none, or one is not finite.
 */
export function mean(numbers: Numbers): number {
  requireNumbers("take a mean", numbers);
  return finiteMean(numbers);
}

/** The mean of numbers that have been looked at. */
function finiteMean(numbers: Numbers): number {
  const about = sumOf(numbers, (x) => x / numbers.length);
  // The rounding of the sum is the mean of what is left.
  return about + sumOf(numbers, (x) => x - about) / numbers.length;
}

/**
 * The variance: the mean of the squared distances from the mean.
 *
 * @example
 * ```ts
 * import { variance } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(variance([1, 3]), 1);
 * assertEquals(variance([1, 3], 1), 2);
 * ```
 *
 * @param numbers More than `ddof`.
 * @param ddof What is taken off their number in the divisor: 0 by default, 1 for the
 * unbiased estimate from a sample.
 * @returns The variance.
 * @throws {RangeError} If there are too few, or one is not finite.
 */
export function variance(numbers: Numbers, ddof = 0): number {
  requireNumbers("take a variance", numbers);
  if (!(ddof >= 0 && ddof < numbers.length)) {
    throw new RangeError(
      `Cannot take a variance: the divisor ${numbers.length} - ${ddof} must be above 0 and at most ${numbers.length}`,
    );
  }
  const centre = finiteMean(numbers);
  return sumOf(numbers, (x) => (x - centre) ** 2) / (numbers.length - ddof);
}

/**
 * Quantiles, on the line between the two nearest of the n sorted numbers: level p is
 * at the position p (n - 1).
 *
 * @example Minimum, median and maximum
 * ```ts
 * import { quantiles } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(quantiles([4, 1, 3, 2], [0, 0.5, 1]), [1, 2.5, 4]);
 * ```
 *
 * @param numbers At least one.
 * @param levels Each in [0, 1].
 * @returns As many numbers as levels.
 * @throws {RangeError} If there are no numbers, one is not finite, or a level is not in
 * [0, 1].
 */
export function quantiles(
  numbers: Numbers,
  levels: readonly number[],
): number[] {
  requireNumbers("take quantiles", numbers);
  const sorted = Float64Array.from(numbers).sort();
  return levels.map((level) => {
    if (!(level >= 0 && level <= 1)) {
      throw new RangeError(
        `Cannot take quantiles: a level must be in [0, 1], got ${level}`,
      );
    }
    const position = level * (sorted.length - 1);
    const below = Math.floor(position), part = position - below;
    if (part === 0) return sorted[below];
    return sorted[below] * (1 - part) + sorted[below + 1] * part;
  });
}

/** Options of {@linkcode histogram}. */
export interface HistogramOptions {
  /** Number of bins; 10 by default. */
  readonly bins?: number;
  /** The outer edges, ascending; the least and the largest number by default. */
  readonly range?: readonly [number, number];
}

/** How many numbers fall where. */
export interface Histogram {
  /** Edges of the bins, ascending: bins + 1. */
  readonly edges: readonly number[];
  /** Numbers from an edge to below the next; the last edge counts as within. */
  readonly counts: readonly number[];
  /** Numbers below the first edge. */
  readonly below: number;
  /** Numbers above the last edge. */
  readonly above: number;
}

/**
 * Counts numbers in bins of equal width.
 *
 * @example
 * ```ts
 * import { histogram } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const { edges, counts } = histogram([0, 1, 1, 4], { bins: 2 });
 * assertEquals(edges, [0, 2, 4]);
 * assertEquals(counts, [3, 1]);
 * ```
 *
 * @param numbers At least one. If all are equal and no range is given, it is from half
 * below to half above them.
 * @param options Bins and range.
 * @returns Edges and counts.
 * @throws {RangeError} If there are no numbers, one is not finite, or an option is
 * wrong.
 */
export function histogram(
  numbers: Numbers,
  options: HistogramOptions = {},
): Histogram {
  requireNumbers("make a histogram", numbers);
  const { bins = 10 } = options;
  if (!Number.isSafeInteger(bins) || bins < 1) {
    throw new RangeError(
      `Cannot make a histogram: bins must be a whole number of at least 1, got ${bins}`,
    );
  }
  const [low, high] = options.range ?? rangeOf(numbers);
  const width = (high - low) / bins;
  if (!(width > 0 && Number.isFinite(width))) {
    throw new RangeError(
      `Cannot make a histogram: its range must ascend and be finite, got [${low}, ${high}] for ${bins} bins`,
    );
  }
  const edges = Array.from(
    { length: bins + 1 },
    (_, i) => i === bins ? high : low + i * width,
  );
  const counts = new Array<number>(bins).fill(0);
  let below = 0, above = 0;
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i];
    if (x < low) below++;
    else if (x > high) above++;
    else {
      let bin = Math.min(bins - 1, Math.floor((x - low) / width));
      // The division rounds: the edges decide.
      while (x < edges[bin]) bin--;
      while (bin < bins - 1 && x >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
  }
  return { edges, counts, below, above };
}

function rangeOf(numbers: Numbers): readonly [number, number] {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < numbers.length; i++) {
    low = Math.min(low, numbers[i]);
    high = Math.max(high, numbers[i]);
  }
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/**
 * Pearson's correlation: the cosine of the angle between x and y, each less its mean.
 *
 * @example
 * ```ts
 * import { pearson } from "@adafisher/adafisher/linalg";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(pearson([1, 2, 3], [5, 3, 1])!, -1);
 * ```
 *
 * @param x Numbers.
 * @param y As many.
 * @returns In [-1, 1]; none where x or y does not vary.
 * @throws {RangeError} If they differ in number, there are none, or one is not finite.
 */
export function pearson(x: Numbers, y: Numbers): number | undefined {
  requirePairs(x, y);
  return cosineOf(centred(x), centred(y));
}

/**
 * Spearman's correlation: Pearson's of the ranks, so that it is 1 for any ascending
 * relation. Equal numbers share the mean of their ranks.
 *
 * @example
 * ```ts
 * import { spearman } from "@adafisher/adafisher/linalg";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(spearman([1, 2, 3], [1, 10, 1000])!, 1);
 * ```
 *
 * @param x Numbers.
 * @param y As many.
 * @returns In [-1, 1]; none where x or y does not vary.
 * @throws {RangeError} If they differ in number, there are none, or one is not finite.
 */
export function spearman(x: Numbers, y: Numbers): number | undefined {
  requirePairs(x, y);
  return cosineOf(centred(ranks(x)), centred(ranks(y)));
}

/** Distances from the mean over the largest of them; none if there is none. */
function centred(numbers: Numbers): Float64Array | undefined {
  let same = 0;
  while (same < numbers.length && numbers[same] === numbers[0]) same++;
  if (same === numbers.length) return undefined;
  const centre = finiteMean(numbers);
  const distances = Float64Array.from(numbers, (x) => x - centre);
  const most = distances.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return distances.map((x) => x / most);
}

function cosineOf(x?: Float64Array, y?: Float64Array): number | undefined {
  if (x === undefined || y === undefined) return undefined;
  const cosine = sumOf(x, (a, i) => a * y[i]) /
    Math.sqrt(sumOf(x, (a) => a * a) * sumOf(y, (b) => b * b));
  return Math.min(1, Math.max(-1, cosine)); // rounding may go beyond
}

/** The place of each number among all, from 1. */
function ranks(numbers: Numbers): Float64Array {
  const order = Array.from(numbers, (_, i) => i)
    .sort((i, j) => numbers[i] - numbers[j]);
  const found = new Float64Array(numbers.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (
      end < order.length && numbers[order[end]] === numbers[order[start]]
    ) {
      end++;
    }
    for (let k = start; k < end; k++) found[order[k]] = (start + 1 + end) / 2;
    start = end;
  }
  return found;
}

function sumOf(
  numbers: Numbers,
  term: (x: number, i: number) => number,
): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += term(numbers[i], i);
  return sum;
}

function requirePairs(x: Numbers, y: Numbers): void {
  if (x.length !== y.length) {
    throw new RangeError(
      `Cannot correlate: there must be as many numbers of each, got ${x.length} and ${y.length}`,
    );
  }
  requireNumbers("correlate", x);
  requireNumbers("correlate", y);
}

function requireNumbers(what: string, numbers: Numbers): void {
  if (numbers.length === 0) {
    throw new RangeError(
      `Cannot ${what}: there must be at least one number, got 0`,
    );
  }
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    throw new RangeError(
      `Cannot ${what}: all ${numbers.length} numbers must be finite, got ${
        numbers[i]
      } at ${i}`,
    );
  }
}
