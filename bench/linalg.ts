/**
 * What linear algebra on the host costs, at two sizes: `deno run bench/linalg.ts`.
 *
 * Each line has the best of three runs, and the growth from one size to the next
 * as a power of n: 3 is what counting operations says.
 *
 * @module
 */

import {
  cholesky,
  choleskyInverse,
  inverseRoot,
  multiply,
  newtonInverseRoot,
  symmetricEigen,
  transposed,
} from "../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../src/tensor/mod.ts";

const sizes = [128, 256];

/** A covariance of 2 n samples. */
function covariance(n: number): Value {
  const rows = value(randomNormal([1, n], 1, 2 * n * n), [2 * n, n]);
  return multiply(transposed(rows), rows);
}

const tasks: Record<string, (matrix: Value) => unknown> = {
  "multiply": (matrix) => multiply(matrix, matrix),
  "symmetricEigen": symmetricEigen,
  "cholesky + choleskyInverse": (matrix) => {
    const found = cholesky(matrix);
    return found.positiveDefinite && choleskyInverse(found.lower);
  },
  "inverseRoot, p = 4": (matrix) => inverseRoot(matrix, 4),
  "newtonInverseRoot, p = 4": (matrix) => newtonInverseRoot(matrix, 4),
};

/** Milliseconds, the best of three after one to warm up. */
function time(task: () => unknown): number {
  task();
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    task();
    return performance.now() - start;
  });
  return Math.min(...times);
}

for (const [name, task] of Object.entries(tasks)) {
  const times = sizes.map((n) => {
    const matrix = covariance(n);
    return time(() => task(matrix));
  });
  const growth = Math.log(times[1] / times[0]) /
    Math.log(sizes[1] / sizes[0]);
  console.log(
    `${name.padEnd(28)}${
      times.map((ms, i) => `n = ${sizes[i]}: ${ms.toFixed(1)} ms`).join(", ")
    }, n^${growth.toFixed(1)}`,
  );
}
