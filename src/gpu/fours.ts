/**
 * Expressions of four neighbouring elements at a time, as vectors: where every
 * chain is of element-wise operations, and every operand has four neighbours that
 * lie next to each other or are one and the same number.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { mergeAxes, stridesOf } from "../program/strides.ts";
import { isElementwise } from "../tensor/operations.ts";
import { type DType, sizeOf } from "../tensor/value.ts";
import { Expression, type Scene, type Shared } from "./expression.ts";
import { placeOf } from "./strides.ts";
import { literal, typeOf } from "./wgsl.ts";

/** The WGSL type of four elements. */
export function fourOf(dtype: DType): string {
  return `vec4<${typeOf(dtype)}>`;
}

/**
 * Writes the statements that compute elements 4 at, 4 at + 1, ... of
 * instructions, as vectors. What is read as vectors alone is bound as an array
 * of vectors.
 */
export class Fours {
  /** The statements; computes what is the same for all four elements. */
  readonly expression: Expression;
  readonly #scene: Scene;
  /** Stored instructions that are read element by element. */
  readonly #singles: ReadonlySet<number>;
  readonly #known = new Map<string, string>();
  /** Whether some elements would have to be found one by one. */
  scattered = false;

  /**
   * @param scene The program, and what of it lies in memory.
   * @param singles Stored instructions that are read element by element as well.
   * @param shared What other expressions of the kernel share with it.
   */
  constructor(scene: Scene, singles: ReadonlySet<number>, shared?: Shared) {
    this.expression = new Expression(scene, shared);
    this.#scene = scene;
    this.#singles = singles;
  }

  /**
   * Writes an expression by fours.
   *
   * @param scene The program.
   * @param write Asks for the elements.
   * @returns The expression; nothing where it cannot be written.
   */
  static write(
    scene: Scene,
    write: (fours: Fours) => void,
  ): Fours | undefined {
    const first = new Fours(scene, new Set());
    write(first);
    if (first.scattered) return undefined;
    if (first.expression.singles.size === 0) return first;
    const second = new Fours(scene, first.expression.singles);
    write(second);
    return second;
  }

