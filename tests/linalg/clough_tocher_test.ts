import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  cloughTocher,
  type Point,
  triangulate,
  triangulationOf,
} from "../../src/linalg/mod.ts";
import { randomNormal } from "../../src/tensor/mod.ts";
import recorded from "./scipy/griddata.json" with { type: "json" };

type Triple = [number, number, number];

for (const recording of recorded.cases) {
  const { name, values, queries, griddata, converged, triangles } = recording as
    & typeof recording
    & { triangles?: number[][] };
  const points = recording.points as unknown as Point[];

  Deno.test(`cloughTocher: ${name}: agrees with scipy`, () => {
    // On common circles there are several Delaunay triangulations, and scipy's own
    // is given; everywhere else ours must be the same.
    const mesh = triangles
      ? triangulationOf(points, triangles as Triple[])
      : triangulate(points);
    const made = cloughTocher(mesh, values);
    assert(made.converged);
    const size = Math.max(...values.map(Math.abs));
    queries.forEach((query, i) => {
      const height = made.surface(query as unknown as Point);
      assert(height !== null);
      // The same formulas: rounding alone, over some thousand operations.
      assertAlmostEquals(height, converged[i], 1e-11 * size);
      // scipy stops iterating gradients at changes of 1e-6.
      assertAlmostEquals(height, griddata[i], 1e-6 * size);
    });
  });
}

const numbers = randomNormal([7, 0], 0, 3 * 80);
const points: Point[] = Array.from(
  { length: 80 },
  (_, i) => [numbers[3 * i], numbers[3 * i + 1]],
);
const values = points.map((_, i) => numbers[3 * i + 2]);
const mesh = triangulate(points);
const { surface, gradients } = cloughTocher(mesh, values);

Deno.test("cloughTocher: goes through every point, with the gradient it says", () => {
  const step = 1e-6;
  points.forEach(([x, y], i) => {
    // Within rounding of the point's own triangle.
    assertAlmostEquals(surface([x, y])!, values[i], 1e-12);
    const right = surface([x + step, y]), left = surface([x - step, y]);
    if (right === null || left === null) return;
    // Differences over 1e-6 of a surface that is bent by some hundreds.
    assertAlmostEquals((right - left) / (2 * step), gradients[2 * i], 2e-3);
  });
});

Deno.test("cloughTocher: its gradient is continuous over every edge", () => {
  let places = 0;
  mesh.neighbors.forEach((neighbor, i) => {
    const t = Math.floor(i / 3);
    if (neighbor < t) return;
    const [a, b] = [1, 2].map((k) =>
      points[mesh.triangles[3 * t + (i + k) % 3]]
    );
    const along = [b[0] - a[0], b[1] - a[1]];
    const length = Math.hypot(...along);
    const across = [-along[1] / length, along[0] / length];
    for (const share of [0.2, 0.5, 0.7]) {
      const at = (distance: number) =>
        surface([
          a[0] + share * along[0] + distance * across[0],
          a[1] + share * along[1] + distance * across[1],
        ])!;
      /** How far apart the slopes are, a little to the left and to the right. */
      const jump = (step: number) =>
        Math.abs(at(2 * step) - at(step) - at(-step) + at(-2 * step)) / step;
      // Without a kink it shrinks with the step. Heights are rounded to some 1e-14 in
      // slim triangles, which is 1e-7 of slope.
      assert(jump(1e-7) < 0.2 * jump(1e-6) + 1e-6, `${jump(1e-7)}`);
      places++;
    }
  });
  assert(places > 300);
});

Deno.test("cloughTocher: a plane is met exactly, in a stretched plane too", () => {
  const plane = (x: number, y: number) => 3 - 2 * x + 0.5 * y;
  const stretched = points.map(([x, y]): Point => [1000 * x + y, y / 50]);
  const made = cloughTocher(
    triangulate(stretched),
    stretched.map(([x, y]) => plane(x, y)),
  );
  for (let i = 0; i + 2 < points.length; i += 3) {
    const [x, y] = [0, 1].map((axis) =>
      (stretched[i][axis] + stretched[i + 1][axis] + stretched[i + 2][axis]) / 3
    );
    // Rounding of heights of some thousands.
    assertAlmostEquals(made.surface([x, y])!, plane(x, y), 1e-9);
  }
});

Deno.test("cloughTocher: is null outside the hull, and a point that repeats is no other", () => {
  assertEquals(surface([100, 100]), null);
  const doubled = [...points, points[3], points[5]];
  const again = cloughTocher(triangulate(doubled), [
    ...values,
    values[3],
    values[5],
  ]);
  assertEquals(again.surface([0.1, 0.2]), surface([0.1, 0.2]));
});

Deno.test("cloughTocher: says that gradients are not at rest yet", () => {
  const made = cloughTocher(mesh, values, { maxIterations: 2 });
  assertEquals([made.converged, made.iterations], [false, 2]);
});

Deno.test("cloughTocher: refuses values that do not fit the points", () => {
  assertThrows(
    () => cloughTocher(mesh, [1, 2]),
    RangeError,
    "a value at each of 80 points, got 2",
  );
  assertThrows(
    () => cloughTocher(mesh, values.with(4, Infinity)),
    RangeError,
    "value 4 must be finite, got Infinity",
  );
  assertThrows(
    () => cloughTocher(mesh, values, { tolerance: 0 }),
    RangeError,
    "tolerance must be above 0, got 0",
  );
});
