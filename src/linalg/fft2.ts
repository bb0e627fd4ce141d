/**
 * Two-dimensional discrete Fourier transforms of matrices of any size.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { type Transform, transformOf } from "./fft.ts";

/** A matrix of complex numbers. */
export interface ComplexMatrix {
  /** Real parts: [m, n]. */
  readonly real: Value;
  /** Imaginary parts: [m, n]. */
  readonly imaginary: Value;
}

/**
 * The two-dimensional transform, not scaled:
 *
 *     X[k, l] = sum over i, j of x[i, j] e^(-2 pi i (i k / m + j l / n)).
 *
 * It costs O(m n log(m n)) for any m and n, primes too, and the memory of its result.
 *
 * @example A constant has one frequency, 0
 * ```ts
 * import { fft2 } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const { real, imaginary } = fft2(value([1, 1, 1, 1], [2, 2]));
 * assertEquals([...real.data], [4, 0, 0, 0]);
 * assertEquals([...imaginary.data].map(Math.abs), [0, 0, 0, 0]);
 * ```
 *
 * @param matrix [m, n], real or complex.
 * @returns [m, n]; the frequency 0 is entry [0, 0].
 * @throws {RangeError} If it is no matrix, has no entries, an entry is not finite, or
 * the real and imaginary parts differ in shape.
 */
export function fft2(matrix: Value | ComplexMatrix): ComplexMatrix {
  const { m, n, real, imaginary } = complexCopy("transform", matrix);
  transformBoth(real, imaginary, m, n);
  return { real: value(real, [m, n]), imaginary: value(imaginary, [m, n]) };
}

/**
 * What {@linkcode fft2} made the matrix of: the sum with +i, over m n.
 *
 * @example There and back
 * ```ts
 * import { fft2, inverseFft2 } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { real } = inverseFft2(fft2(value([3, 1, 4], [1, 3])));
 * assertAlmostEquals(real.data[2], 4);
 * ```
 *
 * @param matrix [m, n], real or complex.
 * @returns [m, n].
 * @throws {RangeError} As {@linkcode fft2} does.
 */
export function inverseFft2(matrix: Value | ComplexMatrix): ComplexMatrix {
  const { m, n, real, imaginary } = complexCopy("transform back", matrix);
  // With the parts exchanged before and after, the transform is its inverse.
  transformBoth(imaginary, real, m, n);
  for (let k = 0; k < m * n; k++) {
    real[k] /= m * n;
    imaginary[k] /= m * n;
  }
  return { real: value(real, [m, n]), imaginary: value(imaginary, [m, n]) };
}

/** All rows, then all columns, in place. */
function transformBoth(
  real: Float64Array,
  imaginary: Float64Array,
  m: number,
  n: number,
): void {
  const rows = transformOf(n);
  for (let i = 0; i < m; i++) {
    rows(
      real.subarray(i * n, (i + 1) * n),
      imaginary.subarray(i * n, (i + 1) * n),
    );
  }
  transformColumns(real, imaginary, m, n, m === n ? rows : transformOf(m));
}

/** Columns that are copied together: a cache line brings eight numbers of a row. */
const TOGETHER = 8;

function transformColumns(
  real: Float64Array,
  imaginary: Float64Array,
  m: number,
  n: number,
  transform: Transform,
): void {
  const columns = Array.from({ length: TOGETHER }, () => ({
    real: new Float64Array(m),
    imaginary: new Float64Array(m),
  }));
  for (let first = 0; first < n; first += TOGETHER) {
    const some = columns.slice(0, Math.min(TOGETHER, n - first));
    for (let i = 0; i < m; i++) {
      some.forEach((column, c) => {
        column.real[i] = real[i * n + first + c];
        column.imaginary[i] = imaginary[i * n + first + c];
      });
    }
    for (const column of some) transform(column.real, column.imaginary);
    for (let i = 0; i < m; i++) {
      some.forEach((column, c) => {
        real[i * n + first + c] = column.real[i];
        imaginary[i * n + first + c] = column.imaginary[i];
      });
    }
  }
}

/** The numbers of a real or complex matrix, copied to float64. */
function complexCopy(what: string, matrix: Value | ComplexMatrix): {
  readonly m: number;
  readonly n: number;
  readonly real: Float64Array<ArrayBuffer>;
  readonly imaginary: Float64Array<ArrayBuffer>;
} {
  const given = "real" in matrix
    ? matrix
    : { real: matrix, imaginary: undefined };
  const { shape } = given.real;
  if (shape.length !== 2 || shape.includes(0)) {
    throw new RangeError(
      `Cannot ${what}: it takes a matrix with entries, got [${
        shape.join(", ")
      }]`,
    );
  }
  const [m, n] = shape;
  const other = given.imaginary?.shape ?? shape;
  if (other.length !== 2 || other[0] !== m || other[1] !== n) {
    throw new RangeError(
      `Cannot ${what}: real and imaginary parts must agree in shape, got [${m}, ${n}] and [${
        other.join(", ")
      }]`,
    );
  }
  const real = new Float64Array(given.real.data);
  const imaginary = given.imaginary
    ? new Float64Array(given.imaginary.data)
    : new Float64Array(m * n);
  for (const part of [real, imaginary]) {
    const wrong = part.findIndex((entry) => !Number.isFinite(entry));
    if (wrong >= 0) {
      throw new RangeError(
        `Cannot ${what}: the entries of the [${m}, ${n}] matrix must be finite, got ${
          part[wrong]
        } at [${Math.floor(wrong / n)}, ${wrong % n}]`,
      );
    }
  }
  return { m, n, real, imaginary };
}
