import { assertEquals, assertThrows } from "@std/assert";
import { attention, constants } from "../../src/layers/mod.ts";
import { fill, type Value } from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import {
  assertNumbers,
  numbers,
  randomParameters,
  run,
  weighted,
} from "./helpers.ts";
import { plainRows } from "./plain.ts";

/** One sample's attention by plain loops. */
function plainAttention(
  rows: number[][],
  values: Readonly<Record<string, Value>>,
  heads: number,
  causal: boolean,
): number[] {
  const dim = rows[0].length, width = dim / heads;
  const apply = (part: string, input: number[][]): number[][] => {
    const weight = values[`a.${part}.weight`].data;
    const bias = values[`a.${part}.bias`].data;
    return input.map((row) =>
      Array.from(
        { length: dim },
        (_, o) =>
          row.reduce((total, h, j) => total + weight[o * dim + j] * h, bias[o]),
      )
    );
  };
  const [q, k, v] = ["query", "key", "value"].map((part) => apply(part, rows));
  const mixed = rows.map((_, t) => {
    const row = new Array<number>(dim).fill(0);
    for (let head = 0; head < heads; head++) {
      const features = Array.from(
        { length: width },
        (_, i) => head * width + i,
      );
      const seen = rows.map((_, u) => u).filter((u) => !causal || u <= t);
      const powers = seen.map((u) =>
        Math.exp(
          features.reduce((total, i) => total + q[t][i] * k[u][i], 0) /
            Math.sqrt(width),
        )
      );
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (const i of features) {
        row[i] = seen.reduce(
          (sum, u, n) => sum + powers[n] / total * v[u][i],
          0,
        );
      }
    }
    return row;
  });
  return apply("output", mixed).flat();
}

for (const causal of [false, true]) {
  const layer = attention("a", 6, 2, { causal });
  const values = randomParameters(layer);
  const x = numbers(8, [2, 3, 6]);

  Deno.test(`attention (causal ${causal}) agrees with plain loops`, async () => {
    const rows = plainRows(x, 6);
    const expected = [rows.slice(0, 3), rows.slice(3)].flatMap((sample) =>
      plainAttention(sample, values, 2, causal)
    );
    await assertNumbers(run(layer, x).output, expected);
  });

  Deno.test(`attention (causal ${causal}) has exact gradients`, async () => {
    // A key's bias adds the same to all scores of a token: no gradient.
    const { "a.key.bias": keyBias, ...others } = values;
    await assertGradients(
      ({ x, ...parameters }) =>
        weighted(
          run(layer, x, {
            parameters: {
              ...constants({ "a.key.bias": keyBias }),
              ...parameters,
            },
          }).output,
        ),
      { x, ...others },
    );
  });
}

Deno.test("attention reports the uses of its four linear layers in order", () => {
  const layer = attention("a", 4, 2);
  const parts = ["a.query", "a.key", "a.value", "a.output"];
  const { uses } = run(layer, fill([1, 2, 4], 1));
  assertEquals(uses.map((use) => use.layer.name), parts);
  assertEquals(layer.kronecker.map(({ name }) => name), parts);
  assertEquals(Object.keys(layer.parameters).length, 8);
});

Deno.test("attention names itself where heads or an input do not fit", () => {
  assertThrows(
    () => attention("a", 6, 4),
    RangeError,
    "Cannot build attention layer a: 4 heads must divide 6 features",
  );
  assertThrows(
    () => run(attention("a", 6, 2), fill([2, 3, 5], 1)),
    RangeError,
    "Cannot apply attention layer a: input must be [B, T, 6], got [2, 3, 5]",
  );
});
