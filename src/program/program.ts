/**
 * A program: expressions lowered to a list of instructions in the order in
 * which they run. Equal expressions are computed once, arithmetic on constants
 * is done here, and what no output needs is left out.
 *
 * @module
 */

import type { Operation, Spec, Tensor } from "../tensor/tensor.ts";
import { reachable } from "../tensor/gradients.ts";
import { type Data, type DType, type Shape, sizeOf } from "../tensor/value.ts";
import { computeScalar } from "./scalar.ts";

/** One operation of a program. */
export interface Instruction extends Spec {
  /** What it computes. */
  readonly operation: Operation;
  /** Indices of the instructions it computes it from, all before its own. */
  readonly operands: readonly number[];
}

/**
 * What an instruction is called in errors and profiles.
 *
 * @param instruction The instruction.
 * @returns Operation, type and shape, such as `matmul float[3, 4]`.
 */
export function instructionName(
  { operation, dtype, shape }: Instruction,
): string {
  return `${operation.kind} ${dtype}[${shape.join(", ")}]`;
}

/** Instructions in the order in which they run, and what comes out. */
export interface Program {
  /** The instructions; inputs and constants among them. */
  readonly instructions: readonly Instruction[];
  /** Index of the instruction that computes each output, by name. */
  readonly outputs: ReadonlyMap<string, number>;
}

/**
 * Lowers expressions to a program.
 *
 * @example x * x twice is computed once
 * ```ts
 * import { lower } from "@adafisher/adafisher";
 * import { add, input, mul } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = input("x", [2]);
 * const { instructions } = lower(new Map([["y", add(mul(x, x), mul(x, x))]]));
 * assertEquals(instructions.map((i) => i.operation.kind), ["input", "mul", "add"]);
 * ```
 *
 * @param outputs The expressions by name.
 * @returns The program; it computes the same bits as the expressions.
 * @throws {RangeError} If inputs of one name differ in shape or type.
 */
export function lower(outputs: ReadonlyMap<string, Tensor>): Program {
  const builder = new Builder();
  const indices = new Map<Tensor, number>();
  for (const tensor of reachable([...outputs.values()])) {
    const operands = tensor.operands.map((operand) => indices.get(operand)!);
    indices.set(tensor, builder.add({ ...specOf(tensor), operands }));
  }
  const results = new Map<string, number>();
  for (const [name, tensor] of outputs) results.set(name, indices.get(tensor)!);
  return removeDeadCode({
    instructions: builder.instructions,
    outputs: results,
  });
}

function specOf(tensor: Tensor): Omit<Instruction, "operands"> {
  return {
    operation: tensor.operation,
    shape: tensor.shape,
    dtype: tensor.dtype,
  };
}

/** Collects instructions, simplified and each only once. */
class Builder {
  readonly instructions: Instruction[] = [];
  readonly #known = new Map<string, number>();
  readonly #arrays = new Map<Data, number>();
  readonly #inputs = new Map<string, Instruction>();

  /** Index of an instruction that computes the same; a new one only if there is none. */
  add(instruction: Instruction): number {
    const simpler = this.#simplify(instruction);
    if (typeof simpler === "number") return simpler;
    this.#requireOneInput(simpler);
    const key = this.#key(simpler);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, this.instructions.length);
    return this.instructions.push(simpler) - 1;
  }

