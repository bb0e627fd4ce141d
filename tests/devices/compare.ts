/**
 * What the tests of every device share: tests that run on a device given later,
 * numbers, and comparing with the reference device.
 *
 * @module
 */

import { assertEquals, fail } from "@std/assert";
import type { Device } from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  intValue,
  randomNormal,
  randomUniform,
  type Shape,
  sizeOf,
  type Tensor,
  type Value,
  value,
} from "../../src/tensor/mod.ts";

/**
 * Registers a test that needs a device; skips it where there is none. A folder
 * of tests for a device has one such function, and runs all tables of this
 * folder with it.
 */
export type DeviceTest = (
  name: string,
  test: (device: Device) => void | Promise<void>,
) => void;

/** Normal numbers that float32 holds exactly, so that both devices have the same. */
export function floats(shape: Shape, seed = 1, scale = 1): Value {
  const draws = randomNormal([seed, 5], 0, sizeOf(shape));
  return value(draws.map((number) => Math.fround(number * scale)), shape);
}

/** The same as a tensor. */
export function floatTensor(shape: Shape, seed = 1, scale = 1): Tensor {
  return constant(floats(shape, seed, scale));
}

/** Integers in [0, below). */
export function integers(shape: Shape, below: number, seed = 1): Tensor {
  const draws = randomUniform([seed, 6], 0, sizeOf(shape));
  return constant(
    intValue(Int32Array.from(draws, (u) => Math.floor(u * below)), shape),
  );
}

/** Rounding of float32: half the distance from 1 to the next number. */
const EPSILON = 2 ** -24;

/**
 * What a difference is measured against: the largest of the numbers, each one's
 * own size, or the largest but at least a number. The last is for sums that may
 * cancel to nothing: they are as exact as their terms are, not as they are.
 */
export type Scale = "largest" | "own" | number;

/** Nothing smaller is asked of float32: its smallest normal number. */
const SMALLEST = 2 ** -126;

/**
 * Asserts that numbers agree to so many roundings of what they are measured
 * against. Numbers that are no floats, infinities and NaN must be
 * the same.
 */
export function assertSameNumbers(
  actual: Value,
  expected: Value,
  roundings: number,
  what: string,
  measure: Scale = "largest",
): void {
  assertEquals(actual.shape, expected.shape, `${what}: shape`);
  assertEquals(actual.dtype, expected.dtype, `${what}: type`);
  assertEquals(actual.data.length, expected.data.length, `${what}: length`);
  let scale = typeof measure === "number" ? measure : 0;
  for (const number of expected.data) {
    if (Number.isFinite(number)) scale = Math.max(scale, Math.abs(number));
  }
  let worst = -1, most = expected.dtype === "float" ? roundings : 0;
  for (let i = 0; i < expected.data.length; i++) {
    const a = actual.data[i], e = expected.data[i];
    if (Object.is(a, e) || a === e) continue;
    const unit = measure === "own" ? Math.max(Math.abs(e), SMALLEST) : scale;
    const error = Math.abs(a - e) / (unit * EPSILON);
    if (error <= most) continue;
    worst = i;
    // NaN and infinity are as wrong as can be.
    most = Number.isFinite(error) ? error : Infinity;
    if (most === Infinity) break;
  }
  if (worst >= 0) {
    fail(
      `${what}: element ${worst} of [${expected.shape}] is ${
        actual.data[worst]
      }, expected ${expected.data[worst]}: ${
        most.toFixed(0)
      } roundings, allowed ${roundings}`,
    );
  }
}

/** Evaluates expressions on both devices and compares them. */
export async function assertAgrees(
  device: Device,
  cases: Readonly<Record<string, Tensor>>,
  roundings: number,
  measure: Scale = "largest",
): Promise<void> {
  const expected = await evaluate(cases) as Record<string, Value>;
  const actual = await evaluate(cases, device) as Record<string, Value>;
  for (const name of Object.keys(cases)) {
    assertSameNumbers(actual[name], expected[name], roundings, name, measure);
  }
}
