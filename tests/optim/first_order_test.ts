/**
 * SGD and Adam on a fixed sequence of gradients; the expected numbers are what
 * PyTorch 1.13's `torch.optim` gives in float64.
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Parameters } from "../../src/layers/mod.ts";
import {
  adafisherW,
  adam,
  adamW,
  decayMatching,
  type Optimizer,
  optimizerByName,
  optimizerNames,
  sgd,
} from "../../src/optim/mod.ts";
import { linear } from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, fill, type Value, value } from "../../src/tensor/mod.ts";
import { asConstants, noLayers, tensors } from "./helpers.ts";

const sequence = [[1, -0.5], [0.25, 2], [-3, 0.125], [0.5, 0.5], [0, -1]];

/** p after each step of rate 0.1 along the sequence, from [1, -2]. */
async function follow(optimizer: Optimizer): Promise<number[][]> {
  let p: Value = value([1, -2]);
  let state: object = await evaluate(optimizer.init({ p: constant(p) }));
  const path: number[][] = [];
  for (let k = 1; k <= sequence.length; k++) {
    const result = await evaluate(optimizer.update({
      parameters: { p: constant(p) },
      gradients: { p: constant(value(sequence[k - 1])) },
      state: Object.fromEntries(
        Object.entries(state).map(([n, v]) => [n, asConstants(v)]),
      ),
      learningRate: fill([], 0.1),
      scalars: tensors(optimizer.scalars(k)),
    }));
    p = (result.parameters as { p: Value }).p;
    state = result.state;
    path.push([...p.data]);
  }
  return path;
}

const paths: readonly (readonly [string, Optimizer, number[][]])[] = [
  ["sgd follows PyTorch with weight decay", sgd({ weightDecay: 0.05 }), [
    [0.895, -1.94],
    [0.865525, -2.1303],
    [1.161197375, -2.1321485],
    [1.105391388125, -2.1714877575],
    [1.0998644311843748, -2.0606303187125],
  ]],
  [
    "sgd follows PyTorch with momentum, dampening and weight decay",
    sgd({ momentum: 0.9, dampening: 0.4, weightDecay: 0.05 }),
    [
      [0.895, -1.94],
      [0.782815, -2.00018],
      [0.859500055, -2.05584146],
      [0.895938104335, -2.12976924962],
      [0.926044534423495, -2.12991495252914],
    ],
  ],
  [
    "sgd follows PyTorch with Nesterov's momentum",
    sgd({ momentum: 0.8, nesterov: true }),
    [
      [0.82, -1.91],
      [0.711, -2.238],
      [1.1838, -2.3629],
      [1.23204, -2.54282],
      [1.310632, -2.466756],
    ],
  ],
  ["adam follows PyTorch with weight decay", adam({ weightDecay: 0.05 }), [
    [0.900000000952381, -1.9000000016666667],
    [0.8153573916796901, -1.9508594521218758],
    [0.8526967901187934, -1.9910488338032377],
    [0.8729797170237431, -2.0347605965039204],
    [0.8893770427593848, -2.0412685165442768],
  ]],
  [
    "adam follows PyTorch with a large epsilon",
    adam({ beta1: 0.5, beta2: 0.75, epsilon: 0.1 }),
    [
      [0.9090909090909091, -1.9166666666666667],
      [0.8451019781619039, -1.9875074214598092],
      [0.915245219727614, -2.0325630191835584],
      [0.9399872414179248, -2.0820219027817934],
      [0.9544082990896623, -2.058247894079217],
    ],
  ],
  ["adam follows PyTorch with amsgrad", adam({ beta2: 0.6, amsgrad: true }), [
    [0.900000001, -1.900000002],
    [0.8234395954590813, -1.9506540359947342],
    [0.8565538612516062, -1.9891999440744053],
    [0.8743031752296802, -2.028532311734398],
    [0.8881119225245752, -2.0409310661513516],
  ]],
  ["adamW follows PyTorch", adamW(), [
    [0.899000001, -1.898000002],
    [0.8150412487712727, -1.9520523510180554],
    [0.8538018751622587, -1.9971390286362387],
    [0.8759167491049656, -2.046276118035881],
    [0.8944546009010482, -2.060070982163391],
  ]],
  [
    "adamW follows PyTorch with amsgrad",
    adamW({ beta1: 0.8, beta2: 0.5, weightDecay: 0.3, amsgrad: true }),
    [
      [0.870000001, -1.840000002],
      [0.7724565510138239, -1.8384020184305923],
      [0.7877225298936112, -1.8207553355402273],
      [0.7827881762051057, -1.8032228031589284],
      [0.7726569494504001, -1.7552260431513182],
    ],
  ],
];
for (const [title, optimizer, expected] of paths) {
  Deno.test(title, async () => {
    const path = await follow(optimizer);
    expected.forEach((pair, k) =>
      pair.forEach((number, i) =>
        // Ten units in the last place: the same formula in another order.
        assertAlmostEquals(path[k][i], number, 4e-15, `step ${k + 1}, p[${i}]`)
      )
    );
  });
}

