/**
 * Groups of results that one kernel computes: results over one index space,
 * element i of each from element i of the others, or reductions of numbers of one
 * index space over the same axes. What they read is read once, and what several
 * of them need is computed once.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import type { Instruction } from "./program.ts";
import type { Rows } from "./rows.ts";
import { mergeAxes, stridesOf } from "./strides.ts";

/** Results that one kernel computes. */
export interface Group {
  /** The results, as instructions in ascending order. */
  readonly results: readonly number[];
  /**
   * Stored instructions that are read, and whether element i alone is read for
   * element i of the results (or of what is reduced), not others.
   */
  readonly reads: ReadonlyMap<number, boolean>;
  /**
   * A product whose element i is needed for element i of the results, and which is
   * computed with them; it may be one of them.
   */
  readonly product?: number;
  /** Set where a kernel goes through rows: then it is of reductions and others. */
  readonly rows?: Rows;
}

/** Convolution and its gradients. */
export const CONVOLUTIONS: ReadonlySet<string> = new Set([
  ...["conv", "conv-input-gradient", "conv-kernel-gradient"],
]);
/** Operations whose operands and results lie in memory. */
export const CONTRACTIONS: ReadonlySet<string> = new Set([
  ...["matmul", ...CONVOLUTIONS, "scatter-add-rows"],
]);
/** Operations that read a computed operand and whose results lie in memory. */
export const REDUCTIONS: ReadonlySet<string> = new Set([
  ...["sum", "reduce-max", "argmax", "fold-windows"],
]);

/** Whether an operation needs element i of its operands for its own element i. */
export function isAligned({ operation }: Instruction): boolean {
  return isElementwise(operation) || operation.kind === "reshape";
}

/** An axis of what is reduced, or several that follow one another in memory. */
export interface Run {
  readonly extent: number;
  readonly stride: number;
  readonly reduced: boolean;
}

/** The axes of a sum's or maximum's operand, outermost first, as few as possible. */
export function runsOf(
  instructions: readonly Instruction[],
  index: number,
): Run[] {
  const { operation, operands } = instructions[index];
  if (operation.kind !== "sum" && operation.kind !== "reduce-max") return [];
  const { shape } = instructions[operands[0]];
  const strides = stridesOf(shape);
  const runs: Run[] = [];
  let first = 0;
  while (first < shape.length) {
    const reduced = operation.axes.includes(first);
    let end = first + 1;
    while (
      end < shape.length &&
      (operation.axes.includes(end) === reduced || shape[end] === 1)
    ) end++;
    const walks = mergeAxes(shape.slice(first, end), strides.slice(first, end));
    for (const { extent, stride } of walks) {
      const last = runs.at(-1);
      if (last?.reduced === reduced && last.stride === extent * stride) {
        runs.pop();
        runs.push({ extent: last.extent * extent, stride, reduced });
      } else runs.push({ extent, stride, reduced });
    }
    first = end;
  }
  return runs;
}

/** A text that instructions share if one kernel may compute them; none: alone. */
function signatureOf(
  instructions: readonly Instruction[],
  index: number,
): string | undefined {
  const { operation, operands, shape } = instructions[index];
  const { kind } = operation;
  if (kind === "sum" || kind === "reduce-max") {
    return `reduce ${JSON.stringify(runsOf(instructions, index))}`;
  }
  if (CONVOLUTIONS.has(kind)) {
    const [a, b] = operands.map((operand) => instructions[operand].shape);
    return `convolve ${JSON.stringify([operation, a, b, shape])}`;
  }
  return CONTRACTIONS.has(kind) || REDUCTIONS.has(kind)
    ? undefined
    : `map ${sizeOf(shape)}`;
}

/** Most results of a group. */
const MOST_RESULTS = 16;

/** Which stored results are computed together: at first each on its own. */
export class Grouping {
  readonly #instructions: readonly Instruction[];
  readonly #stored: readonly boolean[];
  readonly #users: readonly number[][];
  readonly #signatures: readonly (string | undefined)[];
  readonly #members: (readonly number[])[];

  /**
   * @param instructions The instructions of a program.
   * @param stored Which of them lie in memory; may still change for those before
   * the ones that are asked about.
   */
  constructor(
    instructions: readonly Instruction[],
    stored: readonly boolean[],
  ) {
    this.#instructions = instructions;
    this.#stored = stored;
    const users: number[][] = instructions.map(() => []);
    instructions.forEach(({ operands }, i) => {
      for (const operand of new Set(operands)) users[operand].push(i);
    });
    this.#users = users;
    this.#signatures = instructions.map((_, i) => signatureOf(instructions, i));
    this.#members = instructions.map((_, i) => [i]);
  }

  /** The results that are computed together with one. */
  members(index: number): readonly number[] {
    return this.#members[index];
  }

  /** The first of the results that are computed together with one. */
  leader(index: number): number {
    return this.#members[index][0];
  }

  /** A text that results share if one kernel may compute them; none: alone. */
  signature(index: number): string | undefined {
    return this.#signatures[index];
  }

