import { assert, assertEquals, assertRejects } from "@std/assert";
import { irisSplit } from "../../src/data/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { optimizerByName } from "../../src/optim/mod.ts";
import { timeSteps } from "../../src/study/mod.ts";
import type { TrainerOptions } from "../../src/train/mod.ts";

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

Deno.test("timeSteps compiles each kind of step first, lets them take turns, and takes means", async () => {
  const costs = await timeSteps(runOf("adafisher"), {
    least: 3,
    leastSeconds: 0,
    // With statistics, without: compiled, then three rounds.
    now: clockOf(1000, 1000, 250, 500, 500, 1000, 750, 1500),
  });
  assertEquals(costs, [
    { statistics: true, prepares: false, seconds: 0.5 },
    { statistics: false, prepares: false, seconds: 1 },
  ]);
});

Deno.test("timeSteps goes on until the times add up", async () => {
  let calls = 0;
  const clock = clockOf(1000, 375);
  const [{ seconds }] = await timeSteps(runOf("adam"), {
    least: 1,
    leastSeconds: 1,
    now: () => {
      calls++;
      return clock();
    },
  });
  assertEquals(seconds, 0.375);
  assertEquals(calls, 2 * (1 + 3)); // 0.375 + 0.375 is less than 1
});

Deno.test("timeSteps takes a step with work on the host for a kind of its own", async () => {
  const costs = await timeSteps(runOf("kfac-asdl"), { leastSeconds: 0 });
  assertEquals(costs.map(({ prepares }) => prepares), [true, false]);
  assert(costs.every(({ seconds }) => seconds > 0));
});

Deno.test("timeSteps stops when it is told to", async () => {
  const signal = AbortSignal.abort(new Error("Interrupted"));
  await assertRejects(
    () => timeSteps(runOf("adam"), { signal }),
    Error,
    "Interrupted",
  );
});
