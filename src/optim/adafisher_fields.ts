/**
 * What can be chosen in AdaFisher, and the two presets that choose it.
 *
 * | field | `paper` | `official` | what the official code does otherwise |
 * | --- | --- | --- | --- |
 * | decay, gain | 0.8, 0.2 | 0.08, 0.008 | the weights add to 0.088 and not to 1 |
 * | start | first batch | ones | the ones fade within some observations |
 * | normalize | after the average | before it | each batch is min-maxed by itself |
 * | epsilon | 0 | 1e-6 | the largest entry falls a little short of 1 |
 * | single | one | zero | a layer with one output has F = lambda |
 * | form | paper | official | S is of the mean loss; norm layers have two entries in H |
 * | interval | 1 | 100 | the factors are those of every 100th batch |
 *
 * @module
 */

import type { FactorForm } from "../layers/layer.ts";
import { decayAll, type DecayMask } from "./decay_masks.ts";
import {
  requireAtLeast,
  requireInteger,
  requireOneOf,
  requirePositive,
  requireUnitInterval,
  withDefaults,
} from "./validate.ts";

/** Everything that can be chosen; a preset chooses all of it. */
export interface AdaFisherFields {
  /** beta, of the momentum; in [0, 1). */
  readonly beta: number;
  /** lambda, the damping added to F (Eq. 4); above 0, as min-max gives zeros. */
  readonly lambda: number;
  /** What the moving averages of H_D and S_D keep of themselves (Eq. 3); in [0, 1]. */
  readonly decay: number;
  /** What they take of the fresh diagonals; in [0, 1]. */
  readonly gain: number;
  /** The averages start as ones, or as the first batch's diagonals. */
  readonly start: "ones" | "first-batch";
  /** Min-max before the moving average (the official code), or after it (Eq. 12). */
  readonly normalize: "before-average" | "after-average";
  /** Added to max - min in the min-max; at 0 a constant vector gives zeros. */
  readonly epsilon: number;
  /** A factor with one entry cannot vary: it counts 1 in F, or is min-maxed to 0. */
  readonly single: "one" | "zero";
  /** Which reading of the factors. */
  readonly form: FactorForm;
  /** Steps from one observation of the factors to the next; at least 1. */
  readonly interval: number;
  /** kappa, the weight decay; at least 0. */
  readonly weightDecay: number;
}

/** Names of the two presets. */
export type AdaFisherPreset = "official" | "paper";

/** Options of AdaFisher: fields that replace the preset's, and a mask. */
export interface AdaFisherOptions extends Partial<AdaFisherFields> {
  /** Where the other fields come from; `official` by default. */
  readonly preset?: AdaFisherPreset;
  /** Which parameters decay, by name; all by default. */
  readonly decayMask?: DecayMask;
}

/**
 * The paper's final version (arXiv 2405.16397, Eq. 3, 4 and 12, gamma = 0.8).
 *
 * @example
 * ```ts
 * import { paperPreset } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(paperPreset.normalize, "after-average");
 * ```
 */
export const paperPreset: AdaFisherFields = Object.freeze({
  beta: 0.9,
  lambda: 1e-3,
  decay: 0.8,
  gain: 0.2,
  start: "first-batch",
  normalize: "after-average",
  epsilon: 0,
  single: "one",
  form: "paper",
  interval: 1,
  weightDecay: 0,
});

/**
 * What the official code does by default (gamma1 = 0.92, gamma2 = 0.008: it
 * keeps 1 - gamma1 and takes gamma2).
 *
 * @example
 * ```ts
 * import { officialPreset } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(officialPreset.interval, 100);
 * ```
 */
export const officialPreset: AdaFisherFields = Object.freeze({
  beta: 0.9,
  lambda: 1e-3,
  decay: 0.08,
  gain: 0.008,
  start: "ones",
  normalize: "before-average",
  epsilon: 1e-6,
  single: "zero",
  form: "official",
  interval: 100,
  weightDecay: 0,
});

/** The preset's fields with the options' in their place, checked; and the mask. */
export function chooseFields(
  name: string,
  options: AdaFisherOptions,
): { readonly fields: AdaFisherFields; readonly decayMask: DecayMask } {
  const { preset = "official", decayMask = decayAll, ...changes } = options;
  requireOneOf("preset", preset, ["official", "paper"]);
  const chosen = preset === "paper" ? paperPreset : officialPreset;
  const fields = withDefaults(name, chosen, changes);
  requireUnitInterval("beta", fields.beta, "below 1");
  requirePositive("lambda", fields.lambda);
  requireUnitInterval("decay", fields.decay);
  requireUnitInterval("gain", fields.gain);
  requireOneOf("start", fields.start, ["ones", "first-batch"]);
  requireOneOf("normalize", fields.normalize, [
    "before-average",
    "after-average",
  ]);
  requireAtLeast("epsilon", fields.epsilon, 0);
  requireOneOf("single", fields.single, ["one", "zero"]);
  requireOneOf("form", fields.form, ["paper", "official"]);
  requireInteger("interval", fields.interval, 1);
  requireAtLeast("weightDecay", fields.weightDecay, 0);
  return { fields, decayMask };
}
