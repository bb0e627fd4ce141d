import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { gersgorin } from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { intValue, randomNormal, value } from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import {
  hilbert,
  matrixOf,
  norm,
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

Deno.test("gersgorin: a general matrix, against numpy", () => {
  // a = numpy.array([[4, -1, 0.5, 0], [2, 3, 0, -1], [0, 1, -2, 1], [1, 0, 1, 0.5]])
  const study = gersgorin(
    value([4, -1, 0.5, 0, 2, 3, 0, -1, 0, 1, -2, 1, 1, 0, 1, 0.5], [4, 4]),
    { symmetric: false },
  );
  assertEquals([...study.centres.data], [4, 3, -2, 0.5]);
  // Of rows; columns would give 3, 2, 1.5, 2.
  assertEquals([...study.radii.data], [1.5, 3, 2, 2]);
  // w = numpy.linalg.eigvals(a); w[numpy.lexsort((w.imag, w.real))]
  // Their condition is below 3: some roundings of the norm, 6.
  const close = { absolute: 2e-14 };
  assertAllClose(study.eigenvalues, [
    -2.3505567589695424,
    1.0423436469753993,
    3.4041065559970693,
    3.4041065559970693,
  ], close);
  assertAllClose(study.imaginary, [
    0.0,
    0.0,
    -1.1263836479396894,
    1.1263836479396894,
  ], close);
  assertEquals([study.inside, study.dominant], [1, 1 / 4]);
  // Least in the last row: 0.5 - 2; the largest centre is 4.
  assertEquals(study.margin, -1.5 / 4);
  assertEquals(study.converged, true);
});

Deno.test("gersgorin: the theorem holds for general matrices, complex eigenvalues too", () => {
  let complex = 0;
  for (let n = 1; n <= 24; n++) {
    const draws = randomNormal([3, n], 1, n * n);
    // Balanced in size and badly scaled: rows of very different radii.
    for (const scale of [1, 100]) {
      const matrix = matrixOf(n, (i, j) => draws[i * n + j] * scale ** (i % 3));
      const study = gersgorin(matrix, { symmetric: false });
      assertEquals(study.inside, 1, `${n}`);
      complex += study.imaginary.data.filter((y: number) => y !== 0).length;
    }
  }
  assert(complex > 300, `${complex}`);
});

Deno.test("gersgorin: a symmetric matrix as a general one has the same discs", () => {
  const matrix = randomSymmetric(30, 6);
  const one = gersgorin(matrix);
  const other = gersgorin(matrix, { symmetric: false });
  // Sums in the same order; eigenvalues two ways, to 1e-12 of the norm.
  assertEquals([other.centres, other.radii], [one.centres, one.radii]);
  assertEquals([other.dominant, other.margin], [one.dominant, one.margin]);
  assertAllClose(other.eigenvalues, one.eigenvalues.data, {
    absolute: 1e-12 * norm(matrix),
  });
  assertEquals([...one.imaginary.data], Array(30).fill(0));
});

Deno.test("gersgorin: an eigenvalue beside all discs is not inside", () => {
  // What steps that are given up leave is no eigenvalue.
  const draws = randomNormal([3, 1], 1, 400);
  const matrix = matrixOf(20, (i, j) => i === j ? 100 * i : draws[20 * i + j]);
  assertEquals(gersgorin(matrix, { symmetric: false }).inside, 1);
  const lost = gersgorin(matrix, { symmetric: false, maxIterations: 1 });
  assert(!lost.converged && lost.inside < 1, `${lost.inside}`);
});

Deno.test("gersgorin: says that eigenvalues did not converge", () => {
  const matrix = randomSymmetric(12, 1);
  for (const symmetric of [true, false]) {
    const converged = (maxIterations?: number) =>
      gersgorin(matrix, { symmetric, maxIterations }).converged;
    assertEquals([converged(), converged(1)], [true, false]);
  }
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

Deno.test("gersgorin: refuses what is no square matrix, or too large", () => {
  const general = { symmetric: false };
  assertThrows(
    () => gersgorin(value([1, 2], [2, 1]), general),
    RangeError,
    "Cannot draw Gersgorin discs: the matrix must be square, got [2, 1]",
  );
  assertThrows(() => gersgorin(identity(0), general), RangeError, "one row");
  assertThrows(
    () => gersgorin(value([1, 2, NaN, 4], [2, 2]), general),
    RangeError,
    "got NaN at [1, 0]",
  );
  for (const symmetric of [true, false]) {
    assertThrows(
      () => gersgorin(identity(10), { symmetric, memory: 799 }),
      RangeError,
      "Cannot draw Gersgorin discs: for a matrix of [10, 10] it takes 800 bytes of memory, and may take 799",
    );
    assertEquals(gersgorin(identity(10), { symmetric, memory: 800 }).inside, 1);
    for (const memory of [0, -1, NaN]) {
      assertThrows(
        () => gersgorin(identity(1), { symmetric, memory }),
        RangeError,
        `memory must be above 0 bytes, got ${memory}`,
      );
    }
  }
  assertThrows(
    () => gersgorin(identity(2), { maxIterations: 0 }),
    RangeError,
    "maxIterations must be a whole number of at least 1, got 0",
  );
});
