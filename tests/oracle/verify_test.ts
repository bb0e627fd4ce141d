import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import {
  compareTensors,
  type Device,
  exampleDescription,
  parseCase,
  readTrace,
  recordTrace,
  replay,
  replayableOptimizerNames,
  traceOptimizerNames,
  verifyTrace,
} from "../../src/oracle/mod.ts";
import { specOf } from "../../src/oracle/inputs.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { intValue, type Value, value } from "../../src/tensor/value.ts";
import {
  changed,
  foldersIn,
  localCases,
  sharedCases,
  smallRun,
} from "./helpers.ts";

/** What is recorded of an optimizer's state. */
const KINDS_OF: Readonly<Record<string, readonly string[]>> = {
  adafisher: ["h", "s"],
  adafisherw: ["h", "s"],
  kfac: ["a", "g", "direction"],
  "kfac-asdl": ["inverse of a", "inverse of g", "direction"],
  "shampoo-asdl": ["statistic", "direction"],
};

/** Verifies a case. */
async function verifyCase(folder: string): Promise<void> {
  const trace = await readTrace(folder);
  const { name } = trace.case.optimizer;
  const report = await verifyTrace(trace);
  assertEquals(report.problems, []);
  assert(report.passed, Deno.inspect(report.kinds));
  const kinds: string[] = report.kinds.map(({ kind }) => kind);
  const own = KINDS_OF[name] ?? [];
  for (const kind of ["loss", "gradient", ...own, "parameter"]) {
    assert(kinds.includes(kind), `${kind} was not compared`);
  }
}

for (
  const name of [
    "cnn-grouped-adafisher",
    "layers-adafisherw",
    "mlp-adafisher",
    "mlp-adahessian",
    "mlp-kfac",
    "mlp-kfac-asdl",
    "mlp-shampoo-asdl",
    "transformer-adafisherw",
  ]
) {
  Deno.test(`verifyTrace() passes the recorded case ${name}`, async () => {
    await verifyCase(join(localCases, name));
  });
}

const shared = foldersIn(sharedCases);
for (const name of shared) {
  Deno.test(`verifyTrace() passes the shared case ${name}`, async () => {
    await verifyCase(join(sharedCases, name));
  });
}
Deno.test({
  name: shared.length > 0
    ? `verifyTrace() has ${shared.length} shared cases to pass`
    : "verifyTrace() passes the shared cases (skipped: ../shared/oracle is not here)",
  ignore: shared.length === 0,
  fn: () => {
    assert(shared.includes("mlp-adafisher"), `got ${shared}`);
  },
});

const recorded = await readTrace(join(localCases, "mlp-adafisher"));

/** A copy of a recorded tensor with another number at a position. */
function tampered(key: string, position: number, by: number): Value {
  const tensor = recorded.tensors.get(key)!;
  const data = Float64Array.from(tensor.data);
  data[position] += by;
  return { ...tensor, data };
}

for (
  const [kind, key, position, index, step] of [
    ["loss", "losses", 6, [6], 7],
    ["loss", "step/3/loss", 0, [], 3],
    ["gradient", "step/2/grad/fc2.weight", 17, [1, 1], 2],
    ["h", "step/10/h/fc1", 10, [10], 10],
    ["s", "step/1/s/fc3", 2, [2], 1],
    ["parameter", "step/20/param/fc3.bias", 3, [3], 20],
  ] as const
) {
  for (const by of [1e-6, -1e-6, NaN]) {
    Deno.test(`verifyTrace() finds ${by} added to an entry of ${key}`, async () => {
      const report = await verifyTrace(
        changed(recorded, { [key]: tampered(key, position, by) }),
      );
      assertEquals(report.passed, false);
      const failing = report.kinds.filter(({ failed }) => failed > 0);
      assertEquals(failing.map(({ kind }) => kind), [kind]);
      assertEquals(failing[0].failed, 1);
      const { tensor, index: found, step: at, error } = failing[0].worst!;
      assertEquals({ tensor, found, at }, {
        tensor: key,
        found: index,
        at: step,
      });
      assertEquals(Number.isNaN(error), Number.isNaN(by));
    });
  }
}