  /** Lets one kernel compute the results of two, if it can; says whether it does. */
  join(a: number, b: number): boolean {
    if (this.leader(a) === this.leader(b)) return true;
    const signature = this.#signatures[a];
    if (signature === undefined || signature !== this.#signatures[b]) {
      return false;
    }
    const joined = [...this.#members[a], ...this.#members[b]]
      .sort((a, b) => a - b);
    if (joined.length > MOST_RESULTS || this.#waits(joined)) return false;
    for (const member of joined) this.#members[member] = joined;
    return true;
  }

  /** Whether one kernel can compute a group, now that more may be stored. */
  holds(index: number): boolean {
    const members = this.#members[index];
    return members.length === 1 || !this.#waits(members);
  }

  /** Computes each result of a group on its own again. */
  split(index: number): void {
    for (const member of this.#members[index]) {
      this.#members[member] = [member];
    }
  }

  /**
   * Whether one of the results needs another that another kernel has to pass on,
   * or other elements of it: then no kernel can compute them together.
   */
  #waits(members: readonly number[]): boolean {
    const inside = new Set(members);
    const near: number[] = [], far: number[] = [];
    const seenNear = new Set<number>(), seenFar = new Set<number>();
    const reach = (list: number[], seen: Set<number>, index: number): void => {
      if (seen.has(index)) return;
      seen.add(index);
      list.push(index);
    };
    const map = this.#signatures[members[0]]!.startsWith("map");
    for (const member of members) {
      reach(map ? near : far, map ? seenNear : seenFar, member);
    }
    const follow = (index: number, isNear: boolean): boolean => {
      for (const user of this.#users[index]) {
        const still = isNear && isAligned(this.#instructions[user]);
        if (inside.has(user)) {
          if (!still) return true;
        } else if (this.#stored[user]) {
          // Its kernel runs in between, and gives all its results at once.
          for (const other of this.#members[user]) reach(far, seenFar, other);
        } else if (still) reach(near, seenNear, user);
        else reach(far, seenFar, user);
      }
      return false;
    };
    for (let next = near.pop(); next !== undefined; next = near.pop()) {
      if (follow(next, true)) return true;
    }
    for (let next = far.pop(); next !== undefined; next = far.pop()) {
      if (follow(next, false)) return true;
    }
    return false;
  }
}

/**
 * What each instruction reads from memory when it is computed, as in
 * {@linkcode Group}; of a stored one, what its kernel reads.
 */
export function readsOf(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
): ReadonlyMap<number, boolean>[] {
  const reads: Map<number, boolean>[] = [];
  instructions.forEach((instruction, i) => {
    const { operation: { kind }, operands } = instruction;
    const own = new Map<number, boolean>();
    const aligned = isAligned(instruction) || kind === "sum" ||
      kind === "reduce-max";
    for (const operand of operands) {
      const read = stored[operand]
        ? new Map([[operand, true]])
        : reads[operand];
      for (const [leaf, same] of read) {
        own.set(leaf, aligned && same && (own.get(leaf) ?? true));
      }
    }
    reads[i] = own;
  });
  return reads;
}

/**
 * What a kernel of several results reads: not its own results, where it has
 * computed them anyway.
 */
export function groupOf(
  results: readonly number[],
  reads: readonly ReadonlyMap<number, boolean>[],
): Group {
  const all = new Map<number, boolean>();
  for (const result of results) {
    for (const [leaf, same] of reads[result]) {
      if (results.includes(leaf)) continue;
      all.set(leaf, same && (all.get(leaf) ?? true));
    }
  }
  return { results, reads: all };
}

/**
 * Puts groups in an order in which each comes after those that it reads: of those
 * that can be computed, always the one whose last result was meant to be first. A
 * group that reads much is so not a reason to compute all of that before others,
 * which may be the last to need what lies in the caches.
 */
export function inOrder(groups: readonly Group[]): Group[] {
  const of = new Map<number, Group>();
  for (const group of groups) {
    for (const result of group.results) of.set(result, group);
  }
  const users = new Map(groups.map((group) => [group, [] as Group[]]));
  const missing = new Map<Group, number>();
  for (const group of groups) {
    const needed = new Set(
      [...group.reads.keys()].flatMap((leaf) => of.get(leaf) ?? []),
    );
    missing.set(group, needed.size);
    for (const before of needed) users.get(before)!.push(group);
  }
  const last = ({ results }: Group) => results.at(-1)!;
  // The next one is at the end.
  const ready = groups.filter((group) => missing.get(group) === 0)
    .sort((a, b) => last(b) - last(a));
  const ordered: Group[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    ordered.push(next);
    for (const user of users.get(next)!) {
      const left = missing.get(user)! - 1;
      missing.set(user, left);
      if (left > 0) continue;
      const at = ready.findLastIndex((other) => last(other) > last(user)) + 1;
      ready.splice(at, 0, user);
    }
  }
  return ordered;
}
