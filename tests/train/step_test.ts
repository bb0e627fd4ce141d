import { assert, assertEquals, assertGreater } from "@std/assert";
import { DeviceState } from "../../src/program/mod.ts";
import { evaluate, referenceDevice } from "../../src/reference/mod.ts";
import { constants, crossEntropy } from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { adafisher, clipByGlobalNorm, sgd } from "../../src/optim/mod.ts";
import {
  constant,
  gradients,
  input,
  intValue,
  mul,
  reachable,
  scalarValue,
  sub,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { leaves, mapLeaves } from "../../src/program/tree.ts";
import {
  initialState,
  type StepInputs,
  takesStatistics,
  trainableNames,
  trainingPrograms,
  type TrainingState,
  trainingStep,
} from "../../src/train/mod.ts";
import { frozen, smallNet } from "./helpers.ts";

const batch = (count: number) => ({
  inputs: value(
    Float64Array.from({ length: 64 * count }, (_, i) => Math.sin(i)),
    [count, 1, 8, 8],
  ),
  labels: intValue(Array.from({ length: count }, (_, i) => i % 10)),
  key: intValue([3, 1]),
  learningRate: scalarValue(0.1),
  scalars: {},
});

Deno.test("trainingStep of plain SGD is p - lr g, clipped first", async () => {
  const model = mlp([64, 5, 10]);
  const optimizer = sgd();
  const inputs = batch(6);
  for (const limit of [undefined, 0.01]) {
    const clip = limit === undefined
      ? undefined
      : (g: Parameters<typeof clipByGlobalNorm>[0]) =>
        clipByGlobalNorm(g, limit);
    const first = await initialState(model, optimizer, 1, referenceDevice);
    const state = new DeviceState(referenceDevice, first);
    const parts = { model, loss: crossEntropy, optimizer, clip };
    await trainingPrograms(parts, referenceDevice).run(state, inputs, false);

    const parameters = constants(first.parameters);
    const { output } = model.forward(constant(inputs.inputs), {
      parameters,
      buffers: {},
      training: true,
    });
    const names = Object.keys(parameters);
    const found = gradients(
      crossEntropy(output, constant(inputs.labels)),
      names.map((name) => parameters[name]),
    );
    let g = Object.fromEntries(names.map((name, i) => [name, found[i]]));
    if (clip) g = { ...clip(g) };
    const expected = await evaluate(Object.fromEntries(
      names.map((name) => [name, sub(parameters[name], mul(0.1, g[name]))]),
    ));
    const next = await state.read();
    assertEquals(next.parameters, expected);
    assertEquals(next.metrics.count.data[0], 6);
  }
});

/** Number of products of matrices and convolutions in a step. */
async function contractions(statistics: boolean): Promise<number> {
  const model = smallNet();
  const optimizer = adafisher(model);
  const symbols = <T extends object>(tree: T) =>
    mapLeaves(tree, (name, { shape, dtype }) => input(name, shape, dtype));
  const state = await initialState(model, optimizer, 1, referenceDevice);
  const scalars = Object.keys(optimizer.scalars(1))
    .map((name) => [name, scalarValue(1)]);
  const inputs = { ...batch(4), scalars: Object.fromEntries(scalars) };
  const step = trainingStep(
    { model, loss: crossEntropy, optimizer },
    statistics,
  );
  const next = step(
    symbols(state) as unknown as TrainingState<Tensor>,
    symbols(inputs) as unknown as StepInputs<Tensor>,
  );
  return reachable([...leaves<Tensor>(next.state).values()])
    .filter(({ operation: { kind } }) => /^(matmul|conv)/.test(kind)).length;
}

Deno.test("trainingStep shares one backward pass between gradients and statistics", async () => {
  const plain = await contractions(false);
  assertGreater(plain, 0);
  assertEquals(await contractions(true), plain);
});

Deno.test("trainingPrograms takes batches of any size over one state", async () => {
  const model = mlp([64, 10]);
  const optimizer = sgd();
  const first = await initialState(model, optimizer, 1, referenceDevice);
  const state = new DeviceState(referenceDevice, first);
  const programs = trainingPrograms(
    { model, loss: crossEntropy, optimizer },
    referenceDevice,
  );
  assertEquals(programs.planBytes, 0);
  for (const size of [4, 3, 4]) await programs.run(state, batch(size), false);
  assertEquals((await state.read()).metrics.count.data[0], 11);
  assert(programs.planBytes > 8 * 650);
});

Deno.test("takesStatistics is never true for an optimizer without factors", () => {
  assertEquals([1, 2, 101].map((k) => takesStatistics(sgd(), k)), [
    false,
    false,
    false,
  ]);
  const every = adafisher(mlp([2, 2]), { interval: 100 });
  assertEquals([1, 2, 100, 101].map((k) => takesStatistics(every, k)), [
    true,
    false,
    false,
    true,
  ]);
});

Deno.test("trainableNames leaves frozen parameters out", () => {
  const model = smallNet();
  assert(trainableNames(model).includes("conv.weight"));
  assertEquals(trainableNames(frozen(model)), []);
});
