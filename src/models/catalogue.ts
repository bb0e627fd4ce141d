/**
 * Models by name, and what can be said of any model.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import { requireWhole, show } from "../layers/checks.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { digitsCnn } from "./digits_cnn.ts";
import { mlp } from "./mlp.ts";
import { resnet, resnetDescriptions, type ResNetName } from "./resnet.ts";

/** Names that {@linkcode modelByName} knows. */
export type ModelName = "mlp" | "cnn" | ResNetName;

/** What data a model is built for. */
export interface ModelOptions {
  /** Shape of one sample: [features], or [C, H, W] for images. */
  readonly inputShape: Shape;
  /** Number of classes. */
  readonly classes: number;
  /** Sizes of the hidden layers of `mlp`; [64] by default. */
  readonly hidden?: readonly number[];
}

/** Every name that {@linkcode modelByName} knows. */
export const modelNames: readonly ModelName[] = Object.freeze([
  "mlp",
  "cnn",
  ...Object.keys(resnetDescriptions) as ResNetName[],
]);

/**
 * Builds a model for a kind of data.
 *
 * @example
 * ```ts
 * import { modelByName } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * const model = modelByName("mlp", { inputShape: [4], classes: 3, hidden: [5] });
 * assertEquals(model.parameters["fc2.weight"].shape, [3, 5]);
 * ```
 *
 * @param name One of {@linkcode modelNames}.
 * @param options Shape of a sample, number of classes, hidden sizes.
 * @returns The model; float [B, ...inputShape] -> [B, classes].
 * @throws {RangeError} If there is no such model, or it does not take such samples.
 */
export function modelByName(name: string, options: ModelOptions): Layer {
  const { inputShape, classes, hidden = [64] } = options;
  requireWhole(`model ${name}`, "input extents and classes", [
    ...inputShape,
    classes,
  ]);
  if (!(modelNames as readonly string[]).includes(name)) {
    throw new RangeError(
      `Cannot build a model: its name must be one of ${
        modelNames.join(", ")
      }, got ${name}`,
    );
  }
  if (name === "mlp") return mlp([sizeOf(inputShape), ...hidden, classes]);
  if (inputShape.length !== 3) {
    throw new RangeError(
      `Cannot build model ${name}: it takes images [C, H, W], got samples ${
        show(inputShape)
      }`,
    );
  }
  return name === "cnn"
    ? digitsCnn({ inputShape, classes })
    : resnet(name as ResNetName, { inputChannels: inputShape[0], classes });
}

/**
 * Number of learnable numbers of a model: all parameters but the frozen ones.
 *
 * @example
 * ```ts
 * import { linear } from "@adafisher/adafisher/layers";
 * import { parameterCount } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parameterCount(linear("fc", 3, 2)), 8);
 * ```
 *
 * @param model The model, or a single layer.
 * @returns How many.
 */
export function parameterCount(model: Layer): number {
  return Object.values(model.parameters).reduce(
    (count, { shape, frozen }) => frozen ? count : count + sizeOf(shape),
    0,
  );
}
