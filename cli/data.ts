/**
 * `--dataset`: examples to train on and to test on, ready to be made into batches.
 *
 * @module
 */

import { join } from "@std/path";
import {
  cifarArchives,
  cifarNormalization,
  type Dataset,
  digitsNormalization,
  digitsSplit,
  downloadArchive,
  irisNormalization,
  irisSplit,
  loadCifar10,
  loadCifar100,
  type Normalization,
} from "../src/data/mod.ts";
import { megabytes } from "./numbers.ts";
import { ProgressBar } from "./progress.ts";

/** Where CIFAR is downloaded to. */
export const DATA_FOLDER = join("runs", "data");

/** What `--dataset` takes. */
export const datasetNames = ["digits", "iris", "cifar10", "cifar100"] as const;

/** One of {@linkcode datasetNames}. */
export type DatasetName = typeof datasetNames[number];

/** Data ready to train on. */
export interface Data {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly normalization: Normalization;
  readonly augmented: boolean;
}

/**
 * Loads a data set; CIFAR is downloaded where no folder is given.
 *
 * @param dataset Its name.
 * @param dataFolder The folder of CIFAR.
 * @param signal Stops a download.
 * @returns Its examples, and what is done to them.
 */
export async function loadData(
  dataset: DatasetName,
  dataFolder: string | null,
  signal: AbortSignal,
): Promise<Data> {
  switch (dataset) {
    case "digits":
      return {
        ...digitsSplit(),
        normalization: digitsNormalization,
        augmented: false,
      };
    case "iris":
      return {
        ...irisSplit(),
        normalization: irisNormalization,
        augmented: false,
      };
  }
  const load = dataset === "cifar10" ? loadCifar10 : loadCifar100;
  if (dataFolder === null) {
    const bar = new ProgressBar();
    await downloadArchive(cifarArchives[dataset], DATA_FOLDER, {
      signal,
      onProgress: (done, total) =>
        bar.show(() => ({
          done,
          total,
          title: `Downloading ${dataset}`,
          details: `${megabytes(done)}${
            total === undefined ? "" : ` of ${megabytes(total)}`
          }`,
        })),
    });
    bar.clear();
  }
  return {
    ...await load(dataFolder ?? DATA_FOLDER),
    normalization: cifarNormalization[dataset],
    augmented: true,
  };
}
