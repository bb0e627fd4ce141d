import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Point,
  triangleAt,
  triangulate,
  type Triangulation,
  triangulationOf,
} from "../../src/linalg/mod.ts";
import { inCircle, side } from "../../src/linalg/predicates.ts";
import { randomNormal } from "../../src/tensor/mod.ts";

function normal(count: number, seed: number): Point[] {
  const numbers = randomNormal([seed, 0], 0, 2 * count);
  return Array.from(
    { length: count },
    (_, i) => [numbers[2 * i], numbers[2 * i + 1]],
  );
}

const grid = (n: number): Point[] =>
  Array.from({ length: n * n }, (_, i) => [i % n, Math.floor(i / n)]);

/** What a triangulation must hold on, general position and ties alike. */
const sets: Record<string, Point[]> = {
  "a triangle": [[0, 0], [1, 0], [0, 1]],
  "scattered points": normal(200, 1),
  "a grid": grid(12),
  "a grid in rounded steps": grid(9).map(([x, y]) => [x * 0.1, y * 0.3]),
  "a circle": Array.from({ length: 40 }, (_, i) => [
    Math.cos(2 * Math.PI * i / 40),
    Math.sin(2 * Math.PI * i / 40),
  ]),
  "a row and one point beside it": [
    ...Array.from({ length: 30 }, (_, i): Point => [i, 0]),
    [3, 1],
  ],
  "rows that are almost lines": normal(80, 2).map((
    [x, y],
    i,
  ) => [x, i % 3 + 1e-15 * y]),
  "clusters": normal(90, 3).map(([x, y], i) => [
    x * 1e-9 + i % 3,
    y * 1e-9 + (i % 3) ** 2,
  ]),
  "points that repeat": [...normal(30, 4), ...normal(30, 4), [0, 0], [-0, 0]],
};

function corners(mesh: Triangulation): Point[][] {
  return Array.from(
    { length: mesh.triangles.length / 3 },
    (_, t) => [0, 1, 2].map((k) => mesh.points[mesh.triangles[3 * t + k]]),
  );
}

for (const [name, points] of Object.entries(sets)) {
  const mesh = triangulate(points);

  Deno.test(`triangulate: ${name}: no point lies in a triangle's circle`, () => {
    for (const [a, b, c] of corners(mesh)) {
      assert(side(a, b, c) > 0);
      for (const point of points) assert(inCircle(a, b, c, point) <= 0);
    }
  });

  Deno.test(`triangulate: ${name}: all points are in it, and it fills the hull`, () => {
    const distinct = new Set(points.map(([x, y]) => `${x + 0} ${y + 0}`)).size;
    assertEquals(new Set(mesh.triangles).size, distinct);
    // Euler: T = 2 n - 2 - h, with h edges on the hull.
    const hull = mesh.neighbors.filter((neighbor) => neighbor < 0).length;
    assertEquals(mesh.triangles.length / 3, 2 * distinct - 2 - hull);
    // Beyond an edge of the hull there is no point.
    mesh.neighbors.forEach((neighbor, i) => {
      if (neighbor >= 0) return;
      const triangle = corners(mesh)[Math.floor(i / 3)];
      const a = triangle[(i + 1) % 3], b = triangle[(i + 2) % 3];
      for (const point of points) assert(side(a, b, point) >= 0);
    });
  });

  Deno.test(`triangulate: ${name}: neighbors share an edge`, () => {
    mesh.neighbors.forEach((neighbor, i) => {
      if (neighbor < 0) return;
      const t = Math.floor(i / 3), base = 3 * neighbor;
      const back = [0, 1, 2].find((k) => mesh.neighbors[base + k] === t);
      assert(back !== undefined);
      const edge = (s: number, k: number) =>
        [1, 2].map((n) => mesh.triangles[3 * s + (k + n) % 3]);
      assertEquals(edge(neighbor, back), edge(t, i % 3).reverse());
    });
  });
}

Deno.test("triangulate: in general position the order of the points does not matter", () => {
  const points = normal(60, 5);
  const named = (points: readonly Point[]) =>
    corners(triangulate(points))
      .map((triangle) => triangle.map(String).sort().join(" | ")).sort();
  assertEquals(named(points), named(points.toReversed()));
});

Deno.test("triangulate: refuses points on a line, and what is no point", () => {
  for (
    const points of [[], [[1, 2]], [[1, 2], [1, 2]], [[0, 0], [1, 1], [2, 2]]]
  ) {
    assertThrows(
      () => triangulate(points as unknown as Point[]),
      RangeError,
      `points that do not lie on one line, got ${points.length}`,
    );
  }
  assertThrows(
    () => triangulate([[0, 0], [1, NaN], [0, 1]]),
    RangeError,
    "point 1 must be finite, got [1,NaN]",
  );
});

Deno.test("triangulationOf: refuses triangles that are none or overlap", () => {
  const points: Point[] = [[0, 0], [1, 0], [1, 1], [2, 2]];
  assertThrows(
    () => triangulationOf(points, [[0, 2, 3]]),
    RangeError,
    "got [0, 2, 3]",
  );
  assertThrows(
    () => triangulationOf(points, [[0, 1, 4]]),
    RangeError,
    "got [0, 1, 4]",
  );
  assertThrows(
    () => triangulationOf(points, [[0, 1, 2], [1, 0, 3]]),
    RangeError,
    "two on one side",
  );
});

Deno.test("triangleAt: finds the triangle of every point within, and none outside", () => {
  const mesh = triangulate(sets["scattered points"]);
  for (const [t, triangle] of corners(mesh).entries()) {
    const middle: Point = [
      (triangle[0][0] + triangle[1][0] + triangle[2][0]) / 3,
      (triangle[0][1] + triangle[1][1] + triangle[2][1]) / 3,
    ];
    assertEquals(triangleAt(mesh, middle), t);
  }
  assertEquals(triangleAt(mesh, [100, 0]), -1);
});

Deno.test("triangleAt: finds points in a triangulation that is not Delaunay", () => {
  const flat: Point[] = [[0, 0], [10, -1], [20, 0], [10, 1]];
  const mesh = triangulationOf(flat, [[0, 1, 2], [0, 2, 3]]);
  assertEquals(triangleAt(mesh, [10, 0.5]), 1);
  assertEquals(triangleAt(mesh, [10, -0.5]), 0);
  assertEquals(triangleAt(mesh, [10, -1.5]), -1);
});
