/**
 * How sums and largest elements are put together: by an invocation, and by the
 * lanes of a workgroup.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { fourOf } from "./fours.ts";
import { literal, typeOf } from "./wgsl.ts";

/** Steps that an invocation may take where a workgroup could share them. */
export const MOST_ALONE = 32;
/**
 * Results that are enough to keep a processor busy with an invocation for each: on
 * one, a workgroup whose lanes wait for one another costs more than it saves.
 */
export const MANY_ALONE = 64;

/** A sum or a largest element, as it is put together. */
export interface Total {
  readonly index: number;
  /** Type of an element; `four`: of four. */
  readonly type: string;
  readonly four: string;
  /** The total of nothing. */
  readonly first: string;
  /** An expression for two totals together, of vectors if `wide`. */
  readonly join: (a: string, b: string, wide: boolean) => string;
}

/** How a sum or a largest element is put together. */
export function totalOf(
  instructions: readonly Instruction[],
  index: number,
): Total {
  const { operation: { kind }, dtype } = instructions[index];
  const shared = { index, type: typeOf(dtype), four: fourOf(dtype) };
  if (kind === "sum") {
    return {
      ...shared,
      first: literal(0, dtype),
      join: (a, b) => `${a} + ${b}`,
    };
  }
  return dtype === "float"
    ? {
      ...shared,
      first: literal(-Infinity, dtype),
      join: (a, b, wide) => `${wide ? "larger_four" : "larger"}(${a}, ${b})`,
    }
    : {
      ...shared,
      first: literal(-(2 ** 31), dtype),
      join: (a, b) => `max(${a}, ${b})`,
    };
}

/** Functions that the joins call. */
export const JOINS = ["number", "larger", "larger_four"];

/** A total whose shares the lanes of a workgroup have. */
export interface LaneTotal {
  /** The array in workgroup memory for the shares. */
  readonly shared: string;
  /** The share of a lane. */
  readonly whole: string;
  /** An expression for two totals together. */
  readonly join: (a: string, b: string) => string;
}

/**
 * Statements that join the shares of all lanes; lane 0 then has the totals, as the
 * first of each array. Some lanes join a share of the shares, and one joins those:
 * so the order is fixed, and there are two barriers.
 */
export function joinLanes(lanes: number, totals: readonly LaneTotal[]): string {
  const side = Math.sqrt(lanes);
  const joinInto = (into: string): string =>
    totals.map(({ shared, join }) =>
      `    ${shared}[${into}] = ${
        join(`${shared}[${into}]`, `${shared}[other]`)
      };`
    ).join("\n");
  return `${
    totals.map(({ shared, whole }) => `${shared}[lane] = ${whole};`).join("\n")
  }
workgroupBarrier();
if (lane < ${side}u) {
  for (var other = lane + ${side}u; other < ${lanes}u; other += ${side}u) {
${joinInto("lane")}
  }
}
workgroupBarrier();
if (lane == 0u) {
  for (var other = 1u; other < ${side}u; other++) {
${joinInto("0")}
  }
}`;
}
