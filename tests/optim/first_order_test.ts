/**
 * Optimizers of PyTorch on a fixed sequence of gradients; the expected numbers are
 * what PyTorch 1.13's `torch.optim` gives in float64:
 *
 *     p = torch.nn.Parameter(torch.tensor([1., -2.], dtype=torch.float64))
 *     optimizer = torch.optim.RAdam([p], lr=0.1, betas=(0.8, 0.95), eps=1e-3)
 *     for g in sequence:
 *         p.grad = torch.tensor(g, dtype=torch.float64)
 *         optimizer.step()
 *         print(p.tolist())
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Parameters } from "../../src/layers/mod.ts";
import {
  adadelta,
  adafisherW,
  adagrad,
  adam,
  adamW,
  decayMatching,
  lars,
  type Optimizer,
  optimizerByName,
  optimizerNames,
  radam,
  rmsprop,
  sgd,
} from "../../src/optim/mod.ts";
import { linear } from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, fill, type Value, value } from "../../src/tensor/mod.ts";
import { asConstants, noLayers, tensors } from "./helpers.ts";

const sequence = [[1, -0.5], [0.25, 2], [-3, 0.125], [0.5, 0.5], [0, -1]];

/** p after each step of rate 0.1 along the sequence, again and again, from [1, -2]. */
async function follow(
  optimizer: Optimizer,
  steps: number,
): Promise<number[][]> {
  let p: Value = value([1, -2]);
  let state: object = await evaluate(optimizer.init({ p: constant(p) }));
  const path: number[][] = [];
  for (let k = 1; k <= steps; k++) {
    const result = await evaluate(optimizer.update({
      parameters: { p: constant(p) },
      gradients: { p: constant(value(sequence[(k - 1) % sequence.length])) },
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
  ["sgd follows PyTorch with a momentum of 1", sgd({ momentum: 1 }), [
    [0.9, -1.95],
    [0.775, -2.1],
    [0.95, -2.2625],
    [1.075, -2.475],
    [1.2, -2.5875],
  ]],
  [
    "sgd follows PyTorch with Nesterov's momentum of 1",
    sgd({ momentum: 1, nesterov: true }),
    [
      [0.8, -1.9],
      [0.65, -2.25],
      [1.125, -2.425],
      [1.2, -2.6875],
      [1.325, -2.7],
    ],
  ],
  [
    "sgd follows PyTorch with a momentum above 1 and dampening below 0",
    sgd({ momentum: 1.5, dampening: -0.5 }),
    [
      [0.9, -1.95],
      [0.7125, -2.175],
      [0.88125, -2.53125],
      [1.059375, -3.140625],
      [1.3265625, -3.9046875],
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
  ["adam follows PyTorch without epsilon", adam({ epsilon: 0 }), [
    [0.9, -1.9],
    [0.8169402466324507, -1.955950349403787],
    [0.8565159144882126, -2.002989079767479],
    [0.8794845904491074, -2.054123308677127],
    [0.898898359129487, -2.0699644490735296],
  ]],
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
  [
    "rmsprop follows PyTorch with weight decay",
    rmsprop({ weightDecay: 0.05 }),
    [
      [9.523808652822652e-08, -1.0000001666666394],
      [-0.2327242279402782, -1.9561927062788613],
      [0.7096835138241777, -1.9695916075935742],
      [0.543613029405926, -2.1646311226306407],
      [0.535141291911579, -1.6887754310606142],
    ],
  ],
  ["rmsprop follows PyTorch with a momentum of 1", rmsprop({ momentum: 1 }), [
    [9.999999027732188e-08, -1.0000001999999606],
    [-1.2436848656613422, -0.9704283150334698],
    [-1.5406713659921534, -1.0017007893437022],
    [-1.9942787821484966, -1.2705721658152191],
    [-2.4478861983048397, -1.1084794957469304],
  ]],
  [
    "rmsprop follows PyTorch with momentum, centered",
    rmsprop({ alpha: 0.8, momentum: 0.9, centered: true, epsilon: 0.01 }),
    [
      [0.7560975609756098, -1.7619047619047619],
      [0.46871134844458245, -1.7778119756579236],
      [0.4350532446811274, -1.8081107403150414],
      [0.3647929210804798, -1.906187544888875],
      [0.30155862983989695, -1.873627975764432],
    ],
  ],
  [
    "adagrad follows PyTorch with all its options",
    adagrad({
      lrDecay: 0.1,
      initialAccumulator: 0.5,
      weightDecay: 0.05,
      epsilon: 1e-3,
    }),
    [
      [0.9171204578209985, -1.9353700283686677],
      [0.8964473161653597, -2.0170553202265236],
      [0.9727024831979919, -2.018005274815581],
      [0.9598191836121192, -2.032247465697978],
      [0.958772846501512, -1.9997438412951314],
    ],
  ],
  [
    "adadelta follows PyTorch with all its options",
    adadelta({ rho: 0.8, epsilon: 1e-2, weightDecay: 0.05 }),
    [
      [0.9781297456340725, -1.9790470911269127],
      [0.9688787836401461, -2.008350891750231],
      [0.9986155420213966, -2.008921627548783],
      [0.9904324182731902, -2.018226335463887],
      [0.9896537907653692, -1.9961592093258351],
    ],
  ],
  ["radam follows PyTorch with weight decay", radam({ weightDecay: 0.05 }), [
    [0.895, -1.94],
    [0.82975, -2.0117368421052633],
    [0.8977476937269373, -2.0579033792969508],
    [0.9301285127241357, -2.102192610850903],
    [0.9534664605922238, -2.1086805201884973],
  ]],
  [
    "radam follows PyTorch until it divides by the root of v",
    radam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3 }),
    [
      [0.9, -1.95],
      [0.8416666666666667, -2.0388888888888888],
      [0.9301912568306011, -2.0964708561020036],
      [0.971790172819761, -2.151484406237505],
      [1.00101435178216, -2.1603849297977145],
      [1.0002359988648235, -2.159046540137479],
      [0.9982415944666296, -2.1678617824817263],
    ],
  ],
];
for (const [title, optimizer, expected] of paths) {
  Deno.test(title, async () => {
    const path = await follow(optimizer, expected.length);
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
      hessianProduct: {
        "fc.weight": constant(value([2, -4], [1, 2])),
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

/** What optimizers make of a first gradient of 2, where it is not 2. */
const DIVIDED: Readonly<Record<string, number>> = {
  adam: 1,
  amsgrad: 1,
  adagrad: 1,
  rmsprop: 2 / (Math.sqrt(0.01 * 4) + 1e-8),
  adadelta: 2 * Math.sqrt(1e-6 / (0.1 * 4 + 1e-6)),
  // As long as the parameter, 4; and eta of that.
  lamb: 4,
  lars: 1e-3 * 4,
  yogi: 0.1 * 2 / (Math.sqrt(1e-6 + 0.001 * 4) + 1e-3),
  // At the upper bound, (1 + 1000) 100, of m.
  adabound: 1 / (1 + 1e-8 / Math.sqrt(0.001 * 4)),
  adainject: 1,
};
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
      hessianProduct: gradients,
      state: optimizer.init(parameters),
      learningRate: fill([], 0.25),
      // K-FAC decays from its 201st step on.
      scalars: tensors(optimizer.scalars(name === "kfac" ? 201 : 1)),
    });
    const { weight, bias } = await evaluate(moved);
    assertEquals([...bias.data], [4]);
    // An L2 decay of 2 is taken as it is, or divided by the root of an average.
    const direction = DIVIDED[name] ?? 2;
    assertAlmostEquals(weight.data[0], 4 - 0.25 * direction, 1e-8);
  });
}

const refused: readonly (readonly [
  string,
  (options: never) => Optimizer,
  object,
  string,
])[] = [
  ...([["sgd", sgd], ["lars", lars], ["rmsprop", rmsprop]] as const)
    .flatMap(([name, make]) =>
      [-0.1, NaN, Infinity].map((momentum) =>
        [
          name,
          make,
          { momentum },
          `Invalid momentum: ${momentum}, must be a finite number of at least 0`,
        ] as const
      )
    ),
  [
    "sgd",
    sgd,
    { momentum: 0.9, dampening: Infinity },
    "Invalid dampening: Infinity, must be a finite number",
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
      [
        { epsilon: -1 },
        "Invalid epsilon: -1, must be a finite number of at least 0",
      ],
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

// Hand-computed: v = 1, 2, 3 for a gradient of 1, so p falls by 0.1, 0.2, 0.3 in
// all that keep their sum in the way of sgd, on parameters that they leave alone.
for (
  const name of ["sgd", "kfac", "kfac-asdl", "shampoo", "shampoo-asdl"] as const
) {
  Deno.test(`${name} sums up all gradients with a momentum of 1`, async () => {
    const shape: number[] = [];
    const optimizer = optimizerByName(name, noLayers, { momentum: 1 });
    let parameters: Parameters = { p: fill(shape, 1) };
    let state: object = optimizer.init(parameters);
    for (const [k, expected] of [[1, 0.9], [2, 0.7], [3, 0.4]]) {
      const next = optimizer.update({
        parameters,
        gradients: { p: fill(shape, 1) },
        state,
        learningRate: fill([], 0.1),
        scalars: tensors(optimizer.scalars(k)),
      });
      ({ parameters, state } = next);
      const { p } = await evaluate(parameters);
      // ASDL's clipping to a norm of 1 takes a millionth.
      assertAlmostEquals(p.data[0], expected, 1e-6);
    }
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
      /fisher|kfac|shampoo/.test(name),
    );
    assertEquals(optimizer.hessian ?? false, name === "adahessian");
    assertEquals(
      optimizer.precondition !== undefined,
      /kfac|shampoo/.test(name),
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
    `Invalid optimizer: adagrads, must be one of ${optimizerNames.join(", ")}`,
  );
  assertThrows(
    () => optimizerByName("sgd", small, { preset: "paper" }),
    RangeError,
    "Invalid option: preset, sgd takes momentum",
  );
});
