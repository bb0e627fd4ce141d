import { assert, assertEquals } from "@std/assert";
import { CpuDevice } from "../../src/cpu/device.ts";
import { schedule } from "../../src/cpu/schedule.ts";
import { lower } from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  constant,
  conv,
  convInputGradient,
  convKernelGradient,
  type ConvolutionGeometry,
  input,
  type Shape,
  type Tensor,
} from "../../src/tensor/mod.ts";
import { assertAgrees, floats } from "../devices/compare.ts";
import { cpuTest } from "./on_cpu.ts";

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

/** Kernels of Winograd, and those that compute all products. */
const CASES: readonly Case[] = [
  // Squares of 4 x 4 in a row and in two, and of 2 x 2.
  [[3, 16, 32, 32], [16, 16, 3, 3], geometry(1, 1)],
  [[3, 16, 8, 8], [20, 16, 3, 3], geometry(1, 1)],
  [[5, 13, 14, 14], [12, 13, 3, 3], geometry(1, 1)],
  [[3, 24, 8, 8], [24, 12, 3, 3], geometry(1, 1, 1, 2)],
  // Many channels: ranges of them are units apart.
  [[2, 144, 8, 8], [132, 144, 3, 3], geometry(1, 1)],
  // Squares with stride 2, in a row and in two.
  [[16, 32, 32, 32], [32, 32, 3, 3], geometry(2, 1)],
  [[33, 64, 16, 16], [128, 32, 3, 3], geometry(2, 1, 1, 2)],
  // Strides, one cell, few channels, groups, sums that wait, images in place.
  [[2, 16, 16, 16], [20, 16, 3, 3], geometry(2, 1)],
  [[2, 9, 6, 6], [7, 9, 1, 1], geometry(2, 0)],
  [[2, 9, 5, 5], [7, 9, 1, 1], geometry(1, 0)],
  [[40, 3, 9, 7], [5, 3, 3, 3], geometry(1, 1)],
  [[2, 6, 9, 9], [6, 1, 3, 3], geometry(1, 1, 1, 6)],
  [[1, 150, 9, 7], [7, 150, 3, 3], geometry(2, 1)],
  [[2, 4, 9, 9], [5, 4, 3, 3], geometry(1, 0)],
  [[1, 2, 11, 11], [4, 2, 3, 3], geometry(2, 2, 3)],
];

type Operand = (name: string, shape: Shape, seed: number) => Tensor;

/** y = f(x, w), and its derivative along dx and dw, of a convolution and its gradients. */
function derivatives(
  [image, kernel, options]: Case,
  operand: Operand,
): Record<string, readonly [y: Tensor, dy: Tensor]> {
  const [x, dx] = ["x", "dx"].map((name, i) => operand(name, image, i + 1));
  const [w, dw] = ["w", "dw"].map((name, i) => operand(name, kernel, i + 3));
  const { shape } = conv(x, w, options);
  const [g, dg] = ["g", "dg"].map((name, i) => operand(name, shape, i + 5));
  const pair = (
    of: (a: Tensor, b: Tensor) => Tensor,
    [a, da]: readonly Tensor[],
    [b, db]: readonly Tensor[],
  ) => [of(a, b), add(of(da, b), of(a, db))] as const;
  return {
    conv: pair((x, w) => conv(x, w, options), [x, dx], [w, dw]),
    inputGradient: pair(
      (g, w) => convInputGradient(g, w, image, options),
      [g, dg],
      [w, dw],
    ),
    kernelGradient: pair(
      (x, g) => convKernelGradient(x, g, kernel, options),
      [x, dx],
      [g, dg],
    ),
  };
}

const symbols: Operand = (name, shape) => input(name, shape);
const numbers: Operand = (_, shape, seed) => constant(floats(shape, seed));

const title = ([image, kernel, { stride, padding, dilation, groups }]: Case) =>
  `[${image}] * [${kernel}], stride ${stride}, padding ${padding}, dilation ${dilation}, groups ${groups}`;

cpuTest(
  "cpu device: convolutions and their derivatives are the reference's",
  async (device) => {
    for (const each of CASES) {
      const all = derivatives(each, numbers);
      for (const [name, [y, dy]] of Object.entries(all)) {
        const what = `${name} of ${title(each)}`;
        // Winograd's squares of 4 x 4 take the most roundings of the largest number.
        // Measured with 144 channels: 30 for y, 48 for dy, a sum of twice as many.
        await assertAgrees(
          device,
          { [`y, ${what}`]: y, [`dy, ${what}`]: dy },
          64,
        );
        await assertAgrees(device, { [`dy alone, ${what}`]: dy }, 64);
      }
    }
  },
);

Deno.test("cpu device: a sum of convolutions is one result, by the kernels of one", () => {
  const names = (outputs: Record<string, Tensor>) =>
    schedule(lower(new Map(Object.entries(outputs))), new Map()).steps.map((
      { kernel },
    ) => kernel.name.replace(/ .*\]/, ""));
  for (const each of CASES) {
    const all = derivatives(each, symbols);
    for (const [y, dy] of Object.values(all)) {
      const own = names({ y }), sum = names({ dy });
      assert(sum.every((name) => name.startsWith("conv")), `${sum}`);
      // The weights of both terms are transformed.
      const weights = own.filter((name) => name.endsWith("weights")).length;
      assertEquals(sum.length, own.length + weights);
    }
  }
});

Deno.test("cpu device: a sum of convolutions has the same bits on two threads", async () => {
  const devices = [1, 2].map((threads) => new CpuDevice(threads));
  for (const each of CASES) {
    const all = derivatives(each, numbers);
    for (const [name, [y, dy]] of Object.entries(all)) {
      const [one, two] = await Promise.all(
        devices.map((device) => evaluate({ y, dy }, device)),
      );
      assertEquals(two, one, `${name} of ${title(each)}`);
    }
  }
});
