/**
 * Expressions of an element's index, written as WGSL: chains of element-wise
 * operations, shape operations, windows and row look-ups, down to what lies in
 * memory.
 *
 * @module
 */

import {
  type Instruction,
  instructionName as nameOf,
} from "../program/program.ts";
import type { Fused } from "../program/fusion.ts";
import { stridesOf } from "../program/strides.ts";
import type { Operation } from "../tensor/tensor.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { coordinatesOf, placeOf } from "./strides.ts";
import { literal, typeOf } from "./wgsl.ts";

export { nameOf };

/** What is known of a program while its kernels are written. */
export interface Scene extends Omit<Fused, "outputs"> {
  /** Whether the adapter computes on the processor. */
  readonly software: boolean;
  /** A number for a result between two kernels of one instruction. */
  scratch(): number;
}

/** What a kernel of several results is called. */
export function groupName(
  { instructions }: Scene,
  [first, ...more]: readonly number[],
): string {
  const name = nameOf(instructions[first]);
  return more.length === 0 ? name : `${name} and ${more.length} more`;
}

/** What the expressions of a kernel share, if there are several. */
export interface Shared {
  /** What is read, in the order of the bindings. */
  readonly inputs: { number: number; type: string }[];
  /** Names of values that are known, whichever element is asked for. */
  readonly given: ReadonlyMap<number, string>;
}

/** Writes the statements that compute elements of instructions. */
export class Expression {
  /** Statements, in order. */
  readonly lines: string[] = [];
  /** What is read, in the order of the bindings. */
  readonly inputs: { number: number; type: string }[];
  /** The functions that are called. */
  readonly functions = new Set<string>(["number"]);
  /** Stored instructions of which single elements are read. */
  readonly singles = new Set<number>();
  /** Whether an index can be outside its table. */
  flags = false;
  readonly #scene: Scene;
  readonly #known = new Map<string, string>();
  #names = 0;

  readonly #given: ReadonlyMap<number, string>;

  /**
   * @param scene The program, and what of it lies in memory.
   * @param shared What it shares with other expressions of the kernel.
   */
  constructor(
    scene: Scene,
    { inputs, given }: Shared = { inputs: [], given: new Map() },
  ) {
    this.#scene = scene;
    this.inputs = inputs;
    this.#given = given;
  }

  /** Gives a value a name. */
  name(value: string): string {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const name = `v${this.#names++}`;
    this.lines.push(`  let ${name} = ${value};`);
    this.#known.set(value, name);
    return name;
  }

  /** The binding through which a stored instruction is read. */
  binding(index: number): string {
    let place = this.inputs.findIndex(({ number }) => number === index);
    if (place < 0) {
      const { dtype } = this.#scene.instructions[index];
      place = this.inputs.push({ number: index, type: typeOf(dtype) }) - 1;
    }
    return `in${place}`;
  }

  /**
   * An element of an instruction.
   *
   * @param index The instruction.
   * @param at Name of the u32 index of the element.
   * @returns Name of the value.
   */
  element(index: number, at: string): string {
    const { instructions, stored } = this.#scene;
    const { operation, shape, dtype } = instructions[index];
    if (sizeOf(shape) === 0) return literal(0, dtype);
    if (operation.kind === "constant" && operation.data.length === 1) {
      return literal(operation.data[0], dtype);
    }
    const known = this.#given.get(index) ??
      this.#known.get(`${index} at ${at}`);
    if (known !== undefined) return known;
    if (!stored[index]) return this.compute(index, at);
    this.singles.add(index);
    return this.name(`${this.binding(index)}[${at}]`);
  }

