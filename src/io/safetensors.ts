/**
 * The safetensors format: eight bytes of header length, a JSON header that says
 * the element type, shape and place of every tensor, then their bytes.
 * A file is refused unless the tensors cover those bytes exactly once.
 *
 * Format: https://github.com/huggingface/safetensors
 *
 * @module
 */

import type { Shape } from "../tensor/value.ts";
import { duplicateKey } from "./duplicate_key.ts";
import { isObject, kindOf, quoted } from "./json.ts";
import {
  bytesNeeded,
  bytesOfTensor,
  bytesPerElement,
  isStoredDType,
  requireConsistent,
  STORED_DTYPES,
  type StoredDType,
  type StoredTensor,
  tensorOverBytes,
} from "./stored_tensor.ts";

/** What a safetensors file holds. */
export interface Safetensors {
  /** The tensors by name. */
  readonly tensors: Map<string, StoredTensor>;
  /** Free text by name, such as the format's writer. */
  readonly metadata: Record<string, string>;
}

/** Bytes of the number in front of the header. */
const LENGTH_BYTES = 8;

/** Longest header in bytes, the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Key of the header that holds no tensor. */
const METADATA = "__metadata__";

/** Place of a tensor in the bytes after the header. */
interface Place {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: Shape;
  readonly begin: number;
  readonly end: number;
}

/** A shape as a message shows it: short. */
function listed(shape: Shape): string {
  const more = shape.length > 16 ? ",…" : "";
  return `[${shape.slice(0, 16)}${more}]`;
}

