/** Every optimizer on every function, on any device: it must reach the minimum. */

import { assert } from "@std/assert";
import {
  cosineAnnealing,
  optimizerByName,
  type OptimizerName,
  type OptimizerOptions,
} from "../../src/optim/mod.ts";
import type { Device } from "../../src/program/device.ts";
import {
  add,
  constant,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { minimize, noLayers } from "./helpers.ts";

const part = (x: Tensor, i: number): Tensor => slice(x, [i], [i + 1]);

/** The functions. */
export const objectives = {
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
/** Name of a function. */
export type ObjectiveName = keyof typeof objectives;

interface Setting {
  readonly options?: OptimizerOptions;
  readonly rates: Record<ObjectiveName, number>;
  /** Adam's steps shrink with the rate alone, so that the rate must shrink. */
  readonly annealed?: boolean;
  /** Steps on Rosenbrock where it needs more than the others. */
  readonly rosenbrockSteps?: number;
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
/** How each optimizer is run. */
export const settings: Record<OptimizerName, Setting> = {
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
  // With the whole power its steps on Rosenbrock are small until D has grown right.
  adahessian: {
    options: { hessianPower: 0.5 },
    rates: { ...root, Rosenbrock: 0.3 },
  },
  // Without layers K-FAC is momentum.
  kfac: {
    rates: {
      parabola: 0.1,
      "ill-conditioned quadratic": 0.003,
      Rosenbrock: 0.003,
    },
  },
  "kfac-asdl": {
    options: { clipNorm: 1e4 },
    rates: {
      parabola: 0.1,
      "ill-conditioned quadratic": 0.003,
      Rosenbrock: 0.003,
    },
  },
  "shampoo-asdl": { rates: root, annealed: true },
  rmsprop: {
    options: { momentum: 0.9 },
    rates: { ...root, Rosenbrock: 0.001 },
    annealed: true,
  },
  // These two have no momentum, which the bent valley of Rosenbrock asks for.
  adagrad: {
    rates: {
      parabola: 1,
      "ill-conditioned quadratic": 1,
      Rosenbrock: 0.5,
    },
    rosenbrockSteps: 40_000,
  },
  adadelta: {
    options: { rho: 0.99 },
    rates: {
      parabola: 30,
      "ill-conditioned quadratic": 1,
      Rosenbrock: 0.03,
    },
    annealed: true,
    rosenbrockSteps: 60_000,
  },
  // Its first steps are plain momentum: the rate must fit that.
  radam: {
    options: { beta2: 0.98 },
    rates: {
      parabola: 0.1,
      "ill-conditioned quadratic": 0.003,
      Rosenbrock: 0.003,
    },
    annealed: true,
  },
};

/** How many steps an optimizer has. */
function stepsOf(name: OptimizerName, title: ObjectiveName): number {
  const { rosenbrockSteps } = settings[name];
  return title === "Rosenbrock" && rosenbrockSteps !== undefined
    ? rosenbrockSteps
    : objectives[title].steps;
}

/**
 * Runs an optimizer of the catalogue on a function.
 *
 * @returns How far the worst coordinate is from the minimum at the end.
 */
export async function distance(
  name: OptimizerName,
  title: ObjectiveName,
  device?: Device,
): Promise<number> {
  const { loss, start, minimum } = objectives[title];
  const { options, rates, annealed } = settings[name];
  const steps = stepsOf(name, title);
  const rate = rates[title];
  const { x } = await minimize(
    optimizerByName(name, noLayers, options),
    // A matrix of one column: Shampoo leaves vectors as they are.
    ({ x }) => ({ loss: loss(reshape(x, [start.length])) }),
    {
      start: { x: value(start, [start.length, 1]) },
      steps,
      rate: annealed ? cosineAnnealing(rate, steps) : rate,
      device,
    },
  );
  return Math.max(...minimum.map((m, i) => Math.abs(x.data[i] - m)));
}

/** Declares a test for each optimizer and function. */
export function objectiveTests(
  test: (name: string, run: () => Promise<void>) => void,
  allowed: number,
  device?: Device,
): void {
  for (const name of Object.keys(settings) as OptimizerName[]) {
    for (const title of Object.keys(objectives) as ObjectiveName[]) {
      const steps = stepsOf(name, title);
      test(
        `${name} reaches the minimum of the ${title} in ${steps} steps`,
        async () => {
          const far = await distance(name, title, device);
          assert(far <= allowed, `it is ${far} away`);
        },
      );
    }
  }
}
