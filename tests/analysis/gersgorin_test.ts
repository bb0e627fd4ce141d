import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { gersgorin } from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { intValue, value } from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import {
  hilbert,
  matrixOf,
  randomSymmetric,
  wilkinson,
} from "../linalg/matrices.ts";

Deno.test("gersgorin: discs, eigenvalues and shares of a matrix, by hand", () => {
  // Two blocks: [[2, 1], [1, 2]] with eigenvalues 1 and 3, and -5 by itself.
  const study = gersgorin(value([2, 0, 1, 0, -5, 0, 1, 0, 2], [3, 3]));
  assertEquals([...study.centres.data], [2, -5, 2]);
  assertEquals([...study.radii.data], [1, 0, 1]);
  assertAllClose(study.eigenvalues, [-5, 1, 3], { absolute: 1e-14 });
  assertEquals([study.inside, study.dominant, study.converged], [1, 1, true]);
  // The least margin is 2 - 1; the largest centre -5.
  assertEquals(study.margin, 0.2);
});

Deno.test("gersgorin: the Hilbert matrix, against numpy", () => {
  const study = gersgorin(hilbert(4));
  assertAllClose(study.eigenvalues, [
    9.6702304022608761e-05,
    6.7382736057606130e-03,
    1.6914122022145006e-01,
    1.5002142800592426e+00,
  ], { absolute: 1e-15 }); // some rounding errors of the norm, 1.5
  // Sums of 1/(i + j + 1) by hand; every one is above its 1/(2 i + 1).
  assertAllClose(study.radii, [
    1 / 2 + 1 / 3 + 1 / 4,
    1 / 2 + 1 / 4 + 1 / 5,
    1 / 3 + 1 / 4 + 1 / 6,
    1 / 4 + 1 / 5 + 1 / 6,
  ], { relative: 1e-15 });
  assertEquals(study.dominant, 0);
  // Least in the second row: 1/3 - 0.95, or in the first, 1 - 13/12; centre 1.
  assertAlmostEquals(study.margin, 1 / 3 - 0.95, 1e-15);
});

Deno.test("gersgorin: the theorem holds for all sorts of matrices", () => {
  for (let n = 1; n <= 24; n++) {
    for (const matrix of [randomSymmetric(n, 7), hilbert(n), wilkinson(n)]) {
      assertEquals(gersgorin(matrix).inside, 1, `${n}`);
    }
  }
});

Deno.test("gersgorin: only strictly dominant rows count, rows of zeros not", () => {
  const study = gersgorin(value([1, 1, 0, 1, 2, 0, 0, 0, 0], [3, 3]));
  assertEquals(study.dominant, 1 / 3);
  assertEquals(study.margin, 0);
  assertEquals(gersgorin(identity(5)).margin, 1);
});

Deno.test("gersgorin: margin does not depend on the matrix's scale", () => {
  const matrix = randomSymmetric(9, 1);
  const { margin, dominant } = gersgorin(matrix);
  const small = gersgorin(
    matrixOf(9, (i, j) => matrix.data[9 * i + j] * 2 ** -40),
  );
  assertEquals([small.margin, small.dominant], [margin, dominant]);
  assert(margin < 0);
});

Deno.test("gersgorin: margin of a matrix without centres", () => {
  assertEquals(gersgorin(value([0, 0, 0, 0], [2, 2])).margin, 0);
  assertEquals(gersgorin(value([0, 1, 1, 0], [2, 2])).margin, -Infinity);
});

Deno.test("gersgorin: of two entries that rounding made differ, the lower one counts", () => {
  const { radii } = gersgorin(value([1, 0.50001, 0.5, 1], [2, 2]));
  assertEquals([...radii.data], [0.5, 0.5]);
});

Deno.test("gersgorin: does not change its matrix", () => {
  const matrix = value([1, 0.50001, 0.5, 1], [2, 2]);
  gersgorin(matrix);
  assertEquals([...matrix.data], [1, 0.50001, 0.5, 1]);
});

Deno.test("gersgorin: refuses what is no symmetric matrix", () => {
  assertThrows(
    () => gersgorin(value([1, 2, 3, 4], [2, 2])),
    RangeError,
    "must be symmetric to 0.0001 of its largest entry, got 3 at [1, 0] and 2 at [0, 1]",
  );
  assertThrows(
    () => gersgorin(value([1, 2], [1, 2])),
    RangeError,
    "got [1, 2]",
  );
  assertThrows(
    () => gersgorin(value([], [0, 0])),
    RangeError,
    "at least one row",
  );
  assertThrows(
    () => gersgorin(value([1, NaN, NaN, 1], [2, 2])),
    RangeError,
    "got NaN at [0, 1]",
  );
  assertThrows(() => gersgorin(intValue([1], [1, 1])), TypeError, "got int");
});
