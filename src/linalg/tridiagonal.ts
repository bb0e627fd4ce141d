/**
 * Symmetric matrices made tridiagonal by Householder reflections.
 *
 * A reflection A <- A - v w^T - w v^T needs the product of A with the next v only when
 * it is complete in that v's own column. So each step passes over the matrix once: it
 * applies the reflection before and multiplies by the next v while an entry is at
 * hand, four rows at a time, so that an entry of the vectors serves four of the matrix.
 * Large matrices do not fit a cache, and this halves and more what they move.
 *
 * @module
 */

/** A reflection 1 - b v v^T. */
export interface Reflection {
  /** The vector: [n]. */
  readonly v: Float64Array;
  /** 2 over its squared length, or 0 where nothing is reflected. */
  readonly b: number;
}

/** T of Q^T A Q = T. */
export interface Tridiagonal {
  /** The diagonal: [n]. */
  readonly diagonal: Float64Array;
  /** What stands left of it: entry i in row i; entry 0 is 0. */
  readonly offDiagonal: Float64Array;
  /** The factors of Q, first to last, if they were to be kept. */
  readonly reflections: readonly Reflection[];
}

/**
 * Q^T A Q = T, tridiagonal, by n - 2 reflections.
 *
 * @param a The lower triangle of A, row-major [n, n]; overwritten.
 * @param n Number of rows.
 * @param keep Whether to keep the reflections, which need as much memory as A.
 * @returns T, and its reflections.
 */
export function tridiagonalize(
  a: Float64Array,
  n: number,
  keep: boolean,
): Tridiagonal {
  const diagonal = new Float64Array(n), offDiagonal = new Float64Array(n);
  const reflections: Reflection[] = [];
  // The reflection that is still to be applied, and the next one.
  let v0 = new Float64Array(n), w0 = new Float64Array(n);
  let v = new Float64Array(n), w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    // Column k, from the diagonal down.
    for (let i = k; i < n; i++) {
      v[i] = a[i * n + k] - v0[i] * w0[k] - w0[i] * v0[k];
    }
    diagonal[k] = v[k];
    if (k === n - 1) break;
    v.fill(0, 0, k + 1);
    const { b, image } = reflect(v, k + 1);
    offDiagonal[k + 1] = image;
    if (keep) reflections.push({ v: v.slice(), b });
    // w = b A v - (b^2 / 2) (v^T A v) v, so that A <- A - v w^T - w v^T.
    w.fill(0);
    updateAndMultiply(a, n, k + 1, v0, w0, v, w);
    let inner = 0;
    for (let i = k + 1; i < n; i++) inner += v[i] * w[i];
    const half = b * b * inner / 2;
    for (let i = k + 1; i < n; i++) w[i] = b * w[i] - half * v[i];
    [v0, v] = [v, v0];
    [w0, w] = [w, w0];
  }
  return { diagonal, offDiagonal, reflections };
}

/**
 * The reflection that takes a vector to a multiple of its first entry.
 *
 * @param v The vector, from index `first` on; becomes that of the reflection, which is
 * 0 where the vector is as it should be.
 * @returns 2 over the squared length of v, and what the first entry becomes.
 */
function reflect(
  v: Float64Array,
  first: number,
): { readonly b: number; readonly image: number } {
  const head = v[first];
  let rest = 0;
  for (let i = first + 1; i < v.length; i++) rest += v[i] * v[i];
  if (rest === 0) {
    v.fill(0, first);
    return { b: 0, image: head };
  }
  const length = Math.sqrt(head * head + rest);
  const image = head > 0 ? -length : length;
  v[first] = head - image;
  return { b: 2 / (rest + v[first] * v[first]), image };
}

/** A <- A - v0 w0^T - w0 v0^T, and w <- w + A v, rows and columns from `first` on. */
function updateAndMultiply(
  a: Float64Array,
  n: number,
  first: number,
  v0: Float64Array,
  w0: Float64Array,
  v: Float64Array,
  w: Float64Array,
): void {
  let i = first;
  for (; i + 3 < n; i += 4) {
    fourRows(a, n, i, first, v0, w0, v, w);
    for (let r = i; r < i + 4; r++) oneRow(a, n, r, i, v0, w0, v, w);
  }
  for (; i < n; i++) oneRow(a, n, i, first, v0, w0, v, w);
}

