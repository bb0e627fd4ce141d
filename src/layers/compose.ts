/**
 * What layers composed of layers share: joining the parameters, and running one
 * layer after another; internal to this folder.
 *
 * @module
 */

import type { Tensor } from "../tensor/tensor.ts";
import type {
  Buffers,
  Context,
  KroneckerLayer,
  Layer,
  LayerUse,
  ParameterSpec,
} from "./layer.ts";

/** The single layers within a layer, in order. */
export function leaves(layer: Layer): readonly Layer[] {
  return layer.layers ? layer.layers.flatMap(leaves) : [layer];
}

/**
 * The fields of a layer composed of others.
 *
 * @param title The composed layer in an error message.
 * @param layers The layers in order; the same object may come twice.
 * @throws {RangeError} If two different layers have one name.
 */
export function compose(
  title: string,
  layers: readonly Layer[],
): Pick<Layer, "parameters" | "buffers" | "kronecker" | "layers"> {
  const byName = new Map<string, Layer>();
  for (const leaf of layers.flatMap(leaves)) {
    if (leaf.name === "") continue;
    const before = byName.get(leaf.name);
    if (before && before !== leaf) {
      throw new RangeError(
        `Cannot build ${title}: two layers are named ${leaf.name}; to share weights, use one layer object twice`,
      );
    }
    byName.set(leaf.name, leaf);
  }
  const join = (
    kind: "parameters" | "buffers",
  ): Record<string, ParameterSpec> => {
    const joined: Record<string, ParameterSpec> = {};
    for (const layer of layers) {
      for (const [name, spec] of Object.entries(layer[kind])) {
        if (name in joined && joined[name] !== spec) {
          throw new RangeError(
            `Cannot build ${title}: two layers have ${kind} named ${name}; to share weights, use one layer object twice`,
          );
        }
        joined[name] = spec;
      }
    }
    return joined;
  };
  const kronecker = new Set<KroneckerLayer>(
    layers.flatMap((layer) => layer.kronecker),
  );
  return {
    parameters: join("parameters"),
    buffers: join("buffers"),
    kronecker: [...kronecker],
    layers: Object.freeze([...layers]),
  };
}

/** Applies layers in a pass, each seeing the buffers that those before it left. */
export class Pass {
  /** Uses of layers with factors so far. */
  readonly uses: LayerUse[] = [];
  #changed: Buffers = {};
  readonly #context: Context;

  /** @param context What the pass starts from. */
  constructor(context: Context) {
    this.#context = context;
  }

  /** New values of the buffers that changed so far. */
  get buffers(): Buffers {
    return this.#changed;
  }

  /** The output of a layer. */
  apply(layer: Layer, x: Tensor): Tensor {
    const buffers = { ...this.#context.buffers, ...this.#changed };
    const result = layer.forward(x, { ...this.#context, buffers });
    this.uses.push(...result.uses);
    this.#changed = { ...this.#changed, ...result.buffers };
    return result.output;
  }
}
