/** Timing kernels on the GPU. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { UsageError } from "../../cli/arguments.ts";
import { openDevice } from "../../cli/device.ts";
import { schedule } from "../../src/gpu/schedule.ts";
import { profiledKernels } from "../../src/gpu/profile.ts";
import { type Gpu, gpuDevice } from "../../src/gpu/mod.ts";
import {
  compile,
  type Device,
  DeviceState,
  flopsOf,
  lower,
  Profile,
} from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  conv,
  exp,
  input,
  matmul,
  mul,
  neg,
  scatterAddRows,
  sum,
  type Tensor,
} from "../../src/tensor/mod.ts";
import { floats, floatTensor } from "../devices/compare.ts";
import { trainingStep } from "../program/training_step.ts";
import { gpuTest } from "./on_gpu.ts";

/** A device of its own with timestamps, and its profile; nothing where it has none. */
async function profiled(): Promise<
  { device: Device; plain: Gpu; profile: Profile } | undefined
> {
  const plain = await gpuDevice({ allowSoftware: true, timestamps: true });
  const profile = new Profile();
  const device = plain.profiled?.((times) => profile.record(times));
  return device && { device, plain, profile };
}

gpuTest("a device that was not asked for timestamps has none", (device) => {
  assertEquals(device.profiled, undefined);
});

gpuTest("the software adapter has timestamps", async ({ adapter }) => {
  const found = await profiled();
  // Another adapter may lack them.
  if (adapter.software) assert(found);
});

gpuTest(
  "a profiled program computes the same bits, and each kernel is timed",
  async () => {
    const found = await profiled();
    if (!found) return;
    const { device, plain, profile } = found;
    const first = { w: floats([64, 64], 1, 0.1) };
    const outcome = async (on: Device) => {
      const state = new DeviceState(on, first);
      const step = compile({
        state: first,
        inputs: { x: floats([64, 64]) },
        step: ({ w }, { x }) => {
          const y = matmul(x, w);
          return {
            state: { w: add(w, mul(y, 0.01) as Tensor) },
            outputs: { loss: sum(exp(y)) },
          };
        },
      }, on);
      const losses = [];
      for (let i = 0; i < 3; i++) {
        losses.push(await step.run(state, { x: floats([64, 64], i) }));
      }
      return [losses, await state.read()];
    };
    assertEquals(await outcome(device), await outcome(plain));
    assertEquals(profile.runs, 3);
    const product = profile.totals().find(({ name }) =>
      name === "matmul float[64, 64]"
    )!;
    assertEquals(product.flops, 2 * 64 ** 3);
    assertEquals([product.first.count, product.later.count], [1, 2]);
    for (const { name, first, later } of profile.totals()) {
      assert(first.milliseconds > 0 && later.milliseconds > 0, name);
    }
    // Kernels of a run come one after another, and runs too.
    let last = -Infinity;
    for (const { ph, tid, ts, dur } of profile.trace("").traceEvents) {
      if (ph !== "X" || tid !== 2) continue;
      // Times are rounded to nanoseconds.
      assert(ts! >= last - 0.002, `${ts} after ${last}`);
      last = ts! + dur!;
    }
  },
);

gpuTest(
  "kernels take as long as the host waits for them, or less",
  async () => {
    const found = await profiled();
    if (!found) return;
    const { device, profile } = found;
    const first = { x: floats([512, 512], 1, 0.01) };
    const state = new DeviceState(device, first);
    const step = compile({
      state: first,
      inputs: {},
      step: ({ x }) => {
        let y = x;
        for (let i = 0; i < 8; i++) y = matmul(y, x);
        return { state: {}, outputs: { total: sum(y) } };
      },
    }, device);
    await step.run(state, {}); // Drivers compile kernels when they first run.
    const before = profile.span;
    const began = performance.now();
    await step.run(state, {});
    const waited = performance.now() - began;
    const span = profile.span - before;
    assert(span <= waited, `${span} of ${waited} ms`);
    // A wrong unit of the clock is wrong by 10 or more.
    assert(span > waited / 5, `${span} of ${waited} ms`);
  },
);

gpuTest(
  "a program of more kernels than a query set has room for is timed",
  async () => {
    const found = await profiled();
    if (!found) return;
    const { device, profile } = found;
    // Each sum is a kernel, and needs the one before.
    const kernels = 2100;
    let x = floatTensor([1, 2]);
    for (let i = 0; i < kernels; i++) {
      x = add(sum(x, [i % 2], { keepAxes: true }), floatTensor([1, 2]));
    }
    await evaluate(x, device);
    assert(profile.count > 2048, `${profile.count}`);
    for (const { first } of profile.totals()) assert(first.milliseconds > 0);
    const starts = profile.trace("").traceEvents.filter(({ ph, tid }) =>
      ph === "X" && tid === 2
    ).map(({ ts }) => ts!);
    assertEquals(starts, starts.toSorted((a, b) => a - b));
  },
);

