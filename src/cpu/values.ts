/**
 * The values a kernel computes, as a graph: each is a vector of four lanes, for
 * four neighbouring elements of an axis or four times the same. Shape operations
 * leave no trace in it but other indices.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import type { Operation } from "../tensor/tensor.ts";
import { type DType, sizeOf } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  i32,
  i32x4,
  select,
  v128,
} from "../wasm/expression.ts";
import type { Scene } from "./kernel.ts";
import {
  combine,
  constantIndex,
  type Index,
  indexKey,
  Places,
  Position,
  rangeOf,
  type Term,
} from "./places.ts";
import { emitOperation } from "./vector_operations.ts";

/**
 * Bytes around everything in memory that may be read, though nothing lies there:
 * so elements outside an image can be loaded first and replaced afterwards.
 */
export const GUARD = 65536;

/** A value. A bool is a mask: all bits 1 or 0. */
export type Node =
  & {
    readonly id: number;
    readonly dtype: DType;
    /** Equal values have equal texts; it names other values by their ids. */
    readonly text: string;
  }
  & (
    | { readonly kind: "constant"; readonly number: number }
    /** An element of an input, by its number among the kernel's inputs. */
    | { readonly kind: "load"; readonly input: number; readonly index: Index }
    /** Whether an index is at least 0 and below an extent. */
    | {
      readonly kind: "within";
      readonly index: Index;
      readonly extent: number;
    }
    /** An index as an int. */
    | { readonly kind: "counter"; readonly index: Index }
    | {
      readonly kind: "random";
      readonly index: Index;
      readonly key: readonly [Node, Node];
      readonly stream: number;
    }
    | {
      readonly kind: "operation";
      readonly operands: readonly Node[];
      readonly emit: Emit;
    }
  );

/** Emits a value from its operands, which are kept in variables. */
type Emit = (
  operands: readonly Expression<"v128">[],
  f: FunctionBuilder,
) => Expression<"v128">;

type Kinds = Node["kind"];
type NewNode = Node extends infer Each
  ? Each extends { readonly kind: Kinds } ? Omit<Each, "id"> : never
  : never;

/** The indices and values that a value needs at once. */
export function needsOf(node: Node): { indices: Index[]; nodes: Node[] } {
  switch (node.kind) {
    case "constant":
      return { indices: [], nodes: [] };
    case "operation":
      return { indices: [], nodes: [...node.operands] };
    case "random":
      return { indices: [node.index], nodes: [...node.key] };
    default:
      return { indices: [node.index], nodes: [] };
  }
}

/** Builds the values of a kernel. */
export class Values {
  readonly places: Places;
  /** Values and computed indices, each after what it needs. */
  readonly items: (Node | Term)[] = [];
  /** Numbers of the results that are read. */
  readonly inputs: number[] = [];
  readonly #scene: Pick<Scene, "instructions" | "stored">;
  readonly #known = new Map<string, Node>();
  readonly #elements = new Map<string, Node>();
  #nodes = 0;

  /** @param scene The program, and what of it lies in memory. */
  constructor(scene: Pick<Scene, "instructions" | "stored">) {
    this.#scene = scene;
    this.places = new Places((term) => this.items.push(term));
  }

