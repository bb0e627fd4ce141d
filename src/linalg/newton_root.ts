/**
 * Inverse p-th roots M^(-1/p) by a coupled Newton iteration: matrix products and
 * nothing else (Guo and Higham, "A Schur-Newton method for the matrix p-th root
 * and its inverse", 2006; Iannazzo, "On the Newton method for the matrix p-th
 * root", 2006).
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { type InverseRoot, requireOrder } from "./inverse_root.ts";
import { identity, product, squareCopy } from "./matrix.ts";

/** Options of {@linkcode newtonInverseRoot}. */
export interface NewtonOptions {
  /** It ends when no entry of X^p M - 1 is larger; above 0, 1e-6 by default. */
  readonly tolerance?: number;
  /** Most iterations, at least 1; 100 by default. */
  readonly iterations?: number;
  /** It ends, too, when an iteration makes that error so many times as large; 1.2 by default. */
  readonly growth?: number;
}

/** What {@linkcode newtonInverseRoot} finds. */
export interface NewtonRoot extends InverseRoot {
  /** The largest entry of |X^p M - 1|: at most the tolerance if it converged. */
  readonly error: number;
}

/**
 * M^(-1/p) by the iteration
 *
 *     z = (1 + p) / (2 |M|_F),  X = z^(1/p) 1,  Y = z M
 *     T = (1 + 1/p) 1 - Y / p,  X <- X T,  Y <- T^p Y
 *
 * in which Y = X^p M tends to 1. Where M is so ill-conditioned that rounding keeps
 * the error above the tolerance, the best X so far comes back, and `converged` is
 * false.
 *
 * @example
 * ```ts
 * import { newtonInverseRoot } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const found = newtonInverseRoot(value([16, 0, 0, 81], [2, 2]), 4);
 * assert(found.converged);
 * assertAlmostEquals(found.root.data[0], 1 / 2, 1e-6);
 * ```
 *
 * @param matrix M: symmetric, positive definite, [n, n].
 * @param p The order of the root: a whole number of at least 1.
 * @param options When to end.
 * @returns The root, its error, and whether that is within the tolerance.
 * @throws {RangeError} If the matrix is not square or not finite, p not whole, or an
 * option out of its range.
 */
export function newtonInverseRoot(
  matrix: Value,
  p: number,
  options: NewtonOptions = {},
): NewtonRoot {
  const { tolerance = 1e-6, iterations = 100, growth = 1.2 } = options;
  requireOrder(p);
  if (!Number.isInteger(p)) {
    throw new RangeError(
      `Cannot take an inverse root: Newton's iteration needs a whole order, got ${p}`,
    );
  }
  for (const [name, given] of Object.entries({ tolerance, growth })) {
    if (given > 0) continue;
    throw new RangeError(
      `Cannot take an inverse root: ${name} must be above 0, got ${given}`,
    );
  }
  if (!Number.isInteger(iterations) || iterations < 1) {
    throw new RangeError(
      `Cannot take an inverse root: iterations must be a whole number of at least 1, got ${iterations}`,
    );
  }
  const { n, data: m } = squareCopy("take an inverse root", matrix);
  const norm = Math.sqrt(m.reduce((total, entry) => total + entry * entry, 0));
  const z = (1 + p) / (2 * norm);
  let x = identity(n, z ** (1 / p)).data as Float64Array;
  let y = m.map((entry) => z * entry);
  let error = distanceFromOne(y, n);
  let count = 0;
  while (error > tolerance && count < iterations) {
    const t = y.map((entry) => -entry / p);
    for (let i = 0; i < n; i++) t[i * n + i] += 1 + 1 / p;
    const nextX = product(x, t, n, n, n);
    const nextY = product(power(t, p, n), y, n, n, n);
    const nextError = distanceFromOne(nextY, n);
    count++;
    // Written so that NaN ends it too.
    if (!(nextError <= growth * error)) break;
    x = nextX;
    y = nextY;
    error = nextError;
  }
  return {
    root: value(x, [n, n]),
    converged: error <= tolerance,
    iterations: count,
    error,
  };
}

/** The largest entry of |y - 1|; NaN where one is none. */
function distanceFromOne(y: Float64Array, n: number): number {
  let most = 0;
  for (let i = 0; i < y.length; i++) {
    const distance = Math.abs(y[i] - (i % (n + 1) === 0 ? 1 : 0));
    if (!(distance <= most)) most = distance;
    if (Number.isNaN(most)) break;
  }
  return most;
}

/** t^p by squaring. */
function power(t: Float64Array, p: number, n: number): Float64Array {
  let result: Float64Array | undefined;
  let square = t;
  for (let rest = p;; square = product(square, square, n, n, n)) {
    if (rest % 2 === 1) {
      result = result ? product(result, square, n, n, n) : square;
    }
    rest = Math.floor(rest / 2);
    if (rest === 0) return result!;
  }
}
