/**
 * Files that are whole or not there: reading safetensors and NumPy's files, and
 * writing so that a crash at any moment leaves the old file or the new one, never half
 * of one.
 *
 * @module
 */

import { dirname } from "node:path";
import { decodeNpy } from "./npy.ts";
import { decodeNpz } from "./npz.ts";
import { decodeSafetensors, type Safetensors } from "./safetensors.ts";
import type { StoredTensor } from "./stored_tensor.ts";

/**
 * Reads a safetensors file.
 *
 * @example A file that is not there
 * ```ts
 * import { readSafetensors } from "@adafisher/adafisher/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () => readSafetensors("no-such-file.safetensors"),
 *   Deno.errors.NotFound,
 *   "Cannot read no-such-file.safetensors",
 * );
 * ```
 *
 * @param path Path of the file.
 * @returns Tensors and metadata; the tensors share the memory of the file's bytes.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the header is no JSON or has a key twice.
 * @throws {TypeError} If a part of the header is of the wrong kind.
 * @throws {RangeError} If a length, dtype, shape or offset is impossible.
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  return decodeSafetensors(await readBytes(path), path);
}

/**
 * Reads an array that `numpy.save` wrote.
 *
 * @example A file that is not there
 * ```ts
 * import { readNpy } from "@adafisher/adafisher/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => readNpy("no-such-file.npy"), Deno.errors.NotFound);
 * ```
 *
 * @param path Path of the file.
 * @returns The array, as {@linkcode decodeNpy} has it.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the header is no dictionary of type, order and shape.
 * @throws {RangeError} If the file is no such array.
 */
export async function readNpy(path: string): Promise<StoredTensor> {
  return decodeNpy(await readBytes(path), path);
}

/**
 * Reads the arrays that `numpy.savez` or `numpy.savez_compressed` wrote.
 *
 * @example A file that is not there
 * ```ts
 * import { readNpz } from "@adafisher/adafisher/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => readNpz("no-such-file.npz"), Deno.errors.NotFound);
 * ```
 *
 * @param path Path of the file.
 * @returns The arrays by name, as {@linkcode decodeNpz} has them.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the header of an array is none.
 * @throws {RangeError} If the archive or an array cannot be read.
 */
export async function readNpz(
  path: string,
): Promise<Map<string, StoredTensor>> {
  return await decodeNpz(await readBytes(path), path);
}

/**
 * Reads a whole file as text.
 *
 * @param path Path of the file.
 * @returns The text.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {Error} If it cannot be read, with its path and the reason.
 */
export async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

/** Reads a whole file; one that is absent or cannot be read is named. */
async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) {
      throw new Error(`Cannot read ${path}: ${reasonOf(cause)}`, { cause });
    }
    throw new Deno.errors.NotFound(
      `Cannot read ${path}: the file must exist, got none`,
      { cause },
    );
  }
}

/**
 * Why the system or Deno refused something, in a few words that leave out the path:
 * whoever asked knows it, and it may be that of a temporary file.
 *
 * @param error What was thrown.
 * @returns The reason.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno has no permission for it";
  }
  const message = error instanceof Error ? error.message : String(error);
  return /^.*\(os error \d+\)/.exec(message)?.[0] ?? message;
}

/**
 * Writes a file so that at any moment the path holds the old bytes or the new
 * ones: a temporary file beside it is written, brought to the disk and renamed.
 * A symbolic link is replaced, not followed. A process that is killed may leave
 * the temporary file, `<path>.<random>.tmp`, which nothing reads.
 *
 * @example Writing a file anew
 * ```ts
 * import { writeFileAtomically } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await writeFileAtomically(`${folder}/note`, new TextEncoder().encode("old"));
 * await writeFileAtomically(`${folder}/note`, new TextEncoder().encode("new"));
 * assertEquals(await Deno.readTextFile(`${folder}/note`), "new");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param path Path of the file; its folder must exist.
 * @param bytes The whole content.
 * @throws {Deno.errors.NotFound} If there is no such folder.
 * @throws {Error} If the disk is full or the path cannot be replaced, with the path
 *   and the reason; the old file is intact and no temporary file is left.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const file = await createFile(temporary, path);
  try {
    try {
      await writeAll(file, bytes);
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw cannotWrite(path, error);
  }
  await syncFolder(dirname(path));
}

/** Opens a new temporary file for what will be at `path`. */
async function createFile(
  temporary: string,
  path: string,
): Promise<Deno.FsFile> {
  try {
    return await Deno.open(temporary, { write: true, createNew: true });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) {
      throw cannotWrite(path, cause);
    }
    throw new Deno.errors.NotFound(
      `Cannot write ${path}: the folder ${dirname(path)} must exist, got none`,
      { cause },
    );
  }
}

function cannotWrite(path: string, cause: unknown): Error {
  return new Error(`Cannot write ${path}: ${reasonOf(cause)}`, { cause });
}

/** Writes all bytes; one call of the system may take only some of them. */
async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    written += await file.write(bytes.subarray(written));
  }
}

/**
 * Brings the renaming to the disk. The file is whole without it: a platform
 * where a folder cannot be opened or synchronized risks, at a power cut, that
 * the old file comes back.
 */
async function syncFolder(folder: string): Promise<void> {
  try {
    using handle = await Deno.open(folder);
    await handle.sync();
  } catch {
    return;
  }
}
