/**
 * AdaFisher for Deno: a training step is a pure function, written as an
 * expression over immutable tensors, compiled once and run on a device.
 *
 * Everything one needs to train is exported here; data sets, files, golden
 * traces and the training loop have entry points of their own (`./data`,
 * `./io`, `./oracle`, `./train`).
 *
 * @example One AdaFisher step of a linear layer
 * ```ts
 * import { adafisher, constants, evaluate, initialize, linear } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = linear("fc", 4, 3);
 * const optimizer = adafisher(layer, { preset: "paper" });
 * const parameters = constants(initialize(layer.parameters, 0));
 * const state = await evaluate(optimizer.init(parameters));
 * assertEquals(state.momentum["fc.weight"].shape, [3, 4]);
 * ```
 *
 * @module
 */

export * from "./src/tensor/mod.ts";
export * from "./src/program/mod.ts";
export * from "./src/reference/mod.ts";
export * from "./src/cpu/mod.ts";
export * from "./src/gpu/mod.ts";
export * from "./src/layers/mod.ts";
export * from "./src/models/mod.ts";
export * from "./src/optim/mod.ts";
