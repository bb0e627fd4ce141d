/** Matrices that are hard, and what is measured of them. */

import { multiply, transposed } from "../../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../../src/tensor/mod.ts";

/** [n, n] with an entry for each index pair. */
export function matrixOf(
  n: number,
  entry: (i: number, j: number) => number,
): Value {
  return value(
    Float64Array.from(
      { length: n * n },
      (_, k) => entry(Math.floor(k / n), k % n),
    ),
    [n, n],
  );
}

/** H[i, j] = 1 / (i + j + 1): condition e^(3.5 n). */
export const hilbert = (n: number): Value =>
  matrixOf(n, (i, j) => 1 / (i + j + 1));

/** W+: tridiagonal; pairs of eigenvalues that agree to many digits. */
export const wilkinson = (n: number): Value =>
  matrixOf(
    n,
    (i, j) =>
      i === j ? Math.abs(i - (n - 1) / 2) : Math.abs(i - j) === 1 ? 1 : 0,
  );

/** Random numbers, symmetric. */
export function randomSymmetric(n: number, seed: number): Value {
  const draws = randomNormal([seed, n], 1, n * n);
  return matrixOf(n, (i, j) => draws[Math.max(i, j) * n + Math.min(i, j)]);
}

/** X X^T / rank with random numbers in X [n, rank]: a factor of few samples. */
export function gram(n: number, rank: number): Value {
  const x = value(randomNormal([rank, n], 1, n * rank), [n, rank]);
  const { data } = multiply(x, transposed(x));
  return value(data.map((entry) => entry / rank), [n, n]);
}

/** An orthogonal matrix: a product of two random reflections. */
export function orthogonal(n: number, seed: number): Value {
  const reflection = (stream: number): Value => {
    const v = randomNormal([seed, n], stream, n);
    const length = v.reduce((total, x) => total + x * x, 0);
    return matrixOf(
      n,
      (i, j) => (i === j ? 1 : 0) - 2 * v[i] * v[j] / length,
    );
  };
  return multiply(reflection(2), reflection(3));
}

/** Q diag(values) Q^T, made exactly symmetric. */
export function withEigenvalues(
  values: readonly number[],
  seed: number,
): Value {
  const n = values.length;
  const q = orthogonal(n, seed);
  const scaled = matrixOf(n, (i, j) => q.data[i * n + j] * values[j]);
  const { data } = multiply(scaled, transposed(q));
  return matrixOf(
    n,
    (i, j) => data[Math.max(i, j) * n + Math.min(i, j)],
  );
}

/** The Frobenius norm of a - b, b being 0 where it is not given. */
export function norm(a: Value, b?: Value): number {
  return Math.hypot(
    ...Array.from(a.data, (x, i) => x - (b ? b.data[i] : 0)),
  );
}
