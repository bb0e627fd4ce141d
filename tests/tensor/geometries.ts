import type { ConvolutionGeometry, Shape } from "../../src/tensor/mod.ts";

/** Image, kernel, geometry: every attribute away from its default, alone and together. */
export const GEOMETRIES: readonly [Shape, Shape, ConvolutionGeometry][] = ([
  [[2, 2, 4, 5], [3, 2, 2, 3], [1, 1], [0, 0], [1, 1], 1],
  [[1, 1, 5, 5], [1, 1, 3, 3], [2, 1], [1, 0], [1, 1], 1],
  [[1, 2, 5, 6], [2, 2, 2, 2], [1, 1], [0, 1], [2, 3], 1],
  [[2, 4, 3, 3], [6, 2, 2, 1], [1, 1], [1, 1], [1, 1], 2],
  [[1, 3, 4, 4], [3, 1, 3, 3], [3, 2], [2, 1], [1, 2], 3],
  // The last row and column are not reached.
  [[1, 1, 6, 6], [2, 1, 1, 1], [4, 4], [0, 0], [1, 1], 1],
  [[0, 1, 3, 3], [1, 1, 2, 2], [1, 1], [0, 0], [1, 1], 1],
] as const).map((
  [image, kernel, stride, padding, dilation, groups],
) => [image, kernel, { stride, padding, dilation, groups }]);
