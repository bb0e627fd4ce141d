/**
 * Normalization: raw numbers to numbers of mean 0 and deviation 1.
 *
 * @module
 */

import { type Shape, sizeOf } from "../tensor/value.ts";
import type { Dataset, Inputs } from "./dataset.ts";

/**
 * How to normalize: `(raw / unit - mean[c]) / deviation[c]`, where c is the
 * index along the first axis of an example, that is the channel of an image
 * `[channels, height, width]` or the feature of a vector `[features]`.
 */
export interface Normalization {
  /** Raw number that counts as 1: 255 for bytes of an image, 1 for measurements. */
  readonly unit: number;
  /** Mean of each channel or feature, after division by the unit. */
  readonly mean: readonly number[];
  /** Standard deviation of each, after division by the unit; positive. */
  readonly deviation: readonly number[];
}

/** Number of channels or features of an example, and of numbers in each. */
function channelsOf(shape: Shape): { channels: number; inner: number } {
  const channels = shape[0] ?? 1;
  return { channels, inner: sizeOf(shape) / channels };
}

/**
 * Measures the normalization of a data set: the mean and the standard deviation
 * (divided by n, not n - 1) of each channel or feature. A feature that never
 * varies gets deviation 1 and so becomes 0.
 *
 * @example
 * ```ts
 * import { irisSplit, normalizationOf, normalize } from "@adafisher/adafisher/data";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { train } = irisSplit();
 * const inputs = normalize(train.inputs, train.shape, normalizationOf(train));
 * const sum = inputs.reduce((total, input) => total + input, 0);
 * assertAlmostEquals(sum, 0, 1e-3);
 * ```
 *
 * @param examples The data set, of the training part alone where there is a test part.
 * @param unit Raw number that counts as 1.
 * @returns The normalization.
 * @throws {RangeError} If the unit is not positive and finite.
 */
export function normalizationOf(
  examples: Dataset,
  unit: number = 1,
): Normalization {
  requirePositive(`measure ${examples.name}`, "unit", unit);
  const { inputs, count } = examples;
  const { channels, inner } = channelsOf(examples.shape);
  const average = (term: (input: number, channel: number) => number) => {
    const sums = new Array<number>(channels).fill(0);
    for (let i = 0; i < inputs.length; i++) {
      const channel = Math.floor(i / inner) % channels;
      sums[channel] += term(inputs[i] / unit, channel);
    }
    return sums.map((sum) => sum / (count * inner));
  };
  const mean = average((input) => input);
  const variance = average((input, channel) => (input - mean[channel]) ** 2);
  const deviation = variance.map((square) => Math.sqrt(square) || 1);
  return { unit, mean, deviation };
}

/**
 * Normalizes examples.
 *
 * @example One grey image of two pixels
 * ```ts
 * import { normalize } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const normalization = { unit: 255, mean: [0.5], deviation: [0.5] };
 * const image = normalize(Uint8Array.of(0, 255), [1, 1, 2], normalization);
 * assertEquals([...image], [-1, 1]);
 * ```
 *
 * @param inputs Raw numbers of any number of examples.
 * @param shape Shape of one example.
 * @param normalization Unit, means and deviations.
 * @returns The normalized numbers, computed in float64 and rounded once.
 * @throws {RangeError} If the inputs are no whole number of examples, there is
 * not one mean and one deviation a channel, or one of them is out of range.
 */
export function normalize(
  inputs: Inputs,
  shape: Shape,
  normalization: Normalization,
): Float32Array<ArrayBuffer> {
  const { unit, mean, deviation } = normalization;
  const { channels, inner } = channelsOf(shape);
  requirePositive("normalize", "unit", unit);
  if (inputs.length % sizeOf(shape) !== 0) {
    throw new RangeError(
      `Cannot normalize: examples of shape [${shape}] need a multiple of ${
        sizeOf(shape)
      } inputs, got ${inputs.length}`,
    );
  }
  if (mean.length !== channels || deviation.length !== channels) {
    throw new RangeError(
      `Cannot normalize: examples of shape [${shape}] need ${channels} means and deviations, got ${mean.length} and ${deviation.length}`,
    );
  }
  for (let channel = 0; channel < channels; channel++) {
    if (!Number.isFinite(mean[channel])) {
      throw new RangeError(
        `Cannot normalize: mean ${channel} must be finite, got ${
          mean[channel]
        }`,
      );
    }
    requirePositive("normalize", `deviation ${channel}`, deviation[channel]);
  }
  const normalized = new Float32Array(inputs.length);
  for (let start = 0; start < inputs.length; start += inner) {
    const channel = (start / inner) % channels;
    for (let i = start; i < start + inner; i++) {
      normalized[i] = (inputs[i] / unit - mean[channel]) / deviation[channel];
    }
  }
  return normalized;
}

/** Requires a positive, finite number. */
function requirePositive(task: string, thing: string, got: number): void {
  if (got > 0 && Number.isFinite(got)) return;
  throw new RangeError(
    `Cannot ${task}: ${thing} must be positive and finite, got ${got}`,
  );
}
