import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { snr } from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { value } from "../../src/tensor/mod.ts";
import { hilbert, matrixOf, randomSymmetric } from "../linalg/matrices.ts";

Deno.test("snr: both readings of the Hilbert matrix, against numpy", () => {
  const { plain, official } = snr(hilbert(4));
  assertAlmostEquals(plain, 5.014180440525795, 1e-12);
  assertAlmostEquals(official, 9.273867763248607, 1e-12);
});

Deno.test("snr: the readings differ by 10 log10(2 n / (n - 1))", () => {
  for (const n of [2, 3, 17, 64]) {
    const { plain, official } = snr(randomSymmetric(n, 2));
    assertAlmostEquals(
      official - plain,
      10 * Math.log10(2 * n / (n - 1)),
      1e-12,
    );
  }
});

Deno.test("snr: looks at the upper triangle alone", () => {
  const upper = value([3, 1, -1, 3], [2, 2]);
  assertEquals(snr(upper), snr(value([3, 1, 100, 3], [2, 2])));
  assertAlmostEquals(snr(upper).plain, 10 * Math.log10(9), 1e-12);
});

Deno.test("snr: is the same at any scale", () => {
  const matrix = randomSymmetric(5, 3);
  const scaled = (by: number) =>
    snr(matrixOf(5, (i, j) => by * matrix.data[5 * i + j]));
  // Squares of these would be 0 or infinite.
  assertEquals(scaled(2 ** 1000), snr(matrix));
  assertEquals(scaled(2 ** -1000), snr(matrix));
});

Deno.test("snr: is infinite without noise or without signal", () => {
  assertEquals(snr(identity(3)), { plain: Infinity, official: Infinity });
  assertEquals(snr(value([0, 1, 1, 0], [2, 2])).plain, -Infinity);
});

Deno.test("snr: refuses what has no ratio", () => {
  assertThrows(
    () => snr(value([0, 0, 1, 0], [2, 2])),
    RangeError,
    "must have an entry on or above the diagonal that is not 0",
  );
  assertThrows(() => snr(identity(1)), RangeError, "at least two rows");
  assertThrows(() => snr(identity(0)), RangeError, "at least one row");
  assertThrows(() => snr(value([1, 2], [2, 1])), RangeError, "got [2, 1]");
  assertThrows(
    () => snr(value([1, Infinity, 1, 1], [2, 2])),
    RangeError,
    "got Infinity at [0, 1]",
  );
});
