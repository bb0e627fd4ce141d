import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  activation,
  type ActivationName,
  activationNames,
  sigmoid,
  silu,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  gradients,
  sum,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import { assertAllClose, run, weighted } from "./helpers.ts";

// Away from 0 and +-3, where some of them have a kink.
const POINTS = [-5, -3.5, -2.2, -0.7, 0.3, 1.1, 2.5, 4];

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const clip = (x: number): number => Math.min(Math.max(x + 3, 0), 6) / 6;

/** erf by its Taylor series: exact enough for |x| < 4. */
function erf(x: number): number {
  let term = x, total = x;
  for (let n = 1; n < 200; n++) {
    term *= -x * x / n;
    total += term / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * total;
}

const total = POINTS.reduce((sum, x) => sum + Math.exp(x), 0);
const PLAIN: Readonly<Record<ActivationName, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  tanh: Math.tanh,
  sigmoid: logistic,
  silu: (x) => x * logistic(x),
  hardsigmoid: clip,
  hardswish: (x) => x * clip(x),
  softmax: (x) => Math.exp(x) / total,
};

for (const name of activationNames) {
  Deno.test(`activation ${name} has the values of its formula`, async () => {
    const { output } = run(activation(name), value(POINTS));
    // The series for erf loses digits at 5 / sqrt(2).
    assertAllClose(
      await evaluate(output),
      POINTS.map(PLAIN[name]),
      { relative: 1e-10 },
      name,
    );
  });

  Deno.test(`activation ${name} has exact gradients`, async () => {
    await assertGradients(
      ({ x }) => weighted(run(activation(name), x).output),
      { x: value(POINTS) },
    );
  });
}

Deno.test("sigmoid and silu have finite values, gradients and second derivatives at +-1000", async () => {
  const x = constant(value([-1000, 1000]));
  const derivative = (y: Tensor): Tensor => gradients(sum(y), [x])[0];
  const expected = {
    sigmoid: [[0, 1], [0, 0], [0, 0]],
    silu: [[0, 1000], [0, 1], [0, 0]],
  };
  for (const [name, f] of Object.entries({ sigmoid, silu })) {
    let y = f(x);
    for (const numbers of expected[name as keyof typeof expected]) {
      assertAllClose(await evaluate(y), numbers, {}, name);
      y = derivative(y);
    }
  }
});

Deno.test("activation relu has the derivative 0 at 0", async () => {
  const x = constant(value([0]));
  const [gradient] = gradients(sum(run(activation("relu"), x).output), [x]);
  assertEquals([...(await evaluate(gradient)).data], [0]);
});

Deno.test("activation softmax stays finite for large logits", async () => {
  const { output } = run(activation("softmax"), value([1000, 0], [1, 2]));
  assertEquals([...(await evaluate(output)).data], [1, 0]);
});

Deno.test("activation refuses a name it does not know", () => {
  assertThrows(
    () => activation("toString" as ActivationName),
    RangeError,
    "its name must be one of relu, gelu",
  );
  assert(Object.isFrozen(activationNames));
});
