/** Every optimizer on every function, on any device: it must reach the minimum. */

import { assert } from "@std/assert";
import {
  cosineAnnealing,
  type Optimizer,
  optimizerByName,
  type OptimizerName,
  type OptimizerOptions,
} from "../../src/optim/mod.ts";
import {
  type Layer,
  linear,
  meanSquaredError,
  type Parameters,
} from "../../src/layers/mod.ts";
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
import { minimize, noLayers, type Objective, type Values } from "./helpers.ts";

/** A function to minimize. */
interface Target {
  /** The model whose layers it is made of. */
  readonly model: Layer;
  readonly objective: (parameters: Parameters) => Objective;
  readonly start: Values;
  readonly minimum: Readonly<Record<string, readonly number[]>>;
  readonly steps: number;
}

/** A function of one vector, without layers. */
function plain(
  { loss, start, minimum, steps }: {
    readonly loss: (x: Tensor) => Tensor;
    readonly start: readonly number[];
    readonly minimum: readonly number[];
    readonly steps: number;
  },
): Target {
  return {
    model: noLayers,
    // A matrix of one column: Shampoo leaves vectors as they are.
    objective: ({ x }) => ({ loss: loss(reshape(x, [start.length])) }),
    start: { x: value(start, [start.length, 1]) },
    minimum: { x: minimum },
    steps,
  };
}

const part = (x: Tensor, i: number): Tensor => slice(x, [i], [i + 1]);

/** A row of +1 and -1 for each i: orthogonal to that of every other i. */
const walsh = (i: number): readonly number[] =>
  Array.from({ length: 8 }, (_, b) => {
    const bits = (i & b).toString(2).replaceAll("0", "").length;
    return bits % 2 === 0 ? 1 : -1;
  });

/** The features of the layer's inputs: their squares are the curvatures. */
const FEATURES = [2, 0.5, 0.1];
const WEIGHT = [[1, -2, 0.5], [-1, 0.5, 2]], BIAS = [0.5, -1];

/**
 * Least squares of a linear layer on 8 samples. The features are orthogonal to each
 * other and to 1, and so is what the targets have besides: the minimum is WEIGHT and
 * BIAS, and the derivatives there, and with them their factor, are not 0.
 */
function leastSquares(): Target {
  const model = linear("fc", 3, 2);
  const samples = Array.from({ length: 8 }, (_, b) => {
    const x = FEATURES.map((size, i) => size * walsh(i + 1)[b]);
    const y = WEIGHT.map((row, j) =>
      row.reduce((sum, w, i) => sum + w * x[i], BIAS[j]) +
      0.5 * walsh(4 + j)[b]
    );
    return { x, y };
  });
  const inputs = constant(value(samples.flatMap(({ x }) => x), [8, 3]));
  const targets = constant(value(samples.flatMap(({ y }) => y), [8, 2]));
  return {
    model,
    objective: (parameters) => {
      const { output, uses } = model.forward(inputs, {
        parameters,
        buffers: {},
        training: true,
      });
      return { loss: meanSquaredError(output, targets), uses, output };
    },
    start: {
      "fc.weight": value(new Array(6).fill(0), [2, 3]),
      "fc.bias": value([0, 0]),
    },
    minimum: { "fc.weight": WEIGHT.flat(), "fc.bias": BIAS },
    steps: 2000,
  };
}

/** The functions. */
export const objectives = {
  parabola: plain({
    loss: (x) => sum(square(sub(x, constant(value([3, -2, 0.5]))))),
    start: [0, 0, 0],
    minimum: [3, -2, 0.5],
    steps: 500,
  }),
  /** Curvatures 1, 10 and 1000. */
  "ill-conditioned quadratic": plain({
    loss: (x) =>
      mul(0.5, sum(mul(constant(value([1, 10, 1000])), square(sub(x, 1))))),
    start: [0, 2, -1],
    minimum: [1, 1, 1],
    steps: 2000,
  }),
  Rosenbrock: plain({
    loss: (x) => {
      const x0 = part(x, 0), x1 = part(x, 1);
      return sum(
        add(square(sub(1, x0)), mul(100, square(sub(x1, square(x0))))),
      );
    },
    start: [-1, 1],
    minimum: [1, 1],
    steps: 5000,
  }),
  /** Curvatures 1, 4, 1/4 and 1/100, for those that take statistics of layers. */
  "least squares layer": leastSquares(),
};
/** Name of a function. */
export type ObjectiveName = keyof typeof objectives;

interface Setting {
  readonly options?: OptimizerOptions;
  /** Learning rates; a function without one is not for it. */
  readonly rates: Partial<Record<ObjectiveName, number>>;
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
  layer?: number,
): Setting["rates"] => ({
  parabola,
  "ill-conditioned quadratic": quadratic,
  Rosenbrock,
  ...(layer === undefined ? {} : { "least squares layer": layer }),
});

