/**
 * A small assembler: functions written in TypeScript become a WebAssembly module.
 *
 * A function is described by what it emits: statements of a
 * {@linkcode FunctionBuilder}, over the expressions of `expression.ts`. A module
 * imports one memory, `env.memory`, and exports all its functions by name.
 *
 * @module
 */

import {
  type Code,
  type Expression,
  i32,
  type Local,
  type Operand,
  operand,
  type Type,
  unsigned,
} from "./expression.ts";

/** Parameters and result of a function. */
export interface Signature {
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly result?: Type;
}

/** A function of a module. */
export interface FunctionSource extends Signature {
  /** Emits the body. A result is given by `f.return`. */
  readonly emit: (f: FunctionBuilder) => void;
}

const TYPES: Readonly<Record<Type, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
const NOTHING = 0x40;

/** Opcode of the store of a whole value, and its alignment. */
const STORES: Readonly<Record<Type, Code>> = {
  i32: [0x36, 2],
  i64: [0x37, 3],
  f32: [0x38, 2],
  f64: [0x39, 3],
  v128: [0xfd, 0x0b, 2],
};

/** Emits the statements of one function. */
export class FunctionBuilder {
  readonly #signature: Signature;
  readonly #functions: readonly Signature[];
  readonly #locals: Type[] = [];
  #code: (number | Code)[] = [];
  /** Blocks that are open, which jumps count. */
  #depth = 0;

  /**
   * @param signature Its parameters and result.
   * @param functions What it may call, in the module's order.
   */
  constructor(signature: Signature, functions: readonly Signature[]) {
    this.#signature = signature;
    this.#functions = functions;
  }

  /** The parameter at a place; all parameters of kernels are i32. */
  parameter(index: number): Local<"i32"> {
    const type = this.#signature.parameters[index];
    if (type !== "i32") {
      throw new RangeError(
        `Cannot emit ${this.#signature.name}: parameter ${index} is ${type}, not i32`,
      );
    }
    return { type, index, code: [0x20, unsigned(index)] };
  }

  /** A new variable; it holds zero at the start of the function, not of a loop. */
  local<T extends Type>(type: T): Local<T> {
    const index = this.#signature.parameters.length +
      this.#locals.push(type) - 1;
    return { type, index, code: [0x20, unsigned(index)] };
  }

  /** A new variable that holds a value. */
  let<T extends Type>(value: Expression<T>): Local<T> {
    const local = this.local(value.type);
    this.set(local, value);
    return local;
  }

  /** Gives a variable a value. */
  set<T extends Type>(local: Local<T>, value: Operand<T>): void {
    this.#emit(operand(local.type, value).code, 0x21, unsigned(local.index));
  }

  /** Adds to an i32 variable. */
  increase(local: Local<"i32">, by: Operand<"i32">): void {
    if (by !== 0) this.set(local, i32.add(local, by));
  }

  /** Sets an i32 variable to a value if that is lower, unsigned. */
  lower(local: Local<"i32">, to: Operand<"i32">): void {
    this.if(i32.lt_u(to, local), () => this.set(local, to));
  }