gpuTest(
  "openDevice refuses to profile where the adapter has no timestamps",
  async () => {
    const { gpu } = navigator;
    const adapter = await gpu.requestAdapter();
    const { info, limits } = adapter!;
    const requestDevice = (descriptor: GPUDeviceDescriptor) =>
      adapter!.requestDevice(descriptor);
    const without = { info, limits, features: new Set(), requestDevice };
    Object.defineProperty(navigator, "gpu", {
      value: { requestAdapter: () => Promise.resolve(without) },
      configurable: true,
    });
    try {
      const error = await assertRejects(
        () => openDevice("gpu", { listener: () => {} }),
        UsageError,
      );
      assertMatch(
        error.message,
        /^--profile needs a device that can time its kernels, and gpu, .* cannot/,
      );
    } finally {
      Object.defineProperty(navigator, "gpu", {
        value: gpu,
        configurable: true,
      });
    }
  },
);

Deno.test("profiledKernels counts a split product once, and the sum of its parts apart", () => {
  const a = input("a", [8, 4096]), b = input("b", [4096, 8]);
  const scheduled = schedule(lower(new Map([["y", matmul(a, b)]])));
  const [product, join, ...others] = profiledKernels(scheduled);
  assertEquals(others, []);
  assertEquals(product.flops, 2 * 8 * 8 * 4096);
  assertEquals(product.operations, ["matmul"]);
  // Each part is as large as the result.
  const parts = join.flops / 64;
  assert(parts > 1 && Number.isInteger(parts), `${parts} parts`);
  assertEquals(product.bytes, 4 * (2 * 8 * 4096 + parts * 64));
  assertEquals(join.bytes, 4 * (parts * 64 + 64));
});

Deno.test("profiledKernels counts a convolution where it is made, not its operands' copies", () => {
  const x = input("x", [2, 4, 6, 6]), w = input("w", [8, 4, 3, 3]);
  const how = {
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
  } as const;
  const y = neg(conv(x, w, how));
  const [image, kernel, product, ...others] = profiledKernels(
    schedule(lower(new Map([["y", y]]))),
  );
  assertEquals(others, []);
  assertEquals([image.flops, kernel.flops], [0, 0]);
  assertEquals(product.operations, ["conv", "neg"]);
  const size = 2 * 8 * 6 * 6;
  assertEquals(product.flops, 2 * size * 4 * 9 + size);
  // The copy of the image has zeros around.
  assertEquals(product.bytes, 4 * (2 * 4 * 8 * 8 + 8 * 4 * 9 + size));
});

Deno.test("profiledKernels counts a scatter-add where it is made, not where it is prepared", () => {
  const rows = input("rows", [40, 5]), places = input("places", [40], "int");
  const scattered = scatterAddRows(rows, places, 11);
  const kernels = profiledKernels(schedule(lower(new Map([["y", scattered]]))));
  const sorted = kernels.slice(0, -1), [last] = kernels.slice(-1);
  assertEquals(last.flops, 40 * 5);
  for (const { flops } of sorted) assertEquals(flops, 0);
  // Rows and places are read, the table is written, and what was prepared is read.
  const bytes = 4 * (200 + 40 + 55);
  assert(last.bytes >= bytes && last.bytes <= bytes + 4 * 100, `${last.bytes}`);
});

Deno.test("profiledKernels counts every product and convolution of a training step once", () => {
  const { program } = trainingStep("resnet8", 4);
  for (const software of [false, true]) {
    const scheduled = schedule(program, undefined, undefined, software);
    const { instructions } = scheduled;
    const kernels = profiledKernels(scheduled);
    assertEquals(kernels.length, scheduled.kernels.length);
    for (const { name, flops, bytes } of kernels) {
      assert(flops >= 0 && bytes > 0, name);
    }
    const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    for (
      const kind of ["matmul", "conv", "conv-input-gradient"].concat(
        "conv-kernel-gradient",
      )
    ) {
      const expected = sum(
        instructions.flatMap(({ operation }, i) =>
          operation.kind === kind ? [flopsOf(instructions, i)] : []
        ),
      );
      const counted = sum(
        kernels.filter(({ operations }) => operations.includes(kind))
          .map(({ flops }) => flops),
      );
      // What is fused into a kernel is counted there as well: it is much less.
      assert(expected > 0, kind);
      assert(
        counted >= expected && counted < 1.2 * expected,
        `${kind}: ${counted}, expected ${expected}`,
      );
    }
  }
});
