/**
 * The loss landscape of the paper's Figure 1: how optimizers move the two weights of
 * a network's first layer, over the surface of the losses they met.
 *
 * The data are the Iris flowers in two principal components, each of mean 0 and
 * deviation 1. The network has one hidden unit: two inputs, a linear layer of one
 * output with ReLU, a linear layer of three. The loss is the cross-entropy of the
 * softmax's outputs, taken as logits: softmax twice over, as in the paper. Both first
 * weights are 0.2, all other parameters those of the seed, and all optimizers see the
 * same batches of 10.
 *
 * What the paper leaves open: all 150 flowers are learned from; the components are
 * of the raw measurements; the loss at the first weights is that of all flowers.
 *
 * The surface is no function of the two weights alone: each optimizer meets a pair of
 * weights with other biases and another second layer. It goes through what was seen,
 * as the paper's does.
 *
 * @module
 */

import {
  type Dataset,
  iris,
  type Normalization,
  normalizationOf,
} from "../data/mod.ts";
import {
  activation,
  crossEntropy,
  filled,
  type Layer,
  linear,
  sequential,
} from "../layers/mod.ts";
import { cloughTocher, type Point, triangulate } from "../linalg/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import type { Device } from "../program/mod.ts";
import { softmax } from "../tensor/functions.ts";
import { type Loss, Trainer } from "../train/mod.ts";
import { principalComponents } from "./principal_components.ts";

/** What is trained, and on what. */
export interface LandscapeProblem {
  /** The flowers in two principal components. */
  readonly examples: Dataset;
  /** What makes each component of mean 0 and deviation 1. */
  readonly normalization: Normalization;
  /** The network: [B, 2] -> [B, 3]; its first layer is `fc1`. */
  readonly model: Layer;
  /** Cross-entropy of the softmax's outputs. */
  readonly loss: Loss;
  /** Flowers in a batch. */
  readonly batchSize: number;
}

/**
 * The network and the data of Figure 1.
 *
 * @example
 * ```ts
 * import { landscapeProblem } from "@adafisher/adafisher/analysis";
 * import { parameterCount } from "@adafisher/adafisher/models";
 * import { assertEquals } from "@std/assert";
 *
 * const { examples, model } = landscapeProblem();
 * assertEquals([examples.count, parameterCount(model)], [150, 9]);
 * ```
 *
 * @returns The problem, the same every time.
 */
export function landscapeProblem(): LandscapeProblem {
  const { examples } = principalComponents(iris(), 2);
  return {
    examples,
    normalization: normalizationOf(examples),
    model: sequential([
      linear("fc1", 2, 1, { initial: filled(0.2) }),
      activation("relu"),
      linear("fc2", 1, 3),
    ], { name: "landscape mlp" }),
    loss: (output, labels) => crossEntropy(softmax(output), labels),
    batchSize: 10,
  };
}

/** Where an optimizer was at the end of an epoch. */
export interface LandscapePoint {
  /** The epoch, from 1; 0 before the first step. */
  readonly epoch: number;
  /** The two weights of the first layer then. */
  readonly weights: Point;
  /** Mean loss over the epoch's batches, each before its step; at 0 of all flowers. */
  readonly loss: number;
  /** Loss of all flowers with these weights. */
  readonly lossAfter: number;
  /** Share of all flowers told right with these weights, in [0, 1]. */
  readonly accuracy: number;
}

/** How an optimizer moved. */
export interface Trajectory {
  /** What it is called. */
  readonly name: string;
  /** The first weights, and those after each epoch. */
  readonly points: readonly LandscapePoint[];
}

/** How {@linkcode landscapeTrajectory} trains. */
export interface TrajectoryOptions {
  /** What the trajectory is called. */
  readonly name: string;
  /** The optimizer, built for the problem's model. */
  readonly optimizer: Optimizer;
  /** Its learning rate, the same in all steps. */
  readonly learningRate: number;
  /** How often all flowers are seen; 20 by default, as in the paper. */
  readonly epochs?: number;
  /** Seed of biases, second layer and order of the flowers; 0 by default. */
  readonly seed?: number;
  /** Where to compute; the reference device by default. */
  readonly device?: Device;
  /** Hears of each epoch that is over. */
  readonly onEpoch?: (epoch: number) => void | Promise<void>;
}

/**
 * Trains the problem's network with an optimizer, and keeps where it went.
 *
 * @example Two epochs of AdaFisher
 * ```ts
 * import {
 *   landscapeProblem,
 *   landscapeTrajectory,
 * } from "@adafisher/adafisher/analysis";
 * import { adafisher } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const problem = landscapeProblem();
 * const { points } = await landscapeTrajectory(problem, {
 *   name: "AdaFisher",
 *   optimizer: adafisher(problem.model, { preset: "paper" }),
 *   learningRate: 1e-3,
 *   epochs: 2,
 * });
 * assertEquals(points.map(({ epoch }) => epoch), [0, 1, 2]);
 * assertEquals(points[0].weights, [0.2, 0.2]);
 * ```
 *
 * @param problem What is trained, on what.
 * @param options By which optimizer, and how.
 * @returns The trajectory; the same options give the same one on a device.
 * @throws {NonFiniteError} If a loss or a parameter is not finite.
 * @throws {PreconditionerError} If the optimizer's work on the host failed too often.
 */
