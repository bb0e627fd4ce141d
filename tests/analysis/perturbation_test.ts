import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { perturbation } from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { intValue, value } from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import {
  matrixOf,
  randomSymmetric,
  withEigenvalues,
} from "../linalg/matrices.ts";

Deno.test("perturbation: eigenvalues of a 2 x 2 matrix, by the quadratic formula", () => {
  const { noisy, before, after, changes, above, below } = perturbation(
    value([4, 1, 1, 0.5], [2, 2]),
    { sigma: 0.25, seed: 3 },
  );
  // Of [[a, x], [x, b]]: (a + b) / 2 -+ sqrt(((a - b) / 2)^2 + x^2).
  const solve = (x: number) => {
    const root = Math.sqrt(1.75 ** 2 + x ** 2);
    return [2.25 - root, 2.25 + root];
  };
  // The lower triangle alone counts.
  assert(noisy.data[1] !== noisy.data[2] && noisy.data[2] !== 1);
  const [old, fresh] = [solve(1), solve(noisy.data[2])];
  // A few roundings of numbers up to 4.
  assertAllClose(before, old, { absolute: 4e-15 });
  assertAllClose(after, fresh, { absolute: 4e-15 });
  const expected = old.map((x, k) => Math.abs(fresh[k] - x) / x);
  assertEquals([above.count, below.count], [1, 1]);
  // Of the smaller eigenvalue, 0.23, as many roundings are 1e-13 at most.
  assertAllClose(value(changes as number[]), expected, { absolute: 1e-13 });
  assertEquals([below.mean, above.mean], changes);
  assertEquals([below.largest, above.largest], changes);
});

Deno.test("perturbation: the noise is normal, of its size, and not on the diagonal", () => {
  const n = 120, sigma = 0.02;
  const matrix = randomSymmetric(n, 5);
  const { noisy } = perturbation(matrix, { sigma, seed: 11 });
  const noise: number[] = [];
  for (let i = 0; i < n; i++) {
    assertEquals(noisy.data[i * n + i], matrix.data[i * n + i]);
    for (let j = 0; j < n; j++) {
      const k = i * n + j;
      if (i !== j) noise.push((noisy.data[k] - matrix.data[k]) / sigma);
    }
  }
  const count = n * (n - 1);
  const moment = (power: number) =>
    noise.reduce((sum, x) => sum + x ** power, 0) / count;
  // Four standard errors of each moment: 1, 2, 15 and 96 over the count are the
  // variances of those of a normal number.
  [[1, 0, 1], [2, 1, 2], [3, 0, 15], [4, 3, 96]].forEach(
    ([power, expected, variance]) =>
      assertAlmostEquals(
        moment(power),
        expected,
        4 * Math.sqrt(variance / count),
        `moment ${power}`,
      ),
  );
  // Entries across the diagonal are drawn apart: their correlation is about 0.
  let product = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [i * n + j, j * n + i];
      product += (noisy.data[a] - matrix.data[a]) *
        (noisy.data[b] - matrix.data[b]) / sigma ** 2;
    }
  }
  assertAlmostEquals(product / (count / 2), 0, 4 / Math.sqrt(count / 2));
});

Deno.test("perturbation: no eigenvalue moves by more than the norm of the noise", () => {
  const n = 20;
  const matrix = randomSymmetric(n, 8);
  const { noisy, before, after } = perturbation(matrix, { sigma: 0.1 });
  // Weyl: the spectral norm of the mirrored lower triangle, at most Frobenius's.
  const noise = matrixOf(n, (i, j) => {
    const k = Math.max(i, j) * n + Math.min(i, j);
    return noisy.data[k] - matrix.data[k];
  });
  const bound = Math.hypot(...noise.data);
  let most = 0;
  for (let k = 0; k < n; k++) {
    most = Math.max(most, Math.abs(after.data[k] - before.data[k]));
  }
  assert(most > 0 && most < bound, `${most} of ${bound}`);
});

