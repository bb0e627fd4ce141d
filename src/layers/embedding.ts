/**
 * The embedding: rows of a trained (or frozen) table. AdaFisher has no factors
 * for it; its block is the identity.
 *
 * @module
 */

import { takeRows } from "../tensor/operations.ts";
import {
  fromContext,
  frozenLayer,
  requireName,
  requireWhole,
  show,
} from "./checks.ts";
import { type Initializer, normal, parameterSpec } from "./initializers.ts";
import type { Layer } from "./layer.ts";

/** Options of {@linkcode embedding}. */
export interface EmbeddingOptions {
  /** Whether no optimizer moves the table; false by default. */
  readonly frozen?: boolean;
  /** First rows; N(0, 1) where not given. */
  readonly initial?: Initializer;
}

/**
 * A table of vectors. Parameter `<name>.weight` [count, dim].
 *
 * @example
 * ```ts
 * import { constants, embedding } from "@adafisher/adafisher/layers";
 * import { constant, intValue, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const table = embedding("wte", 2, 1);
 * const parameters = constants({ "wte.weight": value([7, 8], [2, 1]) });
 * const tokens = constant(intValue([1, 0, 1]));
 * const { output } = table.forward(tokens, { parameters, buffers: {}, training: true });
 * assertEquals([...(await evaluate(output)).data], [8, 7, 8]);
 * ```
 *
 * @param name Full name.
 * @param count Number of rows.
 * @param dim Extent of a row.
 * @param options Frozen, first rows.
 * @returns The layer; int [...], each in [0, count) -> float [..., dim].
 * @throws {RangeError} If an extent is no whole number of at least 1.
 */
export function embedding(
  name: string,
  count: number,
  dim: number,
  options: EmbeddingOptions = {},
): Layer {
  const title = `embedding layer ${name}`;
  requireName("embedding", name);
  requireWhole(title, "extents", [count, dim]);
  const { frozen = false, initial = normal(1) } = options;
  const weightName = `${name}.weight`;
  const parameters = {
    [weightName]: parameterSpec(weightName, [count, dim], initial, frozen),
  };
  return frozenLayer({
    name,
    description: `embedding ${name}(${count} x ${dim}${
      frozen ? ", frozen" : ""
    })`,
    parameters,
    buffers: {},
    kronecker: [],
    forward(x, context) {
      if (x.dtype !== "int") {
        throw new TypeError(
          `Cannot apply ${title}: input must be int, got ${x.dtype}${
            show(x.shape)
          }`,
        );
      }
      const table = fromContext(
        title,
        context,
        "parameters",
        parameters,
        weightName,
      );
      return { output: takeRows(table, x), uses: [], buffers: {} };
    },
  });
}
