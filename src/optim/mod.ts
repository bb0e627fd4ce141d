/**
 * Optimizers: pairs of pure functions, `init` and `update`, over a typed state;
 * learning-rate schedules, gradient clipping, and masks of weight decay.
 *
 * @example A step of AdaFisher by hand
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { collectDiagonals, constants, initialize, linear } from "@adafisher/adafisher/layers";
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { fill, gradients, mean, square } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const model = linear("fc", 3, 2);
 * const optimizer = adafisher(model, { preset: "paper" });
 * const parameters = constants(initialize(model.parameters, 1));
 * const { output, uses } = model.forward(fill([4, 3], 1), {
 *   parameters,
 *   buffers: {},
 *   training: true,
 * });
 * const loss = mean(square(output));
 * const [weight, bias] = gradients(loss, [
 *   parameters["fc.weight"],
 *   parameters["fc.bias"],
 * ]);
 * const scalars = Object.fromEntries(
 *   Object.entries(optimizer.scalars(1)).map(([k, v]) => [k, fill([], v)]),
 * );
 * const state = optimizer.curvature!.observe(
 *   optimizer.init(parameters),
 *   collectDiagonals(loss, uses, optimizer.curvature!.form),
 *   scalars,
 * );
 * const next = optimizer.update({
 *   parameters,
 *   gradients: { "fc.weight": weight, "fc.bias": bias },
 *   state,
 *   learningRate: fill([], 1e-3),
 *   scalars,
 * });
 * assertEquals((await evaluate(next.parameters))["fc.weight"].shape, [2, 3]);
 * ```
 *
 * @module
 */

export {
  type AdaFisher,
  adafisher,
  type AdaFisherState,
  adafisherW,
  fisherOf,
  minmax,
} from "./adafisher.ts";
export {
  type AdaFisherFields,
  type AdaFisherOptions,
  type AdaFisherPreset,
  officialPreset,
  paperPreset,
} from "./adafisher_fields.ts";
export * from "./adabelief.ts";
export * from "./adabound.ts";
export * from "./adadelta.ts";
export * from "./adagrad.ts";
export * from "./adahessian.ts";
export * from "./adainject.ts";
export * from "./adam.ts";
export * from "./adamp.ts";
export * from "./catalogue.ts";
export * from "./clipping.ts";
export {
  decayAll,
  type DecayMask,
  decayMatching,
  decayMatrices,
} from "./decay_masks.ts";
export * from "./derivatives.ts";
export * from "./describe.ts";
export * from "./kfac.ts";
export * from "./kfac_asdl.ts";
export * from "./lamb.ts";
export * from "./lars.ts";
export * from "./optimizer.ts";
export { PreconditionerError } from "./precondition.ts";
export * from "./radam.ts";
export * from "./rmsprop.ts";
export * from "./schedules.ts";
export * from "./sgd.ts";
export * from "./shampoo.ts";
export * from "./shampoo_asdl.ts";
export * from "./yogi.ts";
