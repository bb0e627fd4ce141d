import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { spectrum } from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { value } from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { matrixOf, randomSymmetric } from "../linalg/matrices.ts";

/** Not symmetric, so that rows and columns cannot be taken for each other. */
const skew = (n: number) => matrixOf(n, (i, j) => 1 / (i + 2 * j + 1));

/** numpy.abs(fftshift(fft2(skew(n)))), for an odd and an even n. */
const magnitudes: Record<number, number[]> = {
  3: [
    0.5147539755347191,
    0.7657677368219227,
    0.5293484207654667,
    1.2103601345586354,
    3.126190476190476,
    1.2103601345586354,
    0.5293484207654667,
    0.7657677368219227,
    0.5147539755347191,
  ],
  4: [
    0.4888888888888889,
    0.5393208989071204,
    0.78015873015873,
    0.5393208989071204,
    0.5880395406652,
    0.6323462192444053,
    0.9747427644205023,
    0.6763341471187383,
    1.2888888888888888,
    1.5234565770152082,
    4.146825396825396,
    1.5234565770152082,
    0.5880395406652,
    0.6763341471187383,
    0.9747427644205023,
    0.6323462192444053,
  ],
};
/** Shares of energy on the diagonal and on the line k + l = 0, by numpy. */
const shares: Record<number, [number, number]> = {
  3: [0.6512134507409566, 0.6904561420254973],
  4: [0.5981360957913492, 0.6276725173152043],
};

for (const n of [3, 4]) {
  Deno.test(`spectrum: of ${n} x ${n}, against numpy`, () => {
    const study = spectrum(skew(n), { band: 0 });
    // Some roundings of numbers up to 4; the least magnitude is 0.49.
    assertAllClose(study.magnitude, magnitudes[n], { absolute: 1e-14 });
    const logarithms = (logarithm: (x: number) => number) =>
      magnitudes[n].map((x) => 20 * logarithm(x));
    const close = { absolute: 1e-12 };
    assertAllClose(study.official, logarithms(Math.log), close);
    assertAllClose(study.decibels, logarithms(Math.log10), close);
    const { diagonal, antiDiagonal } = study;
    assertAlmostEquals(diagonal.share, shares[n][0], 1e-14);
    assertAlmostEquals(antiDiagonal.share, shares[n][1], 1e-14);
    assertEquals([diagonal.uniform, antiDiagonal.uniform], [1 / n, 1 / n]);
  });
}

Deno.test("spectrum: a diagonal matrix depends on k + l alone", () => {
  const n = 7;
  const { magnitude } = spectrum(matrixOf(n, (i, j) => i === j ? i * i : 0));
  for (let k = 0; k < n; k++) {
    for (let l = 0; l < n; l++) {
      // One step down and one to the left, round the edges.
      const other = (k + 1) % n * n + (l + n - 1) % n;
      assertAlmostEquals(
        magnitude.data[k * n + l],
        magnitude.data[other],
        1e-12, // roundings of the largest, 91
      );
    }
  }
});

Deno.test("spectrum: a wider band holds more, and the widest all", () => {
  const matrix = randomSymmetric(11, 4);
  let before = { diagonal: 0, antiDiagonal: 0 };
  for (let band = 0; band <= 11; band++) {
    const { diagonal, antiDiagonal } = spectrum(matrix, { band });
    assertEquals(diagonal.share >= before.diagonal, true);
    assertEquals(antiDiagonal.share >= before.antiDiagonal, true);
    // 2 band + 1 of the 11 lines of a spectrum, which go round the edges.
    assertAlmostEquals(
      antiDiagonal.uniform,
      Math.min(1, (2 * band + 1) / 11),
      1e-15,
    );
    before = {
      diagonal: diagonal.share,
      antiDiagonal: antiDiagonal.share,
    };
  }
  assertEquals(before, { diagonal: 1, antiDiagonal: 1 });
});

Deno.test("spectrum: zeros are at the floor, 313 dB below the largest", () => {
  const { decibels, official } = spectrum(
    value([1, 1, 1, 1], [2, 2]), // 4 at frequency 0 and nothing else
  );
  const top = 20 * Math.log10(4), floor = top + 20 * Math.log10(2 ** -52);
  assertAllClose(decibels, [floor, floor, floor, top], { absolute: 1e-12 });
  assertAlmostEquals(official.data[0], 20 * Math.log(4 * 2 ** -52), 1e-12);
});

Deno.test("spectrum: the band is a twentieth of n where none is given", () => {
  const matrix = randomSymmetric(45, 1);
  assertEquals(spectrum(matrix), spectrum(matrix, { band: 2 }));
});

Deno.test("spectrum: refuses what has none", () => {
  assertThrows(
    () => spectrum(value([0, 0, 0, 0], [2, 2])),
    RangeError,
    "must be above 0 and finite, got 0",
  );
  assertThrows(
    () => spectrum(value(new Float64Array(4).fill(1e308), [2, 2])),
    RangeError,
    "must be above 0 and finite",
  );
  assertThrows(
    () => spectrum(identity(3), { band: 4 }),
    RangeError,
    "a whole number from 0 to 3, got 4",
  );
  assertThrows(() => spectrum(value([1, 2], [2, 1])), RangeError, "got [2, 1]");
});
