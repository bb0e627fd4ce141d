/**
 * Optimizers that PyTorch does not have, held against their published formulas in
 * plain loops over numbers.
 */

import {
  adabelief,
  adabound,
  adainject,
  adamP,
  lamb,
  lars,
  type Optimizer,
  yogi,
} from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  randomNormal,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { asConstants, tensors } from "./helpers.ts";

const LR = 0.05, STEPS = 7, SHAPE = [2, 3];

/** Gradient of step k: normal numbers, of different sizes from step to step. */
function gradientOf(k: number): number[] {
  const size = [1, 0.01, 3, 1, 0.5, 2, 1e-3][k - 1];
  return [...randomNormal([9, k], 1, 6)].map((x) => size * x);
}

const START = [...randomNormal([9, 0], 2, 6)];

/** p after each step. */
async function follow(optimizer: Optimizer): Promise<Value[]> {
  let p: Value = value(START, SHAPE);
  let state: object = await evaluate(optimizer.init({ p: constant(p) }));
  const path: Value[] = [];
  for (let k = 1; k <= STEPS; k++) {
    const result = await evaluate(optimizer.update({
      parameters: { p: constant(p) },
      gradients: { p: constant(value(gradientOf(k), SHAPE)) },
      state: Object.fromEntries(
        Object.entries(state).map(([n, v]) => [n, asConstants(v)]),
      ),
      learningRate: fill([], LR),
      scalars: tensors(optimizer.scalars(k)),
    }));
    p = (result.parameters as { p: Value }).p;
    state = result.state;
    path.push(p);
  }
  return path;
}

const length = (x: number[]): number =>
  Math.sqrt(x.reduce((t, v) => t + v * v, 0));
const zeros = (): number[] => START.map(() => 0);

/** The loop of a formula: it changes p, given g and the step. */
type Loop = (p: number[], g: number[], k: number) => void;

/** Adam's averages, in place; the unbiased ones. */
function moments(b1: number, b2: number) {
  const m = zeros(), v = zeros();
  return (g: number[], k: number, fresh = g) => {
    g.forEach((x, i) => {
      m[i] = b1 * m[i] + (1 - b1) * fresh[i];
      v[i] = b2 * v[i] + (1 - b2) * x * x;
    });
    return {
      m: m.map((x) => x / (1 - b1 ** k)),
      v: v.map((x) => x / (1 - b2 ** k)),
      raw: m,
    };
  };
}

function lambLoop(): Loop {
  const average = moments(0.8, 0.9);
  return (p, g, k) => {
    const { m, v } = average(g, k);
    const u = p.map((x, i) => m[i] / (Math.sqrt(v[i]) + 1e-3) + 0.1 * x);
    const trust = length(p) / length(u);
    u.forEach((x, i) => p[i] -= LR * trust * x);
  };
}

function larsLoop(momentum: number): Loop {
  const velocity = zeros();
  return (p, g) => {
    const local = 0.02 * length(p) / (length(g) + 0.1 * length(p));
    p.forEach((x, i) => {
      velocity[i] = momentum * velocity[i] + LR * local * (g[i] + 0.1 * x);
    });
    velocity.forEach((v, i) => p[i] -= v);
  };
}

function adabeliefLoop(): Loop {
  const m = zeros(), s = zeros(), epsilon = 1e-4;
  return (p, g, k) => {
    g.forEach((x, i) => {
      m[i] = 0.8 * m[i] + 0.2 * x;
      s[i] = 0.9 * s[i] + 0.1 * (x - m[i]) ** 2 + epsilon;
      const root = Math.sqrt(s[i] / (1 - 0.9 ** k)) + epsilon;
      p[i] -= LR * (m[i] / (1 - 0.8 ** k) / root + 0.1 * p[i]);
    });
  };
}

function yogiLoop(): Loop {
  const m = zeros(), v = START.map(() => 0.01);
  return (p, g0) => {
    g0.forEach((x, i) => {
      const g = x + 0.1 * p[i];
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] -= 0.1 * Math.sign(v[i] - g * g) * g * g;
      p[i] -= LR * m[i] / (Math.sqrt(v[i]) + 1e-3);
    });
  };
}

function adaboundLoop(): Loop {
  const m = zeros(), v = zeros(), final = 2 * LR;
  return (p, g0, t) => {
    g0.forEach((x, i) => {
      const g = x + 0.1 * p[i];
      m[i] = 0.8 * m[i] + 0.2 * g;
      v[i] = 0.9 * v[i] + 0.1 * g * g;
      const step = LR * Math.sqrt(1 - 0.9 ** t) / (1 - 0.8 ** t);
      const low = final * (1 - 1 / (0.1 * t + 1));
      const high = final * (1 + 1 / (0.1 * t));
      const rate = step / (Math.sqrt(v[i]) + 1e-8);
      p[i] -= Math.min(Math.max(rate, low), high) * m[i];
    });
  };
}

