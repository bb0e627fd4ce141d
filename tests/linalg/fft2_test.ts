import { assert, assertThrows } from "@std/assert";
import {
  type ComplexMatrix,
  fft2,
  inverseFft2,
  transposed,
} from "../../src/linalg/mod.ts";
import { randomNormal, type Value, value } from "../../src/tensor/mod.ts";
import { matrixOf, norm } from "./matrices.ts";

/** Random complex numbers. */
function randomComplex(m: number, n: number): ComplexMatrix {
  return {
    real: value(randomNormal([m, n], 1, m * n), [m, n]),
    imaginary: value(randomNormal([m, n], 2, m * n), [m, n]),
  };
}

/** e^(-2 pi i k / n), from k below n: the angle of a large k would have fewer digits. */
function rootsOf(n: number): { cosine: number[]; sine: number[] } {
  const angles = Array.from({ length: n }, (_, k) => 2 * Math.PI * k / n);
  return {
    cosine: angles.map(Math.cos),
    sine: angles.map((a) => -Math.sin(a)),
  };
}

/** The sum that the transform is, term by term. */
function directSum({ real, imaginary }: ComplexMatrix): ComplexMatrix {
  const [m, n] = real.shape;
  const down = rootsOf(m), along = rootsOf(n);
  const a = new Float64Array(m * n), b = new Float64Array(m * n);
  for (let k = 0; k < m; k++) {
    for (let l = 0; l < n; l++) {
      let x = 0, y = 0;
      for (let i = 0; i < m; i++) {
        const p = (i * k) % m, pc = down.cosine[p], ps = down.sine[p];
        for (let j = 0; j < n; j++) {
          const q = (j * l) % n, qc = along.cosine[q], qs = along.sine[q];
          const c = pc * qc - ps * qs, s = pc * qs + ps * qc;
          const re = real.data[i * n + j], im = imaginary.data[i * n + j];
          x += re * c - im * s;
          y += re * s + im * c;
        }
      }
      a[k * n + l] = x;
      b[k * n + l] = y;
    }
  }
  return { real: value(a, [m, n]), imaginary: value(b, [m, n]) };
}

/** The same of [1, n] rows and then columns, which is n times less work for [n, n]. */
function sumByAxes(matrix: ComplexMatrix): ComplexMatrix {
  const across = ({ real, imaginary }: ComplexMatrix): ComplexMatrix => {
    const [m, n] = real.shape;
    const a = new Float64Array(m * n), b = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      const part = ({ data }: Value) =>
        value(data.slice(i * n, (i + 1) * n), [1, n]);
      const sum = directSum({ real: part(real), imaginary: part(imaginary) });
      a.set(sum.real.data, i * n);
      b.set(sum.imaginary.data, i * n);
    }
    return {
      real: transposed(value(a, [m, n])),
      imaginary: transposed(value(b, [m, n])),
    };
  };
  return across(across(matrix));
}

/** The distance of two complex matrices over the norm of the second. */
function distance(a: ComplexMatrix, b: ComplexMatrix): number {
  const part = (x: Value, y?: Value) => norm(x, y);
  return Math.hypot(part(a.real, b.real), part(a.imaginary, b.imaginary)) /
    Math.hypot(part(b.real), part(b.imaginary));
}

const lengths = [
  ...Array.from({ length: 200 }, (_, i) => i + 1),
  419, // primes
  1009,
  4609, // 11 * 419
];

// 1e-12 is what is asked for. The transform's own rounding is some log2(n) units in
// the last place, below 1e-14; that of the sum it is held against is up to n units,
// 1e-12 at 4609, but errors of either sign keep it to about the root of that.
Deno.test("fft2() of a row or a column of any length is the direct sum", () => {
  for (const n of lengths) {
    const row = randomComplex(1, n);
    const sum = directSum(row);
    const reshaped = ({ real, imaginary }: ComplexMatrix) => ({
      real: value(real.data, [n, 1]),
      imaginary: value(imaginary.data, [n, 1]),
    });
    const along = distance(fft2(row), sum);
    assert(along <= 1e-12, `[1, ${n}]: ${along}`);
    const down = distance(fft2(reshaped(row)), reshaped(sum));
    assert(down <= 1e-12, `[${n}, 1]: ${down}`);
  }
});

