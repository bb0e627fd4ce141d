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

import { sizeOf } from "../tensor/value.ts";
import { sharingConvolutions, sumConvolutions } from "./convolution_sums.ts";
import { joinEpilogues } from "./epilogues.ts";
import {
  CONTRACTIONS,
  CONVOLUTIONS,
  type Group,
  Grouping,
  groupOf,
  inOrder,
  readsOf,
  REDUCTIONS,
} from "./groups.ts";
import { storageRoots } from "./memory_plan.ts";
import type { Instruction, Program } from "./program.ts";
import { joinRows } from "./rows.ts";
import {
  chooseStored,
  isGiven,
  isTable,
  limitInputs,
  storedAnyway,
} from "./storage.ts";

export { isTable };

/** Elements of an index space that a kernel goes through in no time. */
const SMALL = 4096;

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
   * own instead, since whatever is not stored can be computed anywhere, but for a
   * group's product.
   */
  readonly groups: readonly Group[];
  /**
   * Results that can be written where an input lies, by the result: nothing reads
   * the input later, or in the same kernel any element but the one that is replaced.
   */
  readonly inPlace: ReadonlyMap<number, number>;
}

/** Kernels that a device can write beside those of one index space. */
export interface KernelForms {
  /**
   * Whether a kernel may compute a product and what is computed from it element by
   * element, as in {@linkcode joinEpilogues}; by default not.
   */
  readonly epilogues?: boolean;
  /**
   * Whether a kernel may add up two convolutions, as in
   * {@linkcode sumConvolutions}, and compute a third beside them that shares
   * their operands; by default not.
   */
  readonly convolutionSums?: boolean;
  /**
   * Numbers that a row may have for a kernel that goes through rows, as in
   * {@linkcode Rows}; by default there are no such kernels.
   */
  readonly mostRow?: number;
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
 * @param forms What kernels a device can write; by default those that compute
 * results of one index space.
 */
export function fuse(
  program: Program,
  mostInputs: number,
  targets: ReadonlyMap<string, string> = new Map(),
  { epilogues = false, convolutionSums = false, mostRow = 0 }: KernelForms = {},
): Fused {
  const { instructions, outputs } = splitConcats(
    convolutionSums ? sumConvolutions(program) : program,
    mostInputs,
  );
  const roots = storageRoots(instructions);
  const results = new Map(
    [...outputs].map(([name, index]) => [name, roots[index]]),
  );
  const stored = storedAnyway(instructions, new Set(results.values()));
  const grouping = new Grouping(instructions, stored);
  // Before others join what would have to wait for one of the two.
  for (const [a, b] of sharingConvolutions(instructions)) grouping.join(a, b);
  chooseStored(instructions, roots, stored, grouping);
  limitInputs(instructions, stored, mostInputs);
  const replaced = replacements(instructions, results, targets);
  const reads = readsOf(instructions, stored);
  const computed = instructions.flatMap((instruction, i) =>
    stored[i] && !isGiven(instruction) && sizeOf(instruction.shape) > 0
      ? [i]
      : []
  );
  /** Whether a kernel can have a group, if what is in place shares a binding. */
  const fits = (
    { results, reads }: Group,
    inPlace: ReadonlyMap<number, number>,
  ): boolean => {
    const shared = results.filter((r) => reads.has(inPlace.get(r) ?? -1));
    return results.length === 1 ||
      results.length + reads.size - shared.length <= mostInputs + 1;
  };
  joinGroups(
    instructions,
    computed,
    reads,
    grouping,
    (group) => fits(group, replaced),
  );
  for (;;) {
    const groups = inOrder(
      computed.filter((i) => grouping.leader(i) === i).map((i) =>
        groupOf(grouping.members(i), reads)
      ),
    );
    const inPlace = replaceInPlace(instructions, groups, replaced, results);
    // Not all that replaces an input can be written in its place after all.
    const tooWide = groups.filter((group) => !fits(group, inPlace));
    if (tooWide.length === 0) {
      const whole = { instructions, outputs: results, roots };
      const replace = (groups: readonly Group[]) =>
        replaceInPlace(instructions, groups, replaced, results);
      const rows = joinRows(
        instructions,
        stored,
        groups,
        reads,
        new Set(results.values()),
        mostRow,
        (group) => fits(group, inPlace),
      );
      const { groups: chosen, stored: left } = rows.groups.every((group) =>
          fits(group, replace(rows.groups))
        )
        ? rows
        : { groups, stored };
      const places = replace(chosen);
      if (!epilogues) {
        return { ...whole, stored: left, groups: chosen, inPlace: places };
      }
      const joined = joinEpilogues(
        instructions,
        chosen,
        new Set(results.values()),
        (groups, { results, reads }) =>
          results.length + reads.size <= mostInputs + 1 &&
          replace(groups).size === places.size,
      );
      return {
        ...whole,
        stored: left.map((known, i) => known && !joined.passing.has(i)),
        groups: joined.groups,
        inPlace: replace(joined.groups),
      };
    }
    for (const { results } of tooWide) grouping.split(results[0]);
  }
}

/** Joins what reads the same, after undoing what does not fit. */
function joinGroups(
  instructions: readonly Instruction[],
  computed: readonly number[],
  reads: readonly ReadonlyMap<number, boolean>[],
  grouping: Grouping,
  fits: (group: Group) => boolean,
): void {
  for (const i of computed) {
    const group = groupOf(grouping.members(i), reads);
    if (!grouping.holds(i) || !fits(group)) grouping.split(i);
  }
  const join = (a: number, b: number): boolean => {
    const both = new Set([...grouping.members(a), ...grouping.members(b)]);
    const joined = [...both].sort((a, b) => a - b);
    return fits(groupOf(joined, reads)) && grouping.join(a, b);
  };
  // What reads the same numbers, or the numbers of the other, reads them once.
  const readers = new Map<number, number[]>();
  for (const i of computed) {
    const size = spaceOf(instructions, i);
    for (const [leaf, same] of [...reads[i], [i, true] as const]) {
      if (!same || sizeOf(instructions[leaf].shape) !== size) continue;
      const others = readers.get(leaf) ?? [];
      readers.set(leaf, others);
      // Nearest first: a backward pass may lie between a result and its derivative.
      others.findLast((other) => join(other, i));
      others.push(i);
    }
  }
  // Starting a kernel costs more than what a small one does.
  const lastSmall = new Map<string, number>();
  for (const i of computed) {
    const signature = grouping.signature(i);
    if (signature === undefined || spaceOf(instructions, i) > SMALL) continue;
    if (CONVOLUTIONS.has(instructions[i].operation.kind)) continue;
    const other = lastSmall.get(signature);
    lastSmall.set(signature, i);
    if (other !== undefined) join(other, i);
  }
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
