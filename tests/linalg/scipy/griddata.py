"""Records scipy's griddata(method="cubic") for tests/linalg/clough_tocher_test.ts.

    python3 tests/linalg/scipy/griddata.py

writes griddata.json beside this file. Each case has points, values, query points
inside the hull and what scipy gives there:

- `griddata`: griddata as it is, gradients iterated to scipy's own tolerance of 1e-6;
- `converged`: CloughTocher2DInterpolator, the same surface, gradients at rest;
- `triangles`: only where points lie on common circles, so that there are several
  Delaunay triangulations: the one that scipy took.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.interpolate import CloughTocher2DInterpolator, griddata
from scipy.spatial import Delaunay


def franke(x, y):
    """Franke's function (1979), the usual one for scattered data."""
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


def scattered(rng, n):
    points = rng.uniform(0, 1, (n, 2))
    return points, franke(points[:, 0], points[:, 1])


def stretched(rng, n):
    points = rng.uniform(0, 1, (n, 2)) * [1000, 0.01] + [-300, 5]
    return points, franke((points[:, 0] + 300) / 1000, (points[:, 1] - 5) / 0.01)


def noise(rng, n):
    points = rng.normal(0, 1, (n, 2))
    return points, rng.normal(0, 1, n)


def trajectories(rng, n):
    """Points along curves that begin together, as those of a loss landscape."""
    t = np.linspace(0.02, 1, n // 4) ** 2
    curves = [
        np.stack([t * np.cos(a + b * t), t * np.sin(a + b * t)], 1) + 0.2
        for a, b in zip(rng.uniform(0, 2 * np.pi, 4), rng.normal(0, 1.5, 4))
    ]
    points = np.concatenate(curves) + rng.normal(0, 1e-3, (4 * (n // 4), 2))
    return points, np.exp(-np.hypot(points[:, 0] - 0.7, points[:, 1] - 0.4))


def grid(_rng, n):
    side = int(np.sqrt(n))
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    points = np.stack([x.ravel(), y.ravel()], 1)
    return points, franke(points[:, 0], points[:, 1])


def circle(_rng, n):
    angle = 2 * np.pi * np.arange(n) / n
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    return points, points[:, 0] ** 2 - points[:, 1] * points[:, 0]


CASES = [
    ("scattered", scattered, 8, False),
    ("scattered", scattered, 60, False),
    ("stretched", stretched, 40, False),
    ("noise", noise, 50, False),
    ("trajectories", trajectories, 80, False),
    ("grid", grid, 36, True),
    ("circle", circle, 12, True),
]


def record(rng, name, make, n, ties):
    points, values = make(rng, n)
    mesh = Delaunay(points)
    # Means of a triangle's corners lie in the hull.
    weights = rng.dirichlet([1, 1, 1], 60)
    corners = points[mesh.simplices[rng.integers(0, len(mesh.simplices), 60)]]
    queries = np.einsum("ij,ijk->ik", weights, corners)
    converged = CloughTocher2DInterpolator(mesh, values, tol=1e-14, maxiter=100_000)
    case = {
        "name": f"{name}, {len(points)} points",
        "points": points.tolist(),
        "values": values.tolist(),
        "queries": queries.tolist(),
        "griddata": griddata(points, values, queries, method="cubic").tolist(),
        "converged": converged(queries).tolist(),
    }
    if ties:
        case["triangles"] = mesh.simplices.tolist()
    return case


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    cases = [record(generator, *case) for case in CASES]
    for case in cases:
        apart = np.abs(np.subtract(case["griddata"], case["converged"])).max()
        print(f"{case['name']}: griddata is {apart:.1e} from its surface at rest")
    path = pathlib.Path(__file__).with_name("griddata.json")
    path.write_text(
        json.dumps({"scipy": scipy.__version__, "cases": cases}) + "\n"
    )