Deno.test("verifyTrace() finds a changed entry of a buffer", async () => {
  const trace = await readTrace(join(localCases, "cnn-grouped-adafisher"));
  const key = "buffer/3/bn1.running_var";
  const tensor = trace.tensors.get(key)!;
  const data = Float64Array.from(tensor.data);
  data[5] += 1e-6;
  const report = await verifyTrace(
    changed(trace, { [key]: { ...tensor, data } }),
  );
  const buffer = report.kinds.find(({ kind }) => kind === "buffer")!;
  assertEquals(buffer.failed, 1);
  assertEquals(buffer.worst!.tensor, key);
  assertEquals(buffer.worst!.index, [5]);
});

for (
  const [what, changes, problem] of [
    [
      "a tensor that the trace lacks",
      { "step/2/s/fc1": undefined },
      "step/2/s/fc1 is missing in the trace",
    ],
    [
      "a tensor that the replay lacks",
      { "step/2/grad/fc9.weight": value([1]) },
      "step/2/grad/fc9.weight is in the trace, but the replay has no such tensor",
    ],
    [
      "a step that is not to be recorded",
      { "step/4/loss": value([1], []) },
      "step/4/loss is in the trace, but the replay has no such tensor",
    ],
    [
      "another shape",
      { "step/1/h/fc3": value([1, 2]) },
      "step/1/h/fc3 is float[2] in the trace, but float[13] in the replay",
    ],
    [
      "another type",
      { "step/1/param/fc3.bias": intValue([1, 2, 3, 4]) },
      "step/1/param/fc3.bias is int[4] in the trace, but float[4] in the replay",
    ],
  ] as const
) {
  Deno.test(`verifyTrace() fails for ${what}`, async () => {
    const report = await verifyTrace(changed(recorded, changes));
    assertEquals(report.passed, false);
    assertEquals(report.problems, [problem]);
  });
}

for (
  const key of [
    "step/1/root/fc1.weight",
    "step/2/foo",
    "step/1/h",
    "steps",
    "batch/1/z",
    "batch/21/x",
    "probe/1/fc1.weight",
    "probe/1/labels",
  ]
) {
  Deno.test(`verifyTrace() fails for ${key}, which no replay takes or gives`, async () => {
    const report = await verifyTrace(changed(recorded, { [key]: value([1]) }));
    assertEquals(report.problems, [
      `${key} is in the trace, but the replay has no such tensor`,
    ]);
    assertEquals(report.passed, false);
  });
}

for (
  const [what, changes, message] of [
    [
      "a parameter is missing",
      { "init/fc2.bias": undefined },
      "init/fc2.bias must be float[12], got nothing",
    ],
    [
      "a parameter has another shape",
      { "init/fc2.bias": value([1, 2]) },
      "init/fc2.bias must be float[12], got float[2]",
    ],
    [
      "there is a parameter too many",
      { "init/fc4.bias": value([1, 2]) },
      "init/fc4.bias must be a parameter of the model",
    ],
    [
      "a batch does not fit the model",
      { "batch/3/x": value([1, 2, 3], [1, 3]), "batch/3/y": intValue([0]) },
      "batch/3/x must fit the model, got float[1, 3]: Cannot apply linear layer fc1: input has 3 features, weight expects 10",
    ],
    [
      "a batch is empty",
      { "batch/3/x": value([], [0, 10]), "batch/3/y": intValue([]) },
      "batch/3/x must have at least one number, got float[0, 10]",
    ],
    [
      "a batch is missing",
      { "batch/20/y": undefined },
      "batch/20/y must be int[24], got nothing",
    ],
    [
      "a label is no class",
      { "batch/2/y": intValue([...new Array(23).fill(3), 4]) },
      "batch/2/y must be whole numbers from 0 to 3, got 4 at [23]",
    ],
    [
      "a label is negative",
      { "batch/20/y": intValue([-1, ...new Array(23).fill(3)]) },
      "batch/20/y must be whole numbers from 0 to 3, got -1 at [0]",
    ],
    [
      "labels are numbers",
      { "batch/1/y": value(new Array(24).fill(0)) },
      "batch/1/y must be int[24], got float[24]",
    ],
    [
      "there is a label too few",
      { "batch/1/y": intValue(new Array(23).fill(0)) },
      "batch/1/y must be int[24], got int[23]",
    ],
    [
      "a parameter is not finite",
      { "init/fc2.weight": tampered("init/fc2.weight", 17, NaN) },
      "init/fc2.weight must be finite, got NaN at [1, 1]",
    ],
    [
      "an input is infinite",
      { "batch/20/x": tampered("batch/20/x", 12, -Infinity) },
      "batch/20/x must be finite, got -Infinity at [1, 2]",
    ],
  ] as const
) {
  Deno.test(`verifyTrace() refuses a trace where ${what}`, async () => {
    const { message: said } = await assertRejects(
      () => verifyTrace(changed(recorded, changes)),
      RangeError,
      message,
    );
    assertStringIncludes(said, "Cannot verify case mlp-adafisher: ");
  });
}

