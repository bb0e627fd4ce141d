/**
 * Memory in which the kernels of `kernels.ts` compute.
 *
 * Matrices are copied in and out, which is little beside the n^3 operations on them.
 * In it they have extents that are multiples of 4, so that no kernel has edges.
 *
 * @module
 */

import { assemble } from "../wasm/assembler.ts";
import { KERNELS, TILE } from "./kernels.ts";

/** A matrix in a workspace, row-major, or a part of one. */
export interface Part {
  /** Index of its first entry. */
  readonly at: number;
  /** From one row to the next. */
  readonly stride: number;
}

/** C <- C + A B, or C - A B: A [m, k], or A^T of [k, m]; B [k, n]; multiples of 4. */
export type Accumulate = (
  c: Part,
  a: Part & { readonly transposed?: boolean },
  b: Part,
  m: number,
  k: number,
  n: number,
) => void;

/** Memory, and what computes in it. */
export interface Workspace {
  /** Its numbers, of which those that were asked for are 0 at first. */
  readonly numbers: Float64Array;
  /** C <- C + A B. */
  readonly add: Accumulate;
  /** C <- C - A B. */
  readonly subtract: Accumulate;
  /**
   * A <- A - v0 w0^T - w0 v0^T, symmetric, and w <- w + A v, rows and columns from `first`
   * to below `end`: even. Of A the lower triangle is there, and 2 x 2 blocks on the
   * diagonal. The vectors are indices of their entry 0.
   */
  readonly updateAndMultiply: (
    a: Part,
    v0: number,
    w0: number,
    v: number,
    w: number,
    first: number,
    end: number,
  ) => void;
  /**
   * Rotations of neighbouring rows in {@linkcode LINE} columns. With p of the row above and
   * q of the row at `at`, q becomes s p + c q, and c p - s q is q of the next rotation.
   * Pairs c, s are at `start` to below `end`.
   */
  readonly turn: (
    at: number,
    stride: number,
    start: number,
    end: number,
  ) => void;
}

const PAGE = 65536;
/** Bytes of the workspace that is kept; what needs more has its own for one call. */
const KEPT = 32 * 2 ** 20;

let compiled: WebAssembly.Module | undefined;
let kept: Workspace | undefined;

/**
 * A workspace of so many numbers, until the next call.
 *
 * @param what What cannot be done without, for messages.
 * @param count Numbers that are needed.
 * @throws {RangeError} If there is not so much memory.
 */
export function workspace(what: string, count: number): Workspace {
  if (8 * count > KEPT) return create(what, 8 * count);
  kept ??= create(what, KEPT);
  kept.numbers.fill(0, 0, count);
  return kept;
}

function create(what: string, bytes: number): Workspace {
  compiled ??= new WebAssembly.Module(
    assemble({ shared: false, functions: KERNELS }),
  );
  const memory = memoryOf(what, bytes);
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  const kernels = exports as Record<string, (...numbers: number[]) => void>;
  // Addresses above 2 GiB wrap to negative numbers, which mean the same.
  const accumulate = (name: "add" | "subtract"): Accumulate => {
    const run = kernels[name];
    return (c, a, b, m, k, n) => {
      const [row, column] = a.transposed
        ? [8, 8 * a.stride]
        : [8 * a.stride, 8];
      run(
        8 * c.at,
        8 * c.stride,
        8 * a.at,
        row,
        column,
        8 * b.at,
        8 * b.stride,
        m,
        k,
        n,
      );
    };
  };
  return {
    numbers: new Float64Array(memory.buffer),
    add: accumulate("add"),
    subtract: accumulate("subtract"),
    updateAndMultiply: (a, v0, w0, v, w, first, end) =>
      kernels.updateAndMultiply(
        8 * a.at,
        8 * a.stride,
        8 * v0,
        8 * w0,
        8 * v,
        8 * w,
        first,
        end,
      ),
    turn: (at, stride, start, end) =>
      kernels.turn(8 * at, 8 * stride, 8 * start, 8 * end),
  };
}

function memoryOf(what: string, bytes: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  } catch (cause) {
    throw new RangeError(
      `Cannot ${what}: it needs ${bytes} bytes of WebAssembly memory, which cannot be had`,
      { cause },
    );
  }
}

/** The least multiple of 4 that is not below an extent. */
export const padded = (n: number): number => Math.ceil(n / TILE) * TILE;

/**
 * From one row of so many numbers to the next: an odd multiple of a cache line, so
 * that rows begin with one, and the lines of a column differ in their place in a cache.
 */
export const strideOf = (n: number): number => 16 * Math.ceil((n - 8) / 16) + 8;

/** What begins at row i and column j. */
export const from = ({ at, stride }: Part, i: number, j: number): Part => ({
  at: at + i * stride + j,
  stride,
});
