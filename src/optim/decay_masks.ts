/**
 * Decay masks: which parameters weight decay concerns, by name.
 *
 * @module
 */

import type { Layer } from "../layers/layer.ts";

/**
 * Whether a parameter decays, by its full name. A plain function will do; a mask
 * with a description is told apart from others in the optimizer's own.
 */
export interface DecayMask {
  /**
   * @param parameterName Full name, such as `layer1.0.bn1.weight`.
   * @returns True if the parameter decays.
   */
  (parameterName: string): boolean;
  /** What decays, in a few words; the function's text where not given. */
  readonly description?: string;
}

/**
 * Every parameter decays, as in the paper's runs and the official code.
 *
 * @example
 * ```ts
 * import { decayAll } from "@adafisher/adafisher/optim";
 * import { assert } from "@std/assert";
 *
 * assert(decayAll("bn1.weight"));
 * ```
 */
export const decayAll: DecayMask = described("all", () => true);

/**
 * Parameters whose name matches a pattern decay.
 *
 * @example
 * ```ts
 * import { decayMatching } from "@adafisher/adafisher/optim";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const mask = decayMatching(/\.weight$/);
 * assert(mask("fc.weight"));
 * assertFalse(mask("fc.bias"));
 * ```
 *
 * @param pattern The pattern.
 * @returns The mask.
 */
export function decayMatching(pattern: RegExp): DecayMask {
  // A copy without g and y: with them, a pattern remembers where it stopped.
  const stateless = new RegExp(
    pattern.source,
    pattern.flags.replace(/[gy]/g, ""),
  );
  return described(`names like ${stateless}`, (name) => stateless.test(name));
}

/**
 * Only matrices and convolution kernels decay: no biases, and no scales and
 * shifts of normalization layers.
 *
 * @example
 * ```ts
 * import { linear, layerNorm, sequential } from "@adafisher/adafisher/layers";
 * import { decayMatrices } from "@adafisher/adafisher/optim";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const model = sequential([linear("fc", 3, 2), layerNorm("norm", [2])]);
 * const mask = decayMatrices(model);
 * assert(mask("fc.weight"));
 * assertFalse(mask("fc.bias"));
 * assertFalse(mask("norm.weight"));
 * ```
 *
 * @param model The model, whose parameters have the shapes.
 * @returns The mask; false for names that the model does not have.
 */
export function decayMatrices(model: Layer): DecayMask {
  const axes = (name: string): number =>
    model.parameters[name]?.shape.length ?? 0;
  return described("matrices and kernels", (name) => {
    // A scale has the shape of its shift; a matrix has more axes than its bias.
    const shift = name.replace(/weight$/, "bias");
    return axes(name) >= 2 && axes(name) > axes(shift);
  });
}

/** A mask in words: its description, or the text of the function on one line. */
export function describeMask(mask: DecayMask): string {
  return mask.description ?? String(mask).replace(/\s+/g, " ");
}

function described(
  description: string,
  decays: (parameterName: string) => boolean,
): DecayMask {
  return Object.freeze(Object.assign(decays, { description }));
}