Deno.test("verifyTrace() holds a float32 device to the float32 tolerance", async () => {
  const single: Device = { ...referenceDevice, name: "single", floatBytes: 4 };
  const key = "step/1/h/fc1";
  const off = changed(recorded, { [key]: tampered(key, 0, 5e-5) });
  const report = await verifyTrace(off, { device: single });
  assertEquals(report.device, "single");
  assertEquals(report.tolerance, 1e-4);
  assert(report.passed);
  assertEquals((await verifyTrace(off)).passed, false);
});

Deno.test("compareTensors() allows tolerance * max(1, |recorded|) exactly", () => {
  const one = (number: number) => new Map([["losses", value([number])]]);
  const passed = (recorded: number, replayed: number) =>
    compareTensors(one(recorded), one(replayed), 0.25).passed;
  assert(passed(0, 0.25));
  assert(!passed(0, 0.2500001));
  assert(passed(-8, -10));
  assert(!passed(-8, -10.1));
  assert(!passed(Infinity, Infinity));
  assert(!passed(NaN, NaN));
  assert(!passed(1, NaN));
});

Deno.test("compareTensors() does not pass where there is nothing to compare", () => {
  assertEquals(compareTensors(new Map(), new Map(), 1).passed, false);
});

Deno.test("replay() runs a last batch of another size", async () => {
  const { tensors } = await recordTrace(smallRun);
  const { batch: _, ...run } = smallRun;
  const smaller = new Map([
    ...tensors,
    ["batch/2/x", value([1, 2], [1, 2])],
    ["batch/2/y", intValue([2])],
  ]);
  const found = await replay(run, smaller, referenceDevice);
  const weight = found.get("step/1/param/fc.weight")!.data;
  const bias = found.get("step/1/param/fc.bias")!.data;
  const logits = [0, 1, 2].map((o) =>
    weight[2 * o] + 2 * weight[2 * o + 1] + bias[o]
  );
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const expected = Math.log(total) - logits[2];
  const loss = found.get("step/2/loss")!.data[0];
  assert(Math.abs(loss - expected) < 1e-12, `${loss} is not ${expected}`);
});

Deno.test("replay() leaves what it is given as it was", async () => {
  const before = new Map(
    [...recorded.tensors].map(([key, { data }]) => [key, data.slice()]),
  );
  await replay(recorded.case, recorded.tensors, referenceDevice);
  for (const [key, { data }] of recorded.tensors) {
    assertEquals(data, before.get(key), key);
  }
});

Deno.test("replayableOptimizerNames are all that the format has", () => {
  assertEquals(
    [...replayableOptimizerNames].sort(),
    [...traceOptimizerNames].sort(),
  );
});

