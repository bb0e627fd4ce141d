/**
 * The official archives of CIFAR-10 and CIFAR-100, and how to get them.
 *
 * @module
 */

import { basename, join } from "node:path";
import { download, type DownloadOptions } from "./download.ts";
import { fileSize } from "./files.ts";
import { unpackTar } from "./tar.ts";

/** An archive to download, and what to take out of it. */
export interface Archive {
  /** Where it is. */
  readonly url: string;
  /** MD5 sum of the archive, 32 hexadecimal digits. */
  readonly md5: string;
  /** The files wanted of it, by their names in the archive. */
  readonly members: readonly string[];
}

/** The official archives in the binary format: 170 and 169 MB. */
export const cifarArchives: {
  /** CIFAR-10. */
  readonly cifar10: Archive;
  /** CIFAR-100. */
  readonly cifar100: Archive;
} = {
  cifar10: {
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
    members: [
      "cifar-10-batches-bin/data_batch_1.bin",
      "cifar-10-batches-bin/data_batch_2.bin",
      "cifar-10-batches-bin/data_batch_3.bin",
      "cifar-10-batches-bin/data_batch_4.bin",
      "cifar-10-batches-bin/data_batch_5.bin",
      "cifar-10-batches-bin/test_batch.bin",
    ],
  },
  cifar100: {
    url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
    members: ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"],
  },
};

/**
 * Downloads an archive into a folder and unpacks the files wanted of it there,
 * where {@linkcode loadCifar10} and {@linkcode loadCifar100} find them. Nothing
 * is done where all of them are there; the archive itself is kept.
 *
 * @example Files that are there are not fetched again
 * ```ts
 * import { downloadArchive } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.bin`, "there");
 * const url = "https://example.invalid/a.tar.gz";
 * const md5 = "00000000000000000000000000000000";
 * await downloadArchive({ url, md5, members: ["a.bin"] }, folder);
 * assertEquals(await Deno.readTextFile(`${folder}/a.bin`), "there");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param archive The archive, such as `cifarArchives.cifar10`.
 * @param folder Folder for the archive and its files; made where it is missing.
 * @param options How to download, but for the digest.
 * @returns When all files are in place.
 * @throws {TypeError} If the URL is none.
 * @throws {RangeError} If the archive is cut off, damaged, hostile, or lacks a file.
 * @throws {Error} If the download fails, see {@linkcode download}.
 */
export async function downloadArchive(
  archive: Archive,
  folder: string,
  options: Omit<DownloadOptions, "md5"> = {},
): Promise<void> {
  const { url, md5, members } = archive;
  const sizes = await Promise.all(
    members.map((member) => fileSize(join(folder, member))),
  );
  if (!sizes.includes(undefined)) return;
  const file = join(folder, fileNameOf(url));
  await download(url, file, { ...options, md5 });
  await unpackTar(file, folder, members);
}

/** The last part of a URL's path. */
function fileNameOf(url: string): string {
  return basename(URL.parse(url)?.pathname ?? "") || "archive";
}
