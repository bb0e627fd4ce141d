/**
 * Eigenvalues of any real matrix: balancing, Householder reflections to Hessenberg
 * form, then implicit QR steps with two shifts at once, which keep everything real
 * (Golub and Van Loan, "Matrix Computations", 7.4 and 7.5).
 *
 * They cost O(n^3), 10/3 n^3 for the reflections and about 7 n^3 for the steps.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";
import {
  largest,
  NEGLIGIBLE_SQUARES,
  powerOfTwoNear,
  squareCopy,
} from "./matrix.ts";
import { type EigenOptions, mostSteps } from "./symmetric_eigen.ts";

/** What {@linkcode generalEigenvalues} finds: real[i] + i imaginary[i]. */
export interface GeneralEigenvalues {
  /** Real parts, ascending: [n]. */
  readonly real: Value;
  /** Imaginary parts, ascending where the real parts are equal: [n]. */
  readonly imaginary: Value;
  /** False if an eigenvalue needed more QR steps than allowed: then not all are right. */
  readonly converged: boolean;
  /** QR steps that were taken. */
  readonly iterations: number;
}

/** Balancing sweeps; a few are usual, and eigenvalues are right without any. */
const MOST_SWEEPS = 50;

/**
 * All eigenvalues of a square matrix. Complex ones come as conjugate pairs.
 *
 * They are those of a matrix that differs from the given one, after balancing, by
 * rounding: some units in the last place of its norm. A simple eigenvalue moves by
 * that much times its condition, but one that k eigenvectors have in common, in a
 * Jordan block of k rows, by the k-th root of it.
 *
 * @example A quarter turn
 * ```ts
 * import { generalEigenvalues } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const found = generalEigenvalues(value([0, -1, 1, 0], [2, 2]));
 * assertEquals([...found.real.data], [0, 0]);
 * assertEquals([...found.imaginary.data], [-1, 1]);
 * ```
 *
 * @param matrix [n, n]; n may be 0.
 * @param options When to give up on an eigenvalue or pair.
 * @returns Eigenvalues, and whether they converged.
 * @throws {RangeError} If the matrix is not square, an entry is not finite, or an option
 * is out of its range.
 * @throws {TypeError} If it is not float.
 */
export function generalEigenvalues(
  matrix: Value,
  options: EigenOptions = {},
): GeneralEigenvalues {
  const most = mostSteps(options);
  const { n, data } = squareCopy("find eigenvalues", matrix);
  // Powers of two scale without rounding; the squares below stay in range.
  const scale = powerOfTwoNear(largest(data));
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  balance(data, n);
  makeHessenberg(data, n);
  const { real, imaginary, steps, converged } = qrSteps(data, n, most);
  const order = [...real.keys()].sort((i, j) =>
    real[i] - real[j] || imaginary[i] - imaginary[j]
  );
  return {
    real: value(Float64Array.from(order, (i) => real[i] * scale)),
    imaginary: value(Float64Array.from(order, (i) => imaginary[i] * scale)),
    converged,
    iterations: steps,
  };
}

/**
 * A <- D^-1 A D with powers of two in D, which do not round, so that each row is about
 * as large as its column: rounding is relative to the norm, and this lowers it.
 */
function balance(a: Float64Array, n: number): void {
  for (let sweep = 0, changed = true; changed && sweep < MOST_SWEEPS; sweep++) {
    changed = false;
    for (let i = 0; i < n; i++) {
      let column = 0, row = 0;
      for (let j = 0; j < n; j++) {
        if (j === i) continue;
        column += Math.abs(a[j * n + i]);
        row += Math.abs(a[i * n + j]);
      }
      if (column === 0 || row === 0) continue;
      // The power of two nearest to the root of row / column.
      const factor = 2 ** Math.round((Math.log2(row) - Math.log2(column)) / 2);
      const after = column * factor + row / factor;
      // Less than a twentieth is not worth a sweep.
      if (after >= 0.95 * (column + row)) continue;
      changed = true;
      for (let j = 0; j < n; j++) a[i * n + j] /= factor;
      for (let j = 0; j < n; j++) a[j * n + i] *= factor;
    }
  }
}

