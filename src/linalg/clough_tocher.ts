/**
 * A smooth surface through scattered points: cubic in pieces, with continuous
 * gradient, and as little bent along the edges of the triangulation as can be.
 *
 * Gradients (Nielson 1983, Renka 1984): along the edge e_ij = p_j - p_i, of length
 * L, the surface is the cubic with the values f_i, f_j and the slopes g_i . e_ij,
 * g_j . e_ij at its ends. The gradients make the sum over all edges of
 *
 *     integral |second derivative along the edge|^2
 *       = (4 / L^3) (s_i^2 + s_i s_j + s_j^2 - 3 (f_j - f_i) (s_i + s_j) + ...)
 *
 * least, s_i = g_i . e_ij. For g_i with all others held that is a system of two
 * equations, solved for one point after another (Gauss-Seidel) until nothing changes:
 *
 *     (sum_j 2 e e^T / L^3) g_i = sum_j (3 (f_j - f_i) - g_j . e) e / L^3
 *
 * Surface (Clough and Tocher 1965, Alfeld 1984): each triangle is parted into three at
 * its centroid. On each part the surface is a cubic in Bezier's form. Values and
 * gradients at the corners give all its ordinates but those beside the middle of an
 * edge; for these the derivative across the edge, in the direction from this triangle's
 * centroid to its neighbor's, is made linear along the edge. Seen from the neighbor the
 * direction is the same line, so the two surfaces join smoothly, and stretching the
 * plane changes nothing. At the hull the direction is that to the middle of the edge.
 *
 * @module
 */

import { type Point, triangleAt, type Triangulation } from "./delaunay.ts";

/** A surface: its height at a point, null outside the convex hull. */
export type Surface = (point: Point) => number | null;

/** What a surface comes with. */
export interface Interpolation {
  /** The surface. */
  readonly surface: Surface;
  /** [n, 2] in one row: the gradient at each point. */
  readonly gradients: Float64Array;
  /** Whether the gradients came to rest. */
  readonly converged: boolean;
  /** How often all gradients were computed anew. */
  readonly iterations: number;
}

/** Options of {@linkcode cloughTocher}. */
export interface CloughTocherOptions {
  /** Largest change at which gradients are at rest, over the largest gradient; 1e-12. */
  readonly tolerance?: number;
  /** Most times that all gradients are computed; 10,000 by default. */
  readonly maxIterations?: number;
}

/**
 * The piecewise cubic, continuously differentiable surface through values at points,
 * that of scipy's `griddata(method="cubic")`, with the gradients iterated to rest.
 *
 * @example A plane is met exactly, anywhere within the points
 * ```ts
 * import { cloughTocher, triangulate } from "@adafisher/adafisher/linalg";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const points = [[0, 0], [2, 0.1], [1.9, 1.5], [0.2, 1], [1, 0.4]] as const;
 * const { surface } = cloughTocher(
 *   triangulate(points),
 *   points.map(([x, y]) => 1 + 2 * x - y),
 * );
 * assertAlmostEquals(surface([0.7, 0.6])!, 1 + 2 * 0.7 - 0.6, 1e-12);
 * assertEquals(surface([5, 5]), null);
 * ```
 *
 * @param triangulation The points and the triangles between them.
 * @param values The value at each point.
 * @param options When gradients are at rest.
 * @returns The surface, the gradients, and whether these converged.
 * @throws {RangeError} If there is not one finite value a point, or an option is out
 * of its range.
 */
export function cloughTocher(
  triangulation: Triangulation,
  values: ArrayLike<number>,
  options: CloughTocherOptions = {},
): Interpolation {
  const { tolerance = 1e-12, maxIterations = 10_000 } = options;
  requireValues(triangulation, values);
  requireAbove0("tolerance", tolerance);
  requireAbove0("maxIterations", maxIterations);
  const estimate = estimateGradients(
    triangulation,
    values,
    tolerance,
    maxIterations,
  );
  const { gradients } = estimate;
  const patches = Array.from(
    { length: triangulation.triangles.length / 3 },
    (_, t) => patchOf(triangulation, values, gradients, t),
  );
  const surface: Surface = (point) => {
    const t = triangleAt(triangulation, point);
    if (t < 0) return null;
    return patches[t](barycentric(cornersOf(triangulation, t), point));
  };
  return { surface, ...estimate };
}

