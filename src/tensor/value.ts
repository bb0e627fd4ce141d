/**
 * Host values: the numbers that go into a program and come out of it.
 *
 * @module
 */

/** Element type of a tensor: a float has the precision of its device. */
export type DType = "float" | "int" | "bool";

/** Extent of each axis, row-major; `[]` is a scalar. */
export type Shape = readonly number[];

/** Storage of a value: float64 or float32, int32, or one byte a bool. */
export type Data = Float64Array | Float32Array | Int32Array | Uint8Array;

/** A dense, row-major array of numbers on the host. */
export interface Value {
  /** Extent of each axis. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
  /** The elements, row-major: as many as the product of the shape. */
  readonly data: Data;
}

/**
 * Number of elements of a shape: the product of its extents.
 *
 * @param shape The extents.
 * @returns The product; 1 for a scalar.
 */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Element type that fits a storage array. */
function dtypeOf(data: Data): DType {
  if (data instanceof Int32Array) return "int";
  if (data instanceof Uint8Array) return "bool";
  return "float";
}

/**
 * Makes a host value of numbers and a shape.
 *
 * @example A matrix of two rows
 * ```ts
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const matrix = value([1, 2, 3, 4, 5, 6], [2, 3]);
 * assertEquals(matrix.dtype, "float");
 * ```
 *
 * @param data Numbers (stored as float64), or a typed array that is kept as it is.
 * @param shape Extents; one axis over all elements where it is not given.
 * @returns The value.
 * @throws {RangeError} If the number of elements is not the product of the shape.
 */
export function value(
  data: readonly number[] | Data,
  shape: Shape = [data.length],
): Value {
  const stored = ArrayBuffer.isView(data)
    ? data as Data
    : Float64Array.from(data as readonly number[]);
  if (stored.length !== sizeOf(shape)) {
    throw new RangeError(
      `Cannot make a value: shape [${shape}] needs ${
        sizeOf(shape)
      } elements, got ${stored.length}`,
    );
  }
  return { shape: [...shape], dtype: dtypeOf(stored), data: stored };
}

/**
 * Makes a host value of whole numbers (labels, tokens, random keys).
 *
 * @param data The integers, each within 32 bits.
 * @param shape Extents; one axis over all elements where it is not given.
 * @returns The value, dtype `int`.
 * @throws {RangeError} If an element is no 32-bit integer, or the shape does not fit.
 */
export function intValue(
  data: ArrayLike<number>,
  shape: Shape = [data.length],
): Value {
  const stored = Int32Array.from(data);
  for (let i = 0; i < stored.length; i++) {
    if (stored[i] !== data[i]) {
      throw new RangeError(
        `Cannot make an int value: element ${i} must be a 32-bit integer, got ${
          data[i]
        }`,
      );
    }
  }
  return value(stored, shape);
}

/**
 * Makes a host value of one number.
 *
 * @param number The number.
 * @returns A float value of shape `[]`.
 */
export function scalarValue(number: number): Value {
  return value([number], []);
}
