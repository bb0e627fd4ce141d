import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Checkpoint,
  type ExpectedCheckpoint,
  requireMatchingCheckpoint,
} from "../../src/io/mod.ts";
import type { Value } from "../../src/tensor/value.ts";

/** A float value of zeros. */
function zeros(...shape: number[]): Value {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, dtype: "float", data: new Float32Array(size) };
}

/** A run of a model and an optimizer. */
function run(
  model: string,
  optimizer: string,
  values: Record<string, Value> = {},
): Checkpoint {
  const description = { step: 1, epoch: 0, seed: 7, model, optimizer };
  return { values, description: { ...description, options: {} } };
}

/** The message that refuses a checkpoint, without its first line. */
function refusal(found: Checkpoint, expected: ExpectedCheckpoint): string {
  const { message } = assertThrows(
    () => requireMatchingCheckpoint("run.safetensors", found, expected),
    RangeError,
  );
  const [first, ...rest] = message.split("\n");
  assertEquals(
    first,
    "Cannot resume from run.safetensors: its model, optimizer and values must be those of this run, got",
  );
  return rest.join("\n");
}

Deno.test("requireMatchingCheckpoint() accepts the run's own checkpoint", () => {
  const values = { w: zeros(2, 3), constructor: zeros() };
  const found = run("mlp", "adam", values);
  requireMatchingCheckpoint("run.safetensors", found, found);
});

Deno.test("requireMatchingCheckpoint() accepts other numbers, precision, step, seed and order", () => {
  const found = run("mlp", "adam", { w: zeros(2), b: zeros(1) });
  const precise: Value = {
    shape: [2],
    dtype: "float",
    data: Float64Array.of(1, 2),
  };
  const expected: Checkpoint = {
    values: { b: zeros(1), w: precise },
    description: { ...found.description, step: 0, seed: 8 },
  };
  requireMatchingCheckpoint("run.safetensors", found, expected);
});

Deno.test("requireMatchingCheckpoint() sets both descriptions side by side", () => {
  assertEquals(
    refusal(
      run("mlp 64-32-10", "adafisher"),
      run("cnn 3", "adam with a long text"),
    ),
    [
      "             in the file   in this run",
      "  model      mlp 64-32-10  cnn 3",
      "  optimizer  adafisher     adam with a long text",
    ].join("\n"),
  );
});

Deno.test("requireMatchingCheckpoint() shows the lines that differ of long descriptions", () => {
  const layers = ["conv1 3x3", "conv2 3x3", "head 10"];
  assertEquals(
    refusal(
      run(layers.join("\n"), "adam"),
      run([...layers.with(1, "conv2 5x5"), "softmax"].join("\n"), "adam"),
    ),
    [
      "                in the file  in this run",
      "  model line 2  conv2 3x3    conv2 5x5",
      "  model line 4               softmax",
      "  optimizer     adam         adam",
    ].join("\n"),
  );
});

Deno.test("requireMatchingCheckpoint() shows where two long lines differ", () => {
  const long = (digit: string) => `${"layer ".repeat(50)}${digit} end`;
  const lines = refusal(run(long("1"), "adam"), run(long("2"), "adam"));
  assertEquals(
    lines.split("\n")[1],
    "  model      …ayer layer layer layer 1 end  …ayer layer layer layer 2 end",
  );
});

Deno.test("requireMatchingCheckpoint() lists a handful of lines that differ", () => {
  const text = (digit: number) =>
    Array.from({ length: 30 }, (_, i) => `layer ${i} of ${digit}`).join("\n");
  const lines = refusal(run(text(1), "adam"), run(text(2), "adam")).split("\n");
  assertEquals(lines.length, 7);
  assertEquals(lines[6], "and 26 more");
});

Deno.test("requireMatchingCheckpoint() lists missing, unexpected and misshapen values", () => {
  const found = run("mlp", "adam", {
    "fc1.weight": zeros(4, 2),
    "fc1.bias": zeros(4),
    extra: zeros(),
  });
  const step: Value = { shape: [4], dtype: "int", data: new Int32Array(4) };
  const expected = run("mlp", "adam", {
    "fc1.weight": zeros(2, 4),
    "fc1.bias": step,
    "fc2.weight": zeros(1, 4),
  });
  assertEquals(
    refusal(found, expected),
    [
      '  missing: "fc2.weight" [1, 4] float',
      '  unexpected: "extra" [] float',
      '  wrong shape: "fc1.weight" [4, 2] float, not [2, 4] float',
      '  wrong shape: "fc1.bias" [4] float, not [4] int',
    ].join("\n"),
  );
});

Deno.test("requireMatchingCheckpoint() lists a handful of values of each kind", () => {
  const many = (prefix: string) =>
    Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`${prefix}${i}`, zeros(1)]),
    );
  const lines = refusal(
    run("mlp", "adam", many("old")),
    run("mlp", "adam", many("new")),
  ).split("\n");
  assertEquals(lines.length, 12);
  assertEquals(lines[4], '  missing: "new4" [1] float');
  assertEquals(lines[5], "and 7 more");
  assertEquals(lines[6], '  unexpected: "old0" [1] float');
  assertEquals(lines[11], "and 7 more");
});

Deno.test("requireMatchingCheckpoint() finds a missing value with a name that every object has", () => {
  const lines = refusal(
    run("mlp", "adam"),
    run("mlp", "adam", { constructor: zeros(1) }),
  );
  assert(lines.includes('missing: "constructor" [1] float'), lines);
});
