/**
 * Training on a device against the reference device: every optimizer, models,
 * golden traces; the same bits twice; what happens to state.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Layer } from "../../src/layers/mod.ts";
import { digitsCnn, mlp, resnet } from "../../src/models/mod.ts";
import { optimizerNames } from "../../src/optim/mod.ts";
import { readTrace, verifyTrace } from "../../src/oracle/mod.ts";
import { compile, DeviceState, leaves } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  intValue,
  scalarValue,
  type Spec,
  takeRows,
  type Value,
} from "../../src/tensor/mod.ts";
import { Trainer, type TrainerOptions } from "../../src/train/mod.ts";
import { foldersIn, localCases, sharedCases } from "../oracle/helpers.ts";
import { optimizers, runOf, smallNet } from "../train/helpers.ts";
import { assertSameNumbers, type DeviceTest, floats } from "./compare.ts";

/** The state after some steps. */
async function trained(
  options: TrainerOptions,
  steps: number,
): Promise<Map<string, Value>> {
  const trainer = await Trainer.start(options);
  for await (const { step } of trainer.train()) if (step >= steps) break;
  return leaves<Value & Spec>(await trainer.state.read());
}

/**
 * Roundings that a few steps may differ by: each of some thousand sums, products
 * and quotients rounds, and AdaFisher divides by numbers down to lambda = 1e-3.
 */
const STEPS_ROUNDINGS = 4096;

/**
 * Eigenvectors of close eigenvalues turn with the last bit of a matrix, and so does an
 * inverse root where a gradient has never been; what they do to gradients does not.
 */
const ARBITRARY = /^optimizer\/(eigen\/.*Vectors$|roots\/)/;

/** The optimizers with options, and every name of the catalogue without. */
const OPTIMIZERS: typeof optimizers = [
  ...optimizers,
  ...optimizerNames.map((name) => ({
    title: `${name}, as it is`,
    name,
    options: {},
    rate: 1e-3,
  })),
];

const models: Readonly<Record<string, Layer>> = {
  mlp: mlp([64, 32, 16, 10]),
  cnn: digitsCnn(),
  resnet8: resnet("resnet8", { inputChannels: 1 }),
};

/** Tests that training gives the state that it gives on the reference device. */
export function trainingTests(test: DeviceTest): void {
  for (const { title, name, options, rate } of OPTIMIZERS) {
    test(`training agrees with the reference: ${title}`, async (device) => {
      const run = runOf(smallNet(), name, options, {
        learningRate: () => rate,
      });
      const expected = await trained({ ...run, device: referenceDevice }, 3);
      const actual = await trained({ ...run, device }, 3);
      assertEquals([...actual.keys()], [...expected.keys()]);
      for (const [key, value] of expected) {
        if (ARBITRARY.test(key)) continue;
        assertSameNumbers(actual.get(key)!, value, STEPS_ROUNDINGS, key);
      }
    });
  }

  for (const [name, model] of Object.entries(models)) {
    test(`a model trains as on the reference: ${name}`, async (device) => {
      const run = runOf(model, "adafisherw", { interval: 2 });
      const expected = await trained({ ...run, device: referenceDevice }, 3);
      const actual = await trained({ ...run, device }, 3);
      for (const [key, value] of expected) {
        assertSameNumbers(actual.get(key)!, value, STEPS_ROUNDINGS, key);
      }
    });
  }
}

/** Tests that the golden traces hold to their float32 tolerance. */
export function traceTests(test: DeviceTest): void {
  for (const [where, cases] of Object.entries({ localCases, sharedCases })) {
    for (const folder of foldersIn(cases)) {
      test(
        `golden trace at its float32 tolerance: ${where}/${folder}`,
        async (device) => {
          const trace = await readTrace(`${cases}/${folder}`);
          const report = await verifyTrace(trace, { device });
          const worst = report.kinds.map(({ kind, worst }) =>
            `${kind} ${worst?.error} at ${worst?.tensor}`
          );
          assert(report.passed, [...report.problems, ...worst].join("\n"));
        },
      );
    }
  }
}

/** Tests of what becomes of state from step to step. */
export function stateTests(test: DeviceTest): void {
  for (
    const [name, model, steps] of [
      ["a small network", smallNet(), 5],
      ["resnet20", resnet("resnet20", { inputChannels: 1 }), 2],
    ] as const
  ) {
    test(`the same seed gives the same bits twice: ${name}`, async (device) => {
      const run = runOf(model, "adafisher", {}, { device });
      assertEquals(await trained(run, steps), await trained(run, steps));
    });
  }

  test(
    "state that becomes other state is exchanged, not overwritten",
    async (device) => {
      const first = { a: scalarValue(1), b: scalarValue(2), c: scalarValue(3) };
      const state = new DeviceState(device, first);
      const step = compile({
        state: first,
        inputs: {},
        step: ({ a, b, c }) => ({ state: { a: b, b: a, c }, outputs: { a } }),
      }, device);
      assertEquals((await step.run(state, {})).a.data[0], 1);
      assertEquals((await step.run(state, {})).a.data[0], 2);
      await step.run(state, {});
      const { a, b, c } = await state.read();
      assertEquals([a.data[0], b.data[0], c.data[0]], [2, 1, 3]);
      state.write(first);
      assertEquals((await state.read()).a.data[0], 1);
    },
  );

  test(
    "an index outside its table is told by runs that have no outputs",
    async (device) => {
      const first = { row: floats([1, 3]) };
      const state = new DeviceState(device, first);
      const step = compile({
        state: first,
        inputs: { index: intValue([0]) },
        step: ({ row }, { index }) => ({
          state: { row: takeRows(row, index) },
          outputs: {},
        }),
      }, device);
      await assertRejects(
        async () => {
          for (let i = 0; i < 100; i++) {
            await step.run(state, { index: intValue([i === 0 ? 1 : 0]) });
          }
        },
        RangeError,
        "Cannot take rows: index 1 at place 0 is outside the table of 1 rows",
      );
    },
  );

  test(
    "a step with a label outside the classes leaves the state as it was",
    async (device) => {
      const run = runOf(smallNet(), "adafisher", {}, {
        device,
        batches: { batchSize: 16, shuffle: false },
      });
      // The second batch has a label that is no digit, at its sixth place.
      const labels = run.examples.labels.slice();
      labels[21] = 12;
      const wrong = { ...run, examples: { ...run.examples, labels } };
      for (const readEvery of [1, 3]) {
        const trainer = await Trainer.start({ ...wrong, readEvery });
        await assertRejects(
          async () => {
            for await (const _ of trainer.train());
          },
          RangeError,
          "Cannot take rows: index 12 at place 5 is outside the table of 10 rows",
        );
        const { optimizer, parameters } = await trainer.state.read();
        const before = await Trainer.start(run);
        for await (const { step } of before.train()) if (step === 1) break;
        const expected = await before.state.read();
        assertEquals(parameters, expected.parameters);
        assertEquals(optimizer, expected.optimizer);
      }
    },
  );
}