/** AdamP, and how often it projected by rows, as a whole, and not at all. */
function adamPLoop(delta: number, counts: number[], nesterov = false): Loop {
  const average = moments(0.8, 0.9);
  const dot = (a: number[], b: number[]) =>
    a.reduce((t, x, i) => t + x * b[i], 0);
  return (p, g, k) => {
    const { m, v, raw } = average(g, k);
    const forward = nesterov
      ? raw.map((x, i) => (0.8 * x + 0.2 * g[i]) / (1 - 0.8 ** k))
      : m;
    let direction = forward.map((x, i) => x / (Math.sqrt(v[i]) + 1e-8));
    let share = 1, kind = 2;
    for (const size of [3, 6]) {
      const rows = Array.from({ length: 6 / size }, (_, r) => r * size);
      const passes = rows.every((r) => {
        const w = p.slice(r, r + size), s = g.slice(r, r + size);
        const cosine = Math.abs(dot(w, s)) / (length(w) * length(s));
        return cosine < delta / Math.sqrt(size);
      });
      if (!passes) continue;
      direction = rows.flatMap((r) => {
        const w = p.slice(r, r + size), d = direction.slice(r, r + size);
        const along = dot(w, d) / length(w) ** 2;
        return d.map((x, i) => x - along * w[i]);
      });
      share = 0.1;
      kind = size === 3 ? 0 : 1;
      break;
    }
    counts[kind]++;
    direction.forEach((d, i) => p[i] -= LR * (d + share * 0.2 * p[i]));
  };
}

function adainjectLoop(): Loop {
  const s = zeros(), v = zeros(), change = zeros();
  return (p, g0, t) => {
    g0.forEach((x, i) => {
      const g = x + 0.1 * p[i];
      const fresh = t === 1 ? g : (g + change[i] * g * g) / 3;
      s[i] = 0.8 * s[i] + 0.2 * fresh;
      v[i] = 0.9 * v[i] + 0.1 * g * g;
      change[i] = LR * s[i] / (1 - 0.8 ** t) /
        (Math.sqrt(v[i] / (1 - 0.9 ** t)) + 1e-8);
      p[i] -= change[i];
    });
  };
}

const counts = [0, 0, 0];
const betas = { beta1: 0.8, beta2: 0.9 };
const table: readonly (readonly [string, Optimizer, Loop])[] = [
  [
    "lamb()",
    lamb({ ...betas, epsilon: 1e-3, weightDecay: 0.1 }),
    lambLoop(),
  ],
  ...[0.7, 1].map((momentum) =>
    [
      `lars() with momentum ${momentum}`,
      lars({ momentum, trustCoefficient: 0.02, weightDecay: 0.1 }),
      larsLoop(momentum),
    ] as const
  ),
  [
    "adabelief()",
    adabelief({ ...betas, epsilon: 1e-4, weightDecay: 0.1 }),
    adabeliefLoop(),
  ],
  [
    "yogi()",
    yogi({ ...betas, initialAccumulator: 0.01, weightDecay: 0.1 }),
    yogiLoop(),
  ],
  [
    "adabound()",
    adabound({ ...betas, finalRatio: 2, gamma: 0.1, weightDecay: 0.1 }),
    adaboundLoop(),
  ],
  ...[0.3, 1, 1.5].map((delta) =>
    [
      `adamP() with delta ${delta}`,
      adamP({ ...betas, delta, weightDecay: 0.2 }),
      adamPLoop(delta, counts),
    ] as const
  ),
  [
    "adamP() with Nesterov's momentum",
    adamP({ ...betas, delta: 1, nesterov: true, weightDecay: 0.2 }),
    adamPLoop(1, counts, true),
  ],
  [
    "adainject()",
    adainject({ ...betas, control: 3, weightDecay: 0.1 }),
    adainjectLoop(),
  ],
];

for (const [name, optimizer, loop] of table) {
  Deno.test(`${name} is its published formula`, async () => {
    const path = await follow(optimizer);
    const p = [...START];
    for (let k = 1; k <= STEPS; k++) {
      loop(p, gradientOf(k), k);
      // Some dozen roundings of numbers of size 1.
      assertAllClose(path[k - 1], p, { absolute: 1e-14 }, `p of step ${k}`);
    }
  });
}

Deno.test("adamP() was seen to project by rows, as a whole, and not at all", () => {
  for (const [i, count] of counts.entries()) {
    if (count === 0) throw new Error(`kind ${i} never came: ${counts}`);
  }
});
