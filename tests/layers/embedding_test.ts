import { assertEquals, assertThrows } from "@std/assert";
import { embedding } from "../../src/layers/mod.ts";
import { constant, fill, intValue, value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import { assertNumbers, randomParameters, run, weighted } from "./helpers.ts";

Deno.test("embedding takes rows of its table", async () => {
  const layer = embedding("wte", 3, 2);
  const { output } = run(layer, constant(intValue([2, 0, 2, 1], [2, 2])), {
    parameters: { "wte.weight": constant(value([1, 2, 3, 4, 5, 6], [3, 2])) },
  });
  assertEquals(output.shape, [2, 2, 2]);
  await assertNumbers(output, [5, 6, 1, 2, 5, 6, 3, 4]);
});

Deno.test("embedding has exact gradients, rows that are taken twice included", async () => {
  const layer = embedding("wte", 3, 2);
  const tokens = constant(intValue([2, 0, 2]));
  await assertGradients(
    (parameters) => weighted(run(layer, tokens, { parameters }).output),
    randomParameters(layer),
  );
});

Deno.test("embedding is frozen on demand, and starts from N(0, 1)", () => {
  assertEquals(
    embedding("e", 2, 2, { frozen: true }).parameters["e.weight"].frozen,
    true,
  );
  const spec = embedding("e", 1000, 4).parameters["e.weight"];
  assertEquals(spec.frozen ?? false, false);
  const data = Array.from(spec.initial([3, 0]).data);
  const mean = data.reduce((total, v) => total + v, 0) / data.length;
  const power = data.reduce((total, v) => total + v * v, 0) / data.length;
  // 4000 draws: 0.1 is more than four deviations of either.
  assertEquals(Math.abs(mean) < 0.1 && Math.abs(power - 1) < 0.1, true);
});

Deno.test("embedding refuses an input of floats", () => {
  assertThrows(
    () => run(embedding("wte", 3, 2), fill([4], 1)),
    TypeError,
    "Cannot apply embedding layer wte: input must be int, got float[4]",
  );
});
