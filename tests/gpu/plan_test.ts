/** What programs take of a GPU: bindings and memory. */

import { assert, assertEquals } from "@std/assert";
import { GpuDevice } from "../../src/gpu/device.ts";
import { gpuDevice } from "../../src/gpu/mod.ts";
import { schedule } from "../../src/gpu/schedule.ts";
import { crossEntropy } from "../../src/layers/mod.ts";
import { modelByName } from "../../src/models/mod.ts";
import { optimizerByName } from "../../src/optim/mod.ts";
import { DeviceState, lower } from "../../src/program/mod.ts";
import {
  intValue,
  scalarValue,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { initialState, trainingPrograms } from "../../src/train/mod.ts";
import { programTests } from "../devices/programs.ts";
import { randomGraph } from "../program/random_graph.ts";
import { gpuTest } from "./on_gpu.ts";

/** Storage buffers of a kernel that every adapter allows. */
const LEAST_BINDINGS = 8;

programTests((name, test) =>
  gpuTest(`with ${LEAST_BINDINGS} bindings a kernel, ${name}`, async () => {
    const adapter = await navigator.gpu.requestAdapter();
    // Without further limits a device has those of every adapter.
    const gpu = await adapter!.requestDevice();
    assertEquals(gpu.limits.maxStorageBuffersPerShaderStage, LEAST_BINDINGS);
    await test(new GpuDevice(gpu, { name: "least", software: true }));
    gpu.destroy();
  })
);

Deno.test("schedule gives no kernel more bindings than it may have", () => {
  for (let seed = 0; seed < 100; seed++) {
    const graph = new Map<string, Tensor>(
      Object.entries(randomGraph(seed, 60).outputs),
    );
    for (const most of [LEAST_BINDINGS, 32]) {
      const limits = {
        maxStorageBuffersPerShaderStage: most,
        maxStorageBufferBindingSize: 2 ** 27,
      };
      for (const kernel of schedule(lower(graph), limits).kernels) {
        const count = kernel.bindings.length + (kernel.flags ? 1 : 0);
        assert(count <= most, `seed ${seed}: ${kernel.name} has ${count}`);
      }
    }
  }
});

gpuTest(
  "a training run takes the memory of its plan, to a tenth",
  async ({ adapter }) => {
    const device = await gpuDevice({
      allowSoftware: adapter.software,
    }) as GpuDevice;
    let bytes = 0;
    const { gpu } = device;
    const create = gpu.createBuffer.bind(gpu);
    Object.defineProperty(gpu, "createBuffer", {
      value: (descriptor: GPUBufferDescriptor) => {
        bytes += descriptor.size;
        return create(descriptor);
      },
    });
    const batch = 8;
    const model = modelByName("resnet8", {
      inputShape: [3, 32, 32],
      classes: 10,
    });
    const optimizer = optimizerByName("adam", model);
    const programs = trainingPrograms(
      { model, loss: crossEntropy, optimizer },
      device,
    );
    const first = await initialState(model, optimizer, 1, device);
    bytes = 0;
    const state = new DeviceState(device, first);
    for (let step = 1; step <= 2; step++) {
      const scalars = Object.entries(optimizer.scalars(step)).map((
        [name, number],
      ) => [name, scalarValue(number)]);
      await programs.run(state, {
        inputs: value(new Float32Array(batch * 3 * 32 * 32), [
          batch,
          3,
          32,
          32,
        ]),
        labels: intValue(new Int32Array(batch)),
        key: intValue([1, step]),
        learningRate: scalarValue(0.01),
        scalars: Object.fromEntries(scalars),
      }, false);
    }
    const { planBytes } = programs;
    assert(planBytes > 0);
    const share = bytes / planBytes;
    assert(
      share >= 1 && share <= 1.1,
      `${bytes} bytes were taken, ${planBytes} were planned`,
    );
    await device.check();
    gpu.destroy();
  },
);
