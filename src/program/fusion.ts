/**
 * Fusion: which results of a program are written to memory, which are computed
 * where they are needed, inside another kernel, and which one kernel computes
 * together. It is the same for all devices whose kernels are made for a program.
 *
 * Inputs, constants of several numbers, outputs, and the results of matrix
 * products, convolutions, reductions and scatter-adds lie in memory. Everything
 * else, element-wise and shape operations, is written out only where that saves
 * work: where computing it again in each kernel that needs it would cost more
 * than a pass over memory, or where a kernel would have more inputs than it may.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  CONTRACTIONS,
  type Group,
  Grouping,
  groupOf,
  inOrder,
  isAligned,
  readsOf,
  REDUCTIONS,
} from "./groups.ts";
import { storageRoots } from "./memory_plan.ts";
import type { Instruction, Program } from "./program.ts";
import { stridedView } from "./strides.ts";

/** Operations that are cheap to compute again where a result is repeated. */
const CHEAP = 4;
/** Operations that cost about as much as a pass over memory. */
const PASS = 20;

/** A program, what of it lies in memory, and what is computed together. */
export interface Fused {
  /** The instructions; more than the program's where some had to be split. */
  readonly instructions: readonly Instruction[];
  /** Which instruction's numbers an output has. */
  readonly outputs: ReadonlyMap<string, number>;
  /** Whether an instruction's numbers lie in memory when they are needed. */
  readonly stored: readonly boolean[];
  /** The instruction whose numbers an instruction's are: a reshape has none of its own. */
  readonly roots: readonly number[];
  /**
   * The stored results that have elements, in an order in which they can be
   * computed: those of a group by one kernel. A device may compute each on its
   * own instead, since whatever is not stored can be computed anywhere.
   */
  readonly groups: readonly Group[];
  /**
   * Results that can be written where an input lies, by the result: nothing reads
   * the input later, or in the same kernel any element but the one that is replaced.
   */
  readonly inPlace: ReadonlyMap<number, number>;
}

/**
 * Chooses what lies in memory, and what is computed together.
 *
 * @param program The program.
 * @param mostInputs How many stored results a kernel may read that writes one
 * result. A kernel of more results reads fewer: results and inputs together are
 * at most one more, where a result that replaces an input counts once with it.
 * @param targets Output name to the name of the input that it replaces in the end;
 * none by default.
 */
export function fuse(
  program: Program,
  mostInputs: number,
  targets: ReadonlyMap<string, string> = new Map(),
): Fused {
  const { instructions, outputs } = splitConcats(program, mostInputs);
  const roots = storageRoots(instructions);
  const results = new Map(
    [...outputs].map(([name, index]) => [name, roots[index]]),
  );
  const stored = storedAnyway(instructions, new Set(results.values()));
  const grouping = new Grouping(instructions, stored);
  chooseStored(instructions, roots, stored, grouping);
  limitInputs(instructions, stored, mostInputs);
  const replaced = replacements(instructions, results, targets);
  const groups = chooseGroups(
    instructions,
    stored,
    grouping,
    ({ results, reads }) => {
      const shared = results.filter((r) => reads.has(replaced.get(r) ?? -1));
      return results.length + reads.size - shared.length <= mostInputs + 1;
    },
  );
  const inPlace = replaceInPlace(instructions, groups, replaced, results);
  return { instructions, outputs: results, stored, roots, groups, inPlace };
}

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
function isGiven(instruction: Instruction): boolean {
  return instruction.operation.kind === "input" || isTable(instruction);
}

/** What lies in memory whatever is chosen. */
function storedAnyway(
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
      const below = kept[operand] ? undefined : work[operand];
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
function chooseStored(
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
    const { operation, operands, shape } = instruction;
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
      const size = sizeOf(instructions[operand].shape);
      const repeated = !same && !REDUCTIONS.has(kind) &&
        sizeOf(shape) >= 2 * size;
      // The entries of a window are computed where they are added up, once each;
      // a table is read at random.
      const { cost } = work[operand];
      if ((repeated || kind === "take-rows") && cost > CHEAP) {
        stored[roots[operand]] = true;
      }
    }
  }
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

/** Groups what is stored: what was joined already, and what reads the same. */
function chooseGroups(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
  grouping: Grouping,
  fits: (group: Group) => boolean,
): Group[] {
  const reads = readsOf(instructions, stored);
  const computed = instructions.flatMap((instruction, i) =>
    stored[i] && !isGiven(instruction) && sizeOf(instruction.shape) > 0
      ? [i]
      : []
  );
  const groupAt = (i: number): Group => groupOf(grouping.members(i), reads);
  for (const i of computed) {
    if (!grouping.holds(i) || !fits(groupAt(i))) grouping.split(i);
  }
  // What reads the same numbers, or the numbers of the other, reads them once.
  const lastReader = new Map<number, number>();
  for (const i of computed) {
    const size = spaceOf(instructions, i);
    for (const [leaf, same] of [...reads[i], [i, true] as const]) {
      if (!same || sizeOf(instructions[leaf].shape) !== size) continue;
      const other = lastReader.get(leaf);
      lastReader.set(leaf, i);
      if (other === undefined) continue;
      const both = new Set([
        ...grouping.members(other),
        ...grouping.members(i),
      ]);
      const joined = [...both].sort((a, b) => a - b);
      if (fits(groupOf(joined, reads))) grouping.join(other, i);
    }
  }
  const leaders = computed.filter((i) => grouping.leader(i) === i);
  return inOrder(leaders.map(groupAt));
}

/** Size of the index space over which a result is computed. */
function spaceOf(instructions: readonly Instruction[], index: number): number {
  const { operation, operands, shape } = instructions[index];
  return REDUCTIONS.has(operation.kind)
    ? sizeOf(instructions[operands[0]].shape)
    : sizeOf(shape);
}

/** The input that a result replaces in the end, for results that replace one. */
function replacements(
  instructions: readonly Instruction[],
  outputs: ReadonlyMap<string, number>,
  targets: ReadonlyMap<string, string>,
): Map<number, number> {
  const inputs = new Map<string, number>();
  instructions.forEach(({ operation }, i) => {
    if (operation.kind === "input") inputs.set(operation.name, i);
  });
  const replaced = new Map<number, number>();
  for (const [output, name] of targets) {
    const result = outputs.get(output);
    const input = inputs.get(name);
    if (result === undefined || input === undefined) continue;
    // A result that becomes several inputs is written in place of the first.
    if (isGiven(instructions[result]) || replaced.has(result)) continue;
    replaced.set(result, input);
  }
  return replaced;
}

/** Which of the replacements can be made when the result is computed. */
function replaceInPlace(
  instructions: readonly Instruction[],
  groups: readonly Group[],
  replaced: ReadonlyMap<number, number>,
  outputs: ReadonlyMap<string, number>,
): Map<number, number> {
  const lastRead = new Map<number, number>();
  groups.forEach(({ reads }, g) => {
    for (const leaf of reads.keys()) lastRead.set(leaf, g);
  });
  // Outputs that are inputs are read when everything has been computed.
  const needed = new Set(outputs.values());
  const inPlace = new Map<number, number>();
  groups.forEach(({ results, reads }, g) => {
    for (const result of results) {
      const input = replaced.get(result);
      if (input === undefined || needed.has(input)) continue;
      const last = lastRead.get(input) ?? -1;
      const { kind } = instructions[result].operation;
      const eachAlone = !REDUCTIONS.has(kind) && !CONTRACTIONS.has(kind);
      if (last < g || (last === g && eachAlone && reads.get(input))) {
        inPlace.set(result, input);
      }
    }
  });
  return inPlace;
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
