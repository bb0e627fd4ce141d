/**
 * Dense float64 matrices on the host: checks and products.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { padded, type Part, strideOf, workspace } from "./workspace.ts";

/**
 * The numbers of a square matrix, copied to float64.
 *
 * @param what What cannot be done, for messages.
 * @param matrix [n, n].
 * @returns n, and the copy, row-major.
 * @throws {RangeError} If it is not square, or an entry is not finite.
 * @throws {TypeError} If it is not float.
 */
export function squareCopy(
  what: string,
  matrix: Value,
): { readonly n: number; readonly data: Float64Array } {
  const n = requireSquare(what, matrix);
  requireFinite(what, matrix);
  return { n, data: new Float64Array(matrix.data) };
}

/** The number of rows of a matrix of floats; throws unless it is square. */
export function requireSquare(what: string, matrix: Value): number {
  const { shape } = matrix;
  if (matrix.dtype !== "float") {
    throw new TypeError(
      `Cannot ${what}: the matrix must be float, got ${matrix.dtype}`,
    );
  }
  if (shape.length !== 2 || shape[0] !== shape[1]) {
    throw new RangeError(
      `Cannot ${what}: the matrix must be square, got [${shape.join(", ")}]`,
    );
  }
  // Numbers of an array that once held a NaN are stored as floats, and with such an extent
  // loops over indices take twice as long.
  return shape[0] | 0;
}

/** Throws unless all entries of a matrix are finite. */
export function requireFinite(what: string, { shape, data }: Value): void {
  const [m, n] = shape;
  let wrong = 0;
  while (wrong < data.length && Number.isFinite(data[wrong])) wrong++;
  if (wrong === data.length) return;
  throw new RangeError(
    `Cannot ${what}: the entries of the [${m}, ${n}] matrix must be finite, got ${
      data[wrong]
    } at [${Math.floor(wrong / n)}, ${wrong % n}]`,
  );
}

/** The largest absolute value; 0 of nothing. */
export function largest(numbers: Numbers): number {
  let most = 0;
  for (let i = 0; i < numbers.length; i++) {
    most = Math.max(most, Math.abs(numbers[i]));
  }
  return most;
}

/** A power of two that a number of at least 0 can be divided by; 1 for 0. */
export function powerOfTwoNear(x: number): number {
  if (x === 0) return 1;
  // 2^1024 is not finite, and a subnormal scale would round.
  const exponent = Math.floor(Math.log2(x));
  return 2 ** Math.min(1023, Math.max(-1022, exponent));
}

/**
 * A sum of squares below this is nothing beside a matrix whose largest entry is near 1.
 * Its squares would be subnormal or 0, so that its root is not the length any more, and
 * 2 over it not finite; above it, what is lost of it is less than rounding.
 */
export const NEGLIGIBLE_SQUARES: number = 2 ** -960;

/**
 * The identity matrix.
 *
 * @example
 * ```ts
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...identity(2).data], [1, 0, 0, 1]);
 * ```
 *
 * @param n Number of rows, at least 0.
 * @param scale What stands on the diagonal; 1 by default.
 * @returns [n, n].
 */
export function identity(n: number, scale = 1): Value {
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = scale;
  return value(data, [n, n]);
}

/**
 * The transpose of a matrix.
 *
 * @example
 * ```ts
 * import { transposed } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { shape, data } = transposed(value([1, 2, 3], [1, 3]));
 * assertEquals([shape, [...data]], [[3, 1], [1, 2, 3]]);
 * ```
 *
 * @param matrix [m, n].
 * @returns [n, m].
 * @throws {RangeError} If it is no matrix.
 */
export function transposed(matrix: Value): Value {
  const [m, n] = matrixShape("transpose", matrix);
  const data = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) data[j * m + i] = matrix.data[i * n + j];
  }
  return value(data, [n, m]);
}

/**
 * The product of two matrices; each entry is summed in the order of the inner
 * axis.
 *
 * @example
 * ```ts
 * import { multiply } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const product = multiply(value([1, 2], [1, 2]), value([3, 4], [2, 1]));
 * assertEquals([...product.data], [11]);
 * ```
 *
 * @param a [m, k].
 * @param b [k, n].
 * @returns [m, n].
 * @throws {RangeError} If one is no matrix, or the inner extents differ.
 */
export function multiply(a: Value, b: Value): Value {
  const [m, k] = matrixShape("multiply", a);
  const [inner, n] = matrixShape("multiply", b);
  if (k !== inner) {
    throw new RangeError(
      `Cannot multiply: [${m}, ${k}] and [${inner}, ${n}] must agree in the inner extent`,
    );
  }
  return value(product(a.data, b.data, m, k, n), [m, n]);
}

/** Arrays of numbers as the functions of this folder read them. */
export type Numbers = ArrayLike<number>;

/** Most rows and columns of the blocks that are multiplied: three of them fit a cache. */
const BLOCK = 256;

/** a [m, k] times b [k, n], both row-major. */
export function product(
  a: Numbers,
  b: Numbers,
  m: number,
  k: number,
  n: number,
): Float64Array<ArrayBuffer> {
  const data = new Float64Array(m * n);
  const left = a instanceof Float64Array ? a : new Float64Array(a);
  const right = b instanceof Float64Array ? b : new Float64Array(b);
  const longest = Math.min(BLOCK, padded(Math.max(m, k, n)));
  const stride = strideOf(longest), size = longest * stride;
  const space = workspace("multiply", 3 * size);
  const { numbers } = space;
  const c = { at: 0, stride };
  const x = { at: size, stride }, y = { at: 2 * size, stride };
  for (let i = 0; i < m; i += BLOCK) {
    const rows = Math.min(BLOCK, m - i);
    for (let j = 0; j < n; j += BLOCK) {
      const columns = Math.min(BLOCK, n - j);
      numbers.fill(0, 0, size);
      for (let p = 0; p < k; p += BLOCK) {
        const inner = Math.min(BLOCK, k - p);
        copyIn(numbers, x, left, i * k + p, k, rows, inner);
        copyIn(numbers, y, right, p * n + j, n, inner, columns);
        space.add(c, x, y, padded(rows), padded(inner), padded(columns));
      }
      for (let r = 0; r < rows; r++) {
        const row = r * stride, target = (i + r) * n + j;
        for (let q = 0; q < columns; q++) data[target + q] = numbers[row + q];
      }
    }
  }
  return data;
}

/** Copies a block of a matrix with rows of some length, and fills it up with zeros. */
function copyIn(
  numbers: Float64Array,
  { at, stride }: Part,
  matrix: Float64Array,
  start: number,
  length: number,
  rows: number,
  columns: number,
): void {
  const width = padded(columns), height = padded(rows);
  for (let r = 0; r < rows; r++) {
    const row = at + r * stride, source = start + r * length;
    for (let j = 0; j < columns; j++) numbers[row + j] = matrix[source + j];
    for (let j = columns; j < width; j++) numbers[row + j] = 0;
  }
  for (let r = rows; r < height; r++) {
    const row = at + r * stride;
    numbers.fill(0, row, row + width);
  }
}

function matrixShape(what: string, { shape }: Value): readonly number[] {
  if (shape.length === 2) return shape;
  throw new RangeError(
    `Cannot ${what}: it takes matrices, got [${shape.join(", ")}]`,
  );
}
