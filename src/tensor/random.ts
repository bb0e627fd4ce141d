/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A number is a function of a key and a
 * counter, so every device draws the same bits in any order, and nothing has to
 * be remembered but the key.
 *
 * A *key* is a pair of 32-bit integers (the run's seed and the step, say); a
 * *stream* is a third number that keeps draws for different purposes apart.
 *
 * @module
 */

/** A random key: two 32-bit integers, such as the run's seed and the step. */
export type RandomKey = readonly [number, number];

/** Number of distinct values of a draw: draws have 24 bits, exact in float32. */
export const RANDOM_RANGE = 1 << 24;

const MULTIPLIER_0 = 0xD2511F53;
const MULTIPLIER_1 = 0xCD9E8D57;
const WEYL_0 = 0x9E3779B9;
const WEYL_1 = 0xBB67AE85;
const ROUNDS = 10;

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff, aHigh = a >>> 16;
  const bLow = b & 0xffff, bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) +
    Math.floor(cross / 65536)) >>> 0;
}

/**
 * Philox4x32-10: four random 32-bit words for a key and a counter.
 *
 * @example The published test vector for an all-zero key and counter
 * ```ts
 * import { philox } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(philox([0, 0], [0, 0, 0, 0])[0], 0x6627e8d5);
 * ```
 *
 * @param key Two 32-bit words.
 * @param counter Four 32-bit words.
 * @returns Four unsigned 32-bit words.
 */
export function philox(
  key: RandomKey,
  counter: readonly [number, number, number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let k0 = key[0] >>> 0, k1 = key[1] >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0 >>> 0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2 >>> 0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/**
 * Random integers in [0, 2^24): the upper 24 bits of the Philox words.
 * Element i is word `i % 4` at the counter `[floor(i / 4), stream, 0, 0]`.
 *
 * @param key The random key.
 * @param stream Keeps draws for different purposes apart; a 32-bit integer.
 * @param count How many.
 * @returns The draws.
 */
export function randomBits(
  key: RandomKey,
  stream: number,
  count: number,
): Int32Array {
  const bits = new Int32Array(count);
  for (let i = 0; i < count; i += 4) {
    const words = philox(key, [i / 4, stream, 0, 0]);
    for (let lane = 0; lane < 4 && i + lane < count; lane++) {
      bits[i + lane] = words[lane] >>> 8;
    }
  }
  return bits;
}

/**
 * Uniform numbers in [0, 1), multiples of 2^-24.
 *
 * @param key The random key.
 * @param stream Keeps draws for different purposes apart.
 * @param count How many.
 * @returns The draws.
 */
export function randomUniform(
  key: RandomKey,
  stream: number,
  count: number,
): Float64Array {
  const uniform = new Float64Array(count);
  const bits = randomBits(key, stream, count);
  for (let i = 0; i < count; i++) uniform[i] = bits[i] / RANDOM_RANGE;
  return uniform;
}

/**
 * Standard normal numbers by the Box-Muller transform of two uniform ones.
 *
 * @param key The random key.
 * @param stream Keeps draws for different purposes apart.
 * @param count How many.
 * @returns The draws.
 */
export function randomNormal(
  key: RandomKey,
  stream: number,
  count: number,
): Float64Array {
  const normal = new Float64Array(count);
  const uniform = randomUniform(key, stream, 2 * Math.ceil(count / 2));
  for (let i = 0; i < count; i += 2) {
    // 1 - u is in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform[i]));
    const angle = 2 * Math.PI * uniform[i + 1];
    normal[i] = radius * Math.cos(angle);
    if (i + 1 < count) normal[i + 1] = radius * Math.sin(angle);
  }
  return normal;
}

/**
 * A random order of 0, 1, ..., count - 1 (Fisher-Yates).
 *
 * @param key The random key.
 * @param stream Keeps draws for different purposes apart.
 * @param count How many; at most 2^24.
 * @returns The order.
 */
export function randomPermutation(
  key: RandomKey,
  stream: number,
  count: number,
): Int32Array {
  const order = new Int32Array(count);
  const uniform = randomUniform(key, stream, count);
  for (let i = 0; i < count; i++) {
    const j = Math.floor(uniform[i] * (i + 1));
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

/**
 * The stream of a name: its 32-bit FNV-1a hash, so that a parameter's first
 * values depend on the seed and its name alone, not on what else is in a model.
 *
 * @param name Any text.
 * @returns A signed 32-bit integer.
 */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash | 0;
}
