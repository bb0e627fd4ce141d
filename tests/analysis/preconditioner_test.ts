import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { preconditioner } from "../../src/analysis/mod.ts";
import { conv2d, layerNorm, linear } from "../../src/layers/mod.ts";
import { officialPreset, paperPreset } from "../../src/optim/mod.ts";
import { value } from "../../src/tensor/mod.ts";

const fc = linear("fc", 2, 2);
const averages = { h: value([1, 5, 3]), s: value([2, 10]) };

Deno.test("preconditioner: the paper's order, by hand", async () => {
  const study = await preconditioner(fc, averages, {
    ...paperPreset,
    lambda: 0.25,
  }, { bins: 2 });
  // minmax gives h = [0, 1, 1/2] and s = [0, 1], so F = 1/4 + [0 0 0; 0 1 1/2].
  assertEquals(study.count, 6);
  assertEquals(study.fisher, { least: 0.25, median: 0.25, largest: 1.25 });
  assertEquals(study.spread, 5);
  // Four entries are lambda itself; 1/4 over 5/4 and over 3/4.
  assertAlmostEquals(study.lambdaShare, (4 + 1 / 5 + 1 / 3) / 6, 1e-15);
  assertEquals(study.multiplier, { least: 0.8, median: 4, largest: 4 });
  // The middle edge: 1/4 times the root of 5, 0.559.
  const { edges, counts, below, above } = study.histogram;
  assertAlmostEquals(edges[1], Math.sqrt(5) / 4, 1e-15);
  assertEquals([edges[0], edges[2]], [0.25, 1.25]);
  assertEquals([counts, below, above], [[4, 2], 0, 0]);
});

Deno.test("preconditioner: the official order takes averages as they are", async () => {
  const study = await preconditioner(fc, averages, officialPreset);
  // h (x) s: 2, 10, 6 and 10, 50, 30, with lambda = 1e-3.
  assertEquals(study.fisher, { least: 2.001, median: 10.001, largest: 50.001 });
  assertAlmostEquals(
    study.lambdaShare,
    [2, 10, 6, 10, 50, 30].reduce((sum, x) => sum + 1e-3 / (x + 1e-3), 0) / 6,
    1e-18,
  );
});

Deno.test("preconditioner: the official preset keeps within 7.6 %, the paper's spans 1001", async () => {
  // What the averages tend to: normalized entries over 115 (docs/adafisher.md).
  const late = {
    h: value([0, 1 / 230, 1 / 115]),
    s: value([0, 1 / 115]),
  };
  const official = await preconditioner(fc, late, officialPreset);
  assertAlmostEquals(official.spread, 1 + 1000 / 115 ** 2, 1e-12);
  const paper = await preconditioner(fc, late, paperPreset);
  assertAlmostEquals(paper.spread, 1001, 1e-9);
});

Deno.test("preconditioner: a histogram over a range of one's own", async () => {
  const { histogram } = await preconditioner(fc, averages, officialPreset, {
    bins: 1,
    range: [6.001, 30.001],
  });
  // 2.001 is below, 50.001 above; both outer edges are within.
  assertEquals(histogram, {
    edges: [6.001, 30.001],
    counts: [4],
    below: 1,
    above: 1,
  });
});

Deno.test("preconditioner: an F that is the same everywhere", async () => {
  const same = { h: value([1, 1, 1]), s: value([1, 1]) };
  const study = await preconditioner(fc, same, officialPreset, { bins: 3 });
  assertEquals([study.spread, study.fisher.least], [1, 1.001]);
  assertEquals(study.histogram.counts.reduce((a, b) => a + b), 6);
});

Deno.test("preconditioner: layers of every kind, in both readings", async () => {
  const layers = [
    [conv2d("conv", 2, 3, 3, { bias: true }), 57],
    [layerNorm("norm", [4]), 8],
  ] as const;
  for (const [layer, count] of layers) {
    for (const fields of [paperPreset, officialPreset]) {
      const shapes = layer.factorShapes(fields.form);
      const ascending = (n: number) =>
        value(Array.from({ length: n }, (_, i) => i));
      const study = await preconditioner(layer, {
        h: ascending(shapes.h[0]),
        s: ascending(shapes.s[0]),
      }, fields);
      assertEquals(study.count, count);
      assertEquals(study.histogram.counts.reduce((a, b) => a + b), count);
    }
  }
});

Deno.test("preconditioner: refuses what is no average, and bins that are none", async () => {
  await assertRejects(
    () => preconditioner(fc, { ...averages, s: value([1, NaN]) }, paperPreset),
    RangeError,
    "of fc: s must be finite, got NaN at [1]",
  );
  await assertRejects(
    () => preconditioner(fc, { ...averages, s: value([1]) }, paperPreset),
    RangeError,
    "fc: diagonals must be [3] and [2], got [3] and [1]",
  );
  await assertRejects(
    () => preconditioner(fc, averages, paperPreset, { bins: 0 }),
    RangeError,
    "bins must be a whole number of at least 1, got 0",
  );
  await assertRejects(
    () => preconditioner(fc, averages, paperPreset, { range: [0, 1] }),
    RangeError,
    "must ascend from above 0, got 0 to 1",
  );
});
