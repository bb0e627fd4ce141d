import { assertEquals } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  cast,
  equal,
  iota,
  slice,
  sub,
  sum,
} from "../../src/tensor/mod.ts";
import { GpuDevice } from "../../src/gpu/device.ts";
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

gpuTest(
  "dispatches past 65,535 workgroups compute every element",
  async (device) => {
    const size = 65536 * 64 + 77;
    const counted = add(cast(iota([size], 0), "float"), 1);
    const found = await evaluate({
      sum: sum(
        cast(equal(iota([size], 0), cast(sub(counted, 1), "int")), "int"),
      ),
      end: slice(counted, [size - 1], [size]),
    }, device);
    assertEquals(found.sum.data[0], size);
    assertEquals(found.end.data[0], size);
  },
);
