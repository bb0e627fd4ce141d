/**
 * The memory plan: where in one block of memory each intermediate result lies,
 * made once, before the first step runs. Results whose lives do not overlap
 * share their place.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { type DType, sizeOf } from "../tensor/value.ts";
import type { Instruction, Program } from "./program.ts";

/** Places in the block start at multiples of this many bytes, as GPUs ask for. */
export const ALIGNMENT = 256;

/** Where everything lies. */
export interface MemoryPlan {
  /**
   * Byte offset of each instruction's result in the block. Inputs and
   * constants have none: their numbers lie outside the block.
   */
  readonly offsets: readonly (number | undefined)[];
  /** Size of the block: the peak of all intermediate results together. */
  readonly bytes: number;
}

/**
 * Bytes of one element.
 *
 * @param dtype Its type.
 * @param floatBytes Bytes of a float on the device: 8 or 4.
 * @returns The float's bytes, 4 for an int, 1 for a bool.
 */
export function elementBytes(dtype: DType, floatBytes: number): number {
  return dtype === "float" ? floatBytes : dtype === "int" ? 4 : 1;
}

/**
 * Plans the memory of a program.
 *
 * A reshape lies where its operand lies. An element-wise result takes the place
 * of an operand of the same size that is not needed any more. Everything else
 * takes the smallest gap that it fits.
 *
 * @example A chain of element-wise operations needs one place
 * ```ts
 * import { ALIGNMENT, lower, planMemory } from "@adafisher/adafisher";
 * import { exp, input, sqrt } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const y = sqrt(exp(exp(input("x", [ALIGNMENT]))));
 * assertEquals(planMemory(lower(new Map([["y", y]])), 4).bytes, 4 * ALIGNMENT);
 * ```
 *
 * @param program The program.
 * @param floatBytes Bytes of a float: 8 or 4.
 * @returns The plan.
 */
export function planMemory(program: Program, floatBytes: number): MemoryPlan {
  const { instructions } = program;
  const root = storageRoots(instructions);
  const lastUse = lastUses(program, root);
  const offsets: (number | undefined)[] = instructions.map(() => undefined);
  const space = new Space();
  const bytesOf = (i: number): number =>
    align(
      sizeOf(instructions[i].shape) *
        elementBytes(instructions[i].dtype, floatBytes),
    );

  instructions.forEach((instruction, i) => {
    if (isOutside(instruction)) return;
    if (root[i] !== i) {
      offsets[i] = offsets[root[i]];
    } else {
      const dying = new Set(
        instruction.operands.map((operand) => root[operand]).filter((r) =>
          lastUse[r] === i && offsets[r] !== undefined
        ),
      );
      const bytes = bytesOf(i);
      const reused = isElementwise(instruction.operation)
        ? [...dying].find((r) =>
          bytesOf(r) === bytes && instructions[r].dtype === instruction.dtype
        )
        : undefined;
      offsets[i] = reused === undefined ? space.take(bytes) : offsets[reused];
      for (const r of dying) {
        if (r !== reused) space.release(offsets[r]!, bytesOf(r));
      }
      // Nobody reads it: its place is free again at once.
      if (lastUse[i] === i) space.release(offsets[i]!, bytes);
    }
    // A reshape can be the last to use what it lies in.
    if (root[i] !== i && lastUse[root[i]] === i && offsets[i] !== undefined) {
      space.release(offsets[i]!, bytesOf(root[i]));
    }
  });
  return { offsets, bytes: space.peak };
}

/** A result with a place of its own, for devices that fuse instructions. */
export interface Placed {
  /** Its size. */
  readonly bytes: number;
  /** Indices of the results it is computed from, all before its own. */
  readonly reads: readonly number[];
  /** Whether it must still be there at the end. */
  readonly kept: boolean;
}

/**
 * Plans the memory of results that are computed one after another. None lies
 * where one lies that it is computed from.
 *
 * @param results The results; undefined where the numbers lie outside the block.
 * @returns The plan.
 */
export function placeResults(
  results: readonly (Placed | undefined)[],
): MemoryPlan {
  const lastUse = results.map((_, i) => i);
  results.forEach((result, i) => {
    for (const read of result?.reads ?? []) lastUse[read] = i;
  });
  const space = new Space();
  const offsets: (number | undefined)[] = results.map(() => undefined);
  results.forEach((result, i) => {
    if (!result) return;
    offsets[i] = space.take(align(result.bytes));
    for (const done of new Set([...result.reads, i])) {
      const other = results[done];
      if (other && !other.kept && lastUse[done] === i) {
        space.release(offsets[done]!, align(other.bytes));
      }
    }
  });
  return { offsets, bytes: space.peak };
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Whether an instruction's numbers lie outside the block. */
function isOutside({ operation }: Instruction): boolean {
  return operation.kind === "input" || operation.kind === "constant";
}

/**
 * For each instruction the one in whose place its result lies: a reshape lies
 * where its operand does, everything else in a place of its own.
 *
 * @param instructions The instructions of a program.
 * @returns Indices of instructions, one for each.
 */
export function storageRoots(
  instructions: readonly Instruction[],
): readonly number[] {
  const root: number[] = [];
  instructions.forEach(({ operation, operands }, i) => {
    root[i] = operation.kind === "reshape" ? root[operands[0]] : i;
  });
  return root;
}

/** For each place the last instruction that reads it; past the end for outputs. */
function lastUses(
  { instructions, outputs }: Program,
  root: readonly number[],
): number[] {
  const last = instructions.map((_, i) => i);
  instructions.forEach(({ operands }, i) => {
    last[root[i]] = Math.max(last[root[i]], i);
    for (const operand of operands) last[root[operand]] = i;
  });
  for (const index of outputs.values()) last[root[index]] = Infinity;
  return last;
}

/** Free gaps in a block that grows as needed. */
class Space {
  peak = 0;
  #gaps: { start: number; end: number }[] = [];

  take(bytes: number): number {
    let best = -1;
    this.#gaps.forEach(({ start, end }, i) => {
      const fits = end - start >= bytes;
      if (
        fits && (best < 0 ||
          end - start < this.#gaps[best].end - this.#gaps[best].start)
      ) best = i;
    });
    if (best >= 0) {
      const gap = this.#gaps[best];
      const { start } = gap;
      gap.start += bytes;
      if (gap.start === gap.end) this.#gaps.splice(best, 1);
      return start;
    }
    // Nothing fits: grow the block, from the gap at its end if there is one.
    const last = this.#gaps.at(-1);
    const start = last && last.end === this.peak ? last.start : this.peak;
    if (start !== this.peak) this.#gaps.pop();
    this.peak = start + bytes;
    return start;
  }

  release(start: number, bytes: number): void {
    if (bytes === 0) return;
    const gaps = this.#gaps;
    let i = 0;
    while (i < gaps.length && gaps[i].start < start) i++;
    gaps.splice(i, 0, { start, end: start + bytes });
    if (i + 1 < gaps.length && gaps[i].end === gaps[i + 1].start) {
      gaps[i].end = gaps[i + 1].end;
      gaps.splice(i + 1, 1);
    }
    if (i > 0 && gaps[i - 1].end === gaps[i].start) {
      gaps[i - 1].end = gaps[i].end;
      gaps.splice(i, 1);
    }
  }
}
