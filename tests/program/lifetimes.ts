/** An independent check of a memory plan: which results are alive when. */

import { fail } from "@std/assert";
import type { MemoryPlan, Program } from "../../src/program/mod.ts";
import { sizeOf } from "../../src/tensor/mod.ts";

const BYTES = { float: 8, int: 4, bool: 1 };

/**
 * Runs a program on byte ranges instead of numbers: each result writes itself
 * over its range, and whoever reads must find there what it reads.
 *
 * @returns The sum of the bytes of all results that have a place of their own.
 */
export function assertNothingOverwritten(
  { instructions, outputs }: Program,
  plan: MemoryPlan,
): number {
  // A result is known by the instruction whose numbers it has.
  const source = instructions.map((_, i) => i);
  /** Results in the block, by start; none overlaps another. */
  let alive: { start: number; end: number; source: number }[] = [];
  let sum = 0;
  const check = (i: number, by: string) => {
    const { operation, shape } = instructions[source[i]];
    if (["input", "constant"].includes(operation.kind)) return;
    if (sizeOf(shape) === 0) return;
    if (!alive.some((range) => range.source === source[i])) {
      fail(`${by} reads instruction ${i}, which has been overwritten`);
    }
  };
  instructions.forEach(({ operation, operands, shape, dtype }, i) => {
    for (const operand of operands) check(operand, `instruction ${i}`);
    if (operation.kind === "reshape") {
      source[i] = source[operands[0]];
      if (plan.offsets[i] !== plan.offsets[operands[0]]) {
        fail(`reshape ${i} does not lie where its operand lies`);
      }
      return;
    }
    const start = plan.offsets[i];
    if (operation.kind === "input" || operation.kind === "constant") {
      if (start !== undefined) fail(`instruction ${i} needs no place`);
      return;
    }
    const bytes = sizeOf(shape) * BYTES[dtype];
    if (start === undefined || start + bytes > plan.bytes) {
      fail(`instruction ${i} lies outside the block`);
    }
    if (bytes === 0) return;
    const end = start + bytes;
    sum += bytes;
    const covered = alive.filter((r) => r.start < end && start < r.end);
    for (const operand of operands) {
      const range = covered.find((r) => r.source === source[operand]);
      if (!range) continue;
      // Writing over what is read: only in place, and element by element.
      const { dtype: type, shape: extents } = instructions[source[operand]];
      const inPlace = range.start === start && type === dtype &&
        sizeOf(extents) === sizeOf(shape) && IN_PLACE.has(operation.kind);
      if (!inPlace) fail(`instruction ${i} overwrites its operand ${operand}`);
    }
    alive = alive.filter((range) => !covered.includes(range));
    alive.push({ start, end, source: i });
  });
  for (const [name, i] of outputs) check(i, `output ${name}`);
  return sum;
}

const IN_PLACE: ReadonlySet<string> = new Set([
  ...["neg", "abs", "sign", "exp", "log", "sqrt", "rsqrt", "tanh", "erf"],
  ...["floor", "add", "sub", "mul", "div", "max", "min", "pow", "select"],
  ...["equal", "less", "less-equal", "cast"],
]);
