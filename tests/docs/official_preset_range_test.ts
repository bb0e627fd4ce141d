// The ranges of F that docs/adafisher.md states, taken from the optimizer itself:
// it observes diagonals, and F is read off the step that it then makes.

import { assert, assertAlmostEquals } from "@std/assert";
import { type Factors, linear } from "../../src/layers/mod.ts";
import { adafisher, type AdaFisherOptions } from "../../src/optim/mod.ts";
import { constant, fill, value } from "../../src/tensor/mod.ts";
import { fisherOf, scalarsOf } from "./fisher.ts";

const layer = linear("fc", 3, 4);

/** F, weight and bias together, after each of the observations. */
async function fisherAfter(
  observations: readonly Factors[],
  options: AdaFisherOptions,
): Promise<number[][]> {
  const optimizer = adafisher(layer, options);
  const { interval, observe } = optimizer.curvature!;
  let state = optimizer.init({
    "fc.weight": fill([4, 3], 0),
    "fc.bias": fill([4], 0),
  });
  const found: number[][] = [];
  for (const [i, diagonals] of observations.entries()) {
    const scalars = scalarsOf(optimizer, i * interval + 1);
    state = observe(state, { fc: diagonals }, scalars);
    const F = await fisherOf(optimizer, state.factors, layer.parameters);
    found.push([...F["fc.weight"], ...F["fc.bias"]]);
  }
  return found;
}

/** Diagonals whose first entry is always the smallest and whose last the largest. */
function ordered(range: number): Factors {
  const [h, s] = [[0, 0.4, 0.7, 1], [0, 0.2, 0.9, 1]];
  return {
    h: constant(value(h.map((x) => range * x))),
    s: constant(value(s.map((x) => range * x))),
  };
}

const repeat = <T>(times: number, make: () => T): T[] =>
  Array.from({ length: times }, make);

// An average never falls when a normalized entry, from [0, 1], rises, and F never
// falls when an average rises. So entries that are 0 each time give the least F that
// can be, and entries that are 1 each time the largest. The window w has the steps
// from 100 (w - 1) + 1 to 100 w.
const documented: readonly (readonly [number, number])[] = [
  [7.4000e-3, 8.7440e-3],
  [1.0410e-3, 1.2262e-3],
  [1.0003e-3, 1.0847e-3],
  [1.0000e-3, 1.0763e-3],
  [1.0000e-3, 1.0757e-3],
];
const spreads = [1.182, 1.178, 1.084, 1.0763, 1.0757];
const tolerance = 0.5e-7; // half a unit of the last digit written

Deno.test("official preset: F has the documented range in each window of 100 steps", async () => {
  const windows = await fisherAfter(
    repeat(documented.length, () => ordered(1e6)),
    { preset: "official" },
  );
  windows.forEach((F, w) => {
    assertAlmostEquals(Math.min(...F), documented[w][0], tolerance);
    assertAlmostEquals(Math.max(...F), documented[w][1], tolerance);
    assertAlmostEquals(Math.max(...F) / Math.min(...F), spreads[w], 0.5e-3);
  });
});

Deno.test("official preset: F tends to lambda + 1 / 115^2 at most, a spread of 7.56 %", async () => {
  const F = (await fisherAfter(repeat(12, () => ordered(1e6)), {})).at(-1)!;
  assertAlmostEquals(Math.max(...F), 1e-3 + 1 / 115 ** 2, 1e-12);
  assertAlmostEquals(Math.max(...F) / Math.min(...F), 1.0756, 0.5e-4);
});

Deno.test("official preset: the first window's F is 7.40 to 8.13 times the last one's", async () => {
  const windows = await fisherAfter(repeat(12, () => ordered(1e6)), {});
  const ratios = windows[0].map((F, i) => F / windows.at(-1)![i]);
  assertAlmostEquals(Math.min(...ratios), 7.40, 0.005);
  assertAlmostEquals(Math.max(...ratios), 8.13, 0.005);
});

Deno.test("official preset: diagonals without an order stay within the ranges", async () => {
  // Entry i of window w is the fraction of a multiple of the golden section.
  const draw = (salt: number) =>
    constant(value([0, 1, 2, 3].map((i) => 1e6 * ((salt + i) * 0.618034 % 1))));
  const windows = await fisherAfter(
    documented.map((_, w) => ({ h: draw(7 * w), s: draw(11 * w + 3) })),
    {},
  );
  windows.forEach((F, w) => {
    const [low, high] = documented[w];
    assert(Math.min(...F) > low - tolerance, `window ${w + 1}`);
    assert(Math.max(...F) < high + tolerance, `window ${w + 1}`);
  });
});

Deno.test("official preset: a diagonal that varies by 1e-6 is normalized to 1/2", async () => {
  // The largest entries are 1/2: 0.08 + 0.008 / 2 = 0.084, and F = 0.084^2 + lambda.
  const [F] = await fisherAfter([ordered(1e-6)], {});
  assertAlmostEquals(Math.max(...F), 0.084 ** 2 + 1e-3, 1e-12);
});

Deno.test("paper preset: F spans [lambda, 1 + lambda] from the first step on", async () => {
  for (const range of [1e-6, 1e6]) {
    const options = { preset: "paper" } as const;
    for (
      const F of await fisherAfter(repeat(3, () => ordered(range)), options)
    ) {
      assertAlmostEquals(Math.min(...F), 1e-3, 1e-15);
      assertAlmostEquals(Math.max(...F), 1 + 1e-3, 1e-12);
    }
  }
});
