/** What goes wrong on a GPU, and how it is told. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { gpuDevice, GpuError, NoGpuError } from "../../src/gpu/mod.ts";
import { GpuDevice } from "../../src/gpu/device.ts";
import { needsOf, requireRoom } from "../../src/gpu/room.ts";
import { assemble } from "../../src/gpu/wgsl.ts";
import { compile, DeviceState } from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  fill,
  input,
  matmul,
  scalarValue,
  sum,
  type Tensor,
} from "../../src/tensor/mod.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/io/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { floats } from "../devices/compare.ts";
import { runOf, smallNet } from "../train/helpers.ts";
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
    const kernel = assemble({
      name: "wrong float[3]",
      inputs: [],
      output: 0,
      spec: { shape: [3], dtype: "float" },
      functions: [],
      work: { invocations: 3 },
      body: "result[at] = nobody;",
    });
    device.pipeline(kernel);
    const error = await assertRejects(() => device.check(), GpuError);
    const [before, line, ...after] = error.message.split(
      "result[at] = nobody;",
    );
    assert(before.startsWith("Cannot compile kernel wrong float[3]: "), before);
    assertMatch(before, /no definition in scope for identifier: `nobody`/);
    const lines = kernel.code.split("\n");
    const number = 1 + lines.findIndex((line) => line.includes("nobody"));
    assertMatch(before, new RegExp(`\\b${number}\\b[^\\n]*$`));
    assert(line !== undefined);
    assertEquals(after, [], "the line is shown once");
    // Told once; the device goes on.
    await device.check();
    assertEquals((await evaluate(add(fill([2], 1), 1), device)).data[0], 2);
  },
);

gpuTest(
  "a tensor past all bindings of a kernel names itself, the limits, what else is needed, and help",
  ({ gpu, adapter }) => {
    const device = new GpuDevice(gpu, adapter, undefined, undefined, {
      maxBufferSize: gpu.limits.maxBufferSize,
      maxStorageBufferBindingSize: 256,
      maxStorageBuffersPerShaderStage: 8,
    });
    // One range more than there is room for beside the result.
    const count = 7 * 256 / 4 + 1;
    const big = { shape: [count], dtype: "float" } as const;
    const small = { shape: [3, 2], dtype: "float" } as const;
    const load = (state: boolean) =>
      compile({
        state: state ? { big } : { big: small },
        inputs: { big: state ? small : big },
        step: (state, inputs) => ({
          state: {},
          outputs: { total: add(sum(state.big), sum(inputs.big)) },
        }),
      }, device);
    const show = (n: number): string => n.toLocaleString("en-US");
    for (const state of [true, false]) {
      const { message } = assertThrows(() => load(state), GpuError);
      const [first, needs, tensors, help] = message.split("\n");
      const name = `input float[${count}] big`;
      assertMatch(
        first,
        /^Cannot load program: sum float\[\d*\] needs 9 buffers of at most 256 bytes, adapter .* allows 8$/,
      );
      assertMatch(
        needs,
        /^The program needs [\d,]+ bytes for intermediate results/,
      );
      const [ofState, ofInputs] = state ? [4 * count, 24] : [24, 4 * count];
      assertStringIncludes(
        needs,
        `, ${show(ofState)} for state, ${
          show(ofInputs)
        } for inputs and constants`,
      );
      assert(tensors.startsWith(`The largest tensors: ${name} (`), tensors);
      assertEquals(
        help,
        state
          ? "help: reduce the model"
          : "help: reduce the batch size or the model",
      );
    }
  },
);

/** A device of its own with the limits that every adapter has. */
async function smallestDevice(): Promise<GpuDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  const facts = { name: "small", software: true };
  return new GpuDevice(await adapter!.requestDevice(), facts);
}

gpuTest(
  "intermediate results past the largest buffer name the largest tensors with their layer",
  async () => {
    const device = await smallestDevice();
    const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
    // Outputs live until the end: together they are larger than a buffer.
    const count = maxBufferSize / maxStorageBufferBindingSize + 1;
    const rows = maxStorageBufferBindingSize / 4 / 1024;
    const x = { shape: [rows, 1], dtype: "float" } as const;
    const layers = Object.fromEntries(
      Array.from(
        { length: count },
        (_, i) => [`fc${i}`, { shape: [1, 1024], dtype: "float" } as const],
      ),
    );
    const { message } = assertThrows(
      () =>
        compile({
          state: layers,
          inputs: { x },
          step: (state, { x }) => ({
            state: {},
            outputs: Object.fromEntries(
              Object.entries<Tensor>(state).map(([n, w]) => [n, matmul(x, w)]),
            ),
          }),
        }, device),
      GpuError,
    );
    assertStringIncludes(
      message,
      `Cannot load program: its intermediate results take ${
        (count * maxStorageBufferBindingSize).toLocaleString("en-US")
      } bytes, adapter small allows buffers of ${
        maxBufferSize.toLocaleString("en-US")
      }\n`,
    );
    assertStringIncludes(
      message,
      `\nThe largest tensors: matmul float[${rows}, 1024] with fc0 (${
        maxStorageBufferBindingSize.toLocaleString("en-US")
      } bytes), matmul`,
    );
    assert(message.endsWith("\nhelp: reduce the batch size or the model"));
    device.gpu.destroy();
  },
);