Deno.test("perturbation: same seed, same noise; another seed, another", () => {
  const at = (seed: number) => perturbation(identity(4), { seed }).noisy;
  assertEquals(at(1), at(1));
  assert(at(1).data[1] !== at(2).data[1]);
  assertEquals(perturbation(identity(4)).noisy, at(0));
});

Deno.test("perturbation: without noise nothing changes", () => {
  const matrix = withEigenvalues([0.1, 0.5, 1.5, 2, 7], 1);
  const study = perturbation(matrix, { sigma: 0 });
  assertEquals(study.after, study.before);
  assertEquals(study.noisy, matrix);
  assertEquals(study.above, { count: 3, mean: 0, largest: 0 });
  assertEquals(study.below, { count: 2, mean: 0, largest: 0 });
  assertEquals([study.zeros, study.converged], [0, true]);
});

Deno.test("perturbation: eigenvalues of 0 have no relative change", () => {
  const { zeros, changes, above, below } = perturbation(
    withEigenvalues([0, 0, 0, 5], 4),
  );
  assertEquals(zeros, 3);
  assertEquals(changes.slice(0, 3), [null, null, null]);
  assertEquals(above.count, 1);
  assertEquals(below, { count: 0, mean: null, largest: null });
  const nothing = perturbation(value([0, 0, 0, 0], [2, 2]));
  assertEquals([nothing.zeros, nothing.changes], [2, [null, null]]);
});

Deno.test("perturbation: an eigenvalue of 1 is not above the line", () => {
  const { above, below } = perturbation(identity(3), { sigma: 0 });
  assertEquals([above.count, below.count], [0, 3]);
});

Deno.test("perturbation: says that eigenvalues did not converge", () => {
  const matrix = randomSymmetric(12, 1);
  const converged = (maxIterations?: number) =>
    perturbation(matrix, { maxIterations }).converged;
  assertEquals([converged(), converged(1)], [true, false]);
  // Of a diagonal matrix there is nothing to do, of a noisy one there is: either counts.
  assertEquals(
    perturbation(identity(12), { maxIterations: 1 }).converged,
    false,
  );
});

Deno.test("perturbation: of two entries that rounding made differ, the lower one counts", () => {
  const { before } = perturbation(value([1, 0.50001, 0.5, 1], [2, 2]));
  assertAllClose(before, [0.5, 1.5], { absolute: 1e-15 });
});

Deno.test("perturbation: does not change its matrix", () => {
  const matrix = identity(3);
  perturbation(matrix);
  assertEquals(matrix, identity(3));
});

Deno.test("perturbation: refuses bad noise and bad matrices", () => {
  for (const sigma of [-1, NaN, Infinity]) {
    assertThrows(
      () => perturbation(identity(2), { sigma }),
      RangeError,
      `sigma must be finite and at least 0, got ${sigma}`,
    );
  }
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
    assertThrows(
      () => perturbation(identity(2), { seed }),
      RangeError,
      `from 0 to 2^32 - 1, got ${seed}`,
    );
  }
  assertThrows(
    () => perturbation(value([1, 2, 0, 1], [2, 2])),
    RangeError,
    "Cannot perturb: the [2, 2] matrix must be symmetric",
  );
  assertThrows(() => perturbation(identity(0)), RangeError, "at least one row");
  assertThrows(
    () => perturbation(value([1, 2, 3], [1, 3])),
    RangeError,
    "Cannot perturb: the matrix must be square, got [1, 3]",
  );
  assertThrows(
    () => perturbation(value([1, NaN, NaN, 1], [2, 2])),
    RangeError,
    "got NaN at [0, 1]",
  );
  assertThrows(() => perturbation(intValue([1], [1, 1])), TypeError, "got int");
  assertThrows(
    () => perturbation(identity(10), { memory: 1599 }),
    RangeError,
    "for a matrix of [10, 10] it takes 1600 bytes of memory, and may take 1599",
  );
  assertEquals(
    perturbation(identity(10), { memory: 1600 }),
    perturbation(identity(10)),
  );
  // Noise beyond the largest number is no number of a matrix.
  assertThrows(
    () => perturbation(identity(9), { sigma: 1.7e308 }),
    RangeError,
    "must be finite, got",
  );
});
