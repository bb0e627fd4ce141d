/**
 * Expressions of WebAssembly: typed pieces of code that leave one value. They
 * are put together by functions named as in the specification, such as
 * `i32.add(a, 4)` or `f32x4.madd(a, b, c)`. Where an expression is used twice, it
 * is computed twice, unless it is kept in a local (`FunctionBuilder.let`).
 *
 * Addresses are bytes; loads and stores add a constant offset for free.
 *
 * @module
 */

/** Type of a value. */
export type Type = "i32" | "i64" | "f32" | "f64" | "v128";

/** Bytes of code, nested so that putting pieces together costs nothing. */
export type Code = readonly (number | Code)[];

/** Code that leaves one value of a type. */
export interface Expression<T extends Type = Type> {
  readonly type: T;
  readonly code: Code;
  /** The value, where it is known. */
  readonly literal?: number;
}

/** What an operation takes: an expression, or a plain number for a scalar. */
export type Operand<T extends Type> =
  | Expression<T>
  | (T extends "v128" ? never : number);

/** A variable of a function; as an expression it is its value. */
export interface Local<T extends Type = Type> extends Expression<T> {
  readonly index: number;
}

/** An unsigned number in LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low + 128 : low);
  } while (value > 0);
  return bytes;
}

/** A signed number in LEB128. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  while (true) {
    const low = ((value % 128) + 128) % 128;
    value = (value - low) / 128;
    if ((value === 0 && low < 64) || (value === -1 && low >= 64)) {
      bytes.push(low);
      return bytes;
    }
    bytes.push(low + 128);
  }
}

const bytesOf = (
  numbers: Float32Array | Float64Array | Int32Array,
): number[] => [...new Uint8Array(numbers.buffer)];

const expression = <T extends Type>(type: T, code: Code): Expression<T> => ({
  type,
  code,
});

/** A plain number as an expression of a type. */
export function operand<T extends Type>(
  type: T,
  value: Operand<T>,
): Expression<T> {
  if (typeof value !== "number") return value as Expression<T>;
  switch (type) {
    case "i32":
      // Addresses above 2 GiB are negative numbers of 32 bits.
      return { type, code: [0x41, signed(value | 0)], literal: value };
    case "i64":
      return { type, code: [0x42, signed(value)], literal: value };
    case "f32":
      return expression(type, [0x43, bytesOf(Float32Array.of(value))]);
    default:
      return expression(type, [0x44, bytesOf(Float64Array.of(value))]);
  }
}

// Makers of the functions below. An opcode above 255 has its prefix in front.

type Opcode = number | readonly number[];

const SIMD = (code: number): number[] => [0xfd, ...unsigned(code)];
const ATOMIC = (code: number): number[] => [0xfe, code];

const opcode = (code: Opcode): Code => typeof code === "number" ? [code] : code;

const unary = <A extends Type, R extends Type>(a: A, r: R, code: Opcode) =>
(
  x: Operand<A>,
): Expression<R> => expression(r, [operand(a, x).code, opcode(code)]);

const binary = <A extends Type, B extends Type, R extends Type>(
  a: A,
  b: B,
  r: R,
  code: Opcode,
) =>
(x: Operand<A>, y: Operand<B>): Expression<R> =>
  expression(r, [operand(a, x).code, operand(b, y).code, opcode(code)]);

/** The operation of two operands of a type that gives the same type. */
const within = <T extends Type>(type: T, code: Opcode) =>
  binary(type, type, type, code);
const compared = <T extends Type>(type: T, code: Opcode) =>
  binary(type, type, "i32", code);

/** Operations of vectors, by their number behind the SIMD prefix. */
const vector1 = (code: number) => unary("v128", "v128", SIMD(code));
const vector2 = (code: number) => within("v128", SIMD(code));
const shift = (code: number) => binary("v128", "i32", "v128", SIMD(code));

