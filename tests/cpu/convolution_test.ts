import { assertEquals } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  conv,
  convInputGradient,
  convKernelGradient,
  type ConvolutionGeometry,
  type Shape,
  type Tensor,
} from "../../src/tensor/mod.ts";
import { convolutionKernels } from "../../src/cpu/convolution.ts";
import type { Kernel, Scene } from "../../src/cpu/kernel.ts";
import { kernelGradientKernels } from "../../src/cpu/kernel_gradient.ts";
import { assertAllClose } from "../assert_close.ts";
import { GEOMETRIES } from "../tensor/geometries.ts";
import { floats, integers } from "./operands.ts";
import { kernelsOf, runKernels } from "./run_kernels.ts";

type Case = readonly [Shape, Shape, ConvolutionGeometry];

const geometry = (
  stride: number,
  padding: number,
  dilation = 1,
  groups = 1,
): ConvolutionGeometry => ({
  stride: [stride, stride],
  padding: [padding, padding],
  dilation: [dilation, dilation],
  groups,
});

/** Every way in which the kernels' code differs. */
const CASES: readonly Case[] = [
  ...GEOMETRIES.filter(([image]) => image[0] > 0),
  // Widths of whole and of broken vectors; channels of whole and uneven tiles.
  [[2, 3, 8, 8], [16, 3, 3, 3], geometry(1, 1)],
  [[1, 5, 7, 7], [7, 5, 3, 3], geometry(1, 1)],
  [[2, 16, 4, 4], [13, 16, 3, 3], geometry(1, 1)],
  [[1, 2, 5, 3], [4, 2, 3, 3], geometry(1, 1)],
  [[1, 2, 9, 14], [6, 2, 3, 3], geometry(1, 1)],
  [[1, 2, 3, 75], [5, 2, 3, 3], geometry(1, 1)],
  // Kernels of one cell, as they are and with a stride or padding.
  [[2, 9, 5, 5], [7, 9, 1, 1], geometry(1, 0)],
  [[2, 9, 6, 6], [7, 9, 1, 1], geometry(2, 0)],
  [[2, 5, 3, 3], [2, 5, 1, 1], geometry(1, 2)],
  // Strides, without padding, and with a kernel larger than the image.
  [[2, 8, 16, 16], [10, 8, 3, 3], geometry(2, 1)],
  [[1, 3, 15, 13], [4, 3, 7, 7], geometry(2, 3)],
  [[1, 3, 12, 12], [5, 3, 4, 4], geometry(4, 0)],
  [[1, 2, 40, 41], [3, 2, 3, 3], geometry(3, 1)],
  [[2, 4, 9, 9], [5, 4, 3, 3], geometry(1, 0)],
  [[1, 2, 3, 3], [4, 2, 5, 5], geometry(1, 2)],
  [[1, 2, 11, 11], [4, 2, 3, 3], geometry(2, 2, 3)],
  // Groups of few channels, and a kernel for each channel.
  [[2, 8, 6, 6], [12, 4, 3, 3], geometry(1, 1, 1, 2)],
  [[2, 6, 9, 9], [6, 1, 3, 3], geometry(1, 1, 1, 6)],
  [[1, 3, 8, 8], [6, 1, 5, 5], geometry(2, 2, 1, 3)],
  [[1, 6, 8, 8], [9, 2, 3, 3], geometry(1, 1, 1, 3)],
  // Squares of positions, whole and cut off, of one band and of several.
  [[2, 8, 8, 8], [8, 8, 3, 3], geometry(1, 1)],
  [[3, 9, 7, 7], [13, 9, 3, 3], geometry(1, 1)],
  [[2, 144, 8, 8], [132, 144, 3, 3], geometry(1, 1)],
  [[1, 18, 16, 14], [10, 18, 3, 3], geometry(1, 0)],
  [[2, 11, 13, 30], [9, 11, 3, 3], geometry(1, 2)],
  [[3, 16, 6, 23], [32, 8, 3, 3], geometry(1, 1, 1, 2)],
  [[5, 12, 9, 9], [20, 12, 3, 3], geometry(1, 1)],
  [[2, 16, 40, 5], [12, 16, 3, 3], geometry(1, 2)],
  [[3, 24, 5, 40], [24, 12, 3, 3], geometry(1, 1, 1, 2)],
  [[40, 12, 8, 8], [12, 12, 3, 3], geometry(1, 0)],
  // Squares of 4 x 4 in a row and in two, samples in pairs and alone, bands.
  [[3, 9, 8, 8], [13, 9, 3, 3], geometry(1, 1)],
  [[5, 24, 8, 8], [24, 12, 3, 3], geometry(1, 1, 1, 2)],
  [[1, 12, 16, 32], [12, 12, 3, 3], geometry(1, 1)],
  [[1, 12, 18, 10], [16, 12, 3, 3], geometry(1, 0)],
  [[1, 20, 70, 66], [12, 20, 3, 3], geometry(1, 2)],
  [[2, 12, 18, 34], [12, 12, 3, 3], geometry(1, 3)],
  // Squares with stride 2: in a row and in two, samples in pairs and alone, bands,
  // images of odd size, other padding, groups.
  [[16, 32, 32, 32], [33, 32, 3, 3], geometry(2, 1)],
  [[33, 33, 16, 16], [64, 33, 3, 3], geometry(2, 1)],
  [[1, 40, 144, 128], [32, 40, 3, 3], geometry(2, 1)],
  [[33, 32, 15, 31], [36, 32, 3, 3], geometry(2, 1)],
  [[33, 32, 17, 33], [32, 32, 3, 3], geometry(2, 0)],
  [[65, 32, 14, 14], [36, 32, 3, 3], geometry(2, 2)],
  [[33, 64, 16, 32], [64, 32, 3, 3], geometry(2, 1, 1, 2)],
  // Sums that wait in the result, and bands of rows.
  [[1, 150, 8, 8], [7, 150, 3, 3], geometry(1, 1)],
  [[1, 150, 9, 7], [7, 150, 3, 3], geometry(2, 1)],
  [[1, 650, 3, 3], [5, 650, 1, 1], geometry(1, 0)],
  [[1, 20, 60, 60], [6, 20, 3, 3], geometry(1, 1)],
];

