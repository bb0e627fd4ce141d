import { assertEquals, assertThrows } from "@std/assert";
import {
  averagePool2d,
  globalAveragePool2d,
  maxPool2d,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, fill, gradients, sum, value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import { assertNumbers, numbers, run, weighted } from "./helpers.ts";
import { type PlainGeometry, plainPatches } from "./plain.ts";

const GEOMETRIES = [
  { kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
  { kernel: [3, 2], stride: [1, 2], padding: [1, 0] },
  { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
] as const;

for (const { kernel, stride, padding } of GEOMETRIES) {
  const name = `kernel ${kernel}, stride ${stride}, padding ${padding}`;
  const plain: PlainGeometry = {
    kernel,
    stride,
    padding,
    dilation: [1, 1],
    groups: 2,
  };
  const x = numbers(4, [2, 2, 5, 4]);

  Deno.test(`averagePool2d (${name}) counts the padding as zeros`, async () => {
    const expected = plainPatches(x, plain).flat(2).map((patch) =>
      patch.reduce((total, h) => total + h, 0) / patch.length
    );
    const { output } = run(averagePool2d(kernel, { stride, padding }), x);
    await assertNumbers(output, expected);
  });

  Deno.test(`maxPool2d (${name}) never takes the padding`, async () => {
    // Far below zero, a zero of the padding would win.
    const low = value(Float64Array.from(x.data, (h) => h - 100), x.shape);
    const shifted = plainPatches(low, plain).flat(2).map((patch) =>
      Math.max(...patch.filter((h) => h !== 0))
    );
    const { output } = run(maxPool2d(kernel, { stride, padding }), low);
    await assertNumbers(output, shifted);
  });

  Deno.test(`maxPool2d and averagePool2d (${name}) have exact gradients`, async () => {
    for (const pool of [maxPool2d, averagePool2d]) {
      const layer = pool(kernel, { stride, padding });
      await assertGradients(({ x }) => weighted(run(layer, x).output), { x });
    }
  });
}

Deno.test("maxPool2d gives the derivative to the first of equal numbers", async () => {
  const x = constant(value([1, 1, 1, 1], [1, 1, 2, 2]));
  const [gradient] = gradients(sum(run(maxPool2d(2), x).output), [x]);
  assertEquals([...(await evaluate(gradient)).data], [1, 0, 0, 0]);
});

Deno.test("globalAveragePool2d takes the mean of each channel, with exact gradients", async () => {
  const x = value([1, 2, 3, 4, 10, 20, 30, 40], [1, 2, 2, 2]);
  const { output } = run(globalAveragePool2d(), x);
  assertEquals(output.shape, [1, 2]);
  await assertNumbers(output, [2.5, 25]);
  await assertGradients(
    ({ x }) => weighted(run(globalAveragePool2d(), x).output),
    { x: numbers(1, [2, 3, 2, 4]) },
  );
});

Deno.test("pooling layers refuse padding above half the kernel, and inputs that are no images", () => {
  assertThrows(
    () => maxPool2d(2, { padding: 2 }),
    RangeError,
    "Cannot build max-pool-2d layer: padding must be at most half the kernel [2, 2], got [2, 2]",
  );
  assertThrows(() => averagePool2d([3, 1], { padding: 1 }), RangeError);
  assertThrows(
    () => run(maxPool2d([3, 1]), fill([1, 1, 2, 2], 1)),
    RangeError,
    "Cannot apply max-pool-2d layer: the window is 3x1, input [1, 1, 2, 2] with padding [0, 0] is smaller",
  );
  for (const layer of [maxPool2d(2), averagePool2d(2), globalAveragePool2d()]) {
    assertThrows(() => run(layer, fill([2, 2], 1)), RangeError, "[N, C, H, W]");
  }
});
