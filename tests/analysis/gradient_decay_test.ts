import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { gradientDecay } from "../../src/analysis/mod.ts";
import { batchAt, iris, normalizationOf } from "../../src/data/mod.ts";
import { constants, crossEntropy, initialize } from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { evaluate } from "../../src/reference/mod.ts";
import { constant, value } from "../../src/tensor/mod.ts";

Deno.test("gradientDecay: the first norm is that of all flowers, by differences", async () => {
  // A rate at which nothing moves.
  const { points, largestGradient } = await gradientDecay({
    learningRate: 1e-15,
    steps: 16,
    seeds: [7],
  });
  const examples = iris();
  const batch = batchAt(examples, {
    batchSize: 150,
    normalization: normalizationOf(examples),
  }, 0);
  const model = mlp([4, 8, 3], { activation: "tanh" });
  const parameters = initialize(model.parameters, 7);
  const lossAt = async (name: string, i: number, by: number) => {
    const { data, shape } = parameters[name];
    const moved = Float64Array.from(data);
    moved[i] += by;
    const { output } = model.forward(constant(batch.inputs), {
      parameters: constants({ ...parameters, [name]: value(moved, shape) }),
      buffers: {},
      training: true,
    });
    const loss = crossEntropy(output, constant(batch.labels));
    return (await evaluate(loss)).data[0];
  };
  const step = 1e-5;
  let squared = 0;
  for (const [name, { data }] of Object.entries(parameters)) {
    for (let i = 0; i < data.length; i++) {
      const rise = await lossAt(name, i, step) - await lossAt(name, i, -step);
      squared += (rise / (2 * step)) ** 2;
    }
  }
  // Differences are good to some 1e-10, relative to slopes of up to 1.
  assertAlmostEquals(points[0].least, squared, 1e-8);
  assertAlmostEquals(largestGradient, Math.sqrt(squared), 1e-8);
});

Deno.test("gradientDecay: where nothing moves, the ratio rises as sqrt(T) / log T", async () => {
  const { growth, points } = await gradientDecay({
    learningRate: 1e-15,
    steps: 64,
    seeds: [0],
  });
  // 1e-9: what is moved after all, 1e-15 / lambda a step.
  assertAlmostEquals(growth, Math.SQRT2 * Math.log(32) / Math.log(64), 1e-9);
  assertEquals(points.map(({ steps }) => steps), [8, 16, 32, 64]);
});

Deno.test("gradientDecay: a rate that learns has a ratio that falls", async () => {
  const study = await gradientDecay({ learningRate: 1e-2, steps: 64 });
  assert(study.growth < 1, `${study.growth}`);
  study.points.forEach(({ steps, least, ratio, each }, i) => {
    assertAlmostEquals(
      ratio,
      least * Math.sqrt(steps) / Math.log(steps),
      1e-15,
    );
    assertEquals(each.length, 3);
    assert(least <= study.largestGradient ** 2);
    if (i > 0) assert(least <= study.points[i - 1].least);
    // The least of a mean is not below the mean of the leasts.
    const mean = each.reduce((a, b) => a + b) / 3;
    assert(ratio >= mean * (1 - 1e-12), `${ratio} < ${mean}`);
  });
});

Deno.test("gradientDecay: the rate of step t is lr / sqrt(t)", async () => {
  // Steps so small that they add up: how far the norm falls is proportional to the sum
  // of the rates. F and the gradient hardly change, but the momentum starts at the
  // first gradient, so batches are all flowers.
  const { points: [first, second] } = await gradientDecay({
    learningRate: 1e-9,
    steps: 16,
    seeds: [0],
    batchSize: 150,
  });
  const start = (await gradientDecay({
    learningRate: 1e-15,
    steps: 16,
    seeds: [0],
    batchSize: 150,
  })).points[0].least;
  const rates = (steps: number) => {
    let sum = 0; // before step T there have been T - 1
    for (let t = 1; t < steps; t++) sum += 1 / Math.sqrt(t);
    return sum;
  };
  const fall = (start - second.least) / (start - first.least);
  // 1e-4: second order of a step of 1e-9 / lambda; 15 / 7 would be rates that stay.
  assertAlmostEquals(fall, rates(16) / rates(8), 1e-4);
});

Deno.test("gradientDecay: the same options, the same numbers", async () => {
  const run = (seeds: number[]) => gradientDecay({ steps: 16, seeds });
  assertEquals(await run([5]), await run([5]));
  assert((await run([6])).points[0].least !== (await run([5])).points[0].least);
});

Deno.test("gradientDecay: refuses options out of range", async () => {
  await assertRejects(
    () => gradientDecay({ steps: 15 }),
    RangeError,
    "steps",
  );
  await assertRejects(
    () => gradientDecay({ seeds: [] }),
    RangeError,
    "number of seeds",
  );
  await assertRejects(
    () => gradientDecay({ learningRate: -1 }),
    RangeError,
    "learningRate",
  );
});
