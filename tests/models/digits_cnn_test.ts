import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  constants,
  crossEntropy,
  initialize,
  sequential,
} from "../../src/layers/mod.ts";
import { digitsCnn, parameterCount } from "../../src/models/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  gradients,
  intValue,
  mul,
  sub,
  type Tensor,
} from "../../src/tensor/mod.ts";
import { numbers, run } from "../layers/helpers.ts";

Deno.test("digitsCnn maps 8 x 8 images to 10 classes with a few thousand parameters", () => {
  const model = digitsCnn();
  assertEquals(parameterCount(model), 72 + 16 + 1152 + 32 + 650);
  assertEquals(run(model, fill([3, 1, 8, 8], 1)).output.shape, [3, 10]);
  assertEquals(
    model.kronecker.map(({ name }) => name),
    ["conv1", "bn1", "conv2", "bn2", "fc"],
  );
});

Deno.test("digitsCnn takes other images, classes and widths", () => {
  const model = digitsCnn({
    inputShape: [3, 9, 6],
    classes: 4,
    widths: [2, 3],
  });
  assertEquals(run(model, fill([1, 3, 9, 6], 1)).output.shape, [1, 4]);
  assertThrows(
    () => digitsCnn({ inputShape: [1, 3, 8] }),
    RangeError,
    "at least 4 x 4 pixels, got [1, 3, 8]",
  );
  assertThrows(() => digitsCnn({ inputShape: [64] }), RangeError, "[C, H, W]");
});

Deno.test("digitsCnn comes down a step of gradient descent", async () => {
  const model = digitsCnn({ widths: [2, 3] });
  const x = numbers(1, [4, 1, 8, 8]);
  const targets = constant(intValue([1, 7, 3, 0]));
  const buffers = constants(initialize(model.buffers, 0));
  const start = constants(initialize(model.parameters, 3));
  const lossAt = (parameters: Record<string, Tensor>): Tensor =>
    crossEntropy(run(model, x, { parameters, buffers }).output, targets);
  const names = Object.keys(start);
  const slopes = gradients(lossAt(start), names.map((name) => start[name]));
  const next = Object.fromEntries(
    names.map((name, i) => [name, sub(start[name], mul(0.05, slopes[i]))]),
  );
  const { before, after } = await evaluate({
    before: lossAt(start),
    after: lossAt(next),
  });
  assert(after.data[0] < before.data[0]);
});

Deno.test("digitsCnn cannot share names with another model in one composition", () => {
  assertThrows(
    () => sequential([digitsCnn(), digitsCnn()]),
    RangeError,
    "two layers are named conv1",
  );
});
