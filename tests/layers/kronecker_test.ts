/**
 * The Kronecker factors of every layer: against plain loops, their diagonals
 * against the full factors, and against the explicit Fisher matrix where the
 * approximation is exact.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  batchNorm2d,
  conv2d,
  type Conv2dOptions,
  type FactorForm,
  type KroneckerLayer,
  layerNorm,
  linear,
  toDense,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  gradients,
  type Pair,
  type Shape,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import {
  assertAllClose,
  assertNumbers,
  numbers,
  run,
  weighted,
} from "./helpers.ts";
import {
  type PlainGeometry,
  plainGram,
  plainPatches,
  plainPixels,
  plainRows,
} from "./plain.ts";

const FORMS: readonly FactorForm[] = ["paper", "official"];

/** Full factors, flattened. */
interface PlainFactors {
  readonly h: number[];
  readonly s: number[];
}

interface Case {
  readonly name: string;
  readonly layer: KroneckerLayer;
  readonly input: Shape;
  /** The full factors by plain loops. */
  plain(h: Value, s: Value, form: FactorForm): PlainFactors;
}

const withOnes = (rows: number[][], bias: boolean): number[][] =>
  bias ? rows.map((row) => [...row, 1]) : rows;

/** B^2 in the paper's form: derivatives of single samples. */
const scaleOf = (x: Value, form: FactorForm): number =>
  form === "paper" ? x.shape[0] ** 2 : 1;

function linearCase(input: Shape, bias: boolean): Case {
  return {
    name: `linear, input [${input}], bias ${bias}`,
    layer: linear("l", input.at(-1)!, 3, { bias }),
    input,
    plain(h, s, form) {
      const rows = plainRows(h, input.at(-1)!);
      return {
        h: plainGram(withOnes(rows, bias), 1 / rows.length),
        s: plainGram(plainRows(s, 3), scaleOf(h, form) / rows.length),
      };
    },
  };
}

function convolutionCase(
  name: string,
  channels: Pair,
  kernel: Pair,
  options: Conv2dOptions,
): Case {
  const pair = (n: number | Pair | undefined, otherwise: number): Pair =>
    n === undefined
      ? [otherwise, otherwise]
      : typeof n === "number"
      ? [n, n]
      : n;
  const geometry: PlainGeometry = {
    kernel,
    stride: pair(options.stride, 1),
    padding: pair(options.padding, 0),
    dilation: pair(options.dilation, 1),
    groups: options.groups ?? 1,
  };
  return {
    name: `conv2d, ${name}`,
    layer: conv2d("l", channels[0], channels[1], kernel, options),
    input: [2, channels[0], 6, 5],
    plain(h, s, form) {
      const patches = plainPatches(
        h,
        form === "paper" ? geometry : { ...geometry, dilation: [1, 1] },
      );
      const rows = patches.flat(2);
      const cells = patches.length * patches[0][0].length; // B * L
      const divisor = form === "paper" ? rows.length : cells * rows[0].length;
      const pixels = plainPixels(s);
      return {
        h: plainGram(withOnes(rows, options.bias ?? true), 1 / divisor),
        s: plainGram(pixels, scaleOf(h, form) / pixels.length),
      };
    },
  };
}

/** Official H and S of a normalization layer: sums over all axes but axis 1. */
function plainOfficialNorm(h: Value, s: number[][]): PlainFactors {
  const [batch, extent] = h.shape;
  const inner = h.data.length / batch / extent;
  const u = new Array<number>(extent).fill(0);
  h.data.forEach((number, i) => {
    u[Math.floor(i / inner) % extent] += number / inner ** 2;
  });
  const sums = s[0].map((_, c) => s.reduce((total, row) => total + row[c], 0));
  return {
    h: plainGram(u.map((t) => [t, 1]), 1 / batch ** 2),
    s: plainGram([sums], 1 / batch),
  };
}

function normCase(
  name: string,
  layer: KroneckerLayer,
  input: Shape,
  rowsOf: (x: Value) => number[][],
): Case {
  return {
    name,
    layer,
    input,
    plain(h, s, form) {
      if (form === "official") return plainOfficialNorm(h, rowsOf(s));
      const rows = rowsOf(h);
      return {
        h: plainGram(rows, 1 / rows.length),
        s: plainGram(rowsOf(s), scaleOf(h, form) / rows.length),
      };
    },
  };
}

