import {
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  type Checkpoint,
  type CheckpointDescription,
  encodeSafetensors,
  loadCheckpoint,
  readSafetensors,
  saveCheckpoint,
  type StoredTensor,
  writeFileAtomically,
} from "../../src/io/mod.ts";
import type { Value } from "../../src/tensor/value.ts";

const description: CheckpointDescription = {
  step: 1200,
  epoch: 3,
  seed: -7,
  model: "mlp 64-32-10",
  optimizer: "adafisher",
  options: { learningRate: 1e-3, milestones: [10, 20], nested: { on: true } },
  best: { accuracy: 0.1 + 0.2, at: null },
};

const values: Record<string, Value> = {
  "fc1.weight": {
    shape: [2, 3],
    dtype: "float",
    data: Float64Array.of(0.1, -0, 2 ** -1074, Number.MAX_VALUE, 1 / 3, -1),
  },
  "fc1.bias": {
    shape: [2],
    dtype: "float",
    data: Float32Array.of(0.1, 2 ** -149),
  },
  mask: { shape: [3], dtype: "bool", data: Uint8Array.of(1, 0, 1) },
  step: { shape: [], dtype: "int", data: Int32Array.of(-(2 ** 31)) },
  empty: { shape: [0, 4], dtype: "float", data: new Float32Array(0) },
};

