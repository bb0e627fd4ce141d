/**
 * Layers one after another.
 *
 * @module
 */

import { frozenLayer } from "./checks.ts";
import { compose, Pass } from "./compose.ts";
import type { Layer } from "./layer.ts";

/** Options of {@linkcode sequential} and {@linkcode residual}. */
export interface CompositionOptions {
  /** Name of the whole, for messages; the inner layers keep their own. */
  readonly name?: string;
}

/**
 * Layers one after another; none at all is the identity. A layer object that
 * comes twice shares its weights, and its second use sees the buffers that the
 * first one left.
 *
 * @example
 * ```ts
 * import { activation, linear, sequential } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const model = sequential([
 *   linear("fc1", 4, 3),
 *   activation("relu"),
 *   linear("fc2", 3, 2),
 * ]);
 * assertEquals(Object.keys(model.parameters), [
 *   "fc1.weight",
 *   "fc1.bias",
 *   "fc2.weight",
 *   "fc2.bias",
 * ]);
 * ```
 *
 * @param layers The layers in order.
 * @param options Name of the whole.
 * @returns The layer; input as the first layer's, output as the last one's.
 * @throws {RangeError} If two different layers have one name.
 */
export function sequential(
  layers: readonly Layer[],
  options: CompositionOptions = {},
): Layer {
  const { name = "" } = options;
  const title = name === "" ? "sequential" : `sequential ${name}`;
  const inner = [...layers];
  return frozenLayer({
    name,
    description: `${title}(${inner.length} ${
      inner.length === 1 ? "layer" : "layers"
    })`,
    ...compose(title, inner),
    forward(x, context) {
      const pass = new Pass(context);
      let output = x;
      for (const layer of inner) output = pass.apply(layer, output);
      return { output, uses: pass.uses, buffers: pass.buffers };
    },
  });
}
