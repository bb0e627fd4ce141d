import { assert, assertEquals, assertThrows } from "@std/assert";
import { identity, multiply, pca, transposed } from "../../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../../src/tensor/mod.ts";
import { matrixOf, norm, orthogonal } from "./matrices.ts";

/** 200 rows that vary by 5, 2, 1 and 0.1 along the rows of an orthogonal matrix. */
function rows(): { data: Value; axes: Value } {
  const m = 200, n = 4, spreads = [5, 2, 1, 0.1];
  const draws = randomNormal([8, 1], 1, m * n);
  const along = value(draws.map((x, k) => x * spreads[k % n]), [m, n]);
  const axes = orthogonal(n, 3);
  const { data } = multiply(along, axes);
  return {
    data: value(
      Float64Array.from(data, (x, k) => x + 10 * (k % n)),
      [m, n],
    ),
    axes,
  };
}

// Rounding: 200 products of numbers up to 30 a covariance, 1e-12 in all.

Deno.test("pca() with all components gives back the rows", () => {
  const { data } = rows();
  const { mean, components, scores, share, converged } = pca(data, 4);
  assert(converged);
  const back = multiply(scores, components);
  const moved = value(
    Float64Array.from(back.data, (x, k) => x + mean.data[k % 4]),
    [200, 4],
  );
  assert(norm(moved, data) <= 1e-12 * norm(data));
  assert(
    norm(multiply(components, transposed(components)), identity(4)) <= 1e-12,
  );
  assertEquals(share, 1);
});

Deno.test("pca() has uncorrelated scores, whose variances it tells, the largest first", () => {
  const { variances, scores } = pca(rows().data, 4);
  const covariance = multiply(transposed(scores), scores);
  const expected = matrixOf(4, (i, j) => i === j ? 200 * variances.data[i] : 0);
  assert(norm(covariance, expected) <= 1e-12 * norm(expected));
  assertEquals([...variances.data], [...variances.data].sort((a, b) => b - a));
});

Deno.test("pca() finds the directions that the rows were made with", () => {
  const { data, axes } = rows();
  const { components, share } = pca(data, 2);
  assertEquals(components.shape, [2, 4]);
  for (const k of [0, 1]) {
    let cosine = 0;
    for (let j = 0; j < 4; j++) {
      cosine += components.data[4 * k + j] * axes.data[4 * k + j];
    }
    // A sample of 200: the angle is about 1 / sqrt(200) times a ratio of spreads, 0.5
    // at most, which is 0.035; the cosine is 1 less half its square.
    assert(Math.abs(cosine) > 0.99, `direction ${k}: ${cosine}`);
  }
  // (25 + 4) / 30.01 = 0.966 of all draws; of 200, within some hundredths.
  assert(Math.abs(share - 0.966) < 0.03, `${share}`);
});

Deno.test("pca() has the largest entry of each direction positive", () => {
  const { components } = pca(rows().data, 4);
  for (let k = 0; k < 4; k++) {
    const axis = [...components.data.slice(4 * k, 4 * k + 4)];
    assertEquals(Math.max(...axis), Math.max(...axis.map(Math.abs)));
  }
});

Deno.test("pca() says when steps are not enough", () => {
  const { data } = rows();
  assertEquals(pca(data, 2).converged, true);
  assertEquals(pca(data, 2, { maxIterations: 1 }).converged, false);
});

Deno.test("pca() refuses what it cannot do, naming shape and value", () => {
  const refused = (rows: Value, count: number, message: string) =>
    assertThrows(() => pca(rows, count), RangeError, message);
  refused(value([1, 2]), 1, "got 1 of [2]");
  refused(value([1, 2, 3, 4], [2, 2]), 3, "got 3 of [2, 2]");
  refused(value([], [0, 2]), 1, "got 1 of [0, 2]");
  refused(
    value([1, 2, 1, 2], [2, 2]),
    1,
    "none of the 2 columns of [2, 2] varies",
  );
  refused(value([1, NaN], [2, 1]), 1, "got NaN at [1, 0]");
});
