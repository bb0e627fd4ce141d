import {
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  casesOf,
  convolutionOperands,
  matmulOperands,
} from "../../bench/cases.ts";
import {
  DifferenceError,
  relativeChange,
  relativeError,
  requireSameResults,
} from "../../bench/check.ts";
import type { Job } from "../../bench/library.ts";
import {
  measure,
  type Measurement,
  median,
  ratioOf,
  spread,
} from "../../bench/measure.ts";

/** A job on a clock of its own: steps of some seconds, reading of some more. */
function clockedJob(
  clock: { time: number },
  stepSeconds: number,
  { period = 1, readSeconds = 0, last = 1 } = {},
): Job & { steps: number } {
  return {
    steps: 0,
    period,
    step() {
      this.steps++;
      clock.time += stepSeconds;
      return Promise.resolve();
    },
    finish() {
      clock.time += readSeconds;
      return Promise.resolve(last);
    },
    results: () => Promise.resolve(new Map()),
    close() {},
  };
}

const telling = (clock: { time: number }) => () => ({
  clock: clock.time,
  processor: 2 * clock.time,
});

Deno.test("median is the number in the middle, or the mean of the two", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2.5);
  assertEquals(median([7]), 7);
});

Deno.test("spread is half the range over the median", () => {
  assertEquals(spread([8, 10, 12]), 0.2);
  assertEquals(spread([5]), 0);
});

Deno.test("ratioOf compares within the rounds", () => {
  // A machine that gets ten times as slow leaves the ratio as it is.
  assertEquals(ratioOf([2, 20, 200], [1, 10, 100]), 2);
  assertEquals(ratioOf([3, 1, 2], [1, 1, 1]), 2);
  // Of a peer that has had fewer turns, those are compared that it has had.
  assertEquals(ratioOf([30], [10, 1, 1]), 3);
});

Deno.test("measure gives each job turns of the asked length", async () => {
  const clock = { time: 0 };
  const jobs = [
    clockedJob(clock, 0.25),
    clockedJob(clock, 3),
    clockedJob(clock, 1 / 1024, { readSeconds: 1 / 64 }),
  ];
  const options = { rounds: 3, roundSeconds: 1, now: telling(clock) };
  const [quick, slow, tiny] = await measure(jobs, options) as Measurement[];
  assertEquals(quick, {
    steps: 4,
    seconds: [0.25, 0.25, 0.25],
    processor: [0.5, 0.5, 0.5],
  });
  assertEquals([slow.steps, slow.seconds], [1, [3, 3, 3]]);
  // A first turn of one step would be nearly all reading.
  assertAlmostEquals(tiny.steps, 1000, 100);
  assertAlmostEquals(tiny.seconds[0], 1 / 1024, 1e-4);
});

Deno.test("measure gives all jobs whole periods of the longest", async () => {
  const clock = { time: 0 };
  const jobs = [
    clockedJob(clock, 0.5),
    clockedJob(clock, 0.5, { period: 10 }),
  ];
  const options = { rounds: 1, roundSeconds: 1, now: telling(clock) };
  const found = await measure(jobs, options) as Measurement[];
  assertEquals(found.map(({ steps }) => steps), [10, 10]);
});

Deno.test("measure tries no turn of a job known to be slow, and stops it early", async () => {
  const clock = { time: 0 };
  const [slow, quick] = [clockedJob(clock, 5), clockedJob(clock, 1)];
  const found = await measure([slow, quick], {
    rounds: 4,
    roundSeconds: 1,
    mostSeconds: 10,
    known: new Map([[slow, 5], [quick, 0.01]]),
    now: telling(clock),
  }) as Measurement[];
  assertEquals(found.map(({ seconds }) => seconds), [[5, 5], [1, 1, 1, 1]]);
  assertEquals([slow.steps, quick.steps], [2, 5]);
});

Deno.test("measure does quick steps untimed before each turn", async () => {
  const clock = { time: 0 };
  const job = clockedJob(clock, 0.125);
  const options = { rounds: 2, roundSeconds: 0.5, now: telling(clock) };
  await measure([job], options);
  // One step to plan turns of 4; then twice a quarter of a second and a turn.
  assertEquals(job.steps, 1 + 2 * (2 + 4));
});

Deno.test("measure adds what another process has spent on a job", async () => {
  const clock = { time: 0 };
  const job = clockedJob(clock, 1);
  const [{ seconds, processor }] = await measure([
    { ...job, elsewhere: () => 3 * clock.time },
  ], { rounds: 1, roundSeconds: 1, now: telling(clock) }) as Measurement[];
  assertEquals([seconds, processor], [[1], [5]]);
});

Deno.test("measure gives the error of a job that fails, and goes on", async () => {
  const clock = { time: 0 };
  const options = { rounds: 2, roundSeconds: 1, now: telling(clock) };
  const jobs = [clockedJob(clock, 1, { last: NaN }), clockedJob(clock, 1)];
  const [failed, well] = await measure(jobs, options);
  assertEquals((failed as Error).message, "after 1 steps the result is NaN");
  assertEquals((well as Measurement).seconds, [1, 1]);
});

Deno.test("relativeError is the largest distance over the largest number", () => {
  assertEquals(relativeError([1, -4, 2], [1, -4, 1]), 0.25);
  assertEquals(relativeError([0, 0], [0, 0]), 0);
  assertEquals(relativeError([1, 2], [1, NaN]), Infinity);
});

Deno.test("relativeChange measures from where both began", () => {
  const of = (...numbers: number[]) => new Map([["p", numbers]]);
  assertEquals(relativeChange(of(10, 10), of(13, 14), of(13, 14)), 0);
  assertEquals(relativeChange(of(10, 10), of(13, 14), of(10, 10)), 1);
});

Deno.test("requireSameResults lets rounding pass, and no wrong number", () => {
  const work = { kind: "matmul", size: 512 } as const;
  const of = (x: number) => new Map([["x", [1, 2, x]]]);
  requireSameResults(work, of(3), of(3 * (1 + 2 ** -22)));
  const { message } = assertThrows(
    () => requireSameResults(work, of(3), of(3.001)),
    DifferenceError,
  );
  assertStringIncludes(message, "x differs by 3.3e-4");
  assertThrows(
    () => requireSameResults(work, of(3), new Map()),
    DifferenceError,
    "x has 3 numbers here, there none",
  );
});

Deno.test("matmulOperands: the matrix is its own inverse, so that nothing grows", () => {
  const size = 12;
  const { data } = matmulOperands({ kind: "matmul", size }).b;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let product = 0;
      for (let k = 0; k < size; k++) {
        product += data[i * size + k] * data[k * size + j];
      }
      // Twelve products in float64.
      assertAlmostEquals(product, Number(i === j), 1e-14);
    }
  }
});

Deno.test("convolutionOperands: every tap is in use", () => {
  const { w } = convolutionOperands({
    kind: "convolution",
    pass: "forward",
    batch: 1,
    channels: 4,
    size: 3,
  });
  assertEquals(w.data.filter((x) => x === 0).length, 0);
});

Deno.test("cases have names of their own", () => {
  const cases = casesOf("cpu");
  assertEquals(new Set(cases.map(({ name }) => name)).size, cases.length);
});
