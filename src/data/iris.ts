/**
 * Iris: four measurements of 150 flowers of three kinds, small enough to come
 * with the package.
 *
 * Source: R. A. Fisher, "The use of multiple measurements in taxonomic
 * problems" (1936), UCI Machine Learning Repository, licensed CC BY 4.0; the
 * copy that scikit-learn ships under BSD-3-Clause.
 *
 * @module
 */

import { type Dataset, dataset, type Split, split } from "./dataset.ts";
import { IRIS_TEXT } from "./iris_data.ts";
import type { Normalization } from "./normalization.ts";

/** Names of the measurements, in the order of the columns; all in cm. */
export const IRIS_FEATURES: readonly string[] = [
  "sepal length",
  "sepal width",
  "petal length",
  "petal width",
];

/** Mean and deviation of each measurement in the training part, in cm. */
export const irisNormalization: Normalization = {
  unit: 1,
  mean: [5.823333, 3.031667, 3.741667, 1.188333],
  deviation: [0.821861, 0.425438, 1.743683, 0.748797],
};

/**
 * The Iris data set: lengths in cm as float32, shape `[4]`, 50 flowers of each
 * of the classes setosa, versicolor and virginica, sorted by class.
 *
 * @example
 * ```ts
 * import { iris } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { count, classes, inputs } = iris();
 * assertEquals(count, 150);
 * assertEquals(classes[0], "setosa");
 * assertEquals(inputs[0], Math.fround(5.1));
 * ```
 *
 * @returns A new copy of the 150 examples, in the order of the source.
 */
export function iris(): Dataset {
  const rows = IRIS_TEXT.trimEnd().split("\n")
    .map((line) => line.split(",").map(Number));
  return dataset({
    name: "iris",
    classes: ["setosa", "versicolor", "virginica"],
    shape: [IRIS_FEATURES.length],
    inputs: Float32Array.from(
      rows.flatMap((row) => row.slice(0, IRIS_FEATURES.length)),
    ),
    labels: Int32Array.from(rows, (row) => row[IRIS_FEATURES.length]),
  });
}

/**
 * The flowers split into 120 to train and 30 to test: 80 %, stratified, seed 0.
 *
 * @example
 * ```ts
 * import { irisSplit } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const { train, test } = irisSplit();
 * assertEquals([train.count, test.count], [120, 30]);
 * ```
 *
 * @returns The two parts, the same on every call.
 */
export function irisSplit(): Split {
  return split(iris(), 0.8, 0, { stratified: true });
}
