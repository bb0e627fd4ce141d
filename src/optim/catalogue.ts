/**
 * Optimizers by name, for command lines and recorded runs.
 *
 * @module
 */

import type { Layer } from "../layers/layer.ts";
import { adabelief, type AdabeliefOptions } from "./adabelief.ts";
import { adabound, type AdaboundOptions } from "./adabound.ts";
import { adadelta, type AdadeltaOptions } from "./adadelta.ts";
import { adafisher, adafisherW } from "./adafisher.ts";
import type { AdaFisherOptions } from "./adafisher_fields.ts";
import { adagrad, type AdagradOptions } from "./adagrad.ts";
import { adaHessian, type AdaHessianOptions } from "./adahessian.ts";
import { adainject, type AdainjectOptions } from "./adainject.ts";
import { adam, type AdamOptions, adamW } from "./adam.ts";
import { adamP, type AdamPOptions } from "./adamp.ts";
import { kfac, type KfacOptions } from "./kfac.ts";
import { type AsdlOptions, kfacAsdl } from "./kfac_asdl.ts";
import { lamb, type LambOptions } from "./lamb.ts";
import { lars, type LarsOptions } from "./lars.ts";
import type { Optimizer } from "./optimizer.ts";
import { radam, type RadamOptions } from "./radam.ts";
import { rmsprop, type RmspropOptions } from "./rmsprop.ts";
import { sgd, type SgdOptions } from "./sgd.ts";
import { shampoo, type ShampooOptions } from "./shampoo.ts";
import { shampooAsdl } from "./shampoo_asdl.ts";
import { requireOneOf } from "./validate.ts";
import { yogi, type YogiOptions } from "./yogi.ts";

/**
 * Options of all optimizers together; each takes its own alone, and `undefined`
 * is the same as not given. `epsilon` is AdaFisher's in the min-max, or that of the
 * others in their divisor.
 */
export interface OptimizerOptions
  extends
    AdaFisherOptions,
    SgdOptions,
    AdamOptions,
    AdaHessianOptions,
    KfacOptions,
    AsdlOptions,
    RmspropOptions,
    AdagradOptions,
    AdadeltaOptions,
    RadamOptions,
    LambOptions,
    LarsOptions,
    AdabeliefOptions,
    YogiOptions,
    AdaboundOptions,
    AdamPOptions,
    AdainjectOptions,
    ShampooOptions {}

/** Names that {@linkcode optimizerByName} knows. */
export type OptimizerName =
  | "adafisher"
  | "adafisherw"
  | "sgd"
  | "adam"
  | "adamw"
  | "amsgrad"
  | "adahessian"
  | "kfac"
  | "kfac-asdl"
  | "shampoo"
  | "shampoo-asdl"
  | "rmsprop"
  | "adagrad"
  | "adadelta"
  | "radam"
  | "lamb"
  | "lars"
  | "adabelief"
  | "yogi"
  | "adabound"
  | "adamp"
  | "adainject";

const BUILDERS: Readonly<
  Record<OptimizerName, (model: Layer, options: OptimizerOptions) => Optimizer>
> = {
  adafisher,
  adafisherw: adafisherW,
  sgd: (_, options) => sgd(options),
  adam: (_, options) => adam(options),
  adamw: (_, options) => adamW(options),
  amsgrad: (_, options) => adam({ ...options, amsgrad: true }),
  adahessian: (_, options) => adaHessian(options),
  kfac,
  "kfac-asdl": kfacAsdl,
  shampoo,
  "shampoo-asdl": shampooAsdl,
  rmsprop: (_, options) => rmsprop(options),
  adagrad: (_, options) => adagrad(options),
  adadelta: (_, options) => adadelta(options),
  radam: (_, options) => radam(options),
  lamb: (_, options) => lamb(options),
  lars: (_, options) => lars(options),
  adabelief: (_, options) => adabelief(options),
  yogi: (_, options) => yogi(options),
  adabound: (_, options) => adabound(options),
  adamp: (_, options) => adamP(options),
  adainject: (_, options) => adainject(options),
};

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
export const optimizerNames: readonly OptimizerName[] = Object.freeze(
  Object.keys(BUILDERS) as OptimizerName[],
);

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
  return BUILDERS[name as OptimizerName](model, options);
}
