import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { encodeSafetensors, readSafetensors } from "../../src/io/mod.ts";
import {
  buildModel,
  formatCase,
  type LayerDescription,
  layerTypes,
  nearest,
  parseCase,
  readTrace,
  traceOptimizerNames,
} from "../../src/oracle/mod.ts";
import { foldersIn, localCases, sharedCases, withFolder } from "./helpers.ts";

const adafisher = {
  name: "adafisher",
  lr: 1e-3,
  beta: 0.9,
  lambda: 1e-3,
  gamma1: 0.92,
  gamma2: 0.008,
  curvatureInterval: 1,
  weightDecay: 0,
  normalization: "batch",
};

const adamW = {
  name: "adamw",
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.01,
};

const linear = { type: "linear", name: "fc", in: 2, out: 3, bias: true };
const conv = {
  type: "conv2d",
  name: "conv",
  in: 2,
  out: 4,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
  bias: false,
};
const pool = {
  type: "avg-pool-2d",
  kernel: [2, 2],
  stride: [2, 2],
  padding: [0, 0],
};

const whole = {
  format: "adafisher-trace/1",
  about: "One layer.",
  recordedBy: "a test",
  model: { layers: [linear] },
  loss: "cross-entropy",
  optimizer: adafisher,
  steps: 3,
  record: [1, 3],
  tolerance: { float64: 1e-9, float32: 1e-4 },
};

/** A case with one layer. */
const withLayer = (layer: unknown) => ({
  ...whole,
  model: { layers: [layer] },
});

/** A case with another optimizer. */
const withOptimizer = (change: object) => ({
  ...whole,
  optimizer: { ...adafisher, ...change },
});

const deep = (levels: number): unknown => {
  let layer: unknown = { type: "relu" };
  for (let i = 0; i < levels; i++) {
    layer = { type: "residual", body: [layer], shortcut: [] };
  }
  return layer;
};