const shapes = [[2, 3], [5, 4], [16, 9], [37, 8], [12, 41], [13, 25], [31, 64]];

Deno.test("fft2() of a matrix of any shape is the direct double sum", () => {
  for (const [m, n] of shapes) {
    const matrix = randomComplex(m, n);
    const error = distance(fft2(matrix), directSum(matrix));
    assert(error <= 1e-12, `[${m}, ${n}]: ${error}`);
  }
});

// Sums of larger squares take seconds to minutes: those lengths are rows
// and columns above.
const squares = lengths.filter((n) => n <= 200).map((n) => [n, n]);

Deno.test("fft2() of a square matrix is the direct sum", () => {
  for (const [m, n] of squares) {
    const matrix = randomComplex(m, n);
    const error = distance(fft2(matrix), sumByAxes(matrix));
    assert(error <= 1e-12, `[${m}, ${n}]: ${error}`);
  }
});

Deno.test("inverseFft2() gives back what fft2() was given", () => {
  const all = [
    ...lengths.map((n) => [1, n]),
    ...lengths.map((n) => [n, 1]),
    ...shapes,
    ...squares,
    [149, 211],
  ];
  for (const [m, n] of all) {
    const matrix = randomComplex(m, n);
    const error = distance(inverseFft2(fft2(matrix)), matrix);
    assert(error <= 1e-12, `[${m}, ${n}]: ${error}`);
  }
});

Deno.test("fft2() of a wave has one entry, at its frequency", () => {
  const [m, n] = [6, 67];
  const wave = (part: (angle: number) => number) =>
    value(
      Float64Array.from({ length: m * n }, (_, k) => {
        const i = Math.floor(k / n), j = k % n;
        return part(2 * Math.PI * (2 * i / m + 5 * j / n));
      }),
      [m, n],
    );
  const { real, imaginary } = fft2({
    real: wave(Math.cos),
    imaginary: wave(Math.sin),
  });
  // The wave's own angles are rounded: 1e-15 of 2 pi * 7, m n times at most.
  real.data.forEach((x: number, k: number) => {
    const expected = k === 2 * n + 5 ? m * n : 0;
    assert(Math.abs(x - expected) < 1e-11, `real part of ${k}: ${x}`);
  });
  for (const y of imaginary.data) assert(Math.abs(y) < 1e-11);
});

Deno.test("fft2() of a real matrix is that of a complex one without imaginary parts", () => {
  const real = matrixOf(9, (i, j) => i * i - 3 * j);
  const zero = matrixOf(9, () => 0);
  const one = fft2(real), other = fft2({ real, imaginary: zero });
  assert(norm(one.real, other.real) === 0);
  assert(norm(one.imaginary, other.imaginary) === 0);
});

Deno.test("fft2() refuses what it cannot do, naming shape and value", () => {
  const refused = (what: Value | ComplexMatrix, message: string) =>
    assertThrows(() => fft2(what), RangeError, message);
  refused(
    value([1, 2]),
    "Cannot transform: it takes a matrix with entries, got [2]",
  );
  refused(value([], [0, 3]), "got [0, 3]");
  refused(
    value([1, NaN], [1, 2]),
    "the entries of the [1, 2] matrix must be finite, got NaN at [0, 1]",
  );
  refused(
    { real: value([1, 2], [1, 2]), imaginary: value([1, 2], [2, 1]) },
    "real and imaginary parts must agree in shape, got [1, 2] and [2, 1]",
  );
  assertThrows(
    () => inverseFft2(value([Infinity], [1, 1])),
    RangeError,
    "Cannot transform back: the entries of the [1, 1] matrix must be finite, got Infinity at [0, 0]",
  );
});
