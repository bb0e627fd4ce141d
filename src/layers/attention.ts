/**
 * Multi-head self-attention made of four linear layers, each with Kronecker
 * factors of its own.
 *
 * @module
 */

import { softmax } from "../tensor/functions.ts";
import {
  iota,
  lessEqual,
  matmul,
  mul,
  reshape,
  select,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  frozenLayer,
  requireFloatInput,
  requireName,
  requireWhole,
  show,
} from "./checks.ts";
import { compose, Pass } from "./compose.ts";
import type { Layer } from "./layer.ts";
import { linear, type LinearOptions } from "./linear.ts";

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** Whether a token sees only itself and those before it; false by default. */
  readonly causal?: boolean;
  /** Options of the four linear layers. */
  readonly linear?: LinearOptions;
}

/** A score so low that its softmax is exactly 0, in float32 too. */
const MASKED = -1e30;

/**
 * Self-attention: softmax(q k^T / sqrt(dim / heads)) v per head, head i taking the
 * features i * dim / heads to (i + 1) * dim / heads - 1. Its linear layers are
 * `<name>.query`, `<name>.key`, `<name>.value` and `<name>.output`.
 *
 * @example
 * ```ts
 * import { attention } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = attention("h.0.attn", 8, 2, { causal: true });
 * assertEquals(layer.kronecker.map(({ name }) => name), [
 *   "h.0.attn.query",
 *   "h.0.attn.key",
 *   "h.0.attn.value",
 *   "h.0.attn.output",
 * ]);
 * ```
 *
 * @param name Full name.
 * @param dim Features of a token.
 * @param heads Number of heads, which divides the features.
 * @param options Causal, options of the linear layers.
 * @returns The layer; float [B, T, dim] -> the same shape.
 * @throws {RangeError} If the heads do not divide the features.
 */
export function attention(
  name: string,
  dim: number,
  heads: number,
  options: AttentionOptions = {},
): Layer {
  const title = `attention layer ${name}`;
  requireName("attention", name);
  requireWhole(title, "features and heads", [dim, heads]);
  if (dim % heads !== 0) {
    throw new RangeError(
      `Cannot build ${title}: ${heads} heads must divide ${dim} features`,
    );
  }
  const { causal = false } = options;
  const [query, key, value, output] = ["query", "key", "value", "output"].map(
    (part) => linear(`${name}.${part}`, dim, dim, options.linear),
  );
  const width = dim / heads;

  return frozenLayer({
    name,
    description: `attention ${name}(${dim}, ${heads} heads${
      causal ? ", causal" : ""
    })`,
    ...compose(title, [query, key, value, output]),
    forward(x, context) {
      requireFloatInput(title, x);
      if (x.shape.length !== 3 || x.shape[2] !== dim) {
        throw new RangeError(
          `Cannot apply ${title}: input must be [B, T, ${dim}], got ${
            show(x.shape)
          }`,
        );
      }
      const [batch, tokens] = x.shape;
      const pass = new Pass(context);
      // [B, T, dim] -> [B, heads, T, width]
      const split = (z: Tensor): Tensor =>
        transpose(reshape(z, [batch, tokens, heads, width]), [0, 2, 1, 3]);
      const [q, k, v] = [query, key, value].map((layer) =>
        split(pass.apply(layer, x))
      );
      const scores = mul(matmul(q, transpose(k)), 1 / Math.sqrt(width));
      const square = [tokens, tokens];
      const seen = causal
        ? select(lessEqual(iota(square, 1), iota(square, 0)), scores, MASKED)
        : scores;
      const mixed = matmul(softmax(seen), v);
      const joined = reshape(transpose(mixed, [0, 2, 1, 3]), x.shape);
      return {
        output: pass.apply(output, joined),
        uses: pass.uses,
        buffers: {},
      };
    },
  });
}
