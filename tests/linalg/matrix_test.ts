import { assertEquals, assertThrows } from "@std/assert";
import { multiply } from "../../src/linalg/mod.ts";
import { randomNormal, value } from "../../src/tensor/mod.ts";

Deno.test("multiply() sums in the order of the inner axis, at every size", () => {
  for (
    const [m, k, n] of [
      [0, 3, 2],
      [3, 0, 2],
      [3, 2, 0],
      [1, 1, 1],
      [2, 3, 5],
      [4, 8, 4],
      [31, 17, 6],
      [3, 300, 5], // more than one block along each axis
      [300, 5, 3],
      [5, 3, 300],
      [257, 513, 258],
    ]
  ) {
    const a = randomNormal([m, n], 1, m * k);
    const b = randomNormal([m, n], 2, k * n);
    const expected = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        for (let j = 0; j < n; j++) {
          expected[i * n + j] += a[i * k + p] * b[p * n + j];
        }
      }
    }
    const found = multiply(value(a, [m, k]), value(b, [k, n]));
    assertEquals(found, value(expected, [m, n]));
  }
});

Deno.test("multiply() of numbers that are not finite spoils their row alone", () => {
  const a = value([NaN, 1, 2, 3], [2, 2]),
    b = value([1, 0, 0, Infinity], [2, 2]);
  assertEquals([...multiply(a, b).data], [NaN, NaN, 2, Infinity]);
  // Of a matrix before, nothing is left.
  assertEquals([...multiply(value([2], [1, 1]), value([3], [1, 1])).data], [6]);
});

Deno.test("multiply() refuses extents that do not agree", () => {
  assertThrows(
    () => multiply(value([1, 2], [1, 2]), value([1], [1, 1])),
    RangeError,
    "Cannot multiply: [1, 2] and [1, 1] must agree in the inner extent",
  );
});
