/** What goes wrong on a GPU, and how it is told. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gpuDevice, GpuError, NoGpuError } from "../../src/gpu/mod.ts";
import type { GpuDevice } from "../../src/gpu/device.ts";
import { assemble } from "../../src/gpu/wgsl.ts";
import { compile, DeviceState } from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { add, fill, input, scalarValue, sum } from "../../src/tensor/mod.ts";
import { gpuTest } from "./on_gpu.ts";

gpuTest(
  "a software adapter is refused unless it is allowed",
  async ({ adapter }) => {
    if (!adapter.software) return;
    const error = await assertRejects(() => gpuDevice(), NoGpuError);
    assert(error.message.includes(adapter.name));
    assert(error.message.includes("\nhelp: "));
  },
);

Deno.test("without WebGPU the error says what to install", async () => {
  const { gpu } = navigator;
  Object.defineProperty(navigator, "gpu", {
    value: { requestAdapter: () => Promise.resolve(null) },
    configurable: true,
  });
  try {
    const error = await assertRejects(() => gpuDevice(), NoGpuError);
    assertEquals(
      error.message,
      "Cannot use the GPU: no adapter was found\nhelp: on Linux, WebGPU needs the Vulkan loader and a driver, in Debian the packages libvulkan1 and mesa-vulkan-drivers",
    );
  } finally {
    Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  }
});

gpuTest(
  "a shader that does not compile names kernel, line and text",
  async (device) => {
    device.pipeline(assemble({
      name: "wrong float[3]",
      inputs: [],
      output: 0,
      spec: { shape: [3], dtype: "float" },
      functions: [],
      work: { invocations: 3 },
      body: "result[at] = nobody;",
    }));
    const error = await assertRejects(() => device.check(), GpuError);
    assert(error.message.includes("Cannot compile kernel wrong float[3]"));
    assert(error.message.includes("result[at] = nobody;"));
    // Told once; the device goes on.
    await device.check();
    assertEquals((await evaluate(add(fill([2], 1), 1), device)).data[0], 2);
  },
);

gpuTest(
  "a tensor past the binding limit names itself, the limit and help",
  (device) => {
    const limit = device.gpu.limits.maxStorageBufferBindingSize;
    const count = limit / 4 + 1;
    const big = { shape: [count], dtype: "float" } as const;
    const error = assertThrows(() =>
      compile({
        state: { big },
        inputs: {},
        step: ({ big }) => ({ state: {}, outputs: { total: sum(big) } }),
      }, device), RangeError);
    assert(error.message.includes(`float[${count}]`));
    assert(error.message.includes(`${limit}`));
    assert(error.message.includes("\nhelp: "));
  },
);

gpuTest("an input that is missing is named", async (device) => {
  await assertRejects(
    () => evaluate(add(input("input:x", []), 1), device),
    RangeError,
    "no value for input:x",
  );
});

gpuTest("a run after the device is lost says so", async () => {
  const device = await gpuDevice({ allowSoftware: true }) as GpuDevice;
  const first = { x: scalarValue(1) };
  const state = new DeviceState(device, first);
  const step = compile({
    state: first,
    inputs: {},
    step: ({ x }) => ({ state: { x: add(x, 1) }, outputs: { x } }),
  }, device);
  await step.run(state, {});
  device.gpu.destroy();
  await device.gpu.lost;
  const error = await assertRejects(() => step.run(state, {}), GpuError);
  assert(error.message.includes("the device was lost"));
  assert(
    error.message.includes("\nhelp: start again from the last checkpoint"),
  );
});