const CASES: readonly Case[] = [
  linearCase([4, 5], true),
  linearCase([4, 5], false),
  linearCase([2, 3, 5], true),
  convolutionCase("plain", [2, 3], [3, 3], {}),
  convolutionCase("oblong, stride, padding, no bias", [2, 3], [3, 2], {
    stride: [1, 2],
    padding: [2, 1],
    bias: false,
  }),
  convolutionCase("dilation", [2, 3], [2, 3], { dilation: [3, 2], padding: 1 }),
  convolutionCase("around cells", [2, 3], [3, 3], { padding: 1 }),
  convolutionCase("around cells, groups, no bias", [4, 6], [3, 3], {
    padding: 1,
    groups: 2,
    bias: false,
  }),
  convolutionCase("around cells, dilation", [2, 3], [3, 3], {
    padding: 1,
    dilation: [1, 2],
  }),
  convolutionCase("groups", [4, 6], [2, 2], { groups: 2, stride: 2 }),
  convolutionCase("groups, dilation, no bias", [3, 3], [2, 2], {
    groups: 3,
    dilation: 2,
    bias: false,
  }),
  normCase("batchNorm2d", batchNorm2d("l", 3), [2, 3, 2, 4], plainPixels),
  normCase(
    "layerNorm, tokens",
    layerNorm("l", 5),
    [2, 3, 5],
    (x) => plainRows(x, 5),
  ),
  normCase(
    "layerNorm, rows",
    layerNorm("l", 5),
    [4, 5],
    (x) => plainRows(x, 5),
  ),
  normCase(
    "layerNorm, images",
    layerNorm("l", [4, 2]),
    [2, 3, 4, 2],
    (x) => plainRows(x, 8),
  ),
];

/** Input and derivative of a case: random, the derivative of the output's shape. */
function statisticsOf({ layer, input }: Case): { h: Value; s: Value } {
  const h = numbers(11, input);
  const { output } = run(layer, h);
  return { h, s: numbers(12, output.shape) };
}

for (const each of CASES) {
  const { h, s } = statisticsOf(each);
  const statistics = { input: constant(h), derivative: constant(s) };
  const { layer } = each;

  for (const form of FORMS) {
    Deno.test(`factors (${each.name}, ${form}) agree with plain loops`, async () => {
      const factors = layer.factors(statistics, form);
      const plain = each.plain(h, s, form);
      await assertNumbers(factors.h, plain.h, "H");
      await assertNumbers(factors.s, plain.s, "S");
    });

    Deno.test(`diagonals (${each.name}, ${form}) are the diagonals of the full factors`, async () => {
      const shapes = layer.factorShapes(form);
      const diagonals = layer.diagonals(statistics, form);
      const factors = await evaluate({ ...layer.factors(statistics, form) });
      for (const part of ["h", "s"] as const) {
        const [n] = shapes[part];
        assertEquals(diagonals[part].shape, shapes[part]);
        assertEquals(factors[part].shape, [n, n]);
        const diagonal = Array.from(
          { length: n },
          (_, i) => factors[part].data[i * n + i],
        );
        await assertNumbers(diagonals[part], diagonal, part);
      }
    });

    Deno.test(`kroneckerDiagonal (${each.name}, ${form}) is laid out as the parameters`, () => {
      const diagonals = layer.diagonals(statistics, form);
      const laidOut = layer.kroneckerDiagonal(diagonals, form);
      assertEquals(
        Object.entries(laidOut).map(([name, { shape }]) => [name, shape]),
        Object.entries(layer.parameters).map(([name, { shape }]) => [
          name,
          [...shape],
        ]),
      );
      assertThrows(
        () =>
          layer.kroneckerDiagonal({ h: diagonals.h, s: fill([1], 1) }, form),
        RangeError,
        "Cannot lay out the Kronecker diagonal",
      );
    });
  }
}