/** Row i, from column `first` to the diagonal. */
function oneRow(
  a: Float64Array,
  n: number,
  i: number,
  first: number,
  v0: Float64Array,
  w0: Float64Array,
  v: Float64Array,
  w: Float64Array,
): void {
  const row = i * n, p = v0[i], q = w0[i], s = v[i];
  let total = 0;
  for (let j = first; j < i; j++) {
    const x = a[row + j] - p * w0[j] - q * v0[j];
    a[row + j] = x;
    total += x * v[j];
    w[j] += x * s;
  }
  const x = a[row + i] - 2 * p * q;
  a[row + i] = x;
  w[i] += total + x * s;
}

/** Rows i to i + 3, from column `first` to below column i. */
function fourRows(
  a: Float64Array,
  n: number,
  i: number,
  first: number,
  v0: Float64Array,
  w0: Float64Array,
  v: Float64Array,
  w: Float64Array,
): void {
  const r0 = i * n, r1 = r0 + n, r2 = r1 + n, r3 = r2 + n;
  const p0 = v0[i], p1 = v0[i + 1], p2 = v0[i + 2], p3 = v0[i + 3];
  const q0 = w0[i], q1 = w0[i + 1], q2 = w0[i + 2], q3 = w0[i + 3];
  const s0 = v[i], s1 = v[i + 1], s2 = v[i + 2], s3 = v[i + 3];
  let t0 = 0, t1 = 0, t2 = 0, t3 = 0;
  for (let j = first; j < i; j++) {
    const wj = w0[j], vj = v0[j], next = v[j];
    const x0 = a[r0 + j] - p0 * wj - q0 * vj;
    const x1 = a[r1 + j] - p1 * wj - q1 * vj;
    const x2 = a[r2 + j] - p2 * wj - q2 * vj;
    const x3 = a[r3 + j] - p3 * wj - q3 * vj;
    a[r0 + j] = x0;
    a[r1 + j] = x1;
    a[r2 + j] = x2;
    a[r3 + j] = x3;
    t0 += x0 * next;
    t1 += x1 * next;
    t2 += x2 * next;
    t3 += x3 * next;
    w[j] += x0 * s0 + x1 * s1 + x2 * s2 + x3 * s3;
  }
  w[i] += t0;
  w[i + 1] += t1;
  w[i + 2] += t2;
  w[i + 3] += t3;
}

/**
 * Q = H_0 H_1 ... H_(n-1), row-major [n, n]. Its transpose is multiplied out from the
 * right, last reflection first: each touches the rows and columns after its own alone.
 *
 * @param reflections H_0, H_1, ...: what {@linkcode tridiagonalize} kept.
 * @param n Number of rows.
 */
export function reflectionProduct(
  reflections: readonly Reflection[],
  n: number,
): Float64Array {
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  for (let k = reflections.length - 1; k >= 0; k--) {
    const { v, b } = reflections[k];
    if (b === 0) continue;
    let i = k + 1;
    for (; i + 3 < n; i += 4) reflectFour(rows, n, i, k + 1, v, b);
    for (; i < n; i++) reflectOne(rows, i * n, k + 1, v, b);
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const below = rows[i * n + j];
      rows[i * n + j] = rows[j * n + i];
      rows[j * n + i] = below;
    }
  }
  return rows;
}

/** The row that begins at `row`, times a reflection, from column `first` on. */
function reflectOne(
  rows: Float64Array,
  row: number,
  first: number,
  v: Float64Array,
  b: number,
): void {
  let dot = 0;
  for (let j = first; j < v.length; j++) dot += rows[row + j] * v[j];
  dot *= b;
  for (let j = first; j < v.length; j++) rows[row + j] -= dot * v[j];
}

/** {@linkcode reflectOne} of row i and the three after it. */
function reflectFour(
  rows: Float64Array,
  n: number,
  i: number,
  first: number,
  v: Float64Array,
  b: number,
): void {
  const r0 = i * n, r1 = r0 + n, r2 = r1 + n, r3 = r2 + n;
  let d0 = 0, d1 = 0, d2 = 0, d3 = 0;
  for (let j = first; j < n; j++) {
    const x = v[j];
    d0 += rows[r0 + j] * x;
    d1 += rows[r1 + j] * x;
    d2 += rows[r2 + j] * x;
    d3 += rows[r3 + j] * x;
  }
  d0 *= b;
  d1 *= b;
  d2 *= b;
  d3 *= b;
  for (let j = first; j < n; j++) {
    const x = v[j];
    rows[r0 + j] -= d0 * x;
    rows[r1 + j] -= d1 * x;
    rows[r2 + j] -= d2 * x;
    rows[r3 + j] -= d3 * x;
  }
}