/** Three numbers, one for each corner of a triangle. */
type Triple = readonly [number, number, number];
type Corners = readonly [Point, Point, Point];

function cornersOf({ points, triangles }: Triangulation, t: number): Corners {
  return [
    points[triangles[3 * t]],
    points[triangles[3 * t + 1]],
    points[triangles[3 * t + 2]],
  ];
}

/** Weights of the corners, of sum 1, whose mean is the point. */
function barycentric([a, b, c]: Corners, [x, y]: Point): Triple {
  const bx = b[0] - a[0], by = b[1] - a[1];
  const cx = c[0] - a[0], cy = c[1] - a[1];
  const px = x - a[0], py = y - a[1];
  const area = bx * cy - by * cx;
  const wb = (px * cy - py * cx) / area, wc = (bx * py - by * px) / area;
  return [1 - wb - wc, wb, wc];
}

function centroid([a, b, c]: Corners): Point {
  return [(a[0] + b[0] + c[0]) / 3, (a[1] + b[1] + c[1]) / 3];
}

/** The points that each point has an edge to. */
function edgesOf({ points, triangles }: Triangulation): number[][] {
  const joined = points.map(() => new Set<number>());
  for (let i = 0; i < triangles.length; i++) {
    const next = i - i % 3 + (i + 1) % 3;
    joined[triangles[i]].add(triangles[next]);
    joined[triangles[next]].add(triangles[i]);
  }
  return joined.map((others) => [...others].sort((a, b) => a - b));
}

/** The gradients that bend the edges least. */
function estimateGradients(
  triangulation: Triangulation,
  values: ArrayLike<number>,
  tolerance: number,
  maxIterations: number,
): Omit<Interpolation, "surface"> {
  const { points } = triangulation;
  const gradients = new Float64Array(2 * points.length);
  const systems = edgesOf(triangulation).map((others, i) => {
    const edges = others.map((j) => {
      const x = points[j][0] - points[i][0], y = points[j][1] - points[i][1];
      return {
        j,
        x,
        y,
        rise: values[j] - values[i],
        weight: Math.hypot(x, y) ** -3,
      };
    });
    let xx = 0, xy = 0, yy = 0;
    for (const { x, y, weight } of edges) {
      xx += 2 * weight * x * x;
      xy += 2 * weight * x * y;
      yy += 2 * weight * y * y;
    }
    return { i, edges, xx, xy, yy, determinant: xx * yy - xy * xy };
    // A point that equals another has no edge, and keeps a gradient of 0.
  }).filter(({ edges }) => edges.length > 0);

  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    let change = 0, largest = 0;
    for (const { i, edges, xx, xy, yy, determinant } of systems) {
      let x = 0, y = 0;
      for (const edge of edges) {
        const slope = gradients[2 * edge.j] * edge.x +
          gradients[2 * edge.j + 1] * edge.y;
        const pull = edge.weight * (3 * edge.rise - slope);
        x += pull * edge.x;
        y += pull * edge.y;
      }
      const gx = (yy * x - xy * y) / determinant;
      const gy = (xx * y - xy * x) / determinant;
      change = Math.max(
        change,
        Math.abs(gx - gradients[2 * i]),
        Math.abs(gy - gradients[2 * i + 1]),
      );
      largest = Math.max(largest, Math.abs(gx), Math.abs(gy));
      gradients[2 * i] = gx;
      gradients[2 * i + 1] = gy;
    }
    if (change <= tolerance * largest) {
      return { gradients, converged: true, iterations: iteration };
    }
  }
  return { gradients, converged: false, iterations: maxIterations };
}

