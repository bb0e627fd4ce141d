/**
 * What the element-wise operations mean for single numbers, in float64: for
 * arithmetic on constants at compile time, and for the reference device.
 *
 * @module
 */

import type { Operation } from "../tensor/tensor.ts";
import type { DType } from "../tensor/value.ts";

/**
 * The error function, to two units in the last place: a series near 0, the
 * continued fraction of the complement further out.
 *
 * @param x Any number.
 * @returns erf(x) in [-1, 1]; NaN for NaN.
 */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 1) {
    // erf x = 2/sqrt(pi) exp(-x^2) x (1 + 2x^2/3 (1 + 2x^2/5 (1 + ...))):
    // all terms have one sign, so nothing cancels. The 25th is below 1e-24.
    let sum = 1;
    for (let n = 25; n >= 1; n--) sum = 1 + 2 * x * x / (2 * n + 1) * sum;
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum * x;
  }
  if (!(magnitude < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  // erfc x = exp(-x^2) / sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/...)))
  let fraction = 0;
  const depth = Math.ceil(200 / (x * x));
  for (let n = depth; n >= 1; n--) fraction = n / 2 / (magnitude + fraction);
  const complement = Math.exp(-x * x) / Math.sqrt(Math.PI) /
    (magnitude + fraction);
  return Math.sign(x) * (1 - complement);
}

/**
 * An element-wise operation on single numbers; bools are 0 and 1.
 *
 * @param operation The operation.
 * @param operands Its operands.
 * @param dtype Type of the result.
 * @returns The result; undefined for an operation that is not element-wise.
 */
export function computeScalar(
  operation: Operation,
  operands: readonly number[],
  dtype: DType,
): number | undefined {
  const compute = scalarFunction(operation, dtype);
  return compute?.(operands[0], operands[1], operands[2]);
}

/**
 * The function of an element-wise operation.
 *
 * @param operation The operation.
 * @param dtype Type of the result.
 * @returns A function of up to three numbers; undefined for an operation that
 * is not element-wise.
 */
export function scalarFunction(
  operation: Operation,
  dtype: DType,
): ((a: number, b: number, c: number) => number) | undefined {
  switch (operation.kind) {
    case "neg":
      return (a) => -a;
    case "abs":
      return (a) => Math.abs(a);
    case "sign":
      return (a) => Math.sign(a);
    case "exp":
      return (a) => Math.exp(a);
    case "log":
      return (a) => Math.log(a);
    case "sqrt":
      return (a) => Math.sqrt(a);
    case "rsqrt":
      return (a) => 1 / Math.sqrt(a);
    case "tanh":
      return (a) => Math.tanh(a);
    case "erf":
      return (a) => erf(a);
    case "floor":
      return (a) => Math.floor(a);
    case "add":
      return (a, b) => a + b;
    case "sub":
      return (a, b) => a - b;
    case "mul":
      return dtype === "int" ? (a, b) => Math.imul(a, b) : (a, b) => a * b;
    case "div":
      return (a, b) => a / b;
    case "max":
      return (a, b) => Math.max(a, b);
    case "min":
      return (a, b) => Math.min(a, b);
    case "pow":
      return (a, b) => Math.pow(a, b);
    case "equal":
      return (a, b) => a === b ? 1 : 0;
    case "less":
      return (a, b) => a < b ? 1 : 0;
    case "less-equal":
      return (a, b) => a <= b ? 1 : 0;
    case "select":
      return (a, b, c) => a !== 0 ? b : c;
    case "cast":
      return dtype === "float"
        ? (a) => a
        : dtype === "int"
        ? (a) => a | 0
        : (a) => a !== 0 ? 1 : 0;
    default:
      return undefined;
  }
}