const momentum = at(0.1, 0.003, 0.003);
const root = at(0.1, 0.1, 0.1);
/** How each optimizer is run. */
export const settings: Record<OptimizerName, Setting> = {
  // Without layers F = 1, and AdaFisher is momentum without its bias.
  adafisher: { rates: at(0.1, 0.03, 0.01, 0.003) },
  // With the preset's lambda F goes down to 1e-3, and float32's roundings of g count 1000 times.
  adafisherw: {
    rates: at(0.1, 0.03, 0.01, 0.02),
    options: { preset: "paper", lambda: 1e-2 },
  },
  sgd: { rates: momentum, options: { momentum: 0.9 } },
  adam: { rates: root, annealed: true },
  // Its default decay would move the minimum.
  adamw: { rates: root, annealed: true, options: { weightDecay: 0 } },
  amsgrad: { rates: root, annealed: true },
  // With the whole power its steps on Rosenbrock are small until D has grown right.
  adahessian: { rates: at(0.1, 0.1, 0.3), options: { hessianPower: 0.5 } },
  // Without layers K-FAC is momentum.
  kfac: {
    rates: at(0.1, 0.003, 0.003, 0.1),
    options: { klClip: 1e4 },
    steps: { "least squares layer": 500 },
  },
  // The Fisher of two classes has one eigenvalue that is 0: the damping sets the rate.
  "kfac-asdl": {
    rates: at(0.1, 0.003, 0.003, 0.001),
    options: { clipNorm: 1e4, damping: 1e-5 },
  },
  shampoo: {
    rates: root,
    annealed: true,
    options: { grafting: "adam", inverseInterval: 20 },
  },
  // Its roots at every step, its default, would have the host wait for every step.
  "shampoo-asdl": {
    rates: root,
    annealed: true,
    options: { curvatureInterval: 20 },
  },
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
  // swing about the minimum, and come nearer as the rate falls, by half a cosine. They
  // stop as far away as the rate was one swing of P steps before the end of N: about
  // (P / N)^2 of it, which with P = 2 to 5 is 1e-6 of x or some more.
  lamb: {
    rates: at(0.03, 0.03, 0.01),
    annealed: true,
    options: { beta1: 0.5 },
    within: 1e-5,
  },
  lars: {
    rates: at(0.01, 0.003, 0.01),
    annealed: true,
    options: { trustCoefficient: 0.1 },
    steps: { parabola: 1000 },
    within: 1e-5,
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

/** How a run differs from the table's. */
interface RunSettings {
  /** The reference device by default. */
  readonly device?: Device;
  /** Most steps of a program; 1 by default. */
  readonly together?: number;
  /** Stops after so many steps, with the schedule of all. */
  readonly most?: number;
  /** Another optimizer with the same rates and steps. */
  readonly optimizer?: Optimizer;
}

/**
 * Runs an optimizer of the catalogue on a function.
 *
 * @returns How far the worst coordinate is from the minimum at the end.
 */
export async function distance(
  { name, title }: ObjectiveTest,
  { device, together, most = Infinity, optimizer }: RunSettings = {},
): Promise<number> {
  const { model, objective, start, minimum } = objectives[title];
  const { options, rates, annealed } = settings[name];
  const steps = stepsOf(name, title);
  const rate = rates[title]!;
  const end = await minimize(
    optimizer ?? optimizerByName(name, model, options),
    objective,
    {
      start,
      steps: Math.min(steps, most),
      rate: annealed ? cosineAnnealing(rate, steps) : rate,
      device,
      together,
    },
  );
  return Math.max(
    ...Object.entries(minimum).flatMap(([name, numbers]) =>
      numbers.map((m, i) => Math.abs(end[name].data[i] - m))
    ),
  );
}

/** An optimizer and a function. */
export interface ObjectiveTest {
  readonly name: OptimizerName;
  readonly title: ObjectiveName;
}

/** Every optimizer with every function that it is for. */
export const objectiveTable: readonly ObjectiveTest[] =
  (Object.keys(settings) as OptimizerName[]).flatMap((name) =>
    (Object.keys(settings[name].rates) as ObjectiveName[])
      .map((title) => ({ name, title }))
  );

/** How the table is run on a device. */
export interface ObjectiveOptions {
  /** How far from the minimum is near enough. */
  readonly allowed: number;
  /** Most steps of a program; 1 by default. */
  readonly together?: number;
  /**
   * Most steps of a run, all by default. A longer one is stopped there, where it must
   * be as near to the minimum as on the reference device, but for `allowed`.
   */
  readonly most?: number;
}

/**
 * Declares a test for each optimizer and function.
 *
 * @param test Declares a test on a device.
 * @param options How near, and in how many steps.
 */
export function objectiveTests(
  test: DeviceTest,
  { allowed, together, most = Infinity }: ObjectiveOptions,
): void {
  for (const row of objectiveTable) {
    const { name, title } = row;
    const steps = stepsOf(name, title);
    const near = Math.max(allowed, settings[name].within ?? 0);
    if (steps <= most) {
      test(
        `${name} reaches the minimum of the ${title} in ${steps} steps`,
        async (device) => {
          const far = await distance(row, { device, together });
          assert(far <= near, `it is ${far} away`);
        },
      );
    } else {
      test(
        `${name} comes as near to the minimum of the ${title} as on the reference device in ${most} of ${steps} steps`,
        async (device) => {
          const far = await distance(row, { device, together, most });
          const reference = await distance(row, { most });
          assert(
            far <= reference + near,
            `it is ${far} away, not ${reference}`,
          );
        },
      );
    }
  }
}