for (
  const [json, ErrorType, message] of [
    [[], TypeError, "the whole must be an object, got an array of 0"],
    [null, TypeError, "the whole must be an object, got null"],
    [{}, TypeError, "format must be one of adafisher-trace/1, got nothing"],
    [
      { ...whole, format: "adafisher-trace/2" },
      RangeError,
      'format must be one of adafisher-trace/1, got "adafisher-trace/2"',
    ],
    [{ ...whole, about: 3 }, TypeError, "about must be a text, got 3"],
    [
      { ...whole, recordedBy: "" },
      RangeError,
      'recordedBy must be a text that is not empty, got ""',
    ],
    [
      { ...whole, model: [] },
      TypeError,
      "model must be an object, got an array of 0",
    ],
    [
      { ...whole, model: { layers: {} } },
      TypeError,
      "model.layers must be a list, got an object",
    ],
    [
      { ...whole, model: { layers: [], depth: 3 } },
      RangeError,
      'model must have no field but layers, got "depth"',
    ],
    [
      { ...whole, loss: "crossentropy" },
      RangeError,
      'loss must be one of cross-entropy, mse, got "crossentropy" (did you mean "cross-entropy"?)',
    ],
    [
      { ...whole, steps: 0 },
      RangeError,
      "steps must be a whole number of at least 1, got 0",
    ],
    [{ ...whole, steps: "3" }, TypeError, 'got "3"'],
    [
      { ...whole, record: [1, 4] },
      RangeError,
      "record[1] must be a whole number of at least 1 and of at most 3, got 4",
    ],
    [
      { ...whole, record: [2, 1] },
      RangeError,
      "record must be a list of ascending steps",
    ],
    [{ ...whole, record: [0] }, RangeError, "record[0]"],
    [{ ...whole, record: [1.5] }, RangeError, "record[0]"],
    [
      { ...whole, tolerance: 1e-9 },
      TypeError,
      "tolerance must be an object, got 1e-9",
    ],
    [
      { ...whole, tolerance: { float64: -1, float32: 0 } },
      RangeError,
      "tolerance.float64 must be a finite number of at least 0, got -1",
    ],
    [
      { ...whole, tolerance: { float64: 0, float32: 0, float16: 0 } },
      RangeError,
      'got "float16" (did you mean "float64"?)',
    ],
    [
      { ...whole, schedule: "cosine" },
      RangeError,
      'the whole must have no field but format, recordedBy, about, model, loss, optimizer, steps, record, tolerance, got "schedule"',
    ],
    [
      withLayer("relu"),
      TypeError,
      'model.layers[0] must be an object, got "relu"',
    ],
    [
      withLayer({ type: "conv2" }),
      RangeError,
      'got "conv2" (did you mean "conv2d"?)',
    ],
    [
      withLayer({ type: "constructor" }),
      RangeError,
      "model.layers[0].type must be one of linear, conv2d, ",
    ],
    [
      withLayer({ ...linear, out: 2.5 }),
      RangeError,
      "model.layers[0].out must be a whole number of at least 1, got 2.5",
    ],
    [
      withLayer({ ...linear, bias: 1 }),
      TypeError,
      "model.layers[0].bias must be true or false, got 1",
    ],
    [
      withLayer({ ...linear, name: undefined }),
      TypeError,
      "model.layers[0].name must be a text, got nothing",
    ],
    [
      withLayer({ ...linear, dropout: 0.1 }),
      RangeError,
      'model.layers[0] must have no field but type, name, in, out, bias, got "dropout"',
    ],
    [
      withLayer({ ...conv, kernel: [3] }),
      RangeError,
      "model.layers[0].kernel must be a list of 2, got an array of 1",
    ],
    [
      withLayer({ ...conv, padding: [1, -1] }),
      RangeError,
      "model.layers[0].padding[1] must be a whole number of at least 0, got -1",
    ],
    [
      withLayer({ ...conv, stride: 1 }),
      TypeError,
      "model.layers[0].stride must be a list of 2, got 1",
    ],
    [
      withLayer({ type: "layer-norm", name: "n", shape: [], eps: 0 }),
      RangeError,
      "model.layers[0].shape must be a list of at least 1",
    ],
    [
      withLayer({
        type: "batch-norm-2d",
        name: "n",
        features: 2,
        eps: 0,
        momentum: 2,
      }),
      RangeError,
      "model.layers[0].momentum must be a finite number of at least 0 and of at most 1, got 2",
    ],
    [
      withLayer({
        type: "residual",
        body: [{ type: "residual", body: [], shortcut: [{ type: "rel" }] }],
        shortcut: [],
      }),
      RangeError,
      "model.layers[0].body[0].shortcut[0].type must be one of",
    ],
    [withLayer(deep(150)), RangeError, "nested at most 100 levels deep"],
    [
      { ...whole, optimizer: { ...adafisher, name: "AdaFisher" } },
      RangeError,
      'got "AdaFisher" (did you mean "adafisher"?)',
    ],
    [
      withOptimizer({ name: "toString" }),
      RangeError,
      "optimizer.name must be one of adafisher, adafisherw, sgd, ",
    ],
    [
      withOptimizer({ lambda: null }),
      TypeError,
      "optimizer.lambda must be a finite number of at least 0, got null",
    ],
    [
      withOptimizer({ lr: -1 }),
      RangeError,
      "optimizer.lr must be a finite number of at least 0, got -1",
    ],
    [
      withOptimizer({ beta: 1 }),
      RangeError,
      "optimizer.beta must be a finite number of at least 0 and below 1, got 1",
    ],
    [
      withOptimizer({ curvatureInterval: 0 }),
      RangeError,
      "optimizer.curvatureInterval must be a whole number of at least 1, got 0",
    ],
    [
      withOptimizer({ normalization: "batches" }),
      RangeError,
      'got "batches" (did you mean "batch"?)',
    ],
    // What PyTorch has, and the format has not, is not left out in silence.
    [
      { ...whole, optimizer: { ...adamW, maximize: true } },
      RangeError,
      'optimizer must have no field but name, lr, beta1, beta2, eps, weightDecay, amsgrad, got "maximize"',
    ],
    [
      { ...whole, optimizer: { ...adamW, amsgrad: 1 } },
      TypeError,
      "optimizer.amsgrad must be true or false, got 1",
    ],
    [
      withOptimizer({ gamma: 0.8 }),
      RangeError,
      'got "gamma" (did you mean "gamma1"?)',
    ],
  ] as const
) {
  Deno.test(`parseCase() refuses a case where ${message}`, () => {
    const error = assertThrows(
      () => parseCase(JSON.stringify(json), "some/case.json"),
      ErrorType,
      message,
    );
    assert(error.message.startsWith("Cannot read case some/case.json: "));
  });
}