Deno.test("kroneckerDiagonal of linear and conv2d is the diagonal of H (x) S", async () => {
  for (const each of CASES.filter(({ name }) => /^(linear|conv)/.test(name))) {
    const { layer } = each;
    const [hSize] = layer.factorShapes("paper").h;
    const [sSize] = layer.factorShapes("paper").s;
    const h = numbers(21, [hSize]), s = numbers(22, [sSize]);
    const square = (v: Value): Value => ({
      ...v,
      shape: [v.data.length, v.data.length],
      data: Float64Array.from(
        { length: v.data.length ** 2 },
        (_, i) =>
          i % (v.data.length + 1) === 0 ? v.data[i / (v.data.length + 1)] : 7,
      ),
    });
    const dense = await evaluate(
      toDense({ h: constant(square(h)), s: constant(square(s)) }),
    );
    const total = hSize * sSize;
    const laidOut = layer.kroneckerDiagonal(
      { h: constant(h), s: constant(s) },
      "paper",
    );
    const weight = await evaluate(laidOut["l.weight"]);
    const columns = weight.data.length / sSize;
    const entry = (o: number, j: number): number => {
      const at = j * sSize + o;
      return dense.data[at * total + at];
    };
    assertAllClose(
      weight,
      Array.from(
        weight.data,
        (_, i) => entry(Math.floor(i / columns), i % columns),
      ),
    );
    if (hSize > columns) {
      const bias = Array.from({ length: sSize }, (_, o) => entry(o, columns));
      await assertNumbers(laidOut["l.bias"], bias);
    }
  }
});

Deno.test("kroneckerDiagonal of a norm layer has no cross terms", async () => {
  const layer = batchNorm2d("bn", 2);
  const s = constant(value([5, 7]));
  const paper = layer.kroneckerDiagonal(
    { h: constant(value([2, 3])), s },
    "paper",
  );
  await assertNumbers(paper["bn.weight"], [10, 21]);
  await assertNumbers(paper["bn.bias"], [5, 7]);
  const official = layer.kroneckerDiagonal(
    { h: constant(value([2, 3])), s },
    "official",
  );
  await assertNumbers(official["bn.weight"], [10, 14]);
  await assertNumbers(official["bn.bias"], [15, 21]);
});

Deno.test("factors of a dilated conv2d: the official form sees patches of dilation 1, the paper's the real ones", async () => {
  const layer = conv2d("c", 1, 1, [1, 2], { dilation: [1, 2], bias: false });
  const statistics = {
    input: constant(value([1, 10, 100], [1, 1, 1, 3])),
    derivative: fill([1, 1, 1, 1], 1),
  };
  const { h: paper } = layer.diagonals(statistics, "paper");
  await assertNumbers(paper, [1, 10000]);
  const { h: official } = layer.diagonals(statistics, "official");
  await assertNumbers(official, [(1 + 100) / 4, (100 + 10000) / 4]);
});

/** The gradient of one loss at weight and bias as a matrix with the bias last, columns stacked. */
async function stackedGradient(
  layer: KroneckerLayer,
  x: Value,
  loss: (z: ReturnType<typeof constant>) => ReturnType<typeof constant>,
): Promise<number[]> {
  const parameters = Object.fromEntries(
    Object.entries(layer.parameters).map((
      [name, { shape }],
      i,
    ) => [name, constant(numbers(31 + i, shape))]),
  );
  const { output } = run(layer, x, { parameters });
  const nodes = Object.values(parameters);
  const found = await Promise.all(
    gradients(loss(output), nodes).map((gradient) => evaluate(gradient)),
  );
  const out = nodes[0].shape[0];
  const rows = plainRows(found[0], found[0].data.length / out);
  const columns = rows[0].map((_, j) => rows.map((row) => row[j]));
  if (found[1]) columns.push(Array.from(found[1].data));
  return columns.flat();
}