  /** Stores a value at an address and a constant offset. */
  store(address: Operand<"i32">, value: Expression, offset = 0): void {
    this.#emit(
      operand("i32", address).code,
      value.code,
      STORES[value.type],
      unsigned(offset),
    );
  }

  /** Stores the lowest byte of an i32. */
  store8(
    address: Operand<"i32">,
    value: Expression<"i32">,
    offset = 0,
  ): void {
    const at = operand("i32", address).code;
    this.#emit(at, value.code, 0x3a, 0, unsigned(offset));
  }

  /** Stores one lane of f32x4 or i32x4. */
  storeLane(
    address: Operand<"i32">,
    value: Expression<"v128">,
    lane: number,
    offset = 0,
  ): void {
    const at = operand("i32", address).code;
    this.#emit(at, value.code, [0xfd, 0x5a, 2, unsigned(offset), lane]);
  }

  /** Stores the lower half of a vector, 0, or the upper, 1. */
  storeHalf(
    address: Operand<"i32">,
    value: Expression<"v128">,
    half: number,
    offset = 0,
  ): void {
    const at = operand("i32", address).code;
    this.#emit(at, value.code, [0xfd, 0x5b, 2, unsigned(offset), half]);
  }

  /** Stores an i32 atomically. */
  atomicStore(
    address: Operand<"i32">,
    value: Operand<"i32">,
    offset = 0,
  ): void {
    const operands = [address, value].map((o) => operand("i32", o).code);
    this.#emit(operands, [0xfe, 0x17, 2, unsigned(offset)]);
  }

  /** Copies so many bytes; the two places may overlap. */
  copy(to: Operand<"i32">, from: Operand<"i32">, bytes: Operand<"i32">): void {
    const operands = [to, from, bytes].map((o) => operand("i32", o).code);
    this.#emit(operands, [0xfc, 10, 0, 0]);
  }

  /** Sets so many bytes. */
  fill(to: Operand<"i32">, byte: Operand<"i32">, bytes: Operand<"i32">): void {
    const operands = [to, byte, bytes].map((o) => operand("i32", o).code);
    this.#emit(operands, [0xfc, 11, 0]);
  }

  /** Computes an expression for its effect alone. */
  drop(value: Expression): void {
    this.#emit(value.code, 0x1a);
  }

  /** Leaves the function, with its result if it has one. */
  return(value?: Expression): void {
    this.#emit(value ? value.code : [], 0x0f);
  }

  /** Stops the thread with an error. */
  unreachable(): void {
    this.#emit(0x00);
  }

  /**
   * Calls a function of the module. Without a result the call is a statement.
   *
   * @returns The call, where there is a result: emitted where it is used.
   */
  call(name: string, ...operands: Operand<Type>[]): Expression {
    const index = this.#functions.findIndex((f) => f.name === name);
    if (index < 0) {
      throw new RangeError(
        `Cannot emit ${this.#signature.name}: the module has no function ${name}`,
      );
    }
    const { parameters, result } = this.#functions[index];
    const code = [
      operands.map((o, i) => operand(parameters[i], o).code),
      [0x10, unsigned(index)],
    ];
    if (!result) this.#emit(code);
    return { type: result ?? "i32", code };
  }

  /** Runs a body if a condition is not 0, and another one if it is. */
  if(
    condition: Operand<"i32">,
    then: () => void,
    otherwise?: () => void,
  ): void {
    const test = operand("i32", condition);
    if (test.literal !== undefined) {
      if (test.literal !== 0) then();
      else otherwise?.();
      return;
    }
    this.#emit(test.code, 0x04, NOTHING, this.#inside(then));
    if (otherwise) this.#emit(0x05, this.#inside(otherwise));
    this.#emit(0x0b);
  }

  /**
   * Runs a body once.
   *
   * @param body Its statements; `leave` goes to the end of the block, if a
   * condition is given only where that is not 0.
   */
  block(body: (leave: (condition?: Operand<"i32">) => void) => void): void {
    const own = this.#depth;
    this.#emit(0x02, NOTHING);
    this.#emit(this.#inside(() => body(this.#jump(own))), 0x0b);
  }

  /**
   * Runs a body while the counter is below `to`, unsigned, so that addresses can
   * be counters too. The bounds are computed once a round: keep them in locals.
   *
   * @param counter Is set to `from` at first, and increased after each round.
   * @param from First value.
   * @param to The counter stays below it.
   * @param step Added after each round.
   * @param body The statements.
   */
  loop(
    counter: Local<"i32">,
    from: Operand<"i32">,
    to: Operand<"i32">,
    step: number,
    body: () => void,
  ): void {
    const [first, end] = [operand("i32", from), operand("i32", to)];
    const known = first.literal !== undefined && end.literal !== undefined;
    if (known && first.literal! >= end.literal!) return;
    if (first !== counter) this.set(counter, first);
    if (known && first.literal! + step >= end.literal!) return body();
    const rounds = () =>
      this.repeat((again) => {
        body();
        this.increase(counter, step);
        again(i32.lt_u(counter, end));
      });
    if (known) rounds();
    else this.if(i32.lt_u(counter, end), rounds);
  }

  /**
   * Runs a body, and again wherever it asks for it.
   *
   * @param body Its statements; `again` goes back to the start, if a condition
   * is given only where that is not 0.
   */
  repeat(body: (again: (condition?: Operand<"i32">) => void) => void): void {
    const own = this.#depth;
    this.#emit(0x03, NOTHING);
    this.#emit(this.#inside(() => body(this.#jump(own))), 0x0b);
  }

  /** The function as an entry of the code section. */
  finish(): Code {
    const locals = this.#locals.map((type) => [1, TYPES[type]]);
    // A function with a result ends in `return`: what follows is not reached.
    const end = this.#signature.result ? [0x00, 0x0b] : [0x0b];
    return sized([unsigned(locals.length), locals, this.#code, end]);
  }

  #emit(...code: Code): void {
    this.#code.push(...code);
  }

  /** The code of a body one block further in. */
  #inside(body: () => void): Code {
    const outer = this.#code;
    const inner: (number | Code)[] = [];
    this.#code = inner;
    this.#depth++;
    body();
    this.#depth--;
    this.#code = outer;
    return inner;
  }

  #jump(depth: number): (condition?: Operand<"i32">) => void {
    return (condition) => {
      const to = unsigned(this.#depth - depth - 1);
      if (condition === undefined) this.#emit(0x0c, to);
      else this.#emit(operand("i32", condition).code, 0x0d, to);
    };
  }
}

