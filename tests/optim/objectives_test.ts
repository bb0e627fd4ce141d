/** Every optimizer on every function: it must reach the known minimum. */

import { assert, assertEquals } from "@std/assert";
import {
  cosineAnnealing,
  optimizerByName,
  type OptimizerName,
  optimizerNames,
  type OptimizerOptions,
} from "../../src/optim/mod.ts";
import {
  add,
  constant,
  mul,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { minimize, noLayers } from "./helpers.ts";

const part = (x: Tensor, i: number): Tensor => slice(x, [i], [i + 1]);

const objectives = {
  parabola: {
    loss: (x: Tensor) => sum(square(sub(x, constant(value([3, -2, 0.5]))))),
    start: [0, 0, 0],
    minimum: [3, -2, 0.5],
    steps: 500,
  },
  /** Curvatures 1, 10 and 1000. */
  "ill-conditioned quadratic": {
    loss: (x: Tensor) =>
      mul(0.5, sum(mul(constant(value([1, 10, 1000])), square(sub(x, 1))))),
    start: [0, 2, -1],
    minimum: [1, 1, 1],
    steps: 2000,
  },
  Rosenbrock: {
    loss: (x: Tensor) => {
      const x0 = part(x, 0), x1 = part(x, 1);
      return sum(
        add(square(sub(1, x0)), mul(100, square(sub(x1, square(x0))))),
      );
    },
    start: [-1, 1],
    minimum: [1, 1],
    steps: 5000,
  },
};
type ObjectiveName = keyof typeof objectives;

interface Setting {
  readonly options?: OptimizerOptions;
  readonly rates: Record<ObjectiveName, number>;
  /** Adam's steps shrink with the rate alone, so that the rate must shrink. */
  readonly annealed?: boolean;
}

// Without layers F = 1, and AdaFisher is momentum without its bias.
const momentum: Setting["rates"] = {
  parabola: 0.1,
  "ill-conditioned quadratic": 0.03,
  Rosenbrock: 0.01,
};
const root: Setting["rates"] = {
  parabola: 0.1,
  "ill-conditioned quadratic": 0.1,
  Rosenbrock: 0.1,
};
const settings: Record<OptimizerName, Setting> = {
  adafisher: { rates: momentum },
  adafisherw: { rates: momentum, options: { preset: "paper" } },
  sgd: {
    options: { momentum: 0.9 },
    rates: {
      parabola: 0.1,
      "ill-conditioned quadratic": 0.003,
      Rosenbrock: 0.003,
    },
  },
  adam: { rates: root, annealed: true },
  // Its default decay would move the minimum.
  adamw: { rates: root, annealed: true, options: { weightDecay: 0 } },
  amsgrad: { rates: root, annealed: true },
};

Deno.test("optimizerNames are all in the table of objectives", () => {
  assertEquals(Object.keys(settings), [...optimizerNames]);
});

for (const [name, { options, rates, annealed }] of Object.entries(settings)) {
  for (const [title, objective] of Object.entries(objectives)) {
    const { loss, start, minimum, steps } = objective;
    Deno.test(`${name} reaches the minimum of the ${title} in ${steps} steps`, async () => {
      const rate = rates[title as ObjectiveName];
      const { x } = await minimize(
        optimizerByName(name, noLayers, options),
        (parameters) => ({ loss: loss(parameters.x) }),
        {
          start: { x: value(start) },
          steps,
          rate: annealed ? cosineAnnealing(rate, steps) : rate,
        },
      );
      // Each of them comes to 1e-9; the start is at least 1 away.
      minimum.forEach((m, i) =>
        assert(
          Math.abs(x.data[i] - m) <= 1e-8,
          `x[${i}] is ${x.data[i]}, expected ${m}`,
        )
      );
    });
  }
}