/**
 * The kernels give exactly the reference's integers, however they are cut: but for
 * Winograd's squares of 4 x 4, whose matrices have other numbers than halves, to
 * within a sixteenth, which no product less or more would be.
 */
async function assertExact(
  result: Tensor,
  make: (scene: Scene, index: number) => Kernel[],
  what: string,
): Promise<void> {
  const expected = [...(await evaluate(result)).data];
  const { key } = kernelsOf(result, make).kernels.at(-1)!;
  const winograd = key.startsWith("winograd") &&
    !key.includes('"form":"2 x 2"');
  for (const cuts of [1, 3]) {
    const data = runKernels(result, make, cuts);
    const whole = [...data].map(Math.round);
    const near = whole.every((y, i) => Math.abs(y - data[i]) < 1 / 16);
    assertEquals(
      winograd && near ? whole.map((y) => y || 0) : [...data],
      expected.map((y) => winograd ? y || 0 : y),
      what,
    );
  }
}

const title = ([image, kernel, { stride, padding, dilation, groups }]: Case) =>
  `[${image}] * [${kernel}], stride ${stride}, padding ${padding}, dilation ${dilation}, groups ${groups}`;

Deno.test("convolutionKernels give the reference's numbers", async () => {
  for (const each of CASES) {
    const [image, kernel, options] = each;
    const y = conv(integers(image), integers(kernel, 2), options);
    await assertExact(y, convolutionKernels, title(each));
  }
});

Deno.test("convolutionKernels give the reference's gradient of the input", async () => {
  for (const each of CASES) {
    const [image, kernel, options] = each;
    const w = integers(kernel, 2);
    const { shape } = conv(integers(image), w, options);
    const dx = convInputGradient(integers(shape, 3), w, image, options);
    await assertExact(dx, convolutionKernels, title(each));
  }
});

