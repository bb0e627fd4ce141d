/**
 * Downloads of large files: resumed where they were cut off, checked, and in
 * place only when whole.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { requireInteger } from "./checks.ts";
import { fileSize, writeChunks } from "./files.ts";

/** How {@linkcode download} downloads. */
export interface DownloadOptions {
  /** MD5 sum of the whole file, 32 hexadecimal digits. */
  readonly md5: string;
  /** How many times to try before giving up; 5 unless set. */
  readonly attempts?: number;
  /** Wait before the second try in ms, doubled before each later one; 1,000 unless set. */
  readonly delay?: number;
  /** Time without a byte in ms after which a connection counts as cut; 60,000 unless set. */
  readonly patience?: number;
  /** Called with the bytes that are there so far, and the total where it is known. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
  /** Gives up when aborted; what has come so far is kept for the next time. */
  readonly signal?: AbortSignal;
}

/** Why trying again would not help. */
class Refusal extends Error {}

/**
 * Downloads a file.
 *
 * The bytes go to `<file>.part`. A connection that is cut is opened again for
 * the bytes that are missing (HTTP Range), also by a later call after the
 * program was stopped; a server that does not do that is asked for all of them.
 * When all are there and have the right digest the part is renamed to `file`,
 * which therefore is always whole. A file that is already there and has the
 * digest is not downloaded.
 *
 * @example
 * ```ts
 * import { download } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await download("data:text/plain,hello", `${folder}/hello.txt`, {
 *   md5: "5d41402abc4b2a76b9719d911017c592",
 * });
 * assertEquals(await Deno.readTextFile(`${folder}/hello.txt`), "hello");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param url Where the file comes from.
 * @param file Path of the file; folders that are missing are made.
 * @param options The digest, and how patient to be.
 * @returns When the file is in place.
 * @throws {TypeError} If the URL is none.
 * @throws {RangeError} If the digest or the number of attempts makes no sense.
 * @throws {Error} If the server refuses, the digest is wrong (the part is then
 * removed), or every attempt failed (the part is kept).
 */
export async function download(
  url: string | URL,
  file: string,
  options: DownloadOptions,
): Promise<void> {
  const { attempts = 5, delay = 1000, signal } = options;
  const md5 = options.md5.toLowerCase();
  if (!URL.canParse(url)) {
    throw new TypeError(
      `Cannot download ${file}: URL must be absolute, got "${url}"`,
    );
  }
  if (!/^[0-9a-f]{32}$/.test(md5)) {
    throw new RangeError(
      `Cannot download ${url}: md5 must be 32 hexadecimal digits, got "${md5}"`,
    );
  }
  requireInteger(`download ${url}`, "attempts", attempts, 1);
  const part = `${file}.part`;
  if (await fileSize(file) !== undefined && await md5Of(file) === md5) return;
  await Deno.mkdir(dirname(file), { recursive: true });
  for (let attempt = 1;; attempt++) {
    try {
      await fetchPart(url, part, options, md5);
      return await Deno.rename(part, file);
    } catch (error) {
      signal?.throwIfAborted();
      if (
        error instanceof Refusal || error instanceof Deno.errors.NotCapable
      ) throw error;
      if (attempt === attempts) {
        throw new Error(
          `Cannot download ${url}: one of ${attempts} attempts must reach the end, got "${
            error instanceof Error ? error.message : error
          }" in the last`,
          { cause: error },
        );
      }
      await pause(delay * 2 ** (attempt - 1), signal);
    }
  }
}

/** Waits, but no longer than until the signal is aborted. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, ms);
    function finish() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    }
    signal?.addEventListener("abort", finish);
  });
  signal?.throwIfAborted();
}

/** MD5 sum of a file. */
async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** Fetches what is missing of a part, and checks the digest of the whole. */
async function fetchPart(
  url: string | URL,
  part: string,
  options: DownloadOptions,
  md5: string,
): Promise<void> {
  const { patience = 60_000, signal } = options;
  const watchdog = new AbortController();
  const abort = () => watchdog.abort(new Error(`no byte for ${patience} ms`));
  let timer = setTimeout(abort, patience);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(abort, patience);
  };
  try {
    const signals = signal ? [watchdog.signal, signal] : [watchdog.signal];
    const had = await fileSize(part) ?? 0;
    const response = await fetch(url, {
      // The bytes as they are: a range of a compressed answer is of no use.
      headers: {
        "accept-encoding": "identity",
        ...(had > 0 ? { range: `bytes=${had}-` } : {}),
      },
      signal: AbortSignal.any(signals),
    });
    const from = await placeOf(response, url, part, had);
    if (response.ok) await store(response, part, from, options, alive);
    await checkDigest(url, part, md5, from > 0);
  } finally {
    clearTimeout(timer);
    watchdog.abort();
  }
}

/**
 * Where the bytes of an answer belong in the part: at the start, or behind the
 * `had` bytes that it has. Throws where the answer brings us no further.
 */
async function placeOf(
  response: Response,
  url: string | URL,
  part: string,
  had: number,
): Promise<number> {
  const { status, statusText, headers } = response;
  const range = headers.get("content-range") ?? "";
  if (status === 200) return 0;
  if (status === 206 && range.startsWith(`bytes ${had}-`)) return had;
  await response.body?.cancel();
  const problem = `${status} ${statusText}`.trim();
  if (had > 0 && (status === 206 || status === 416)) {
    // Nothing is missing: the part was whole, and only its check still to come.
    if (range === `bytes */${had}`) return had;
    // The part is longer than the file, or the range another one: begin again.
    await Deno.remove(part);
    throw new Error(`${problem} for the bytes from ${had} on`);
  }
  const passing = status >= 500 || [408, 425, 429].includes(status);
  if (passing) throw new Error(problem);
  throw new Refusal(
    `Cannot download ${url}: server must answer 200 or 206, got ${problem}`,
  );
}

/** Appends the bytes of an answer to the part, which is first cut to `from`. */
async function store(
  response: Response,
  part: string,
  from: number,
  options: DownloadOptions,
  alive: () => void,
): Promise<void> {
  const length = response.headers.get("content-length");
  const total = length === null ? undefined : from + Number(length);
  let bytes = from;
  using file = await Deno.open(part, { create: true, write: true });
  await file.truncate(from);
  await file.seek(from, Deno.SeekMode.Start);
  await writeChunks(file, response.body ?? new Blob().stream(), (length) => {
    alive();
    bytes += length;
    options.onProgress?.(bytes, total);
  });
}

/** Removes a part with a wrong digest, and throws. */
async function checkDigest(
  url: string | URL,
  part: string,
  md5: string,
  resumed: boolean,
): Promise<void> {
  const got = await md5Of(part);
  if (got === md5) return;
  await Deno.remove(part);
  const message = `Cannot download ${url}: MD5 must be ${md5}, got ${got}`;
  // The bytes of an earlier time may have been of another version of the file.
  throw resumed ? new Error(message) : new Refusal(message);
}
