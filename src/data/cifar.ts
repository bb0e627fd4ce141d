/**
 * CIFAR-10 and CIFAR-100 (A. Krizhevsky, "Learning Multiple Layers of Features
 * from Tiny Images", 2009) from their binary files, plain or gzipped.
 *
 * A row is one label byte (CIFAR-10), or a coarse and a fine one (CIFAR-100),
 * and 3,072 bytes of an image: the red, green and blue plane of 32x32, each
 * row-major. The authors state no licence and ask for the citation.
 *
 * @module
 */

import { join } from "node:path";
import {
  CIFAR100_CLASSES,
  CIFAR100_SUPERCLASSES,
  CIFAR10_CLASSES,
} from "./cifar_classes.ts";
import { dataset, type Split } from "./dataset.ts";
import { fileSize } from "./files.ts";
import { gunzip, isGzip } from "./gzip.ts";
import type { Normalization } from "./normalization.ts";

/** CIFAR-10 or CIFAR-100, and which files it is from. */
export interface CifarSplit extends Split {
  /** The training files that were there and were read, as paths. */
  readonly trainFiles: readonly string[];
  /** The test file, as a path. */
  readonly testFile: string;
}

/** How {@linkcode loadCifar100} labels. */
export interface Cifar100Options {
  /** The 100 fine classes or the 20 coarse ones (superclasses); fine unless set. */
  readonly labels?: "fine" | "coarse";
}

/**
 * Channel means and deviations of the training images, as the AdaFisher paper
 * has them. The deviations of CIFAR-10 are smaller than those over all pixels
 * (about 0.247, 0.244 and 0.262); they are kept, as the paper trains with them.
 */
export const cifarNormalization: {
  /** For CIFAR-10. */
  readonly cifar10: Normalization;
  /** For CIFAR-100. */
  readonly cifar100: Normalization;
} = {
  cifar10: {
    unit: 255,
    mean: [0.4914, 0.4822, 0.4465],
    deviation: [0.2023, 0.1994, 0.2010],
  },
  cifar100: {
    unit: 255,
    mean: [125.3 / 255, 123.0 / 255, 113.9 / 255],
    deviation: [63.0 / 255, 62.1 / 255, 66.7 / 255],
  },
};

/** Bytes of an image. */
const IMAGE_BYTES = 3 * 32 * 32;

/** What tells the two data sets apart. */
interface Format {
  readonly name: string;
  /** Property of `cifarArchives` that fetches it. */
  readonly archive: string;
  /** Folder in the official archive. */
  readonly folder: string;
  readonly trainFiles: readonly string[];
  readonly testFile: string;
  /** The label bytes of a row, in their order. */
  readonly labels: readonly {
    readonly name: string;
    readonly classes: readonly string[];
  }[];
}

const CIFAR10: Format = {
  name: "CIFAR-10",
  archive: "cifar10",
  folder: "cifar-10-batches-bin",
  trainFiles: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
  testFile: "test_batch.bin",
  labels: [{ name: "label", classes: CIFAR10_CLASSES }],
};

const CIFAR100: Format = {
  name: "CIFAR-100",
  archive: "cifar100",
  folder: "cifar-100-binary",
  trainFiles: ["train.bin"],
  testFile: "test.bin",
  labels: [
    { name: "coarse label", classes: CIFAR100_SUPERCLASSES },
    { name: "fine label", classes: CIFAR100_CLASSES },
  ],
};

/** Rows of one or more files: the images, and one array of labels a label byte. */
interface Rows {
  readonly images: Uint8Array;
  readonly labels: readonly Int32Array[];
}

/** Whether a path is there. */
async function exists(path: string): Promise<boolean> {
  return await fileSize(path) !== undefined;
}

/** The path of each of some files that a folder has, plain before gzipped. */
async function locate(
  folder: string,
  names: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    if (await exists(path)) found.push(path);
    else if (await exists(`${path}.gz`)) found.push(`${path}.gz`);
  }
  return found;
}

/** Finds the files in a folder, or in the archive's folder within it. */
async function findFiles(
  folder: string,
  format: Format,
): Promise<{ trainFiles: string[]; testFile: string }> {
  const partial: string[] = [];
  for (const place of [folder, join(folder, format.folder)]) {
    const trainFiles = await locate(place, format.trainFiles);
    const [testFile] = await locate(place, [format.testFile]);
    if (trainFiles.length > 0 && testFile !== undefined) {
      return { trainFiles, testFile };
    }
    partial.push(...trainFiles, ...(testFile === undefined ? [] : [testFile]));
  }
  const got = partial.length > 0
    ? `only ${partial.join(", ")}`
    : await exists(folder)
    ? "none of them"
    : "no such folder";
  throw new Deno.errors.NotFound(
    `Cannot read ${format.name}: ${folder} or ${
      join(folder, format.folder)
    } must hold ${
      format.trainFiles.join(" or ")
    }, and ${format.testFile}, each plain or with .gz at the end ` +
      `(downloadArchive(cifarArchives.${format.archive}, ${
        JSON.stringify(folder)
      }) fetches them), got ${got}`,
  );
}

/** The bytes of a file, unpacked if they are gzip. */
async function readPlain(path: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  return isGzip(bytes) ? await gunzip(bytes, path) : bytes;
}