Deno.test("kernelGradientKernels give the reference's gradient of the kernel", async () => {
  const long: readonly Case[] = [
    // Parts, several chunks in a part, and blocks of channels.
    [[3, 3, 40, 40], [7, 3, 3, 3], geometry(1, 1)],
    [[40, 2, 8, 8], [4, 2, 3, 3], geometry(1, 1)],
    [[70, 3, 7, 7], [5, 3, 1, 1], geometry(1, 0)],
    [[20, 37, 8, 8], [5, 37, 3, 3], geometry(1, 1)],
    [[5, 3, 50, 50], [2, 3, 3, 3], geometry(1, 0)],
    [[3, 1, 101, 101], [1, 1, 3, 3], geometry(2, 1)],
  ];
  for (const each of [...CASES, ...long]) {
    const [image, kernel, options] = each;
    const x = integers(image);
    const { shape } = conv(x, integers(kernel), options);
    const dy = integers(shape, 3);
    const dw = convKernelGradient(x, dy, kernel, options);
    await assertExact(dw, kernelGradientKernels, title(each));
  }
});

Deno.test("convolutionKernels give the same bits however the work is cut", () => {
  for (
    const [stride, batch, extent] of [
      [1, 3, 9],
      [2, 3, 9],
      [1, 3, 14],
      [1, 3, 8],
      [1, 3, 16],
      [2, 47, 16],
      [2, 12, 32],
    ]
  ) {
    const y = conv(
      floats([batch, 70, extent, extent]),
      floats([20, 70, 3, 3], 2),
      geometry(stride, 1),
    );
    const whole = runKernels(y, convolutionKernels, 1);
    for (const cuts of [2, 3, 16, 1000]) {
      assertEquals(runKernels(y, convolutionKernels, cuts), whole);
    }
  }
});

Deno.test("kernelGradientKernels give the same bits however the work is cut", () => {
  for (const [stride, batch, extent] of [[1, 5, 20], [2, 5, 10], [2, 21, 16]]) {
    const size = extent * stride;
    const x = floats([batch, 40, size, size]);
    const dy = floats([batch, 20, extent, extent], 2);
    const kernel = [20, 40, 3, 3];
    const dw = convKernelGradient(x, dy, kernel, geometry(stride, 1));
    const whole = runKernels(dw, kernelGradientKernels, 1);
    for (const cuts of [2, 3, 16, 1000]) {
      assertEquals(runKernels(dw, kernelGradientKernels, cuts), whole);
    }
  }
});

Deno.test("kernels of Winograd round little worse than sums of all products", async () => {
  // Plain sums of the 576 products have 55 roundings of a float of the usual size
  // for the worst of 8192 results. Measured: 40 for squares of 2 x 2 positions, 91
  // for those of 4 x 4. With stride 2 and nine times as many results plain sums have
  // 66, and 52 for the gradient of the input, where they are short. Measured: 54,
  // 102, and 76 for the kernel's.
  for (
    const [stride, batch, channels, extent, roundings] of [
      [1, 2, 64, 14, 55],
      [1, 2, 64, 8, 120],
      [2, 19, 60, 16, 120],
    ]
  ) {
    const options = geometry(stride, 1);
    const x = floats([batch, channels, extent, extent]);
    const w = floats([channels, channels, 3, 3], 2);
    const dy = floats(conv(x, w, options).shape, 3);
    const results: [Tensor, typeof convolutionKernels][] = [
      [conv(x, w, options), convolutionKernels],
      [convInputGradient(dy, w, x.shape, options), convolutionKernels],
      [convKernelGradient(x, dy, w.shape, options), kernelGradientKernels],
    ];
    for (const [result, make] of results) {
      const { kernels } = kernelsOf(result, make);
      assertEquals(kernels.at(-1)!.key.startsWith("winograd"), true);
      const expected = await evaluate(result);
      const squares = [...expected.data].map((y) => y * y);
      const mean = squares.reduce((sum, y) => sum + y) / squares.length;
      const data = runKernels(result, make, 1);
      const absolute = roundings * 2 ** -24 * Math.sqrt(mean);
      assertAllClose({ ...expected, data }, expected.data, { absolute });
    }
  }
});
