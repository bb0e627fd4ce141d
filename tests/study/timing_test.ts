import { assert, assertEquals, assertRejects } from "@std/assert";
import { batchAt, irisSplit } from "../../src/data/mod.ts";
import { crossEntropy } from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { optimizerByName } from "../../src/optim/mod.ts";
import { DeviceState } from "../../src/program/compile.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { timeSteps } from "../../src/study/mod.ts";
import {
  initialState,
  stepInputs,
  type TrainerOptions,
  type TrainingMemory,
  trainingPrograms,
} from "../../src/train/mod.ts";

function runOf(optimizer: string): TrainerOptions {
  const model = mlp([4, 3]);
  return {
    model,
    optimizer: optimizerByName(optimizer, model),
    learningRate: () => 1,
    examples: irisSplit().train,
    batches: { batchSize: 50, shuffle: true },
    epochs: 1,
    seed: 0,
  };
}

/** A clock by which the steps take these milliseconds, in order, the last for ever. */
function clockOf(...durations: number[]): () => number {
  let time = 0, calls = 0;
  return () => {
    if (calls++ % 2 === 1) {
      time += durations[Math.min(durations.length, calls >> 1) - 1];
    }
    return time;
  };
}

Deno.test("timeSteps compiles each kind of step first, lets kinds and runs take turns, and takes means of a turn", async () => {
  const turns: [number, number][] = [];
  const costs = await timeSteps([runOf("adafisher"), runOf("adam")], {
    rounds: 2,
    least: 2,
    leastSeconds: 0,
    now: clockOf(
      // Compiled: AdaFisher with statistics and without, Adam.
      ...[1000, 1000, 1000],
      // A turn of AdaFisher, with statistics and without by turns; one of Adam.
      ...[250, 500, 750, 1500],
      ...[125, 375],
      // The machine has become half as fast, for both.
      ...[500, 1000, 1500, 3000],
      ...[250, 750],
    ),
    onTurn: (...turn) => turns.push(turn),
  });
  const statistics = (seconds: number) => (
    { statistics: true, prepares: false, seconds }
  );
  const plain = (seconds: number) => (
    { statistics: false, prepares: false, seconds }
  );
  assertEquals(costs, [
    [[statistics(0.5), plain(1)], [statistics(1), plain(2)]],
    [[plain(0.25)], [plain(0.5)]],
  ]);
  assertEquals(turns, [[0, 0], [1, 1], [2, 0], [3, 1]]);
});

Deno.test("timeSteps goes on in a turn until the times add up", async () => {
  let calls = 0;
  const clock = clockOf(1000, 375);
  const costs = await timeSteps([runOf("adam")], {
    rounds: 2,
    leastSeconds: 1,
    now: () => {
      calls++;
      return clock();
    },
  });
  assertEquals(costs[0].map(([{ seconds }]) => seconds), [0.375, 0.375]);
  // 0.375 + 0.375 is less than 1.
  assertEquals(calls, 2 * (1 + 2 * 3));
});

Deno.test("timeSteps takes runs in groups where all at once would plan too much memory", async () => {
  const runs = ["adam", "sgd", "adam"].map(runOf);
  const order = async (mostBytes?: number) => {
    const turns: number[] = [];
    const costs = await timeSteps(runs, {
      rounds: 2,
      leastSeconds: 0,
      mostBytes,
      onTurn: (_, run) => turns.push(run),
    });
    assertEquals(costs.map(({ length }) => length), [2, 2, 2]);
    return turns;
  };
  assertEquals(await order(), [0, 1, 2, 0, 1, 2]);
  // However little is allowed, one run is there.
  assertEquals(await order(0), [0, 0, 1, 1, 2, 2]);
  const adam = trainingPrograms(
    { ...runs[0], loss: crossEntropy },
    referenceDevice,
  );
  const state = new DeviceState(
    referenceDevice,
    await initialState(runs[0].model, runs[0].optimizer, 0, referenceDevice),
  ) as unknown as TrainingMemory;
  const inputs = stepInputs(
    runs[0].optimizer,
    batchAt(runs[0].examples, { batchSize: 50, seed: 0, epoch: 0 }, 0),
    ...[0, 1, 0] as const,
  );
  await adam.run(state, inputs, false);
  // As much as two of Adam: it and the smaller SGD leave too little for a third.
  assertEquals(await order(2 * adam.planBytes), [0, 1, 0, 1, 2, 2]);
});

Deno.test("timeSteps takes a step with work on the host for a kind of its own", async () => {
  const [[costs]] = await timeSteps([runOf("kfac-asdl")], { leastSeconds: 0 });
  assertEquals(costs.map(({ prepares }) => prepares), [true, false]);
  assert(costs.every(({ seconds }) => seconds > 0));
});

Deno.test("timeSteps stops when it is told to", async () => {
  const signal = AbortSignal.abort(new Error("Interrupted"));
  await assertRejects(
    () => timeSteps([runOf("adam")], { signal }),
    Error,
    "Interrupted",
  );
});

Deno.test("timeSteps refuses turns without a step", async () => {
  for (const options of [{ rounds: 0 }, { least: 0 }, { rounds: 1.5 }]) {
    await assertRejects(
      () => timeSteps([runOf("adam")], options),
      RangeError,
      `${Object.keys(options)} must be a whole number of at least 1`,
    );
  }
});
