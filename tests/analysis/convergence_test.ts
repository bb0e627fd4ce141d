import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { quadraticConvergence } from "../../src/analysis/mod.ts";

for (const lambda of [1e-3, 1]) {
  for (const relativeRate of [0.1, 1, 1.9]) {
    Deno.test(`quadraticConvergence: keeps the bound at lambda ${lambda}, lr = ${relativeRate} lambda / L`, async () => {
      const study = await quadraticConvergence({ lambda, relativeRate });
      const { steps, bounded, violations, strongConvexity, smoothness } = study;
      assert(steps.length > 50, `only ${steps.length} steps`);
      assertEquals([bounded, violations], [steps.length, 0]);
      assert(!study.diverged && study.remaining < 1);
      for (const { bound, fisher: [a, b] } of steps) {
        assert(a >= lambda && b <= 1 + lambda, `F from ${a} to ${b}`);
        assert(bound! < 1);
      }
      // Min-max brings an entry to 0: F's least is lambda, and with it the bound known.
      const [a, b] = steps[0].fisher;
      assertEquals(a, lambda);
      const factor = 1 -
        relativeRate * (2 - relativeRate) * strongConvexity / smoothness *
          (lambda / b);
      assertAlmostEquals(steps[0].bound!, factor, 1e-14);
    });
  }
}

Deno.test("quadraticConvergence: a large lambda is gradient descent, which comes near to the bound", async () => {
  const lambda = 1e9, relativeRate = 0.1;
  const { steps, strongConvexity, smoothness, violations } =
    await quadraticConvergence({ lambda, relativeRate, steps: 1000 });
  assertEquals(violations, 0);
  const flatness = strongConvexity / smoothness;
  const { contraction, bound } = steps.at(-1)!;
  // What is left in the end lies along the least eigenvalue. 1e-6: the next one's share.
  assertAlmostEquals(contraction, (1 - relativeRate * flatness) ** 2, 1e-6);
  // (1 - r k)^2 against 1 - 2 r k + r^2 k: a bound that promised twice as much would
  // be broken.
  assert(bound! - contraction < relativeRate ** 2 * flatness);
});

Deno.test("quadraticConvergence: a rate that is too large diverges, and has no bound", async () => {
  // F is at most 1 + lambda, so that lr mu / F is above 4: every direction grows.
  const { strongConvexity: mu, smoothness: L } = await quadraticConvergence({
    steps: 1,
  });
  const relativeRate = 4 * (1 + 1e-3) / 1e-3 * L / mu;
  const study = await quadraticConvergence({ relativeRate });
  assert(study.diverged && study.remaining > 1e10);
  assert(study.steps.every(({ contraction }) => contraction > 9));
  assertEquals([study.bounded, study.violations], [0, 0]);
});

Deno.test("quadraticConvergence: the same seed, the same run; another, another", async () => {
  const run = (seed: number) => quadraticConvergence({ seed, steps: 5 });
  assertEquals(await run(3), await run(3));
  assert((await run(4)).smoothness !== (await run(3)).smoothness);
});

Deno.test("quadraticConvergence: refuses options out of range", async () => {
  await assertRejects(
    () => quadraticConvergence({ lambda: 0 }),
    RangeError,
    "lambda",
  );
  await assertRejects(
    () => quadraticConvergence({ relativeRate: NaN }),
    RangeError,
    "relativeRate",
  );
  await assertRejects(
    () => quadraticConvergence({ steps: 0 }),
    RangeError,
    "steps",
  );
  await assertRejects(
    () => quadraticConvergence({ features: 63 }),
    RangeError,
    "features must be below 63, got 63",
  );
});
