/**
 * Fusion: which results of a program are written to memory, and which are
 * computed where they are needed, inside another kernel. It is the same for all
 * devices whose kernels are made for a program.
 *
 * Inputs, constants of several numbers, outputs, and the results of matrix
 * products, convolutions, reductions and scatter-adds lie in memory. Everything
 * else, element-wise and shape operations, is written out only where that saves
 * work: where kernels or differing indices would compute it more than once, or
 * where a kernel would have more inputs than it may.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import { storageRoots } from "./memory_plan.ts";
import type { Instruction, Program } from "./program.ts";
import { stridedView } from "./strides.ts";

/** Operations that are cheap to compute again where a result is repeated. */
const CHEAP = 4;

/** A program, and what of it lies in memory. */
export interface Fused {
  /** The instructions; more than the program's where some had to be split. */
  readonly instructions: readonly Instruction[];
  /** Which instruction's numbers an output has. */
  readonly outputs: ReadonlyMap<string, number>;
  /** Whether an instruction's numbers lie in memory when they are needed. */
  readonly stored: readonly boolean[];
  /** The instruction whose numbers an instruction's are: a reshape has none of its own. */
  readonly roots: readonly number[];
}

/**
 * Chooses what lies in memory.
 *
 * @param program The program.
 * @param mostInputs How many stored results a kernel may read.
 */
export function fuse(program: Program, mostInputs: number): Fused {
  const { instructions, outputs } = splitConcats(program, mostInputs);
  const roots = storageRoots(instructions);
  const results = new Map(
    [...outputs].map(([name, index]) => [name, roots[index]]),
  );
  const stored = chooseStored(instructions, roots, new Set(results.values()));
  limitInputs(instructions, stored, mostInputs);
  return { instructions, outputs: results, stored, roots };
}

/** Constants of several numbers lie in memory; single ones are in the shaders. */
export function isTable({ operation }: Instruction): boolean {
  return operation.kind === "constant" && operation.data.length > 1;
}

const REDUCTIONS: ReadonlySet<string> = new Set([
  ...["sum", "reduce-max", "argmax", "fold-windows"],
]);
const CONTRACTIONS: ReadonlySet<string> = new Set([
  ...["matmul", "conv", "conv-input-gradient", "conv-kernel-gradient"],
  "scatter-add-rows",
]);
const COSTLY: ReadonlyMap<string, number> = new Map([
  ["exp", 8],
  ["log", 8],
  ["tanh", 10],
  ["erf", 12],
  ["pow", 20],
  ["random-bits", 40],
]);

/**
 * Which instructions' results lie in memory.
 *
 * Results that are computed in place are followed from their users down. Users
 * that need element i of a result to compute their own element i share an index
 * space, and with it the computation; a result that is needed in two spaces is
 * stored unless it takes no arithmetic.
 */
function chooseStored(
  instructions: readonly Instruction[],
  roots: readonly number[],
  outputs: ReadonlySet<number>,
): boolean[] {
  const cost = costs(instructions);
  const stored = instructions.map((instruction, i) => {
    const { kind } = instruction.operation;
    return kind === "input" || isTable(instruction) || outputs.has(i) ||
      REDUCTIONS.has(kind) || CONTRACTIONS.has(kind);
  });
  const spaces: Set<string>[] = instructions.map(() => new Set());
  for (let i = instructions.length - 1; i >= 0; i--) {
    const { operation, operands, shape } = instructions[i];
    const { kind } = operation;
    if (spaces[i].size > 1 && cost[i] > 0 && roots[i] === i) stored[i] = true;
    if (CONTRACTIONS.has(kind)) {
      for (const operand of operands) {
        const base = kind === "matmul"
          ? stridedView(instructions, operand).base
          : operand;
        stored[roots[base]] = true;
      }
      continue;
    }
    const own = stored[i] ? [`${i}`] : [...spaces[i]];
    for (const operand of operands) {
      const same = isElementwise(operation) || kind === "reshape";
      for (const space of own) {
        spaces[operand].add(same ? space : `${i} of ${space}`);
      }
      const size = sizeOf(instructions[operand].shape);
      const repeated = !same && !REDUCTIONS.has(kind) &&
        sizeOf(shape) >= 2 * size;
      if (repeated && cost[operand] > CHEAP) stored[roots[operand]] = true;
    }
    // The entries of a window are computed where they are added up, once each;
    // a table is read at random.
    if (kind === "take-rows") {
      for (const operand of operands) {
        if (cost[operand] > CHEAP) stored[roots[operand]] = true;
      }
    }
  }
  return stored;
}

/** Arithmetic per element where everything but stored results is computed. */
function costs(instructions: readonly Instruction[]): number[] {
  const cost: number[] = [];
  instructions.forEach(({ operation, operands }, i) => {
    const { kind } = operation;
    if (REDUCTIONS.has(kind) || CONTRACTIONS.has(kind)) cost[i] = 0;
    else {
      const own = isElementwise(operation) || kind === "random-bits"
        ? COSTLY.get(kind) ?? 1
        : 0;
      cost[i] = operands.reduce((total, o) => total + cost[o], own);
    }
  });
  return cost;
}

/** Stores further results so that no kernel has too many inputs. */
function limitInputs(
  instructions: readonly Instruction[],
  stored: boolean[],
  mostInputs: number,
): void {
  const roots = storageRoots(instructions);
  const leaves: Set<number>[] = [];
  instructions.forEach(({ operation, operands }, i) => {
    const { kind } = operation;
    const read = (operand: number): ReadonlySet<number> =>
      stored[operand] ? new Set([operand]) : leaves[operand];
    const all = () => new Set(operands.flatMap((o) => [...read(o)]));
    let needed = CONTRACTIONS.has(kind) ? new Set<number>() : all();
    while (needed.size > mostInputs) {
      const [widest] = operands.toSorted((a, b) => read(b).size - read(a).size);
      stored[roots[widest]] = true;
      // A reshape reads what it is a reshape of.
      if (roots[widest] !== widest) leaves[widest] = new Set([roots[widest]]);
      needed = all();
    }
    leaves[i] = needed;
  });
}

/** Joins in several steps what a kernel could not join in one. */
function splitConcats(program: Program, mostInputs: number): Program {
  const instructions: Instruction[] = [];
  const moved: number[] = [];
  program.instructions.forEach((instruction, i) => {
    let operands = instruction.operands.map((operand) => moved[operand]);
    const { operation } = instruction;
    while (operation.kind === "concat" && operands.length > mostInputs) {
      const joined = operands.slice(0, mostInputs);
      const shape = [...instruction.shape];
      shape[operation.axis] = joined.reduce(
        (total, o) => total + instructions[o].shape[operation.axis],
        0,
      );
      instructions.push({ ...instruction, operands: joined, shape });
      operands = [instructions.length - 1, ...operands.slice(mostInputs)];
    }
    moved[i] = instructions.push({ ...instruction, operands }) - 1;
  });
  return {
    instructions,
    outputs: new Map(
      [...program.outputs].map(([name, index]) => [name, moved[index]]),
    ),
  };
}
