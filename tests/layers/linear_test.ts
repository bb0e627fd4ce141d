import { assertEquals, assertThrows } from "@std/assert";
import { linear } from "../../src/layers/mod.ts";
import { constant, fill, value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";

Deno.test("linear multiplies the last axis of any rank and adds the bias", async () => {
  const layer = linear("fc", 2, 3);
  const parameters = {
    "fc.weight": constant(value([1, 2, 3, 4, 5, 6], [3, 2])),
    "fc.bias": constant(value([10, 20, 30])),
  };
  const x = value([1, 0, 0, 1, 1, 1, 2, -1], [2, 2, 2]);
  const { output } = run(layer, x, { parameters });
  assertEquals(output.shape, [2, 2, 3]);
  await assertNumbers(
    output,
    [11, 23, 35, 12, 24, 36, 13, 27, 41, 10, 22, 34],
  );
});

Deno.test("linear has exact gradients, with and without bias", async () => {
  for (const bias of [true, false]) {
    for (const shape of [[3, 4], [2, 3, 4]]) {
      const layer = linear("fc", 4, 2, { bias });
      await assertGradients(
        ({ x, ...parameters }) =>
          weighted(run(layer, x, { parameters }).output),
        { x: numbers(1, shape), ...randomParameters(layer) },
      );
    }
  }
});

Deno.test("linear reports its use: what went in, what came out", () => {
  const layer = linear("fc", 4, 2);
  const x = fill([3, 4], 1);
  const { output, uses } = run(layer, x);
  assertEquals(uses.length, 1);
  assertEquals(uses[0].layer === layer, true);
  assertEquals(uses[0].input === x, true);
  assertEquals(uses[0].output === output, true);
  assertEquals(layer.kronecker.length, 1);
  assertEquals(layer.kronecker[0] === layer, true);
});

Deno.test("linear draws its first values from U(-1/sqrt(in), 1/sqrt(in)) by name", () => {
  const { parameters } = linear("fc", 100, 50);
  const weight = parameters["fc.weight"].initial([1, 0]);
  const bias = parameters["fc.bias"].initial([1, 0]);
  const largest = Math.max(...weight.data.map(Math.abs));
  assertEquals(largest <= 0.1 && largest > 0.099, true);
  assertEquals(Math.max(...bias.data.map(Math.abs)) <= 0.1, true);
  const again = linear("fc", 100, 50).parameters["fc.weight"];
  assertEquals(again.initial([1, 0]).data, weight.data);
  const other = linear("other", 100, 50).parameters["other.weight"];
  assertEquals(other.initial([1, 0]).data[0] === weight.data[0], false);
});

Deno.test("linear names itself and both extents where an input does not fit", () => {
  const layer = linear("fc1", 16, 2);
  assertThrows(
    () => run(layer, fill([3, 8], 1)),
    RangeError,
    "Cannot apply linear layer fc1: input has 8 features, weight expects 16",
  );
  assertThrows(
    () => run(layer, fill([16], 1)),
    RangeError,
    "Cannot apply linear layer fc1: input must be [B, ..., 16], got [16]",
  );
  assertThrows(
    () => run(layer, fill([1, 16], 1, "int")),
    TypeError,
    "Cannot apply linear layer fc1: input must be float, got int[1, 16]",
  );
});

Deno.test("linear names a parameter that is missing or has another shape", () => {
  const layer = linear("fc1", 2, 1);
  assertThrows(
    () => run(layer, fill([3, 2], 1), { parameters: {} }),
    RangeError,
    "Cannot apply linear layer fc1: fc1.weight is not among the context's parameters",
  );
  assertThrows(
    () =>
      run(layer, fill([3, 2], 1), {
        parameters: { "fc1.weight": fill([2, 1], 0), "fc1.bias": fill([1], 0) },
      }),
    RangeError,
    "Cannot apply linear layer fc1: fc1.weight must be float[1, 2], got float[2, 1]",
  );
});

Deno.test("linear refuses extents that are no whole numbers, and an empty name", () => {
  assertThrows(() => linear("fc", 0, 2), RangeError, "at least 1, got [0, 2]");
  assertThrows(() => linear("fc", 1.5, 2), RangeError, "got [1.5, 2]");
  assertThrows(() => linear("", 1, 2), RangeError, "need a name");
});
