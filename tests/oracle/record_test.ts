import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { join } from "node:path";
import {
  exampleDescription,
  exampleModels,
  exampleOptimizers,
  parseDescription,
  readTrace,
  type RecordingDescription,
  recordTrace,
  verifyTrace,
  writeTrace,
} from "../../src/oracle/mod.ts";
import { localCases, smallRun, withFolder } from "./helpers.ts";

for (const model of exampleModels) {
  for (const optimizer of exampleOptimizers) {
    Deno.test(`recordTrace() writes what verifyTrace() finds again exactly: ${model}, ${optimizer}`, async () => {
      await withFolder(async (folder) => {
        const description = exampleDescription(model, optimizer);
        await writeTrace(folder, await recordTrace(description, { seed: 3 }));
        const report = await verifyTrace(await readTrace(folder));
        assert(report.passed);
        assertEquals(report.problems, []);
        for (const { kind, worst } of report.kinds) {
          assertEquals(worst?.error, 0, kind);
        }
      });
    });
  }
}

Deno.test("recordTrace() covers a loss of numbers and every layer of a recorded case", async () => {
  const { case: found } = await readTrace(
    join(localCases, "layers-adafisherw"),
  );
  const batch = { size: 3, input: [2, 8, 9] };
  const trace = await recordTrace({ ...found, batch });
  assertEquals(trace.tensors.get("batch/1/y")?.shape, [3, 3]);
  assertEquals(trace.tensors.get("batch/1/y")?.dtype, "float");
  assert((await verifyTrace(trace)).passed);
});

/** The two files of a recording. */
async function bytesOf(
  description: RecordingDescription,
  seed: number,
): Promise<Uint8Array[]> {
  let files: Uint8Array[] = [];
  await withFolder(async (folder) => {
    await writeTrace(folder, await recordTrace(description, { seed }));
    files = await Promise.all(
      ["case.json", "trace.safetensors"].map((name) =>
        Deno.readFile(join(folder, name))
      ),
    );
  });
  return files;
}

Deno.test("recordTrace() gives the same bytes for the same seed, others for another", async () => {
  const description = exampleDescription("transformer", "adafisherw");
  const [first, again, other] = await Promise.all(
    [7, 7, 8].map((seed) => bytesOf(description, seed)),
  );
  assertEquals(again, first);
  assertEquals(other[0], first[0]);
  assertNotEquals(other[1], first[1]);
});

Deno.test("recordTrace() draws labels and tokens of every kind, and no others", async () => {
  const { tensors } = await recordTrace(
    exampleDescription("transformer", "sgd"),
  );
  for (const part of ["x", "y"]) {
    const drawn = Array.from(
      { length: 10 },
      (_, k) => [...tensors.get(`batch/${k + 1}/${part}`)!.data],
    ).flat();
    assertEquals(
      [...new Set(drawn)].toSorted(),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
  }
});

Deno.test("recordTrace() names this package, its version and the device", async () => {
  const { default: config } = await import("../../deno.json", {
    with: { type: "json" },
  });
  const { case: { recordedBy } } = await recordTrace(smallRun);
  assertEquals(
    recordedBy,
    `${config.name} ${config.version}, reference device (float64)`,
  );
});

Deno.test("recordTrace() refuses a run that leaves the finite numbers", async () => {
  const { optimizer } = smallRun;
  const hyperparameters = { ...optimizer.hyperparameters, lr: 1e308 };
  await assertRejects(
    () =>
      recordTrace({
        ...smallRun,
        steps: 5,
        loss: "mse",
        optimizer: { ...optimizer, hyperparameters },
      }),
    RangeError,
    "must be finite",
  );
});

for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
  Deno.test(`recordTrace() refuses the seed ${seed}`, async () => {
    await assertRejects(
      () => recordTrace(smallRun, { seed }),
      RangeError,
      `seed must be a whole number from 0 to 4294967295, got ${seed}`,
    );
  });
}

Deno.test("recordTrace() refuses an optimizer that does not exist", async () => {
  const optimizer = { name: "kfacc", hyperparameters: {} };
  await assertRejects(
    () => recordTrace({ ...smallRun, optimizer }),
    RangeError,
    "Cannot build optimizer kfacc: it must be one of adafisher, adafisherw, sgd",
  );
});

Deno.test("exampleDescription() refuses an unknown model or optimizer and names the nearest", () => {
  assertThrows(
    () => exampleDescription("transfomer", "adam"),
    RangeError,
    '"transfomer" (did you mean "transformer"?)',
  );
  assertThrows(
    () => exampleDescription("mlp", "adafihser"),
    RangeError,
    '"adafihser" (did you mean "adafisher"?)',
  );
});

Deno.test("writeTrace() replaces a trace only where it may", async () => {
  await withFolder(async (parent) => {
    const folder = join(parent, "deep", "case");
    const first = await recordTrace(smallRun, { name: "case", seed: 1 });
    const second = await recordTrace(smallRun, { name: "case", seed: 2 });
    await writeTrace(folder, first);
    await assertRejects(
      () => writeTrace(folder, second),
      Deno.errors.AlreadyExists,
      "case.json",
    );
    assertEquals(await readTrace(folder), first);
    await writeTrace(folder, second, { overwrite: true });
    assertEquals(await readTrace(folder), second);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertEquals(names.toSorted(), ["case.json", "trace.safetensors"]);
  });
});

/** A description as its author writes it. */
const written = {
  model: { layers: smallRun.layers },
  loss: smallRun.loss,
  optimizer: { name: "sgd", ...smallRun.optimizer.hyperparameters },
  steps: 2,
  record: [1, 2],
  batch: { size: 4, input: [2] },
};

Deno.test("parseDescription() fills in what may be left out", () => {
  assertEquals(parseDescription(JSON.stringify(written), "mine.json"), {
    ...smallRun,
    about: "A recorded run.",
  });
});

for (
  const [what, change, message] of [
    ["no batch", { batch: undefined }, "batch must be an object, got nothing"],
    [
      "an empty batch",
      { batch: { size: 0, input: [2] } },
      "batch.size must be a whole number of at least 1, got 0",
    ],
    [
      "a misspelt field of the batch",
      { batch: { size: 4, input: [2], token: 3 } },
      'batch must have no field but size, input, tokens, got "token" (did you mean "tokens"?)',
    ],
    [
      "a recorder",
      { recordedBy: "me" },
      "the whole must have no field but",
    ],
    [
      "another format",
      { format: "adafisher-trace/2" },
      "format must be one of adafisher-trace/1",
    ],
  ] as const
) {
  Deno.test(`parseDescription() refuses ${what}`, () => {
    const error = assertThrows(
      () =>
        parseDescription(
          JSON.stringify({ ...written, ...change }),
          "mine.json",
        ),
      Error,
      message,
    );
    assert(error.message.startsWith("Cannot read description mine.json: "));
  });
}
