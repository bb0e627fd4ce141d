import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  embedding,
  type Layer,
  linear,
  meanSquaredError,
  sequential,
} from "../../src/layers/mod.ts";
import {
  adafisher,
  type AdaFisherFields,
  type AdaFisherOptions,
  type AdaFisherState,
  adafisherW,
  decayMatching,
  minmax,
  officialPreset,
  paperPreset,
} from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  intValue,
  randomNormal,
  reshape,
  value,
} from "../../src/tensor/mod.ts";
import {
  asConstants,
  minimize,
  noLayers,
  tensors,
  type Values,
} from "./helpers.ts";
import {
  PlainAdaFisher,
  type PlainLayer,
  type PlainRun,
} from "./plain_adafisher.ts";

/** Rows of normal numbers. */
function rowsOf(seed: number, rows: number, columns: number): number[][] {
  const draws = randomNormal([seed, 3], 0, rows * columns);
  return Array.from(
    { length: rows },
    (_, r) => [...draws.slice(r * columns, (r + 1) * columns)],
  );
}

interface Case extends Pick<PlainRun, "trained" | "decays"> {
  /** Extents [in, out, whether there is a bias] of each layer. */
  readonly layers: readonly (readonly [number, number, boolean])[];
  readonly chain: readonly number[];
  readonly options?: AdaFisherOptions;
  readonly decoupled?: boolean;
}

const twoLayers = {
  layers: [[4, 3, true], [3, 2, true]],
  chain: [0, 1],
} as const;

const cases: Record<string, Case> = {
  "two linear layers": twoLayers,
  "layers without bias": {
    layers: [[4, 3, false], [3, 2, false]],
    chain: [0, 1],
  },
  "a layer with one input and one with one output": {
    layers: [[1, 3, false], [3, 1, true]],
    chain: [0, 1],
  },
  "a layer that is used twice": {
    layers: [[4, 3, true], [3, 3, true], [3, 2, true]],
    chain: [0, 1, 1, 2],
  },
  "a layer that the forward pass does not use": {
    layers: [[4, 3, true], [3, 3, true], [3, 2, true]],
    chain: [0, 2],
    options: { weightDecay: 0.1 },
    decoupled: true,
  },
  "a frozen weight": {
    ...twoLayers,
    trained: (layer, kind) => !(layer === 0 && kind === "weight"),
  },
  "observations at every third step": {
    ...twoLayers,
    options: { interval: 3 },
  },
  "L2 weight decay": { ...twoLayers, options: { weightDecay: 0.3 } },
  "decoupled weight decay": {
    ...twoLayers,
    options: { weightDecay: 0.3 },
    decoupled: true,
  },
  "L2 weight decay of weights alone": {
    ...twoLayers,
    options: { weightDecay: 0.3, decayMask: decayMatching(/weight$/) },
    decays: (_, kind) => kind === "weight",
  },
  "decoupled weight decay of weights alone": {
    ...twoLayers,
    options: { weightDecay: 0.3, decayMask: decayMatching(/weight$/) },
    decays: (_, kind) => kind === "weight",
    decoupled: true,
  },
};

/** The model of a case, and its first numbers, as a model's and as plain ones. */
function build({ layers, chain, trained = () => true }: Case) {
  const plain: PlainLayer[] = [];
  const start: Record<string, ReturnType<typeof value>> = {};
  const made = layers.map(([inputs, outputs, bias], i) => {
    const w = rowsOf(10 + i, outputs, inputs)
      .map((row) => row.map((number) => 0.4 * number));
    start[`fc${i}.weight`] = value(w.flat(), [outputs, inputs]);
    const b = bias ? rowsOf(20 + i, 1, outputs)[0] : undefined;
    if (b) start[`fc${i}.bias`] = value(b);
    plain.push(b ? { w, b } : { w });
    return linear(`fc${i}`, inputs, outputs, { bias });
  });
  const frozen = Object.keys(start).filter((name) => {
    const [layer, kind] = name.slice(2).split(".");
    return !trained(Number(layer), kind as "weight" | "bias");
  });
  const used = sequential(chain.map((i) => made[i]));
  // All layers belong to the model, those outside of the chain too.
  const model: Layer = { ...sequential(made), forward: used.forward };
  return { model, plain, start, frozen };
}

function numbersOf(layers: readonly PlainLayer[]): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  layers.forEach(({ w, b }, i) => {
    found[`fc${i}.weight`] = w.flat();
    if (b) found[`fc${i}.bias`] = b;
  });
  return found;
}

