/**
 * What linear algebra on the host and the studies of factors cost:
 * `deno run bench/linalg.ts [--once] [sizes] [names]`, everything at 128 and 256 by
 * default.
 *
 * Times are processor time, which what else runs on the machine hardly changes. Each
 * line has the best of three turns at each size, the growth from the first size to the
 * last as a power of n (3 is what counting operations says), and at the last size how
 * many times as long ml-matrix takes in turn: the median ratio. Its eigenvalues come
 * with eigenvectors always.
 *
 * With `--once`, for large matrices, there is one cold turn of each: processor time, time
 * by the clock, and the most memory that the process had, before and after: that before
 * made the matrix.
 *
 * @module
 */

import process from "node:process";
// deno-lint-ignore no-import-prefix -- a dependency of the benchmark alone
import { EigenvalueDecomposition, Matrix } from "npm:ml-matrix@6.15.1";
import { gersgorin, perturbation, spectrum } from "../src/analysis/mod.ts";
import {
  cholesky,
  choleskyInverse,
  fft2,
  generalEigenvalues,
  inverseRoot,
  multiply,
  newtonInverseRoot,
  symmetricEigen,
  symmetricEigenvalues,
  transposed,
} from "../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../src/tensor/mod.ts";

const given = Deno.args.filter((size) => Number(size) > 0).map(Number);
const sizes = given.length > 0 ? given : [128, 256];
const once = Deno.args.includes("--once");
const names = Deno.args.filter((name) =>
  Number.isNaN(Number(name)) && name !== "--once"
);

/** Above this many rows a covariance costs as much as what is done with it. */
const LARGE = 1000;

/** A covariance of 2 n samples; a large one of random numbers, mirrored. */
function covariance(n: number): Value {
  if (n > LARGE) return mirrored(noise(n));
  const rows = value(randomNormal([1, n], 1, 2 * n * n), [2 * n, n]);
  return multiply(transposed(rows), rows);
}

function mirrored({ shape, data }: Value): Value {
  const [n] = shape;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) data[j * n + i] = data[i * n + j];
  }
  return value(data, shape);
}

/** Not symmetric: random numbers. */
const noise = (n: number): Value =>
  value(randomNormal([2, n], 1, n * n), [n, n]);

/** What is measured, of which matrix, and the peer's way to it where it has one. */
interface Task {
  readonly name: string;
  readonly matrix: (n: number) => Value;
  readonly ours: (matrix: Value) => unknown;
  readonly peer?: (matrix: Matrix) => unknown;
}

const symmetricPeer = (matrix: Matrix) =>
  new EigenvalueDecomposition(matrix, { assumeSymmetric: true });

const tasks: readonly Task[] = [
  {
    name: "multiply",
    matrix: covariance,
    ours: (matrix) => multiply(matrix, matrix),
    peer: (matrix) => matrix.mmul(matrix),
  },
  {
    name: "symmetricEigen",
    matrix: covariance,
    ours: symmetricEigen,
    peer: symmetricPeer,
  },
  {
    name: "symmetricEigenvalues",
    matrix: covariance,
    ours: symmetricEigenvalues,
    peer: symmetricPeer,
  },
  {
    name: "generalEigenvalues",
    matrix: noise,
    ours: generalEigenvalues,
    peer: (matrix) => new EigenvalueDecomposition(matrix),
  },
  { name: "fft2", matrix: noise, ours: fft2 },
  {
    name: "cholesky + choleskyInverse",
    matrix: covariance,
    ours: (matrix) => {
      const found = cholesky(matrix);
      return found.positiveDefinite && choleskyInverse(found.lower);
    },
  },
  {
    name: "inverseRoot, p = 4",
    matrix: covariance,
    ours: (matrix) => inverseRoot(matrix, 4),
  },
  {
    name: "newtonInverseRoot, p = 4",
    matrix: covariance,
    ours: (matrix) => newtonInverseRoot(matrix, 4),
  },
  {
    name: "gersgorin",
    matrix: covariance,
    ours: (matrix) => gersgorin(matrix),
  },
  {
    name: "gersgorin, not symmetric",
    matrix: noise,
    ours: (matrix) => gersgorin(matrix, { symmetric: false }),
  },
  {
    name: "perturbation",
    matrix: covariance,
    ours: (matrix) => perturbation(matrix),
  },
  { name: "spectrum", matrix: noise, ours: (matrix) => spectrum(matrix) },
];

/** Milliseconds of processor time; short tasks again until they are a tenth second. */
function time(task: () => unknown): number {
  const start = process.cpuUsage();
  for (let runs = 1;; runs++) {
    task();
    const { user, system } = process.cpuUsage(start);
    if (user + system >= 1e5) return (user + system) / 1e3 / runs;
  }
}

/** The most memory that the process had, in MiB. */
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024);

/** One turn, and what it took. */
function report(name: string, n: number, task: () => unknown): void {
  const before = peak();
  const begin = performance.now(), start = process.cpuUsage();
  task();
  const { user, system } = process.cpuUsage(start);
  const clock = (performance.now() - begin) / 1e3;
  console.log(
    `${name.padEnd(28)}n = ${n}: ${
      ((user + system) / 1e6).toFixed(2)
    } s of processor time, ${
      clock.toFixed(2)
    } s by the clock, peak ${before} MiB before and ${peak()} MiB after`,
  );
}

for (const { name, matrix, ours, peer } of tasks) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (once) {
    for (const n of sizes) {
      const input = matrix(n);
      report(name, n, () => ours(input));
    }
    continue;
  }
  const times: number[] = [];
  let ratio = "";
  for (const n of sizes) {
    const input = matrix(n);
    const theirs = Matrix.from1DArray(n, n, input.data);
    ours(input); // to warm up
    const compared = peer !== undefined && n === sizes.at(-1);
    const turns = [1, 2, 3].map(() => {
      const mine = time(() => ours(input));
      return { mine, other: compared ? time(() => peer(theirs)) / mine : 0 };
    });
    times.push(Math.min(...turns.map(({ mine }) => mine)));
    if (compared) {
      const [, median] = turns.map(({ other }) => other).sort((a, b) => a - b);
      ratio = `, ml-matrix: ${median.toFixed(1)} times as long`;
    }
  }
  const growth = sizes.length > 1
    ? `, n^${
      (Math.log(times.at(-1)! / times[0]) / Math.log(sizes.at(-1)! / sizes[0]))
        .toFixed(1)
    }`
    : "";
  console.log(
    `${name.padEnd(28)}${
      times.map((ms, i) => `n = ${sizes[i]}: ${ms.toFixed(1)} ms`).join(", ")
    }${growth}${ratio}`,
  );
}