/** Alignment (as a power of two, a hint) and offset of an access. */
const access = (align: number, offset: number): Code => [
  align,
  unsigned(offset),
];

const load =
  <T extends Type>(type: T, code: Opcode, align: number) =>
  (address: Operand<"i32">, offset = 0): Expression<T> =>
    expression(type, [
      operand("i32", address).code,
      opcode(code),
      access(align, offset),
    ]);

const extract = <T extends Type>(type: T, code: number) =>
(
  x: Expression<"v128">,
  lane: number,
): Expression<T> => expression(type, [x.code, SIMD(code), lane]);

const replace = <T extends Type>(type: T, code: number) =>
(
  x: Expression<"v128">,
  lane: number,
  value: Operand<T>,
): Expression<"v128"> =>
  expression("v128", [x.code, operand(type, value).code, SIMD(code), lane]);

const sum = within("i32", 0x6a);
const product = within("i32", 0x6c);

/** 32-bit integers; also addresses and truth values. */
export const i32 = {
  const: (value: number): Expression<"i32"> => operand("i32", value),
  load: load("i32", 0x28, 2),
  load8_u: load("i32", 0x2d, 0),
  eqz: unary("i32", "i32", 0x45),
  eq: compared("i32", 0x46),
  ne: compared("i32", 0x47),
  lt_s: compared("i32", 0x48),
  lt_u: compared("i32", 0x49),
  gt_s: compared("i32", 0x4a),
  gt_u: compared("i32", 0x4b),
  le_s: compared("i32", 0x4c),
  le_u: compared("i32", 0x4d),
  ge_s: compared("i32", 0x4e),
  ge_u: compared("i32", 0x4f),
  clz: unary("i32", "i32", 0x67),
  ctz: unary("i32", "i32", 0x68),
  /** The sum; of known numbers, or with 0, no code. */
  add(x: Operand<"i32">, y: Operand<"i32">): Expression<"i32"> {
    const [a, b] = [operand("i32", x), operand("i32", y)];
    if (a.literal !== undefined && b.literal !== undefined) {
      return i32.const(a.literal + b.literal);
    }
    return a.literal === 0 ? b : b.literal === 0 ? a : sum(a, b);
  },
  sub: within("i32", 0x6b),
  /** The product; of known numbers, or with 0 or 1, no code. */
  mul(x: Operand<"i32">, y: Operand<"i32">): Expression<"i32"> {
    const [a, b] = [operand("i32", x), operand("i32", y)];
    if (a.literal !== undefined && b.literal !== undefined) {
      return i32.const(Math.imul(a.literal, b.literal));
    }
    if (a.literal === 0 || b.literal === 0) return i32.const(0);
    return a.literal === 1 ? b : b.literal === 1 ? a : product(a, b);
  },
  div_s: within("i32", 0x6d),
  div_u: within("i32", 0x6e),
  rem_s: within("i32", 0x6f),
  rem_u: within("i32", 0x70),
  and: within("i32", 0x71),
  or: within("i32", 0x72),
  xor: within("i32", 0x73),
  shl: within("i32", 0x74),
  shr_s: within("i32", 0x75),
  shr_u: within("i32", 0x76),
  rotl: within("i32", 0x77),
  wrap_i64: unary("i64", "i32", 0xa7),
  trunc_sat_f32_s: unary("f32", "i32", [0xfc, 0]),
  trunc_sat_f64_s: unary("f64", "i32", [0xfc, 2]),
  reinterpret_f32: unary("f32", "i32", 0xbc),
  /** Atomic accesses; addresses must be multiples of 4. */
  atomic: {
    load: load("i32", ATOMIC(0x10), 2),
    /** Adds, and gives the value before. */
    add: (address: Operand<"i32">, value: Operand<"i32">, offset = 0) =>
      atomic(0x1e, [address, value], offset),
    /** Replaces, and gives the value before. */
    exchange: (address: Operand<"i32">, value: Operand<"i32">, offset = 0) =>
      atomic(0x41, [address, value], offset),
    /** Replaces what equals `expected`, and gives the value before. */
    compareExchange: (
      address: Operand<"i32">,
      expected: Operand<"i32">,
      value: Operand<"i32">,
      offset = 0,
    ) => atomic(0x48, [address, expected, value], offset),
    /** Wakes at most so many waiting threads, and gives how many. */
    notify: (address: Operand<"i32">, count: Operand<"i32">, offset = 0) =>
      atomic(0x00, [address, count], offset),
    /**
     * Sleeps while the value is `expected`, for at most so many nanoseconds, or
     * without end at -1. Gives 0 when woken, 1 when the value differs, 2 at the end.
     */
    wait: (
      address: Operand<"i32">,
      expected: Operand<"i32">,
      timeout: Operand<"i64">,
      offset = 0,
    ): Expression<"i32"> =>
      expression("i32", [
        operand("i32", address).code,
        operand("i32", expected).code,
        operand("i64", timeout).code,
        [ATOMIC(0x01), access(2, offset)],
      ]),
  },
};

