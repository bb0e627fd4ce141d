/**
 * Dense linear algebra in float64 on the host, as pure functions over values:
 * eigenvalues of symmetric and of any real matrices, Cholesky factors, inverse roots,
 * two-dimensional Fourier transforms, principal components, statistics; and smooth
 * surfaces through scattered points. What may fail to converge says so in its result,
 * and does not throw.
 *
 * @example The inverse square root of a matrix, two ways
 * ```ts
 * import { inverseRoot, newtonInverseRoot } from "@adafisher/adafisher/linalg";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const matrix = value([2, 1, 1, 2], [2, 2]);
 * const exact = inverseRoot(matrix, 2);
 * const iterated = newtonInverseRoot(matrix, 2, { tolerance: 1e-12 });
 * assert(exact.converged && iterated.converged);
 * assertAlmostEquals(exact.root.data[1], iterated.root.data[1], 1e-12);
 * ```
 *
 * @module
 */

export * from "./cholesky.ts";
export * from "./clough_tocher.ts";
export * from "./delaunay.ts";
export { type ComplexMatrix, fft2, inverseFft2 } from "./fft2.ts";
export {
  type GeneralEigenvalues,
  generalEigenvalues,
} from "./general_eigen.ts";
export {
  type InverseRoot,
  inverseRoot,
  type InverseRootOptions,
} from "./inverse_root.ts";
export { identity, multiply, type Numbers, transposed } from "./matrix.ts";
export * from "./newton_root.ts";
export * from "./pca.ts";
export * from "./power_iteration.ts";
export * from "./statistics.ts";
export {
  type EigenOptions,
  type SymmetricEigen,
  symmetricEigen,
  type SymmetricEigenvalues,
  symmetricEigenvalues,
} from "./symmetric_eigen.ts";
export type { Data, DType, Shape, Value } from "../tensor/value.ts";
