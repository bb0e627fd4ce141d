/**
 * Optimizers by name, for command lines and recorded runs.
 *
 * @module
 */

import type { Layer } from "../layers/layer.ts";
import { adafisher, adafisherW } from "./adafisher.ts";
import type { AdaFisherOptions } from "./adafisher_fields.ts";
import { adam, type AdamOptions, adamW } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";
import { sgd, type SgdOptions } from "./sgd.ts";
import { requireOneOf } from "./validate.ts";

/** Names that {@linkcode optimizerByName} knows. */
export type OptimizerName =
  | "adafisher"
  | "adafisherw"
  | "sgd"
  | "adam"
  | "adamw"
  | "amsgrad";

/**
 * Options of all optimizers together; each takes its own alone, and `undefined`
 * is the same as not given. `epsilon` is AdaFisher's in the min-max, or Adam's
 * beside the root.
 */
export interface OptimizerOptions
  extends AdaFisherOptions, SgdOptions, AdamOptions {}

/**
 * Every name that {@linkcode optimizerByName} knows.
 *
 * @example
 * ```ts
 * import { optimizerNames } from "@adafisher/adafisher/optim";
 * import { assert } from "@std/assert";
 *
 * assert(optimizerNames.includes("adafisherw"));
 * ```
 */
export const optimizerNames: readonly OptimizerName[] = Object.freeze([
  "adafisher",
  "adafisherw",
  "sgd",
  "adam",
  "adamw",
  "amsgrad",
]);

/**
 * Builds an optimizer for a model.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { preset: "paper", weightDecay: 0.01 } as const;
 * const optimizer = optimizerByName("adafisherw", linear("fc", 3, 2), options);
 * assertEquals(optimizer.name, "adafisherw");
 * ```
 *
 * @param name One of {@linkcode optimizerNames}.
 * @param model The model that it trains.
 * @param options Its hyperparameters; the optimizer's defaults where not given.
 * @returns The optimizer.
 * @throws {RangeError} If there is no such optimizer, or an option is not its own
 * or outside its range.
 */
export function optimizerByName(
  name: string,
  model: Layer,
  options: OptimizerOptions = {},
): Optimizer {
  requireOneOf("optimizer", name, optimizerNames);
  switch (name as OptimizerName) {
    case "adafisher":
      return adafisher(model, options);
    case "adafisherw":
      return adafisherW(model, options);
    case "sgd":
      return sgd(options);
    case "adam":
      return adam(options);
    case "adamw":
      return adamW(options);
    case "amsgrad":
      return adam({ ...options, amsgrad: true });
  }
}
