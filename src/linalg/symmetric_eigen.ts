/**
 * Eigenvalues and eigenvectors of symmetric matrices: Householder reflections to
 * a tridiagonal matrix, then implicit QL steps (Golub and Van Loan, "Matrix
 * Computations", 8.3; Parlett, "The Symmetric Eigenvalue Problem", 8).
 *
 * Both cost O(n^3), about 4/3 n^3 for the reflections, as much for multiplying
 * them out, and 3 n^3 for the rotations.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import { squareCopy } from "./matrix.ts";

/** What {@linkcode symmetricEigen} finds: M = V diag(values) V^T. */
export interface SymmetricEigen {
  /** Eigenvalues, ascending: [n]. */
  readonly values: Value;
  /** Eigenvectors of length 1: column j of [n, n] belongs to value j. */
  readonly vectors: Value;
  /** False if an eigenvalue needed more than 60 QL steps: then neither is right. */
  readonly converged: boolean;
  /** QL steps that were taken. */
  readonly iterations: number;
}

/** QL steps for one eigenvalue; two or three are usual. */
const MOST_STEPS = 60;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix. Only the lower triangle
 * is looked at, so a matrix that rounding made slightly asymmetric is fine.
 *
 * @example
 * ```ts
 * import { symmetricEigen } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { values } = symmetricEigen(value([2, 1, 1, 2], [2, 2]));
 * assertAlmostEquals(values.data[0], 1);
 * assertAlmostEquals(values.data[1], 3);
 * ```
 *
 * @param matrix [n, n]; n may be 0.
 * @returns Eigenvalues, eigenvectors, and whether they converged.
 * @throws {RangeError} If the matrix is not square, or an entry is not finite.
 * @throws {TypeError} If it is not float.
 */
export function symmetricEigen(matrix: Value): SymmetricEigen {
  const { n, data } = squareCopy("find eigenvalues", matrix);
  // Powers of two scale without rounding; the squares below stay in range.
  const scale = powerOfTwoNear(largest(data));
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  const { diagonal, offDiagonal, rows } = tridiagonalize(data, n);
  const steps = implicitQl(diagonal, offDiagonal, rows, n);
  const order = [...diagonal.keys()]
    .sort((i, j) => diagonal[i] - diagonal[j]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = rows[from * n + i];
  });
  return {
    values: value(Float64Array.from(order, (i) => diagonal[i] * scale)),
    vectors: value(vectors, [n, n]),
    converged: steps !== undefined,
    iterations: steps ?? MOST_STEPS * n,
  };
}

function largest(data: Float64Array): number {
  let most = 0;
  for (const entry of data) most = Math.max(most, Math.abs(entry));
  return most;
}

function powerOfTwoNear(x: number): number {
  if (x === 0) return 1;
  // 2^1024 is not finite, and a subnormal scale would round.
  const exponent = Math.floor(Math.log2(x));
  return 2 ** Math.min(1023, Math.max(-1022, exponent));
}

/**
 * Q^T A Q = T, tridiagonal, by n - 2 reflections 1 - b v v^T.
 *
 * @param a The lower triangle of A, row-major; overwritten.
 * @returns The diagonal of T, what stands left of it (entry i in row i; entry 0
 * is 0), and the rows of Q^T.
 */
