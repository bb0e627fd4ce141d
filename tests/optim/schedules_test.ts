/**
 * Learning rates against the literal rates of PyTorch 1.13's
 * `torch.optim.lr_scheduler`, read before each of the first steps.
 */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  constantRate,
  cosineAnnealing,
  cosineRestarts,
  linearWarmup,
  oneCycle,
  perEpoch,
  type Schedule,
  stepDecay,
} from "../../src/optim/mod.ts";

const table: readonly (readonly [string, Schedule, readonly number[]])[] = [
  // CosineAnnealingLR(T_max=10)
  ["cosineAnnealing equals PyTorch's", cosineAnnealing(0.1, 10), [
    0.1,
    0.09755282581475769,
    0.09045084971874738,
    0.07938926261462367,
    0.06545084971874739,
    0.05000000000000001,
    0.03454915028125264,
    0.020610737385376353,
    0.009549150281252635,
    0.002447174185242324,
    0,
  ]],
  // CosineAnnealingLR(T_max=4, eta_min=0.01)
  [
    "cosineAnnealing equals PyTorch's with a minimum",
    cosineAnnealing(0.1, 4, 0.01),
    [0.1, 0.08681980515339464, 0.05500000000000001, 0.023180194846605363, 0.01],
  ],
  // CosineAnnealingWarmRestarts(T_0=3)
  [
    "cosineRestarts equals PyTorch's",
    cosineRestarts(0.1, { period: 3 }),
    [
      0.1,
      0.07500000000000001,
      0.025000000000000012,
      0.1,
      0.07500000000000001,
      0.025000000000000012,
      0.1,
    ],
  ],
  // CosineAnnealingWarmRestarts(T_0=2, T_mult=3, eta_min=0.02)
  [
    "cosineRestarts equals PyTorch's with growing periods",
    cosineRestarts(0.1, { period: 2, factor: 3, minimum: 0.02 }),
    [
      0.1,
      0.06,
      0.1,
      0.09464101615137756,
      0.08,
      0.06,
      0.04000000000000001,
      0.02535898384862245,
      0.1,
      0.09939231012048833,
    ],
  ],
  // StepLR(step_size=3, gamma=0.5)
  [
    "stepDecay equals PyTorch's",
    stepDecay(0.1, 3, 0.5),
    [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025],
  ],
  // OneCycleLR(max_lr=0.1, total_steps=20)
  ["oneCycle equals PyTorch's", oneCycle(0.1, 20), [
    0.0040000000000000036,
    0.013167184270002533,
    0.037167184270002526,
    0.06683281572999747,
    0.09083281572999748,
    0.1,
    0.09874640062350874,
    0.09504846320134738,
    0.089091617757105,
    0.0811745653949763,
    0.07169430017913009,
    0.06112620219362893,
    0.0500002,
    0.03887419780637107,
    0.028306099820869922,
    0.0188258346050237,
    0.010908782242895003,
    0.004951936798652629,
    0.0012539993764912555,
    4e-7,
  ]],
  // OneCycleLR(0.5, total_steps=12, pct_start=0.4, div_factor=10, final_div_factor=100)
  [
    "oneCycle equals PyTorch's where the peak is between two steps",
    oneCycle(0.5, 12, { rise: 0.4, startDivisor: 10, endDivisor: 100 }),
    [
      0.04999999999999999,
      0.12261164638420824,
      0.29358035273127464,
      0.4525566146141885,
      0.49904962584841345,
      0.4665398445951636,
      0.39350071497867384,
      0.2936186323723159,
      0.18560994348564552,
      0.0897137944807868,
      0.023899630187596735,
      0.0005,
    ],
  ],
  // SequentialLR of LinearLR(1/5 to 1, 4 steps) and CosineAnnealingLR(T_max=5)
  [
    "linearWarmup equals PyTorch's LinearLR before another",
    linearWarmup(4, cosineAnnealing(0.1, 5)),
    [
      0.020000000000000004,
      0.04000000000000001,
      0.06000000000000001,
      0.08000000000000002,
      0.1,
      0.09045084971874738,
      0.06545084971874737,
      0.03454915028125263,
      0.009549150281252633,
      0,
    ],
  ],
];
for (const [title, schedule, expected] of table) {
  Deno.test(title, () => {
    expected.forEach((rate, t) =>
      // PyTorch works these out step after step, and rounds as often.
      assertAlmostEquals(schedule(t), rate, 1e-15, `t = ${t}`)
    );
  });
}

Deno.test("constantRate is the same at every step", () => {
  assertEquals([0, 1, 1e6].map(constantRate(0.3)), [0.3, 0.3, 0.3]);
});

Deno.test("cosineAnnealing and oneCycle stay where they end", () => {
  assertEquals([10, 11, 25].map(cosineAnnealing(0.1, 10, 0.01)), [
    0.01,
    0.01,
    0.01,
  ]);
  const cycle = oneCycle(1, 10);
  assertEquals(cycle(15), cycle(9));
  assertEquals(cycle(9), 1 / 25 / 1e4);
});

