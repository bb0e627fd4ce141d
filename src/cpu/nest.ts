/**
 * Loop nests: emits the values of a graph, each in the outermost loop in which
 * it is known. One axis of a nest runs over vectors of four lanes, several at a
 * time, and what is left over lane by lane.
 *
 * @module
 */

import type { DType } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  i32,
  i32x4,
  type Local,
  type Operand,
  v128,
} from "../wasm/expression.ts";
import {
  isNode,
  type NestSource,
  reachableItems,
  type Store,
} from "./loops.ts";
import type { Index, Term } from "./places.ts";
import { needsOf, type Node } from "./values.ts";
import { constantVector, storedForm } from "./vector_operations.ts";

/** Something that is read or written through an address. */
interface Access {
  /** Number of the parameter that holds the address of the first element. */
  readonly parameter: number;
  readonly index: Index;
}

/** How many elements a body computes at once: `copies` vectors of `lanes`. */
export interface Width {
  readonly lanes: 1 | 4;
  readonly copies: number;
}

/** Emits a nest into a function. */
export class Nest {
  readonly f: FunctionBuilder;
  readonly #source: NestSource;
  readonly #items: readonly (Node | Term)[];
  readonly #levels = new Map<object, number>();
  readonly #wide = new Map<object, boolean>();
  readonly #counters = new Map<Term, Local<"i32">>();
  #nodes = new Map<Node, Expression<"v128">[]>();
  #terms = new Map<Term, Local<"i32">[]>();
  #addresses = new Map<object, Expression<"i32">>();
  #width: Width = { lanes: 1, copies: 1 };
  readonly #inputs: number;

  constructor(f: FunctionBuilder, source: NestSource) {
    this.f = f;
    this.#source = source;
    this.#items = reachableItems(source);
    this.#inputs = source.values.inputs.length;
    for (const axis of source.axes) this.#counters.set(axis, f.local("i32"));
  }

  /** The counter of a loop. */
  counter(axis: Term): Local<"i32"> {
    return this.#counters.get(axis)!;
  }

  /** Values of a node at this point: one for each copy, or one for all. */
  value(node: Node, copy: number): Expression<"v128"> {
    const values = this.#nodes.get(node)!;
    return values[copy] ?? values[0];
  }

  /** An index at this point, of the first lane. */
  indexValue(index: Index): Expression<"i32"> {
    return this.#indexAt(index, 0);
  }

  /** How many copies are at work. */
  get width(): Width {
    return this.#width;
  }

  /** Values that a step of the vector axis computes anew. */
  wideCount(): number {
    return this.#items.filter((item) => isNode(item) && this.#isWide(item))
      .length;
  }

