import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  curveOf,
  median,
  type RunResult,
  secondsPerEpoch,
  spreadOf,
  type Stop,
  summarize,
} from "../../src/study/mod.ts";

/** A run by the test accuracy after each epoch, of which each takes `seconds`. */
function runOf(
  seed: number,
  accuracies: readonly number[],
  seconds: number,
  stopped: Stop | null = null,
): RunResult {
  return {
    optimizer: "adam",
    learningRate: 1e-3,
    batchSize: 32,
    seed,
    epochs: 3,
    planBytes: 100 + seed,
    stopped,
    rows: accuracies.map((testAccuracy, i) => ({
      epoch: i + 1,
      step: 10 * (i + 1),
      trainLoss: 1 / (i + 1),
      trainAccuracy: 0.5,
      testLoss: 2 / (i + 1),
      testAccuracy,
      learningRate: 1e-3,
      seconds: seconds * (i + 1) + 5, // 5 s to compile, in the first
    })),
  };
}

const first = runOf(0, [0.5, 0.9, 0.8], 2);
const second = runOf(1, [0.6, 0.7, 0.6], 4);
const diverged = runOf(2, [0.1], 4, { step: 12, reason: "diverged" });

Deno.test("spreadOf has the sample standard deviation, and none of one number", () => {
  const { mean, deviation, count } = spreadOf([2, 4, 4, 4, 5, 5, 7, 9])!;
  assertEquals([mean, count], [5, 8]);
  assertAlmostEquals(deviation!, Math.sqrt(32 / 7), 1e-15);
  assertEquals(spreadOf([3]), { mean: 3, deviation: null, count: 1 });
  assertEquals(spreadOf([]), null);
  assertThrows(() => spreadOf([1, NaN]), RangeError, "got NaN");
});

Deno.test("median is the middle, whatever the order", () => {
  assertEquals([[3], [9, 1, 5], [10, 9, 1, 2]].map(median), [3, 5, 5.5]);
  assertThrows(() => median([]), RangeError, "got none");
});

Deno.test("secondsPerEpoch leaves the epoch out in which programs are compiled", () => {
  assertEquals(secondsPerEpoch([9, 11, 13, 99]), 2);
  assertEquals(secondsPerEpoch([9]), 9);
  assertThrows(() => secondsPerEpoch([]), RangeError);
});

Deno.test("summarize takes means over the runs that reached their end alone", () => {
  const summary = summarize([first, second, diverged]);
  assertEquals([summary.runs, summary.finished, summary.epochs], [3, 2, 3]);
  assertAlmostEquals(summary.lastTestAccuracy!.mean, 0.7);
  assertAlmostEquals(summary.bestTestAccuracy!.mean, 0.8);
  assertEquals(summary.secondsPerEpoch, {
    mean: 3,
    deviation: Math.SQRT2,
    count: 2,
  });
  assertEquals(summary.seconds!.mean, (11 + 17) / 2);
  assertAlmostEquals(summary.testLoss!.mean, 2 / 3);
  assertEquals(summary.planBytes, 102);
  assertEquals(summary.stops, [{ seed: 2, step: 12, reason: "diverged" }]);
});

Deno.test("summarize of runs that all diverged has no means", () => {
  const summary = summarize([diverged]);
  assertEquals(
    [summary.finished, summary.lastTestAccuracy, summary.seconds],
    [0, null, null],
  );
});

Deno.test("summarize refuses runs of different lengths, and none", () => {
  assertThrows(
    () => summarize([first, { ...second, epochs: 4 }]),
    RangeError,
    "got 3, 4",
  );
  assertThrows(() => summarize([]), RangeError, "got none");
});

Deno.test("curveOf averages seconds and numbers at the end of each epoch", () => {
  const [, point] = curveOf([first, second, diverged], "seconds", "trainLoss");
  assertEquals(point, { x: (9 + 13) / 2, y: 0.5, low: 0.5, high: 0.5 });
  const accuracy = curveOf([first, second], "epoch", "testAccuracy");
  assertEquals(accuracy.map(({ x }) => x), [1, 2, 3]);
  assertAlmostEquals(accuracy[1].high! - accuracy[1].y, 0.2 / Math.SQRT2);
  assertEquals(curveOf([first], "epoch", "testAccuracy")[0], {
    x: 1,
    y: 0.5,
  });
  assertEquals(curveOf([diverged], "epoch", "testAccuracy"), []);
});
