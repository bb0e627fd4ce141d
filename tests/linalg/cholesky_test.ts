import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  cholesky,
  choleskyInverse,
  choleskySolve,
  identity,
  multiply,
  transposed,
} from "../../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../../src/tensor/mod.ts";
import { hilbert, matrixOf, norm, withEigenvalues } from "./matrices.ts";

const matrices: Record<string, Value> = {
  "an empty matrix": value([], [0, 0]),
  "a number": value([4], [1, 1]),
  "Hilbert's matrix of 8": hilbert(8),
  "a random matrix of 30": withEigenvalues(
    Array.from({ length: 30 }, (_, i) => 1 + i / 3),
    5,
  ),
};

for (const [title, matrix] of Object.entries(matrices)) {
  Deno.test(`cholesky() of ${title} gives L L^T = M`, () => {
    const found = cholesky(matrix);
    assert(found.positiveDefinite);
    const { lower } = found;
    const n = matrix.shape[0];
    assertEquals(
      lower.data.filter((_, k) => k % n > Math.floor(k / n)).every((x) =>
        x === 0
      ),
      true,
    );
    assert(
      norm(multiply(lower, transposed(lower)), matrix) <= 1e-12 * norm(matrix),
    );
  });

  Deno.test(`choleskySolve() and choleskyInverse() of ${title} undo M`, () => {
    const found = cholesky(matrix);
    assert(found.positiveDefinite);
    const { lower } = found;
    const n = matrix.shape[0];
    const right = value(
      Float64Array.from({ length: 2 * n }, (_, i) => Math.cos(i)),
      [n, 2],
    );
    const solved = choleskySolve(lower, right);
    // What is left is small beside |M| |X|, whatever the condition.
    assert(
      norm(multiply(matrix, solved), right) <=
        1e-12 * norm(matrix) * norm(solved),
    );
    const inverse = choleskyInverse(lower);
    assert(
      norm(multiply(matrix, inverse), identity(n)) <=
        1e-12 * norm(matrix) * norm(inverse),
    );
    assertEquals(transposed(inverse), inverse);
  });
}

/** L, by the sums as they are written down. */
function plainCholesky(matrix: Value): Float64Array {
  const n = matrix.shape[0], l = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    let root = NaN;
    for (let i = j; i < n; i++) {
      let entry = matrix.data[i * n + j];
      for (let p = 0; p < j; p++) entry -= l[j * n + p] * l[i * n + p];
      if (i === j) root = Math.sqrt(entry);
      l[i * n + j] = entry / root;
    }
  }
  return l;
}

/** (L L^T)^-1 = W^T W for L W = 1. */
function plainInverse(l: Float64Array, n: number): Float64Array {
  const w = new Float64Array(n * n), inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let entry = i === j ? 1 : 0;
      for (let p = j; p < i; p++) entry -= l[i * n + p] * w[p * n + j];
      w[i * n + j] = entry / l[i * n + i];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let entry = 0;
      for (let p = i; p < n; p++) entry += w[p * n + i] * w[p * n + j];
      inverse[i * n + j] = inverse[j * n + i] = entry;
    }
  }
  return inverse;
}

Deno.test("cholesky() and choleskyInverse() have the bits of plain loops at every size", () => {
  // Around the sizes of tiles and panels.
  for (const n of [0, 1, 2, 3, 4, 5, 8, 31, 32, 33, 36, 63, 65, 99]) {
    const draws = value(randomNormal([n, 1], 1, 2 * n * n), [2 * n, n]);
    const matrix = multiply(transposed(draws), draws);
    const found = cholesky(matrix);
    assert(found.positiveDefinite);
    const expected = plainCholesky(matrix);
    assertEquals(found.lower.data, expected);
    assertEquals(choleskyInverse(found.lower).data, plainInverse(expected, n));
    // With a row that makes it indefinite, the factor ends there.
    for (const row of [0, n >> 1, n - 1]) {
      if (n === 0) continue;
      const bad = new Float64Array(matrix.data);
      bad[row * n + row] = -1;
      const ended = cholesky(value(bad, [n, n]));
      assert(!ended.positiveDefinite);
      const squares = expected.subarray(row * n, row * n + row)
        .reduce((rest, x) => rest - x * x, -1);
      assertEquals([ended.row, ended.pivot], [row, squares]);
    }
  }
});

Deno.test("choleskyInverse() of 1,500 rows is right, and leaves no trace", () => {
  const small = cholesky(hilbert(8));
  assert(small.positiveDefinite);
  const before = choleskyInverse(small.lower);
  // The second difference, whose inverse is min(i, j) (n + 1 - max(i, j)) / (n + 1).
  const n = 1500;
  const found = cholesky(
    matrixOf(n, (i, j) => i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0),
  );
  assert(found.positiveDefinite);
  const { data } = choleskyInverse(found.lower);
  let far = 0;
  for (let i = 1; i <= n; i++) {
    for (let j = 1; j <= n; j++) {
      const exact = Math.min(i, j) * (n + 1 - Math.max(i, j)) / (n + 1);
      far = Math.max(far, Math.abs(data[(i - 1) * n + j - 1] / exact - 1));
    }
  }
  // A condition of 9e5 times a unit in the last place.
  assert(far < 1e-9, `${far}`);
  assertEquals(choleskyInverse(small.lower), before);
});

Deno.test("cholesky() says where a matrix is not positive definite", () => {
  assertEquals(cholesky(value([1, 2, 2, 1], [2, 2])), {
    positiveDefinite: false,
    row: 1,
    pivot: -3,
  });
  assertEquals(cholesky(matrixOf(3, () => 0)), {
    positiveDefinite: false,
    row: 0,
    pivot: 0,
  });
});

Deno.test("cholesky() and choleskySolve() refuse what they cannot do", () => {
  assertThrows(
    () => cholesky(value([1, Infinity, Infinity, 1], [2, 2])),
    RangeError,
    "must be finite, got Infinity at [0, 1]",
  );
  assertThrows(
    () => choleskySolve(identity(2), value([1, 2, 3], [3, 1])),
    RangeError,
    "Cannot solve: the right-hand side must be [2, m], got [3, 1]",
  );
});
