/** Hessian-vector products through whole networks: what AdaHessian needs. */

import {
  activation,
  attention,
  averagePool2d,
  batchNorm2d,
  constants,
  conv2d,
  crossEntropy,
  flatten,
  globalAveragePool2d,
  type Layer,
  layerNorm,
  linear,
  maxPool2d,
  meanSquaredError,
  type Parameters,
  residual,
  sequential,
} from "../../src/layers/mod.ts";
import {
  constant,
  intValue,
  type Tensor,
  type Value,
} from "../../src/tensor/mod.ts";
import { assertHessianProducts } from "./finite_differences.ts";
import { numbers, randomParameters, run } from "./helpers.ts";

const NETWORKS: readonly {
  readonly name: string;
  readonly model: Layer;
  readonly x: Value;
}[] = [
  {
    name: "a perceptron",
    model: sequential([
      linear("fc1", 4, 5),
      activation("tanh"),
      linear("fc2", 5, 4),
      activation("sigmoid"),
      linear("fc3", 4, 3),
    ]),
    x: numbers(1, [3, 4]),
  },
  {
    name: "a convolutional network",
    model: sequential([
      conv2d("conv1", 2, 4, [3, 2], {
        padding: 1,
        stride: [1, 2],
        bias: false,
      }),
      batchNorm2d("bn1", 4, { eps: 1e-2 }),
      activation("gelu"),
      maxPool2d(2),
      conv2d("conv2", 4, 4, 2, { groups: 2, dilation: 2, padding: 1 }),
      activation("silu"),
      averagePool2d(2, { stride: 1 }),
      flatten(),
      linear("fc", 4, 3),
    ]),
    x: numbers(2, [3, 2, 5, 8]),
  },
  {
    name: "a residual network",
    model: sequential([
      residual(
        sequential([
          conv2d("conv1", 2, 3, 3, { padding: 1, bias: false }),
          batchNorm2d("bn1", 3, { eps: 1e-2 }),
        ]),
        { shortcut: conv2d("way", 2, 3, 1) },
      ),
      activation("tanh"),
      globalAveragePool2d(),
      linear("fc", 3, 3),
    ]),
    x: numbers(3, [3, 2, 4, 3]),
  },
  {
    name: "attention",
    model: sequential([
      residual(
        sequential([
          layerNorm("ln", 4, { eps: 1e-2 }),
          attention("attn", 4, 2, { causal: true }),
        ]),
      ),
      flatten(),
      linear("fc", 12, 3),
    ]),
    x: numbers(4, [3, 3, 4]),
  },
];

for (const { name, model, x } of NETWORKS) {
  // A key's bias adds the same to all scores of a token: its row of the Hessian
  // is zero, so it stays fixed.
  const all = Object.entries(randomParameters(model));
  const isFixed = (name: string): boolean => name.endsWith("key.bias");
  const fixed = constants(
    Object.fromEntries(all.filter(([name]) => isFixed(name))),
  );
  const values = Object.fromEntries(all.filter(([name]) => !isFixed(name)));
  const outputAt = (parameters: Parameters): Tensor =>
    run(model, x, { parameters: { ...fixed, ...parameters } }).output;

  Deno.test(`gradients of gradients are exact for ${name} with cross-entropy`, async () => {
    const targets = constant(intValue([2, 0, 1]));
    await assertHessianProducts(
      (parameters) => crossEntropy(outputAt(parameters), targets),
      values,
    );
  });

  Deno.test(`gradients of gradients are exact for ${name} with squared error`, async () => {
    const target = constant(numbers(5, [3, 3]));
    await assertHessianProducts(
      (parameters) => meanSquaredError(outputAt(parameters), target),
      values,
    );
  });
}
