import { assertEquals, assertThrows } from "@std/assert";
import {
  batchNorm2d,
  constants,
  initialize,
  sequential,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { fill } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";
import { plainPixels } from "./plain.ts";

const layer = batchNorm2d("bn", 3, { eps: 1e-3, momentum: 0.2 });
const x = numbers(3, [2, 3, 2, 5], 2);

/** Mean and biased variance of each channel, by plain loops. */
function plainMoments(): { mean: number[]; variance: number[]; count: number } {
  const pixels = plainPixels(x);
  const count = pixels.length;
  const mean = [0, 1, 2].map((c) =>
    pixels.reduce((total, row) => total + row[c], 0) / count
  );
  const variance = mean.map((m, c) =>
    pixels.reduce((total, row) => total + (row[c] - m) ** 2, 0) / count
  );
  return { mean, variance, count };
}

/** x normalized, scaled and shifted by plain loops. */
function plainNormalized(
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
): Float64Array {
  const values = randomParameters(layer);
  return Float64Array.from(x.data, (number, i) => {
    const c = Math.floor(i / 10) % 3;
    return (number - mean[c]) / Math.sqrt(variance[c] + 1e-3) *
        values["bn.weight"].data[c] + values["bn.bias"].data[c];
  });
}

Deno.test("batchNorm2d normalizes by the batch's biased variance in training", async () => {
  const { mean, variance } = plainMoments();
  await assertNumbers(run(layer, x).output, plainNormalized(mean, variance));
});

Deno.test("batchNorm2d normalizes by the running statistics outside training", async () => {
  const { output, buffers } = run(layer, x, { training: false });
  const running = randomParameters(layer, "buffers");
  await assertNumbers(
    output,
    plainNormalized(
      running["bn.running_mean"].data,
      running["bn.running_var"].data,
    ),
  );
  assertEquals(buffers, {});
});

Deno.test("batchNorm2d moves its running statistics, with the unbiased variance", async () => {
  const { mean, variance, count } = plainMoments();
  const { buffers } = run(layer, x, {
    buffers: constants(initialize(layer.buffers, 0)),
  });
  await assertNumbers(buffers["bn.running_mean"], mean.map((m) => 0.2 * m));
  await assertNumbers(
    buffers["bn.running_var"],
    variance.map((v) => 0.8 + 0.2 * v * count / (count - 1)),
  );
});

Deno.test("batchNorm2d used twice in a pass continues from the buffers of its first use", async () => {
  const twice = sequential([layer, layer]);
  assertEquals(Object.keys(twice.buffers), [
    "bn.running_mean",
    "bn.running_var",
  ]);
  const start = constants(initialize(layer.buffers, 0));
  const first = run(layer, x, { buffers: start });
  const second = run(layer, first.output, {
    buffers: { ...start, ...first.buffers },
  });
  const { buffers } = run(twice, x, { buffers: start });
  const bias = randomParameters(layer)["bn.bias"].data;
  const { mean } = plainMoments();
  // The second use sees the shift as its mean.
  await assertNumbers(
    buffers["bn.running_mean"],
    mean.map((m, c) => 0.8 * 0.2 * m + 0.2 * bias[c]),
  );
  await assertNumbers(
    buffers["bn.running_var"],
    (await evaluate(second.buffers["bn.running_var"])).data,
  );
});

Deno.test("batchNorm2d has exact gradients in training and outside", async () => {
  for (const training of [true, false]) {
    await assertGradients(
      ({ x, ...parameters }) =>
        weighted(run(layer, x, { parameters, training }).output),
      { x, ...randomParameters(layer) },
    );
  }
});

Deno.test("batchNorm2d differentiates through a new running variance", async () => {
  await assertGradients(
    ({ x }) => weighted(run(layer, x).buffers["bn.running_var"]),
    { x },
  );
});

Deno.test("batchNorm2d refuses a single number a channel in training, and takes it outside", () => {
  const one = fill([1, 3, 1, 1], 1);
  assertThrows(
    () => run(layer, one),
    RangeError,
    "Cannot apply batch-norm layer bn: training needs at least 2 numbers a channel, input [1, 3, 1, 1] has 1",
  );
  assertEquals(run(layer, one, { training: false }).output.shape, [1, 3, 1, 1]);
});

Deno.test("batchNorm2d names itself where input, buffers or options do not fit", () => {
  assertThrows(
    () => run(layer, fill([2, 4, 2, 2], 1)),
    RangeError,
    "Cannot apply batch-norm layer bn: input has 4 channels, weight expects 3",
  );
  assertThrows(
    () => run(layer, x, { buffers: {} }),
    RangeError,
    "bn.running_mean is not among the context's buffers",
  );
  assertThrows(
    () => batchNorm2d("bn", 3, { momentum: 2 }),
    RangeError,
    "got 2",
  );
  assertThrows(() => batchNorm2d("bn", 3, { eps: -1 }), RangeError, "got -1");
});
