/**
 * Activations: functions on tensors, and the same as layers without parameters.
 *
 * @module
 */

import { softmax } from "../tensor/functions.ts";
import {
  add,
  div,
  erf,
  maximum,
  minimum,
  mul,
  tanh,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { requireFloatInput, stateless } from "./checks.ts";
import type { Layer } from "./layer.ts";

/**
 * max(x, 0), with derivative 0 at 0.
 *
 * @example
 * ```ts
 * import { relu } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([-1, 2]));
 * assertEquals([...(await evaluate(relu(x))).data], [0, 2]);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function relu(x: Tensor): Tensor {
  return maximum(x, 0);
}

/**
 * x * Phi(x), Phi the normal distribution function (the exact form, by erf).
 *
 * @example
 * ```ts
 * import { gelu } from "@adafisher/adafisher/layers";
 * import { constant } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals((await evaluate(gelu(constant(1)))).data[0], 0.8413447, 1e-7);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function gelu(x: Tensor): Tensor {
  return mul(mul(0.5, x), add(1, erf(mul(x, Math.SQRT1_2))));
}

/**
 * 1 / (1 + e^-x), written with tanh so that neither it nor its derivatives
 * overflow.
 *
 * @example
 * ```ts
 * import { sigmoid } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([-1000, 0, 1000]));
 * assertEquals([...(await evaluate(sigmoid(x))).data], [0, 0.5, 1]);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function sigmoid(x: Tensor): Tensor {
  return mul(0.5, add(1, tanh(mul(0.5, x))));
}

/**
 * x * sigmoid(x), also called swish.
 *
 * @example
 * ```ts
 * import { silu } from "@adafisher/adafisher/layers";
 * import { constant } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals((await evaluate(silu(constant(1)))).data[0], 0.7310586, 1e-7);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/**
 * clip(x + 3, 0, 6) / 6.
 *
 * @example
 * ```ts
 * import { hardsigmoid } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([-4, 0, 4]));
 * assertEquals([...(await evaluate(hardsigmoid(x))).data], [0, 0.5, 1]);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function hardsigmoid(x: Tensor): Tensor {
  return div(minimum(maximum(add(x, 3), 0), 6), 6);
}

/**
 * x * clip(x + 3, 0, 6) / 6.
 *
 * @example
 * ```ts
 * import { hardswish } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 4]));
 * assertEquals([...(await evaluate(hardswish(x))).data], [4 / 6, 4]);
 * ```
 *
 * @param x Float, any shape.
 * @returns The same shape.
 */
export function hardswish(x: Tensor): Tensor {
  return div(mul(x, minimum(maximum(add(x, 3), 0), 6)), 6);
}

/** Names of the activations; softmax is over the last axis. */
export type ActivationName =
  | "relu"
  | "gelu"
  | "tanh"
  | "sigmoid"
  | "silu"
  | "hardsigmoid"
  | "hardswish"
  | "softmax";

const FUNCTIONS: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  relu,
  gelu,
  tanh: (x) => tanh(x),
  sigmoid,
  silu,
  hardsigmoid,
  hardswish,
  softmax: (x) => softmax(x),
};

/** Every name that {@linkcode activation} knows. */
export const activationNames: readonly ActivationName[] = Object.freeze(
  Object.keys(FUNCTIONS) as ActivationName[],
);

/**
 * An activation as a layer.
 *
 * @example
 * ```ts
 * import { activation } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activation("gelu").description, "gelu");
 * ```
 *
 * @param name Which one.
 * @returns The layer; float [...] -> the same shape.
 * @throws {RangeError} If there is no activation of this name.
 */
export function activation(name: ActivationName): Layer {
  if (!Object.hasOwn(FUNCTIONS, name)) {
    throw new RangeError(
      `Cannot build an activation: its name must be one of ${
        activationNames.join(", ")
      }, got ${name}`,
    );
  }
  return stateless("", name, (x) => {
    requireFloatInput(`${name} layer`, x);
    return FUNCTIONS[name](x);
  });
}
