/**
 * Dense float64 matrices on the host: checks and products.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";

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
  const [n] = shape;
  const data = Float64Array.from(matrix.data);
  const wrong = data.findIndex((entry) => !Number.isFinite(entry));
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot ${what}: the entries of the [${n}, ${n}] matrix must be finite, got ${
        data[wrong]
      } at [${Math.floor(wrong / n)}, ${wrong % n}]`,
    );
  }
  return { n, data };
}

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

/** a [m, k] times b [k, n], both row-major. */
export function product(
  a: Numbers,
  b: Numbers,
  m: number,
  k: number,
  n: number,
): Float64Array<ArrayBuffer> {
  const data = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const left = a[i * k + p];
      const from = p * n, to = i * n;
      for (let j = 0; j < n; j++) data[to + j] += left * b[from + j];
    }
  }
  return data;
}

function matrixShape(what: string, { shape }: Value): readonly number[] {
  if (shape.length === 2) return shape;
  throw new RangeError(
    `Cannot ${what}: it takes matrices, got [${shape.join(", ")}]`,
  );
}