function tridiagonalize(a: Float64Array, n: number): {
  diagonal: Float64Array;
  offDiagonal: Float64Array;
  rows: Float64Array;
} {
  const diagonal = new Float64Array(n), offDiagonal = new Float64Array(n);
  const reflections: { v: Float64Array; b: number }[] = [];
  const w = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    // v: what becomes of column k below the diagonal, as a vector of length n.
    const v = new Float64Array(n);
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k];
    diagonal[k] = a[k * n + k];
    const head = v[k + 1];
    let rest = 0;
    for (let i = k + 2; i < n; i++) rest += v[i] * v[i];
    if (rest === 0) {
      // The column is done as it is.
      offDiagonal[k + 1] = head;
      reflections.push({ v, b: 0 });
      continue;
    }
    const length = Math.sqrt(head * head + rest);
    const image = head > 0 ? -length : length;
    offDiagonal[k + 1] = image;
    v[k + 1] = head - image;
    const b = 2 / (rest + v[k + 1] * v[k + 1]);
    // w = b A v - (b^2 / 2) (v^T A v) v, so that A <- A - v w^T - w v^T.
    w.fill(0);
    for (let i = k + 1; i < n; i++) {
      const row = i * n, vi = v[i];
      let total = a[row + i] * vi;
      for (let j = k + 1; j < i; j++) {
        total += a[row + j] * v[j];
        w[j] += a[row + j] * vi;
      }
      w[i] += total;
    }
    let inner = 0;
    for (let i = k + 1; i < n; i++) inner += v[i] * w[i];
    const half = b * b * inner / 2;
    for (let i = k + 1; i < n; i++) w[i] = b * w[i] - half * v[i];
    for (let i = k + 1; i < n; i++) {
      const row = i * n, vi = v[i], wi = w[i];
      for (let j = k + 1; j <= i; j++) a[row + j] -= vi * w[j] + wi * v[j];
    }
    reflections.push({ v, b });
  }
  for (let k = Math.max(0, n - 2); k < n; k++) {
    diagonal[k] = a[k * n + k];
    if (k > 0 && k === n - 1) offDiagonal[k] = a[k * n + k - 1];
  }
  // Q^T = H_(n-3) ... H_1 H_0, from the right: each touches columns above k alone.
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  for (let k = reflections.length - 1; k >= 0; k--) {
    const { v, b } = reflections[k];
    if (b === 0) continue;
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      let dot = 0;
      for (let j = k + 1; j < n; j++) dot += rows[row + j] * v[j];
      dot *= b;
      for (let j = k + 1; j < n; j++) rows[row + j] -= dot * v[j];
    }
  }
  return { diagonal, offDiagonal, rows };
}

/**
 * Implicit QL steps until what stands beside the diagonal is gone.
 *
 * @param d The diagonal; becomes the eigenvalues.
 * @param e Entry i stands left of the diagonal in row i; overwritten.
 * @param rows The rows of Q^T; row j becomes the eigenvector of d[j].
 * @returns Number of steps; none if an eigenvalue needed too many.
 */
function implicitQl(
  d: Float64Array,
  e: Float64Array,
  rows: Float64Array,
  n: number,
): number | undefined {
  e.copyWithin(0, 1); // now entry i stands between rows i and i + 1
  if (n > 0) e[n - 1] = 0;
  let all = 0;
  for (let low = 0; low < n; low++) {
    for (let steps = 0;; steps++) {
      // The block that starts at `low` ends at the first entry that is nothing
      // beside its neighbours on the diagonal.
      let high = low;
      while (high < n - 1) {
        const beside = Math.abs(d[high]) + Math.abs(d[high + 1]);
        if (Math.abs(e[high]) <= Number.EPSILON * beside) break;
        high++;
      }
      if (high === low) break;
      if (steps === MOST_STEPS) return undefined;
      all++;
      // Wilkinson's shift: the eigenvalue of the first 2 x 2 block near d[low].
      const half = (d[low + 1] - d[low]) / (2 * e[low]);
      const root = Math.hypot(half, 1);
      const shift = d[low] - e[low] / (half + (half < 0 ? -root : root));
      // Chase the bulge from the bottom of the block to its top.
      let x = d[high] - shift, cosine = 1, sine = 1, moved = 0;
      let i = high - 1;
      for (; i >= low; i--) {
        const f = sine * e[i], b = cosine * e[i];
        const length = Math.hypot(f, x);
        e[i + 1] = length;
        if (length === 0) {
          // The block falls apart here: begin again with its upper part.
          d[i + 1] -= moved;
          e[high] = 0;
          break;
        }
        sine = f / length;
        cosine = x / length;
        const rest = d[i + 1] - moved;
        const t = (d[i] - rest) * sine + 2 * cosine * b;
        moved = sine * t;
        d[i + 1] = rest + moved;
        x = cosine * t - b;
        const upper = i * n, lower = upper + n;
        for (let k = 0; k < n; k++) {
          const p = rows[upper + k], q = rows[lower + k];
          rows[lower + k] = sine * p + cosine * q;
          rows[upper + k] = cosine * p - sine * q;
        }
      }
      if (i >= low) continue;
      d[low] -= moved;
      e[low] = x;
      e[high] = 0;
    }
  }
  return all;
}
