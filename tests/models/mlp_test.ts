import { assertEquals, assertThrows } from "@std/assert";
import { mlp, parameterCount } from "../../src/models/mod.ts";
import { constant, fill, value } from "../../src/tensor/mod.ts";
import { assertNumbers, run } from "../layers/helpers.ts";

Deno.test("mlp puts an activation between its linear layers and none at the end", async () => {
  const model = mlp([1, 2, 1]);
  const { output, uses } = run(model, value([3], [1, 1]), {
    parameters: {
      "fc1.weight": constant(value([1, -1], [2, 1])),
      "fc1.bias": constant(value([0, 0])),
      "fc2.weight": constant(value([-2, 5], [1, 2])),
      "fc2.bias": constant(value([1])),
    },
  });
  await assertNumbers(output, [-5]);
  assertEquals(uses.map(({ layer }) => layer.name), ["fc1", "fc2"]);
});

Deno.test("mlp flattens its input, and takes an activation and options of its layers", () => {
  const model = mlp([12, 5, 4, 3], {
    activation: "tanh",
    linear: { bias: false },
  });
  assertEquals(run(model, fill([2, 3, 2, 2], 1)).output.shape, [2, 3]);
  assertEquals(parameterCount(model), 12 * 5 + 5 * 4 + 4 * 3);
});

Deno.test("mlp refuses fewer than two sizes", () => {
  assertThrows(() => mlp([4]), RangeError, "Cannot build mlp");
  assertThrows(() => mlp([4, 0]), RangeError, "fc1");
});
