/**
 * Evaluating expressions at once, for tests and notebooks.
 *
 * @module
 */

import { compile, DeviceState } from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import type { Mapped } from "../program/tree.ts";
import type { Value } from "../tensor/value.ts";
import { referenceDevice } from "./device.ts";

/**
 * Computes tensors made of constants.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { add, constant, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const total = await evaluate(add(constant(value([1, 2])), 10));
 * assertEquals([...total.data], [11, 12]);
 * ```
 *
 * @param tensors A tensor, or a tree of tensors.
 * @param device Where to compute; the reference device by default.
 * @returns The numbers, in the same tree.
 * @throws {RangeError} If an expression has an input.
 */
export async function evaluate<T extends object>(
  tensors: T,
  device: Device = referenceDevice,
): Promise<Mapped<T, Value>> {
  const program = compile({
    state: {},
    inputs: {},
    step: () => ({ state: {}, outputs: { tensors } }),
  }, device);
  const { tensors: values } = await program.run(
    new DeviceState(device, {}),
    {},
  );
  return values as Mapped<T, Value>;
}
