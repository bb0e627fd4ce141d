/**
 * Tar archives (POSIX ustar), plain or gzipped: just enough to unpack a data set.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { writeChunks } from "./files.ts";
import { badGzip, isGzip } from "./gzip.ts";

/** Bytes of a block: headers and contents come in whole blocks. */
const BLOCK = 512;

/** One entry of an archive. */
interface Member {
  readonly name: string;
  /** Whether it is an ordinary file, not a folder, a link or a device. */
  readonly isFile: boolean;
  /** The contents; what is not read of them is skipped. */
  readonly contents: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Reads a stream piece by piece. */
class ByteReader {
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  #chunk = new Uint8Array(0);
  /** Bytes read so far. */
  offset = 0;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.getReader();
  }

  /** Up to `most` bytes; none at the end of the stream. */
  async some(most: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#chunk;
      this.#chunk = value;
    }
    const piece = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.offset += piece.length;
    return piece;
  }

  /** `count` bytes in pieces, or fewer at the end of the stream. */
  async *pieces(count: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    while (count > 0) {
      const piece = await this.some(count);
      if (piece.length === 0) return;
      count -= piece.length;
      yield piece;
    }
  }

  /** A block, or what there is of it at the end of the stream. */
  async block(): Promise<Uint8Array> {
    const block = new Uint8Array(BLOCK);
    let length = 0;
    for await (const piece of this.pieces(BLOCK)) {
      block.set(piece, length);
      length += piece.length;
    }
    return block.subarray(0, length);
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    // A stream that broke has thrown its error already.
    await this.#reader.cancel().catch(() => {});
  }
}

/** The text of a header field, which ends at the first zero byte. */
function textField(header: Uint8Array, start: number, end: number): string {
  const field = header.subarray(start, end);
  const zero = field.indexOf(0);
  return new TextDecoder().decode(zero < 0 ? field : field.subarray(0, zero));
}

/** The octal number of a header field; NaN if it is none. */
function octalField(header: Uint8Array, start: number, end: number): number {
  const text = textField(header, start, end).trim();
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : NaN;
}

/** Sum of the bytes of a header, its own checksum field counting as spaces. */
function checksumOf(header: Uint8Array): number {
  return header.reduce(
    (sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte),
    0,
  );
}

/** Whether a member's name stays within the folder it is unpacked to. */
function isInside(name: string): boolean {
  return name !== "" && !/^\/|^[a-z]:|\\|\0/i.test(name) &&
    !name.split("/").includes("..");
}

/** Name, kind and size of a member from its header. */
function readHeader(
  header: Uint8Array,
  offset: number,
  archive: string,
): { name: string; type: string; size: number } {
  const wanted = octalField(header, 148, 156);
  const size = octalField(header, 124, 136);
  if (wanted !== checksumOf(header) || Number.isNaN(size)) {
    throw new RangeError(
      `Cannot unpack ${archive}: header at byte ${offset} must have checksum ${
        checksumOf(header)
      } and an octal size, got ${wanted} and ${size}`,
    );
  }
  const prefix = textField(header, 257, 262) === "ustar"
    ? textField(header, 345, 500)
    : "";
  const name = `${prefix && `${prefix}/`}${textField(header, 0, 100)}`
    .replace(/^(\.\/)+(?=.)/, "");
  if (!isInside(name)) {
    throw new RangeError(
      `Cannot unpack ${archive}: name of a member must stay within the folder, got ${
        JSON.stringify(name)
      }`,
    );
  }
  return { name, type: String.fromCharCode(header[156]), size };
}

/** The members of an archive, in its order. */
async function* members(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  archive: string,
): AsyncGenerator<Member> {
  const reader = new ByteReader(stream);
  const cutOff = (what: string, want: number, got: number) =>
    new RangeError(
      `Cannot unpack ${archive}: ${what} must have ${want} bytes, got ${got} before the archive ends`,
    );
  try {
    while (true) {
      const offset = reader.offset;
      const header = await reader.block();
      if (header.length < BLOCK) {
        throw cutOff(`header at byte ${offset}`, BLOCK, header.length);
      }
      if (header.every((byte) => byte === 0)) break;
      const { name, type, size } = readHeader(header, offset, archive);
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      const start = reader.offset;
      const isFile = type === "0" || type === "\0";
      yield { name, isFile, contents: reader.pieces(size) };
      for await (const _ of reader.pieces(start + padded - reader.offset));
      const got = reader.offset - start;
      if (got < padded) throw cutOff(name, size, Math.min(got, size));
    }
    // To the very end, so that damage anywhere in a gzip stream is noticed.
    while ((await reader.some(Infinity)).length > 0);
  } finally {
    await reader.close();
  }
}

/** The bytes of an archive, unpacked if they are gzip. */
async function openArchive(
  archive: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const file = await Deno.open(archive);
  const start = new Uint8Array(2);
  await file.read(start);
  await file.seek(0, Deno.SeekMode.Start);
  if (!isGzip(start)) return file.readable;
  return file.readable.pipeThrough(new DecompressionStream("gzip"));
}

/**
 * Unpacks some files of a tar archive, plain or gzipped.
 *
 * Each is written to `<name>.part`; only when the archive was read to its end
 * and all of them are there do they get their names.
 *
 * @example A wrong archive is told at once
 * ```ts
 * import { unpackTar } from "@adafisher/adafisher/data";
 * import { assertRejects } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/cut.tar`, "no archive");
 * await assertRejects(
 *   () => unpackTar(`${folder}/cut.tar`, folder, ["a.bin"]),
 *   RangeError,
 *   "header at byte 0 must have 512 bytes, got 10",
 * );
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param archive Path of the archive.
 * @param folder Folder to unpack to; made where it is missing.
 * @param names Names of the files wanted, as the archive has them, with `/`.
 * @returns When all are in place.
 * @throws {Deno.errors.NotFound} If there is no such archive.
 * @throws {RangeError} If the archive is cut off or damaged, lacks a file or has
 * it as another thing, or if any name in it leads out of the folder.
 */
export async function unpackTar(
  archive: string,
  folder: string,
  names: readonly string[],
): Promise<void> {
  const parts = new Map<string, string>();
  try {
    const stream = await openArchive(archive);
    for await (const { name, isFile, contents } of members(stream, archive)) {
      if (!names.includes(name)) continue;
      if (!isFile) {
        throw new RangeError(
          `Cannot unpack ${archive}: ${name} must be an ordinary file, got a folder, link or device`,
        );
      }
      const path = join(folder, name);
      parts.set(name, path);
      await Deno.mkdir(dirname(path), { recursive: true });
      using file = await Deno.create(`${path}.part`);
      await writeChunks(file, contents);
    }
    const missing = names.filter((name) => !parts.has(name));
    if (missing.length > 0) {
      throw new RangeError(
        `Cannot unpack ${archive}: it must hold ${names.join(", ")}, got no ${
          missing.join(", ")
        }`,
      );
    }
    for (const path of parts.values()) await Deno.rename(`${path}.part`, path);
  } catch (error) {
    for (const path of parts.values()) {
      await Deno.remove(`${path}.part`).catch(() => {});
    }
    // What the decompression throws does not say which file it was.
    if (error instanceof TypeError) {
      throw new RangeError(badGzip(archive, error), { cause: error });
    }
    throw error;
  }
}