for (const optimizer of ["adahessian", "kfac-asdl", "shampoo-asdl"]) {
  Deno.test(`verifyTrace() names the draw of ${optimizer} that a trace lacks`, async () => {
    const description = exampleDescription("mlp", optimizer);
    const trace = await recordTrace(description, { seed: 3 });
    assert((await verifyTrace(trace)).passed);
    const [key] = [...trace.tensors.keys()]
      .filter((key) => key.startsWith("probe/"));
    await assertRejects(
      () => verifyTrace(changed(trace, { [key]: undefined })),
      RangeError,
      `Cannot replay: ${key} must be ${
        specOf(trace.tensors.get(key)!)
      }, got nothing`,
    );
  });

  Deno.test(`verifyTrace() names what is wrong with a draw of ${optimizer}`, async () => {
    const description = exampleDescription("mlp", optimizer);
    const trace = await recordTrace(description, { seed: 3 });
    const [key] = [...trace.tensors.keys()]
      .filter((key) => key.startsWith("probe/")).slice(-1);
    const probe = trace.tensors.get(key)!;
    const last = probe.data.length - 1;
    const wrong = probe.dtype === "int" ? 4 : NaN;
    const data = probe.data.slice();
    data[last] = wrong;
    await assertRejects(
      () => verifyTrace(changed(trace, { [key]: { ...probe, data } })),
      RangeError,
      `${key} must be ${
        probe.dtype === "int" ? "whole numbers from 0 to 3" : "finite"
      }, got ${wrong} at [`,
    );
    const shorter = { ...probe, shape: [last], data: probe.data.slice(1) };
    await assertRejects(
      () => verifyTrace(changed(trace, { [key]: shorter })),
      RangeError,
      `${key} must be ${specOf(probe)}, got ${specOf(shorter)}`,
    );
  });
}

Deno.test("verifyTrace() names a token that an embedding has not", async () => {
  const trace = await readTrace(join(localCases, "transformer-adafisherw"));
  const key = "batch/2/x";
  const tokens = trace.tensors.get(key)!;
  for (const wrong of [-1, 11]) {
    const data = tokens.data.slice();
    data[data.length - 1] = wrong;
    const end = tokens.shape.map((extent) => extent - 1).join(", ");
    await assertRejects(
      () => verifyTrace(changed(trace, { [key]: { ...tokens, data } })),
      RangeError,
      `${key} must be whole numbers from 0 to 10, got ${wrong} at [${end}]`,
    );
  }
});

Deno.test("verifyTrace() names a target that is not finite", async () => {
  const trace = await readTrace(join(localCases, "layers-adafisherw"));
  const key = "batch/1/y";
  const targets = trace.tensors.get(key)!;
  const data = targets.data.slice();
  data[0] = Infinity;
  await assertRejects(
    () => verifyTrace(changed(trace, { [key]: { ...targets, data } })),
    RangeError,
    `${key} must be finite, got Infinity at [0, 0]`,
  );
});

const adamW = { lr: 0.5, beta1: 0.5, beta2: 0.5, eps: 1e-8, weightDecay: 0.1 };
for (
  const [what, optimizer, expected] of [
    [
      // By hand: g = -4, -2, 1, whose sums are v = -4, -6, -5.
      "sgd with a momentum of 1",
      {
        name: "sgd",
        lr: 0.25,
        momentum: 1,
        dampening: 0,
        nesterov: false,
        weightDecay: 0,
      },
      [2, 3.5, 4.75],
    ],
    // torch.optim.AdamW of PyTorch 1.13; the two part at step 3, where v falls.
    [
      "adamw with amsgrad",
      { name: "adamw", ...adamW, amsgrad: true },
      [1.44999999875, 1.8736521419944312, 2.2125395109542287],
    ],
    [
      "adamw",
      { name: "adamw", ...adamW },
      [1.44999999875, 1.8736521419944312, 2.267214074629274],
    ],
  ] as const
) {
  Deno.test(`replay() of ${what} moves as PyTorch does`, async () => {
    const json = {
      format: "adafisher-trace/1",
      about: "(w - 3)^2 from w = 1.",
      recordedBy: "a test",
      model: {
        layers: [{ type: "linear", name: "fc", in: 1, out: 1, bias: false }],
      },
      loss: "mse",
      optimizer,
      steps: 3,
      record: [1, 2, 3],
      tolerance: { float64: 0, float32: 0 },
    };
    const run = parseCase(JSON.stringify(json), "case.json");
    const one = (number: number) => value([number], [1, 1]);
    const batches = [1, 2, 3].flatMap((k): [string, Value][] => [
      [`batch/${k}/x`, one(1)],
      [`batch/${k}/y`, one(3)],
    ]);
    const tensors = new Map([["init/fc.weight", one(1)], ...batches]);
    const found = await replay(run, tensors, referenceDevice);
    for (const [i, w] of expected.entries()) {
      const { data } = found.get(`step/${i + 1}/param/fc.weight`)!;
      // Ten units in the last place: the same formula in another order.
      assertAlmostEquals(data[0], w, 4e-15, `step ${i + 1}`);
    }
  });
}