/** |a - b| <= 1e-12 max(1, |b|): twenty steps of rounding in another order. */
function assertClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  what: string,
): void {
  assertEquals(actual.length, expected.length, what);
  assert(expected.every(Number.isFinite), `${what}: ${expected}`);
  expected.forEach((b, i) =>
    assertAlmostEquals(
      actual[i],
      b,
      1e-12 * Math.max(1, Math.abs(b)),
      `${what}, entry ${i}`,
    )
  );
}

const presets: Record<"paper" | "official", AdaFisherFields> = {
  paper: paperPreset,
  official: officialPreset,
};

for (const preset of ["paper", "official"] as const) {
  for (const [title, given] of Object.entries(cases)) {
    const name = given.decoupled ? "adafisherW" : "adafisher";
    Deno.test(`${name} equals plain loops over 20 steps: ${preset}, ${title}`, async () => {
      const { model, plain, start, frozen } = build(given);
      // The official interval would leave 20 steps with one observation.
      const options: AdaFisherOptions = {
        preset,
        interval: 2,
        ...given.options,
      };
      const make = given.decoupled ? adafisherW : adafisher;
      const { decayMask: _mask, preset: _preset, ...changes } = options;
      const rate = preset === "paper" ? 1e-5 : 1e-4;
      const loops = new PlainAdaFisher(plain, {
        fields: { ...presets[preset], ...changes },
        decoupled: given.decoupled ?? false,
        rate,
        chain: given.chain,
        trained: given.trained,
        decays: given.decays,
      });
      const inputs = given.layers[0][0];
      const outputs = given.layers[given.chain.at(-1)!][1];
      const x = rowsOf(1, 5, inputs), y = rowsOf(2, 5, outputs);
      const X = constant(value(x.flat(), [5, inputs]));
      const Y = constant(value(y.flat(), [5, outputs]));
      const rest = asConstants(
        Object.fromEntries(frozen.map((n) => [n, start[n]])),
      );
      const trained: Values = Object.fromEntries(
        Object.entries(start).filter(([n]) => !frozen.includes(n)),
      );
      let last: Values = trained;
      await minimize(make(model, options), (parameters) => {
        const { output, uses } = model.forward(X, {
          parameters: { ...parameters, ...rest },
          buffers: {},
          training: true,
        });
        return { loss: meanSquaredError(output, Y), uses };
      }, {
        start: trained,
        steps: 20,
        rate,
        after: (k, parameters, state) => {
          loops.step(x, y);
          const expected = numbersOf(plain);
          assertEquals(Object.keys(parameters), Object.keys(trained));
          for (const [n, { data }] of Object.entries(parameters)) {
            assertClose(data, expected[n], `step ${k}, ${n}`);
          }
          const { factors } = state as {
            factors: Record<string, Record<"h" | "s", { data: Float64Array }>>;
          };
          plain.forEach((_, i) => {
            assertClose(
              factors[`fc${i}`].h.data,
              loops.h[i],
              `step ${k}, H ${i}`,
            );
            assertClose(
              factors[`fc${i}`].s.data,
              loops.s[i],
              `step ${k}, S ${i}`,
            );
          });
          last = parameters;
        },
      });
      // The comparison is of numbers that moved by far more than its tolerance.
      const first = Object.keys(trained)[0];
      assert(Math.abs(last[first].data[0] - trained[first].data[0]) > 1e-6);
    });
  }
}

/** One step by hand: W = 1, x = [1, 2], loss = mean((W x)^2), so s = [1, 2]. */
async function oneStep(
  options: AdaFisherOptions,
  make = adafisher,
): Promise<number[]> {
  const model = linear("fc", 2, 2, { bias: false });
  const result = await minimize(make(model, options), (parameters) => {
    const { output, uses } = model.forward(constant(value([1, 2], [1, 2])), {
      parameters,
      buffers: {},
      training: true,
    });
    return { loss: meanSquaredError(output, fill([1, 2], 0)), uses };
  }, {
    start: { "fc.weight": value([1, 0, 0, 1], [2, 2]) },
    steps: 1,
    rate: 1e-3,
  });
  return [...result["fc.weight"].data];
}

// g = s x' = [[1, 2], [2, 4]]; H' = x^2 = [1, 4], S' = s^2 = [1, 4]; m^ = g.

Deno.test("adafisher with the paper's preset takes a step worked out by hand", async () => {
  // minmax H = minmax S = [0, 1]; F = [[l, l], [l, 1 + l]], l = 0.001.
  assertClose(
    await oneStep({ preset: "paper" }),
    [1 - 1, 0 - 2, 0 - 2, 1 - 0.004 / 1.001],
    "weight",
  );
});

