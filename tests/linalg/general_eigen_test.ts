import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type GeneralEigenvalues,
  generalEigenvalues,
  multiply,
  symmetricEigenvalues,
  transposed,
} from "../../src/linalg/mod.ts";
import {
  intValue,
  randomNormal,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { matrixOf, norm, orthogonal, randomSymmetric } from "./matrices.ts";

type Complex = readonly [number, number];

const found = (
  { real, imaginary, converged }: GeneralEigenvalues,
): Complex[] => {
  assert(converged);
  return Array.from(real.data, (x, i) => [x, imaginary.data[i]]);
};

/**
 * Asserts that two lists have the same complex numbers, whatever their order: rounding
 * decides which of two equal real parts is first.
 */
function assertSame(
  actual: readonly Complex[],
  expected: readonly Complex[],
  tolerance: number,
): void {
  assertEquals(actual.length, expected.length);
  const left = [...actual];
  for (const [x, y] of expected) {
    const far = left.map(([a, b]) => Math.hypot(a - x, b - y));
    const nearest = far.indexOf(Math.min(...far));
    assert(
      far[nearest] <= tolerance,
      `${x} + ${y} i is not there: ${left[nearest]} is nearest, by ${
        far[nearest]
      }`,
    );
    left.splice(nearest, 1);
  }
}

/** Random numbers, not symmetric. */
const random = (n: number, seed: number): Value =>
  value(randomNormal([seed, n], 4, n * n), [n, n]);

/** Ones above the diagonal, and the polynomial's coefficients in the last row. */
function companion(roots: readonly Complex[]): Value {
  // Coefficients of the product of x - root, the constant first.
  let real = [1], imaginary = [0];
  for (const [a, b] of roots) {
    const shifted = (list: number[], k: number) => list[k - 1] ?? 0;
    const at = (list: number[], k: number) => list[k] ?? 0;
    const indices = [...real, 0].map((_, k) => k);
    [real, imaginary] = [
      indices.map((k) =>
        shifted(real, k) - a * at(real, k) + b * at(imaginary, k)
      ),
      indices.map((k) =>
        shifted(imaginary, k) - a * at(imaginary, k) - b * at(real, k)
      ),
    ];
  }
  const n = roots.length;
  return matrixOf(
    n,
    (i, j) => i === n - 1 ? -real[j] : j === i + 1 ? 1 : 0,
  );
}

Deno.test("generalEigenvalues() are numpy's", () => {
  // n = 8
  // a = numpy.array([[(i*i + 5*j + 3*i*j) % 13 - 6 for j in range(n)] for i in range(n)])
  // w = numpy.linalg.eigvals(a); w[numpy.lexsort((w.imag, w.real))]
  // Its eigenvectors have condition 3.9, so rounding of the norm stays that of w.
  const matrix = matrixOf(8, (i, j) => (i * i + 5 * j + 3 * i * j) % 13 - 6);
  assertSame(
    found(generalEigenvalues(matrix)),
    [
      [-10.460886565534276, -4.247136090579156],
      [-10.460886565534276, 4.247136090579156],
      [-0.7724695492431484, -8.287869853692555],
      [-0.7724695492431484, 8.287869853692555],
      [1.3012529144599031e-16, 0],
      [4.761273306014959, 0],
      [9.852719461769933, -4.208425809903647],
      [9.852719461769933, 4.208425809903647],
    ],
    1e-13 * norm(matrix),
  );
});

Deno.test("generalEigenvalues() of a symmetric matrix are symmetricEigenvalues()", () => {
  for (const n of [1, 2, 3, 10, 60]) {
    const matrix = randomSymmetric(n, 7);
    const { values } = symmetricEigenvalues(matrix);
    assertSame(
      found(generalEigenvalues(matrix)),
      Array.from(values.data, (x) => [x, 0]),
      1e-12 * norm(matrix),
    );
  }
});

Deno.test("generalEigenvalues() have the traces of a random matrix and its square", () => {
  for (const n of [3, 20, 90]) {
    const matrix = random(n, 11);
    const eigenvalues = found(generalEigenvalues(matrix));
    const trace = ({ data }: Value) =>
      Array.from({ length: n }, (_, i) => data[i * n + i])
        .reduce((a, b) => a + b);
    // Rounding is some units in the last place of the norm for each of n, times their
    // condition, some tens here; 1e-11 in all.
    const size = norm(matrix);
    let sum = 0, squares = 0, imaginary = 0;
    for (const [a, b] of eigenvalues) {
      sum += a;
      imaginary += b;
      squares += a * a - b * b;
    }
    assert(Math.abs(sum - trace(matrix)) <= 1e-11 * size, `trace of ${n}`);
    assert(
      Math.abs(squares - trace(multiply(matrix, matrix))) <=
        1e-11 * size * size,
      `trace of the square of ${n}`,
    );
    assertEquals(imaginary, 0); // conjugates cancel exactly
    // About sqrt(2 n / pi) eigenvalues of n are real; three may be.
    assert(n === 3 || eigenvalues.some(([, b]) => b > 0), "no complex pair");
  }
});

Deno.test("generalEigenvalues() have the determinant as their product", () => {
  // Lower times upper triangle, neither of ones alone: the determinant is exact.
  const n = 9;
  const lower = matrixOf(
    n,
    (i, j) => i === j ? 1 : i > j ? (i + 2 * j) % 3 - 1 : 0,
  );
  const upper = matrixOf(
    n,
    (i, j) => i === j ? 1 + i % 3 : i < j ? (2 * i + j) % 3 - 1 : 0,
  );
  let determinant = 1;
  for (let i = 0; i < n; i++) determinant *= 1 + i % 3;
  let product: Complex = [1, 0];
  for (const [a, b] of found(generalEigenvalues(multiply(lower, upper)))) {
    product = [
      product[0] * a - product[1] * b,
      product[0] * b + product[1] * a,
    ];
  }
  // The smallest eigenvalue has the largest relative error: norm over value, some
  // thousands of units in the last place.
  assert(Math.abs(product[0] / determinant - 1) < 1e-11, `${product[0]}`);
  assert(Math.abs(product[1] / determinant) < 1e-11, `${product[1]}`);
});

Deno.test("generalEigenvalues() of a companion matrix are the polynomial's roots", () => {
  const roots: Complex[] = [[-3, 0], [-1, -2], [-1, 2], [0.5, 0], [2, -1], [
    2,
    1,
  ], [4, 0]];
  const matrix = companion(roots);
  // Roots of a polynomial are ill-conditioned: they move by the rounding of the
  // coefficients, up to 1e3 here, over the derivative at the root.
  assertSame(found(generalEigenvalues(matrix)), roots, 1e-14 * norm(matrix));
  // x^n = 1: a permutation, on which QR steps with usual shifts go round in circles.
  for (const n of [3, 4, 8, 17]) {
    const units: Complex[] = Array.from(
      { length: n },
      (_, k) => [Math.cos(2 * Math.PI * k / n), Math.sin(2 * Math.PI * k / n)],
    );
    const shift = matrixOf(n, (i, j) => j === (i + 1) % n ? 1 : 0);
    assertSame(found(generalEigenvalues(shift)), units, 1e-12);
    assertSame(found(generalEigenvalues(transposed(shift))), units, 1e-12);
  }
});

Deno.test("generalEigenvalues() of rotations are e^(+- i angle), however they are turned", () => {
  const angles = [0.1, 0.7, 1.5, 2.9, 1.5];
  const n = 2 * angles.length + 1; // and an axis, with eigenvalue 1
  const blocks = matrixOf(n, (i, j) => {
    const angle = angles[i >> 1];
    if (angle === undefined) return i === j ? 1 : 0;
    if (i >> 1 !== j >> 1) return 0;
    return i === j ? Math.cos(angle) : (i - j) * Math.sin(angle);
  });
  const q = orthogonal(n, 5);
  const turned = multiply(multiply(q, blocks), transposed(q));
  const expected: Complex[] = [[1, 0]];
  for (const angle of angles) {
    expected.push([Math.cos(angle), Math.sin(angle)]);
    expected.push([Math.cos(angle), -Math.sin(angle)]);
  }
  // A normal matrix: each eigenvalue has condition 1.
  assertSame(found(generalEigenvalues(turned)), expected, 1e-13 * norm(turned));
});

Deno.test("generalEigenvalues() of a Jordan block spread by the root of rounding", () => {
  const eigenvalue = 2;
  for (const k of [2, 3, 4]) {
    const block = matrixOf(
      k,
      (i, j) => i === j ? eigenvalue : j === i + 1 ? 1 : 0,
    );
    // As it stands it is triangular, and nothing is rounded.
    assertSame(
      found(generalEigenvalues(block)),
      Array(k).fill([eigenvalue, 0]),
      0,
    );
    // Turned, it is a matrix some units in the last place away, whose k eigenvalues lie
    // on a circle of the k-th root of that: 3e-8 times a small number for k = 2, 1e-4
    // for k = 4. No method in float64 can do better; their mean stays exact.
    const q = orthogonal(k, 6);
    const turned = multiply(multiply(q, block), transposed(q));
    const eigenvalues = found(generalEigenvalues(turned));
    const radius = (20 * Number.EPSILON * norm(turned)) ** (1 / k);
    assertSame(eigenvalues, Array(k).fill([eigenvalue, 0]), radius);
    const mean = eigenvalues.reduce((sum, [a]) => sum + a, 0) / k;
    assert(Math.abs(mean - eigenvalue) <= 1e-13, `mean of ${k}: ${mean}`);
  }
});

Deno.test("generalEigenvalues() of a badly scaled matrix keep their digits by balancing", () => {
  // D^-1 S D, powers of two: rounding relative to its norm, 2^24, would be 4e-9.
  const n = 5, matrix = randomSymmetric(n, 9);
  const scaled = matrixOf(
    n,
    (i, j) => matrix.data[i * n + j] * 2 ** (6 * (j - i)),
  );
  const { values } = symmetricEigenvalues(matrix);
  assertSame(
    found(generalEigenvalues(scaled)),
    Array.from(values.data, (x) => [x, 0]),
    1e-14 * norm(matrix),
  );
});

Deno.test("generalEigenvalues() of scaled matrices scale, in the range of float64", () => {
  const matrix = random(6, 12);
  const times = (factor: number) =>
    generalEigenvalues(matrixOf(6, (i, j) => matrix.data[i * 6 + j] * factor));
  const { real, imaginary } = times(1);
  for (const factor of [2 ** 900, 2 ** -900]) {
    const large = times(factor);
    // Powers of two: to the last bit.
    assertEquals(large.real.data, real.data.map((x: number) => x * factor));
    assertEquals(
      large.imaginary.data,
      imaginary.data.map((x: number) => x * factor),
    );
  }
});

Deno.test("generalEigenvalues() of nothing, of zeros and of nilpotent matrices are 0", () => {
  assertEquals(found(generalEigenvalues(value([], [0, 0]))), []);
  assertSame(
    found(generalEigenvalues(value(new Float64Array(16), [4, 4]))),
    Array(4).fill([0, 0]),
    0,
  );
  const above = matrixOf(5, (i, j) => j > i ? i + j : 0);
  assertSame(found(generalEigenvalues(above)), Array(5).fill([0, 0]), 0);
});

Deno.test("generalEigenvalues() are found where entries' squares vanish", () => {
  const matrix = matrixOf(5, (i, j) => i === j ? i + 1 : 3e-161);
  const expected = [1, 2, 3, 4, 5].map((x): Complex => [x, 0]);
  // The diagonal, to a few units in the last place.
  assertSame(found(generalEigenvalues(matrix)), expected, 1e-14);
});

Deno.test("generalEigenvalues() change nothing, and come in order", () => {
  const matrix = random(12, 13), before = matrix.data.slice();
  const { real, iterations } = generalEigenvalues(matrix);
  assertEquals(matrix.data, before);
  assertEquals(real.data, real.data.toSorted());
  assert(iterations > 0);
});

Deno.test("generalEigenvalues() say when steps are not enough", () => {
  const matrix = random(30, 3);
  const right = generalEigenvalues(matrix);
  const short = generalEigenvalues(matrix, { maxIterations: 1 });
  assertEquals([right.converged, short.converged], [true, false]);
  assert(right.iterations > 30 && short.iterations < 30);
  // What is left are no eigenvalues, which is why it must be said.
  assert(norm(short.real, right.real) > 1e-3 * norm(right.real));
  const triangle = matrixOf(3, (i, j) => i <= j ? 1 + i + j : 0);
  assert(generalEigenvalues(triangle, { maxIterations: 1 }).converged);
  assertThrows(
    () => generalEigenvalues(matrix, { maxIterations: -1 }),
    RangeError,
    "maxIterations must be a whole number of at least 1, got -1",
  );
});

Deno.test("generalEigenvalues() refuses what it cannot do, naming shape and value", () => {
  assertThrows(
    () => generalEigenvalues(value([1, 2, 3], [1, 3])),
    RangeError,
    "Cannot find eigenvalues: the matrix must be square, got [1, 3]",
  );
  assertThrows(
    () => generalEigenvalues(value([1, 2, NaN, 3], [2, 2])),
    RangeError,
    "the entries of the [2, 2] matrix must be finite, got NaN at [1, 0]",
  );
  assertThrows(
    () => generalEigenvalues(intValue([1], [1, 1])),
    TypeError,
    "the matrix must be float, got int",
  );
});
