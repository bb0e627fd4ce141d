/**
 * Gradient clipping: pure functions over gradients by name.
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import {
  add,
  div,
  fill,
  maximum,
  minimum,
  mul,
  sqrt,
  sum,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { mapParameters } from "./common.ts";
import { requirePositive } from "./validate.ts";

/**
 * The L2 norm of all gradients together: sqrt(sum over all entries of g^2).
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { globalNorm } from "@adafisher/adafisher/optim";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const norm = globalNorm({ a: fill([1], 3), b: fill([1], 4) });
 * assertEquals([...(await evaluate(norm)).data], [5]);
 * ```
 *
 * @param gradients Gradients by name, of any shapes.
 * @returns The norm, a scalar; 0 where there are none.
 */
export function globalNorm(gradients: Parameters): Tensor {
  return sqrt(
    Object.values(gradients)
      .map((g) => sum(square(g)))
      .reduce((a, b) => add(a, b), fill([], 0)),
  );
}

/**
 * Gradients whose joint norm is at most a limit (Pascanu et al., 2013): all are
 * multiplied by min(1, limit / (norm + 1e-6)), PyTorch's formula.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { clipByGlobalNorm, globalNorm } from "@adafisher/adafisher/optim";
 * import { fill } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const clipped = clipByGlobalNorm({ a: fill([1], 3), b: fill([1], 4) }, 1);
 * const norm = await evaluate(globalNorm(clipped));
 * assertAlmostEquals(norm.data[0], 1, 1e-6);
 * ```
 *
 * @param gradients Gradients by name, of any shapes.
 * @param limit The largest norm, above 0.
 * @returns Gradients of the same names and shapes.
 * @throws {RangeError} If the limit is not above 0, or not finite.
 */
export function clipByGlobalNorm(
  gradients: Parameters,
  limit: number,
): Parameters {
  requirePositive("limit", limit);
  const scale = minimum(1, div(limit, add(globalNorm(gradients), 1e-6)));
  return mapParameters(gradients, (_, g) => mul(scale, g));
}

/**
 * Gradients whose every entry is cut off at a limit: max(-limit, min(limit, g)).
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { clipByValue } from "@adafisher/adafisher/optim";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { a } = clipByValue({ a: constant(value([-3, 0.5, 2])) }, 1);
 * assertEquals([...(await evaluate(a)).data], [-1, 0.5, 1]);
 * ```
 *
 * @param gradients Gradients by name, of any shapes.
 * @param limit The largest absolute value, above 0.
 * @returns Gradients of the same names and shapes.
 * @throws {RangeError} If the limit is not above 0, or not finite.
 */
export function clipByValue(gradients: Parameters, limit: number): Parameters {
  requirePositive("limit", limit);
  return mapParameters(
    gradients,
    (_, g) => maximum(-limit, minimum(limit, g)),
  );
}