const small = linear("fc", 2, 1);
const all: Record<string, Optimizer> = {
  ...Object.fromEntries(
    optimizerNames.map((
      name,
    ) => [name, optimizerByName(name, small, { weightDecay: 0.1 })]),
  ),
  "sgd with momentum": sgd({ momentum: 0.9, nesterov: true }),
};

function frozen<T>(tree: T): T {
  if (typeof tree === "object" && tree !== null && !ArrayBuffer.isView(tree)) {
    Object.freeze(tree);
    Object.values(tree).forEach(frozen);
  }
  return tree;
}

for (const [name, optimizer] of Object.entries(all)) {
  Deno.test(`${name} updates without touching its inputs, twice the same`, async () => {
    const parameters: Parameters = {
      "fc.weight": constant(value([1, -2], [1, 2])),
      "fc.bias": constant(value([3])),
    };
    const input = frozen({
      parameters,
      gradients: {
        "fc.weight": constant(value([0.5, 0.25], [1, 2])),
        "fc.bias": constant(value([-1])),
      },
      state: optimizer.init(parameters),
      learningRate: fill([], 0.01),
      scalars: tensors(optimizer.scalars(1)),
    });
    const before = await evaluate(input);
    const first = await evaluate(optimizer.update(input));
    const second = await evaluate(optimizer.update(input));
    assertEquals(first, second);
    assertEquals(await evaluate(input), before);
    for (const p of Object.keys(parameters)) {
      const moved = first.parameters[p] as unknown as Value;
      const start = before.parameters[p] as unknown as Value;
      assertEquals(moved.shape, start.shape);
      moved.data.forEach((number, i) =>
        assertEquals(number === start.data[i], false, `${p}[${i}] stood still`)
      );
    }
  });

  Deno.test(`${name} refuses a gradient that is absent or of another shape`, () => {
    const parameters = { p: fill([2, 3], 1) };
    const update = (gradients: Parameters) =>
      optimizer.update({
        parameters,
        gradients,
        state: optimizer.init(parameters),
        learningRate: fill([], 0.01),
        scalars: tensors(optimizer.scalars(1)),
      });
    assertThrows(
      () => update({}),
      RangeError,
      "Cannot update p: its gradient must be [2, 3], got none",
    );
    assertThrows(
      () => update({ p: fill([3], 1) }),
      RangeError,
      "Cannot update p: its gradient must be [2, 3], got [3]",
    );
  });
}

const decaying: Record<string, Optimizer> = {};
for (const name of optimizerNames) {
  decaying[name] = optimizerByName(name, noLayers, {
    weightDecay: 0.5,
    decayMask: decayMatching(/weight/),
  });
}
for (const [name, optimizer] of Object.entries(decaying)) {
  Deno.test(`${name} decays what the mask holds and nothing else`, async () => {
    const parameters = { weight: fill([1], 4), bias: fill([1], 4) };
    const gradients = { weight: fill([1], 0), bias: fill([1], 0) };
    const { parameters: moved } = optimizer.update({
      parameters,
      gradients,
      state: optimizer.init(parameters),
      learningRate: fill([], 0.25),
      scalars: tensors(optimizer.scalars(1)),
    });
    const { weight, bias } = await evaluate(moved);
    assertEquals([...bias.data], [4]);
    // Adam divides an L2 decay by its own size; all others take it as it is.
    const expected = ["adam", "amsgrad"].includes(name) ? 4 - 0.25 : 4 - 0.5;
    assertAlmostEquals(weight.data[0], expected, 1e-8);
  });
}

