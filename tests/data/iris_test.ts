import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  iris,
  IRIS_FEATURES,
  irisNormalization,
  irisSplit,
  normalizationOf,
} from "../../src/data/mod.ts";
import { histogram, isMissing, realPath } from "./real_data.ts";

Deno.test("iris holds 50 flowers of each of three kinds", () => {
  const { count, shape, classes, labels } = iris();
  assertEquals(count, 150);
  assertEquals(shape, [IRIS_FEATURES.length]);
  assertEquals(classes, ["setosa", "versicolor", "virginica"]);
  assertEquals(histogram(labels, 3), [50, 50, 50]);
});

Deno.test({
  name: "iris equals iris.csv, row by row",
  ignore: isMissing("iris/iris.csv"),
  async fn() {
    const text = await Deno.readTextFile(realPath("iris/iris.csv"));
    const [header, ...lines] = text.trimEnd().split(/\r?\n/);
    const { inputs, labels, count, classes } = iris();
    assertEquals(header, ["150", "4", ...classes].join(","));
    assertEquals(count, lines.length);
    lines.forEach((line, row) => {
      assertEquals(
        [...inputs.subarray(row * 4, (row + 1) * 4), labels[row]],
        line.split(",").map((field) => Math.fround(Number(field))),
      );
    });
  },
});

Deno.test("irisSplit has 40 of each kind to train and 10 to test", () => {
  const { train, test } = irisSplit();
  assertEquals(histogram(train.labels, 3), [40, 40, 40]);
  assertEquals(histogram(test.labels, 3), [10, 10, 10]);
});

Deno.test("irisNormalization is what the training part measures", () => {
  const measured = normalizationOf(irisSplit().train);
  IRIS_FEATURES.forEach((_, feature) => {
    // The constants are rounded to six digits behind the point.
    const { mean, deviation } = irisNormalization;
    assertAlmostEquals(mean[feature], measured.mean[feature], 5e-7);
    assertAlmostEquals(deviation[feature], measured.deviation[feature], 5e-7);
  });
});
