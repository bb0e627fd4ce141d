import { assertEquals, assertThrows } from "@std/assert";
import {
  conv2d,
  type Conv2dOptions,
  kaimingNormalFanOut,
} from "../../src/layers/mod.ts";
import { constant, fill, type Pair, value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";
import { plainConvolution } from "./plain.ts";

const GEOMETRIES: readonly {
  readonly name: string;
  readonly channels: Pair;
  readonly kernel: Pair;
  readonly options: Conv2dOptions;
}[] = [
  { name: "plain", channels: [2, 3], kernel: [2, 2], options: {} },
  {
    name: "oblong, strided, padded",
    channels: [2, 3],
    kernel: [3, 2],
    options: { stride: [2, 1], padding: [1, 2] },
  },
  {
    name: "dilated, without bias",
    channels: [1, 2],
    kernel: [2, 3],
    options: { dilation: [2, 1], padding: 1, bias: false },
  },
  {
    name: "grouped",
    channels: [4, 6],
    kernel: [2, 1],
    options: { groups: 2, stride: [1, 2] },
  },
  {
    name: "depthwise",
    channels: [3, 3],
    kernel: [3, 3],
    options: { groups: 3, padding: 1, stride: 2 },
  },
];

for (const { name, channels, kernel, options } of GEOMETRIES) {
  const layer = conv2d("conv", channels[0], channels[1], kernel, options);
  const values = randomParameters(layer);
  const x = numbers(1, [2, channels[0], 5, 4]);

  Deno.test(`conv2d (${name}) agrees with plain loops`, async () => {
    const pair = (n: number | Pair | undefined, otherwise: number): Pair =>
      n === undefined
        ? [otherwise, otherwise]
        : typeof n === "number"
        ? [n, n]
        : n;
    const expected = plainConvolution(
      x,
      values["conv.weight"],
      values["conv.bias"],
      {
        kernel,
        stride: pair(options.stride, 1),
        padding: pair(options.padding, 0),
        dilation: pair(options.dilation, 1),
        groups: options.groups ?? 1,
      },
    );
    await assertNumbers(run(layer, x).output, expected);
  });

  Deno.test(`conv2d (${name}) has exact gradients`, async () => {
    await assertGradients(
      ({ x, ...parameters }) => weighted(run(layer, x, { parameters }).output),
      { x, ...values },
    );
  });
}

Deno.test("conv2d computes a case done by hand", async () => {
  const layer = conv2d("conv", 1, 1, 2);
  const { output } = run(layer, value([1, 2, 3, 4, 5, 6], [1, 1, 2, 3]), {
    parameters: {
      "conv.weight": constant(value([1, 10, 100, 1000], [1, 1, 2, 2])),
      "conv.bias": constant(value([0.5])),
    },
  });
  assertEquals(output.shape, [1, 1, 1, 2]);
  await assertNumbers(output, [5421.5, 6532.5]);
});

Deno.test("conv2d takes other first values, such as Kaiming normal over the outputs", () => {
  const layer = conv2d("conv", 3, 64, 3, { initial: kaimingNormalFanOut });
  const { initial } = layer.parameters["conv.weight"];
  const data = Array.from(initial([1, 0]).data);
  const variance = data.reduce((total, w) => total + w * w, 0) / data.length;
  // 1728 draws: the sample variance is within 10 % of 2 / fanOut.
  const ratio = variance / (2 / (64 * 9));
  assertEquals(ratio > 0.9 && ratio < 1.1, true);
});

Deno.test("conv2d names itself where an input does not fit", () => {
  const layer = conv2d("conv1", 3, 4, 3);
  assertThrows(
    () => run(layer, fill([1, 2, 8, 8], 0)),
    RangeError,
    "Cannot apply conv2d layer conv1: input has 2 channels, weight expects 3",
  );
  assertThrows(
    () => run(layer, fill([1, 3, 8, 2], 0)),
    RangeError,
    "Cannot apply conv2d layer conv1: the kernel reaches over 3 cells",
  );
  assertThrows(
    () => run(layer, fill([3, 8, 8], 0)),
    RangeError,
    "input must be [N, C, H, W], got [3, 8, 8]",
  );
});

Deno.test("conv2d refuses a geometry out of its range", () => {
  assertThrows(() => conv2d("c", 3, 4, 3, { groups: 2 }), RangeError, "divide");
  assertThrows(() => conv2d("c", 1, 1, 0), RangeError, "kernel must be");
  assertThrows(
    () => conv2d("c", 1, 1, 3, { stride: 0 }),
    RangeError,
    "Cannot build conv2d layer c: stride must be whole numbers of at least 1, got [0, 0]",
  );
  assertThrows(() => conv2d("c", 1, 1, 3, { padding: -1 }), RangeError);
  assertThrows(() => conv2d("c", 1, 1, 3, { dilation: [1, 0.5] }), RangeError);
});