for (
  const [what, text, message] of [
    ["no JSON", "{", "the file must be JSON"],
    ["an empty file", "", "the file must be JSON"],
    [
      "a key that comes twice",
      '{"format": "a", "model": {"layers": [], "layers": []}}',
      '"model" > "layers" twice',
    ],
  ] as const
) {
  Deno.test(`parseCase() refuses ${what}`, () => {
    assertThrows(() => parseCase(text, "case.json"), SyntaxError, message);
  });
}

Deno.test("parseCase() refuses a number that JSON reads as infinite", () => {
  const text = JSON.stringify(whole).replace('"lr":0.001', '"lr":1e999');
  assertThrows(() => parseCase(text, "case.json"), RangeError, "optimizer.lr");
});

Deno.test("parseCase() takes what may be absent as false or empty", () => {
  const layers = [
    { type: "embedding", name: "e", count: 2, dim: 3 },
    { type: "residual", body: [] },
  ];
  const text = JSON.stringify({ ...whole, model: { layers } });
  const found = parseCase(text, "case.json");
  assertEquals(found.layers[1], { type: "residual", body: [], shortcut: [] });
  assertEquals(
    buildModel(found.layers).parameters["e.weight"].frozen,
    undefined,
  );
});

for (const folder of [localCases, sharedCases]) {
  for (const name of foldersIn(folder)) {
    Deno.test(
      `formatCase() keeps what parseCase() reads of ${
        folder === localCases ? "" : "the shared case "
      }${name}`,
      async () => {
        const path = join(folder, name, "case.json");
        const text = await Deno.readTextFile(path);
        const found = parseCase(text, path);
        assertEquals(JSON.parse(formatCase(found)), JSON.parse(text));
      },
    );
  }
}

/** One description of each type. */
const examples: Readonly<Record<string, object>> = {
  linear,
  conv2d: conv,
  "batch-norm-2d": {
    type: "batch-norm-2d",
    name: "bn",
    features: 4,
    eps: 1e-5,
    momentum: 0.1,
  },
  "layer-norm": { type: "layer-norm", name: "ln", shape: [2, 3], eps: 1e-5 },
  embedding: { type: "embedding", name: "e", count: 5, dim: 4, frozen: true },
  attention: { type: "attention", name: "a", dim: 4, heads: 2, causal: true },
  "max-pool-2d": { ...pool, type: "max-pool-2d" },
  "avg-pool-2d": pool,
  residual: { type: "residual", body: [linear], shortcut: [{ type: "relu" }] },
};

Deno.test("buildModel() builds every type of layer that the format has", () => {
  const built: Record<string, string[]> = {};
  for (const type of layerTypes) {
    const layer = examples[type] ?? { type };
    const text = JSON.stringify(withLayer(layer));
    const model = buildModel(parseCase(text, "case.json").layers);
    built[type] = Object.entries(model.parameters).map(([name, spec]) =>
      `${name} [${spec.shape}]${spec.frozen ? " frozen" : ""}`
    );
  }
  const none: string[] = [];
  assertEquals(built, {
    linear: ["fc.weight [3,2]", "fc.bias [3]"],
    conv2d: ["conv.weight [4,2,3,3]"],
    "batch-norm-2d": ["bn.weight [4]", "bn.bias [4]"],
    "layer-norm": ["ln.weight [2,3]", "ln.bias [2,3]"],
    embedding: ["e.weight [5,4] frozen"],
    attention: ["query", "key", "value", "output"].flatMap((part) => [
      `a.${part}.weight [4,4]`,
      `a.${part}.bias [4]`,
    ]),
    relu: none,
    gelu: none,
    tanh: none,
    sigmoid: none,
    hardswish: none,
    softmax: none,
    "max-pool-2d": none,
    "avg-pool-2d": none,
    "global-avg-pool-2d": none,
    flatten: none,
    residual: ["fc.weight [3,2]", "fc.bias [3]"],
  });
});

