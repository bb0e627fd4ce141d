/**
 * The Delaunay triangulation of points in the plane: the one whose triangles have no
 * point inside their circumcircles.
 *
 * Points are inserted one by one, and the triangles whose circles hold the new point
 * give way to new ones (Bowyer 1981, Watson 1981). Beyond each edge of the hull
 * stands a ghost triangle, whose circle is the half-plane outside (Shewchuk 2012,
 * "Lecture Notes on Delaunay Mesh Generation", 3.4).
 *
 * @module
 */

import { inCircle, type Point, side } from "./predicates.ts";

export type { Point };

/** Points and the triangles between them. */
export interface Triangulation {
  /** The points. */
  readonly points: readonly Point[];
  /** [T, 3] in one row: indices of each triangle's points, counter-clockwise. */
  readonly triangles: Int32Array;
  /** [T, 3] in one row: the triangle beyond the edge opposite to each; -1: none. */
  readonly neighbors: Int32Array;
}

/** The vertex of ghost triangles. */
const GHOST = -1;

/**
 * Triangulates points. Where four or more lie on a circle with none inside, several
 * triangulations are Delaunay; which one is taken depends on the order of the points
 * alone. Of equal points only the first is in the triangles.
 *
 * @example A square and the point in its middle
 * ```ts
 * import { triangulate } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const points = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]] as const;
 * assertEquals(triangulate(points).triangles.length, 4 * 3);
 * ```
 *
 * @param points The points, finite.
 * @returns The triangles; they fill the convex hull.
 * @throws {RangeError} If a number is not finite, or all points lie on one line.
 */