/** What comes from outside, and what a module consists of. */
export interface ModuleSource {
  /** Whether threads share the memory; true by default. */
  readonly shared?: boolean;
  /** Functions that the module imports from `env`, by name. */
  readonly imports?: readonly Signature[];
  /** Its functions; all are exported, and each may call all others. */
  readonly functions: readonly FunctionSource[];
}

/** Most pages a memory can have: 4 GiB. */
export const MOST_PAGES = 65536;

/** Assembles a module's binary. */
export function assemble(module: ModuleSource): Uint8Array<ArrayBuffer> {
  const { shared = true, imports = [], functions } = module;
  const all: readonly Signature[] = [...imports, ...functions];
  const types = all.map(({ parameters, result }) => [
    0x60,
    list(parameters.map((type) => [TYPES[type]])),
    list(result ? [[TYPES[result]]] : []),
  ]);
  const section = (id: number, code: Code): Code => [id, sized(code)];
  // A shared memory must say how large it can become.
  const limits = shared ? [3, 1, unsigned(MOST_PAGES)] : [0, 1];
  const memory = [text("env"), text("memory"), 2, limits];
  const bodies = functions.map((source) => {
    const f = new FunctionBuilder(source, all);
    source.emit(f);
    return f.finish();
  });
  return Uint8Array.from(flatten([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, list(types)),
    section(
      2,
      list([
        memory,
        ...imports.map((
          { name },
          i,
        ) => [text("env"), text(name), 0, unsigned(i)]),
      ]),
    ),
    section(3, list(functions.map((_, i) => unsigned(imports.length + i)))),
    section(
      7,
      list(functions.map(({ name }, i) => [
        text(name),
        0,
        unsigned(imports.length + i),
      ])),
    ),
    section(10, list(bodies)),
  ]));
}

function list(items: readonly Code[]): Code {
  return [unsigned(items.length), ...items];
}

function text(name: string): Code {
  return sized([...new TextEncoder().encode(name)]);
}

/** Code with its number of bytes in front. */
function sized(code: Code): Code {
  const bytes = flatten(code);
  return [unsigned(bytes.length), bytes];
}

function flatten(code: Code): number[] {
  const bytes: number[] = [];
  const visit = (part: Code): void => {
    for (const each of part) {
      if (typeof each === "number") bytes.push(each);
      else visit(each);
    }
  };
  visit(code);
  return bytes;
}
