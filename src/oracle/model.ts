/**
 * From the layers that a case describes to a model.
 *
 * @module
 */

import {
  activation,
  attention,
  averagePool2d,
  batchNorm2d,
  conv2d,
  embedding,
  flatten,
  globalAveragePool2d,
  type Layer,
  layerNorm,
  linear,
  maxPool2d,
  residual,
  sequential,
  symbolic,
} from "../layers/mod.ts";
import { input } from "../tensor/operations.ts";
import type { DType, Shape } from "../tensor/value.ts";
import type { LayerDescription } from "./case.ts";

/** One layer. */
function buildLayer(layer: LayerDescription): Layer {
  switch (layer.type) {
    case "linear":
      return linear(layer.name, layer.in, layer.out, { bias: layer.bias });
    case "conv2d": {
      const { name, kernel, type: _, in: channels, out, ...options } = layer;
      return conv2d(name, channels, out, kernel, options);
    }
    case "batch-norm-2d":
      return batchNorm2d(layer.name, layer.features, layer);
    case "layer-norm":
      return layerNorm(layer.name, layer.shape, { eps: layer.eps });
    case "embedding":
      return embedding(layer.name, layer.count, layer.dim, {
        frozen: layer.frozen ?? false,
      });
    case "attention":
      return attention(layer.name, layer.dim, layer.heads, {
        causal: layer.causal,
      });
    case "max-pool-2d":
      return maxPool2d(layer.kernel, layer);
    case "avg-pool-2d":
      return averagePool2d(layer.kernel, layer);
    case "global-avg-pool-2d":
      return globalAveragePool2d();
    case "flatten":
      return flatten();
    case "residual":
      return residual(buildModel(layer.body), {
        shortcut: buildModel(layer.shortcut),
      });
    default:
      return activation(layer.type);
  }
}

/**
 * Builds the model that a case describes.
 *
 * @example
 * ```ts
 * import { buildModel } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * const model = buildModel([
 *   { type: "linear", name: "fc1", in: 3, out: 4, bias: false },
 *   { type: "relu" },
 * ]);
 * assertEquals(model.parameters["fc1.weight"].shape, [4, 3]);
 * ```
 *
 * @param layers The layers, run in order.
 * @returns The model.
 * @throws {RangeError} If two layers have one name, or numbers do not fit
 * together, such as groups that do not divide the channels.
 */
export function buildModel(layers: readonly LayerDescription[]): Layer {
  return sequential(layers.map(buildLayer));
}

/** Shape of what a model makes of a batch. */
export function outputShape(model: Layer, shape: Shape, dtype: DType): Shape {
  const { output } = model.forward(input("x", shape, dtype), {
    parameters: symbolic(model.parameters, "parameters"),
    buffers: symbolic(model.buffers, "buffers"),
    training: true,
  });
  return output.shape;
}

/** How many tokens a model knows: the rows of its first embedding, if it has one. */
export function tokenCount(
  layers: readonly LayerDescription[],
): number | undefined {
  for (const layer of layers) {
    if (layer.type === "embedding") return layer.count;
    if (layer.type !== "residual") continue;
    const count = tokenCount([...layer.body, ...layer.shortcut]);
    if (count !== undefined) return count;
  }
  return undefined;
}
