/**
 * Tensors as files hold them: thirteen element types, and the way from and to
 * the project's host values, which know three.
 *
 * @module
 */

import { type Shape, sizeOf, type Value } from "../tensor/value.ts";

/** In-memory array of each element type of a file; halves are widened. */
export interface StoredArrays {
  /** 64-bit floats. */
  readonly F64: Float64Array;
  /** 32-bit floats. */
  readonly F32: Float32Array;
  /** IEEE 754 half floats, 5 bits of exponent, widened without loss. */
  readonly F16: Float32Array;
  /** Upper halves of 32-bit floats, 8 bits of exponent, widened without loss. */
  readonly BF16: Float32Array;
  /** 64-bit integers. */
  readonly I64: BigInt64Array;
  /** Unsigned 64-bit integers. */
  readonly U64: BigUint64Array;
  /** 32-bit integers. */
  readonly I32: Int32Array;
  /** Unsigned 32-bit integers. */
  readonly U32: Uint32Array;
  /** 16-bit integers. */
  readonly I16: Int16Array;
  /** Unsigned 16-bit integers. */
  readonly U16: Uint16Array;
  /** 8-bit integers. */
  readonly I8: Int8Array;
  /** Unsigned 8-bit integers. */
  readonly U8: Uint8Array;
  /** Truth values, one byte each: 0 or 1. */
  readonly BOOL: Uint8Array;
}

/** Element type of a tensor in a file. */
export type StoredDType = keyof StoredArrays;

/** A dense, row-major tensor with the element type it has in a file. */
export type StoredTensor = {
  readonly [D in StoredDType]: {
    /** Element type in the file. */
    readonly dtype: D;
    /** Extent of each axis; `[]` is a scalar. */
    readonly shape: Shape;
    /** The elements, row-major: as many as the product of the shape. */
    readonly data: StoredArrays[D];
  };
}[StoredDType];

/** What a converter needs to know of an element type. */
interface Storage {
  /** Bytes of one element in a file. */
  readonly bytes: number;
  /** Class of the array in memory. */
  readonly array: { readonly name: string; new (length: number): object };
  /** The array in memory of the aligned bytes of a file. */
  fromFile(buffer: ArrayBufferLike, offset: number, length: number): object;
  /** The array whose bytes a file holds. */
  toFile(data: StoredTensor["data"]): ArrayBufferView;
}

/** Class of typed arrays. */
interface ArrayClass {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): object;
  new (buffer: ArrayBufferLike, offset: number, length: number): object;
}

/** Storage of an element type whose array is the same in memory and in a file. */
function plain(array: ArrayClass): Storage {
  return {
    bytes: array.BYTES_PER_ELEMENT,
    array,
    fromFile: (buffer, offset, length) => new array(buffer, offset, length),
    toFile: (data) => data,
  };
}

