/**
 * Numbers of several seeds in one: mean, standard deviation, median.
 *
 * @module
 */

/** Several numbers in one. */
export interface Spread {
  /** Their mean. */
  readonly mean: number;
  /**
   * Their sample standard deviation: sqrt(sum (x - mean)^2 / (count - 1)); null where
   * there is one number alone.
   */
  readonly deviation: number | null;
  /** How many there are. */
  readonly count: number;
}

/**
 * Mean and sample standard deviation.
 *
 * @example
 * ```ts
 * import { spreadOf } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(spreadOf([1, 2, 3]), { mean: 2, deviation: 1, count: 3 });
 * assertEquals(spreadOf([]), null);
 * ```
 *
 * @param numbers The numbers.
 * @returns Their spread; null of none.
 * @throws {RangeError} If a number is not finite.
 */
export function spreadOf(numbers: readonly number[]): Spread | null {
  const count = numbers.length;
  if (count === 0) return null;
  const wrong = numbers.find((number) => !Number.isFinite(number));
  if (wrong !== undefined) {
    throw new RangeError(
      `Cannot average: numbers must be finite, got ${wrong}`,
    );
  }
  const mean = numbers.reduce((sum, x) => sum + x, 0) / count;
  if (count === 1) return { mean, deviation: null, count };
  const squares = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (count - 1)), count };
}

/**
 * The median: the middle number, or the mean of the middle two.
 *
 * @example
 * ```ts
 * import { median } from "@adafisher/adafisher/study";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(median([4, 1, 2, 9]), 3);
 * ```
 *
 * @param numbers At least one number.
 * @returns The median.
 * @throws {RangeError} If there is none.
 */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) {
    throw new RangeError("Cannot take a median: it needs a number, got none");
  }
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}