/** The surface over one triangle, from barycentric coordinates. */
function patchOf(
  triangulation: Triangulation,
  values: ArrayLike<number>,
  gradients: Float64Array,
  t: number,
): (weights: Triple) => number {
  const corners = cornersOf(triangulation, t);
  const middle = centroid(corners);
  const at = [0, 1, 2].map((k) => triangulation.triangles[3 * t + k]);
  const f = at.map((i) => values[i]);
  /** A third of the slope from a corner towards a point, on top of its value. */
  const towards = (k: number, [x, y]: Point) =>
    f[k] + (gradients[2 * at[k]] * (x - corners[k][0]) +
        gradients[2 * at[k] + 1] * (y - corners[k][1])) / 3;

  // Ordinates, named by the corners they belong to, 4 being the centroid:
  // near[i][j] is that of (i, i, j), inner[i] that of (i, i, 4).
  const near = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => towards(i, corners[j]))
  );
  const inner = [0, 1, 2].map((i) => towards(i, middle));
  // across[k] is that of (i, j, 4), where the edge from i to j is opposite to k.
  const across = [0, 1, 2].map((k) => {
    const i = (k + 1) % 3, j = (k + 2) % 3;
    const [wi, wj] = directionAcross(triangulation, t, k);
    const [fi, fij, fji, fj] = [f[i], near[i][j], near[j][i], f[j]];
    return (inner[i] + inner[j] - wi * (fi - 2 * fij + fji) -
      wj * (fij - 2 * fji + fj)) / 2;
  });
  // deep[i] is that of (i, 4, 4), and top that of the centroid: where the pieces meet
  // smoothly, each is the mean of the three around it.
  const deep = [0, 1, 2].map((i) =>
    (inner[i] + across[(i + 1) % 3] + across[(i + 2) % 3]) / 3
  );
  const top = (deep[0] + deep[1] + deep[2]) / 3;

  return (weights) => {
    // The piece that has the point: it lies opposite to the corner of least weight.
    const k = weights.indexOf(Math.min(...weights));
    const i = (k + 1) % 3, j = (k + 2) % 3;
    const u = weights[i] - weights[k], v = weights[j] - weights[k];
    const w = 3 * weights[k];
    return u * u * u * f[i] + v * v * v * f[j] + w * w * w * top +
      3 * (u * u * v * near[i][j] + u * v * v * near[j][i] +
          u * u * w * inner[i] + v * v * w * inner[j] +
          u * w * w * deep[i] + v * w * w * deep[j]) +
      6 * u * v * w * across[k];
  };
}

/**
 * The direction in which the derivative across an edge is made linear, in the
 * coordinates of the edge's two ends where that of the centroid is -1: towards the
 * neighbor's centroid, or the middle of the edge where there is no neighbor.
 */
function directionAcross(
  triangulation: Triangulation,
  t: number,
  k: number,
): readonly [number, number] {
  const neighbor = triangulation.neighbors[3 * t + k];
  if (neighbor < 0) return [0.5, 0.5];
  const target = centroid(cornersOf(triangulation, neighbor));
  const weights = barycentric(cornersOf(triangulation, t), target);
  // With the centroid in place of corner k: of that it has three times the weight, and
  // of the others so much less.
  const own = 3 * weights[k];
  const rest = [1, 2].map((n) => weights[(k + n) % 3] - weights[k]);
  return [rest[0] / (1 - own), rest[1] / (1 - own)];
}

function requireValues(
  { points }: Triangulation,
  values: ArrayLike<number>,
): void {
  if (values.length !== points.length) {
    throw new RangeError(
      `Cannot interpolate: it needs a value at each of ${points.length} points, got ${values.length}`,
    );
  }
  const wrong = Array.from(values).findIndex((value) =>
    !Number.isFinite(value)
  );
  if (wrong >= 0) {
    throw new RangeError(
      `Cannot interpolate: value ${wrong} must be finite, got ${values[wrong]}`,
    );
  }
}

function requireAbove0(name: string, got: number): void {
  if (got > 0) return;
  throw new RangeError(
    `Cannot interpolate: ${name} must be above 0, got ${got}`,
  );
}
