import { assert, assertEquals } from "@std/assert";
import { GpuDevice } from "../../src/gpu/device.ts";
import { schedule } from "../../src/gpu/schedule.ts";
import { compile, DeviceState, lower } from "../../src/program/mod.ts";
import { add, matmul } from "../../src/tensor/mod.ts";
import { assertAgrees, floatTensor } from "../devices/compare.ts";
import { operationTests } from "../devices/operations.ts";
import { productTests } from "../devices/products.ts";
import { gpuTest } from "./on_gpu.ts";

operationTests(gpuTest);

// Tiles differ between adapters that compute on the processor and others.
productTests((name, run) =>
  gpuTest(`${name}, in tiles for the other kind of adapter`, (device) => {
    const { gpu, adapter } = device;
    return run(new GpuDevice(gpu, { ...adapter, software: !adapter.software }));
  })
);

// An invocation computes one element, or four where there are as many. The number
// of workgroups, 65,537, is odd: it is no rectangle.
for (const size of [65536 * 64 + 13, 4 * (65536 * 64 + 13)]) {
  gpuTest(
    `dispatches past 65,535 workgroups compute every element: ${size}`,
    async (device) => {
      const shape = [size];
      const data = Float32Array.from({ length: size }, (_, i) => i % 1009);
      const first = { x: { shape, dtype: "float" as const, data } };
      const state = new DeviceState(device, first);
      const step = compile({
        state: first,
        inputs: {},
        step: ({ x }) => ({ state: { x: add(x, 1) }, outputs: {} }),
      }, device);
      const { kernels } = schedule(step.program, device.limits);
      assert(kernels[0].workgroups > 65535);
      await step.run(state, {});
      const { x } = await state.read();
      assertEquals(x.data.findIndex((v, i) => v !== data[i] + 1), -1);
    },
  );
}

gpuTest(
  "products past 65,535 workgroups compute every matrix",
  async (device) => {
    const shape = [65537, 1, 1];
    const tensors = {
      products: matmul(floatTensor(shape), floatTensor(shape, 2)),
    };
    const { kernels } = schedule(
      lower(new Map(Object.entries(tensors))),
      device.limits,
    );
    assert(kernels[0].workgroups > 65535);
    await assertAgrees(device, tensors, 1, "own");
  },
);
