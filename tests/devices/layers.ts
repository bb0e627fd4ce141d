/**
 * Every layer and loss, over a grid of shapes, against the reference device:
 * output, gradients, buffers, Kronecker factors in both forms.
 *
 * @module
 */

import {
  activation,
  activationNames,
  attention,
  averagePool2d,
  batchNorm2d,
  conv2d,
  crossEntropy,
  dropout,
  embedding,
  flatten,
  globalAveragePool2d,
  type Layer,
  layerNorm,
  linear,
  maxPool2d,
  meanSquaredError,
  negativeLogLikelihood,
  paddedShortcut,
  residual,
  sequential,
} from "../../src/layers/mod.ts";
import {
  dot,
  gradients,
  logSoftmax,
  mul,
  type Shape,
  type Tensor,
} from "../../src/tensor/mod.ts";
import {
  assertAgrees,
  type DeviceTest,
  floatTensor,
  integers,
} from "./compare.ts";
import { passOf } from "./passes.ts";

/** A layer and inputs for it: shapes of floats, or rows of a table. */
type Case = readonly [Layer, Shape | Tensor];

const images: readonly Shape[] = [[3, 4, 5, 7], [2, 4, 1, 1], [1, 4, 6, 6]];

const LAYERS: Readonly<Record<string, readonly Case[]>> = {
  linear: [
    [linear("fc", 1, 1), [1, 1]],
    [linear("fc", 7, 5), [1, 7]],
    [linear("fc", 33, 17), [9, 33]],
    [linear("fc", 6, 5, { bias: false }), [2, 3, 6]],
    [linear("fc", 64, 3), [65, 64]],
  ],
  conv2d: [
    [conv2d("conv", 1, 1, 1), [1, 1, 1, 1]],
    [conv2d("conv", 3, 5, 3, { padding: 1 }), [2, 3, 7, 6]],
    [conv2d("conv", 3, 4, 3, { stride: 2, padding: 1, bias: false }), [
      1,
      3,
      9,
      8,
    ]],
    [conv2d("conv", 2, 3, [3, 2], { dilation: [1, 2] }), [2, 2, 6, 7]],
    [conv2d("conv", 6, 4, 3, { groups: 2, padding: 1 }), [2, 6, 5, 5]],
    [conv2d("conv", 5, 5, 3, { groups: 5, padding: 1 }), [3, 5, 6, 6]],
    [conv2d("conv", 4, 8, 3, { groups: 4, stride: [2, 1] }), [1, 4, 7, 5]],
    [conv2d("conv", 12, 1, 3, { padding: 1 }), [3, 12, 8, 6]],
    [conv2d("conv", 8, 3, 1), [2, 8, 4, 4]],
    [conv2d("conv", 3, 8, 4, { stride: 4 }), [2, 3, 8, 8]],
  ],
  "batch-norm": [
    ...images.map((shape): Case => [batchNorm2d("bn", 4), shape]),
    [batchNorm2d("bn", 1, { momentum: 0.3, eps: 1e-3 }), [5, 1, 3, 3]],
  ],
  "layer-norm": [
    [layerNorm("norm", 6), [3, 6]],
    [layerNorm("norm", 33), [2, 5, 33]],
    [layerNorm("norm", [3, 4]), [2, 5, 3, 4]],
    [layerNorm("norm", 2), [1, 2]],
  ],
  embedding: [
    [embedding("table", 7, 3), integers([5], 7)],
    [embedding("table", 1, 1), integers([1], 1)],
    [embedding("table", 50, 8), integers([3, 17], 50)],
    [embedding("table", 4, 65), integers([2, 2, 9], 4)],
  ],
  attention: [
    [attention("att", 4, 1), [1, 1, 4]],
    [attention("att", 6, 3), [2, 5, 6]],
    [attention("att", 8, 2, { causal: true }), [3, 7, 8]],
    [attention("att", 5, 1, { linear: { bias: false } }), [1, 3, 5]],
  ],
  ...Object.fromEntries(activationNames.map((name) => [
    name,
    [[1], [3, 7], [2, 3, 65]].map((shape): Case => [activation(name), shape]),
  ])),
  "max-pool": [
    [maxPool2d(2), [2, 3, 6, 8]],
    [maxPool2d(3, { stride: 2, padding: 1 }), [1, 2, 7, 5]],
    [maxPool2d([1, 2], { stride: [2, 1] }), [2, 1, 3, 4]],
    [maxPool2d(1), [1, 1, 1, 1]],
  ],
  "average-pool": [
    [averagePool2d(2), [2, 3, 6, 8]],
    [averagePool2d(3, { stride: 2, padding: 1 }), [1, 2, 7, 5]],
    [averagePool2d([3, 1], { stride: 1 }), [2, 1, 4, 3]],
  ],
  "global average-pool": images.map((
    shape,
  ): Case => [globalAveragePool2d(), shape]),
  dropout: [
    [dropout("drop", 0.25), [5, 13]],
    [dropout("drop", 0.5), [2, 3, 4, 5]],
    [dropout("drop", 0), [3]],
  ],
  flatten: [[flatten(), [3]], [flatten(), [2, 3, 4]], [flatten(), [0, 2]]],
  "padded shortcut": [
    [paddedShortcut(4, 8, 2), [2, 4, 5, 6]],
    [paddedShortcut(3, 6, 1), [1, 3, 4, 4]],
    [paddedShortcut(4, 4, 3), [2, 4, 1, 7]],
  ],
  residual: [
    [residual(linear("fc", 5, 5)), [3, 5]],
    [
      residual(conv2d("conv", 2, 4, 3, { stride: 2, padding: 1 }), {
        shortcut: paddedShortcut(2, 4, 2),
      }),
      [2, 2, 5, 5],
    ],
  ],
  sequential: [
    [sequential([]), [2, 3]],
    [
      sequential([
        conv2d("conv", 1, 2, 3, { padding: 1, bias: false }),
        batchNorm2d("bn", 2),
        activation("relu"),
        maxPool2d(2),
        flatten(),
        dropout("drop", 0.25),
        linear("fc", 8, 3),
      ]),
      [5, 1, 4, 4],
    ],
  ],
  "a layer used twice": (() => {
    const fc = linear("fc", 4, 4);
    return [[sequential([fc, activation("tanh"), fc]), [3, 4]]];
  })(),
};

