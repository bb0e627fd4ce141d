import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  digits,
  digitsNormalization,
  digitsSplit,
  normalizationOf,
} from "../../src/data/mod.ts";
import { histogram, isMissing, realPath } from "./real_data.ts";

Deno.test("digits holds 1,797 images of 8x8 with values 0 to 16", () => {
  const { count, shape, inputs, classes } = digits();
  assertEquals(count, 1797);
  assertEquals(shape, [1, 8, 8]);
  assertEquals(classes.join(""), "0123456789");
  assertEquals(Math.min(...new Set(inputs)), 0);
  assertEquals(Math.max(...new Set(inputs)), 16);
});

Deno.test("digits has the class counts of the source", () => {
  assertEquals(
    histogram(digits().labels, 10),
    [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
  );
});

Deno.test("digits gives a new copy on every call", () => {
  digits().inputs.fill(9);
  assertEquals(digits().inputs[0], 0);
});

Deno.test({
  name: "digits equals digits.csv.gz, row by row",
  ignore: isMissing("digits/digits.csv.gz"),
  async fn() {
    const file = await Deno.open(realPath("digits/digits.csv.gz"));
    const plain = file.readable.pipeThrough(new DecompressionStream("gzip"));
    const lines = (await new Response(plain).text()).trimEnd().split("\n");
    const { inputs, labels, count } = digits();
    assertEquals(count, lines.length);
    lines.forEach((line, row) => {
      const pixels = inputs.subarray(row * 64, (row + 1) * 64);
      assertEquals([...pixels, labels[row]].join(","), line.trim());
    });
  },
});

Deno.test("digitsSplit has 1,437 to train and 360 to test, stratified", () => {
  const { train, test } = digitsSplit();
  assertEquals([train.count, test.count], [1437, 360]);
  assertEquals(
    histogram(test.labels, 10),
    [36, 36, 35, 37, 36, 37, 36, 36, 35, 36],
  );
});

Deno.test("digitsNormalization is what the training part measures", () => {
  const measured = normalizationOf(digitsSplit().train, 16);
  // The constants are rounded to six digits behind the point.
  assertAlmostEquals(digitsNormalization.mean[0], measured.mean[0], 5e-7);
  assertAlmostEquals(
    digitsNormalization.deviation[0],
    measured.deviation[0],
    5e-7,
  );
  assertEquals(digitsNormalization.unit, 16);
});
