import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import {
  type Examples,
  fisherDiagonals,
  hessianDiagonal,
} from "../../src/analysis/mod.ts";
import {
  activation,
  batchNorm2d,
  constants,
  conv2d,
  crossEntropy,
  flatten,
  initialize,
  type Layer,
  linear,
  sequential,
} from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { DeviceState } from "../../src/program/mod.ts";
import { evaluate, referenceDevice } from "../../src/reference/mod.ts";
import {
  constant,
  dot,
  intValue,
  randomNormal,
  sizeOf,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";

type Values = Record<string, Value>;

function normal(stream: number, shape: readonly number[]): Value {
  return value(randomNormal([5, 0], stream, sizeOf(shape)), shape);
}

function stateOf(parameters: Values, buffers: Values = {}) {
  return new DeviceState(referenceDevice, { parameters, buffers });
}

/** Loss of examples in evaluation mode, with one number of one parameter moved. */
async function lossAt(
  model: Layer,
  { parameters, buffers }: { parameters: Values; buffers: Values },
  { inputs, labels }: Examples,
  [name, i, by]: readonly [string, number, number],
): Promise<number> {
  const { data, shape } = parameters[name];
  const moved = Float64Array.from(data);
  moved[i] += by;
  const { output } = model.forward(constant(inputs), {
    parameters: constants({ ...parameters, [name]: value(moved, shape) }),
    buffers: constants(buffers),
    training: false,
  });
  const loss = crossEntropy(output, constant(labels));
  return (await evaluate(loss)).data[0];
}

// A softmax of a linear layer: everything is known in closed form.
const softmaxModel = linear("fc", 3, 4);
const softmaxExamples = {
  inputs: normal(1, [5, 3]),
  labels: intValue([0, 3, 1, 1, 2]),
};
const softmaxParameters = {
  "fc.weight": normal(2, [4, 3]),
  "fc.bias": normal(3, [4]),
};

/** Mean over the examples of some weight of (p, is the label) times x^2, [4, 4]. */
function closedForm(weight: (p: number, hit: boolean) => number): number[] {
  const W = softmaxParameters["fc.weight"].data;
  const b = softmaxParameters["fc.bias"].data;
  const found = new Array<number>(16).fill(0);
  for (let n = 0; n < 5; n++) {
    const h = [0, 1, 2].map((j) => softmaxExamples.inputs.data[3 * n + j]);
    h.push(1);
    const powers = [0, 1, 2, 3].map((c) =>
      Math.exp(
        h[0] * W[3 * c] + h[1] * W[3 * c + 1] + h[2] * W[3 * c + 2] + b[c],
      )
    );
    const total = powers.reduce((a, b) => a + b);
    powers.forEach((power, c) => {
      const hit = softmaxExamples.labels.data[n] === c;
      h.forEach((x, j) => {
        found[4 * c + j] += weight(power / total, hit) * x * x / 5;
      });
    });
  }
  return found;
}

/** Weight and bias of the linear layer as rows of four: what closedForm gives. */
function rows(diagonal: Readonly<Record<string, Value>>): Value {
  const weight = diagonal["fc.weight"].data, bias = diagonal["fc.bias"].data;
  return value(
    [0, 1, 2, 3].flatMap((c) => [
      ...[0, 1, 2].map((j) => weight[3 * c + j]),
      bias[c],
    ]),
    [4, 4],
  );
}

// Sums of some ten terms of about 1, in float64.
const ROUNDING = { relative: 1e-13, absolute: 1e-15 };

Deno.test("fisherDiagonals: of a linear softmax, p (1 - p) x^2 and (p - y)^2 x^2", async () => {
  const found = await fisherDiagonals(
    softmaxModel,
    stateOf(softmaxParameters),
    softmaxExamples,
  );
  assertAllClose(rows(found.true), closedForm((p) => p * (1 - p)), ROUNDING);
  assertAllClose(
    rows(found.empirical),
    closedForm((p, hit) => (p - (hit ? 1 : 0)) ** 2),
    ROUNDING,
  );
});

Deno.test("fisherDiagonals: squared differences of log p, through convolution and batch-norm", async () => {
  const model = sequential([
    conv2d("conv", 1, 2, 2),
    batchNorm2d("bn", 2),
    activation("tanh"),
    flatten(),
    linear("fc", 8, 3),
  ]);
  const values = {
    parameters: initialize(model.parameters, 1),
    // Running statistics that are not those of the batch.
    buffers: {
      ...initialize(model.buffers, 1),
      "bn.running_mean": value([0.3, -0.2]),
      "bn.running_var": value([2, 0.5]),
    },
  };
  const examples = {
    inputs: normal(4, [3, 1, 3, 3]),
    labels: intValue([2, 0, 1]),
  };
  const found = await fisherDiagonals(
    model,
    stateOf(values.parameters, values.buffers),
    examples,
  );
  const step = 1e-5;
  const one = (n: number, label: number) => ({
    inputs: value(examples.inputs.data.slice(9 * n, 9 * n + 9), [1, 1, 3, 3]),
    labels: intValue([label]),
  });
  for (const [name, { shape }] of Object.entries(model.parameters)) {
    const exact = new Float64Array(sizeOf(shape));
    const empirical = new Float64Array(sizeOf(shape));
    for (let i = 0; i < exact.length; i++) {
      for (let n = 0; n < 3; n++) {
        for (let label = 0; label < 3; label++) {
          const at = (by: number) =>
            lossAt(model, values, one(n, label), [name, i, by]);
          const slope = (await at(step) - await at(-step)) / (2 * step);
          exact[i] += Math.exp(-await at(0)) * slope ** 2 / 3;
          if (label === examples.labels.data[n]) empirical[i] += slope ** 2 / 3;
        }
      }
    }
    // Central differences: 1e-16 / 1e-5 of rounding, 1e-10 of the third derivative,
    // each times a slope of up to about 3.
    const tolerance = { absolute: 1e-9 };
    assertAllClose(found.true[name], exact, tolerance, name);
    assertAllClose(found.empirical[name], empirical, tolerance, name);
  }
});

Deno.test("fisherDiagonals: leaves frozen parameters out and says how far it is", async () => {
  const frozen: Layer = {
    ...softmaxModel,
    parameters: {
      ...softmaxModel.parameters,
      "fc.bias": { ...softmaxModel.parameters["fc.bias"], frozen: true },
    },
  };
  const heard: number[] = [];
  const found = await fisherDiagonals(
    frozen,
    stateOf(softmaxParameters),
    softmaxExamples,
    { onExample: (done) => void heard.push(done) },
  );
  assertEquals(Object.keys(found.true), ["fc.weight"]);
  assertEquals(heard, [1, 2, 3, 4, 5]);
});

Deno.test("hessianDiagonal: of a quadratic, the diagonal and what chance adds to it", async () => {
  const inputs = value([1, 2, 3, 1], [2, 2]);
  const probes = 16;
  const { diagonal, standardError } = await hessianDiagonal(
    linear("fc", 2, 1, { bias: false }),
    (output) => dot(output, output),
    stateOf({ "fc.weight": value([7, -2], [1, 2]) }),
    { inputs, labels: intValue([0, 0]) },
    { probes },
  );
  // The sum of squares of X w has the Hessian 2 X^T X = [20, 10; 10, 10].
  const [a, b] = diagonal["fc.weight"].data;
  // v (H v) is the diagonal, plus v1 v2 times the entry off it, 10, in both rows.
  const chance = (a - 20) / 10;
  assertAlmostEquals(b, 10 + 10 * chance, 1e-12);
  assert(Math.abs(chance) < 1, `all ${probes} probes alike`);
  const error = 10 * Math.sqrt((1 - chance ** 2) / (probes - 1));
  for (const found of standardError["fc.weight"].data) {
    assertAlmostEquals(found, error, 1e-12);
  }
});

Deno.test("hessianDiagonal: of a linear softmax it is the true Fisher, within its error", async () => {
  const state = stateOf(softmaxParameters);
  const { diagonal, standardError } = await hessianDiagonal(
    softmaxModel,
    crossEntropy,
    state,
    softmaxExamples,
    { probes: 200, seed: 3 },
  );
  const exact = closedForm((p) => p * (1 - p));
  const found = rows(diagonal).data, errors = rows(standardError).data;
  exact.forEach((entry, i) => {
    // Chance goes beyond four standard errors once in 16,000 entries; here are 16.
    assert(
      Math.abs(found[i] - entry) < 4 * errors[i],
      `[${i}]: ${found[i]} +- ${errors[i]}, not ${entry}`,
    );
    // The errors are small enough to tell the entries from 0.
    assert(errors[i] < 0.05, `[${i}]: ${errors[i]}`);
  });
});

Deno.test("hessianDiagonal: of a perceptron, second differences within its error", async () => {
  const model = mlp([2, 4, 3], { activation: "tanh" });
  const parameters = initialize(model.parameters, 2);
  const examples = {
    inputs: normal(6, [6, 2]),
    labels: intValue([0, 1, 2, 0, 1, 2]),
  };
  const { diagonal, standardError } = await hessianDiagonal(
    model,
    crossEntropy,
    stateOf(parameters),
    examples,
    { probes: 200 },
  );
  const step = 1e-4;
  let negative = 0;
  for (const [name, { data }] of Object.entries(diagonal)) {
    for (let i = 0; i < data.length; i++) {
      const at = (by: number) =>
        lossAt(model, { parameters, buffers: {} }, examples, [name, i, by]);
      const second = (await at(step) - 2 * await at(0) + await at(-step)) /
        step ** 2;
      if (second < 0) negative++;
      // Four standard errors as above; differences are good to 1e-16 / step^2.
      const tolerance = 4 * standardError[name].data[i] + 1e-6;
      assertAlmostEquals(data[i], second, tolerance, `${name} ${i}`);
    }
  }
  assert(negative > 0, "signs are not put to the test");
});

Deno.test("hessianDiagonal: the same seed, the same numbers; another, others", async () => {
  const run = async (seed: number) =>
    (await hessianDiagonal(
      softmaxModel,
      crossEntropy,
      stateOf(softmaxParameters),
      softmaxExamples,
      { probes: 2, seed },
    )).diagonal;
  const first = await run(1);
  assertEquals(await run(1), first);
  assert((await run(2))["fc.bias"].data[0] !== first["fc.bias"].data[0]);
});

Deno.test("curvature diagonals: refuse what they cannot be taken of", async () => {
  const state = stateOf(softmaxParameters);
  const { inputs } = softmaxExamples;
  await assertRejects(
    () =>
      fisherDiagonals(softmaxModel, state, { inputs, labels: intValue([1]) }),
    RangeError,
    "inputs must be [N, ...] and labels [N] with N at least 1, got [5, 3] and [1]",
  );
  await assertRejects(
    () =>
      fisherDiagonals(softmaxModel, state, {
        inputs,
        labels: intValue([0, 0, 4, 0, 0]),
      }),
    RangeError,
    "labels must be below 4, got 4 at [2]",
  );
  await assertRejects(
    () =>
      fisherDiagonals(
        softmaxModel,
        stateOf({
          ...softmaxParameters,
          "fc.bias": value([0, NaN, 0, 0]),
        }),
        softmaxExamples,
      ),
    RangeError,
    "fc.weight must be finite, got NaN at [0] of example 0",
  );
  await assertRejects(
    () =>
      hessianDiagonal(softmaxModel, crossEntropy, state, softmaxExamples, {
        probes: 1,
      }),
    RangeError,
    "probes must be a whole number of at least 2, got 1",
  );
  await assertRejects(
    () =>
      hessianDiagonal(softmaxModel, crossEntropy, state, softmaxExamples, {
        seed: -1,
      }),
    RangeError,
    "seed",
  );
});