Deno.test("cosineRestarts finds its place after many restarts", () => {
  const flat = cosineRestarts(0.1, { period: 3 });
  assertEquals(flat(3e9 + 1), flat(1));
  // Periods of 1, 2, 4, ...: the 31st starts at 2^30 - 1.
  const growing = cosineRestarts(0.1, { period: 1, factor: 2 });
  assertEquals(growing(2 ** 30 - 1), 0.1);
  assertAlmostEquals(growing(2 ** 30 - 1 + 2 ** 29), 0.05, 1e-15);
});

Deno.test("linearWarmup of no steps is the schedule itself", () => {
  const schedule = linearWarmup(0, cosineAnnealing(0.1, 10));
  assertEquals([0, 5, 10].map(schedule), [
    0.1,
    cosineAnnealing(0.1, 10)(5),
    0,
  ]);
});

Deno.test("perEpoch holds the rate for a whole epoch", () => {
  const schedule = perEpoch(3, cosineAnnealing(0.1, 2));
  assertEquals([0, 2, 5, 6].map(schedule), [
    0.1,
    0.1,
    cosineAnnealing(0.1, 2)(1),
    0,
  ]);
});

const least = "must be a finite number of at least 0";
const refused: readonly (readonly [string, () => Schedule, string])[] = [
  [
    "constantRate refuses a negative rate",
    () => constantRate(-1),
    `Invalid rate: -1, ${least}`,
  ],
  [
    "cosineAnnealing refuses a rate that is no number",
    () => cosineAnnealing(NaN, 10),
    `Invalid rate: NaN, ${least}`,
  ],
  [
    "cosineAnnealing refuses a total of 0",
    () => cosineAnnealing(1, 0),
    "Invalid total: 0, must be a whole number of at least 1",
  ],
  [
    "cosineAnnealing refuses a negative minimum",
    () => cosineAnnealing(1, 10, -1),
    `Invalid minimum: -1, ${least}`,
  ],
  [
    "cosineRestarts refuses a negative rate",
    () => cosineRestarts(-1, { period: 2 }),
    `Invalid rate: -1, ${least}`,
  ],
  [
    "cosineRestarts refuses half a step",
    () => cosineRestarts(1, { period: 2.5 }),
    "Invalid period: 2.5, must be a whole number of at least 1",
  ],
  [
    "cosineRestarts refuses a factor of 0",
    () => cosineRestarts(1, { period: 2, factor: 0 }),
    "Invalid factor: 0, must be a whole number of at least 1",
  ],
  [
    "cosineRestarts refuses a negative minimum",
    () => cosineRestarts(1, { period: 2, minimum: -1 }),
    `Invalid minimum: -1, ${least}`,
  ],
  [
    "stepDecay refuses an infinite rate",
    () => stepDecay(Infinity, 2),
    `Invalid rate: Infinity, ${least}`,
  ],
  [
    "stepDecay refuses stairs of no length",
    () => stepDecay(1, 0),
    "Invalid every: 0, must be a whole number of at least 1",
  ],
  [
    "stepDecay refuses a factor of 0",
    () => stepDecay(1, 2, 0),
    "Invalid factor: 0, must be a finite number above 0",
  ],
  [
    "oneCycle refuses a negative peak",
    () => oneCycle(-1, 10),
    `Invalid peak: -1, ${least}`,
  ],
  [
    "oneCycle refuses half a step",
    () => oneCycle(1, 10.5),
    "Invalid total: 10.5, must be a whole number of at least 1",
  ],
  [
    "oneCycle refuses a start divisor of 0",
    () => oneCycle(1, 10, { startDivisor: 0 }),
    "Invalid startDivisor: 0, must be a finite number above 0",
  ],
  [
    "oneCycle refuses an end divisor below 0",
    () => oneCycle(1, 10, { endDivisor: -1 }),
    "Invalid endDivisor: -1, must be a finite number above 0",
  ],
  [
    "oneCycle refuses a rise of no length",
    () => oneCycle(1, 10, { rise: 0.1 }),
    "Invalid rise: 0.1, rise * 10 steps must be above 1 and below 10",
  ],
  [
    "oneCycle refuses a fall of no length",
    () => oneCycle(1, 10, { rise: 1 }),
    "Invalid rise: 1, rise * 10 steps must be above 1 and below 10",
  ],
  [
    "linearWarmup refuses half a step",
    () => linearWarmup(0.5, constantRate(1)),
    "Invalid steps: 0.5, must be a whole number of at least 0",
  ],
  [
    "perEpoch refuses epochs of no steps",
    () => perEpoch(0, constantRate(1)),
    "Invalid steps: 0, must be a whole number of at least 1",
  ],
];
for (const [title, make, message] of refused) {
  Deno.test(title, () => {
    assertThrows(make, RangeError, message);
  });
}

Deno.test("every schedule refuses a t before the first step", () => {
  const schedules = [
    ...table.map(([, schedule]) => schedule),
    constantRate(1),
    perEpoch(2, constantRate(1)),
  ];
  for (const schedule of schedules) {
    for (const t of [-1, NaN]) {
      assertThrows(() => schedule(t), RangeError, `Invalid t: ${t}, ${least}`);
    }
  }
});