  /** Emits what is known once the loops up to a level run. */
  enter(level: number): void {
    for (const item of this.#items) {
      if (isNode(item)) {
        if (item.kind === "load") {
          this.#address(item, {
            parameter: item.input,
            index: item.index,
          }, level);
        }
        if (this.#levelOf(item) === level) this.#emitNode(item);
      } else if (this.#levelOf(item) === level) this.#emitTerm(item);
    }
    for (const store of this.#source.stores) {
      this.#address(store, {
        parameter: this.#inputs + store.output,
        index: store.index,
      }, level);
    }
  }

  /** A loop over an axis that is not the vector axis, and what is known in it. */
  loop(
    axis: Term,
    body: () => void,
    from: Operand<"i32"> = 0,
    to: Operand<"i32"> = axis.extent,
  ): void {
    this.f.loop(this.counter(axis), from, to, 1, () => this.scope(axis, body));
  }

  /** What is known once an axis has its counter, and a body after it. */
  scope(axis: Term, body: () => void): void {
    const kept = [this.#nodes, this.#terms, this.#addresses] as const;
    this.#nodes = new Map(kept[0]);
    this.#terms = new Map(kept[1]);
    this.#addresses = new Map(kept[2]);
    this.enter(this.#source.axes.indexOf(axis) + 1);
    body();
    [this.#nodes, this.#terms, this.#addresses] = kept;
  }

  /**
   * The loop over the vector axis: several vectors at a time, then one, then
   * lane by lane.
   *
   * @param copies How many vectors at a time.
   * @param body Is called for each width.
   * @param from First element.
   * @param to Where to stop.
   * @param whole Whether there are whole vectors only.
   */
  vectorLoop(
    copies: number,
    body: () => void,
    from: Operand<"i32"> = 0,
    to: Operand<"i32"> = this.#source.vector!.extent,
    whole = false,
  ): void {
    const axis = this.#source.vector!;
    const counter = this.counter(axis);
    const before = this.#width;
    const known = typeof from === "number" && typeof to === "number";
    let start: Operand<"i32"> = from;
    const widths: Width[] = [{ lanes: 4, copies: 1 }];
    if (copies > 1) widths.unshift({ lanes: 4, copies });
    if (!whole) widths.push({ lanes: 1, copies: 1 });
    for (const width of widths) {
      this.#width = width;
      const step = width.lanes * width.copies;
      let end: Operand<"i32"> = to;
      if (known) {
        const rounds = Math.floor((to - Number(start)) / step);
        end = Number(start) + rounds * step;
      } else if (step > 1) {
        const rest = i32.and(i32.sub(to, start), -step);
        end = this.f.let(i32.add(start, rest));
      }
      this.f.loop(counter, start, end, step, () => this.scope(axis, body));
      start = known ? end : counter;
    }
    this.#width = before;
  }

  /** Writes the results at this point. */
  store(): void {
    for (const store of this.#source.stores) {
      for (let copy = 0; copy < this.#width.copies; copy++) {
        this.write(store, this.value(store.node, copy), copy);
      }
    }
  }

  /** Writes a vector, or the first lane of it, to where a result goes. */
  write(
    store: Store,
    value: Expression<"v128">,
    copy = 0,
    dtype: DType = store.node.dtype,
  ): void {
    const address = this.#addresses.get(store)!;
    const step = this.#stepOf(store.index) * 4;
    const offset = copy * 4 * step;
    const vector = this.f.let(storedForm(value, dtype));
    if (step === 4 && this.#width.lanes === 4) {
      this.f.store(address, vector, offset);
      return;
    }
    for (let lane = 0; lane < this.#width.lanes; lane++) {
      this.f.storeLane(address, vector, lane, offset + lane * step);
    }
  }

  /** How far apart neighbours of the vector axis are; undefined where it varies. */
  #stepOf({ terms }: Index): number {
    const { vector } = this.#source;
    return vector ? terms.get(vector) ?? 0 : 0;
  }

  #levelOf(item: Node | Term | Index): number {
    let level = this.#levels.get(item);
    if (level !== undefined) return level;
    if ("terms" in item) {
      level = Math.max(
        0,
        ...[...item.terms.keys()].map((t) => this.#levelOf(t)),
      );
    } else if (isNode(item)) {
      const { indices, nodes } = needsOf(item);
      level = Math.max(
        0,
        ...indices.map((i) => this.#levelOf(i)),
        ...nodes.map((n) => this.#levelOf(n)),
      );
    } else if (item.computed) {
      const { from, vector } = item.computed;
      level = Math.max(
        vector ? this.#levelOf(vector as Node) : 0,
        ...from.map((i) => this.#levelOf(i)),
      );
    } else level = this.#source.axes.indexOf(item) + 1;
    this.#levels.set(item, level);
    return level;
  }

  /** Whether neighbours of the vector axis differ. */
  #isWide(item: Node | Term | Index): boolean {
    let wide = this.#wide.get(item);
    if (wide !== undefined) return wide;
    if ("terms" in item) {
      wide = [...item.terms.keys()].some((term) => this.#isWide(term));
    } else if (isNode(item)) {
      const { indices, nodes } = needsOf(item);
      wide = indices.some((i) => this.#isWide(i)) ||
        nodes.some((n) => this.#isWide(n));
    } else if (item.computed) {
      const { from, vector } = item.computed;
      wide = from.some((i) => this.#isWide(i)) ||
        (vector !== undefined && this.#isWide(vector as Node));
    } else wide = item === this.#source.vector;
    this.#wide.set(item, wide);
    return wide;
  }

  /** Whether neighbours differ by more than a constant step. */
  #isScattered({ terms }: Index): boolean {
    return [...terms.keys()].some((t) => t.computed && this.#isWide(t));
  }

  /** The terms of an index that are known from a level on, added to a start. */
  #sum(
    index: Index,
    level: number | undefined,
    start: Expression<"i32">,
    scale: number,
    lane = 0,
  ): Expression<"i32"> {
    let total = start;
    for (const [term, multiple] of index.terms) {
      if (level !== undefined && this.#levelOf(term) !== level) continue;
      total = i32.add(
        total,
        i32.mul(this.#termValue(term, lane), multiple * scale),
      );
    }
    return total;
  }

  /** A term at an element: lane `lane` counts through all copies. */
  #termValue(term: Term, lane: number): Expression<"i32"> {
    if (!term.computed) {
      const counter = this.counter(term);
      return term === this.#source.vector ? i32.add(counter, lane) : counter;
    }
    const values = this.#terms.get(term)!;
    return values[lane] ?? values[0];
  }

  /** The address of an access as far as it is known at a level. */
  #address(key: object, { parameter, index }: Access, level: number): void {
    const at = this.#addresses.get(key) ?? this.f.parameter(parameter);
    if (this.#isScattered(index)) {
      // What differs from lane to lane is added for each of them.
      const narrow: Index = {
        constant: index.constant,
        terms: new Map([...index.terms].filter(([t]) => !this.#isWide(t))),
      };
      this.#advance(key, at, narrow, level);
      return;
    }
    this.#advance(key, at, index, level);
  }

  #advance(
    key: object,
    at: Expression<"i32">,
    index: Index,
    level: number,
  ): void {
    const moves = [...index.terms.keys()].some((t) =>
      this.#levelOf(t) === level
    );
    if (level === 0 && index.constant < 0) {
      at = i32.add(at, index.constant * 4);
    } else if (!moves) {
      if (!this.#addresses.has(key)) this.#addresses.set(key, at);
      return;
    }
    this.#addresses.set(key, this.f.let(this.#sum(index, level, at, 4)));
  }

  #emitTerm(term: Term): void {
    const { from, vector, emit } = term.computed!;
    const lanes = this.#isWide(term)
      ? this.#width.lanes * this.#width.copies
      : 1;
    const values: Local<"i32">[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const operands = vector
        ? [
          i32x4.extract_lane(
            this.value(vector as Node, Math.floor(lane / 4)),
            lane % 4,
          ),
        ]
        : from.map((index) => this.#indexAt(index, lane));
      values.push(
        this.f.let(emit(operands.map((o) => this.f.let(o)))),
      );
    }
    this.#terms.set(term, values);
  }

  #indexAt(index: Index, lane: number): Expression<"i32"> {
    return this.#sum(index, undefined, i32.const(index.constant), 1, lane);
  }

  #emitNode(node: Node): void {
    const wide = this.#isWide(node);
    const copies = wide ? this.#width.copies : 1;
    const values: Expression<"v128">[] = [];
    for (let copy = 0; copy < copies; copy++) {
      values.push(this.f.let(this.#nodeAt(node, copy)));
    }
    this.#nodes.set(node, values);
  }

  #nodeAt(node: Node, copy: number): Expression<"v128"> {
    switch (node.kind) {
      case "constant":
        return constantVector(node.number, node.dtype);
      case "operation":
        return node.emit(
          node.operands.map((operand) => this.value(operand, copy)),
          this.f,
        );
      case "load":
        return this.#load(node, copy);
      case "counter":
        return this.#lanes(node.index, copy);
      case "within": {
        const at = this.#lanes(node.index, copy);
        const extent = constantVector(node.extent, "int");
        return i32x4.lt_u(at, extent);
      }
      case "random": {
        const [k0, k1] = node.key.map((k) =>
          i32x4.extract_lane(this.value(k, copy), 0)
        );
        const { index, stream } = node;
        const lanes = this.#isWide(index) ? this.#width.lanes : 1;
        if (
          lanes === 4 && this.#stepOf(index) === 1 && !this.#isScattered(index)
        ) {
          const first = this.#indexAt(index, copy * 4);
          return this.f.call(
            "random_four",
            k0,
            k1,
            stream,
            first,
          ) as Expression<"v128">;
        }
        const result = this.f.local("v128");
        for (let lane = 0; lane < lanes; lane++) {
          const drawn = this.f.call(
            "random_bits",
            k0,
            k1,
            stream,
            this.#indexAt(index, copy * 4 + lane),
          ) as Expression<"i32">;
          this.f.set(
            result,
            lanes === 1
              ? i32x4.splat(drawn)
              : i32x4.replace_lane(result, lane, drawn),
          );
        }
        return result;
      }
    }
  }

  /** An index as a vector of four ints. */
  #lanes(index: Index, copy: number): Expression<"v128"> {
    const first = i32x4.splat(this.#indexAt(index, copy * 4));
    if (!this.#isWide(index) || this.#width.lanes === 1) return first;
    if (!this.#isScattered(index)) {
      const step = this.#stepOf(index);
      const steps = i32x4.const([0, step, 2 * step, 3 * step]);
      return i32x4.add(first, steps);
    }
    let lanes = first;
    for (let lane = 1; lane < 4; lane++) {
      lanes = i32x4.replace_lane(
        lanes,
        lane,
        this.#indexAt(index, copy * 4 + lane),
      );
    }
    return lanes;
  }

  #load(
    node: Extract<Node, { kind: "load" }>,
    copy: number,
  ): Expression<"v128"> {
    const { index } = node;
    const at = this.#addresses.get(node)!;
    const offset = Math.max(index.constant, 0) * 4;
    const { lanes } = this.#width;
    if (!this.#isWide(index)) return v128.load32_splat(at, offset);
    if (this.#isScattered(index)) {
      const wide: Index = {
        constant: 0,
        terms: new Map([...index.terms].filter(([t]) => this.#isWide(t))),
      };
      const address = (lane: number) =>
        this.#sum(wide, undefined, at, 4, copy * 4 + lane);
      let value = v128.load32_splat(address(0), offset);
      for (let lane = 1; lane < lanes; lane++) {
        value = v128.load32_lane(address(lane), value, lane, offset);
      }
      return value;
    }
    const step = this.#stepOf(index);
    const first = copy * 4 * step;
    const place = (lane: number): [Expression<"i32">, number] => {
      const total = offset + (first + lane * step) * 4;
      return total < 0 ? [i32.add(at, total), 0] : [at, total];
    };
    if (lanes === 1) return v128.load32_splat(...place(0));
    if (step === 1) return v128.load(...place(0));
    if (step === -1) {
      const backward = v128.load(...place(3));
      const value = this.f.let(backward);
      return i32x4.shuffle(value, value, [3, 2, 1, 0]);
    }
    if (step === 2) {
      return i32x4.shuffle(
        v128.load(...place(0)),
        v128.load(...place(2)),
        [0, 2, 4, 6],
      );
    }
    let value = v128.load32_splat(...place(0));
    for (let lane = 1; lane < 4; lane++) {
      const [address, total] = place(lane);
      value = v128.load32_lane(address, value, lane, total);
    }
    return value;
  }
}