  /** Name of four elements of an instruction, from four times `at`. */
  four(index: number, at: string): string {
    const { instructions, stored } = this.#scene;
    const { operation, shape, dtype } = instructions[index];
    if (sizeOf(shape) === 0) return `${fourOf(dtype)}()`;
    if (operation.kind === "constant" && operation.data.length === 1) {
      return `${fourOf(dtype)}(${literal(operation.data[0], dtype)})`;
    }
    const known = this.#known.get(`${index} at ${at}`);
    if (known !== undefined) return known;
    return stored[index]
      ? this.expression.name(this.#load(index, at))
      : this.compute(index, at);
  }

  /** Says what four elements of an instruction are, that are not to be computed. */
  know(index: number, at: string, value: string): void {
    this.#known.set(`${index} at ${at}`, value);
  }

  /** Computes four elements of an instruction, even of one that is stored. */
  compute(index: number, at: string): string {
    const value = this.expression.name(this.#compute(index, at));
    this.#known.set(`${index} at ${at}`, value);
    return value;
  }

  #load(index: number, at: string): string {
    const binding = this.expression.binding(index);
    const input = this.expression.inputs.find(({ number }) =>
      number === index
    )!;
    const type = fourOf(this.#scene.instructions[index].dtype);
    if (!this.#singles.has(index)) {
      input.type = type;
      return `${binding}[${at}]`;
    }
    const first = this.expression.name(`${at} * 4u`);
    const four = [0, 1, 2, 3].map((k) => `${binding}[${first} + ${k}u]`);
    return `${type}(${four.join(", ")})`;
  }

  /** An expression for four elements of an instruction. */
  #compute(index: number, at: string): string {
    const instruction = this.#scene.instructions[index];
    const { operation, operands, shape } = instruction;
    const [a] = operands;
    if (operation.kind === "reshape") return this.four(a, at);
    if (operation.kind === "broadcast") {
      const from = this.#scene.instructions[a].shape;
      const strides = stridesOf(from);
      const walked = strides.map((s, i) => from[i] === shape[i] ? s : 0);
      return this.#view(instruction, at, walked);
    }
    if (operation.kind === "transpose") {
      const strides = stridesOf(this.#scene.instructions[a].shape);
      const walked = operation.permutation.map((axis) => strides[axis]);
      return this.#view(instruction, at, walked);
    }
    if (isElementwise(operation)) return this.#operate(instruction, at);
    return this.#scatter(instruction.dtype);
  }

  #scatter(dtype: DType): string {
    this.scattered = true;
    return `${fourOf(dtype)}()`;
  }

  /** Four elements of an operand that is seen through strides. */
  #view(
    { operands: [a], shape, dtype }: Instruction,
    at: string,
    strides: readonly number[],
  ): string {
    const { expression } = this;
    const axes = mergeAxes(shape, strides);
    const inner = axes.pop() ?? { extent: 1, stride: 0 };
    if (inner.extent % 4 !== 0 || inner.stride > 1) return this.#scatter(dtype);
    const size = sizeOf(this.#scene.instructions[a].shape);
    const extents = [...axes.map(({ extent }) => extent), inner.extent / 4];
    const distances = axes.map(({ stride }) => stride);
    if (inner.stride === 0) {
      const place = expression.name(placeOf(at, extents, [...distances, 0]));
      return `${fourOf(dtype)}(${expression.element(a, place)})`;
    }
    if ([size, ...distances].some((n) => n % 4 !== 0)) {
      return this.#scatter(dtype);
    }
    const quarters = [...distances.map((stride) => stride / 4), 1];
    return this.four(a, expression.name(placeOf(at, extents, quarters)));
  }

  /** An element-wise operation on vectors. */
  #operate({ operation, operands, dtype }: Instruction, at: string): string {
    const { kind } = operation;
    const [a, b, c] = operands.map((operand) => this.four(operand, at));
    const from = this.#scene.instructions[operands[0]].dtype;
    const same = operands.length === 2 && operands[0] === operands[1];
    const type = fourOf(dtype), given = fourOf(from);
    switch (kind) {
      case "add":
        return `${a} + ${b}`;
      case "mul":
        return `${a} * ${b}`;
      case "div":
        return `${a} / ${b}`;
      case "neg":
        return `-${a}`;
      case "abs":
      case "sqrt":
      case "floor":
        return `${kind}(${a})`;
      case "rsqrt":
        return this.#call("inverse_root_four", a);
      case "sub":
        if (!same || from !== "float") return `${a} - ${b}`;
        break;
      case "max":
      case "min":
        if (from !== "float") return `${kind}(${a}, ${b})`;
        return this.#call(
          kind === "max" ? "larger_four" : "smaller_four",
          a,
          b,
        );
      case "equal":
        if (!same || from !== "float") {
          return `select(vec4u(), vec4u(1u), ${a} == ${b})`;
        }
        break;
      case "less":
        return `select(vec4u(), vec4u(1u), ${a} < ${b})`;
      case "less-equal":
        return `select(vec4u(), vec4u(1u), ${a} <= ${b})`;
      case "select":
        return `select(${c}, ${b}, ${a} != vec4u())`;
      case "cast":
        return dtype === "bool"
          ? `select(vec4u(1u), vec4u(), ${a} == ${given}())`
          : `${type}(${a})`;
    }
    // Each on its own.
    const each = [..."xyzw"].map((component) =>
      this.expression.scalar(
        operation,
        operands,
        [a, b, c].map((value) => `${value}.${component}`),
        dtype,
        from,
      )
    );
    return `${type}(${each.join(", ")})`;
  }

  #call(name: string, ...values: string[]): string {
    this.expression.functions.add(name);
    return `${name}(${values.join(", ")})`;
  }
}