  /** Computes an element of an instruction, even of one that is stored. */
  compute(index: number, at: string): string {
    const value = this.name(this.#expression(index, at));
    this.#known.set(`${index} at ${at}`, value);
    return value;
  }

  /** An expression for an element of an instruction. */
  #expression(index: number, at: string): string {
    const { instructions } = this.#scene;
    const { operation, operands, shape, dtype } = instructions[index];
    const [a, b] = operands;
    const view = (strides: readonly number[], start = 0): string =>
      this.element(a, this.name(placeOf(at, shape, strides, start)));
    const strides = a === undefined ? [] : stridesOf(instructions[a].shape);
    switch (operation.kind) {
      case "constant":
        return literal(operation.data[0], dtype);
      case "iota":
        return `i32(${coordinatesOf(at, shape)[operation.axis]})`;
      case "random-bits": {
        this.functions.add("random_bits");
        const key = ["0u", "1u"].map((word) => this.element(a, word));
        return `random_bits(${key}, ${operation.stream >>> 0}u, ${at})`;
      }
      case "reshape":
        return this.element(a, at);
      case "transpose":
        return view(operation.permutation.map((axis) => strides[axis]));
      case "broadcast": {
        const from = instructions[a].shape;
        return view(strides.map((s, i) => from[i] === 1 ? 0 : s));
      }
      case "slice": {
        const { start, step } = operation;
        return view(
          strides.map((s, i) => s * step[i]),
          start.reduce((total, s, i) => total + s * strides[i], 0),
        );
      }
      case "reverse": {
        const { axes } = operation;
        return view(
          strides.map((s, i) => axes.includes(i) ? -s : s),
          axes.reduce((total, i) => total + (shape[i] - 1) * strides[i], 0),
        );
      }
      case "pad":
        return this.#pad(operation, a, at, shape);
      case "concat":
        return this.#concat(operation.axis, operands, at, shape);
      case "windows":
        return this.#windows(operation, a, at, shape);
      case "take-rows": {
        const [rows, width] = instructions[a].shape;
        const place = this.name(`${at} / ${width}u`);
        const row = this.element(b, place);
        const outside = this.name(`${row} < 0i || ${row} >= ${rows}i`);
        this.flags = true;
        this.functions.add("raise");
        this.lines.push(
          `  if (${outside}) { raise(${index}u, ${row}, ${place}); }`,
        );
        const safe = `clamp(${row}, 0i, ${Math.max(rows - 1, 0)}i)`;
        const number = this.element(
          a,
          this.name(`u32(${safe}) * ${width}u + ${at} % ${width}u`),
        );
        // So a training step with a wrong index is one that fails.
        return dtype === "float"
          ? `select(${number}, ${literal(NaN, dtype)}, ${outside})`
          : number;
      }
      default:
        return this.scalar(
          operation,
          operands,
          operands.map((operand) => this.element(operand, at)),
          dtype,
          instructions[a].dtype,
        );
    }
  }