  #requireOneInput(instruction: Instruction): void {
    if (instruction.operation.kind !== "input") return;
    const { name } = instruction.operation;
    const { shape, dtype } = this.#inputs.get(name) ?? instruction;
    this.#inputs.set(name, instruction);
    const [before, now] = [{ shape, dtype }, instruction].map((spec) =>
      `${spec.dtype}[${spec.shape.join(", ")}]`
    );
    if (before !== now) {
      throw new RangeError(
        `Cannot compile: input ${name} is both ${before} and ${now}`,
      );
    }
  }

  /** A text that two instructions share if and only if they compute the same. */
  #key({ operation, operands, shape, dtype }: Instruction): string {
    let attributes: string;
    if (operation.kind === "constant") {
      attributes = operation.data.length === 1
        // Object.is distinguishes -0 from 0, and so must the key.
        ? `constant ${Object.is(operation.data[0], -0) ? "-0" : operation.data}`
        : `constant #${this.#arrayNumber(operation.data)}`;
    } else {
      // JSON has no infinities and no -0, which a fill can be.
      attributes = JSON.stringify(
        operation,
        (_, v) =>
          Object.is(v, -0)
            ? "-0"
            : typeof v === "number" && !Number.isFinite(v)
            ? String(v)
            : v,
      );
    }
    return `${attributes}|${operands}|${shape}|${dtype}`;
  }

  #arrayNumber(data: Data): number {
    const known = this.#arrays.get(data);
    if (known !== undefined) return known;
    this.#arrays.set(data, this.#arrays.size);
    return this.#arrays.size - 1;
  }

  #constant(number: number, dtype: DType, shape: Shape): number {
    const data = dtype === "float"
      ? Float64Array.of(number)
      : dtype === "int"
      ? Int32Array.of(number)
      : Uint8Array.of(number);
    const scalar = this.add({
      operation: { kind: "constant", data },
      operands: [],
      shape: [],
      dtype,
    });
    const one = shape.map(() => 1);
    const column = this.add({
      operation: { kind: "reshape" },
      operands: [scalar],
      shape: one,
      dtype,
    });
    return this.add({
      operation: { kind: "broadcast" },
      operands: [column],
      shape,
      dtype,
    });
  }

  /** The number that every element of an instruction is known to be. */
  #uniform(index: number): number | undefined {
    let { operation, operands } = this.instructions[index];
    while (operation.kind === "reshape" || operation.kind === "broadcast") {
      ({ operation, operands } = this.instructions[operands[0]]);
    }
    return operation.kind === "constant" && operation.data.length === 1
      ? operation.data[0]
      : undefined;
  }

  #simplify(instruction: Instruction): Instruction | number {
    const { operation, operands, shape, dtype } = instruction;
    const [first] = operands;
    const a = first === undefined ? undefined : this.instructions[first];
    const same = a !== undefined && a.shape.length === shape.length &&
      a.shape.every((extent, i) => extent === shape[i]);
    switch (operation.kind) {
      case "stop-gradient":
        return first;
      case "reshape":
        if (same) return first;
        if (a!.operation.kind === "reshape") {
          return this.add({ ...instruction, operands: a!.operands });
        }
        return instruction;
      case "broadcast":
        if (same) return first;
        if (a!.operation.kind === "broadcast") {
          return this.add({ ...instruction, operands: a!.operands });
        }
        return instruction;
      case "transpose": {
        const order = operation.permutation;
        if (order.every((axis, i) => axis === i)) return first;
        if (a!.operation.kind !== "transpose") return instruction;
        const inner = a!.operation.permutation;
        return this.add({
          ...instruction,
          operation: {
            kind: "transpose",
            permutation: order.map((axis) => inner[axis]),
          },
          operands: a!.operands,
        });
      }
      case "slice":
      case "pad":
      case "reduce-max":
        return same ? first : instruction;
    }
    if (operands.length === 0 || sizeOf(shape) === 0) return instruction;
    const numbers = operands.map((operand) => this.#uniform(operand));
    if (numbers.every((number) => number !== undefined)) {
      const result = computeScalar(operation, numbers as number[], dtype);
      if (result !== undefined) return this.#constant(result, dtype, shape);
    }
    return neutral(instruction, operands, numbers) ?? instruction;
  }
}

/** The operand that an operation leaves as it is, to the last bit. */
function neutral(
  { operation, dtype }: Instruction,
  [a, b, c]: readonly number[],
  [x, y]: readonly (number | undefined)[],
): number | undefined {
  // -0 + 0 is 0: of floats, only -0 leaves all others as they are.
  const zero = dtype === "float" ? -0 : 0;
  switch (operation.kind) {
    case "add":
      return Object.is(x, zero) ? b : Object.is(y, zero) ? a : undefined;
    case "sub":
      return Object.is(y, 0) ? a : undefined;
    case "select":
      return x === undefined ? undefined : x !== 0 ? b : c;
    case "mul":
      return x === 1 ? b : y === 1 ? a : undefined;
    case "div":
    case "pow":
      return y === 1 ? a : undefined;
    default:
      return undefined;
  }
}

function removeDeadCode(program: Program): Program {
  const { instructions, outputs } = program;
  const needed = new Set(outputs.values());
  for (let i = instructions.length - 1; i >= 0; i--) {
    if (!needed.has(i)) continue;
    for (const operand of instructions[i].operands) needed.add(operand);
  }
  const kept: Instruction[] = [];
  const moved = new Map<number, number>();
  instructions.forEach((instruction, i) => {
    if (!needed.has(i)) return;
    moved.set(i, kept.length);
    const operands = instruction.operands.map((operand) => moved.get(operand)!);
    kept.push({ ...instruction, operands });
  });
  return {
    instructions: kept,
    outputs: new Map([...outputs].map(([name, i]) => [name, moved.get(i)!])),
  };
}