export async function landscapeTrajectory(
  problem: LandscapeProblem,
  options: TrajectoryOptions,
): Promise<Trajectory> {
  const { examples, normalization, model, loss, batchSize } = problem;
  const { name, optimizer, learningRate, epochs = 20, seed = 0 } = options;
  const trainer = await Trainer.start({
    model,
    loss,
    optimizer,
    learningRate: () => learningRate,
    examples,
    batches: { batchSize, shuffle: true, normalization },
    epochs,
    seed,
    device: options.device,
    readEvery: Math.ceil(examples.count / batchSize),
  });
  const look = async () => {
    const { parameters } = await trainer.state.read();
    const [x, y] = parameters["fc1.weight"].data;
    const score = await trainer.evaluate(examples, { normalization });
    return {
      weights: [x, y] as const,
      lossAfter: score.loss,
      accuracy: score.accuracy,
    };
  };
  const first = await look();
  const points: LandscapePoint[] = [
    { epoch: 0, loss: first.lossAfter, ...first },
  ];
  for await (const event of trainer.train()) {
    if (event.kind !== "epoch") continue;
    points.push({ epoch: event.epoch, loss: event.loss, ...await look() });
    await options.onEpoch?.(event.epoch);
  }
  return { name, points };
}

/** Heights over a grid. */
export interface LossSurface {
  /** Where the columns are: ascending. */
  readonly x: readonly number[];
  /** Where the rows are: ascending. */
  readonly y: readonly number[];
  /** The height by row and column; null outside the hull of the points. */
  readonly values: readonly (readonly (number | null)[])[];
}

/**
 * The surface through the mean losses at all weights that were seen, over a grid
 * that reaches from the least to the largest of them. Weights less than half a step
 * of the grid apart are taken as one place, with the mean of their losses: optimizers
 * that meet with other biases have other losses there, and a surface through both
 * would be a cliff that swings far beyond them.
 *
 * @example Four trajectories of one point each
 * ```ts
 * import { lossSurface } from "@adafisher/adafisher/analysis";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const at = (x: number, y: number, loss: number) => ({
 *   name: `${x} ${y}`,
 *   points: [{ epoch: 0, weights: [x, y], loss, lossAfter: loss, accuracy: 0 }] as const,
 * });
 * const { values } = lossSurface(
 *   [at(0, 0, 0), at(1, 0, 1), at(0, 1, 1), at(1, 1, 2)],
 *   3,
 * );
 * assertAlmostEquals(values[1][1]!, 1, 1e-12);
 * ```
 *
 * @param trajectories What was seen.
 * @param size Rows and columns of the grid; 200 by default, as in the paper.
 * @returns The surface.
 * @throws {RangeError} If the size is no whole number of at least 2, or the weights
 * lie on one line.
 */
export function lossSurface(
  trajectories: readonly Trajectory[],
  size: number = 200,
): LossSurface {
  if (!Number.isSafeInteger(size) || size < 2) {
    throw new RangeError(
      `Cannot make loss surface: size must be a whole number of at least 2, got ${size}`,
    );
  }
  const seen = trajectories.flatMap(({ points }) => points);
  const [x, y] = [0, 1].map((axis) => {
    const numbers = seen.map(({ weights }) => weights[axis]);
    return steps(Math.min(...numbers), Math.max(...numbers), size);
  });
  const places = placesOf(seen, (x[1] - x[0]) / 2, (y[1] - y[0]) / 2);
  const { surface, converged, iterations } = cloughTocher(
    triangulate(places.map(({ point }) => point)),
    places.map(({ losses }) =>
      losses.reduce((sum, loss) => sum + loss, 0) / losses.length
    ),
  );
  if (!converged) {
    throw new Error(
      `Cannot make loss surface: its gradients did not come to rest in ${iterations} iterations`,
    );
  }
  return { x, y, values: y.map((v) => x.map((u) => surface([u, v]))) };
}

/** Places at least as far apart, in either axis' measure, and the losses seen at each. */
function placesOf(
  seen: readonly LandscapePoint[],
  width: number,
  height: number,
): { point: Point; losses: number[] }[] {
  const places: { point: Point; losses: number[] }[] = [];
  for (const { weights, loss } of seen) {
    const place = places.find(({ point }) =>
      Math.abs(point[0] - weights[0]) <= width &&
      Math.abs(point[1] - weights[1]) <= height
    );
    if (place) place.losses.push(loss);
    else places.push({ point: weights, losses: [loss] });
  }
  return places;
}

/** Numbers in equal steps, both ends exact. */
function steps(from: number, to: number, count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => i === count - 1 ? to : from + (to - from) * i / (count - 1),
  );
}