  /** The element of an instruction at a position. */
  element(index: number, position: Position): Node {
    const { instructions, stored } = this.#scene;
    const { operation, shape, dtype } = instructions[index];
    if (sizeOf(shape) === 0) return this.constant(0, dtype);
    if (operation.kind === "constant" && operation.data.length === 1) {
      return this.constant(operation.data[0], dtype);
    }
    // What the kernel computes itself is not read, even if it is stored.
    const known = this.#elements.get(
      `${index} at ${indexKey(position.linear)}`,
    );
    if (known) return known;
    return stored[index]
      ? this.load(index, dtype, position.linear)
      : this.compute(index, position);
  }

  /** The element of an instruction, computed even if it is stored. */
  compute(index: number, position: Position): Node {
    const node = this.#computed(index, position);
    this.#elements.set(`${index} at ${indexKey(position.linear)}`, node);
    return node;
  }

  /** An element of a result that lies in memory. */
  load(number: number, dtype: DType, index: Index): Node {
    let input = this.inputs.indexOf(number);
    if (input < 0) input = this.inputs.push(number) - 1;
    const loaded = this.#add({
      kind: "load",
      dtype: dtype === "bool" ? "int" : dtype,
      text: `load ${input} ${indexKey(index)}`,
      input,
      index,
    });
    return dtype === "bool"
      ? this.operation(
        "bool",
        "not 0",
        [loaded],
        ([x]) => i32x4.ne(x, i32x4.const([0, 0, 0, 0])),
      )
      : loaded;
  }

  /** The same number everywhere. */
  constant(number: number, dtype: DType): Node {
    const shown = Object.is(number, -0) ? "-0" : number;
    return this.#add({
      kind: "constant",
      dtype,
      text: `${dtype} ${shown}`,
      number,
    });
  }

  /** A value computed from others. */
  operation(
    dtype: DType,
    text: string,
    operands: readonly Node[],
    emit: Emit,
  ): Node {
    return this.#add({
      kind: "operation",
      dtype,
      text: `${text}(${operands.map(({ id }) => `n${id}`)})`,
      operands,
      emit,
    });
  }

  /** `a` where all of the conditions hold, else `b`. */
  where(conditions: readonly Node[], a: Node, b: Node): Node {
    if (conditions.length === 0) return a;
    const [first, ...others] = conditions;
    const all = others.reduce(
      (x, y) =>
        this.operation("bool", "and", [x, y], ([x, y]) => v128.and(x, y)),
      first,
    );
    return this.operation(
      a.dtype,
      "select",
      [all, a, b],
      ([all, a, b]) => v128.bitselect(a, b, all),
    );
  }

  /** Whether an index is at least 0 and below an extent; none where it always is. */
  within(index: Index, extent: number): Node[] {
    const [least, most] = rangeOf(index);
    if (least >= 0 && most < extent) return [];
    return [this.#add({
      kind: "within",
      dtype: "bool",
      text: `within ${extent} ${indexKey(index)}`,
      index,
      extent,
    })];
  }

  /**
   * Reads an element that may lie outside: inside, the conditions hold; outside,
   * anything may be read.
   */
  outside(index: number, coordinates: readonly Index[]): Node {
    const { shape } = this.#scene.instructions[index];
    const whole = Position.at(this.places, shape, coordinates);
    const [least, most] = rangeOf(whole.linear);
    const beyond = Math.max(-least, most - sizeOf(shape) + 1);
    // A vector may reach a little further than its first element.
    if (this.#isPlain(index) && beyond * 4 < GUARD - 64) {
      return this.element(index, whole);
    }
    const held = coordinates.map((c, i) => this.places.clamp(c, shape[i]));
    return this.element(index, Position.at(this.places, shape, held));
  }

  /** Whether elements next to an instruction's can be computed without harm. */
  #isPlain(index: number): boolean {
    const { instructions, stored } = this.#scene;
    const { operation, operands } = instructions[index];
    if (stored[index]) return true;
    if (operation.kind === "constant") return operation.data.length === 1;
    return (operation.kind === "reshape" || isElementwise(operation)) &&
      operands.every((operand) => this.#isPlain(operand));
  }

  #add(node: NewNode): Node {
    const known = this.#known.get(node.text);
    if (known) return known;
    const added = { ...node, id: this.#nodes++ } as Node;
    this.#known.set(node.text, added);
    this.items.push(added);
    return added;
  }

  #computed(index: number, position: Position): Node {
    const { instructions } = this.#scene;
    const { operation, operands, shape, dtype } = instructions[index];
    const [a, b] = operands;
    const from = a === undefined ? [] : instructions[a].shape;
    const at = (coordinates: readonly Index[]): Node =>
      this.element(a, Position.at(this.places, from, coordinates));
    const each = (place: (c: Index, i: number) => Index): Node =>
      at(position.coordinates.map(place));
    switch (operation.kind) {
      case "constant":
        return this.constant(operation.data[0], dtype);
      case "iota": {
        const counted = position.coordinates[operation.axis];
        return this.#add({
          kind: "counter",
          dtype,
          text: `counter ${indexKey(counted)}`,
          index: counted,
        });
      }
      case "random-bits": {
        const key = [0, 1].map((word) => at([constantIndex(word)]));
        const { stream } = operation;
        return this.#add({
          kind: "random",
          dtype,
          text: `random ${stream} n${key[0].id} n${key[1].id} ${
            indexKey(position.linear)
          }`,
          index: position.linear,
          key: [key[0], key[1]],
          stream,
        });
      }
      case "reshape":
        return this.element(a, position.reshaped(from));
      case "transpose": {
        const coordinates: Index[] = [];
        operation.permutation.forEach((axis, i) => {
          coordinates[axis] = position.coordinates[i];
        });
        return at(coordinates);
      }
      case "broadcast":
        return each((c, i) => from[i] === 1 ? constantIndex(0) : c);
      case "slice":
        return each((c, i) =>
          combine([[c, operation.step[i]]], operation.start[i])
        );
      case "reverse":
        return each((c, i) =>
          operation.axes.includes(i) ? combine([[c, -1]], shape[i] - 1) : c
        );
      case "pad":
        return this.#pad(operation, a, position);
      case "concat":
        return this.#concat(operation.axis, operands, position);
      case "windows":
        return this.#windows(operation, a, position);
      case "take-rows": {
        const [row, column] = position.coordinates;
        const rows = Position.at(this.places, instructions[b].shape, [row]);
        const found = this.element(b, rows);
        const place = this.#rowIndex(found, from[0]);
        return at([place, column]);
      }
      default:
        return this.#elementwise(operation, operands, position, dtype);
    }
  }

  #elementwise(
    operation: Operation,
    operands: readonly number[],
    position: Position,
    dtype: DType,
  ): Node {
    const nodes = operands.map((operand) => this.element(operand, position));
    const constants = nodes.map((node) =>
      node.kind === "constant" ? node.number : undefined
    );
    const { dtype: from } = nodes[nodes.length - 1];
    return this.operation(
      dtype,
      `${operation.kind} ${from} ${dtype}`,
      nodes,
      (vectors, f) =>
        emitOperation(f, operation, { vectors, constants, from }, dtype),
    );
  }

  /** A row that is read from memory, held within the table. */
  #rowIndex(found: Node, rows: number): Index {
    return this.places.compute(rows, {
      from: [],
      vector: found,
      text: `row n${found.id}`,
      emit: ([x]) => select(x, i32.const(rows - 1), i32.lt_u(x, rows)),
    }, `row n${found.id}`);
  }

  /**
   * Where an element comes from that was spread: index / step, if step divides
   * the index and it is inside.
   */
  spread(
    index: Index,
    step: number,
    extent: number,
  ): { at: Index; conditions: Node[] } {
    if (step === 1) {
      return { at: index, conditions: this.within(index, extent) };
    }
    const [at, rest] = this.places.divide(index, step);
    return {
      at,
      conditions: [...this.within(at, extent), ...this.within(rest, 1)],
    };
  }

  #pad(
    { low, interior, fill }: Extract<Operation, { kind: "pad" }>,
    a: number,
    { coordinates }: Position,
  ): Node {
    const { shape: from, dtype } = this.#scene.instructions[a];
    if (sizeOf(from) === 0) return this.constant(fill, dtype);
    const sources = coordinates.map((c, i) =>
      this.spread(combine([[c, 1]], -low[i]), interior[i] + 1, from[i])
    );
    return this.where(
      sources.flatMap(({ conditions }) => conditions),
      this.outside(a, sources.map(({ at }) => at)),
      this.constant(fill, dtype),
    );
  }

  #concat(
    axis: number,
    operands: readonly number[],
    { coordinates }: Position,
  ): Node {
    let first = 0;
    let value: Node | undefined;
    for (const operand of operands) {
      const extent = this.#scene.instructions[operand].shape[axis];
      if (extent === 0) continue;
      const along = combine([[coordinates[axis], 1]], -first);
      const element = this.outside(
        operand,
        coordinates.map((c, i) => i === axis ? along : c),
      );
      value = value
        ? this.where(this.within(along, extent), element, value)
        : element;
      first += extent;
    }
    return value!;
  }

  #windows(
    { geometry, fill }: Extract<Operation, { kind: "windows" }>,
    a: number,
    position: Position,
  ): Node {
    const { stride, padding, dilation } = geometry;
    const { shape } = this.#scene.instructions[a];
    const [n, c, ...rest] = position.coordinates;
    const cells = [0, 1].map((i) =>
      combine([[rest[2 + i], stride[i]], [rest[i], dilation[i]]], -padding[i])
    );
    return this.where(
      cells.flatMap((cell, i) => this.within(cell, shape[2 + i])),
      this.outside(a, [n, c, ...cells]),
      this.constant(fill, "float"),
    );
  }
}
