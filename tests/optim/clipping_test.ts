import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  clipByGlobalNorm,
  clipByValue,
  globalNorm,
  sgd,
} from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, square, sum, value } from "../../src/tensor/mod.ts";
import { minimize } from "./helpers.ts";

// Joint norm 13; `torch.nn.utils.clip_grad_norm_` gives the numbers below.
const gradients = {
  a: constant(value([3, -4], [2, 1])),
  b: constant(value([12], [])),
};

Deno.test("globalNorm is the norm of all gradients together", async () => {
  assertEquals([...(await evaluate(globalNorm(gradients))).data], [13]);
  assertEquals([...(await evaluate(globalNorm({}))).data], [0]);
});

const limits: readonly (readonly [number, number[], number])[] = [
  [0.5, [0.11538460650887644, -0.15384614201183525], 0.46153842603550577],
  [1, [0.23076921301775288, -0.3076922840236705], 0.9230768520710115],
  [100, [3, -4], 12],
];
for (const [limit, a, b] of limits) {
  Deno.test(`clipByGlobalNorm equals PyTorch's at a limit of ${limit}`, async () => {
    const clipped = await evaluate(clipByGlobalNorm(gradients, limit));
    assertEquals(clipped.a.shape, [2, 1]);
    assertEquals(clipped.b.shape, []);
    a.forEach((number, i) =>
      assertAlmostEquals(clipped.a.data[i], number, 1e-15)
    );
    assertAlmostEquals(clipped.b.data[0], b, 1e-15);
  });
}

Deno.test("clipByGlobalNorm leaves zeros zeros, and its input as it was", async () => {
  const zeros = { a: constant(value([0, 0])) };
  const clipped = await evaluate(clipByGlobalNorm(zeros, 1));
  assertEquals([...clipped.a.data], [0, 0]);
  await evaluate(clipByGlobalNorm(gradients, 1));
  assertEquals([...(await evaluate(gradients)).a.data], [3, -4]);
});

Deno.test("clipByGlobalNorm bounds a step of sgd", async () => {
  const { x } = await minimize(
    sgd(),
    ({ x }) => ({ loss: sum(square(x)) }),
    { start: { x: value([30, 40]) }, steps: 1, rate: 1, clip: 5 },
  );
  // The gradient [60, 80] becomes [3, 4].
  assertAlmostEquals(x.data[0], 27, 1e-6);
  assertAlmostEquals(x.data[1], 36, 1e-6);
});

Deno.test("clipByValue cuts every entry off at the limit", async () => {
  const clipped = await evaluate(clipByValue(gradients, 3.5));
  assertEquals([...clipped.a.data], [3, -3.5]);
  assertEquals(clipped.a.shape, [2, 1]);
  assertEquals([...clipped.b.data], [3.5]);
});

Deno.test("clipByGlobalNorm and clipByValue keep a NaN in sight", async () => {
  const bad = { a: constant(value([NaN, 1])) };
  const byNorm = await evaluate(clipByGlobalNorm(bad, 1));
  assertEquals([...byNorm.a.data], [NaN, NaN]);
  const byValue = await evaluate(clipByValue(bad, 0.5));
  assertEquals([...byValue.a.data], [NaN, 0.5]);
});

for (const limit of [0, -1, NaN, Infinity]) {
  Deno.test(`clipByGlobalNorm and clipByValue refuse a limit of ${limit}`, () => {
    for (const clip of [clipByGlobalNorm, clipByValue]) {
      assertThrows(
        () => clip(gradients, limit),
        RangeError,
        `Invalid limit: ${limit}, must be a finite number above 0`,
      );
    }
  });
}
