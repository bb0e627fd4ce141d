/**
 * The element-wise operations on vectors of four lanes: floats, ints, or masks
 * for bools.
 *
 * @module
 */

import type { Operation } from "../tensor/tensor.ts";
import type { DType } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import { type Expression, f32x4, i32x4, v128 } from "../wasm/expression.ts";
import { errorFunction, exponential, logarithm, tangent } from "./functions.ts";

type Vector = Expression<"v128">;

const floats = (number: number): Vector =>
  f32x4.const([number, number, number, number]);
const ints = (number: number): Vector =>
  i32x4.const([number, number, number, number]);

/** A number in all lanes. */
export function constantVector(number: number, dtype: DType): Vector {
  if (dtype === "float") return floats(number);
  return ints(dtype === "bool" ? (number !== 0 ? -1 : 0) : number);
}

/** What an element-wise operation is applied to. */
export interface Operands {
  /** The operands, kept in variables. */
  readonly vectors: readonly Vector[];
  /** The numbers of those that are the same everywhere and known. */
  readonly constants: readonly (number | undefined)[];
  /** Type of the last operand: of what is compared, cast or selected. */
  readonly from: DType;
}

/**
 * Applies an element-wise operation.
 *
 * @param dtype Type of the result.
 */
export function emitOperation(
  f: FunctionBuilder,
  { kind }: Operation,
  { vectors: [a, b, c], constants: [x, y], from }: Operands,
  dtype: DType,
): Vector {
  const float = from === "float";
  if ((kind === "max" || kind === "min") && y === undefined && isKnown(x)) {
    [a, b, y] = [b, a, x];
  }
  switch (kind) {
    case "neg":
      return float ? f32x4.neg(a) : i32x4.neg(a);
    case "abs":
      return float ? f32x4.abs(a) : i32x4.abs(a);
    case "sign": {
      if (!float) return i32x4.max_s(i32x4.min_s(a, ints(1)), ints(-1));
      // NaN and the zeros are their own signs.
      const one = v128.or(v128.and(a, ints(1 << 31)), floats(1));
      return v128.bitselect(one, a, f32x4.gt(f32x4.abs(a), floats(0)));
    }
    case "exp":
      return exponential(f, a);
    case "log":
      return logarithm(f, a);
    case "sqrt":
      return f32x4.sqrt(a);
    case "rsqrt":
      return f32x4.div(floats(1), f32x4.sqrt(a));
    case "tanh":
      return tangent(f, a);
    case "erf":
      return errorFunction(f, a);
    case "floor":
      return f32x4.floor(a);
    case "add":
      return float ? f32x4.add(a, b) : i32x4.add(a, b);
    case "sub":
      return float ? f32x4.sub(a, b) : i32x4.sub(a, b);
    case "mul":
      return float ? f32x4.mul(a, b) : i32x4.mul(a, b);
    case "div":
      return f32x4.div(a, b);
    case "max":
      if (!float) return i32x4.max_s(a, b);
      // One comparison keeps a NaN on the left, but takes -0 for 0: adding 0
      // makes it 0.
      if (Object.is(y, 0)) return f32x4.add(f32x4.pmax(a, b), b);
      return isKnown(y) ? f32x4.pmax(a, b) : f32x4.max(a, b);
    case "min":
      if (!float) return i32x4.min_s(a, b);
      return isKnown(y) && y !== 0 ? f32x4.pmin(a, b) : f32x4.min(a, b);
    case "pow":
      if (y === 2) return f32x4.mul(a, a);
      return f.call("power", a, b) as Vector;
    case "equal":
      return float ? f32x4.eq(a, b) : i32x4.eq(a, b);
    case "less":
      // Of masks, true is the smaller number.
      return float
        ? f32x4.lt(a, b)
        : from === "bool"
        ? i32x4.gt_s(a, b)
        : i32x4.lt_s(a, b);
    case "less-equal":
      return float
        ? f32x4.le(a, b)
        : from === "bool"
        ? i32x4.ge_s(a, b)
        : i32x4.le_s(a, b);
    case "select":
      return v128.bitselect(b, c, a);
    case "cast":
      return cast(a, from, dtype);
    default:
      throw new Error(`Cannot emit ${kind}: it is not element-wise`);
  }
}

/** Whether a constant is known and neither NaN nor -0; 0 is told apart before. */
function isKnown(constant: number | undefined): boolean {
  return constant !== undefined && !Object.is(constant, -0) &&
    !Number.isNaN(constant);
}

function cast(a: Vector, from: DType, dtype: DType): Vector {
  switch (dtype) {
    case "float":
      return from === "bool"
        ? v128.and(a, floats(1))
        : f32x4.convert_i32x4_s(a);
    case "int":
      return from === "bool"
        ? v128.and(a, ints(1))
        : i32x4.trunc_sat_f32x4_s(a);
    case "bool":
      return from === "float" ? f32x4.ne(a, floats(0)) : i32x4.ne(a, ints(0));
  }
}

/** A value as it lies in memory: a bool is 0 or 1. */
export function storedForm(a: Vector, dtype: DType): Vector {
  return dtype === "bool" ? v128.and(a, ints(1)) : a;
}
