/** Training on the GPU against the reference device. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Layer } from "../../src/layers/mod.ts";
import type { GpuDevice } from "../../src/gpu/device.ts";
import { gpuDevice } from "../../src/gpu/mod.ts";
import { digitsCnn, mlp } from "../../src/models/mod.ts";
import {
  readTrace,
  replayableOptimizerNames,
  UnsupportedOptimizerError,
  verifyTrace,
} from "../../src/oracle/mod.ts";
import { compile, DeviceState, leaves } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  add,
  intValue,
  matmul,
  mul,
  scalarValue,
  type Spec,
  sum,
  takeRows,
  type Value,
} from "../../src/tensor/mod.ts";
import { Trainer, type TrainerOptions } from "../../src/train/mod.ts";
import { foldersIn, localCases, sharedCases } from "../oracle/helpers.ts";
import { optimizers, runOf, smallNet } from "../train/helpers.ts";
import { assertSameNumbers, floats } from "../devices/compare.ts";
import { gpuTest } from "./on_gpu.ts";

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

for (const { title, name, options, rate } of optimizers) {
  gpuTest(`training agrees with the reference: ${title}`, async (device) => {
    const run = runOf(smallNet(), name, options, {
      learningRate: () => rate,
    });
    const expected = await trained({ ...run, device: referenceDevice }, 3);
    const actual = await trained({ ...run, device }, 3);
    assertEquals([...actual.keys()], [...expected.keys()]);
    for (const [key, value] of expected) {
      assertSameNumbers(actual.get(key)!, value, STEPS_ROUNDINGS, key);
    }
  });
}

const models: Readonly<Record<string, Layer>> = {
  mlp: mlp([64, 32, 16, 10]),
  cnn: digitsCnn(),
};

for (const [name, model] of Object.entries(models)) {
  gpuTest(`a model trains as on the reference: ${name}`, async (device) => {
    const run = runOf(model, "adafisherw", { interval: 2 });
    const expected = await trained({ ...run, device: referenceDevice }, 3);
    const actual = await trained({ ...run, device }, 3);
    for (const [key, value] of expected) {
      assertSameNumbers(actual.get(key)!, value, STEPS_ROUNDINGS, key);
    }
  });
}

for (const [where, cases] of Object.entries({ localCases, sharedCases })) {
  for (const folder of foldersIn(cases)) {
    gpuTest(
      `golden trace at its float32 tolerance: ${where}/${folder}`,
      async (device) => {
        const trace = await readTrace(`${cases}/${folder}`);
        const { name } = trace.case.optimizer;
        if (!replayableOptimizerNames.includes(name)) {
          await assertRejects(
            () => verifyTrace(trace, { device }),
            UnsupportedOptimizerError,
            name,
          );
          return;
        }
        const report = await verifyTrace(trace, { device });
        const worst = report.kinds.map(({ kind, worst }) =>
          `${kind} ${worst?.error} at ${worst?.tensor}`
        );
        assert(report.passed, [...report.problems, ...worst].join("\n"));
      },
    );
  }
}

gpuTest("the same seed gives the same bits twice", async (device) => {
  const run = runOf(smallNet(), "adafisher", {}, { device });
  assertEquals(await trained(run, 5), await trained(run, 5));
});

gpuTest(
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

gpuTest(
  "2,000 steps make no buffer, pipeline or binding after the first",
  async ({ adapter }) => {
    // A device of its own, whose objects are counted: the memory of the process
    // is shared with the tests that run beside this one.
    const device = await gpuDevice({
      allowSoftware: adapter.software,
    }) as GpuDevice;
    const { gpu } = device;
    let made = 0;
    for (
      const name of [
        "createBuffer",
        "createBindGroup",
        "createComputePipeline",
        "createShaderModule",
      ] as const
    ) {
      const make = gpu[name].bind(gpu) as (descriptor: unknown) => unknown;
      Object.defineProperty(gpu, name, {
        value: (descriptor: unknown) => {
          made++;
          return make(descriptor);
        },
      });
    }
    const first = {
      x: floats([8, 8]),
      total: scalarValue(0),
      old: scalarValue(0),
    };
    const state = new DeviceState(device, first);
    const step = compile({
      state: first,
      inputs: { by: scalarValue(0) },
      step: ({ x, total }, { by }) => ({
        state: {
          total: add(mul(total, 0.5), sum(matmul(x, add(x, by)))),
          old: total,
        },
        outputs: {},
      }),
    }, device);
    await step.run(state, { by: scalarValue(1) });
    const before = made;
    assert(before > 0, "nothing was counted");
    for (let i = 0; i < 2000; i++) {
      await step.run(state, {
        by: scalarValue(1),
      });
    }
    assertEquals(made, before);
    const { total, old } = await state.read();
    assertSameNumbers(total, old, 4, "total, which has converged");
  },
);

gpuTest(
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
      "Cannot take rows: an index is outside the table of 1 rows",
    );
  },
);
