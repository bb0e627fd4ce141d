import { assertEquals } from "@std/assert";
import { GpuDevice } from "../../src/gpu/device.ts";
import { DeviceState } from "../../src/program/mod.ts";
import { floats } from "../devices/compare.ts";
import { gpuTest } from "./on_gpu.ts";

gpuTest(
  "state that is larger than a buffer is read through several",
  async ({ gpu, adapter }) => {
    const { maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } =
      gpu.limits;
    const device = new GpuDevice(gpu, adapter, undefined, undefined, {
      maxBufferSize: 400,
      maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage,
    });
    const sizes: number[] = [];
    const staging = device.staging.bind(device);
    device.staging = (size) => {
      sizes.push(size);
      return staging(size);
    };
    const first = Object.fromEntries(
      [[60], [50], [5, 10], [0], [100], [], [99]].map((shape, i) => [
        `x${i}`,
        floats(shape, i + 1),
      ]),
    );
    const found = await new DeviceState(device, first).read();
    for (const [name, { shape, data }] of Object.entries(first)) {
      assertEquals(found[name].shape, shape);
      assertEquals([...found[name].data], [...data]);
    }
    assertEquals(sizes, [240, 400, 400, 400]);
  },
);
