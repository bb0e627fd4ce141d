/**
 * Models: layers composed, nothing else.
 *
 * @example
 * ```ts
 * import { modelByName, modelNames, parameterCount } from "@adafisher/adafisher/models";
 * import { assert, assertEquals } from "@std/assert";
 *
 * assert(modelNames.includes("resnet18"));
 * const model = modelByName("cnn", { inputShape: [1, 8, 8], classes: 10 });
 * assertEquals(parameterCount(model), 1922);
 * ```
 *
 * @module
 */

export * from "./catalogue.ts";
export * from "./digits_cnn.ts";
export * from "./mlp.ts";
export * from "./resnet.ts";