/** A <- Q^T A Q, which is 0 below the first subdiagonal, by n - 2 reflections. */
function makeHessenberg(a: Float64Array, n: number): void {
  const v = new Float64Array(n), u = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    const first = k + 1;
    let rest = 0;
    for (let i = first; i < n; i++) v[i] = a[i * n + k];
    for (let i = first + 1; i < n; i++) rest += v[i] * v[i];
    if (rest < NEGLIGIBLE_SQUARES) {
      for (let i = first + 1; i < n; i++) a[i * n + k] = 0;
      continue;
    }
    const length = Math.sqrt(v[first] * v[first] + rest);
    const image = v[first] > 0 ? -length : length;
    v[first] -= image;
    const b = 2 / (rest + v[first] * v[first]);
    a[first * n + k] = image;
    for (let i = first + 1; i < n; i++) a[i * n + k] = 0;
    // From the left, A <- A - b v (v^T A); from the right, A <- A - b (A v) v^T.
    u.fill(0);
    const part = { start: first, end: n, from: first, to: () => n };
    addRows(u, first, a, n, part, (i) => b * v[i]);
    for (let i = 0; i < n; i++) {
      const row = i * n, vi = i < first ? 0 : v[i];
      let dot = 0;
      for (let j = first; j < n; j++) {
        const x = a[row + j] - vi * u[j];
        a[row + j] = x;
        dot += x * v[j];
      }
      dot *= b;
      for (let j = first; j < n; j++) a[row + j] -= dot * v[j];
    }
  }
}

/** Which part of a matrix's rows `addRows` adds. */
interface RowPart {
  /** Rows from this one. */
  readonly start: number;
  /** To below this one. */
  readonly end: number;
  /** Columns from this one. */
  readonly from: number;
  /** To below this one, for row p and the three after it: what follows is 0. */
  readonly to: (p: number) => number;
}

/**
 * target <- target + sum over some rows p of factor(p) times row p of a square matrix.
 *
 * Four rows at a time: a number of the target is loaded and stored once for four
 * products, which are added in the same order as one by one.
 *
 * @param data The target's array, which may be the matrix's own.
 * @param at Index in it of column `from`.
 * @param matrix [n, n], row-major.
 * @param n Number of rows.
 * @param part Which rows and columns.
 * @param factor What a row is multiplied by.
 */
function addRows(
  data: Float64Array,
  at: number,
  matrix: Float64Array,
  n: number,
  { start, end, from, to }: RowPart,
  factor: (p: number) => number,
): void {
  let p = start;
  for (; p + 3 < end; p += 4) {
    const f0 = factor(p), f1 = factor(p + 1);
    const f2 = factor(p + 2), f3 = factor(p + 3);
    const r0 = p * n + from, r1 = r0 + n, r2 = r1 + n, r3 = r2 + n;
    const length = to(p) - from;
    for (let j = 0; j < length; j++) {
      data[at + j] = data[at + j] + f0 * matrix[r0 + j] +
        f1 * matrix[r1 + j] + f2 * matrix[r2 + j] + f3 * matrix[r3 + j];
    }
  }
  for (; p < end; p++) {
    const f = factor(p), row = p * n + from, length = to(p) - from;
    for (let j = 0; j < length; j++) data[at + j] += f * matrix[row + j];
  }
}

/** What {@linkcode qrSteps} found, in the order of the diagonal. */
interface Found {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  readonly steps: number;
  readonly converged: boolean;
}

/**
 * QR steps until blocks of one or two rows are left.
 *
 * @param h A Hessenberg matrix, row-major; overwritten.
 * @param most Most steps for one block.
 */
function qrSteps(h: Float64Array, n: number, most: number): Found {
  const real = new Float64Array(n), imaginary = new Float64Array(n);
  const size = largest(h);
  let all = 0, steps = 0;
  for (let high = n - 1; high >= 0;) {
    // The block that ends at `high` begins below the last entry that is nothing
    // beside its neighbours on the diagonal.
    let low = high;
    for (; low > 0; low--) {
      const at = low * n + low;
      const beside = Math.abs(h[at]) + Math.abs(h[at - n - 1]) || size;
      if (Math.abs(h[at - 1]) <= Number.EPSILON * beside) break;
    }
    if (low === high) {
      real[high] = h[high * n + high];
      high--;
      steps = 0;
    } else if (low === high - 1) {
      const at = low * n + low;
      const [one, other] = pairOf(h[at], h[at + 1], h[at + n], h[at + n + 1]);
      [real[low], imaginary[low]] = one;
      [real[high], imaginary[high]] = other;
      high -= 2;
      steps = 0;
    } else if (steps === most) {
      for (let i = 0; i <= high; i++) real[i] = h[i * n + i];
      return { real, imaginary, steps: all, converged: false };
    } else {
      steps++;
      all++;
      doubleStep(h, n, low, high, steps % 10 === 0);
    }
  }
  return { real, imaginary, steps: all, converged: true };
}

