/**
 * Sums of two convolutions as one instruction. The derivative of a convolution, and
 * of each of its gradients, along a direction is such a sum:
 *
 *     dy = conv(dx, w) + conv(x, dw)
 *
 * Where a device can add up products of several images and kernels, it need not
 * write both terms and read them again. In a program for it, a convolution or one
 * of its gradients may have two pairs of operands: it is the sum over the pairs.
 *
 * @module
 */

import { CONVOLUTIONS } from "./groups.ts";
import type { Instruction, Program } from "./program.ts";

/** An addition of two convolutions, and what else is added to them. */
interface Sum {
  readonly terms: readonly [number, number];
  readonly rest?: number;
}

/**
 * Makes one instruction of each sum of two convolutions (or of two gradients of the
 * same kind) of one geometry and the same shapes, which nothing else needs. Where a
 * third number is added in between, as the gradient along a residual is, it is added
 * to their sum.
 *
 * @param program The program.
 * @returns The program with its sums; it computes the same but for roundings.
 */
export function sumConvolutions(program: Program): Program {
  const { instructions, outputs } = program;
  const { sums, gone } = findSums(program);
  const moved: number[] = [];
  const kept: Instruction[] = [];
  const push = (instruction: Instruction) => kept.push(instruction) - 1;
  instructions.forEach((instruction, i) => {
    if (gone.has(i)) return;
    const sum = sums.get(i);
    const { operands } = instruction;
    if (sum === undefined) {
      moved[i] = push({
        ...instruction,
        operands: operands.map((o) => moved[o]),
      });
      return;
    }
    const [a, b] = sum.terms.map((term) => instructions[term]);
    const pairs = [...a.operands, ...b.operands].map((o) => moved[o]);
    moved[i] = push({ ...a, operands: pairs });
    if (sum.rest === undefined) return;
    moved[i] = push({ ...instruction, operands: [moved[i], moved[sum.rest]] });
  });
  return {
    instructions: kept,
    outputs: new Map([...outputs].map(([name, i]) => [name, moved[i]])),
  };
}

/** The sums by the addition that ends them, and what is not computed any more. */
function findSums(
  { instructions, outputs }: Program,
): { sums: ReadonlyMap<number, Sum>; gone: ReadonlySet<number> } {
  const uses = instructions.map(() => 0);
  for (const { operands } of instructions) {
    for (const operand of operands) uses[operand]++;
  }
  for (const output of outputs.values()) uses[output]++;
  const sums = new Map<number, Sum>();
  const gone = new Set<number>();
  const isAlone = (i: number, is: (kind: string) => boolean) =>
    uses[i] === 1 && !gone.has(i) && is(instructions[i].operation.kind);
  const isSum = (...terms: readonly number[]) =>
    terms.every((i) => isAlone(i, (kind) => CONVOLUTIONS.has(kind))) &&
    new Set(terms.map((i) => formOf(instructions, instructions[i]))).size === 1;
  const sumOf = ([a, b]: readonly number[]): Sum | undefined => {
    if (isSum(a, b)) return { terms: [a, b] };
    for (const [inner, outer] of [[a, b], [b, a]]) {
      if (sums.has(inner) || !isAlone(inner, (kind) => kind === "add")) {
        continue;
      }
      const [c, d] = instructions[inner].operands;
      for (const [term, rest] of [[c, d], [d, c]]) {
        if (!isSum(term, outer)) continue;
        gone.add(inner);
        return { terms: [term, outer], rest };
      }
    }
  };
  instructions.forEach(({ operation, operands }, i) => {
    const sum = operation.kind === "add" ? sumOf(operands) : undefined;
    if (sum === undefined) return;
    sums.set(i, sum);
    for (const term of sum.terms) gone.add(term);
  });
  return { sums, gone };
}

/** A text that convolutions share if only the numbers of their operands differ. */
function formOf(
  instructions: readonly Instruction[],
  { operation, operands, shape }: Instruction,
): string {
  const shapes = operands.map((operand) => instructions[operand].shape);
  return JSON.stringify([operation, shapes, shape]);
}

/**
 * Pairs each sum with a convolution of an image of the one term and a kernel of the
 * other: with y = conv(x, w), in the example. Together they transform or copy x and w
 * once.
 *
 * @param instructions Instructions with sums.
 * @returns Pairs of a convolution and a sum.
 */
export function* sharingConvolutions(
  instructions: readonly Instruction[],
): Generator<readonly [number, number]> {
  const keyOf = (kind: string, a: number, b: number) => `${kind} ${a} ${b}`;
  const single = new Map<string, number>();
  instructions.forEach(({ operation: { kind }, operands: [a, b, c] }, i) => {
    if (!CONVOLUTIONS.has(kind) || c !== undefined) return;
    single.set(keyOf(kind, a, b), i);
  });
  for (const [i, { operation: { kind }, operands }] of instructions.entries()) {
    if (!CONVOLUTIONS.has(kind) || operands.length === 2) continue;
    const [a, b, c, d] = operands;
    const shared = single.get(keyOf(kind, a, d)) ??
      single.get(keyOf(kind, c, b));
    if (shared !== undefined) yield [shared, i];
  }
}
