/**
 * Rows: reductions over the last axes, and what is computed of the same rows with
 * their results, as one kernel: softmax and its logarithm, layer-norm, min-max.
 * Nothing of a row goes through memory between its reductions.
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import {
  CONTRACTIONS,
  type Group,
  groupOf,
  inOrder,
  isAligned,
  REDUCTIONS,
  runsOf,
} from "./groups.ts";
import type { Instruction } from "./program.ts";
import { mergeAxes, stridesOf } from "./strides.ts";

/** The rows of a kernel. */
export interface Rows {
  /** How many. */
  readonly count: number;
  /** Numbers of a row. */
  readonly length: number;
  /**
   * The reductions of each row, in the order in which they are computed. One that
   * nothing else needs is no result of the group, and lies nowhere.
   */
  readonly reductions: readonly number[];
}

/** The rows that a sum or largest element reduces, if it reduces whole rows. */
function rowsOf(
  instructions: readonly Instruction[],
  index: number,
): { count: number; length: number } | undefined {
  const runs = runsOf(instructions, index);
  const last = runs.at(-1);
  if (!last?.reduced || last.extent < 2 || runs.length > 2) return undefined;
  return {
    count: runs.length === 2 ? runs[0].extent : 1,
    length: last.extent,
  };
}

/** Whether an operation repeats a number for each row along the row. */
function spreads(
  instructions: readonly Instruction[],
  index: number,
  count: number,
  length: number,
): boolean {
  const { operation, operands, shape } = instructions[index];
  if (operation.kind !== "broadcast") return false;
  const from = instructions[operands[0]].shape;
  const strides = stridesOf(from).map((s, i) => from[i] === shape[i] ? s : 0);
  const axes = mergeAxes(shape, strides);
  const row = axes.pop();
  if (row?.stride !== 0 || row.extent !== length) return false;
  return count === 1
    ? axes.length === 0
    : axes.length === 1 && axes[0].stride === 1 && axes[0].extent === count;
}

/** Which element of a row space an element of a result is. */
type Level = "number" | "row" | "other";

/** Whether one kernel can go through rows for all of some results. */
function fitRows(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
  results: readonly number[],
  count: number,
  length: number,
): boolean {
  const inside = new Set(results);
  const levels = new Map<number, Level>();
  for (const result of results) {
    const { operation: { kind }, shape } = instructions[result];
    if (REDUCTIONS.has(kind)) {
      const rows = rowsOf(instructions, result);
      if (rows?.count !== count || rows.length !== length) return false;
      levels.set(result, "row");
    } else if (CONTRACTIONS.has(kind)) return false;
    else if (sizeOf(shape) === count * length) levels.set(result, "number");
    else if (sizeOf(shape) === count) levels.set(result, "row");
    else return false;
  }
  /** Whether what a result needs of the others is of its own row. */
  const reaches = (result: number): boolean => {
    const { operation: { kind }, operands } = instructions[result];
    const reduces = REDUCTIONS.has(kind);
    const seen = new Set<string>();
    const walk = (index: number, level: Level): boolean => {
      const key = `${index} ${level}`;
      if (seen.has(key)) return true;
      seen.add(key);
      const instruction = instructions[index];
      const below: Level = isAligned(instruction)
        ? level
        : level === "number" && spreads(instructions, index, count, length)
        ? "row"
        : "other";
      return instruction.operands.every((operand) => visit(operand, below));
    };
    const visit = (operand: number, level: Level): boolean => {
      if (!inside.has(operand)) return stored[operand] || walk(operand, level);
      // What is worth storing is not computed again to be reduced.
      return levels.get(operand) === level && !(reduces && level === "number");
    };
    return reduces
      ? visit(operands[0], "number")
      : walk(result, levels.get(result)!);
  };
  return results.every(reaches);
}

/**
 * Joins groups to kernels that go through rows.
 *
 * @param instructions The instructions of a program.
 * @param stored Which of them lie in memory.
 * @param groups The groups, in order.
 * @param reads What each instruction reads, of `readsOf`.
 * @param kept Results that are needed in the end.
 * @param mostLength Numbers that a row may have.
 * @param fits Whether a kernel can have so many results and reads.
 * @returns Groups in an order in which they can be computed, and what still lies
 * in memory.
 */
export function joinRows(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
  groups: readonly Group[],
  reads: readonly ReadonlyMap<number, boolean>[],
  kept: ReadonlySet<number>,
  mostLength: number,
  fits: (group: Group) => boolean,
): { groups: readonly Group[]; stored: readonly boolean[] } {
  let list = [...groups];
  const left = [...stored];
  const rows = new Map<Group, { count: number; length: number }>();
  const made = new Set<Group>();
  for (const group of list) {
    const found = rowsOf(instructions, group.results[0]);
    if (found && found.length <= mostLength) rows.set(group, found);
  }
  for (let b = 0; b < list.length; b++) {
    const after = list[b];
    // Those whose rows it continues, the last first.
    const before = list.slice(0, b).reverse().find((group) => {
      const own = rows.get(group);
      return own && group.results.some((result) => after.reads.has(result)) &&
        !passesOn(list, group, after) &&
        fitRows(
          instructions,
          stored,
          [...group.results, ...after.results],
          own.count,
          own.length,
        ) && fits(joined(group, after));
    });
    if (!before) continue;
    const both = joined(before, after);
    rows.set(both, rows.get(before)!);
    made.add(both);
    list = inOrder([
      ...list.filter((group) => group !== before && group !== after),
      both,
    ]);
    // It may continue other rows as well.
    b = Math.min(b, list.indexOf(both)) - 1;
  }
  const joinedRows = list.map((group) => {
    const own = rows.get(group);
    const reductions = group.results.filter((result) =>
      REDUCTIONS.has(instructions[result].operation.kind)
    );
    if (!own || !made.has(group)) return group;
    const needed = (result: number): boolean =>
      kept.has(result) ||
      list.some((other) => other !== group && other.reads.has(result));
    const results = group.results.filter(needed);
    for (const result of group.results) {
      if (!needed(result)) left[result] = false;
    }
    return { ...group, results, rows: { ...own, reductions } };
  });
  return { groups: joinedRows, stored: left };

  function joined(a: Group, b: Group): Group {
    const results = [...a.results, ...b.results].sort((a, b) => a - b);
    return groupOf(results, reads);
  }
}

/** Whether a third group computes with one's results what another needs. */
function passesOn(list: readonly Group[], from: Group, to: Group): boolean {
  const reached = new Set(from.results);
  const end = list.indexOf(to);
  for (let g = list.indexOf(from) + 1; g < end; g++) {
    const { results, reads } = list[g];
    if (![...reads.keys()].some((leaf) => reached.has(leaf))) continue;
    if (results.some((result) => to.reads.has(result))) return true;
    for (const result of results) reached.add(result);
  }
  return false;
}
