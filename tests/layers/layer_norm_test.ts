import { assertThrows } from "@std/assert";
import { layerNorm } from "../../src/layers/mod.ts";
import { fill } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";
import { plainRows } from "./plain.ts";

const CASES = [
  { shape: [4], input: [3, 4] },
  { shape: [4], input: [2, 3, 4] },
  { shape: [3, 2], input: [2, 2, 3, 2] },
];

for (const { shape, input } of CASES) {
  const layer = layerNorm("norm", shape, { eps: 1e-3 });
  const x = numbers(5, input, 2);

  Deno.test(`layerNorm over [${shape}] of [${input}] agrees with plain loops`, async () => {
    const { "norm.weight": weight, "norm.bias": bias } = randomParameters(
      layer,
    );
    const size = weight.data.length;
    const expected = plainRows(x, size).flatMap((row) => {
      const mean = row.reduce((total, h) => total + h, 0) / size;
      const variance = row.reduce((total, h) => total + (h - mean) ** 2, 0) /
        size;
      return row.map((h, j) =>
        (h - mean) / Math.sqrt(variance + 1e-3) * weight.data[j] + bias.data[j]
      );
    });
    await assertNumbers(run(layer, x).output, expected);
  });

  Deno.test(`layerNorm over [${shape}] of [${input}] has exact gradients`, async () => {
    await assertGradients(
      ({ x, ...parameters }) => weighted(run(layer, x, { parameters }).output),
      { x, ...randomParameters(layer) },
    );
  });
}

Deno.test("layerNorm names itself where an input does not fit", () => {
  const layer = layerNorm("norm", 4);
  for (const shape of [[2, 3], [4]]) {
    assertThrows(
      () => run(layer, fill(shape, 1)),
      RangeError,
      `Cannot apply layer-norm layer norm: input [${
        shape.join(", ")
      }] must be a batch of [4]`,
    );
  }
  assertThrows(() => layerNorm("norm", []), RangeError, "normalized axis");
  assertThrows(() => layerNorm("norm", 0), RangeError, "at least 1, got [0]");
});
