import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  averageFactors,
  type FactorAverages,
  factorObserver,
  type FreshFactors,
} from "../../src/analysis/mod.ts";
import { crossEntropy, initialize } from "../../src/layers/mod.ts";
import { mlp, modelByName } from "../../src/models/mod.ts";
import { officialPreset, paperPreset } from "../../src/optim/mod.ts";
import { DeviceState } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { intValue, randomNormal, value } from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";

function stateOf(model: ReturnType<typeof mlp>) {
  return new DeviceState(referenceDevice, {
    parameters: initialize(model.parameters, 3),
    buffers: initialize(model.buffers, 3),
  });
}

Deno.test("factorObserver: H and S of a softmax layer, by plain loops", async () => {
  const model = mlp([2, 3]);
  const state = stateOf(model);
  const x = [[1, 2], [-1, 0.5], [0.25, 3]], labels = [2, 0, 1];
  const { paper, official } = await factorObserver(model, crossEntropy, [
    "fc1",
  ])(
    state,
    {
      inputs: value(x.flat(), [3, 2]),
      labels: intValue(labels),
      key: intValue([0, 1]),
    },
  );
  const { parameters } = await state.read();
  const w = parameters["fc1.weight"].data, b = parameters["fc1.bias"].data;
  const h = x.map((row) => [...row, 1]);
  const s = x.map((row, i) => {
    const e = [0, 1, 2].map((o) =>
      Math.exp(w[2 * o] * row[0] + w[2 * o + 1] * row[1] + b[o])
    );
    const total = e[0] + e[1] + e[2];
    return e.map((exp, o) => exp / total - (o === labels[i] ? 1 : 0));
  });
  const gram = (rows: number[][]) =>
    [0, 1, 2].flatMap((a) =>
      [0, 1, 2].map((b) => rows.reduce((sum, r) => sum + r[a] * r[b], 0) / 3)
    );
  // Some roundings of numbers up to 4.
  const close = { absolute: 1e-14 };
  assertAllClose(paper.fc1.h, gram(h), close);
  assertAllClose(paper.fc1.s, gram(s), close);
  assertAllClose(official.fc1.h, gram(h), close);
  // The derivatives of the mean loss are a third of those of each sample's.
  assertAllClose(official.fc1.s, gram(s).map((entry) => entry / 9), close);
});

Deno.test("factorObserver: takes the chosen layers of a model alone", async () => {
  const model = modelByName("cnn", { inputShape: [1, 8, 8], classes: 10 });
  const names = model.kronecker.map(({ name }) => name);
  const chosen = [names[0], names.at(-1)!];
  const fresh = await factorObserver(model, crossEntropy, chosen)(
    stateOf(model),
    {
      inputs: value(randomNormal([1, 1], 1, 128), [2, 1, 8, 8]),
      labels: intValue([3, 7]),
      key: intValue([0, 1]),
    },
  );
  for (const form of ["paper", "official"] as const) {
    assertEquals(Object.keys(fresh[form]).sort(), [...chosen].sort());
    for (const layer of model.kronecker) {
      if (!chosen.includes(layer.name)) continue;
      const { h: [n], s: [m] } = layer.factorShapes(form);
      assertEquals(fresh[form][layer.name].h.shape, [n, n]);
      assertEquals(fresh[form][layer.name].s.shape, [m, m]);
    }
  }
});

Deno.test("factorObserver: names the layers there are", () => {
  const model = mlp([2, 3, 2]);
  assertThrows(
    () => factorObserver(model, crossEntropy, ["fc2", "fc3"]),
    RangeError,
    'layers must be among fc1, fc2, got "fc3"',
  );
  assertThrows(
    () => factorObserver(model, crossEntropy, []),
    RangeError,
    "among fc1, fc2, got none",
  );
});

/** A layer "a" with H and, for short, the same matrix as S. */
function freshOf(paper: number[], official = paper): FreshFactors {
  const pair = (data: number[]) => ({
    a: { h: value(data, [2, 2]), s: value(data, [2, 2]) },
  });
  return { paper: pair(paper), official: pair(official) };
}

Deno.test("averageFactors: both forms, by hand", () => {
  const first = averageFactors(undefined, freshOf([4, 1, 1, 2]), 1);
  assertEquals(first.paper.a.h, value(Float32Array.of(4, 1, 1, 2), [2, 2]));
  // Of float32 numbers below 4.
  const close = { absolute: 1e-6 };
  // 0.08 of the identity, and 0.008 of the min-max over all entries: 1, 0, 0, 1/3.
  const official = [0.088, 0, 0, 0.08 + 0.008 / 3];
  assertAllClose(first.official.a.h, official, close);
  // Of the diagonal 4, 2 by itself the min-max is 1, 0.
  const diagonal = [0.088, 0.08];
  assertAllClose(first.officialDiagonals.a.s, diagonal, close);

  const second = averageFactors(first, freshOf([0, -4, -4, 7]), 2);
  assertAllClose(second.paper.a.s, [3.2, 0, 0, 3], close);
  // The official code does not look at step 2.
  assertEquals(second.official, first.official);
  assertEquals(second.officialDiagonals, first.officialDiagonals);

  const later = averageFactors(second, freshOf([0, 1, 1, 2]), 101);
  assertAllClose(
    later.official.a.h,
    [0, 0.5, 0.5, 1].map((x, i) => 0.08 * official[i] + 0.008 * x),
    close,
  );
  assertAllClose(
    later.officialDiagonals.a.h,
    [0, 1].map((x, i) => 0.08 * diagonal[i] + 0.008 * x),
    close,
  );
  // What was given is as it was.
  assertEquals(first.paper.a.h.data[0], 4);
});

Deno.test("averageFactors: weights and interval are those of the presets", () => {
  assertEquals([paperPreset.decay, paperPreset.gain], [0.8, 0.2]);
  assertEquals([officialPreset.decay, officialPreset.gain], [0.08, 0.008]);
  assertEquals([paperPreset.interval, officialPreset.interval], [1, 100]);
});

Deno.test("averageFactors: a constant factor has no NaN", () => {
  const { official } = averageFactors(undefined, freshOf([3, 3, 3, 3]), 1);
  assertAlmostEquals(official.a.h.data[0], 0.08, 1e-8); // float32
  assertEquals(official.a.h.data[1], 0);
});

Deno.test("averageFactors: refuses numbers that are not finite, in any step", () => {
  const good: FactorAverages = averageFactors(
    undefined,
    freshOf([1, 0, 0, 1]),
    1,
  );
  assertThrows(
    () => averageFactors(good, freshOf([1, NaN, NaN, 1]), 7),
    RangeError,
    "paper factors of a: h must be finite, got NaN in step 7",
  );
  assertThrows(
    () =>
      averageFactors(undefined, freshOf([1, 0, 0, 1], [1, 0, 0, Infinity]), 1),
    RangeError,
    "official factors of a: h must be finite, got Infinity in step 1",
  );
});
