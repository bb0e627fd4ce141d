/**
 * Proposition 3.4 in numbers: on a smooth function that need not be convex, with bounded
 * gradients and lr_t = lr / sqrt(t),
 *
 *     min over t <= T of E |grad J(theta_t)|^2  =  O(log T / sqrt(T))
 *
 * The function is the mean cross-entropy of a perceptron 4-8-3 with tanh on all 150 Iris
 * flowers; steps see batches, and E is the mean over several seeds, of first parameters
 * and of batches.
 *
 * **What it can show.** The ratio of the left side to log T / sqrt(T) at growing T. While
 * it falls, the run agrees with the proposition. While it rises, the run has not come to
 * where the bound is felt: its constants hold 1 / lr, so a small rate may take long. No
 * finite run shows that a ratio stays bounded, and none shows that it does not.
 * Gradients are looked at only where the iteration went. And a ratio that falls does not
 * single AdaFisher out: stochastic gradient descent has the same rate.
 *
 * @module
 */

import { type Batch, batchAt, iris, normalizationOf } from "../data/mod.ts";
import { crossEntropy, type Layer } from "../layers/mod.ts";
import { mlp } from "../models/mod.ts";
import { adafisher } from "../optim/adafisher.ts";
import type { AdaFisherPreset } from "../optim/adafisher_fields.ts";
import { requireInteger, requirePositive } from "../optim/validate.ts";
import { compile, type DeviceState } from "../program/compile.ts";
import type { Mapped } from "../program/tree.ts";
import { dot } from "../tensor/functions.ts";
import { gradients } from "../tensor/gradients.ts";
import { add } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import { type ModelState, Trainer, type TrainingMemory } from "../train/mod.ts";

/** How {@linkcode gradientDecay} trains. */
export interface GradientDecayOptions {
  /** Which AdaFisher; `paper` by default. */
  readonly preset?: AdaFisherPreset;
  /** lr: the rate of step 1; 1e-3 by default. */
  readonly learningRate?: number;
  /** The largest T, at least 16; 512 by default. */
  readonly steps?: number;
  /** Seeds, at least one; 0, 1 and 2 by default. */
  readonly seeds?: readonly number[];
  /** Flowers in a batch; 15 by default. */
  readonly batchSize?: number;
}

/** The least gradient until some step. */
export interface GradientDecayPoint {
  /** T. */
  readonly steps: number;
  /** min over t <= T of the mean over the seeds of |grad J(theta_t)|^2. */
  readonly least: number;
  /** It over log T / sqrt(T). */
  readonly ratio: number;
  /** The same ratio for each seed alone: min over t <= T of its own squared norm. */
  readonly each: readonly number[];
}

/** What {@linkcode gradientDecay} finds. */
export interface GradientDecay {
  /** At T = 8, 16, 32, ...: log T / sqrt(T) falls from T = 8 on. */
  readonly points: readonly GradientDecayPoint[];
  /** The largest |grad J| that any seed met: what G must be at least. */
  readonly largestGradient: number;
  /**
   * The last ratio over the one before it: above 1 it rises, and nothing here speaks for
   * a bound. With a gradient that stays as it is, it would be sqrt(2) log(T / 2) / log T.
   */
  readonly growth: number;
}

/**
 * Trains a small perceptron with lr / sqrt(t), and holds the least squared gradient norm
 * against log T / sqrt(T) at growing T. It is computed in float64, and is the same for
 * the same options.
 *
 * @example
 * ```ts
 * import { gradientDecay } from "@adafisher/adafisher/analysis";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const { points } = await gradientDecay({ steps: 16, seeds: [0] });
 * assertEquals(points.map(({ steps }) => steps), [8, 16]);
 * assert(points[1].least <= points[0].least);
 * ```
 *
 * @param options Rate, steps, seeds.
 * @returns The least norms and their ratios.
 * @throws {RangeError} If an option is out of its range.
 * @throws {NonFiniteError} If a loss or a parameter is not finite.
 */
export async function gradientDecay(
  options: GradientDecayOptions = {},
): Promise<GradientDecay> {
  const { preset = "paper", learningRate = 1e-3, steps = 512 } = options;
  const { seeds = [0, 1, 2], batchSize = 15 } = options;
  requirePositive("learningRate", learningRate);
  requireInteger("steps", steps, 16);
  requireInteger("number of seeds", seeds.length, 1);

  const norms: (readonly number[])[] = [];
  for (const seed of seeds) {
    norms.push(
      await squaredNorms({ preset, learningRate, steps, batchSize }, seed),
    );
  }
  const mean = Array.from(
    { length: steps },
    (_, t) => norms.reduce((sum, each) => sum + each[t], 0) / norms.length,
  );
  const points: GradientDecayPoint[] = [];
  for (let T = 8; T <= steps; T *= 2) {
    const leastOf = (numbers: readonly number[]) =>
      Math.min(...numbers.slice(0, T));
    const order = Math.log(T) / Math.sqrt(T);
    const least = leastOf(mean);
    points.push({
      steps: T,
      least,
      ratio: least / order,
      each: norms.map((numbers) => leastOf(numbers) / order),
    });
  }
  return {
    points,
    largestGradient: Math.sqrt(Math.max(...norms.map((n) => Math.max(...n)))),
    growth: points.at(-1)!.ratio / points.at(-2)!.ratio,
  };
}

/** |grad J(theta_t)|^2 for t = 1 to T: before each step, over all flowers. */
async function squaredNorms(
  options: Required<Omit<GradientDecayOptions, "seeds">>,
  seed: number,
): Promise<number[]> {
  const { preset, learningRate, steps, batchSize } = options;
  const examples = iris();
  const normalization = normalizationOf(examples);
  const model = mlp([4, 8, 3], { activation: "tanh" });
  const trainer = await Trainer.start({
    model,
    optimizer: adafisher(model, { preset }),
    learningRate: (t) => learningRate / Math.sqrt(t),
    examples,
    batches: { batchSize, shuffle: true, normalization },
    epochs: steps, // more than are needed: it stops at a step
    seed,
  });
  const all = batchAt(
    examples,
    { batchSize: examples.count, normalization },
    0,
  );
  const look = squaredNorm(model, trainer.state, all);
  const found = [await look()];
  for await (const { kind } of trainer.train()) {
    if (kind !== "step") continue;
    found.push(await look());
    if (found.length === steps) break;
  }
  return found;
}

/** Makes what gives |grad J|^2 over a batch, at the parameters that a state has now. */
function squaredNorm(
  model: Layer,
  memory: TrainingMemory,
  { inputs, labels }: Batch,
): () => Promise<number> {
  const state = memory as unknown as DeviceState<ModelState<Value>>;
  const { parameters, buffers } = state.spec;
  const program = compile({
    state: { parameters, buffers } as object,
    inputs: { inputs, labels },
    step: (state, batch) => {
      const { parameters, buffers } = state as ModelState<Tensor>;
      const { output } = model.forward(batch.inputs, {
        parameters,
        buffers,
        training: true,
      });
      const loss = crossEntropy(output, batch.labels);
      const squares = gradients(loss, Object.values(parameters))
        .map((g) => dot(g, g));
      return {
        state: {},
        outputs: { norm: squares.reduce((a, b) => add(a, b)) },
      };
    },
  }, memory.device);
  return async () => {
    const { norm } = await program.run(
      state as unknown as DeviceState<Mapped<object, Value>>,
      { inputs, labels },
    );
    return norm.data[0];
  };
}