/** Real and imaginary parts of the two eigenvalues of [[a, b], [c, d]]. */
function pairOf(
  a: number,
  b: number,
  c: number,
  d: number,
): readonly (readonly [number, number])[] {
  const half = (a - d) / 2, square = half * half + b * c;
  if (square < 0) {
    const imaginary = Math.sqrt(-square);
    return [[d + half, -imaginary], [d + half, imaginary]];
  }
  // The larger of the distances from d, without cancellation; their product is -b c.
  const root = Math.sqrt(square);
  const far = half < 0 ? half - root : half + root;
  return [[d + far, 0], [far === 0 ? d : d - b * c / far, 0]];
}

/**
 * One QR step with two shifts, the eigenvalues of the last 2 x 2 block, on the rows
 * `low` to `high`: a bulge of two more subdiagonals is made at the top and chased out
 * at the bottom by reflections of three rows.
 *
 * @param odd Whether to shift by something else, where steps go round in circles.
 */
function doubleStep(
  h: Float64Array,
  n: number,
  low: number,
  high: number,
  odd: boolean,
): void {
  const end = high * n + high, top = low * n + low;
  let a = h[end - n - 1], d = h[end], bc = h[end - 1] * h[end - n];
  if (odd) {
    const size = Math.abs(h[end - 1]) + Math.abs(h[end - n - 2]);
    a = d += 0.75 * size;
    bc = -0.4375 * size * size;
  }
  // The first column of (H - shift)(H - other shift), over the first subdiagonal.
  let x = ((h[top] - a) * (h[top] - d) - bc) / h[top + n] + h[top + 1];
  let y = h[top] + h[top + n + 1] - a - d;
  let z = h[top + 2 * n + 1];
  for (let k = low; k < high; k++) {
    const three = k + 2 <= high;
    const left = k * n + k - 1; // the entry left of the diagonal
    if (k > low) {
      x = h[left];
      y = h[left + n];
      z = three ? h[left + 2 * n] : 0;
    }
    const size = Math.abs(x) + Math.abs(y) + Math.abs(z);
    if (size === 0) continue;
    const p = x / size, q = y / size, r = z / size;
    const length = Math.sqrt(p * p + q * q + r * r);
    const image = p > 0 ? -length : length;
    if (k > low) {
      h[left] = image * size;
      h[left + n] = 0;
      if (three) h[left + 2 * n] = 0;
    }
    // The reflection 1 - (v0, v1, v2) (1, q / v, r / v) with v = p - image.
    const v = p - image, q1 = q / v, r1 = r / v;
    const b0 = -v / image, b1 = -q / image, b2 = -r / image;
    const r0 = k * n, row1 = r0 + n, row2 = row1 + n;
    const last = Math.min(k + 3, high);
    if (three) {
      for (let j = k; j <= high; j++) {
        const dot = h[r0 + j] + q1 * h[row1 + j] + r1 * h[row2 + j];
        h[r0 + j] -= b0 * dot;
        h[row1 + j] -= b1 * dot;
        h[row2 + j] -= b2 * dot;
      }
      for (let i = low; i <= last; i++) {
        const at = i * n + k;
        const dot = b0 * h[at] + b1 * h[at + 1] + b2 * h[at + 2];
        h[at] -= dot;
        h[at + 1] -= dot * q1;
        h[at + 2] -= dot * r1;
      }
    } else {
      for (let j = k; j <= high; j++) {
        const dot = h[r0 + j] + q1 * h[row1 + j];
        h[r0 + j] -= b0 * dot;
        h[row1 + j] -= b1 * dot;
      }
      for (let i = low; i <= last; i++) {
        const at = i * n + k;
        const dot = b0 * h[at] + b1 * h[at + 1];
        h[at] -= dot;
        h[at + 1] -= dot * q1;
      }
    }
  }
}
