/**
 * Rotations of neighbouring columns of a matrix, put off and done together.
 *
 * A QL step turns columns i + 1 and i for i from high - 1 down: a sweep. One at a time
 * each would pass over the whole matrix, which moves two numbers in and out for six
 * operations. Here some sweeps are kept, and then done row by row: a row stays in cache
 * for all of them, within a sweep each of its numbers is loaded and stored once, and
 * four rows at a time share the cosines and hide each other's latency.
 *
 * @module
 */

/** Rotations that are put off. */
export interface Rotations {
  /** Begins a sweep whose first rotation turns columns `high` and high - 1. */
  readonly sweep: (high: number) => void;
  /**
   * Adds the next rotation: with p of column i and q of column i + 1, the first becomes
   * cosine p - sine q and the second sine p + cosine q.
   */
  readonly add: (cosine: number, sine: number) => void;
  /** Does all that were added. */
  readonly finish: () => void;
}

/** Rotations that are kept, in rows of the matrix: their tables stay in cache. */
const KEPT = 16;

/**
 * Prepares to turn columns of a matrix.
 *
 * @param matrix [n, n], row-major; is turned in place.
 * @param n Number of rows.
 */
export function rotationsOf(matrix: Float64Array, n: number): Rotations {
  const cosines = new Float64Array(KEPT * n),
    sines = new Float64Array(KEPT * n);
  // The first column of each sweep, and where its rotations begin.
  let highs: number[] = [], starts: number[] = [];
  let count = 0;
  const finish = (): void => {
    starts.push(count);
    let row = 0;
    for (; row + 3 < n; row += 4) {
      for (let s = 0; s < highs.length; s++) {
        const at = row * n + highs[s];
        turnFour(matrix, n, at, cosines, sines, starts[s], starts[s + 1]);
      }
    }
    for (; row < n; row++) {
      for (let s = 0; s < highs.length; s++) {
        const at = row * n + highs[s];
        turnOne(matrix, at, cosines, sines, starts[s], starts[s + 1]);
      }
    }
    [highs, starts, count] = [[], [], 0];
  };
  return {
    sweep: (high) => {
      if (count + high > cosines.length) finish();
      highs.push(high);
      starts.push(count);
    },
    add: (cosine, sine) => {
      cosines[count] = cosine;
      sines[count] = sine;
      count++;
    },
    finish,
  };
}

/** A sweep in one row, from the entry at `at` to the left. */
function turnOne(
  matrix: Float64Array,
  at: number,
  cosines: Float64Array,
  sines: Float64Array,
  start: number,
  end: number,
): void {
  let q = matrix[at];
  for (let k = start; k < end; k++, at--) {
    const c = cosines[k], s = sines[k], p = matrix[at - 1];
    matrix[at] = s * p + c * q;
    q = c * p - s * q;
  }
  matrix[at] = q;
}

/** {@linkcode turnOne} in a row and the three below it. */
function turnFour(
  matrix: Float64Array,
  n: number,
  at: number,
  cosines: Float64Array,
  sines: Float64Array,
  start: number,
  end: number,
): void {
  let a0 = at, a1 = a0 + n, a2 = a1 + n, a3 = a2 + n;
  let q0 = matrix[a0], q1 = matrix[a1], q2 = matrix[a2], q3 = matrix[a3];
  for (let k = start; k < end; k++, a0--, a1--, a2--, a3--) {
    const c = cosines[k], s = sines[k];
    const p0 = matrix[a0 - 1], p1 = matrix[a1 - 1];
    const p2 = matrix[a2 - 1], p3 = matrix[a3 - 1];
    matrix[a0] = s * p0 + c * q0;
    matrix[a1] = s * p1 + c * q1;
    matrix[a2] = s * p2 + c * q2;
    matrix[a3] = s * p3 + c * q3;
    q0 = c * p0 - s * q0;
    q1 = c * p1 - s * q1;
    q2 = c * p2 - s * q2;
    q3 = c * p3 - s * q3;
  }
  matrix[a0] = q0;
  matrix[a1] = q1;
  matrix[a2] = q2;
  matrix[a3] = q3;
}