  #pad(
    { low, interior, fill }: Extract<Operation, { kind: "pad" }>,
    a: number,
    at: string,
    shape: Shape,
  ): string {
    const { shape: from, dtype } = this.#scene.instructions[a];
    if (sizeOf(from) === 0) return literal(fill, dtype);
    const strides = stridesOf(from);
    const inside: string[] = [];
    const place = coordinatesOf(at, shape).map((coordinate, i) => {
      const step = interior[i] + 1;
      if (from[i] === shape[i]) return `${coordinate} * ${strides[i]}u`;
      // Left of the first element the subtraction wraps round: far outside.
      const shifted = this.name(`${coordinate} - ${low[i]}u`);
      inside.push(`${shifted} < ${(from[i] - 1) * step + 1}u`);
      if (step > 1) inside.push(`${shifted} % ${step}u == 0u`);
      return `min(${shifted} / ${step}u, ${from[i] - 1}u) * ${strides[i]}u`;
    });
    const value = this.element(a, this.name(place.join(" + ")));
    return `select(${literal(fill, dtype)}, ${value}, ${inside.join(" && ")})`;
  }

  #concat(
    axis: number,
    operands: readonly number[],
    at: string,
    shape: Shape,
  ): string {
    const inner = sizeOf(shape.slice(axis + 1));
    const row = this.name(`${at} / ${inner * shape[axis]}u`);
    const along = this.name(`(${at} / ${inner}u) % ${shape[axis]}u`);
    const rest = this.name(`${at} % ${inner}u`);
    let first = 0, value = "";
    for (const operand of operands) {
      const extent = this.#scene.instructions[operand].shape[axis];
      if (extent === 0) continue;
      const place = this.name(
        `(${row} * ${extent}u + min(${along} - ${first}u, ${
          extent - 1
        }u)) * ${inner}u + ${rest}`,
      );
      const element = this.element(operand, place);
      value = value === ""
        ? element
        : this.name(`select(${value}, ${element}, ${along} >= ${first}u)`);
      first += extent;
    }
    return value;
  }

  #windows(
    { geometry, fill }: Extract<Operation, { kind: "windows" }>,
    a: number,
    at: string,
    shape: Shape,
  ): string {
    const { stride, padding, dilation } = geometry;
    const [, , height, width] = this.#scene.instructions[a].shape;
    const [, , i, j, p, q] = coordinatesOf(at, shape);
    const plane = `(${at} / ${sizeOf(shape.slice(2))}u)`;
    // Above and left of the image the subtraction wraps round: far outside.
    const row = this.name(
      `${p} * ${stride[0]}u + ${i} * ${dilation[0]}u - ${padding[0]}u`,
    );
    const column = this.name(
      `${q} * ${stride[1]}u + ${j} * ${dilation[1]}u - ${padding[1]}u`,
    );
    const value = this.element(
      a,
      this.name(
        `(${plane} * ${height}u + min(${row}, ${
          height - 1
        }u)) * ${width}u + min(${column}, ${width - 1}u)`,
      ),
    );
    return `select(${
      literal(fill, "float")
    }, ${value}, ${row} < ${height}u && ${column} < ${width}u)`;
  }

  #call(name: string, ...values: string[]): string {
    this.functions.add(name);
    return `${name}(${values.join(", ")})`;
  }

  /** An element-wise operation on values. */
  scalar(
    { kind }: Operation,
    operands: readonly number[],
    [a, b, c]: readonly string[],
    dtype: Instruction["dtype"],
    from: Instruction["dtype"],
  ): string {
    const float = from === "float";
    const same = operands.length === 2 && operands[0] === operands[1];
    switch (kind) {
      case "neg":
        return `-${a}`;
      case "abs":
        return `abs(${a})`;
      case "sign":
        return float ? this.#call("sign_of", a) : `sign(${a})`;
      case "exp":
        return this.#call("exponential", a);
      case "log":
        return this.#call("logarithm", a);
      case "sqrt":
        return `sqrt(${a})`;
      case "rsqrt":
        return this.#call("inverse_root", a);
      case "tanh":
        return this.#call("tangent", a);
      case "erf":
        return this.#call("error_function", a);
      case "floor":
        return `floor(${a})`;
      case "add":
        return `${a} + ${b}`;
      case "sub":
        // A driver may take x - x for 0, which it is not for infinities.
        return float && same
          ? `select(number(0x7fc00000u), 0.0, ${this.#call("is_finite", a)})`
          : `${a} - ${b}`;
      case "mul":
        return `${a} * ${b}`;
      case "div":
        return `${a} / ${b}`;
      case "max":
        return float ? this.#call("larger", a, b) : `max(${a}, ${b})`;
      case "min":
        return float ? this.#call("smaller", a, b) : `min(${a}, ${b})`;
      case "pow":
        return this.#call("power", a, b);
      case "equal":
        return float && same
          ? `select(1u, 0u, ${this.#call("is_nan", a)})`
          : `select(0u, 1u, ${a} == ${b})`;
      case "less":
        return `select(0u, 1u, ${a} < ${b})`;
      case "less-equal":
        return `select(0u, 1u, ${a} <= ${b})`;
      case "select":
        return `select(${c}, ${b}, ${a} != 0u)`;
      case "cast":
        return dtype === "bool"
          ? `select(1u, 0u, ${a} == ${literal(0, from)})`
          : `${typeOf(dtype)}(${a})`;
      default:
        throw new Error(`Cannot write ${kind}: it is not element-wise`);
    }
  }
}
