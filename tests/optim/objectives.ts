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
import type { DeviceTest } from "../devices/compare.ts";
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
  /** Steps shrink with the rate alone, so that the rate must shrink. */
  readonly annealed?: boolean;
  /** Steps where it needs more than the others. */
  readonly steps?: Partial<Record<ObjectiveName, number>>;
  /** How near it comes where that is not as near as the others. */
  readonly within?: number;
}

const at = (
  parabola: number,
  quadratic: number,
  Rosenbrock: number,
): Setting["rates"] => ({
  parabola,
  "ill-conditioned quadratic": quadratic,
  Rosenbrock,
});

// Without layers F = 1, and AdaFisher is momentum without its bias.
const fisher = at(0.1, 0.03, 0.01);
const momentum = at(0.1, 0.003, 0.003);
const root = at(0.1, 0.1, 0.1);
/** How each optimizer is run. */
export const settings: Record<OptimizerName, Setting> = {
  adafisher: { rates: fisher },
  adafisherw: { rates: fisher, options: { preset: "paper" } },
  sgd: { rates: momentum, options: { momentum: 0.9 } },
  adam: { rates: root, annealed: true },
  // Its default decay would move the minimum.
  adamw: { rates: root, annealed: true, options: { weightDecay: 0 } },
  amsgrad: { rates: root, annealed: true },
  // With the whole power its steps on Rosenbrock are small until D has grown right.
  adahessian: { rates: at(0.1, 0.1, 0.3), options: { hessianPower: 0.5 } },
  // Without layers K-FAC is momentum.
  kfac: { rates: momentum },
  "kfac-asdl": { rates: momentum, options: { clipNorm: 1e4 } },
  shampoo: { rates: root, annealed: true, options: { grafting: "adam" } },
  "shampoo-asdl": { rates: root, annealed: true },
  rmsprop: {
    rates: at(0.1, 0.1, 0.001),
    annealed: true,
    options: { momentum: 0.9 },
  },
  // These two have no momentum, which the bent valley of Rosenbrock asks for.
  adagrad: { rates: at(1, 1, 0.5), steps: { Rosenbrock: 40_000 } },
  adadelta: {
    rates: at(30, 1, 0.03),
    annealed: true,
    options: { rho: 0.99 },
    steps: { Rosenbrock: 60_000 },
  },
  // Its first steps are plain momentum: the rate must fit that.
  radam: {
    rates: at(0.1, 0.003, 0.003),
    annealed: true,
    options: { beta2: 0.98 },
  },
  // The steps of these two are as long as the rate times x, whatever the gradient: they
  // end where the annealing ends, about one of the last rates of 1e-4 away.
  lamb: { rates: at(0.03, 0.03, 0.01), annealed: true, within: 5e-4 },
  lars: {
    rates: at(0.03, 0.003, 0.01),
    annealed: true,
    options: { trustCoefficient: 0.1 },
    within: 5e-4,
  },
  adabelief: { rates: root, annealed: true },
  yogi: { rates: at(0.1, 0.1, 0.3), annealed: true },
  // Its rates end at 100 times this one, as those of momentum.
  adabound: { rates: at(0.1, 0.001, 0.001), annealed: true },
  adamp: { rates: root, annealed: true },
  // What it injects grows with the square of the gradient, up to 2000 here.
  adainject: {
    rates: at(0.1, 0.002, 0.03),
    annealed: true,
    options: { beta2: 0.99 },
    steps: { "ill-conditioned quadratic": 6000 },
  },
};

/** How many steps an optimizer has. */
function stepsOf(name: OptimizerName, title: ObjectiveName): number {
  return settings[name].steps?.[title] ?? objectives[title].steps;
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

/** An optimizer and a function. */
export interface ObjectiveTest {
  readonly name: OptimizerName;
  readonly title: ObjectiveName;
}

/** Every optimizer with every function. */
export const objectiveTable: readonly ObjectiveTest[] =
  (Object.keys(settings) as OptimizerName[]).flatMap((name) =>
    (Object.keys(objectives) as ObjectiveName[])
      .map((title) => ({ name, title }))
  );

/**
 * Declares a test for each optimizer and function.
 *
 * @param test Declares a test on a device.
 * @param allowed How far from the minimum is near enough.
 * @param table Which optimizers and functions; all by default.
 */
export function objectiveTests(
  test: DeviceTest,
  allowed: number,
  table: readonly ObjectiveTest[] = objectiveTable,
): void {
  for (const { name, title } of table) {
    const steps = stepsOf(name, title);
    test(
      `${name} reaches the minimum of the ${title} in ${steps} steps`,
      async (device) => {
        const far = await distance(name, title, device);
        const { within = 0 } = settings[name];
        assert(far <= Math.max(allowed, within), `it is ${far} away`);
      },
    );
  }
}
