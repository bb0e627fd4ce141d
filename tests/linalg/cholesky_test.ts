import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  cholesky,
  choleskyInverse,
  choleskySolve,
  identity,
  multiply,
  transposed,
} from "../../src/linalg/mod.ts";
import { type Value, value } from "../../src/tensor/mod.ts";
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
