/**
 * Layer normalization: every sample (and token) by its own mean and biased
 * variance. Its Kronecker factors are those of `norm_factors.ts`, with the
 * positions x over all axes that are not normalized.
 *
 * @module
 */

import { mean, square } from "../tensor/functions.ts";
import { add, mul, rsqrt, sub } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Shape } from "../tensor/value.ts";
import {
  fromContext,
  kroneckerLayer,
  requireFloatInput,
  requireName,
  requireWhole,
  sameShape,
  show,
} from "./checks.ts";
import { filled, parameterSpec } from "./initializers.ts";
import type { KroneckerLayer } from "./layer.ts";
import { normFactors } from "./norm_factors.ts";

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions {
  /** Added to the variance under the root; 1e-5 by default. */
  readonly eps?: number;
}

/**
 * Layer normalization over the last axes. Parameters `<name>.weight` and
 * `<name>.bias` of the normalized shape, from ones and zeros.
 *
 * @example
 * ```ts
 * import { constants, initialize, layerNorm } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const norm = layerNorm("norm", 2, { eps: 0 });
 * const parameters = constants(initialize(norm.parameters, 0));
 * const x = constant(value([1, 3], [1, 2]));
 * const { output } = norm.forward(x, { parameters, buffers: {}, training: true });
 * assertEquals([...(await evaluate(output)).data], [-1, 1]);
 * ```
 *
 * @param name Full name.
 * @param shape The normalized last extents; a number for the last axis alone.
 * @param options eps.
 * @returns The layer; float [B, ..., ...shape] -> the same shape.
 * @throws {RangeError} If an extent is no whole number of at least 1, or eps is negative.
 */
export function layerNorm(
  name: string,
  shape: number | Shape,
  options: LayerNormOptions = {},
): KroneckerLayer {
  const title = `layer-norm layer ${name}`;
  requireName("layer-norm", name);
  const extents = typeof shape === "number" ? [shape] : [...shape];
  requireWhole(title, "normalized extents", extents);
  const { eps = 1e-5 } = options;
  if (extents.length === 0 || !(eps >= 0)) {
    throw new RangeError(
      `Cannot build ${title}: it needs a normalized axis and eps of at least 0, got shape ${
        show(extents)
      } and eps ${eps}`,
    );
  }
  const weightName = `${name}.weight`, biasName = `${name}.bias`;
  const parameters = {
    [weightName]: parameterSpec(weightName, extents, filled(1)),
    [biasName]: parameterSpec(biasName, extents, filled(0)),
  };

  function requireInput(x: Tensor): void {
    requireFloatInput(title, x);
    const leading = x.shape.length - extents.length;
    if (leading < 1 || !sameShape(x.shape.slice(leading), extents)) {
      throw new RangeError(
        `Cannot apply ${title}: input ${show(x.shape)} must be a batch of ${
          show(extents)
        }`,
      );
    }
  }

  const layer: KroneckerLayer = kroneckerLayer({
    name,
    description: `layer-norm ${name}(${extents.join(" x ")})`,
    parameters,
    buffers: {},
    forward(x, context) {
      requireInput(x);
      const take = (parameter: string): Tensor =>
        fromContext(title, context, "parameters", parameters, parameter);
      const axes = extents.map((_, i) => i - extents.length);
      const centered = sub(x, mean(x, axes, { keepAxes: true }));
      const variance = mean(square(centered), axes, { keepAxes: true });
      const normalized = mul(centered, rsqrt(add(variance, eps)));
      const output = add(mul(normalized, take(weightName)), take(biasName));
      return { output, uses: [{ layer, input: x, output }], buffers: {} };
    },
    ...normFactors({
      name,
      title,
      shape: extents,
      positionAxes: (rank) =>
        Array.from({ length: rank - extents.length }, (_, i) => i),
      requireInput,
    }),
  });
  return layer;
}
