import { assert, assertEquals, assertThrows } from "@std/assert";
import { dropout, sequential } from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  intValue,
  randomBits,
  streamOf,
} from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import { assertNumbers, numbers, run, weighted } from "./helpers.ts";

const key = constant(intValue([5, 9]));
const layer = dropout("drop", 0.25);

Deno.test("dropout zeroes what its key and name say and divides the rest by 1 - rate", async () => {
  const bits = randomBits([5, 9], streamOf("drop"), 400);
  const expected = Array.from(bits, (b) => b < 2 ** 22 ? 0 : 3 / 0.75);
  const { output } = run(layer, fill([20, 20], 3), { key });
  await assertNumbers(output, expected);
  const zeros = expected.filter((number) => number === 0).length;
  // 400 draws: 100 expected, 35 is four deviations.
  assert(Math.abs(zeros - 100) < 35);
});

Deno.test("dropout leaves its input as it is without a key, outside training, and at rate 0", () => {
  const x = fill([4], 1);
  assertEquals(run(layer, x).output === x, true);
  assertEquals(run(layer, x, { key, training: false }).output === x, true);
  assertEquals(run(dropout("d", 0), x, { key }).output === x, true);
});

Deno.test("dropout layers of different names drop different places", async () => {
  const x = fill([100], 1);
  const [a, b] = await Promise.all(
    ["a", "b"].map((name) =>
      evaluate(run(dropout(name, 0.5), x, { key }).output)
    ),
  );
  assert(a.data.some((number, i) => number !== b.data[i]));
});

Deno.test("dropout has exact gradients", async () => {
  await assertGradients(
    ({ x }) => weighted(run(layer, x, { key }).output),
    { x: numbers(1, [3, 4]) },
  );
});

Deno.test("dropout refuses a rate outside [0, 1), and two layers of one name", () => {
  for (const rate of [-0.1, 1, NaN]) {
    assertThrows(() => dropout("d", rate), RangeError, `got ${rate}`);
  }
  assertThrows(
    () => sequential([dropout("d", 0.1), sequential([dropout("d", 0.1)])]),
    RangeError,
    "two layers are named d",
  );
});
