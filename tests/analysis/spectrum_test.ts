import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  heatmapCells,
  inDecibels,
  inOfficialScale,
  perturbation,
  spectrum,
} from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { intValue, type Value, value } from "../../src/tensor/mod.ts";
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
/**
 * Shares of energy on the diagonal, and of the spectrum on the lines k - l = 0 and
 * k + l = 0, by numpy.
 */
const shares: Record<number, [number, number, number]> = {
  3: [0.6512134507409566, 0.6884198038433611, 0.6904561420254973],
  4: [0.5981360957913492, 0.6237343565059371, 0.6276725173152043],
};

for (const n of [3, 4]) {
  Deno.test(`spectrum: of ${n} x ${n}, against numpy`, () => {
    const study = spectrum(skew(n), { band: 0 });
    // Some roundings of numbers up to 4; the least magnitude is 0.49.
    assertAllClose(study.magnitude, magnitudes[n], { absolute: 1e-14 });
    const logarithms = (logarithm: (x: number) => number) =>
      magnitudes[n].map((x) => 20 * logarithm(x));
    const close = { absolute: 1e-12 };
    const { magnitude } = study;
    assertAllClose(inOfficialScale(magnitude), logarithms(Math.log), close);
    assertAllClose(inDecibels(magnitude), logarithms(Math.log10), close);
    const { diagonal, spectrumDiagonal, antiDiagonal } = study;
    assertAlmostEquals(diagonal.share, shares[n][0], 1e-14);
    assertAlmostEquals(spectrumDiagonal.share, shares[n][1], 1e-14);
    assertAlmostEquals(antiDiagonal.share, shares[n][2], 1e-14);
    for (const energy of [diagonal, spectrumDiagonal, antiDiagonal]) {
      assertEquals(energy.uniform, 1 / n);
    }
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
  let before = [0, 0, 0];
  for (let band = 0; band <= 11; band++) {
    const study = spectrum(matrix, { band });
    const { diagonal, spectrumDiagonal, antiDiagonal } = study;
    const energies = [diagonal, spectrumDiagonal, antiDiagonal];
    energies.forEach(({ share }, k) => assert(share >= before[k]));
    // 2 band + 1 of the 11 lines of a spectrum, which go round the edges.
    for (const { uniform } of [spectrumDiagonal, antiDiagonal]) {
      assertAlmostEquals(uniform, Math.min(1, (2 * band + 1) / 11), 1e-15);
    }
    before = energies.map(({ share }) => share);
  }
  assertEquals(before, [1, 1, 1]);
});

Deno.test("spectrum: a circulant matrix is on the spectrum's diagonal through k = -l", () => {
  // M(i, j) = c(i - j): F(k, l) is n times c's transform where k + l = 0, else 0.
  const n = 8;
  const circulant = matrixOf(
    n,
    (i, j) => [5, 2, 0, 1][Math.min(3, (i - j + n) % n)],
  );
  const { antiDiagonal, spectrumDiagonal } = spectrum(circulant, { band: 0 });
  assertAlmostEquals(antiDiagonal.share, 1, 1e-14);
  // Turned upside down it is one of i + j, and on the line k - l = 0.
  const turned = matrixOf(n, (i, j) => circulant.data[(n - 1 - i) * n + j]);
  const other = spectrum(turned, { band: 0 });
  assertAlmostEquals(other.spectrumDiagonal.share, 1, 1e-14);
  assert(spectrumDiagonal.share < 0.9 && other.antiDiagonal.share < 0.9);
});

Deno.test("spectrum: noise takes energy from the diagonal's line", () => {
  const clean = identity(60);
  const { noisy } = perturbation(clean, { sigma: 0.1, seed: 4 });
  const before = spectrum(clean, { band: 0 });
  const after = spectrum(noisy, { band: 0 });
  // Of the energy n, on the line alone, and n (n - 1) sigma^2 of noise everywhere, a
  // 60th of it on the line: (1 + 59 / 6000) / (1 + 59 / 100). The noise's own sum over
  // 3,540 entries varies by a fortieth.
  const expected = (1 + 59 / 6000) / 1.59;
  assertAlmostEquals(before.antiDiagonal.share, 1, 1e-14);
  assertAlmostEquals(after.antiDiagonal.share, expected, 0.1 * expected);
});

Deno.test("inDecibels(), inOfficialScale(): zeros are at the floor, 313 dB below the largest", () => {
  const { magnitude } = spectrum(
    value([1, 1, 1, 1], [2, 2]), // 4 at frequency 0 and nothing else
  );
  const top = 20 * Math.log10(4), floor = top + 20 * Math.log10(2 ** -52);
  assertAllClose(inDecibels(magnitude), [floor, floor, floor, top], {
    absolute: 1e-12,
  });
  assertAlmostEquals(
    inOfficialScale(magnitude).data[0],
    20 * Math.log(4 * 2 ** -52),
    1e-12,
  );
  // A floor that is no number any more is the least number.
  assertAlmostEquals(inDecibels(value([0, 5e-324])).data[0], -6466.1, 0.1);
});

Deno.test("inDecibels(): of the largest magnitudes of cells are the cells' largest", () => {
  const { magnitude } = spectrum(skew(50));
  const cells = (matrix: Value) => heatmapCells(matrix, 7, "largest").cells;
  // Shifted to be positive: cells keep what is largest in size.
  const positive = (decibels: Value) =>
    value(decibels.data.map((x) => x + 400), decibels.shape);
  assertAllClose(
    positive(inDecibels(cells(magnitude))),
    cells(positive(inDecibels(magnitude))).data,
    { absolute: 0 },
  );
});

Deno.test("inDecibels(), inOfficialScale(): refuse what has no logarithm", () => {
  for (const scale of [inDecibels, inOfficialScale]) {
    for (const wrong of [-1, NaN, Infinity]) {
      assertThrows(
        () => scale(value([1, wrong])),
        RangeError,
        `must be finite and at least 0, got ${wrong} at 1`,
      );
    }
    assertThrows(
      () => scale(value([0, 0])),
      RangeError,
      "one of the 2 magnitudes must be above 0",
    );
    assertThrows(() => scale(value([])), RangeError, "one of the 0 magnitudes");
  }
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
  assertThrows(() => spectrum(identity(0)), RangeError, "at least one row");
  assertThrows(
    () => spectrum(value([1, 2, -Infinity, 4], [2, 2])),
    RangeError,
    "got -Infinity at [1, 0]",
  );
  assertThrows(() => spectrum(intValue([1], [1, 1])), TypeError, "got int");
  assertThrows(
    () => spectrum(identity(10), { memory: 2399 }),
    RangeError,
    "Cannot take a spectrum: for a matrix of [10, 10] it takes 2400 bytes of memory, and may take 2399",
  );
  assertEquals(
    spectrum(identity(10), { memory: 2400 }),
    spectrum(identity(10)),
  );
});
