/**
 * Second moments of the patches that a kernel sees: the sum of h h^T over all of
 * them.
 *
 * An entry of h h^T is the product of two cells of the image, and the same product
 * stands wherever two cells of the kernel lie as far apart: for three by three
 * cells, 81 pairs have only 25 distances, of which 13 are left when a pair and its
 * opposite count once. So the image's moments at each lag,
 *
 *     m[c, c', d] = sum over n and p of x[n, c, p] x[n, c', p + d],
 *
 * give all entries: [c, i, c', i'] is m[c, c', i' - i] without the products of
 * windows that lie outside, yet reach into the image. These windows see one row or
 * column of it, and their moments are subtracted. No patch is written down but
 * theirs. (kfac-jax has this idea as `patches_moments`.) So an entry is rounded like
 * m, also where it is small because all that is large lies at the border.
 *
 * @module
 */

import {
  add,
  concat,
  convKernelGradient,
  fill,
  matmul,
  mul,
  pad,
  reshape,
  reverse,
  slice,
  sub,
  sum,
  transpose,
  windows,
} from "../tensor/operations.ts";
import type { Pair, Tensor, WindowGeometry } from "../tensor/tensor.ts";

/** How patches lie, and whether each has a 1 behind its cells. */
export interface PatchGeometry extends WindowGeometry {
  readonly bias: boolean;
}

/**
 * The sum of h h^T over samples and positions, h a patch flattened as [C, kh, kw]
 * and a 1 where there is a bias.
 *
 * @param x [N, C, H, W].
 * @param kernel Height and width of a patch.
 * @param geometry Stride, padding, dilation, and the bias.
 * @returns [P, P] with P = C kh kw, or P + 1; symmetric.
 */
export function patchMoments(
  x: Tensor,
  kernel: Pair,
  geometry: PatchGeometry,
): Tensor {
  const moments = isAroundCells(x, kernel, geometry)
    ? momentsByLag(x)
    : momentsOfPatches(x, kernel, geometry);
  if (!geometry.bias) return moments;
  // Windows of a sum are the sum of windows.
  const total = windows(sum(x, 0, { keepAxes: true }), kernel, geometry);
  const patch = moments.shape[0];
  const sums = sum(total, [4, 5]);
  const count = x.shape[0] * total.shape[4] * total.shape[5];
  return concat([
    concat([moments, reshape(sums, [patch, 1])], 1),
    concat([reshape(sums, [1, patch]), fill([1, 1], count)], 1),
  ]);
}

/** Whether patches are the three by three cells around each cell of an image. */
function isAroundCells(
  { shape }: Tensor,
  kernel: Pair,
  { stride, padding, dilation }: WindowGeometry,
): boolean {
  // First and last rows and columns are not the same ones, and none is alone.
  return kernel.every((extent) => extent === 3) &&
    [...stride, ...padding, ...dilation].every((n) => n === 1) &&
    shape[2] >= 3 && shape[3] >= 3;
}

/** The product of all patches with themselves, one patch a column. */
function momentsOfPatches(
  x: Tensor,
  kernel: Pair,
  geometry: WindowGeometry,
): Tensor {
  const unfolded = windows(x, kernel, geometry);
  const [n, c, kh, kw, height, width] = unfolded.shape;
  const patch = c * kh * kw;
  const positions = height * width;
  // [N, P, L] -> [P, N L].
  const patches = reshape(
    transpose(reshape(unfolded, [n, patch, positions]), [1, 0, 2]),
    [patch, n * positions],
  );
  return matmul(patches, transpose(patches));
}

/** The moments of the patches around all cells, from the moments at each lag. */
function momentsByLag(x: Tensor): Tensor {
  const [n, c, height, width] = x.shape;
  // Windows that start two cells before the image and end two behind see each pair
  // of cells in all places. [c, c', i', j', 2 - i, 2 - j] -> [c, i, j, c', i', j'].
  const all = transpose(
    reverse(windows(lagMoments(x), [3, 3], padded(0, 0)), [4, 5]),
    [0, 4, 5, 1, 2, 3],
  );
  const row = (at: number, i: number) =>
    momentsOfLine(
      slice(x, [0, 0, at, 0], [n, c, at + 1, width]),
      [1, 3],
      padded(0, 2),
      [i, 0],
    );
  const column = (at: number, j: number) =>
    momentsOfLine(
      slice(x, [0, 0, 0, at], [n, c, height, at + 1]),
      [3, 1],
      padded(1, 0),
      [0, j],
    );
  // Windows above see the first row in their last one, and so on; the corners are
  // with the rows.
  const outside = [
    row(0, 2),
    row(height - 1, 0),
    column(0, 2),
    column(width - 1, 0),
  ];
  return reshape(outside.reduce(sub, all), [9 * c, 9 * c]);
}

/**
 * Moments of patches that see a line of the image and nothing else.
 *
 * @param line The row or column, [N, C, 1, W] or [N, C, H, 1].
 * @param kernel Three cells along the line.
 * @param geometry Which windows there are along it.
 * @param start The cell of the patch where the line begins.
 * @returns [C, 3, 3, C, 3, 3].
 */
function momentsOfLine(
  line: Tensor,
  kernel: Pair,
  geometry: WindowGeometry,
  start: Pair,
): Tensor {
  const channels = line.shape[1];
  const shape = [channels, ...kernel];
  const low = [0, ...start];
  const high = [0, 3 - kernel[0] - start[0], 3 - kernel[1] - start[1]];
  return pad(
    reshape(momentsOfPatches(line, kernel, geometry), [...shape, ...shape]),
    [...low, ...low],
    [...high, ...high],
  );
}

/**
 * m[c, c', d] for lags of -2 to 2 along both axes.
 *
 * @returns [C, C, 5, 5]; m[c, c', d] is m[c', c, -d], to the bit.
 */
function lagMoments(x: Tensor): Tensor {
  const c = x.shape[1];
  // Two squares of lags: devices know faster ways for three by three.
  const square = (left: number, right: number) =>
    convKernelGradient(
      pad(x, [0, 0, 0, left], [0, 0, 2, right]),
      x,
      [c, c, 3, 3],
      { ...padded(0, 0), groups: 1 },
    );
  // Rows 0 to 2 of the lags; the others are these, mirrored.
  const below = concat(
    [slice(square(2, 0), [0, 0, 0, 0], [c, c, 3, 2]), square(0, 2)],
    3,
  );
  const half = pad(
    concat([
      // Row 0 is its own mirror image, but for rounding.
      mul(slice(below, [0, 0, 0, 0], [c, c, 1, 5]), 0.5),
      slice(below, [0, 0, 1, 0], [c, c, 3, 5]),
    ], 2),
    [0, 0, 2, 0],
    [0, 0, 0, 0],
  );
  return add(half, reverse(transpose(half, [1, 0, 2, 3]), [2, 3]));
}

/** Windows at every place of an image with so many cells around it. */
const padded = (rows: number, columns: number): WindowGeometry => ({
  stride: [1, 1],
  padding: [rows, columns],
  dilation: [1, 1],
});