gpuTest("a dispatch past the limits is refused by name", (device) => {
  const kernel = assemble({
    name: "add float[many]",
    inputs: [],
    output: 0,
    spec: { shape: [1], dtype: "float" },
    functions: [],
    work: { workgroups: 65535 ** 2 + 1, lanes: 1 },
    body: "",
  });
  const scheduled = {
    instructions: [],
    stored: [],
    outputs: new Map(),
    inPlace: new Map(),
    kernels: [kernel],
    groups: [[]],
    bytesOf: () => 4,
  };
  const error = assertThrows(
    () => requireRoom(device, scheduled, needsOf(scheduled, 4)),
    GpuError,
  );
  assertEquals(
    error.message,
    "Cannot load program: add float[many] needs 4,294,836,226 workgroups, a dispatch has 4,294,836,225\nhelp: reduce the batch size or the model",
  );
});

gpuTest(
  "where there is not enough memory, the error says for what, what is needed, and help",
  async () => {
    const device = await gpuDevice({ allowSoftware: true }) as GpuDevice;
    const { gpu } = device;
    // The software adapter gives out what it does not have, so the failure is made here.
    let full = "";
    const create = gpu.createBuffer.bind(gpu);
    const pop = gpu.popErrorScope.bind(gpu);
    let failed = false;
    gpu.createBuffer = (descriptor) => {
      failed = full !== "" && descriptor.label === full;
      return create(descriptor);
    };
    gpu.popErrorScope = async () => {
      const fails = failed;
      failed = false;
      const error = await pop();
      return fails ? new GPUOutOfMemoryError("not enough memory left") : error;
    };
    const first = { "fc.weight": floats([8, 4]), "fc.bias": floats([4]) };

    full = "fc.weight";
    const state = new DeviceState(device, first);
    assertEquals(
      (await assertRejects(() => state.read(), GpuError)).message,
      "Cannot allocate fc.weight, 128 bytes: not enough memory left\nThe state needs 144 bytes\nThe largest tensors: float[8, 4] fc.weight (128 bytes), float[4] fc.bias (16 bytes)\nhelp: reduce the batch size or the model",
    );

    full = "intermediate results";
    const x = floats([16, 8]);
    const step = compile({
      state: first,
      inputs: { x },
      step: (state, { x }) => ({
        state: {},
        outputs: { y: add(matmul(x, state["fc.weight"]), state["fc.bias"]) },
      }),
    }, device);
    const { message } = await assertRejects(
      () => step.run(new DeviceState(device, first), { x }),
      GpuError,
    );
    assertMatch(
      message,
      /^Cannot allocate intermediate results, \d+ bytes: not enough memory left\n/,
    );
    assertStringIncludes(
      message,
      "144 for state, 512 for inputs and constants\nThe largest tensors: input float[16, 8] x (512 bytes), matmul float[16, 4] and add float[16, 4] with fc.bias (256 bytes)",
    );
    assert(message.endsWith("\nhelp: reduce the batch size or the model"));
  },
);

gpuTest("a call that the driver refuses does not pass in silence", async () => {
  const device = await gpuDevice({ allowSoftware: true }) as GpuDevice;
  const first = { x: scalarValue(1) };
  const state = new DeviceState(device, first);
  const step = compile({
    state: first,
    inputs: {},
    step: ({ x }) => ({ state: { x: add(x, 1) }, outputs: { x } }),
  }, device);
  await step.run(state, {});
  const wrong = device.gpu.createBuffer({
    size: 4,
    usage: GPUBufferUsage.MAP_READ,
  });
  device.gpu.queue.writeBuffer(wrong, 0, new Float32Array(1));
  const error = await assertRejects(() => step.run(state, {}), GpuError);
  assertMatch(
    error.message,
    /^Cannot go on with the GPU: its driver refused a call: .*COPY_DST/s,
  );
});

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

gpuTest(
  "a device that is lost in the middle of a run leaves the checkpoint to go on from",
  async () => {
    const run = { ...runOf(smallNet(), "adafisher", {}), epochs: 3 };
    const folder = await Deno.makeTempDir();
    const path = `${folder}/checkpoint.safetensors`;
    try {
      // With and without steps that are not looked at in between.
      for (const readEvery of [1, 4]) {
        const device = await gpuDevice({ allowSoftware: true }) as GpuDevice;
        const trainer = await Trainer.start({ ...run, readEvery, device });
        const error = await assertRejects(async () => {
          for await (const { step } of trainer.train()) {
            if (step !== 4) continue;
            await saveCheckpoint(path, await trainer.checkpoint());
            device.gpu.destroy();
          }
        }, GpuError);
        assertStringIncludes(error.message, "the device was lost");
        await assertRejects(() => trainer.checkpoint(), GpuError);

        const checkpoint = await loadCheckpoint(path);
        assertEquals(checkpoint.description.step, 4);
        const other = await gpuDevice({ allowSoftware: true });
        const options = { ...run, device: other };
        const resumed = await Trainer.start(options, { checkpoint, path });
        for await (const _ of resumed.train());
        const whole = await Trainer.start(options);
        for await (const _ of whole.train());
        assertEquals(await resumed.state.read(), await whole.state.read());
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
