/**
 * What steps cost: a short run of each kind of step, on the device and the data of the
 * long run that it is to predict.
 *
 * @module
 */

import { type Batch, batchAt } from "../data/mod.ts";
import { crossEntropy } from "../layers/mod.ts";
import { DeviceState } from "../program/compile.ts";
import { referenceDevice } from "../reference/mod.ts";
import {
  initialState,
  stepInputs,
  type TrainerOptions,
  type TrainingMemory,
  trainingPrograms,
} from "../train/mod.ts";
import { spreadOf } from "./spread.ts";
import { type StepCost, stepKinds } from "./protocol.ts";

/** How steps are timed. */
export interface TimingOptions {
  /** Times of each kind at the least; at least 1, 5 by default. */
  readonly least?: number;
  /** Seconds that the times of a kind should add up to; 1 by default. */
  readonly leastSeconds?: number;
  /** The clock, in milliseconds; `performance.now` by default. */
  readonly now?: () => number;
  /** Stops the timing. */
  readonly signal?: AbortSignal;
}

/** However fast a step is, it need not be timed more often. */
const MOST = 10_000;

/**
 * Times an optimizer's steps, making batches included. Each kind of step is made once
 * before, so that it is compiled; then the kinds take turns, and the mean of each
 * counts: on a busy machine a median would leave out the waiting of short steps, and not
 * that of long ones. The learning rate is 0, so that nothing can diverge; the run's own state and
 * seed are not touched.
 *
 * @example
 * ```ts
 * import { irisSplit } from "@adafisher/adafisher/data";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { timeSteps } from "@adafisher/adafisher/study";
 * import { assert } from "@std/assert";
 *
 * const model = mlp([4, 8, 3]);
 * const [cost] = await timeSteps({
 *   model,
 *   optimizer: optimizerByName("adam", model),
 *   learningRate: () => 1e-3,
 *   examples: irisSplit().train,
 *   batches: { batchSize: 16, shuffle: true },
 *   epochs: 3,
 *   seed: 1,
 * }, { leastSeconds: 0 });
 * assert(cost.seconds > 0);
 * ```
 *
 * @param run The run.
 * @param options How often, and by which clock.
 * @returns The cost of each of the optimizer's kinds of steps.
 * @throws {PreconditionerError} If what the optimizer computes on the host failed too
 * often in a row.
 */
export async function timeSteps(
  run: TrainerOptions,
  options: TimingOptions = {},
): Promise<readonly StepCost[]> {
  const { least = 5, leastSeconds = 1, signal } = options;
  const now = options.now ?? (() => performance.now());
  const { model, loss = crossEntropy, optimizer, clip, seed } = run;
  const { examples, device = referenceDevice } = run;
  const first = await initialState(model, optimizer, seed, device);
  const state = new DeviceState(device, first) as unknown as TrainingMemory;
  const programs = trainingPrograms(
    { model, loss, optimizer, clip },
    device,
  );
  const batches = Math.max(
    1,
    Math.floor(examples.count / run.batches.batchSize),
  );
  let step = 0;
  const batchOf = (step: number): Batch =>
    batchAt(
      examples,
      { ...run.batches, seed, epoch: 0 },
      (step - 1) % batches,
    );

  const kinds = stepKinds(optimizer);
  const times: number[][] = kinds.map(() => []);
  const make = async (kind: number): Promise<number> => {
    const { statistics, prepares } = kinds[kind];
    const began = now();
    const inputs = stepInputs(optimizer, batchOf(++step), seed, step, 0);
    await programs.run(state, inputs, statistics, prepares);
    // A device may still be at work when the step was handed over.
    await state.memory.read(["metrics/failed"]);
    return (now() - began) / 1000;
  };
  const enough = (taken: readonly number[]): boolean =>
    taken.length >= MOST ||
    taken.length >= least &&
      taken.reduce((sum, seconds) => sum + seconds, 0) >= leastSeconds;

  for (let kind = 0; kind < kinds.length; kind++) await make(kind);
  let heard = performance.now();
  while (!times.every(enough)) {
    for (let kind = 0; kind < kinds.length; kind++) {
      signal?.throwIfAborted();
      if (!enough(times[kind])) times[kind].push(await make(kind));
    }
    // Signals want to be heard; but what comes after a pause is slower, so rarely.
    if (performance.now() - heard < 50) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    heard = performance.now();
  }
  return kinds.map((kind, i) => ({
    ...kind,
    seconds: spreadOf(times[i])!.mean,
  }));
}
