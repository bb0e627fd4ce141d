import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  identity,
  inverseRoot,
  multiply,
  newtonInverseRoot,
  powerIteration,
  symmetricEigen,
} from "../../src/linalg/mod.ts";
import { type Value, value } from "../../src/tensor/mod.ts";
import { matrixOf, norm, withEigenvalues } from "./matrices.ts";

/** a^p. */
function power(a: Value, p: number): Value {
  return p === 0 ? identity(a.shape[0]) : multiply(power(a, p - 1), a);
}

const good = withEigenvalues([1e-2, 0.1, 0.1, 1, 1, 3, 10], 3);

for (const p of [1, 2, 3, 4, 6, 8]) {
  Deno.test(`inverseRoot() of order ${p} gives X^${p} M = 1`, () => {
    const { root, converged } = inverseRoot(good, p);
    assert(converged);
    // The condition is 1e3, a unit in the last place 2e-16, the norm of 1 is 2.6.
    assert(norm(multiply(power(root, p), good), identity(7)) < 2e-12);
  });

  Deno.test(`newtonInverseRoot() of order ${p} agrees with the eigenvalues'`, () => {
    const exact = inverseRoot(good, p).root;
    const rough = newtonInverseRoot(good, p);
    assert(rough.converged);
    assert(rough.error <= 1e-6);
    // dX = -X E / p: the error of Y, 1e-6 an entry, times |X|.
    assert(norm(rough.root, exact) <= 7e-6 * norm(exact));
    const fine = newtonInverseRoot(good, p, { tolerance: 1e-11 });
    assert(fine.converged);
    assert(norm(fine.root, exact) <= 7e-11 * norm(exact));
  });
}

Deno.test("inverseRoot() with a fraction as order: M^(-1/0.5) = M^-2", () => {
  const { root } = inverseRoot(value([2, 0, 0, 4], [2, 2]), 0.5);
  assertEquals([...root.data], [1 / 4, 0, 0, 1 / 16]);
});

Deno.test("inverseRoot() takes eigenvalues below 0 as 0, and adds the ridge", () => {
  const matrix = value([4, 0, 0, -0.5], [2, 2]);
  const { root } = inverseRoot(matrix, 2, { ridge: 5 });
  assertEquals([...root.data], [1 / 3, 0, 0, 5 ** -0.5]);
  const relative = inverseRoot(matrix, 2, { ridge: 0.5, relative: true });
  assertEquals([...relative.root.data], [6 ** -0.5, 0, 0, 2 ** -0.5]);
});

Deno.test("inverseRoot() says where there is no root, and gives zeros", () => {
  for (const matrix of [value([1, 0, 0, 0], [2, 2]), value([-1], [1, 1])]) {
    const { root, converged } = inverseRoot(matrix, 2);
    assertEquals(converged, false);
    assert(root.data.every((x) => x === 0));
  }
});

Deno.test("newtonInverseRoot() says where it cannot converge, and gives numbers", () => {
  for (
    const matrix of [
      matrixOf(3, () => 1),
      matrixOf(2, (i, j) => i === j ? -1 : 0),
    ]
  ) {
    const { root, converged, error } = newtonInverseRoot(matrix, 4, {
      iterations: 60,
    });
    assertEquals(converged, false);
    assert(error > 1e-6);
    assert(root.data.every(Number.isFinite));
  }
  const { converged } = newtonInverseRoot(matrixOf(2, () => 0), 2);
  assertEquals(converged, false);
});

Deno.test("powerIteration() finds the largest eigenvalue", () => {
  const start = Float64Array.from({ length: 7 }, (_, i) => 1 + i);
  const found = powerIteration(good, start, { tolerance: 1e-13 });
  assert(found.converged);
  const { values } = symmetricEigen(good);
  // It ends when a step moves it by 1e-13; the next eigenvalue is 0.3 of it.
  assert(Math.abs(found.value - values.data[6]) < 1e-12);
  assertEquals([...start], [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("powerIteration() says what did not converge, and knows zero", () => {
  const start = Float64Array.of(1, 1);
  const slow = powerIteration(
    value([1, 0, 0, 1.001], [2, 2]),
    start,
    { iterations: 3, tolerance: 1e-9 },
  );
  assertEquals([slow.converged, slow.iterations], [false, 3]);
  assertEquals(powerIteration(matrixOf(2, () => 0), start).value, 0);
  assertThrows(
    () => powerIteration(identity(3), start),
    RangeError,
    "the start must have 3 numbers, got 2",
  );
});

Deno.test("inverseRoot() is not converged where its eigenvalues are not", () => {
  const matrix = withEigenvalues([1, 2, 3, 4, 5, 6, 7, 8], 3);
  const converged = (maxIterations?: number) =>
    inverseRoot(matrix, 2, { maxIterations }).converged;
  assertEquals([converged(), converged(1)], [true, false]);
});

Deno.test("inverse roots refuse an order that is none", () => {
  for (const p of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => inverseRoot(identity(1), p),
      RangeError,
      `order must be a finite number above 0, got ${p}`,
    );
  }
  assertThrows(
    () => newtonInverseRoot(identity(1), 1.5),
    RangeError,
    "needs a whole order, got 1.5",
  );
  assertThrows(
    () => inverseRoot(identity(1), 2, { ridge: -1 }),
    RangeError,
    "ridge must be a finite number of at least 0, got -1",
  );
  assertThrows(
    () => newtonInverseRoot(identity(1), 2, { iterations: 0 }),
    RangeError,
    "iterations must be a whole number of at least 1, got 0",
  );
});
