/**
 * What a replay takes of a trace: each tensor is checked before it is used, so that
 * a bad number is told as one, and not as all that it spoils later. Internal to this
 * folder.
 *
 * @module
 */

import type { DType, Shape, Value } from "../tensor/value.ts";

/** What an input must be. */
export interface InputRule {
  /** Its shape; any where there is none. */
  readonly shape?: Shape;
  /** Its type; any where there is none. */
  readonly dtype?: DType;
  /** How many there are to choose from, where it is of labels or tokens. */
  readonly count?: number;
}

/** Type and shape of a tensor, for a message. */
export function specOf({ shape, dtype }: Omit<Value, "data">): string {
  return `${dtype}[${shape.join(", ")}]`;
}

/** Index of an element, one number an axis. */
export function unravel(position: number, shape: Shape): number[] {
  const index: number[] = [];
  let rest = position;
  for (const extent of shape.toReversed()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return index;
}

/**
 * Throws unless an input is as it must be.
 *
 * @param key Its key in the trace.
 * @param given The tensor, if there is one.
 * @param rule What it must be.
 * @returns The tensor.
 * @throws {RangeError} If it is absent, of another shape or type, empty, has a number
 * that is not finite, or labels or tokens that there are not.
 */
export function requireInput(
  key: string,
  given: Value | undefined,
  rule: InputRule,
): Value {
  const { shape = given?.shape, dtype = given?.dtype, count } = rule;
  const expected = shape && dtype ? specOf({ shape, dtype }) : "there";
  const got = given ? specOf(given) : "nothing";
  if (!given || got !== expected) {
    throw new RangeError(
      `Cannot replay: ${key} must be ${expected}, got ${got}`,
    );
  }
  const { data } = given;
  if (data.length === 0) {
    throw new RangeError(
      `Cannot replay: ${key} must have at least one number, got ${got}`,
    );
  }
  const below = given.dtype === "int" ? count : undefined;
  for (let i = 0; i < data.length; i++) {
    const fits = Number.isFinite(data[i]) &&
      (below === undefined || (data[i] >= 0 && data[i] < below));
    if (fits) continue;
    const allowed = below === undefined
      ? "finite"
      : `whole numbers from 0 to ${below - 1}`;
    throw new RangeError(
      `Cannot replay: ${key} must be ${allowed}, got ${data[i]} at [${
        unravel(i, given.shape).join(", ")
      }]`,
    );
  }
  return given;
}