for (const bias of [true, false]) {
  const SINGLE: readonly [KroneckerLayer, Shape][] = [
    [linear("l", 3, 2, { bias }), [1, 3]],
    [conv2d("l", 2, 3, [2, 1], { bias }), [1, 2, 2, 1]],
    [conv2d("l", 1, 2, 2, { bias, dilation: 2 }), [1, 1, 3, 3]],
  ];
  for (const [layer, shape] of SINGLE) {
    Deno.test(`factors of ${layer.description} are the Fisher matrix of one sample`, async () => {
      const x = numbers(41, shape);
      const { output } = run(layer, x);
      const gradient = await stackedGradient(layer, x, weighted);
      const derivative = constant(numbers(999, output.shape));
      const factors = layer.factors(
        { input: constant(x), derivative },
        "paper",
      );
      await assertNumbers(toDense(factors), plainGram([gradient], 1));
    });
  }
}

Deno.test("factors of a deep linear net are the Fisher matrix where inputs and residuals are independent", async () => {
  // Every input meets every sign vector of the residual, so h and s are
  // independent over the data set, exactly.
  const first = linear("fc1", 3, 4), second = linear("fc2", 4, 2);
  const inputs = plainRows(numbers(51, [5, 3]), 3);
  const signs = [[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 2]];
  const pairs = inputs.flatMap((x) => signs.map((r) => ({ x, r })));
  const batch = pairs.length;
  const parameters = Object.fromEntries(
    Object.entries({ ...first.parameters, ...second.parameters }).map((
      [name, { shape }],
      i,
    ) => [name, constant(numbers(61 + i, shape))]),
  );
  const x = value(pairs.flatMap((pair) => pair.x), [batch, 3]);
  const r = value(pairs.flatMap((pair) => pair.r), [batch, 2]);
  const hidden = run(first, x, { parameters });
  const last = run(second, hidden.output, { parameters });
  // Derivative of the MEAN of half the squared residuals at the last output.
  const start = constant({ ...r, data: r.data.map((n) => n / batch) });
  const [s1, s2] = gradients(
    last.output,
    [hidden.output, last.output],
    start,
  );
  const weight2 = await evaluate(parameters["fc2.weight"]);
  const h2 = plainRows(await evaluate(hidden.output), 4);
  const layers = [
    {
      layer: first,
      statistics: { input: constant(x), derivative: s1 },
      h: (i: number) => pairs[i].x,
      s: (i: number) =>
        [0, 1, 2, 3].map((o) =>
          weight2.data[o] * pairs[i].r[0] + weight2.data[4 + o] * pairs[i].r[1]
        ),
    },
    {
      layer: second,
      statistics: { input: hidden.output, derivative: s2 },
      h: (i: number) => h2[i],
      s: (i: number) => pairs[i].r,
    },
  ];
  for (const { layer, statistics, h, s } of layers) {
    const perSample = pairs.map((_, i) =>
      [...h(i), 1].flatMap((hj) => s(i).map((so) => so * hj))
    );
    await assertNumbers(
      toDense(layer.factors(statistics, "paper")),
      plainGram(perSample, 1 / batch),
      layer.name,
    );
  }
});

Deno.test("factors name the layer where input, derivative or batch do not fit", () => {
  const layer = linear("fc1", 3, 2);
  assertThrows(
    () =>
      layer.diagonals(
        { input: fill([4, 3], 1), derivative: fill([4, 3], 1) },
        "paper",
      ),
    RangeError,
    "Cannot take factors of linear layer fc1: for input [4, 3] the derivative must be [4, 2], got [4, 3]",
  );
  assertThrows(
    () =>
      layer.factors(
        { input: fill([0, 3], 1), derivative: fill([0, 2], 1) },
        "paper",
      ),
    RangeError,
    "the batch is empty",
  );
  const conv = conv2d("c", 1, 2, 3, { stride: 2 });
  assertThrows(
    () =>
      conv.factors(
        { input: fill([1, 1, 5, 5], 1), derivative: fill([1, 2, 3, 3], 1) },
        "paper",
      ),
    RangeError,
    "the derivative must be [1, 2, 2, 2]",
  );
});

Deno.test("toDense refuses factors that are no square matrices", () => {
  assertThrows(
    () => toDense({ h: fill([2], 1), s: fill([2, 2], 1) }),
    RangeError,
    "got [2]",
  );
  assert(toDense({ h: fill([2, 2], 1), s: fill([3, 3], 1) }).shape[0] === 6);
});
