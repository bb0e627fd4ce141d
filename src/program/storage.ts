/**
 * What lies in memory while a program runs, by weighing what it costs to write
 * a result and read it again against computing it in each kernel that needs it.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  CONTRACTIONS,
  type Grouping,
  isAligned,
  REDUCTIONS,
} from "./groups.ts";
import { storageRoots } from "./memory_plan.ts";
import type { Instruction } from "./program.ts";
import { stridedView } from "./strides.ts";

/** Operations that are cheap to compute again where a result is repeated. */
const CHEAP = 4;
/** Operations that cost about as much as a pass over memory. */
const PASS = 20;

/** Constants of several numbers lie in memory; single ones are in the shaders. */
export function isTable({ operation }: Instruction): boolean {
  return operation.kind === "constant" && operation.data.length > 1;
}

const COSTLY: ReadonlyMap<string, number> = new Map([
  ["exp", 8],
  ["log", 8],
  ["tanh", 10],
  ["erf", 12],
  ["pow", 20],
  ["random-bits", 40],
]);

/** Arithmetic per element of an operation itself; none of moving numbers. */
function costOf({ operation }: Instruction): number {
  return isElementwise(operation) || operation.kind === "random-bits"
    ? COSTLY.get(operation.kind) ?? 1
    : 0;
}

/** Whether numbers are given: there is nothing to compute. */
export function isGiven(instruction: Instruction): boolean {
  return instruction.operation.kind === "input" || isTable(instruction);
}

/** What lies in memory whatever is chosen. */
export function storedAnyway(
  instructions: readonly Instruction[],
  outputs: ReadonlySet<number>,
): boolean[] {
  return instructions.map((instruction, i) => {
    const { kind } = instruction.operation;
    return isGiven(instruction) || outputs.has(i) || REDUCTIONS.has(kind) ||
      CONTRACTIONS.has(kind);
  });
}

/** What computing an element takes if nothing is stored that need not be. */
interface Work {
  /** Arithmetic. */
  readonly cost: number;
  /** Stored results of about this size that are read. */
  readonly leaves: ReadonlySet<number>;
}

/** Estimates the work for each instruction; what is much is taken for stored. */
function estimateWork(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
): Work[] {
  const work: Work[] = [];
  const kept = [...stored];
  instructions.forEach((instruction, i) => {
    const size = sizeOf(instruction.shape);
    const own = costOf(instruction);
    let cost = own;
    const leaves = new Set<number>();
    for (const operand of new Set(instruction.operands)) {
      const below = kept[operand] || isRepeated(instructions, i, operand, work)
        ? undefined
        : work[operand];
      cost += below?.cost ?? 0;
      for (const leaf of below?.leaves ?? [operand]) {
        if (2 * sizeOf(instructions[leaf].shape) >= size) leaves.add(leaf);
      }
    }
    work[i] = { cost, leaves };
    if (own > 0 && isWorth(work[i], 2)) kept[i] = true;
  });
  return work;
}

/**
 * Whether to store a result that so many kernels need, rather than to compute it
 * in each: a kernel of its own reads the leaves and writes, and each of the others
 * reads once, while each that computes it itself reads the leaves.
 */
function isWorth({ cost, leaves }: Work, kernels: number): boolean {
  return cost * (kernels - 1) > PASS ||
    leaves.size * (kernels - 1) > kernels + 2;
}

/** Whether an instruction would compute elements of an operand again and again. */
function isRepeated(
  instructions: readonly Instruction[],
  index: number,
  operand: number,
  work: readonly Work[],
): boolean {
  const instruction = instructions[index];
  const { operation: { kind }, shape } = instruction;
  // The entries of a window are computed where they are added up, once each.
  if (isAligned(instruction) || REDUCTIONS.has(kind)) return false;
  // A table is read at random.
  const many = kind === "take-rows" ||
    sizeOf(shape) >= 2 * sizeOf(instructions[operand].shape);
  return many && work[operand].cost > CHEAP;
}

/** Where a result is computed: in a kernel, at the kernel's own index or another. */
interface Site {
  /** A result of the kernel. */
  readonly kernel: number;
  /** By which instructions other elements than the kernel's are chosen; "": by none. */
  readonly path: string;
}

/**
 * Chooses which further results to store.
 *
 * Results that are computed in place are followed from their users down. Users
 * that need element i of a result to compute their own element i share an index
 * space, and with it the computation; kernels that need the same result are made
 * one where that is possible. What is still needed in several places is stored if
 * that is worth it.
 */
export function chooseStored(
  instructions: readonly Instruction[],
  roots: readonly number[],
  stored: boolean[],
  grouping: Grouping,
): void {
  const work = estimateWork(instructions, stored);
  const sites: Site[][] = instructions.map(() => []);
  const distinct = (list: readonly Site[]): Site[] => {
    const found = new Map(list.map((site) => [
      `${grouping.leader(site.kernel)} ${site.path}`,
      site,
    ]));
    return [...found.values()];
  };
  for (let i = instructions.length - 1; i >= 0; i--) {
    const instruction = instructions[i];
    const { operation, operands } = instruction;
    const { kind } = operation;
    if (!stored[i] && costOf(instruction) > 0) {
      const here = sites[i].filter(({ path }) => path === "");
      for (const { kernel } of here) grouping.join(here[0].kernel, kernel);
      const { length } = distinct(sites[i]);
      stored[i] = length > 1 && isWorth(work[i], length);
      if (stored[i]) {
        for (const { kernel } of here) grouping.join(i, kernel);
      }
    }
    if (CONTRACTIONS.has(kind)) {
      for (const operand of operands) {
        const base = kind === "matmul"
          ? stridedView(instructions, operand).base
          : operand;
        stored[roots[base]] = true;
      }
      continue;
    }
    const own = stored[i] ? [{ kernel: i, path: "" }] : distinct(sites[i]);
    const same = isAligned(instruction) || kind === "sum" ||
      kind === "reduce-max";
    for (const operand of operands) {
      for (const { kernel, path } of own) {
        sites[operand].push({ kernel, path: same ? path : `${i} ${path}` });
      }
      if (isRepeated(instructions, i, operand, work)) {
        stored[roots[operand]] = true;
      }
    }
  }
}

/** Stores further results so that no kernel has too many inputs. */
export function limitInputs(
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
