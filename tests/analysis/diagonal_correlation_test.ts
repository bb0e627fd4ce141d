import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  adaFisherDiagonal,
  correlateDiagonals,
  fisherDiagonals,
} from "../../src/analysis/mod.ts";
import { conv2d, type Layer, linear } from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { officialPreset, paperPreset } from "../../src/optim/mod.ts";
import { DeviceState } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { intValue, value } from "../../src/tensor/mod.ts";

const model = mlp([1, 2, 1]); // fc1 [2, 1] + [2], fc2 [1, 2] + [1]

Deno.test("adaFisherDiagonal: H_D (x) S_D + lambda of every layer, in both orders", async () => {
  const averages = {
    fc1: { h: value([1, 5]), s: value([2, 10]) },
    fc2: { h: value([3, 1, 2]), s: value([4]) },
  };
  const lambda = 0.5;
  const paper = await adaFisherDiagonal(model, averages, {
    ...paperPreset,
    lambda,
  });
  // minmax: fc1 h = [0, 1], s = [0, 1]; fc2 h = [1, 0, 1/2], s = [1].
  assertEquals([...paper["fc1.weight"].data], [0.5, 0.5]);
  assertEquals([...paper["fc1.bias"].data], [0.5, 1.5]);
  assertEquals([...paper["fc2.weight"].data], [1.5, 0.5]);
  assertEquals([...paper["fc2.bias"].data], [1]);
  const official = await adaFisherDiagonal(model, averages, {
    ...officialPreset,
    lambda,
  });
  assertEquals([...official["fc1.weight"].data], [2.5, 10.5]);
  assertEquals([...official["fc2.bias"].data], [8.5]);
});

const x = {
  "fc1.weight": value([1, 2], [2, 1]),
  "fc1.bias": value([3, 4]),
  "fc2.weight": value([1, 10], [1, 2]),
  "fc2.bias": value([100]),
};

Deno.test("correlateDiagonals: each layer by itself, and all together", () => {
  const { layers, overall } = correlateDiagonals(model, x, {
    "fc1.weight": value([4, 3], [2, 1]),
    "fc1.bias": value([2, 1]),
    "fc2.weight": value([10, 1000], [1, 2]),
    "fc2.bias": value([1e5]),
  });
  assertEquals(Object.keys(layers), ["fc1", "fc2"]);
  assertAlmostEquals(layers.fc1.spearman!, -1, 1e-15);
  assertAlmostEquals(layers.fc2.spearman!, 1, 1e-15);
  // y = 10 x^2: a straight line of logarithms.
  assertAlmostEquals(layers.fc2.logPearson!, 1, 1e-15);
  assertEquals([layers.fc1.count, layers.fc2.count, overall.count], [4, 3, 7]);
  // Ranks of x: 1.5 3 4 5, 1.5 6 7; of y: 4 3 2 1, 5 6 7. Less their mean 4 the
  // products add to 8.5, the squares to 27.5 and 28.
  assertAlmostEquals(overall.spearman!, 8.5 / Math.sqrt(27.5 * 28), 1e-15);
});

Deno.test("correlateDiagonals: logarithms are of what is above 0 in both", () => {
  const { layers } = correlateDiagonals(model, x, {
    ...x,
    "fc1.weight": value([-5, 2], [2, 1]),
    "fc2.weight": value([0, 0], [1, 2]),
    "fc2.bias": value([0]),
  });
  assertEquals([layers.fc1.positive, layers.fc1.count], [3, 4]);
  assertAlmostEquals(layers.fc1.logPearson!, 1, 1e-15);
  assertAlmostEquals(layers.fc1.spearman!, 1, 1e-15);
  // Nothing above 0, and nothing that varies.
  assertEquals(layers.fc2, {
    count: 3,
    spearman: undefined,
    logPearson: undefined,
    positive: 0,
  });
});

Deno.test("correlateDiagonals: where the Kronecker approximation is exact, so are they", async () => {
  // One example of a linear softmax: the true Fisher is S_D (x) H_D, of this example.
  const fc = linear("fc", 3, 3);
  const state = new DeviceState(referenceDevice, {
    parameters: {
      "fc.weight": value([1, -1, 0, 0.5, 0, 2, -1, 1, 1], [3, 3]),
      "fc.bias": value([0.1, 0, -0.3]),
    },
    buffers: {},
  });
  const { true: exact } = await fisherDiagonals(fc, state, {
    inputs: value([0.5, -2, 3], [1, 3]),
    labels: intValue([1]),
  });
  const s = exact["fc.bias"]; // p (1 - p), as h of a bias is 1
  const F = await adaFisherDiagonal(fc, {
    fc: { h: value([0.25, 4, 9, 1]), s },
  }, { ...officialPreset, lambda: 1e-12 });
  const { spearman, logPearson } = correlateDiagonals(fc, F, exact).overall;
  assertAlmostEquals(spearman!, 1, 1e-12);
  // lambda is 1e-12 of entries of about 0.1.
  assertAlmostEquals(logPearson!, 1, 1e-9);
});

Deno.test("correlateDiagonals: leaves frozen parameters out", () => {
  const fc = linear("fc", 3, 1);
  const frozen: Layer = {
    ...fc,
    kronecker: fc.kronecker.map((layer) => ({
      ...layer,
      parameters: {
        ...layer.parameters,
        "fc.bias": { ...layer.parameters["fc.bias"], frozen: true },
      },
    })),
  };
  const weight = { "fc.weight": value([1, 2, 3], [1, 3]) };
  assertEquals(correlateDiagonals(frozen, weight, weight).overall.count, 3);
});

Deno.test("diagonals: refuse what does not fit the model", async () => {
  assertThrows(
    () => correlateDiagonals(model, x, { ...x, "fc1.bias": value([1]) }),
    RangeError,
    "fc1.bias must be [2], got [1]",
  );
  assertThrows(
    () => correlateDiagonals(model, {}, x),
    RangeError,
    "fc1.weight must be [2, 1], got none",
  );
  assertThrows(
    () =>
      correlateDiagonals(
        { ...conv2d("c", 1, 1, 1), name: "none", kronecker: [] },
        x,
        x,
      ),
    RangeError,
    'a layer with factors must be trained, got none in "none"',
  );
  await assertRejects(
    () =>
      adaFisherDiagonal(
        model,
        { fc1: { h: value([1, 2]), s: value([1, 2]) } },
        paperPreset,
      ),
    RangeError,
    "every layer must have averages, got none of fc2",
  );
});
