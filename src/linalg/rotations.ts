/**
 * Rotations of neighbouring rows of a matrix, put off and done together.
 *
 * A QL step turns rows i + 1 and i for i from high - 1 down: a sweep. One at a time each
 * would pass over the whole matrix, which moves two numbers in and out for six
 * operations. Here some sweeps are kept, and then done for a few columns after another:
 * those stay in cache for all of them, and within a sweep each number is loaded and
 * stored once.
 *
 * @module
 */

import { LINE } from "./kernels.ts";
import type { Part, Workspace } from "./workspace.ts";

/** Rotations that are put off. */
export interface Rotations {
  /** Begins a sweep whose first rotation turns rows `high` and high - 1. */
  readonly sweep: (high: number) => void;
  /**
   * Adds the next rotation: with p of row i and q of row i + 1, the first becomes
   * cosine p - sine q and the second sine p + cosine q.
   */
  readonly add: (cosine: number, sine: number) => void;
  /** Does all that were added. */
  readonly finish: () => void;
}

/** Rotations that are kept, in rows of the matrix: their table stays in cache. */
const KEPT = 16;

/** Numbers that {@linkcode rotationsOf} needs beside the matrix. */
export const roomForRotations = (n: number): number => 2 * KEPT * n;

/**
 * Prepares to turn rows of a matrix.
 *
 * @param space Where the matrix is.
 * @param matrix [n, n]; is turned in place.
 * @param n Number of rows.
 * @param at Index of as much room as {@linkcode roomForRotations} says.
 */
export function rotationsOf(
  space: Workspace,
  matrix: Part,
  n: number,
  at: number,
): Rotations {
  const { numbers } = space, { stride } = matrix;
  const end = at + roomForRotations(n);
  // The first row of each sweep, and where its rotations begin.
  let highs: number[] = [], starts: number[] = [];
  let next = at;
  const finish = (): void => {
    starts.push(next);
    for (let column = 0; column < n; column += LINE) {
      for (let s = 0; s < highs.length; s++) {
        const first = matrix.at + highs[s] * stride + column;
        space.turn(first, stride, starts[s], starts[s + 1]);
      }
    }
    [highs, starts, next] = [[], [], at];
  };
  return {
    sweep: (high) => {
      if (next + 2 * high > end) finish();
      highs.push(high);
      starts.push(next);
    },
    add: (cosine, sine) => {
      numbers[next] = cosine;
      numbers[next + 1] = sine;
      next += 2;
    },
    finish,
  };
}
