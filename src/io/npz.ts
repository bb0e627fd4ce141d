/**
 * NumPy's format of several arrays: a zip archive of `.npy` files, stored or deflated.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { quoted } from "./json.ts";
import { decodeNpy } from "./npy.ts";
import type { StoredTensor } from "./stored_tensor.ts";

/** Signatures of the archive's parts, and their lengths without names. */
const END = { signature: 0x06054b50, bytes: 22 } as const;
const DIRECTORY = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;

/** A number that is too large for its field, and stands elsewhere: zip64. */
const ELSEWHERE = 0xffffffff;

/** How much longer than its deflated bytes a file can be: 258 bytes for two bits. */
const EXPANSION = 1032;

/** A file of an archive. */
interface Entry {
  readonly name: string;
  /** 0 for stored, 8 for deflated. */
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  /** Bytes in the archive. */
  readonly packed: number;
  /** Bytes of the file. */
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/**
 * Reads the bytes of a `.npz` file, as `numpy.savez` and `numpy.savez_compressed`
 * write it.
 *
 * @example What is no archive
 * ```ts
 * import { decodeNpz } from "@adafisher/adafisher/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () => decodeNpz(new Uint8Array(100), "a.npz"),
 *   RangeError,
 *   "Cannot read a.npz: it must be a zip archive",
 * );
 * ```
 *
 * @param bytes The whole file.
 * @param source Name of the file in error messages.
 * @returns The arrays by name, without `.npy`, in the order of the archive.
 * @throws {SyntaxError} If the header of an array is none.
 * @throws {RangeError} If the archive is cut off or damaged, an entry is encrypted,
 * packed in another way or no `.npy` file, or an array cannot be read.
 */
export async function decodeNpz(
  bytes: Uint8Array<ArrayBuffer>,
  source = "npz bytes",
): Promise<Map<string, StoredTensor>> {
  const arrays = new Map<string, StoredTensor>();
  for (const entry of entriesOf(bytes, source)) {
    const within = `${source}: ${entry.name}`;
    const [, name] = /^(.+)\.npy$/s.exec(entry.name) ?? [];
    if (name === undefined || arrays.has(name)) {
      throw new RangeError(
        `Cannot read ${source}: its entries must be npy files with names that differ, got ${
          quoted(entry.name)
        }`,
      );
    }
    arrays.set(name, decodeNpy(await unpacked(bytes, entry, within), within));
  }
  return arrays;
}

/** A view of a part of the archive, which must begin with its signature. */
function partAt(
  bytes: Uint8Array,
  offset: number,
  { signature, bytes: length }: typeof END | typeof DIRECTORY | typeof LOCAL,
  source: string,
): DataView {
  const view = offset + length <= bytes.byteLength
    ? new DataView(bytes.buffer, bytes.byteOffset + offset)
    : undefined;
  if (view?.getUint32(0, true) !== signature) {
    throw new RangeError(
      `Cannot read ${source}: the zip archive must have a part 0x${
        signature.toString(16)
      } at byte ${offset}, got ${
        view ? `0x${view.getUint32(0, true).toString(16)}` : "its end"
      }`,
    );
  }
  return view;
}

/** The files that the archive's directory lists. */
function entriesOf(bytes: Uint8Array, source: string): Entry[] {
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = bytes.byteLength - END.bytes;
  // Behind the end's record stands a comment of at most 65,535 bytes.
  const first = Math.max(0, at - 0xffff);
  while (at >= first && whole.getUint32(at, true) !== END.signature) at--;
  if (at < first) {
    throw new RangeError(
      `Cannot read ${source}: it must be a zip archive, got ${bytes.byteLength} bytes without an archive's end`,
    );
  }
  const count = whole.getUint16(at + 10, true);
  let offset = whole.getUint32(at + 16, true);
  const entries: Entry[] = [];
  for (let k = 0; k < count; k++) {
    const view = partAt(bytes, offset, DIRECTORY, source);
    const length = view.getUint16(28, true);
    const name = new TextDecoder().decode(
      bytes.subarray(offset + DIRECTORY.bytes).subarray(0, length),
    );
    entries.push({
      name,
      encrypted: (view.getUint16(8, true) & 1) === 1,
      method: view.getUint16(10, true),
      crc: view.getUint32(16, true),
      packed: view.getUint32(20, true),
      size: view.getUint32(24, true),
      offset: view.getUint32(42, true),
    });
    offset += DIRECTORY.bytes + length + view.getUint16(30, true) +
      view.getUint16(32, true);
  }
  return entries;
}

/** The bytes of a file of the archive. */
async function unpacked(
  bytes: Uint8Array<ArrayBuffer>,
  { encrypted, method, crc, packed, size, offset }: Entry,
  source: string,
): Promise<Uint8Array> {
  const cannot = `Cannot read ${source}`;
  if (encrypted || (method !== 0 && method !== 8)) {
    throw new RangeError(
      `${cannot}: it must be stored or deflated, got ${
        encrypted ? "an encrypted one" : `method ${method}`
      }`,
    );
  }
  if ([packed, size, offset].includes(ELSEWHERE)) {
    throw new RangeError(
      `${cannot}: it must have less than 2^32 - 1 bytes and begin before them, got one in zip64`,
    );
  }
  const local = partAt(bytes, offset, LOCAL, source);
  const begin = offset + LOCAL.bytes + local.getUint16(26, true) +
    local.getUint16(28, true);
  if (begin + packed > bytes.byteLength) {
    throw new RangeError(
      `${cannot}: it must end within the file's ${bytes.byteLength} bytes, got ${packed} from byte ${begin}`,
    );
  }
  const data = bytes.subarray(begin, begin + packed);
  const plain = method === 0 ? data : await inflated(data, size, cannot);
  if (plain.byteLength !== size || crc32(plain) !== crc) {
    throw new RangeError(
      `${cannot}: it must have ${size} bytes with the checksum ${
        crc.toString(16)
      }, got ${plain.byteLength} with ${crc32(plain).toString(16)}`,
    );
  }
  return plain;
}

/** Unpacks no more than `size` bytes, whatever the stream would give. */
async function inflated(
  data: Uint8Array<ArrayBuffer>,
  size: number,
  cannot: string,
): Promise<Uint8Array> {
  if (size > EXPANSION * data.byteLength) {
    throw new RangeError(
      `${cannot}: ${data.byteLength} deflated bytes must be at most ${
        EXPANSION * data.byteLength
      } bytes, got ${size}`,
    );
  }
  const plain = new Uint8Array(size);
  let length = 0;
  const stream = ReadableStream.from([data])
    .pipeThrough(new DecompressionStream("deflate-raw"));
  try {
    for await (const chunk of stream) {
      if (length + chunk.byteLength > size) {
        throw new RangeError(`more than ${size} bytes`);
      }
      plain.set(chunk, length);
      length += chunk.byteLength;
    }
  } catch (cause) {
    throw new RangeError(
      `${cannot}: its deflated bytes must be whole and undamaged, got ${
        quoted(cause instanceof Error ? cause.message : String(cause))
      }`,
      { cause },
    );
  }
  return plain.subarray(0, length);
}