/** Runs a test with the path of a file in a folder of its own. */
async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/run.safetensors`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The bytes of an array, so that -0 and 0 differ. */
function bits(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

Deno.test("loadCheckpoint() gives back every bit that saveCheckpoint() got", () =>
  withPath(async (path) => {
    await saveCheckpoint(path, { values, description });
    const loaded = await loadCheckpoint(path);
    assertEquals(loaded, { values, description });
    for (const [name, { data }] of Object.entries(values)) {
      assertStrictEquals(
        loaded.values[name].data.constructor,
        data.constructor,
      );
      assertEquals(bits(loaded.values[name].data), bits(data), name);
    }
  }));

Deno.test("loadCheckpoint() keeps the order of the values", () =>
  withPath(async (path) => {
    await saveCheckpoint(path, { values, description });
    const loaded = await loadCheckpoint(path);
    assertEquals(Object.keys(loaded.values), Object.keys(values));
  }));

Deno.test("loadCheckpoint() takes __proto__ for just a name", () =>
  withPath(async (path) => {
    const odd = Object.fromEntries([["__proto__", values.step]]);
    await saveCheckpoint(path, { values: odd, description });
    const loaded = await loadCheckpoint(path);
    assertEquals(Object.entries(loaded.values), Object.entries(odd));
    assertStrictEquals(
      Object.getPrototypeOf(loaded.values),
      Object.prototype,
    );
  }));

Deno.test("saveCheckpoint() writes a safetensors file that says its format", () =>
  withPath(async (path) => {
    await saveCheckpoint(path, { values, description });
    const { tensors, metadata } = await readSafetensors(path);
    assertEquals(
      Array.from(tensors.values(), ({ dtype }) => dtype),
      ["F64", "F32", "BOOL", "I32", "F32"],
    );
    assertEquals(Object.keys(metadata), ["checkpoint"]);
    assertEquals(JSON.parse(metadata.checkpoint), {
      format: "adafisher-checkpoint/1",
      ...description,
    });
  }));

Deno.test("saveCheckpoint() writes the same bytes for the same run", () =>
  withPath(async (path) => {
    await saveCheckpoint(path, { values, description });
    const first = await Deno.readFile(path);
    await saveCheckpoint(path, { values, description });
    assertEquals(await Deno.readFile(path), first);
    await saveCheckpoint(path, {
      values,
      description: { ...description, step: 1201 },
    });
    assertNotEquals(await Deno.readFile(path), first);
  }));

Deno.test("saveCheckpoint() leaves out keys of the description that are undefined", () =>
  withPath(async (path) => {
    await saveCheckpoint(path, {
      values: {},
      description: { ...description, best: undefined },
    });
    const { best: _, ...rest } = description;
    assertEquals((await loadCheckpoint(path)).description, rest);
  }));

/** A run with one float of a number. */
function withNumber(data: Float64Array | Float32Array): Checkpoint {
  return {
    values: {
      "fc1.bias": values["fc1.bias"],
      "fc2.weight": { shape: [data.length], dtype: "float", data },
    },
    description,
  };
}

/** A run with another description. */
function described(change: Record<string, unknown>): Checkpoint {
  return {
    values,
    description: { ...description, ...change } as CheckpointDescription,
  };
}

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
const unsavable: readonly [
  sentence: string,
  checkpoint: Checkpoint,
  ErrorClass: new (message: string) => Error,
  message: string,
][] = [
  [
    "NaN",
    withNumber(Float64Array.of(0, 1, NaN)),
    RangeError,
    'element 2 of "fc2.weight" must be finite, got NaN',
  ],
  [
    "infinity",
    withNumber(Float32Array.of(Infinity)),
    RangeError,
    'element 0 of "fc2.weight" must be finite, got Infinity',
  ],
  [
    "negative infinity",
    withNumber(Float32Array.of(0, -Infinity)),
    RangeError,
    'element 1 of "fc2.weight" must be finite, got -Infinity',
  ],
  [
    "a value of a shape that does not fit",
    {
      values: { w: { shape: [3], dtype: "float", data: new Float32Array(2) } },
      description,
    },
    RangeError,
    "must have 3 elements, got 2",
  ],
  [
    "a fractional step",
    described({ step: 1.5 }),
    RangeError,
    "step of the description must be a whole number from 0 to 9007199254740991, got 1.5",
  ],
  [
    "a negative epoch",
    described({ epoch: -1 }),
    RangeError,
    "epoch of the description must be a whole number from 0 to 9007199254740991, got -1",
  ],
  [
    "a seed that is no number",
    described({ seed: "7" }),
    TypeError,
    'seed of the description must be a number, got "7"',
  ],
  [
    "a seed that a double may have rounded",
    described({ seed: 2 ** 53 }),
    RangeError,
    "whole number from -9007199254740991 to 9007199254740991, got 9007199254740992",
  ],
  [
    "a model that is no text",
    described({ model: undefined }),
    TypeError,
    "model of the description must be a string, got nothing",
  ],
  [
    "an optimizer that is no text",
    described({ optimizer: 3 }),
    TypeError,
    "optimizer of the description must be a string, got 3",
  ],
  [
    "options that are no object",
    described({ options: [1] }),
    TypeError,
    "options of the description must be an object, got an array of 1",
  ],
  [
    "a number of the description that JSON cannot say",
    described({ options: { best: [1, Infinity] } }),
    RangeError,
    'number "1" of the description must be finite, got Infinity',
  ],
  [
    "a format of the caller's own",
    described({ format: "mine/1" }),
    RangeError,
    'format of the description must be left to the file, got "mine/1"',
  ],
  [
    "a function in the description",
    described({ options: { schedule: () => 1 } }),
    TypeError,
    '"schedule" of the description must be JSON, got a function',
  ],
  [
    "a bigint in the description",
    described({ count: 3n }),
    TypeError,
    '"count" of the description must be JSON, got a bigint',
  ],
  [
    "a description that holds itself",
    described({ options: cyclic }),
    TypeError,
    "",
  ],
];

for (const [sentence, checkpoint, ErrorClass, message] of unsavable) {
  Deno.test(`saveCheckpoint() refuses ${sentence} and keeps the last good file`, () =>
    withPath(async (path) => {
      await saveCheckpoint(path, { values, description });
      const good = await Deno.readFile(path);
      await assertRejects(
        () => saveCheckpoint(path, checkpoint),
        ErrorClass,
        message,
      );
      assertEquals(await Deno.readFile(path), good);
    }));
}

Deno.test("saveCheckpoint() names the file it refuses to write", () =>
  withPath(async (path) => {
    await assertRejects(
      () => saveCheckpoint(path, withNumber(Float64Array.of(NaN))),
      RangeError,
      `Cannot save checkpoint ${path}: element 0`,
    );
    await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  }));

const json = JSON.stringify({
  format: "adafisher-checkpoint/1",
  ...description,
});
const unloadable: readonly [
  sentence: string,
  tensors: readonly (readonly [string, StoredTensor])[],
  metadata: Record<string, string>,
  ErrorClass: new (message: string) => Error,
  message: string,
][] = [
  [
    "a file without a description",
    [],
    { format: "pt" },
    RangeError,
    'the metadata must have the key "checkpoint", got "format"',
  ],
  [
    "a description that is no JSON",
    [],
    { checkpoint: "{step" },
    SyntaxError,
    'the description must be JSON, got "{step"',
  ],
  [
    "a description that is no object",
    [],
    { checkpoint: "null" },
    TypeError,
    "the description must be an object, got null",
  ],
  [
    "another format",
    [],
    { checkpoint: json.replace("checkpoint/1", "checkpoint/2") },
    RangeError,
    'the format must be "adafisher-checkpoint/1", got "adafisher-checkpoint/2"',
  ],
  [
    "a description without a step",
    [],
    { checkpoint: json.replace('"step"', '"steps"') },
    TypeError,
    "step of the description must be a number, got nothing",
  ],
  [
    "a description without options",
    [],
    { checkpoint: json.replace('"options"', '"option"') },
    TypeError,
    "options of the description must be an object, got nothing",
  ],
  [
    "NaN",
    [["w", { dtype: "F32", shape: [2], data: Float32Array.of(0, NaN) }]],
    { checkpoint: json },
    RangeError,
    'element 1 of "w" must be finite, got NaN',
  ],
  [
    "an integer of more than 32 bits",
    [["w", { dtype: "I64", shape: [], data: BigInt64Array.of(2n ** 40n) }]],
    { checkpoint: json },
    RangeError,
    "element 0 must fit 32 bits, got 1099511627776",
  ],
];

for (const [sentence, tensors, metadata, ErrorClass, message] of unloadable) {
  Deno.test(`loadCheckpoint() refuses ${sentence} and names the file`, () =>
    withPath(async (path) => {
      const bytes = encodeSafetensors(new Map(tensors), metadata);
      await writeFileAtomically(path, bytes);
      await assertRejects(() => loadCheckpoint(path), ErrorClass, message);
      await assertRejects(() => loadCheckpoint(path), ErrorClass, path);
    }));
}

Deno.test("loadCheckpoint() names a file that is not there", () =>
  withPath(async (path) => {
    await assertRejects(
      () => loadCheckpoint(path),
      Deno.errors.NotFound,
      `Cannot read ${path}`,
    );
  }));