function atomic(
  code: number,
  operands: readonly Operand<"i32">[],
  offset: number,
): Expression<"i32"> {
  return expression("i32", [
    operands.map((o) => operand("i32", o).code),
    ATOMIC(code),
    access(2, offset),
  ]);
}

/** 64-bit integers. */
export const i64 = {
  const: (value: number): Expression<"i64"> => operand("i64", value),
  load: load("i64", 0x29, 3),
  add: within("i64", 0x7c),
  sub: within("i64", 0x7d),
  mul: within("i64", 0x7e),
  and: within("i64", 0x83),
  or: within("i64", 0x84),
  xor: within("i64", 0x85),
  shl: within("i64", 0x86),
  shr_s: within("i64", 0x87),
  shr_u: within("i64", 0x88),
  extend_i32_s: unary("i32", "i64", 0xac),
  extend_i32_u: unary("i32", "i64", 0xad),
  reinterpret_f64: unary("f64", "i64", 0xbd),
};

/** Floats of 32 bits. */
export const f32 = {
  const: (value: number): Expression<"f32"> => operand("f32", value),
  load: load("f32", 0x2a, 2),
  eq: compared("f32", 0x5b),
  ne: compared("f32", 0x5c),
  lt: compared("f32", 0x5d),
  gt: compared("f32", 0x5e),
  le: compared("f32", 0x5f),
  ge: compared("f32", 0x60),
  abs: unary("f32", "f32", 0x8b),
  neg: unary("f32", "f32", 0x8c),
  ceil: unary("f32", "f32", 0x8d),
  floor: unary("f32", "f32", 0x8e),
  trunc: unary("f32", "f32", 0x8f),
  nearest: unary("f32", "f32", 0x90),
  sqrt: unary("f32", "f32", 0x91),
  add: within("f32", 0x92),
  sub: within("f32", 0x93),
  mul: within("f32", 0x94),
  div: within("f32", 0x95),
  min: within("f32", 0x96),
  max: within("f32", 0x97),
  copysign: within("f32", 0x98),
  convert_i32_s: unary("i32", "f32", 0xb2),
  convert_i32_u: unary("i32", "f32", 0xb3),
  demote_f64: unary("f64", "f32", 0xb6),
  reinterpret_i32: unary("i32", "f32", 0xbe),
};