Deno.test("adafisher with the official preset takes a step worked out by hand", async () => {
  // The averages of ones are 0.08 + 0.008 minmax: [a, b] for both factors.
  const a = 0.08, b = 0.08 + 0.008 * 3 / 3.000001;
  assertClose(
    await oneStep({}),
    [
      1 - 0.001 / (a * a + 0.001),
      0 - 0.002 / (a * b + 0.001),
      0 - 0.002 / (a * b + 0.001),
      1 - 0.004 / (b * b + 0.001),
    ],
    "weight",
  );
});

Deno.test("adafisherW adds the decay after F, adafisher before it", async () => {
  const options: AdaFisherOptions = { preset: "paper", weightDecay: 0.5 };
  // theta = 1 at the last entry: g = 4.5 with L2, m^ / F + 0.5 without.
  const coupled = await oneStep(options);
  assertAlmostEquals(coupled[3], 1 - 0.001 * 4.5 / 1.001, 1e-14);
  const decoupled = await oneStep(options, adafisherW);
  assertAlmostEquals(decoupled[3], 1 - 0.001 * (4 / 1.001 + 0.5), 1e-14);
});

Deno.test("adafisher has F = 1 for a parameter of no layer with factors", async () => {
  const model = sequential([embedding("table", 3, 2), linear("fc", 2, 1)]);
  const optimizer = adafisher(model, { preset: "paper" });
  const start = {
    "table.weight": fill([3, 2], 1),
    "fc.weight": fill([1, 2], 1),
    "fc.bias": fill([1], 1),
  };
  const { parameters } = optimizer.update({
    parameters: start,
    gradients: start,
    state: optimizer.init(start),
    learningRate: fill([], 0.5),
    scalars: tensors(optimizer.scalars(1)),
  });
  const moved = await evaluate(parameters);
  assertClose(moved["table.weight"].data, [.5, .5, .5, .5, .5, .5], "table");
  // fc has averages of one, so F there is lambda + 0 for weight and bias.
  assertClose(moved["fc.bias"].data, [1 - 0.5 / 0.001], "bias");
});

Deno.test("adafisher trains what is behind a frozen embedding", async () => {
  const model = sequential([
    embedding("table", 3, 2, { frozen: true }),
    linear("fc", 2, 2),
  ]);
  const table = fill([3, 2], 1);
  const result = await minimize(adafisher(model), (parameters) => {
    const { output, uses } = model.forward(constant(intValue([0, 2])), {
      parameters: { ...parameters, "table.weight": table },
      buffers: {},
      training: true,
    });
    const loss = meanSquaredError(output, reshape(fill([4], 1), [2, 2]));
    return { loss, uses };
  }, {
    start: {
      "fc.weight": value([0, 0, 0, 0], [2, 2]),
      "fc.bias": value([0, 0]),
    },
    steps: 300,
    rate: 1e-4,
  });
  assertEquals(Object.keys(result), ["fc.weight", "fc.bias"]);
  const { "fc.weight": { data: [w0, w1] }, "fc.bias": { data: [b] } } = result;
  assertAlmostEquals(w0 + w1 + b, 1, 1e-6);
});

Deno.test("adafisher's observe averages the layers it is given and keeps the others", async () => {
  const model = sequential([linear("a", 2, 2), linear("b", 2, 2)]);
  const optimizer = adafisher(model, {
    decay: 0.5,
    gain: 0.25,
    preset: "paper",
  });
  const state = optimizer.init({});
  const { factors } = optimizer.curvature!.observe(
    state,
    { a: { h: constant(value([4, 8, 12])), s: constant(value([0, 4])) } },
    tensors(optimizer.scalars(2)),
  );
  const { a } = await evaluate(factors);
  assertEquals([...a.h.data], [1.5, 2.5, 3.5]);
  assertEquals([...a.s.data], [0.5, 1.5]);
  assertEquals(factors.b, state.factors.b);
});

Deno.test("adafisher's scalars replace the averages at step 1 of first-batch alone", () => {
  const first = adafisher(noLayers, { preset: "paper" });
  assertEquals(first.scalars(1), { correction: 1 - 0.9, decay: 0, gain: 1 });
  assertEquals(first.scalars(2), {
    correction: 1 - 0.9 ** 2,
    decay: 0.8,
    gain: 0.2,
  });
  const ones = adafisher(noLayers);
  assertEquals(ones.scalars(1).decay, 0.08);
  assertEquals(ones.scalars(1).gain, 0.008);
});

Deno.test("adafisher's init starts the averages at ones of the form's shapes", async () => {
  const model = linear("fc", 3, 2);
  const state: AdaFisherState = adafisher(model).init({ p: fill([2, 2], 7) });
  const { momentum, factors } = await evaluate(state);
  assertEquals([...momentum.p.data], [0, 0, 0, 0]);
  assertEquals([...factors.fc.h.data], [1, 1, 1, 1]);
  assertEquals([...factors.fc.s.data], [1, 1]);
});