export function triangulate(points: readonly Point[]): Triangulation {
  const wrong = points.findIndex((point) => !point.every(Number.isFinite));
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot triangulate: point ${wrong} must be finite, got [${
        points[wrong]
      }]`,
    );
  }
  const mesh = new Mesh(points);
  const first = firstTriangle(points);
  mesh.begin(...first);
  points.forEach((_, i) => {
    if (!first.includes(i)) mesh.insert(i);
  });
  return triangulationOf(points, mesh.triangles());
}

/** Three points that do not lie on one line, counter-clockwise. */
function firstTriangle(points: readonly Point[]): [number, number, number] {
  const b = points.findIndex(([x, y]) =>
    x !== points[0][0] || y !== points[0][1]
  );
  const c = points.findIndex((point) =>
    b > 0 && side(points[0], points[b], point) !== 0
  );
  if (c < 0) {
    throw new RangeError(
      `Cannot triangulate: it needs points that do not lie on one line, got ${points.length} that do`,
    );
  }
  return side(points[0], points[b], points[c]) > 0 ? [0, b, c] : [0, c, b];
}

/**
 * Triangles by their edges: to each edge u -> v the third point of the triangle on
 * its left. It is changed while points are inserted, and seen by no one then.
 */
class Mesh {
  readonly #points: readonly Point[];
  readonly #apex = new Map<number, number>();
  /** An edge of a triangle near the last point. */
  #near: [number, number] = [0, 0];

  constructor(points: readonly Point[]) {
    this.#points = points;
  }

  begin(a: number, b: number, c: number): void {
    this.#add(a, b, c);
    this.#add(b, a, GHOST);
    this.#add(c, b, GHOST);
    this.#add(a, c, GHOST);
  }

  /** Inserts a point; one that is there already is left out. */
  insert(p: number): void {
    const found = this.#locate(p);
    if (found === undefined) return;
    this.#remove(...found);
    const [a, b, c] = found;
    const edges: [number, number][] = [[a, b], [b, c], [c, a]];
    for (let edge = edges.pop(); edge; edge = edges.pop()) {
      const [u, v] = edge;
      const beyond = this.#get(v, u);
      if (beyond === undefined) continue;
      if (this.#conflicts(v, u, beyond, p)) {
        this.#remove(v, u, beyond);
        edges.push([u, beyond], [beyond, v]);
      } else {
        this.#add(u, v, p);
      }
    }
  }

  /** All triangles but the ghosts, from their least index on, in a fixed order. */
  triangles(): [number, number, number][] {
    const found: [number, number, number][] = [];
    for (const [edge, c] of this.#apex) {
      const [a, b] = this.#ends(edge);
      if (a >= 0 && a < b && a < c) found.push([a, b, c]);
    }
    return found.sort((s, t) => s[0] - t[0] || s[1] - t[1] || s[2] - t[2]);
  }

  #key(u: number, v: number): number {
    return (u + 1) * (this.#points.length + 1) + v + 1;
  }

  #ends(key: number): [number, number] {
    const n = this.#points.length + 1;
    return [Math.floor(key / n) - 1, key % n - 1];
  }

  #get(u: number, v: number): number | undefined {
    return this.#apex.get(this.#key(u, v));
  }

  #add(a: number, b: number, c: number): void {
    this.#apex.set(this.#key(a, b), c);
    this.#apex.set(this.#key(b, c), a);
    this.#apex.set(this.#key(c, a), b);
    if (Math.min(a, b, c) >= 0) this.#near = [a, b];
  }

  #remove(a: number, b: number, c: number): void {
    this.#apex.delete(this.#key(a, b));
    this.#apex.delete(this.#key(b, c));
    this.#apex.delete(this.#key(c, a));
  }

  /** A triangle whose circle holds a point; none where the point is there already. */
  #locate(p: number): [number, number, number] | undefined {
    const point = this.#points[p];
    let [a, b] = this.#near;
    // The walk goes over an edge only if the point lies beyond it, and so ends: in a
    // Delaunay triangulation it cannot go in a circle.
    for (;;) {
      const c = this.#get(a, b)!;
      if (c === GHOST) return [a, b, c];
      const corners = [a, b, c].map((corner) => this.#points[corner]);
      const edge = [0, 1, 2].find((k) =>
        side(corners[k], corners[(k + 1) % 3], point) < 0
      );
      if (edge === undefined) {
        const there = corners.some(([x, y]) =>
          x === point[0] && y === point[1]
        );
        return there ? undefined : [a, b, c];
      }
      const triangle = [a, b, c];
      [a, b] = [triangle[(edge + 1) % 3], triangle[edge]];
    }
  }

  /** Whether a point lies in the circle of a triangle, or beyond the hull at a ghost. */
  #conflicts(a: number, b: number, c: number, p: number): boolean {
    // The ghost goes last.
    while (a === GHOST || b === GHOST) [a, b, c] = [b, c, a];
    const [from, to, point] = [a, b, p].map((i) => this.#points[i]);
    if (c !== GHOST) return inCircle(from, to, this.#points[c], point) > 0;
    const where = side(from, to, point);
    return where > 0 || (where === 0 && isBetween(from, to, point));
  }
}

/** Whether a point of the line through two others lies between them. */
function isBetween(a: Point, b: Point, point: Point): boolean {
  const axis = a[0] === b[0] ? 1 : 0;
  return (point[axis] > a[axis]) === (point[axis] < b[axis]) &&
    point[axis] !== a[axis] && point[axis] !== b[axis];
}

/**
 * The triangulation that some triangles make.
 *
 * @example Two triangles that share an edge
 * ```ts
 * import { triangulationOf } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const points = [[0, 0], [1, 0], [1, 1], [0, 1]] as const;
 * const { neighbors } = triangulationOf(points, [[0, 1, 2], [0, 2, 3]]);
 * assertEquals([...neighbors], [-1, 1, -1, -1, -1, 0]);
 * ```
 *
 * @param points The points.
 * @param triangles Indices of the points of each triangle, in either direction.
 * @returns The triangulation; which triangles lie side by side is found here.
 * @throws {RangeError} If a triangle has no area or a point that is not there, or
 * two of them lie on the same side of an edge.
 */
export function triangulationOf(
  points: readonly Point[],
  triangles: readonly (readonly [number, number, number])[],
): Triangulation {
  const corners = triangles.map(([a, b, c]) => {
    const known = [a, b, c].every((i) => points[i] !== undefined);
    const turn = known ? side(points[a], points[b], points[c]) : 0;
    if (turn === 0) {
      throw new RangeError(
        `Cannot triangulate: a triangle needs three of ${points.length} points that do not lie on one line, got [${a}, ${b}, ${c}]`,
      );
    }
    return turn > 0 ? [a, b, c] : [a, c, b];
  });
  const edges = new Map<number, number>();
  corners.forEach((corner, t) => {
    for (let k = 0; k < 3; k++) {
      const [u, v] = [corner[(k + 1) % 3], corner[(k + 2) % 3]];
      if (edges.has(u * points.length + v)) {
        throw new RangeError(
          `Cannot triangulate: an edge has one triangle on each side, got two on one side of ${u} to ${v}`,
        );
      }
      edges.set(u * points.length + v, t);
    }
  });
  const neighbors = corners.flatMap((corner) =>
    [0, 1, 2].map((k) => {
      const [u, v] = [corner[(k + 1) % 3], corner[(k + 2) % 3]];
      return edges.get(v * points.length + u) ?? -1;
    })
  );
  return {
    points,
    triangles: Int32Array.from(corners.flat()),
    neighbors: Int32Array.from(neighbors),
  };
}

/**
 * Finds the triangle that a point lies in.
 *
 * @example
 * ```ts
 * import { triangleAt, triangulate } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const mesh = triangulate([[0, 0], [1, 0], [0, 1]]);
 * assertEquals(triangleAt(mesh, [0.2, 0.2]), 0);
 * assertEquals(triangleAt(mesh, [2, 2]), -1);
 * ```
 *
 * @param triangulation The triangulation.
 * @param point The point.
 * @returns The index of a triangle that has it inside or on its edge; -1 outside.
 */
export function triangleAt(
  triangulation: Triangulation,
  point: Point,
): number {
  const { triangles, neighbors } = triangulation;
  const count = triangles.length / 3;
  // From triangle to triangle towards the point. In a Delaunay triangulation none is
  // met twice; in another the way may go in a circle, and all are looked at instead.
  for (let t = 0, met = 0; met < count; met++) {
    const edge = edgeBefore(triangulation, t, point);
    if (edge === undefined) return t;
    t = neighbors[3 * t + edge];
    if (t < 0) return -1;
  }
  for (let t = 0; t < count; t++) {
    if (edgeBefore(triangulation, t, point) === undefined) return t;
  }
  return -1;
}

/** The edge of a triangle that a point lies beyond, by the corner opposite to it. */
function edgeBefore(
  { points, triangles }: Triangulation,
  t: number,
  point: Point,
): number | undefined {
  const corner = (k: number) => points[triangles[3 * t + k % 3]];
  return [0, 1, 2].find((k) => side(corner(k + 1), corner(k + 2), point) < 0);
}
