/**
 * NumPy's format of one array, versions 1.0 to 3.0: a magic string, a header that is
 * a Python dictionary of element type, order and shape, then the elements.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * @module
 */

import { type Shape, sizeOf } from "../tensor/value.ts";
import { quoted } from "./json.ts";
import {
  bytesNeeded,
  bytesPerElement,
  type StoredDType,
  type StoredTensor,
  tensorOverBytes,
} from "./stored_tensor.ts";

/** The byte 0x93 and NUMPY. */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Element types by NumPy's name; one byte has no order. */
const DTYPES: Readonly<Record<string, StoredDType>> = {
  "<f8": "F64",
  "<f4": "F32",
  "<f2": "F16",
  "<i8": "I64",
  "<u8": "U64",
  "<i4": "I32",
  "<u4": "U32",
  "<i2": "I16",
  "<u2": "U16",
  "|i1": "I8",
  "|u1": "U8",
  "|b1": "BOOL",
};

/**
 * Reads the bytes of a `.npy` file. An array in Fortran's order is brought into rows;
 * the data of any other is a view of the bytes where they are aligned. Half floats are
 * widened to float32.
 *
 * @example A row of two numbers, as `numpy.save` writes it
 * ```ts
 * import { decodeNpy } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
 * const text = new TextEncoder().encode(header.padEnd(117) + "\n");
 * const numbers = new Uint8Array(Float32Array.of(0.5, -1).buffer);
 * const magic = [0x93, ...new TextEncoder().encode("NUMPY")];
 * const bytes = Uint8Array.from([...magic, 1, 0, 118, 0, ...text, ...numbers]);
 * const { dtype, shape, data } = decodeNpy(bytes, "row.npy");
 * assertEquals([dtype, shape], ["F32", [1, 2]]);
 * assertEquals(data, Float32Array.of(0.5, -1));
 * ```
 *
 * @param bytes The whole file.
 * @param source Name of the file in error messages.
 * @returns The array.
 * @throws {SyntaxError} If the header is no dictionary of type, order and shape.
 * @throws {RangeError} If it is no such file, or of another version, the element type
 * is none of those that tensors have, or the bytes do not fit the shape.
 */
export function decodeNpy(
  bytes: Uint8Array,
  source = "npy bytes",
): StoredTensor {
  const cannot = `Cannot read ${source}`;
  const { text, end } = headerOf(bytes, cannot);
  const { dtype, fortran, shape } = parseHeader(text, cannot);
  const data = bytes.subarray(end);
  const needed = bytesNeeded(dtype, shape);
  if (data.byteLength !== needed) {
    throw new RangeError(
      `${cannot}: an array of ${dtype} and shape [${shape}] must have ${needed} bytes, got ${data.byteLength}`,
    );
  }
  return tensorOverBytes(
    dtype,
    shape,
    fortran ? inRows(data, bytesPerElement(dtype), shape) : data,
  );
}

/** The header's text, and where it ends. */
function headerOf(
  bytes: Uint8Array,
  cannot: string,
): { readonly text: string; readonly end: number } {
  if (MAGIC.some((byte, i) => bytes[i] !== byte) || bytes.length < 8) {
    throw new RangeError(
      `${cannot}: an npy file must begin with 0x93 NUMPY and its version, got ${
        bytes.length === 0 ? "no bytes" : quoted(
          new TextDecoder("latin1").decode(bytes.subarray(0, 8)),
        )
      }`,
    );
  }
  const [major, minor] = bytes.subarray(6, 8);
  if (major < 1 || major > 3) {
    throw new RangeError(
      `${cannot}: the npy version must be 1.0 to 3.0, got ${major}.${minor}`,
    );
  }
  const begin = major === 1 ? 10 : 12;
  if (bytes.length < begin) {
    throw new RangeError(
      `${cannot}: the header's length must end within the file, got ${bytes.length} bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, begin);
  const length = major === 1
    ? view.getUint16(8, true)
    : view.getUint32(8, true);
  if (length > bytes.length - begin) {
    throw new RangeError(
      `${cannot}: the header must end within the file, got ${length} bytes where ${
        bytes.length - begin
      } are left`,
    );
  }
  const end = begin + length;
  const encoding = major === 3 ? "utf-8" : "latin1";
  const text = new TextDecoder(encoding).decode(bytes.subarray(begin, end));
  return { text: text.trim(), end };
}

/** What the dictionary says; NumPy writes the three keys in any order. */
function parseHeader(
  text: string,
  cannot: string,
): {
  readonly dtype: StoredDType;
  readonly fortran: boolean;
  readonly shape: Shape;
} {
  const wrong = (rule: string): SyntaxError =>
    new SyntaxError(`${cannot}: ${rule}, got ${quoted(text)}`);
  const [, order] = /'fortran_order'\s*:\s*(True|False)\b/.exec(text) ?? [];
  const [, extents] = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text) ?? [];
  const [, descr] = /'descr'\s*:\s*('[^']*'|\[.*\])/.exec(text) ?? [];
  if (!/^\{.*\}$/s.test(text) || !order || extents === undefined || !descr) {
    throw wrong(
      "the header must be a dictionary of descr, fortran_order and shape",
    );
  }
  const name = descr.slice(1, -1);
  const dtype = descr[0] === "'" && Object.hasOwn(DTYPES, name)
    ? DTYPES[name]
    : undefined;
  if (!dtype) {
    throw new RangeError(
      `${cannot}: descr must be one of ${Object.keys(DTYPES).join(", ")}, got ${
        quoted(descr)
      }`,
    );
  }
  const shape = extents.split(",").map((part) => part.trim())
    .filter((part) => part !== "").map(Number);
  if (!Number.isSafeInteger(bytesNeeded(dtype, shape))) {
    throw new RangeError(
      `${cannot}: the array must have at most 2^53 - 1 bytes, got shape [${shape}]`,
    );
  }
  return { dtype, fortran: order === "True", shape };
}

/** Elements whose first index runs fastest, as ones whose last does. */
function inRows(bytes: Uint8Array, width: number, shape: Shape): Uint8Array {
  const rows = new Uint8Array(bytes.byteLength);
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  for (let to = 0; to < rows.length; to += width) {
    let from = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      from += index[axis] * strides[axis];
    }
    for (let k = 0; k < width; k++) rows[to + k] = bytes[from * width + k];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return rows;
}