/** Reads the header's length and refuses one that cannot be. */
function readHeaderLength(bytes: Uint8Array, cannot: string): number {
  if (bytes.byteLength < LENGTH_BYTES) {
    throw new RangeError(
      `${cannot}: a safetensors file must have at least ${LENGTH_BYTES} bytes, got ${bytes.byteLength}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = view.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw new RangeError(
      `${cannot}: the header must have at most ${MAX_HEADER_BYTES} bytes, got ${length}`,
    );
  }
  const room = bytes.byteLength - LENGTH_BYTES;
  if (length > room) {
    throw new RangeError(
      `${cannot}: the header must end within the file, got ${length} bytes where ${room} are left`,
    );
  }
  return Number(length);
}

/** Parses the header to an object without duplicate keys. */
function parseHeader(
  bytes: Uint8Array,
  cannot: string,
): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SyntaxError(
      `${cannot}: the header must be JSON in UTF-8, got ${quoted(reason)}`,
      { cause },
    );
  }
  if (!isObject(header)) {
    throw new TypeError(
      `${cannot}: the header must be a JSON object, got ${kindOf(header)}`,
    );
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    throw new SyntaxError(
      `${cannot}: each key of the header must appear once, got ${
        twice.map(quoted).join(" > ")
      } twice`,
    );
  }
  return header;
}

/** Refuses metadata that is not text by name. */
function requireMetadata(
  metadata: unknown,
  cannot: string,
): Record<string, string> {
  if (!isObject(metadata)) {
    throw new TypeError(
      `${cannot}: ${METADATA} must be an object of strings, got ${
        kindOf(metadata)
      }`,
    );
  }
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== "string") {
      throw new TypeError(
        `${cannot}: ${METADATA} ${quoted(key)} must be a string, got ${
          kindOf(text)
        }`,
      );
    }
  }
  return metadata as Record<string, string>;
}

/** Refuses what is not an array of whole numbers that a double holds exactly. */
function requireNaturals(json: unknown, subject: string): readonly number[] {
  if (!Array.isArray(json)) {
    throw new TypeError(`${subject} must be an array, got ${kindOf(json)}`);
  }
  json.forEach((number, i) => {
    if (typeof number !== "number") {
      throw new TypeError(
        `${subject} must hold numbers, got ${kindOf(number)} at ${i}`,
      );
    }
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new RangeError(
        `${subject} must hold whole numbers from 0 to 2^53 - 1, got ${number} at ${i}`,
      );
    }
  });
  return json;
}

/** Refuses a shape whose bytes cannot be counted. */
function requireShape(
  dtype: StoredDType,
  json: unknown,
  subject: string,
): Shape {
  const shape = requireNaturals(json, `${subject} shape`);
  if (!Number.isSafeInteger(bytesNeeded(dtype, shape))) {
    throw new RangeError(
      `${subject} must have at most 2^53 - 1 bytes, got shape ${listed(shape)}`,
    );
  }
  return shape;
}

/** Refuses offsets that are no span of the `room` bytes after the header. */
function requireSpan(
  json: unknown,
  room: number,
  subject: string,
): [begin: number, end: number] {
  const offsets = requireNaturals(
    json,
    `${subject} data_offsets`,
  );
  const [begin, end] = offsets;
  if (offsets.length !== 2) {
    throw new RangeError(
      `${subject} data_offsets must be its begin and end, got ${offsets.length} numbers`,
    );
  }
  if (end < begin) {
    throw new RangeError(
      `${subject} must not end before it begins, got data_offsets [${begin}, ${end}]`,
    );
  }
  if (end > room) {
    throw new RangeError(
      `${subject} must end within the ${room} bytes after the header, got data_offsets [${begin}, ${end}]`,
    );
  }
  return [begin, end];
}

/** Reads one entry of the header; the data after it has `room` bytes. */
function readPlace(
  name: string,
  entry: unknown,
  room: number,
  cannot: string,
): Place {
  const subject = `${cannot}: tensor ${quoted(name)}`;
  if (!isObject(entry)) {
    throw new TypeError(
      `${subject} must be an object of dtype, shape and data_offsets, got ${
        kindOf(entry)
      }`,
    );
  }
  const { dtype } = entry;
  if (typeof dtype !== "string" || !isStoredDType(dtype)) {
    const UnfitError = typeof dtype === "string" ? RangeError : TypeError;
    throw new UnfitError(
      `${subject} must have a dtype of ${STORED_DTYPES}, got ${kindOf(dtype)}`,
    );
  }
  const shape = requireShape(dtype, entry.shape, subject);
  const [begin, end] = requireSpan(entry.data_offsets, room, subject);
  const needed = bytesNeeded(dtype, shape);
  if (end - begin !== needed) {
    throw new RangeError(
      `${subject} of dtype ${dtype} and shape ${
        listed(shape)
      } must have ${needed} bytes, got ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Refuses tensors that share a byte or leave one to nobody. */
function requireCovered(
  places: readonly Place[],
  room: number,
  cannot: string,
): void {
  const inOrder = places.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  let before = "the header";
  for (const place of inOrder) {
    const tensor = `tensor ${quoted(place.name)}`;
    if (place.begin < end) {
      throw new RangeError(
        `${cannot}: ${tensor} must not overlap ${before}, got byte ${place.begin} where ${end} is the first free one`,
      );
    }
    if (place.begin > end) {
      throw new RangeError(
        `${cannot}: ${tensor} must follow ${before} without a hole, got byte ${place.begin} where ${end} is the first free one`,
      );
    }
    end = place.end;
    before = tensor;
  }
  if (end < room) {
    throw new RangeError(
      `${cannot}: the data must end with ${before}, got ${
        room - end
      } bytes after it`,
    );
  }
}

/**
 * Reads the bytes of a safetensors file. The data of a tensor is a view of
 * those bytes where they are aligned (every tensor of a file that
 * {@linkcode encodeSafetensors} wrote), and a copy where they are not. F16 and
 * BF16 are widened to float32.
 *
 * @example Reading what was written
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors(
 *   new Map([
 *     ["bias", { dtype: "F32", shape: [2], data: Float32Array.of(0.5, -1) }],
 *   ]),
 *   { writer: "example" },
 * );
 * const { tensors, metadata } = decodeSafetensors(bytes, "example.safetensors");
 * assertEquals(tensors.get("bias")?.data, Float32Array.of(0.5, -1));
 * assertEquals(metadata, { writer: "example" });
 * ```
 *
 * @param bytes The whole file.
 * @param source Name of the file in error messages.
 * @returns Tensors and metadata, in the order of the header (but names that are
 *   array indices come first, as in every JavaScript object).
 * @throws {SyntaxError} If the header is no JSON or has a key twice.
 * @throws {TypeError} If a part of the header is of the wrong kind.
 * @throws {RangeError} If a length, dtype, shape or offset is impossible, or the
 *   tensors do not cover the data exactly once.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  source = "safetensors bytes",
): Safetensors {
  const cannot = `Cannot read ${source}`;
  const dataBegin = LENGTH_BYTES + readHeaderLength(bytes, cannot);
  const data = bytes.subarray(dataBegin);
  const { [METADATA]: metadata = {}, ...entries } = parseHeader(
    bytes.subarray(LENGTH_BYTES, dataBegin),
    cannot,
  );
  const places = Object.entries(entries).map(([name, entry]) =>
    readPlace(name, entry, data.byteLength, cannot)
  );
  requireCovered(places, data.byteLength, cannot);
  const tensors = places.map(({ name, dtype, shape, begin, end }) =>
    [name, tensorOverBytes(dtype, shape, data.subarray(begin, end))] as const
  );
  return {
    tensors: new Map(tensors),
    metadata: requireMetadata(metadata, cannot),
  };
}

/** Refuses a tensor that could not be read again. */
function requireStorable(
  name: string,
  tensor: StoredTensor,
  cannot: string,
): void {
  const subject = `${cannot}: tensor ${quoted(name)}`;
  if (name === METADATA) {
    throw new RangeError(`${subject} must not have the name of the metadata`);
  }
  requireConsistent(tensor, subject);
  requireShape(tensor.dtype, tensor.shape, subject);
}

/** Gives each tensor its bytes: the widest elements first, so all are aligned. */
function layOut(tensors: ReadonlyMap<string, StoredTensor>): Place[] {
  const widestFirst = [...tensors].toSorted(([, a], [, b]) =>
    bytesPerElement(b.dtype) - bytesPerElement(a.dtype)
  );
  let end = 0;
  return widestFirst.map(([name, { dtype, shape }]) => {
    const begin = end;
    end += bytesNeeded(dtype, shape);
    return { name, dtype, shape, begin, end };
  });
}

/** The header's bytes, padded with spaces to a multiple of eight. */
function encodeHeader(
  names: Iterable<string>,
  places: readonly Place[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const byName = new Map(places.map((place) => [place.name, place]));
  const entries = [...names].map((name) => {
    const { dtype, shape, begin, end } = byName.get(name)!;
    const entry = { dtype, shape, data_offsets: [begin, end] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) {
    entries.unshift(`"${METADATA}":${JSON.stringify(metadata)}`);
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const header = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  header.set(json);
  return header;
}

/**
 * Writes tensors to the bytes of a safetensors file. The same tensors in the
 * same order give the same bytes. The header keeps the order of the map; the
 * data is sorted by element size, widest first, so that every tensor is
 * aligned. F16 and BF16 are rounded to the nearest, ties to even.
 *
 * @example Eight bytes of length, a padded header, the data
 * ```ts
 * import { encodeSafetensors } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors(
 *   new Map([["x", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }]]),
 * );
 * const header = '{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}   ';
 * assertEquals(bytes[0], header.length);
 * assertEquals(new TextDecoder().decode(bytes.subarray(8, 64)), header);
 * assertEquals(bytes.subarray(64), Uint8Array.of(1, 2, 3));
 * ```
 *
 * @param tensors The tensors by name.
 * @param metadata Free text by name; left out where it is empty.
 * @returns The whole file.
 * @throws {TypeError} If an array does not fit its dtype, or metadata is no text.
 * @throws {RangeError} If a dtype is unknown, a shape does not fit its array, a
 *   tensor is called `__metadata__`, or the header is longer than 100 MB.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const cannot = "Cannot write safetensors";
  for (const [name, tensor] of tensors) requireStorable(name, tensor, cannot);
  requireMetadata(metadata, cannot);
  const places = layOut(tensors);
  const header = encodeHeader(tensors.keys(), places, metadata);
  if (header.byteLength > MAX_HEADER_BYTES) {
    throw new RangeError(
      `${cannot}: the header must have at most ${MAX_HEADER_BYTES} bytes, got ${header.byteLength}`,
    );
  }
  const dataBegin = LENGTH_BYTES + header.byteLength;
  const bytes = new Uint8Array(dataBegin + (places.at(-1)?.end ?? 0));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  bytes.set(header, LENGTH_BYTES);
  for (const { name, begin } of places) {
    bytes.set(bytesOfTensor(tensors.get(name)!), dataBegin + begin);
  }
  return bytes;
}
