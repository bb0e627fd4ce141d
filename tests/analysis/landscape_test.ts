import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  landscapeProblem,
  landscapeTrajectory,
  lossSurface,
  principalComponents,
  type Trajectory,
} from "../../src/analysis/mod.ts";
import { cpuDevice } from "../../src/cpu/mod.ts";
import { dataset, digits, iris, normalize } from "../../src/data/mod.ts";
import { initialize } from "../../src/layers/mod.ts";
import { adafisher, sgd } from "../../src/optim/mod.ts";

Deno.test("principalComponents: are centred, uncorrelated, and hold the variances", () => {
  const { examples, variances, share } = principalComponents(iris(), 4);
  const column = (k: number) =>
    Array.from({ length: 150 }, (_, i) => examples.inputs[4 * i + k]);
  const mean = (numbers: number[]) => numbers.reduce((a, b) => a + b) / 150;
  for (let a = 0; a < 4; a++) {
    // The components are float32, of a size of up to 4.
    assertAlmostEquals(mean(column(a)), 0, 1e-6);
    for (let b = 0; b < 4; b++) {
      const other = column(b);
      assertAlmostEquals(
        mean(column(a).map((entry, i) => entry * other[i])),
        a === b ? variances[a] : 0,
        1e-6,
      );
    }
  }
  assertAlmostEquals(share, 1, 1e-12);
  // Of a covariance over n - 1, as published for Iris: 4.2282, 0.2427, 0.0782, 0.0238.
  [4.2282, 0.2427, 0.0782, 0.0238].forEach((variance, k) =>
    assertAlmostEquals(variances[k] * 150 / 149, variance, 5e-5)
  );
});

Deno.test("principalComponents: takes none of eigenvalues that did not converge", () => {
  assertThrows(
    () => principalComponents(iris(), 2, { maxIterations: 1 }),
    Error,
    "the eigenvalues of its covariance did not converge",
  );
});

Deno.test("principalComponents: refuses what has none", () => {
  assertThrows(
    () => principalComponents(iris(), 5),
    RangeError,
    "got 5 of shape [4]",
  );
  assertThrows(() => principalComponents(digits(), 2), RangeError, "vectors");
  const still = dataset({
    name: "still",
    classes: ["a"],
    shape: [2],
    inputs: Float32Array.of(1, 2, 1, 2),
    labels: Int32Array.of(0, 0),
  });
  assertThrows(
    () => principalComponents(still, 1),
    RangeError,
    "none of its 2 features varies",
  );
});

const problem = landscapeProblem();

Deno.test("landscapeTrajectory: begins at 0.2, and its losses are those of the formula", async () => {
  const { points } = await landscapeTrajectory(problem, {
    name: "still",
    optimizer: sgd(),
    // So small that nothing moves that float64 would show in the loss.
    learningRate: 1e-30,
    epochs: 2,
    seed: 5,
  });
  assertEquals(points.map(({ weights }) => weights), [
    [0.2, 0.2],
    [0.2, 0.2],
    [0.2, 0.2],
  ]);
  // Means over batches of 10 and over all are the same mean, but for rounding.
  for (const { loss, lossAfter } of points) {
    assertAlmostEquals(loss, points[0].loss, 1e-12);
    assertAlmostEquals(lossAfter, points[0].loss, 1e-12);
  }
  const { model, examples, normalization } = problem;
  const first = initialize(model.parameters, 5);
  const parameter = (name: string) => first[name].data;
  const inputs = normalize(examples.inputs, examples.shape, normalization);
  const softmax = (logits: number[]) => {
    const powers = logits.map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((power) => power / sum);
  };
  let sum = 0;
  examples.labels.forEach((label, i) => {
    const hidden = Math.max(
      0,
      0.2 * inputs[2 * i] + 0.2 * inputs[2 * i + 1] + parameter("fc1.bias")[0],
    );
    const outputs = [0, 1, 2].map((c) =>
      parameter("fc2.weight")[c] * hidden + parameter("fc2.bias")[c]
    );
    sum -= Math.log(softmax(softmax(outputs))[label]);
  });
  assertAlmostEquals(points[0].loss, sum / 150, 1e-12);
});

Deno.test("landscapeTrajectory: the same seed gives the same numbers, on each device", async () => {
  const go = (seed: number, device?: ReturnType<typeof cpuDevice>) =>
    landscapeTrajectory(problem, {
      name: "a",
      optimizer: adafisher(problem.model, { preset: "paper" }),
      learningRate: 3e-3,
      epochs: 3,
      seed,
      device,
    });
  assertEquals(await go(1), await go(1));
  assert(JSON.stringify(await go(1)) !== JSON.stringify(await go(2)));
  const cpu = () => cpuDevice({ threads: 1 });
  const onCpu = await go(1, cpu());
  assertEquals(onCpu, await go(1, cpu()));
  (await go(1)).points.forEach(({ weights }, i) => {
    // 45 steps in float32.
    assertAlmostEquals(onCpu.points[i].weights[0], weights[0], 1e-4);
  });
});

Deno.test("landscapeTrajectory: what diverges is an error", async () => {
  await assertRejects(
    () =>
      landscapeTrajectory(problem, {
        name: "wild",
        optimizer: sgd(),
        learningRate: 1e300,
        epochs: 2,
        seed: 2,
      }),
    Error,
    "must be finite",
  );
});

function trajectory(...seen: [number, number, number][]): Trajectory {
  return {
    name: "t",
    points: seen.map(([x, y, loss], epoch) => ({
      epoch,
      weights: [x, y],
      loss,
      lossAfter: 0,
      accuracy: 0,
    })),
  };
}

Deno.test("lossSurface: reaches over all weights seen, and meets their losses", () => {
  const { x, y, values } = lossSurface([
    trajectory([0, 0, 1], [1, 0, 2], [0, 2, 5]),
    trajectory([1, 2, 3], [0.5, 1, 2.5]),
  ], 5);
  assertEquals([x, y], [[0, 0.25, 0.5, 0.75, 1], [0, 0.5, 1, 1.5, 2]]);
  const found = [
    values[0][0],
    values[0][4],
    values[4][0],
    values[4][4],
    values[2][2],
  ];
  [1, 2, 5, 3, 2.5].forEach((loss, i) =>
    assertAlmostEquals(found[i]!, loss, 1e-12)
  );
});

Deno.test("lossSurface: weights that are seen twice have the mean loss", () => {
  const corners: [number, number, number][] = [[0, 0, 1], [1, 0, 1], [0, 1, 1]];
  const { values } = lossSurface([
    trajectory(...corners),
    trajectory([1, 1, 2]),
    trajectory([1 - 1e-14, 1, 4]),
  ], 3);
  assertAlmostEquals(values[2][2]!, 3, 1e-12);
  // Without that, 2 and 4 within 1e-14 would make a slope of 1e14.
  for (const value of values.flat()) assert(Math.abs(value!) < 5);
});

Deno.test("lossSurface: is null where nothing was seen around", () => {
  const { values } = lossSurface(
    [trajectory([0, 0, 1], [1, 0, 1], [0, 1, 1])],
    5,
  );
  assertEquals(values[4][4], null);
  assertAlmostEquals(values[1][1]!, 1, 1e-12);
});

Deno.test("lossSurface: refuses a line, and a grid that is none", () => {
  const line = [trajectory([0, 0, 1], [1, 1, 2], [2, 2, 3])];
  assertThrows(() => lossSurface(line), RangeError, "lie on one line");
  assertThrows(() => lossSurface(line, 1), RangeError, "at least 2, got 1");
});
