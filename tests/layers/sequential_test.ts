import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  activation,
  batchNorm2d,
  constants,
  conv2d,
  flatten,
  initialize,
  linear,
  paddedShortcut,
  residual,
  sequential,
  symbolic,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, fill, value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";

Deno.test("sequential merges parameters, buffers, layers with factors and uses in order", () => {
  const model = sequential([
    conv2d("conv", 1, 2, 3),
    sequential([batchNorm2d("bn", 2), activation("relu")]),
    flatten(),
    linear("fc", 2, 3),
  ], { name: "net" });
  assertEquals(Object.keys(model.parameters), [
    "conv.weight",
    "conv.bias",
    "bn.weight",
    "bn.bias",
    "fc.weight",
    "fc.bias",
  ]);
  assertEquals(Object.keys(model.buffers), [
    "bn.running_mean",
    "bn.running_var",
  ]);
  const names = ["conv", "bn", "fc"];
  assertEquals(model.kronecker.map(({ name }) => name), names);
  const { uses, buffers, output } = run(model, fill([2, 1, 3, 3], 1));
  assertEquals(uses.map(({ layer }) => layer.name), names);
  assertEquals(Object.keys(buffers), ["bn.running_mean", "bn.running_var"]);
  assertEquals(output.shape, [2, 3]);
  assertEquals(model.description, "sequential net(4 layers)");
});

Deno.test("sequential of nothing is the identity", () => {
  const x = fill([2], 1);
  const { output, uses, buffers } = run(sequential([]), x);
  assertEquals([output === x, uses, buffers], [true, [], {}]);
});

Deno.test("sequential takes one layer object twice and refuses two layers of one name", async () => {
  const shared = linear("fc", 2, 2);
  const model = sequential([shared, activation("tanh"), shared]);
  assertEquals(Object.keys(model.parameters), ["fc.weight", "fc.bias"]);
  assertEquals(model.kronecker.length, 1);
  assertEquals(run(model, fill([1, 2], 1)).uses.length, 2);
  await assertGradients(
    ({ x, ...parameters }) => weighted(run(model, x, { parameters }).output),
    { x: numbers(2, [3, 2]), ...randomParameters(model) },
  );
  assertThrows(
    () => sequential([shared, linear("fc", 2, 2)], { name: "net" }),
    RangeError,
    "Cannot build sequential net: two layers are named fc",
  );
  assertThrows(
    () => residual(shared, { shortcut: linear("fc", 2, 2) }),
    RangeError,
    "Cannot build residual: two layers are named fc",
  );
});

Deno.test("sequential and every layer are frozen", () => {
  const layer = linear("fc", 2, 2);
  const model = sequential([layer]);
  for (const object of [layer, model]) {
    assert(Object.isFrozen(object));
    assert(Object.isFrozen(object.parameters));
    assert(Object.isFrozen(object.kronecker));
  }
  assert(Object.isFrozen(layer.parameters["fc.weight"]));
});

Deno.test("sequential keeps its layers where the array it came from changes", () => {
  const layers = [linear("fc1", 2, 2)];
  const model = sequential(layers);
  layers.push(linear("fc2", 2, 2));
  assertEquals(run(model, fill([1, 2], 1)).uses.length, 1);
});

Deno.test("residual adds body and shortcut, with exact gradients", async () => {
  const model = residual(linear("body", 2, 3), {
    shortcut: linear("way", 2, 3),
  });
  await assertGradients(
    ({ x, ...parameters }) => weighted(run(model, x, { parameters }).output),
    { x: numbers(2, [3, 2]), ...randomParameters(model) },
  );
  const { output } = run(residual(activation("relu")), value([-1, 2]));
  await assertNumbers(output, [-1, 4]);
});

Deno.test("residual refuses ways of different shapes", () => {
  assertThrows(
    () => run(residual(linear("body", 2, 3)), fill([1, 2], 1)),
    RangeError,
    "Cannot apply residual: body gives [1, 3], shortcut [1, 2]",
  );
});

Deno.test("residual runs its body first: the shortcut sees the buffers it left", async () => {
  const norm = batchNorm2d("bn", 1, { momentum: 0.5 });
  const { buffers } = run(
    residual(norm, { shortcut: norm }),
    value([1, 3], [2, 1, 1, 1]),
    { buffers: constants(initialize(norm.buffers, 0)) },
  );
  await assertNumbers(buffers["bn.running_mean"], [0.5 * 1 + 0.5 * 2]);
});

Deno.test("flatten keeps the first axis, with exact gradients", async () => {
  const x = numbers(1, [2, 3, 2]);
  const { output } = run(flatten(), x);
  assertEquals(output.shape, [2, 6]);
  await assertNumbers(output, x.data);
  await assertGradients(({ x }) => weighted(run(flatten(), x).output), { x });
  assertEquals(run(flatten(), fill([0, 3, 2], 1)).output.shape, [0, 6]);
  assertThrows(() => run(flatten(), fill([], 1)), RangeError, "got []");
});

Deno.test("paddedShortcut subsamples, and puts zero channels on both sides", async () => {
  const x = value([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3]);
  const { output } = run(paddedShortcut(1, 3, 2), x);
  assertEquals(output.shape, [1, 3, 2, 2]);
  await assertNumbers(output, [0, 0, 0, 0, 1, 3, 7, 9, 0, 0, 0, 0]);
  await assertGradients(
    ({ x }) => weighted(run(paddedShortcut(1, 3, 2), x).output),
    { x },
  );
  assertThrows(() => paddedShortcut(3, 1, 1), RangeError, "1 channels of 3");
});

Deno.test("symbolic makes inputs and initialize and constants the values of the same specs", async () => {
  const { parameters } = linear("fc", 3, 2);
  const inputs = symbolic(parameters, "p");
  assertEquals(inputs["fc.weight"].operation, {
    kind: "input",
    name: "p/fc.weight",
  });
  const values = initialize(parameters, 4);
  assertEquals(values["fc.weight"], parameters["fc.weight"].initial([4, 0]));
  const weight = constants(values)["fc.weight"];
  assertEquals((await evaluate(weight)).data, values["fc.weight"].data);
  assertEquals(constant(values["fc.bias"]).shape, [2]);
});