/** Reads files one after another into one set of rows. */
async function readRows(
  paths: readonly string[],
  format: Format,
): Promise<Rows> {
  const rowBytes = format.labels.length + IMAGE_BYTES;
  const files: Uint8Array[] = [];
  let count = 0;
  for (const path of paths) {
    const bytes = await readPlain(path);
    requireWholeRows(path, bytes.length, rowBytes);
    files.push(bytes);
    count += bytes.length / rowBytes;
  }
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = format.labels.map(() => new Int32Array(count));
  let row = 0;
  files.forEach((bytes, file) => {
    for (let start = 0; start < bytes.length; start += rowBytes, row++) {
      format.labels.forEach(({ name, classes }, column) => {
        const label = bytes[start + column];
        if (label >= classes.length) {
          throw new RangeError(
            `Cannot read ${paths[file]}: ${name} of row ${
              start / rowBytes
            } (byte ${start + column}) must be from 0 to ${
              classes.length - 1
            }, got ${label}`,
          );
        }
        labels[column][row] = label;
      });
      images.set(
        bytes.subarray(start + format.labels.length, start + rowBytes),
        row * IMAGE_BYTES,
      );
    }
  });
  return { images, labels };
}

/** Requires at least one row and nothing but whole rows. */
function requireWholeRows(path: string, got: number, rowBytes: number): void {
  if (got === 0) {
    throw new RangeError(
      `Cannot read ${path}: it must hold rows of ${rowBytes} bytes, got an empty file`,
    );
  }
  if (got % rowBytes !== 0) {
    throw new RangeError(
      `Cannot read ${path}: its size must be a multiple of ${rowBytes} bytes (it is cut off or of another format), got ${got} bytes, that is ${
        Math.floor(got / rowBytes)
      } rows and ${got % rowBytes} bytes of the next at byte ${
        got - got % rowBytes
      }`,
    );
  }
}

/** Loads both parts, with the labels of one of the label bytes. */
async function load(
  folder: string,
  format: Format,
  column: number,
): Promise<CifarSplit> {
  const { trainFiles, testFile } = await findFiles(folder, format);
  const part = async (paths: readonly string[], name: string) => {
    const { images, labels } = await readRows(paths, format);
    return dataset({
      name: `${format.name} ${name}`,
      classes: format.labels[column].classes,
      shape: [3, 32, 32],
      inputs: images,
      labels: labels[column],
    });
  };
  const train = await part(trainFiles, "train");
  const test = await part([testFile], "test");
  return { train, test, trainFiles, testFile };
}

/**
 * Loads CIFAR-10: `test_batch.bin` and as many of `data_batch_1.bin` to
 * `data_batch_5.bin` as are there, but at least one; each may be gzipped, with
 * `.gz` at the end of its name or not.
 *
 * @example A folder with one black image to train and one to test
 * ```ts
 * import { loadCifar10 } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const row = new Uint8Array(3073).fill(7, 0, 1);
 * await Deno.writeFile(`${folder}/data_batch_1.bin`, row);
 * await Deno.writeFile(`${folder}/test_batch.bin`, row);
 *
 * const { train, test, trainFiles } = await loadCifar10(folder);
 * assertEquals(trainFiles.length, 1);
 * assertEquals(train.classes[test.labels[0]], "horse");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder, or the one that holds `cifar-10-batches-bin`.
 * @returns Bytes of shape `[3, 32, 32]`, 0 to 255, with the 10 classes; and the
 * files they are from.
 * @throws {Deno.errors.NotFound} If the folder or a file that is needed is missing.
 * @throws {RangeError} If a file is empty, cut off, damaged, or has a label that
 * is no class; the message names the file and the row or byte.
 */
export async function loadCifar10(folder: string): Promise<CifarSplit> {
  return await load(folder, CIFAR10, 0);
}

/**
 * Loads CIFAR-100: `train.bin` and `test.bin`, each gzipped or not.
 *
 * @example A folder with one black image to train and one to test
 * ```ts
 * import { loadCifar100 } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const row = new Uint8Array(3074).fill(1, 0, 2);
 * await Deno.writeFile(`${folder}/train.bin`, row);
 * await Deno.writeFile(`${folder}/test.bin`, row);
 *
 * const fine = await loadCifar100(folder);
 * assertEquals(fine.train.classes[fine.train.labels[0]], "aquarium_fish");
 * const coarse = await loadCifar100(folder, { labels: "coarse" });
 * assertEquals(coarse.train.classes[coarse.train.labels[0]], "fish");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder, or the one that holds `cifar-100-binary`.
 * @param options Fine or coarse labels.
 * @returns Bytes of shape `[3, 32, 32]`, 0 to 255, with the classes; and the
 * files they are from.
 * @throws {Deno.errors.NotFound} If the folder or a file is missing.
 * @throws {RangeError} If a file is empty, cut off, damaged, or has a label that
 * is no class, or `labels` is neither "fine" nor "coarse".
 */
export async function loadCifar100(
  folder: string,
  options: Cifar100Options = {},
): Promise<CifarSplit> {
  const { labels = "fine" } = options;
  if (labels !== "fine" && labels !== "coarse") {
    throw new RangeError(
      `Cannot read CIFAR-100: labels must be "fine" or "coarse", got "${labels}"`,
    );
  }
  return await load(folder, CIFAR100, labels === "fine" ? 1 : 0);
}