Deno.test("minmax maps to [0, 1], a constant vector to zeros", async () => {
  const run = async (
    v: number[],
    fields: Pick<AdaFisherFields, "epsilon" | "single">,
  ) => [...(await evaluate(minmax(constant(value(v)), fields))).data];
  assertEquals(await run([3, 1, 5, 2], paperPreset), [0.5, 0, 1, 0.25]);
  assertEquals(await run([-4, -2], paperPreset), [0, 1]);
  assertEquals(await run([7, 7, 7], paperPreset), [0, 0, 0]);
  assertEquals(await run([7, 7, 7], officialPreset), [0, 0, 0]);
  assertEquals(await run([1, 3], officialPreset), [0, 2 / (2 + 1e-6)]);
});

Deno.test("minmax gives a single entry what `single` says", async () => {
  const v = constant(value([7]));
  for (const epsilon of [0, 1e-6]) {
    const one = await evaluate(minmax(v, { epsilon, single: "one" }));
    assertEquals([...one.data], [1]);
    const zero = await evaluate(minmax(v, { epsilon, single: "zero" }));
    assertEquals([...zero.data], [0]);
  }
});

Deno.test("paperPreset and officialPreset refuse to be changed", () => {
  for (const preset of [paperPreset, officialPreset]) {
    assertThrows(() => {
      (preset as { beta: number }).beta = 0.5;
    }, TypeError);
    assertEquals(preset.beta, 0.9);
  }
});

const invalid: readonly (readonly [object, string])[] = [
  [{ beta: 1.2 }, "Invalid beta: 1.2, must be in [0, 1)"],
  [{ beta: 1 }, "Invalid beta: 1, must be in [0, 1)"],
  [{ beta: -0.1 }, "Invalid beta: -0.1, must be in [0, 1)"],
  [{ beta: NaN }, "Invalid beta: NaN, must be in [0, 1)"],
  [{ beta: "0.5" }, "Invalid beta: 0.5, must be in [0, 1)"],
  [{ lambda: 0 }, "Invalid lambda: 0, must be a finite number above 0"],
  [{ lambda: NaN }, "Invalid lambda: NaN, must be a finite number above 0"],
  [{ decay: 1.1 }, "Invalid decay: 1.1, must be in [0, 1]"],
  [{ gain: -0.5 }, "Invalid gain: -0.5, must be in [0, 1]"],
  [
    { start: "zeros" },
    "Invalid start: zeros, must be one of ones, first-batch",
  ],
  [
    { normalize: "never" },
    "Invalid normalize: never, must be one of before-average, after-average",
  ],
  [
    { epsilon: Infinity },
    "Invalid epsilon: Infinity, must be a finite number of at least 0",
  ],
  [{ single: "two" }, "Invalid single: two, must be one of one, zero"],
  [{ form: "other" }, "Invalid form: other, must be one of paper, official"],
  [
    { interval: 0 },
    "Invalid interval: 0, must be a whole number of at least 1",
  ],
  [
    { interval: 1.5 },
    "Invalid interval: 1.5, must be a whole number of at least 1",
  ],
  [
    { weightDecay: -1e-3 },
    "Invalid weightDecay: -0.001, must be a finite number of at least 0",
  ],
  [
    { preset: "mine" },
    "Invalid preset: mine, must be one of official, paper",
  ],
  [
    { decoupled: true },
    "Invalid option: decoupled, adafisher takes beta, lambda",
  ],
];
for (const [options, message] of invalid) {
  Deno.test(`adafisher refuses ${Deno.inspect(options, { compact: true })}`, () => {
    assertThrows(() => adafisher(noLayers, options), RangeError, message);
    assertThrows(
      () => adafisherW(noLayers, options),
      RangeError,
      message.replace("adafisher takes", "adafisherw takes"),
    );
  });
}

Deno.test("adafisher takes an undefined option as not given", () => {
  const options = {
    preset: undefined,
    beta: undefined,
    weightDecay: undefined,
  };
  assertEquals(
    adafisher(noLayers, options).description,
    adafisher(noLayers).description,
  );
});

Deno.test("adafisher describes every field, and the mask where there is one", () => {
  assertEquals(
    adafisher(noLayers).description,
    "adafisher(beta 0.9, lambda 0.001, decay 0.08, gain 0.008, start ones, " +
      "normalize before-average, epsilon 0.000001, single zero, form official, " +
      "interval 100, weightDecay 0)",
  );
  const masked = (pattern: RegExp) =>
    adafisher(noLayers, { decayMask: decayMatching(pattern) }).description;
  assertNotEquals(masked(/weight/), masked(/bias/));
  assertEquals(
    masked(/weight/).endsWith("weightDecay 0, decay of names like /weight/)"),
    true,
  );
});
