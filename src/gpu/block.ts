/**
 * Blocks of a matrix product's operands: 4 numbers along the operand's side of
 * the result by 4 along the sum, read as vectors of 4 where the operand's layout
 * has 4 neighbours in a row in either direction.
 *
 * @module
 */

import type { Shape } from "../tensor/value.ts";
import { placeOf } from "./strides.ts";

/** Which 4 neighbours of an operand are read together. */
export type Vector = "along" | "step" | "none";

/** An operand of a product. */
export interface Side {
  /** Its binding: of vec4f, unless `vector` is none. */
  readonly name: string;
  /** Shape of the batch, and how far apart the operand's matrices lie. */
  readonly batch: Shape;
  readonly batchStrides: readonly number[];
  /** Distance between neighbours along the result's side, and its extent. */
  readonly along: number;
  readonly extent: number;
  /** Distance between neighbours along the sum, and its length. */
  readonly step: number;
  readonly depth: number;
  /** Which neighbours are read together. */
  readonly vector: Vector;
}

/** Which 4 neighbours of an operand can be read together. */
export function vectorOf(side: Omit<Side, "vector">): Vector {
  const { along, extent, step, depth, batchStrides } = side;
  const fours = (...numbers: number[]): boolean =>
    numbers.every((n) => n % 4 === 0);
  if (!fours(...batchStrides)) return "none";
  if (along === 1 && fours(extent, step)) return "along";
  if (step === 1 && fours(depth, along)) return "step";
  return "none";
}

/** Statements that read an operand, block after block along the sum. */
export interface BlockReader {
  /** Finds the first block; `matrix` and `first`, the block's number, are known. */
  readonly start: string;
  /** Reads a block of so many steps: `<prefix>_0` is a vec4f along the side. */
  readonly read: (steps: number) => string;
  /** Goes to the next block. */
  readonly advance: string;
}

/**
 * Reads the blocks of one place along the side.
 *
 * @param side The operand.
 * @param prefix What the variables are called.
 * @param block The place along the side, in blocks; past the end it is the last.
 */
export function blockReader(
  side: Side,
  prefix: string,
  block: string,
): BlockReader {
  const { name, batch, batchStrides, along, extent, step, vector } = side;
  const unit = vector === "none" ? 1 : 4;
  const matrix = placeOf("matrix", batch, batchStrides.map((s) => s / unit));
  const at = `${prefix}_at`;
  const names = (steps: number): string[] =>
    Array.from({ length: steps }, (_, k) => `${prefix}_${k}`);
  if (vector === "along") {
    return {
      start: `var ${at} = ${matrix} + first * ${step}u + min(${block}, ${
        extent / 4 - 1
      }u);`,
      read: (steps) =>
        names(steps).map((n, k) =>
          `  let ${n} = ${name}[${at} + ${k * step / 4}u];`
        ).join("\n"),
      advance: `  ${at} += ${step}u;`,
    };
  }
  const places = `min((${block}) * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(${
    extent - 1
  }u))`;
  if (vector === "step") {
    return {
      start: `var ${at} = ${matrix} + first + ${places} * ${along / 4}u;`,
      read: (steps) =>
        [..."xyzw"].map((c) => `  let ${at}_${c} = ${name}[${at}.${c}];`)
          .concat(
            names(steps).map((n, k) =>
              `  let ${n} = vec4f(${
                [..."xyzw"].map((c) => `${at}_${c}.${"xyzw"[k]}`).join(", ")
              });`
            ),
          ).join("\n"),
      advance: `  ${at} += vec4u(1u);`,
    };
  }
  return {
    start: `var ${at} = ${matrix} + first * ${
      4 * step
    }u + ${places} * ${along}u;`,
    read: (steps) =>
      names(steps).map((n, k) =>
        `  let ${n} = vec4f(${
          [..."xyzw"].map((c) => `${name}[${at}.${c} + ${k * step}u]`)
            .join(", ")
        });`
      ).join("\n"),
    advance: `  ${at} += vec4u(${4 * step}u);`,
  };
}

/** Adds the products of blocks `a0`, `a1`, ... down and `b0`, ... across to the sums. */
export function multiplyBlocks(
  tall: number,
  wide: number,
  steps: number,
): string {
  const lines: string[] = [];
  for (let k = 0; k < steps; k++) {
    for (let i = 0; i < tall * 4; i++) {
      for (let j = 0; j < wide; j++) {
        const row = `a${Math.floor(i / 4)}_${k}.${"xyzw"[i % 4]}`;
        lines.push(`  sum${i}_${j} += ${row} * b${j}_${k};`);
      }
    }
  }
  return lines.join("\n");
}