Deno.test("buildModel() refuses two layers of one name", () => {
  const twice = [linear, linear] as LayerDescription[];
  assertThrows(() => buildModel(twice), RangeError, "two layers are named fc");
});

Deno.test("traceOptimizerNames has all thirteen of the format", () => {
  assertEquals(traceOptimizerNames.length, 13);
  assert(traceOptimizerNames.includes("shampoo-asdl"));
});

/** Copies a recorded case, changes it, and reads it. */
async function readChanged(
  change: (folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    for (const file of ["case.json", "trace.safetensors"]) {
      const from = join(localCases, "mlp-adafisher", file);
      await Deno.copyFile(from, join(folder, file));
    }
    await change(folder);
    await readTrace(folder);
  });
}

Deno.test("readTrace() names the file that a folder lacks", async () => {
  for (const file of ["case.json", "trace.safetensors"]) {
    await assertRejects(
      () => readChanged((folder) => Deno.remove(join(folder, file))),
      Deno.errors.NotFound,
      `${file}: a case must have this file, got none`,
    );
    await assertRejects(
      () =>
        readChanged(async (folder) => {
          await Deno.remove(join(folder, file));
          await Deno.mkdir(join(folder, file));
        }),
      Deno.errors.IsADirectory,
      `${file}: a case must have this file, got a folder`,
    );
  }
});

Deno.test("readTrace() refuses a trace that is cut off", async () => {
  for (const bytes of [0, 7, 100, 94_000]) {
    await assertRejects(
      () =>
        readChanged((folder) =>
          Deno.truncate(join(folder, "trace.safetensors"), bytes)
        ),
      RangeError,
      "trace.safetensors",
    );
  }
});

Deno.test("readTrace() refuses tensors of another precision, and a missing batch", async () => {
  const path = join(localCases, "mlp-adafisher", "trace.safetensors");
  const { tensors } = await readSafetensors(path);
  const withTensors = (change: (all: typeof tensors) => void) =>
    readChanged(async (folder) => {
      const copy = new Map(tensors);
      change(copy);
      await Deno.writeFile(
        join(folder, "trace.safetensors"),
        encodeSafetensors(copy),
      );
    });
  await withTensors(() => {});
  await assertRejects(
    () =>
      withTensors((all) =>
        all.set("losses", {
          dtype: "F32",
          shape: [1],
          data: Float32Array.of(1),
        })
      ),
    RangeError,
    'tensor "losses" must be F64, or I64 for labels and tokens, got F32',
  );
  await assertRejects(
    () => withTensors((all) => all.delete("batch/20/y")),
    RangeError,
    'got no tensor "batch/20/y"',
  );
  await assertRejects(
    () =>
      withTensors((all) =>
        all.set("batch/1/y", {
          dtype: "I64",
          shape: [1],
          data: BigInt64Array.of(2n ** 40n),
        })
      ),
    RangeError,
    "must fit 32 bits",
  );
});

for (
  const [word, words, expected] of [
    ["adafsher", ["adam", "adafisher", "adafisherw"], "adafisher"],
    ["ADAM", ["adamw", "adam"], "adam"],
    ["relu6", ["gelu", "relu"], "relu"],
    ["xyz", ["adam", "relu"], undefined],
    ["", ["adam"], undefined],
    ["adam", [], undefined],
    ["a".repeat(1000), ["adam"], undefined],
  ] as const
) {
  Deno.test(`nearest() of ${word.slice(0, 10) || "nothing"} among ${words.join(", ") || "none"} is ${expected}`, () => {
    assertEquals(nearest(word, words), expected);
  });
}
