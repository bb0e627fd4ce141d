import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  histogram,
  mean,
  pearson,
  quantiles,
  spearman,
  variance,
} from "../../src/linalg/mod.ts";
import { randomNormal, randomUniform } from "../../src/tensor/mod.ts";

Deno.test("mean() and variance() keep the digits of numbers far from 0", () => {
  // Thousandths of a million: the squares of the numbers have no digits left for them.
  const numbers = Array.from({ length: 1001 }, (_, i) => 2 ** 30 + i / 1024);
  assertEquals(mean(numbers), 2 ** 30 + 500 / 1024);
  // The variance of 0, ..., n - 1 is (n^2 - 1) / 12; every distance here is exact.
  const exact = (1001 ** 2 - 1) / 12 / 1024 ** 2;
  assertAlmostEquals(variance(numbers), exact, 1e-15);
  assertAlmostEquals(variance(numbers, 1), exact * 1001 / 1000, 1e-15);
});

Deno.test("quantiles() are those of numpy's default method", () => {
  // numpy.quantile([7, 1, 3, 12, 5, 5], [0, .1, .25, .5, .9, 1])
  quantiles([7, 1, 3, 12, 5, 5], [0, 0.1, 0.25, 0.5, 0.9, 1]).forEach((
    found,
    i,
  ) =>
    // One rounding of numbers up to 12.
    assertAlmostEquals(found, [1, 2, 3.5, 5, 9.5, 12][i], 1e-14)
  );
  assertEquals(quantiles([3], [0, 0.3, 1]), [3, 3, 3]);
});

Deno.test("histogram() counts every number once, as its edges say", () => {
  const numbers = randomNormal([3, 1], 1, 5000);
  const { edges, counts, below, above } = histogram(numbers, {
    bins: 30,
    range: [-1.7, 2.1],
  });
  assertEquals([edges.length, edges[0], edges[30]], [31, -1.7, 2.1]);
  const within = (low: number, high: number) =>
    numbers.filter((x) => x >= low && x < high).length;
  counts.forEach((count, i) => {
    assertEquals(count, within(edges[i], edges[i + 1]));
  });
  assertEquals(below, within(-Infinity, -1.7));
  assertEquals(above, within(2.1, Infinity));
});

Deno.test("histogram() puts numbers that are edges into the bin above, the last one within", () => {
  // Tenths are not exact: the quotient alone would put some of them one bin too low.
  const tenths = Array.from({ length: 11 }, (_, i) => i * 0.1);
  assertEquals(
    histogram(tenths, { bins: 10, range: [0, 1] }).counts,
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 2],
  );
  const { edges, counts } = histogram([4, 4, 4], { bins: 2 });
  assertEquals([edges, counts], [[3.5, 4, 4.5], [0, 3]]);
});

Deno.test("pearson() is 1 of a line that rises, -1 of one that falls, 0 of a parabola", () => {
  const x = Array.from({ length: 41 }, (_, i) => i - 20);
  // A few units in the last place: sums of 41 products.
  assertAlmostEquals(pearson(x, x.map((a) => 3 * a + 7))!, 1, 1e-14);
  assertAlmostEquals(pearson(x, x.map((a) => 1 - a / 9))!, -1, 1e-14);
  assertAlmostEquals(pearson(x, x.map((a) => a * a))!, 0, 1e-14);
  // As it is of numbers whose squares are out of range.
  assertAlmostEquals(
    pearson(x.map((a) => a * 1e200), x.map((a) => a * 1e-200))!,
    1,
    1e-14,
  );
});

Deno.test("pearson() and spearman() of numbers with ties are those of numpy", () => {
  // numpy.corrcoef(x, y)[0, 1], and that of the ranks with ties shared:
  // [2, 3.5, 3.5, 7, 8, 5.5, 5.5, 1] and [4, 1.5, 5, 1.5, 6, 8, 3, 7].
  const x = [1, 2, 2, 5, 9, 4, 4, 0], y = [3, 1, 4, 1, 5, 9, 2, 6];
  assertAlmostEquals(pearson(x, y)!, 0.043694789925394495, 1e-14);
  assertAlmostEquals(spearman(x, y)!, -0.12727506476094613, 1e-14);
});

Deno.test("spearman() does not change under any rising function", () => {
  const x = randomUniform([5, 1], 1, 300), noise = randomNormal([5, 1], 2, 300);
  const y = x.map((a, i) => a + noise[i] / 3);
  const plain = spearman(x, y)!;
  assert(plain > 0.3 && plain < 0.95, `${plain}`);
  assertEquals(spearman(x.map(Math.exp), y.map((b) => b ** 3)), plain);
});

Deno.test("pearson() and spearman() give nothing where nothing varies", () => {
  // The mean of tenths is not a tenth after rounding: that is no variation.
  const same = Array(7).fill(0.1), other = [1, 2, 3, 4, 5, 6, 7];
  assertEquals(pearson(same, other), undefined);
  assertEquals(pearson(other, same), undefined);
  assertEquals(spearman(same, other), undefined);
});

Deno.test("statistics refuse what they cannot do, naming the value", () => {
  const refused = (task: () => unknown, message: string) =>
    assertThrows(task, RangeError, message);
  refused(
    () => mean([]),
    "Cannot take a mean: there must be at least one number, got 0",
  );
  refused(
    () => variance([1, NaN, 2]),
    "Cannot take a variance: all 3 numbers must be finite, got NaN at 1",
  );
  refused(() => variance([1], 1), "the divisor 1 - 1 must be above 0");
  refused(() => quantiles([1], [1.5]), "a level must be in [0, 1], got 1.5");
  refused(
    () => histogram([1], { bins: 0 }),
    "bins must be a whole number of at least 1, got 0",
  );
  refused(
    () => histogram([1], { range: [2, 2] }),
    "must ascend and be finite, got [2, 2]",
  );
  refused(
    () => pearson([1, 2], [1]),
    "Cannot correlate: there must be as many numbers of each, got 2 and 1",
  );
  refused(() => spearman([1, Infinity], [1, 2]), "got Infinity at 1");
});