/** Floats of 64 bits. */
export const f64 = {
  const: (value: number): Expression<"f64"> => operand("f64", value),
  load: load("f64", 0x2b, 3),
  eq: compared("f64", 0x61),
  ne: compared("f64", 0x62),
  lt: compared("f64", 0x63),
  gt: compared("f64", 0x64),
  le: compared("f64", 0x65),
  ge: compared("f64", 0x66),
  abs: unary("f64", "f64", 0x99),
  neg: unary("f64", "f64", 0x9a),
  floor: unary("f64", "f64", 0x9c),
  nearest: unary("f64", "f64", 0x9e),
  sqrt: unary("f64", "f64", 0x9f),
  add: within("f64", 0xa0),
  sub: within("f64", 0xa1),
  mul: within("f64", 0xa2),
  div: within("f64", 0xa3),
  min: within("f64", 0xa4),
  max: within("f64", 0xa5),
  convert_i32_s: unary("i32", "f64", 0xb7),
  convert_i32_u: unary("i32", "f64", 0xb8),
  promote_f32: unary("f32", "f64", 0xbb),
  reinterpret_i64: unary("i64", "f64", 0xbf),
};

/** The vector with one lane loaded. */
const loadLane = (code: number, align: number) =>
(
  address: Operand<"i32">,
  x: Expression<"v128">,
  lane: number,
  offset = 0,
): Expression<"v128"> =>
  expression("v128", [
    operand("i32", address).code,
    x.code,
    [SIMD(code), access(align, offset), lane],
  ]);

/** Vectors of 16 bytes, whatever they hold. */
export const v128 = {
  load: load("v128", SIMD(0x00), 2),
  load32_splat: load("v128", SIMD(0x09), 2),
  load64_splat: load("v128", SIMD(0x0a), 3),
  /** Loads one or two floats, and zeros behind them. */
  load32_zero: load("v128", SIMD(0x5c), 2),
  load64_zero: load("v128", SIMD(0x5d), 3),
  /** The vector with one lane loaded: one of four, or of two. */
  load32_lane: loadLane(0x56, 2),
  load64_lane: loadLane(0x57, 3),
  not: vector1(0x4d),
  and: vector2(0x4e),
  /** a and not b. */
  andnot: vector2(0x4f),
  or: vector2(0x50),
  xor: vector2(0x51),
  /** Bits of `a` where the mask is 1, of `b` where it is 0. */
  bitselect: (
    a: Expression<"v128">,
    b: Expression<"v128">,
    mask: Expression<"v128">,
  ): Expression<"v128"> =>
    expression("v128", [a.code, b.code, mask.code, SIMD(0x52)]),
  any_true: unary("v128", "i32", SIMD(0x53)),
};

/** Vectors of four 32-bit integers. */
export const i32x4 = {
  const: (lanes: readonly number[]): Expression<"v128"> =>
    expression("v128", [SIMD(0x0c), bytesOf(Int32Array.from(lanes))]),
  splat: unary("i32", "v128", SIMD(0x11)),
  extract_lane: extract("i32", 0x1b),
  replace_lane: replace("i32", 0x1c),
  eq: vector2(0x37),
  ne: vector2(0x38),
  lt_s: vector2(0x39),
  lt_u: vector2(0x3a),
  gt_s: vector2(0x3b),
  gt_u: vector2(0x3c),
  le_s: vector2(0x3d),
  ge_s: vector2(0x3f),
  abs: vector1(0xa0),
  neg: vector1(0xa1),
  all_true: unary("v128", "i32", SIMD(0xa3)),
  bitmask: unary("v128", "i32", SIMD(0xa4)),
  shl: shift(0xab),
  shr_s: shift(0xac),
  shr_u: shift(0xad),
  add: vector2(0xae),
  sub: vector2(0xb1),
  mul: vector2(0xb5),
  min_s: vector2(0xb6),
  max_s: vector2(0xb8),
  trunc_sat_f32x4_s: vector1(0xf8),
  /** Four lanes of the eight of `a` and `b`, by number. */
  shuffle: (
    a: Expression<"v128">,
    b: Expression<"v128">,
    lanes: readonly number[],
  ): Expression<"v128"> =>
    expression("v128", [
      a.code,
      b.code,
      SIMD(0x0d),
      lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
    ]),
};

