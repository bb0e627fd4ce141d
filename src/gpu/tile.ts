/**
 * What matrix products and convolutions share: a tile of the result in the
 * registers of one invocation, and splitting a long sum among invocations.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import { nameOf } from "./elementwise.ts";
import { assemble, type Kernel } from "./wgsl.ts";

/** Invocations that are enough to keep a device busy. */
const BUSY = 1024;
/** Steps of the sum that an invocation should take at least. */
const LEAST_STEPS = 64;

/** Rows of a tile of 4 columns, for a result of so many rows and columns. */
export function rowsOf(rows: number, columns: number): number {
  for (const tall of [8, 4, 2]) {
    const tiles = Math.ceil(rows / tall) * Math.ceil(columns / 4);
    if (rows >= tall && tiles >= BUSY) return tall;
  }
  return rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

/** Among how many invocations to split the steps of each tile. */
export function partsOf(tiles: number, steps: number): number {
  const wanted = Math.ceil(BUSY / Math.max(tiles, 1));
  const possible = Math.floor(steps / LEAST_STEPS);
  return Math.max(1, Math.min(wanted, possible));
}

/** The statements of a tile. */
export interface Tile {
  /** Declares the sums. */
  readonly sums: string;
  /** Adds one step: row i's number times a vec4f of the columns' numbers. */
  multiply(rowNumber: (i: number) => string, columns: string): string;
  /** Writes what exists of the tile to its places in `result`. */
  store(
    rowExists: (i: number) => string,
    columnExists: (j: number) => string,
    place: (i: number, j: number) => string,
  ): string;
}

/** A tile of so many rows and 4 columns. */
export function tile(rows: number): Tile {
  const each = (write: (i: number) => string): string =>
    Array.from({ length: rows }, (_, i) => write(i)).join("\n");
  return {
    sums: each((i) => `var sum${i} = vec4f();`),
    multiply: (rowNumber, columns) =>
      each((i) =>
        `  sum${i} = fma(vec4f(${rowNumber(i)}), ${columns}, sum${i});`
      ),
    store: (rowExists, columnExists, place) =>
      each((i) =>
        `if (${rowExists(i)}) {
${
          [0, 1, 2, 3].map((j) =>
            `  if (${columnExists(j)}) { result[${place(i, j)}] = sum${i}.${
              "xyzw"[j]
            }; }`
          ).join("\n")
        }
}`
      ),
  };
}

/** Adds the parts of a result, which lie one after another, in order. */
export function joinParts(
  instruction: Instruction,
  from: number,
  to: number,
  parts: number,
): Kernel {
  const size = sizeOf(instruction.shape);
  return assemble({
    name: `parts of ${nameOf(instruction)}`,
    inputs: [{ number: from, type: "f32" }],
    output: to,
    spec: instruction,
    functions: [],
    invocations: size,
    body: `var total = 0.0;
for (var part = 0u; part < ${parts}u; part++) {
  total = total + in0[part * ${size}u + at];
}
result[at] = total;`,
  });
}
