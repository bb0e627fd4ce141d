/** Tensors that are larger than a binding may be. */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { GpuDevice } from "../../src/gpu/device.ts";
import { splitBindings } from "../../src/gpu/split.ts";
import { assemble } from "../../src/gpu/wgsl.ts";
import type { Executable, Program } from "../../src/program/mod.ts";
import {
  conv,
  convInputGradient,
  convKernelGradient,
  matmul,
  sizeOf,
  transpose,
} from "../../src/tensor/mod.ts";
import { assertAgrees, floatTensor } from "../devices/compare.ts";
import { operationTests } from "../devices/operations.ts";
import { programTests } from "../devices/programs.ts";
import { gpuTest } from "./on_gpu.ts";

/** A device whose bindings hold about a quarter of a program's largest tensor. */
class SplittingDevice extends GpuDevice {
  override load(
    program: Program,
    updates: ReadonlyMap<string, string>,
  ): Executable {
    const largest = Math.max(
      ...program.instructions.map(({ shape }) => 4 * sizeOf(shape)),
    );
    return new GpuDevice(this.gpu, this.adapter, undefined, undefined, {
      ...this.limits,
      // No less than what ranges are aligned to.
      maxStorageBufferBindingSize: Math.max(256, Math.ceil(largest / 4)),
    }).load(program, updates);
  }
}

function splitTest(
  name: string,
  test: (device: GpuDevice) => void | Promise<void>,
): void {
  gpuTest(`${name}, in ranges`, ({ gpu, adapter }) => {
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
    return test(
      new SplittingDevice(gpu, adapter, undefined, undefined, {
        maxBufferSize,
        maxStorageBufferBindingSize,
        maxStorageBuffersPerShaderStage:
          gpu.limits.maxStorageBuffersPerShaderStage,
      }),
    );
  });
}

// Kernels of products take long to compile with ranges: there are a few below.
operationTests((name, test) => {
  if (!/^(matmul|convolutions)/.test(name)) splitTest(name, test);
});
programTests(splitTest);

splitTest("products agree with the reference", async (device) => {
  const [a, b] = [floatTensor([17, 33]), floatTensor([33, 12], 2)];
  const [c, d] = [floatTensor([1, 300]), floatTensor([8, 300], 2)];
  const batch = floatTensor([3, 8, 8]);
  await assertAgrees(device, {
    matmul: matmul(a, b),
    "long matmul": matmul(c, transpose(d)),
    "batched matmul": matmul(batch, transpose(batch)),
  }, 60);
  const how = {
    stride: [2, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 2,
  } as const;
  const [image, kernel] = [[3, 4, 6, 5], [4, 2, 3, 3]];
  const [x, w] = [floatTensor(image), floatTensor(kernel, 2)];
  const y = conv(x, w, how);
  const dy = floatTensor(y.shape, 3);
  await assertAgrees(device, {
    conv: y,
    "input gradient": convInputGradient(dy, w, image, how),
    "kernel gradient": convKernelGradient(x, dy, kernel, how),
  }, 60);
});

const kernel = (body: string) =>
  assemble({
    name: "test",
    inputs: [{ number: 0, type: "f32" }, { number: 1, type: "vec4f" }],
    output: 2,
    spec: { shape: [100], dtype: "float" },
    functions: ["raise"],
    work: { invocations: 100 },
    body,
    flags: true,
  });
const bytesOf = (number: number) => [600, 256, 400][number];

Deno.test("splitBindings() leaves a kernel of small tensors as it is", () => {
  const given = kernel("result[at] = in0[at];");
  assertEquals(splitBindings(given, bytesOf, 600), given);
});

Deno.test("splitBindings() reads and writes large tensors through functions", () => {
  const { code } = splitBindings(
    kernel(
      "result[at] = in0[at + u32(in0[0u])] + in1[at].x;\nif (at == 1u) { raise(2u, 1, at); }",
    ),
    bytesOf,
    300,
  );
  assertStringIncludes(
    code,
    "result_put(at, in0_at(at + u32(in0_at(0u))) + in1[at].x);\nif (at == 1u) { raise(2u, 1, at); }",
  );
  for (
    const [binding, name, type] of [
      [0, "in0_0", "f32"],
      [2, "in0_2", "f32"],
      [3, "in1", "vec4f"],
      [4, "result_0", "f32"],
      [5, "result_1", "f32"],
      [6, "flags", "atomic<u32>"],
    ]
  ) {
    assertStringIncludes(
      code,
      `@binding(${binding}) var<storage, read_write> ${name}: array<${type}>;`,
    );
  }
  assertStringIncludes(code, "if (i < 128u) { return in0_1[i - 64u]; }");
});

Deno.test("splitBindings() refuses what it cannot change", () => {
  assertThrows(
    () => splitBindings(kernel("let n = arrayLength(&in0);"), bytesOf, 300),
    Error,
    "Cannot split in0: it is used without an index",
  );
});