/** Widens bfloat16: its bits are the upper half of a float32. */
function widenBfloat16(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

/** Rounds float32 to the nearest bfloat16, ties to the even one. */
function narrowToBfloat16(wide: Float32Array): Uint16Array {
  const bits = new Uint32Array(wide.slice().buffer);
  return Uint16Array.from(bits, (word, i) => {
    // Rounding a NaN could carry into infinity: set its quiet bit instead.
    if (Number.isNaN(wide[i])) return (word >>> 16) | 0x40;
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}

/**
 * Every element type. Typed arrays are laid over the bytes of a file as they
 * are: both are little-endian on every machine that Deno runs on.
 */
const STORAGE: Readonly<Record<StoredDType, Storage>> = {
  F64: plain(Float64Array),
  F32: plain(Float32Array),
  F16: {
    bytes: 2,
    array: Float32Array,
    fromFile: (buffer, offset, length) =>
      new Float32Array(new Float16Array(buffer, offset, length)),
    toFile: (data) => new Float16Array(data as Float32Array),
  },
  BF16: {
    bytes: 2,
    array: Float32Array,
    fromFile: (buffer, offset, length) =>
      widenBfloat16(new Uint16Array(buffer, offset, length)),
    toFile: (data) => narrowToBfloat16(data as Float32Array),
  },
  I64: plain(BigInt64Array),
  U64: plain(BigUint64Array),
  I32: plain(Int32Array),
  U32: plain(Uint32Array),
  I16: plain(Int16Array),
  U16: plain(Uint16Array),
  I8: plain(Int8Array),
  U8: plain(Uint8Array),
  BOOL: plain(Uint8Array),
};

/** Names of the element types, for messages. */
export const STORED_DTYPES: string = Object.keys(STORAGE).join(", ");

/** Whether a text names an element type. */
export function isStoredDType(text: string): text is StoredDType {
  return Object.hasOwn(STORAGE, text);
}

/** Bytes of one element in a file. */
export function bytesPerElement(dtype: StoredDType): number {
  return STORAGE[dtype].bytes;
}

/**
 * Bytes that a shape needs in a file; no safe integer where they are too many
 * to count.
 */
export function bytesNeeded(dtype: StoredDType, shape: Shape): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

/**
 * Lays a tensor over the bytes of a file. Its data is a view of them where they
 * are aligned, and a copy where they are not or the element type is widened.
 */
export function tensorOverBytes(
  dtype: StoredDType,
  shape: Shape,
  bytes: Uint8Array,
): StoredTensor {
  const { bytes: width, fromFile } = STORAGE[dtype];
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const data = fromFile(
    aligned.buffer,
    aligned.byteOffset,
    aligned.byteLength / width,
  );
  return { dtype, shape, data } as StoredTensor;
}

/** The bytes that a file holds of a tensor: a view where nothing is narrowed. */
export function bytesOfTensor(tensor: StoredTensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = STORAGE[tensor.dtype].toFile(
    tensor.data,
  );
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Refuses a tensor whose data is not what its element type and shape say.
 *
 * @throws {TypeError} If the array is of another class.
 * @throws {RangeError} If the element type is unknown or the length is wrong.
 */
export function requireConsistent(tensor: StoredTensor, subject: string): void {
  const { dtype, shape, data } = tensor;
  if (!isStoredDType(dtype)) {
    throw new RangeError(
      `${subject} must have a dtype of ${STORED_DTYPES}, got ${dtype}`,
    );
  }
  const { array } = STORAGE[dtype];
  if (!((data as unknown) instanceof array)) {
    const got = (data as unknown)?.constructor?.name ?? String(data);
    throw new TypeError(
      `${subject} of dtype ${dtype} must hold a ${array.name}, got ${got}`,
    );
  }
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `${subject} of shape [${shape}] must have ${
        sizeOf(shape)
      } elements, got ${data.length}`,
    );
  }
}

/** The elements as 32-bit integers, each checked. */
function toInt32(
  data: ArrayLike<number | bigint>,
  subject: string,
): Int32Array {
  const integers = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    integers[i] = Number(data[i]);
    if (integers[i] !== Number(data[i])) {
      throw new RangeError(
        `Cannot make a value of ${subject}: element ${i} must fit 32 bits, got ${
          data[i]
        }`,
      );
    }
  }
  return integers;
}

/** Refuses a byte that is no truth value. */
function requireBooleans(data: Uint8Array, cannot: string): void {
  const wrong = data.findIndex((byte) => byte > 1);
  if (wrong >= 0) {
    throw new RangeError(
      `${cannot}: bool element ${wrong} must be 0 or 1, got ${data[wrong]}`,
    );
  }
}

/**
 * Makes a host value of a stored tensor: F64 becomes a float in float64; F32,
 * F16 and BF16 a float in float32; every integer type an int; BOOL a bool.
 * F64, F32, I32 and BOOL share their memory with the tensor.
 *
 * @example PyTorch writes labels and counters as I64
 * ```ts
 * import { toValue } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = toValue({
 *   dtype: "I64",
 *   shape: [3],
 *   data: BigInt64Array.of(7n, 0n, 9n),
 * });
 * assertEquals(labels.dtype, "int");
 * assertEquals(labels.data, Int32Array.of(7, 0, 9));
 * ```
 *
 * @param tensor The stored tensor.
 * @param subject What it is called in an error message.
 * @returns A value of the same shape.
 * @throws {TypeError} If the tensor's array does not fit its dtype.
 * @throws {RangeError} If an integer does not fit 32 bits, a byte of a BOOL is
 *   neither 0 nor 1, or the shape does not fit the number of elements.
 */
export function toValue(tensor: StoredTensor, subject = "a tensor"): Value {
  const cannot = `Cannot make a value of ${subject}`;
  requireConsistent(tensor, `${cannot}: data`);
  const shape = [...tensor.shape];
  switch (tensor.dtype) {
    case "F64":
    case "F32":
    case "F16":
    case "BF16":
      return { shape, dtype: "float", data: tensor.data };
    case "BOOL":
      requireBooleans(tensor.data, cannot);
      return { shape, dtype: "bool", data: tensor.data };
    case "I32":
      return { shape, dtype: "int", data: tensor.data };
    default:
      return { shape, dtype: "int", data: toInt32(tensor.data, subject) };
  }
}

/** The element type that keeps every bit of a value; none for a mixed-up value. */
function storedDTypeOf({ dtype, data }: Value): StoredDType | undefined {
  if (dtype === "float" && data instanceof Float64Array) return "F64";
  if (dtype === "float" && data instanceof Float32Array) return "F32";
  if (dtype === "int" && data instanceof Int32Array) return "I32";
  if (dtype === "bool" && data instanceof Uint8Array) return "BOOL";
  return undefined;
}

/**
 * Makes a stored tensor of a host value, every bit kept: a float becomes F64 or
 * F32 as it is stored, an int I32, a bool BOOL. The memory is shared.
 *
 * @example There and back
 * ```ts
 * import { fromValue, toValue } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const weight = {
 *   shape: [2, 1],
 *   dtype: "float",
 *   data: Float32Array.of(0.5, -0),
 * } as const;
 * assertEquals(fromValue(weight).dtype, "F32");
 * assertEquals(toValue(fromValue(weight)), weight);
 * ```
 *
 * @param value The host value.
 * @param subject What it is called in an error message.
 * @returns A stored tensor of the same shape.
 * @throws {TypeError} If the value's array does not fit its dtype.
 * @throws {RangeError} If a byte of a bool is neither 0 nor 1, or the shape
 *   does not fit the number of elements.
 */
export function fromValue(value: Value, subject = "a value"): StoredTensor {
  const cannot = `Cannot store ${subject}`;
  const dtype = storedDTypeOf(value);
  if (dtype === undefined) {
    throw new TypeError(
      `${cannot}: ${value.dtype} must not be held in this array, got ${value.data?.constructor?.name}`,
    );
  }
  const tensor = { dtype, shape: [...value.shape], data: value.data };
  requireConsistent(tensor as StoredTensor, `${cannot}: data`);
  if (dtype === "BOOL") requireBooleans(value.data as Uint8Array, cannot);
  return tensor as StoredTensor;
}
