/**
 * What a program's instructions cost: floating-point operations and bytes, counted
 * from shapes alone. Divided by a time they are the rates of a profile.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { type DType, sizeOf } from "../tensor/value.ts";
import type { Instruction } from "./program.ts";

/** What some work costs. */
export interface Cost {
  /** Arithmetic operations; a multiplication and an addition are two. */
  readonly flops: number;
  /** Bytes read and written, each operand and result once. */
  readonly bytes: number;
}

/**
 * Arithmetic of one instruction, whatever computes it:
 *
 * - a matrix product [..., M, K] by [..., K, N]: 2 M N K for each matrix;
 * - a convolution and both its gradients: 2 N O (C / g) kh kw P Q, cells that lie in
 *   the padding counted as if they were there;
 * - an element-wise operation: one for each element, exp and tanh like add;
 * - a reduction, fold-windows and scatter-add-rows: one for each element that
 *   is added or compared;
 * - what only moves numbers or makes them without arithmetic (transpose, slice,
 *   windows, take-rows, iota, random bits): none.
 *
 * @example A product of 2 x 3 by 3 x 4
 * ```ts
 * import { flopsOf, lower } from "@adafisher/adafisher";
 * import { input, matmul } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const product = matmul(input("a", [2, 3]), input("b", [3, 4]));
 * const { instructions } = lower(new Map([["y", product]]));
 * assertEquals(flopsOf(instructions, 2), 2 * 2 * 4 * 3);
 * ```
 *
 * @param instructions The instructions of a program.
 * @param index Which of them.
 * @returns The number of operations.
 */
export function flopsOf(
  instructions: readonly Instruction[],
  index: number,
): number {
  const { operation, operands, shape } = instructions[index];
  const of = (operand: number) => instructions[operands[operand]].shape;
  if (isElementwise(operation)) return sizeOf(shape);
  switch (operation.kind) {
    case "matmul":
      return 2 * sizeOf(shape) * of(0).at(-1)!;
    // Kernels are [O, C / g, kh, kw]; the other side is [N, O, P, Q]. Each pair of
    // operands is one of both.
    case "conv":
      return operands.length * sizeOf(shape) * sizeOf(of(1).slice(1));
    case "conv-input-gradient":
      return operands.length * sizeOf(of(0)) * sizeOf(of(1).slice(1));
    case "conv-kernel-gradient":
      return operands.length * sizeOf(of(1)) * sizeOf(shape.slice(1));
    case "sum":
    case "reduce-max":
    case "argmax":
    case "fold-windows":
    case "scatter-add-rows":
      return sizeOf(of(0));
    default:
      return 0;
  }
}

/** What a kernel does. */
export interface KernelWork extends Cost {
  /** Kinds of the operations that take arithmetic, first to last, each once. */
  readonly operations: readonly string[];
}

/**
 * Work of a kernel that computes some results together: their instructions, and
 * all between them and what lies in memory.
 *
 * An instruction counts once, by its own shape, even where a kernel computes it
 * again or leaves elements out. Of an operand that is sliced, or whose rows are
 * looked up, no more elements count than are taken.
 *
 * @param instructions The instructions of a program.
 * @param stored Whether an instruction's numbers lie in memory.
 * @param results The instructions whose numbers the kernel writes.
 * @param elementBytes Bytes of an element of a type.
 * @returns The work.
 */
export function workOf(
  instructions: readonly Instruction[],
  stored: readonly boolean[],
  results: readonly number[],
  elementBytes: (dtype: DType) => number,
): KernelWork {
  const bytes = (index: number, count = Infinity): number => {
    const { dtype, shape } = instructions[index];
    return Math.min(sizeOf(shape), count) * elementBytes(dtype);
  };
  const computed = new Set<number>();
  const read = new Map<number, number>();
  const visit = (index: number): void => {
    if (computed.has(index)) return;
    computed.add(index);
    const { operation: { kind }, operands, shape } = instructions[index];
    const picks = kind === "slice" || kind === "take-rows";
    operands.forEach((operand, i) => {
      const { operation } = instructions[operand];
      const single = operation.kind === "constant" &&
        operation.data.length === 1;
      // What the kernel has computed itself it need not read.
      if (single || results.includes(operand)) return;
      if (!stored[operand]) visit(operand);
      else {
        const count = picks && i === 0 ? sizeOf(shape) : Infinity;
        const before = read.get(operand) ?? 0;
        read.set(operand, Math.max(before, bytes(operand, count)));
      }
    });
  };
  for (const result of results) visit(result);
  const order = [...computed].sort((a, b) => a - b);
  const arithmetic = order.filter((i) => flopsOf(instructions, i) > 0);
  const sum = (numbers: Iterable<number>) => {
    let total = 0;
    for (const number of numbers) total += number;
    return total;
  };
  return {
    flops: sum(order.map((i) => flopsOf(instructions, i))),
    bytes: sum(read.values()) + sum(results.map((i) => bytes(i))),
    operations: [
      ...new Set(arithmetic.map((i) => instructions[i].operation.kind)),
    ],
  };
}