/**
 * Roundings of a layer: a sum of n terms is off by some sqrt(n) roundings of its
 * largest terms; n is below 300, and a layer has up to four such sums in a row,
 * with a dozen element-wise operations.
 */
const ROUNDINGS = 128;

/**
 * The inputs are of size 1, and so are the terms of every gradient here. Some
 * add up to nothing: of attention's key bias, of what a norm takes away.
 */
const LEAST = 1 / 4;

/** Tests that every layer gives what it gives on the reference device. */
export function layerTests(test: DeviceTest): void {
  for (const [name, cases] of Object.entries(LAYERS)) {
    test(`a layer agrees with the reference: ${name}`, async (device) => {
      for (const [layer, input] of cases) {
        const x = "operation" in input ? input : floatTensor(input);
        const results = passOf(
          layer,
          x,
          (output) => dot(output, floatTensor(output.shape, 9)),
        );
        await assertAgrees(
          device,
          under(`${layer.description} of [${x.shape}]`, results),
          ROUNDINGS,
          LEAST,
        );
      }
    });
  }
}

/** Results with where they come from in front of their names. */
function under(
  where: string,
  results: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [
      `${where}: ${name}`,
      tensor,
    ]),
  );
}

/** Scores, some of them far apart, and targets for them. */
function scored(shape: Shape): [Tensor, Tensor][] {
  const targets = integers(shape.slice(0, -1), shape.at(-1)!, 4);
  return [1, 40].map((scale) => [floatTensor(shape, 3, scale), targets]);
}

const LOSSES: Readonly<
  Record<string, (scores: Tensor, targets: Tensor) => Tensor>
> = {
  "cross-entropy": crossEntropy,
  "cross-entropy, smoothed": (scores, targets) =>
    crossEntropy(scores, targets, { labelSmoothing: 0.1 }),
  "cross-entropy without a class": (scores, targets) =>
    crossEntropy(scores, targets, { ignoreIndex: 0 }),
  "negative log-likelihood": (scores, targets) =>
    negativeLogLikelihood(logSoftmax(scores), targets),
  "negative log-likelihood without a class": (scores, targets) =>
    negativeLogLikelihood(mul(scores, 0.5), targets, { ignoreIndex: 1 }),
  "mean squared error": (scores) =>
    meanSquaredError(scores, floatTensor(scores.shape, 5)),
};

/** Tests that every loss and its gradient are those of the reference device. */
export function lossTests(test: DeviceTest): void {
  for (const [name, loss] of Object.entries(LOSSES)) {
    test(`a loss agrees with the reference: ${name}`, async (device) => {
      for (const shape of [[1, 1], [1, 7], [5, 3], [2, 3, 11], [65, 33]]) {
        for (const [scores, targets] of scored(shape)) {
          const value = loss(scores, targets);
          const [gradient] = gradients(value, [scores]);
          await assertAgrees(
            device,
            under(`[${shape}]`, { value, gradient }),
            ROUNDINGS,
          );
        }
      }
    });
  }
}