const refused: readonly (readonly [
  string,
  (options: never) => Optimizer,
  object,
  string,
])[] = [
  ["sgd", sgd, { momentum: 1 }, "Invalid momentum: 1, must be in [0, 1)"],
  ["sgd", sgd, { momentum: NaN }, "Invalid momentum: NaN, must be in [0, 1)"],
  [
    "sgd",
    sgd,
    { momentum: 0.9, dampening: 1.5 },
    "Invalid dampening: 1.5, must be in [0, 1]",
  ],
  [
    "sgd",
    sgd,
    { dampening: 0.5 },
    "Invalid dampening without momentum: 0.5, must be one of 0",
  ],
  [
    "sgd",
    sgd,
    { nesterov: true },
    "Invalid nesterov without momentum: true, must be one of false",
  ],
  [
    "sgd",
    sgd,
    { momentum: 0.9, nesterov: true, dampening: 0.1 },
    "Invalid dampening with nesterov: 0.1, must be one of 0",
  ],
  [
    "sgd",
    sgd,
    { nesterov: 1 },
    "Invalid nesterov: 1, must be one of false, true",
  ],
  [
    "sgd",
    sgd,
    { weightDecay: -1 },
    "Invalid weightDecay: -1, must be a finite number of at least 0",
  ],
  [
    "sgd",
    sgd,
    { beta: 0.9 },
    "Invalid option: beta, sgd takes momentum, dampening, nesterov, weightDecay",
  ],
  ...([["adam", adam], ["adamW", adamW]] as const).flatMap(([name, make]) =>
    ([
      [{ beta1: 1 }, "Invalid beta1: 1, must be in [0, 1)"],
      [{ beta2: -0.1 }, "Invalid beta2: -0.1, must be in [0, 1)"],
      [{ epsilon: 0 }, "Invalid epsilon: 0, must be a finite number above 0"],
      [
        { weightDecay: NaN },
        "Invalid weightDecay: NaN, must be a finite number of at least 0",
      ],
      [
        { amsgrad: "yes" },
        "Invalid amsgrad: yes, must be one of false, true",
      ],
      [
        { momentum: 0.9 },
        `Invalid option: momentum, ${name.toLowerCase()} takes`,
      ],
    ] as const).map(([options, message]) =>
      [name, make, options, message] as const
    )
  ),
];
for (const [name, make, options, message] of refused) {
  Deno.test(`${name} refuses ${Deno.inspect(options, { compact: true })}`, () => {
    assertThrows(() => make(options as never), RangeError, message);
  });
}

Deno.test("sgd without momentum carries nothing", () => {
  assertEquals(sgd().init({ p: fill([3], 1) }), { velocity: {} });
});

Deno.test("optimizerByName builds each optimizer under its name", () => {
  for (const name of optimizerNames) {
    const optimizer = optimizerByName(name, small);
    assertEquals(optimizer.name, name);
    assertEquals(
      optimizer.curvature !== undefined,
      name.startsWith("adafisher"),
    );
  }
});

Deno.test("optimizerByName hands its options on", () => {
  assertEquals(
    optimizerByName("adafisherw", small, { preset: "paper", weightDecay: 0.01 })
      .description,
    adafisherW(small, { preset: "paper", weightDecay: 0.01 }).description,
  );
  assertEquals(
    optimizerByName("amsgrad", small, { beta1: 0.5 }).description,
    adam({ beta1: 0.5, amsgrad: true }).description,
  );
  assertEquals(
    optimizerByName("adamw", small, { preset: undefined }).description,
    adamW().description,
  );
});

Deno.test("optimizerByName refuses other names, and options of other optimizers", () => {
  assertThrows(
    () => optimizerByName("adagrads", small),
    RangeError,
    "Invalid optimizer: adagrads, must be one of adafisher, adafisherw, sgd, adam, adamw, amsgrad",
  );
  assertThrows(
    () => optimizerByName("sgd", small, { preset: "paper" }),
    RangeError,
    "Invalid option: preset, sgd takes momentum",
  );
});