/** Vectors of two 64-bit integers. */
export const i64x2 = {
  add: vector2(0xce),
  mul: vector2(0xd5),
  shl: shift(0xcb),
  shr_u: shift(0xcd),
  /** Products, 64 bits each, of the lower or upper two lanes of i32x4. */
  extmul_low_i32x4_u: vector2(0xde),
  extmul_high_i32x4_u: vector2(0xdf),
};

/** Whether the machine multiplies and adds vectors in one instruction. */
export const FUSED: boolean = WebAssembly.validate(
  Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // header
    ...[1, 5, 1, 0x60, 0, 1, 0x7b], // type: () -> v128
    ...[3, 2, 1, 0], // one function
    ...[10, 19, 1, 17, 0], // its code
    ...[0x41, 0, 0xfd, 0x11, 0x41, 0, 0xfd, 0x11, 0x41, 0, 0xfd, 0x11],
    ...[0xfd, 0x85, 0x02, 0x0b],
  ]),
);

/** Vectors of four floats of 32 bits. */
export const f32x4 = {
  const: (lanes: readonly number[]): Expression<"v128"> =>
    expression("v128", [SIMD(0x0c), bytesOf(Float32Array.from(lanes))]),
  /** The same number in all lanes. */
  splat: (x: Operand<"f32">): Expression<"v128"> =>
    typeof x === "number"
      ? f32x4.const([x, x, x, x])
      : expression("v128", [x.code, SIMD(0x13)]),
  extract_lane: extract("f32", 0x1f),
  replace_lane: replace("f32", 0x20),
  eq: vector2(0x41),
  ne: vector2(0x42),
  lt: vector2(0x43),
  gt: vector2(0x44),
  le: vector2(0x45),
  ge: vector2(0x46),
  ceil: vector1(0x67),
  floor: vector1(0x68),
  trunc: vector1(0x69),
  nearest: vector1(0x6a),
  abs: vector1(0xe0),
  neg: vector1(0xe1),
  sqrt: vector1(0xe3),
  add: vector2(0xe4),
  sub: vector2(0xe5),
  mul: vector2(0xe6),
  div: vector2(0xe7),
  /** NaN where one of them is. */
  min: vector2(0xe8),
  max: vector2(0xe9),
  /** b < a ? b : a, and a < b ? b : a: one instruction, and NaN is lost. */
  pmin: vector2(0xea),
  pmax: vector2(0xeb),
  convert_i32x4_s: vector1(0xfa),
  convert_i32x4_u: vector1(0xfb),
  /** a * b + c, rounded once where `FUSED`, else twice. */
  madd: (
    a: Expression<"v128">,
    b: Expression<"v128">,
    c: Expression<"v128">,
  ): Expression<"v128"> =>
    FUSED
      ? expression("v128", [a.code, b.code, c.code, SIMD(0x105)])
      : f32x4.add(f32x4.mul(a, b), c),
  /** c - a * b, rounded once where `FUSED`, else twice. */
  nmadd: (
    a: Expression<"v128">,
    b: Expression<"v128">,
    c: Expression<"v128">,
  ): Expression<"v128"> =>
    FUSED
      ? expression("v128", [a.code, b.code, c.code, SIMD(0x106)])
      : f32x4.sub(c, f32x4.mul(a, b)),
  demote_f64x2_zero: vector1(0x5e),
};

/** Vectors of two floats of 64 bits. */
export const f64x2 = {
  splat: unary("f64", "v128", SIMD(0x14)),
  extract_lane: extract("f64", 0x21),
  add: vector2(0xf0),
  sub: vector2(0xf1),
  mul: vector2(0xf2),
  div: vector2(0xf3),
  /** The lower two lanes of f32x4. */
  promote_low_f32x4: vector1(0x5f),
};

/** `a` where the condition is not 0, else `b`; both are computed. */
export function select<T extends Type>(
  a: Expression<T>,
  b: Expression<T>,
  condition: Operand<"i32">,
): Expression<T> {
  return expression(a.type, [
    a.code,
    b.code,
    operand("i32", condition).code,
    0x1b,
  ]);
}
