/** Training on the GPU: the tables of all devices, and what the GPU allocates. */

import { assert, assertEquals } from "@std/assert";
import type { GpuDevice } from "../../src/gpu/device.ts";
import { gpuDevice } from "../../src/gpu/mod.ts";
import { compile, DeviceState } from "../../src/program/mod.ts";
import { add, matmul, mul, scalarValue, sum } from "../../src/tensor/mod.ts";
import { assertSameNumbers, floats } from "../devices/compare.ts";
import { stateTests, traceTests, trainingTests } from "../devices/training.ts";
import { gpuTest } from "./on_gpu.ts";

trainingTests(gpuTest);
traceTests(gpuTest);
stateTests(gpuTest);

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
