/**
 * Epilogues: results that are computed from a product element by element (a bias
 * added, an activation, a residual, the update of a parameter by its gradient) are
 * computed where the product is. Where nothing else needs the product, it does not
 * lie in memory.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { CONTRACTIONS, type Group, REDUCTIONS } from "./groups.ts";
import type { Instruction } from "./program.ts";

/** Groups of which some compute a product and its epilogue. */
export interface Joined {
  readonly groups: readonly Group[];
  /** The products that do not lie in memory. */
  readonly passing: ReadonlySet<number>;
}

/**
 * Joins products with the first groups that need them, if these need element i
 * alone for their own element i.
 *
 * @param instructions The instructions.
 * @param groups Groups in an order in which they can be computed.
 * @param outputs Results that are read in the end.
 * @param allows Whether a device can compute the groups, of which one is new.
 */
export function joinEpilogues(
  instructions: readonly Instruction[],
  groups: readonly Group[],
  outputs: ReadonlySet<number>,
  allows: (groups: readonly Group[], joined: Group) => boolean,
): Joined {
  let all = groups;
  const passing = new Set<number>();
  for (const product of groups) {
    const [index] = product.results;
    if (!isProduct(instructions, index)) continue;
    // Nothing between the two needs the product, so it can as well be later.
    const readers = all.filter(({ reads }) => reads.has(index));
    const [first] = readers;
    if (!first || !takes(instructions, first, index)) continue;
    const passes = readers.length === 1 && !outputs.has(index);
    const reads = new Map(first.reads);
    reads.delete(index);
    for (const leaf of product.reads.keys()) reads.set(leaf, false);
    const joined: Group = {
      results: passes ? first.results : [index, ...first.results],
      reads,
      product: index,
    };
    const next = all.flatMap((group) =>
      group === product ? [] : group === first ? [joined] : [group]
    );
    if (!allows(next, joined)) continue;
    all = next;
    if (passes) passing.add(index);
  }
  return { groups: all, passing };
}

/** Whether an instruction is a product of operands that have elements. */
function isProduct(
  instructions: readonly Instruction[],
  index: number,
): boolean {
  const { operation: { kind }, operands } = instructions[index];
  return CONTRACTIONS.has(kind) && kind !== "scatter-add-rows" &&
    operands.every((operand) => sizeOf(instructions[operand].shape) > 0);
}

/** Whether a group can be computed from a product where that is computed. */
function takes(
  instructions: readonly Instruction[],
  { results, reads, product, rows }: Group,
  index: number,
): boolean {
  const { operation: { kind }, shape } = instructions[results[0]];
  return product === undefined && rows === undefined &&
    reads.get(index) === true &&
    !REDUCTIONS.has(kind) && !CONTRACTIONS.has(kind) &&
    sizeOf(shape) === sizeOf(instructions[index].shape);
}
