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
import { type StepCost, type StepKind, stepKinds } from "./protocol.ts";

/** How steps are timed. */
export interface TimingOptions {
  /** Turns that each run has; at least 1, 9 by default. */
  readonly rounds?: number;
  /** Times of each kind in a turn at the least; at least 1, the default. */
  readonly least?: number;
  /** Seconds that the times of a kind in a turn should add up to; 0.2 by default. */
  readonly leastSeconds?: number;
  /**
   * Bytes that the runs on the device may plan together, each by its largest program;
   * 2 GiB by default. What is more waits until the runs before it are timed.
   */
  readonly mostBytes?: number;
  /** The clock, in milliseconds; `performance.now` by default. */
  readonly now?: () => number;
  /** Called before each turn, with the turns done so far, and whose it is. */
  readonly onTurn?: (done: number, run: number) => void;
  /** Stops the timing. */
  readonly signal?: AbortSignal;
}

/** However fast a step is, it need not be timed more often in a turn. */
const MOST = 10_000;

/**
 * Times the steps of runs, making batches included. The runs take turns of a few steps
 * over several rounds, so that what else the machine does falls on all alike. Each kind
 * of step is made once before, so that it is compiled. Within a turn the kinds take
 * turns too, and the mean of each counts: on a busy machine a median would leave out
 * the waiting of short steps, and not that of long ones. The learning rate is 0, so that
 * nothing can diverge; the runs' own states and seeds are not touched.
 *
 * All runs are on the device at once, programs and states. Where that is too much memory
 * they come in groups, one after another: steps of such models take seconds, and a group
 * takes minutes, which evens out much of what a busy machine does.
 *
 * @example
 * ```ts
 * import { irisSplit } from "@adafisher/adafisher/data";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { medianCosts, timeSteps } from "@adafisher/adafisher/study";
 * import { assert } from "@std/assert";
 *
 * const model = mlp([4, 8, 3]);
 * const runs = (["adam", "sgd"] as const).map((name) => ({
 *   model,
 *   optimizer: optimizerByName(name, model),
 *   learningRate: () => 1e-3,
 *   examples: irisSplit().train,
 *   batches: { batchSize: 16, shuffle: true },
 *   epochs: 3,
 *   seed: 1,
 * }));
 * const [adam] = await timeSteps(runs, { rounds: 3, leastSeconds: 0 });
 * const [cost] = medianCosts(adam);
 * assert(cost.seconds > 0);
 * ```
 *
 * @param runs The runs.
 * @param options How often, and by which clock.
 * @returns For each run, and each round, the cost of each of the optimizer's kinds of
 * steps: what {@linkcode medianCosts} takes.
 * @throws {RangeError} If there is no round, or a turn has no step.
 * @throws {PreconditionerError} If what an optimizer computes on the host failed too
 * often in a row.
 */
export async function timeSteps(
  runs: readonly TrainerOptions[],
  options: TimingOptions = {},
): Promise<readonly (readonly (readonly StepCost[])[])[]> {
  const { rounds = 9, least = 1, mostBytes = 2 ** 31 } = options;
  for (const [name, count] of Object.entries({ rounds, least })) {
    if (Number.isSafeInteger(count) && count >= 1) continue;
    throw new RangeError(
      `Cannot time steps: ${name} must be a whole number of at least 1, got ${count}`,
    );
  }
  const costs: (readonly StepCost[])[][] = runs.map(() => []);
  for (let first = 0, done = 0; first < runs.length;) {
    const group: StepTimer[] = [];
    let bytes = 0;
    // The next run is not known before it is compiled: it may be as large as this one.
    for (let last = 0; first + group.length < runs.length;) {
      if (bytes + last > mostBytes) break;
      const timer = await stepTimer(runs[first + group.length], options);
      last = timer.planBytes;
      bytes += last;
      group.push(timer);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [i, timer] of group.entries()) {
        options.onTurn?.(done++, first + i);
        costs[first + i].push(await timer.turn());
      }
    }
    first += group.length;
  }
  return costs;
}

/** A run on the device, all its kinds of steps compiled. */
interface StepTimer {
  /** Bytes that its largest program needs, state included. */
  readonly planBytes: number;
  /** What a step of each kind costs, in a few steps. */
  turn(): Promise<readonly StepCost[]>;
}

async function stepTimer(
  run: TrainerOptions,
  { least = 1, leastSeconds = 0.2, now = () => performance.now(), signal }:
    TimingOptions,
): Promise<StepTimer> {
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

  const make = async ({ statistics, prepares }: StepKind): Promise<number> => {
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
  let heard = performance.now();
  // Signals want to be heard; but what comes after a pause is slower, so rarely.
  const hear = async (): Promise<void> => {
    if (performance.now() - heard >= 50) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      heard = performance.now();
    }
    signal?.throwIfAborted();
  };

  const kinds = stepKinds(optimizer);
  for (const kind of kinds) {
    await hear();
    await make(kind);
  }
  return {
    planBytes: programs.planBytes,
    async turn() {
      const times: number[][] = kinds.map(() => []);
      while (!times.every(enough)) {
        for (const [i, kind] of kinds.entries()) {
          if (enough(times[i])) continue;
          await hear();
          times[i].push(await make(kind));
        }
      }
      return kinds.map((kind, i) => ({
        ...kind,
        seconds: spreadOf(times[i])!.mean,
      }));
    },
  };
}
