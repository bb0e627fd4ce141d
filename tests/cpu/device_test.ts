/** Threads, memory, and what goes wrong on the CPU device. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import { CpuDevice } from "../../src/cpu/device.ts";
import { cpuDevice, CpuError } from "../../src/cpu/mod.ts";
import { Pool } from "../../src/cpu/pool.ts";
import { resnet } from "../../src/models/mod.ts";
import {
  compile,
  DeviceState,
  type KernelTime,
  leaves,
} from "../../src/program/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  argmax,
  cast,
  exp,
  fill,
  foldWindows,
  input,
  matmul,
  max,
  mul,
  randomBitsTensor,
  reshape,
  scalarValue,
  scatterAddRows,
  slice,
  type Spec,
  sum,
  takeRows,
  tanh,
  type Tensor,
  transpose,
  type Value,
  windows,
} from "../../src/tensor/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { floats, floatTensor, integers } from "../devices/compare.ts";
import { runOf } from "../train/helpers.ts";

/** Runs a step until as many threads take part as there are: they start meanwhile. */
async function withAllThreads(
  device: CpuDevice,
  step: () => Promise<unknown>,
): Promise<void> {
  for (let tries = 0; device.pool.lastThreads < device.pool.threads; tries++) {
    assertEquals(device.pool.trouble, undefined);
    // The first worker of a process may have to be type-checked.
    assert(tries < 6000, "the threads do not start");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await step();
  }
}

const geometry = {
  stride: [2, 2],
  padding: [1, 1],
  dilation: [1, 1],
} as const;

/** Programs of every kind of kernel, each large enough to be shared. */
const programs: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "element-wise": (x) => tanh(mul(x, 1.5)),
  transpose: (x) => exp(transpose(x)),
  "sum over rows": (x) => sum(x, 1),
  "sum over columns": (x) => sum(x, 0),
  "sum of all": (x) => sum(mul(x, x)),
  "sum over planes": (x) => sum(reshape(x, [30, 10, 630]), [0, 2]),
  max: (x) => max(x, 0),
  argmax: (x) => argmax(x, 0),
  matmul: (x) => matmul(x, transpose(x)),
  pooling: (x) =>
    max(
      windows(reshape(x, [3, 5, 60, 210]), [3, 3], geometry, -Infinity),
      [2, 3],
    ),
  "fold windows": (x) =>
    foldWindows(
      windows(reshape(x, [3, 5, 60, 210]), [3, 3], geometry),
      [3, 5, 60, 210],
      geometry,
    ),
  "take rows": (x) => takeRows(x, integers([500], 300)),
  "scatter rows": (x) => scatterAddRows(x, integers([300], 77), 77),
  "random bits": (x) =>
    randomBitsTensor(
      [300, 1000],
      cast(reshape(slice(x, [0, 0], [1, 2]), [2]), "int"),
      3,
    ),
};

for (const [name, operation] of Object.entries(programs)) {
  Deno.test(`one thread and three give the same bits: ${name}`, async () => {
    const x = floats([300, 630]);
    const results: Value[] = [];
    for (const threads of [1, 3]) {
      const device = new CpuDevice(threads);
      const step = compile({
        state: {},
        inputs: { x },
        step: (_, { x }) => ({ state: {}, outputs: { y: operation(x) } }),
      }, device);
      const state = new DeviceState(device, {});
      const run = async () => (await step.run(state, { x })).y;
      let y = await run();
      await withAllThreads(device, async () => {
        y = await run();
      });
      results.push(y);
    }
    assertEquals(results[1], results[0]);
  });
}

Deno.test("one thread and three give the same bits: training resnet8", async () => {
  const model = resnet("resnet8", { inputChannels: 1 });
  let steps = 1;
  const train = async (threads: number) => {
    const device = new CpuDevice(threads);
    const run = runOf(model, "adafisher", {}, { device, epochs: 1000 });
    const trainer = await Trainer.start(run);
    let withAll = 0;
    for await (const { step } of trainer.train()) {
      if (device.pool.lastThreads === threads) withAll++;
      if (withAll < 3) steps = Math.max(steps, step + 1);
      if (step >= steps) break;
    }
    assert(withAll >= 3, "the threads do not start");
    return leaves<Value & Spec>(await trainer.state.read());
  };
  const three = await train(3);
  assertEquals(await train(1), three);
});

Deno.test("a kernel that fails in a thread fails the step, and the device goes on", async () => {
  const device = new CpuDevice(2);
  const x = floats([400, 400]);
  const step = compile({
    state: { x },
    inputs: {},
    step: ({ x }) => ({ state: {}, outputs: { y: mul(exp(x), 2) } }),
  }, device);
  const state = new DeviceState(device, { x });
  const run = () => step.run(state, {});
  const expected = await run();
  const { pool, heap: { words } } = device;
  const half = 400 * 400 * 4 / 2;
  // Where the input would have to lie for the second thread to read past the end of
  // the memory, and for both.
  for (const room of [half, 0]) {
    await withAllThreads(device, run);
    pool.run = (program, ...rest) => {
      // The table: the number of calls, five words of the first, its addresses.
      const at = program.table / 4 + 6;
      const address = words[at], { version } = program;
      words[at] = words.byteLength - room;
      program.version = -1 - room;
      try {
        return Pool.prototype.run.call(pool, program, ...rest);
      } finally {
        words[at] = address;
        program.version = version;
      }
    };
    const error = await assertRejects(run, CpuError);
    assertStringIncludes(error.message, "Cannot run mul float[400, 400]: ");
    assertStringIncludes(error.message, "out of bounds");
    assertStringIncludes(error.message, "\nhelp: ");
    pool.run = Pool.prototype.run;
    assertEquals(await run(), expected);
    pool.lastThreads = 1;
  }
});

Deno.test("a program past 4 GiB names its largest tensors, the limit and help", () => {
  const device = cpuDevice();
  const error = assertThrows(() =>
    compile({
      state: {},
      inputs: {},
      step: () => {
        const x = fill([1, 40_000], 1), y = fill([40_000, 1], 2);
        const large = matmul(mul(y, 3), mul(x, 2));
        return { state: {}, outputs: { y: large } };
      },
    }, device), CpuError);
  assertStringIncludes(
    error.message,
    "matmul float[40000, 40000] (6400000000 bytes)",
  );
  assertStringIncludes(error.message, "4294967296");
  assertStringIncludes(error.message, "\nhelp: ");
});

Deno.test("memory past 4 GiB names the tensor", () => {
  const device = cpuDevice();
  const shape = [2 ** 30 + 1];
  assertThrows(
    () =>
      device.allocate(
        new Map([["big", {
          shape,
          dtype: "float",
          data: new Float32Array(0),
        }]]),
      ),
    CpuError,
    "Cannot allocate big",
  );
});

Deno.test("a device that is profiled tells the time of every kernel", async () => {
  const heard: (readonly KernelTime[])[] = [];
  const device = new CpuDevice(2).profiled((times) => heard.push(times));
  const x = floatTensor([40, 60]);
  const { data } = await evaluate(sum(matmul(x, transpose(x))), device);
  const [times] = heard;
  assertEquals(heard.length, 1);
  const product = times.find(({ kernel }) =>
    kernel.name === "matmul float[40, 40]"
  )!;
  assertEquals(product.kernel.flops, 2 * 40 * 40 * 60);
  times.forEach(({ start, milliseconds }, i) => {
    assert(milliseconds >= 0);
    const before = times[i - 1];
    assert(i === 0 || start >= before.start + before.milliseconds);
  });
  const plain = await evaluate(sum(matmul(x, transpose(x))), cpuDevice());
  assertEquals(data, plain.data);
});

Deno.test("an input that is missing is named", async () => {
  await assertRejects(
    () => evaluate(add(input("input:x", []), 1), cpuDevice()),
    RangeError,
    "no value for input:x",
  );
});

Deno.test("cpuDevice() refuses a number of threads that is none", () => {
  for (const threads of [0, -1, 1.5, NaN]) {
    assertThrows(() => cpuDevice({ threads }), RangeError, `got ${threads}`);
  }
});

Deno.test("results are copies, and reading does not change the state", async () => {
  const device = cpuDevice();
  const first = { x: scalarValue(1) };
  const state = new DeviceState(device, first);
  const before = await state.read();
  state.write({ x: scalarValue(2) });
  assertEquals(before.x.data[0], 1);
  assertEquals((await state.read()).x.data[0], 2);
});

Deno.test("memory is used again when what lay there is gone", () => {
  const { heap } = new CpuDevice(1);
  const before = heap.memory.buffer.byteLength;
  const pieces = [1, 2, 3].map(() => heap.allocate("a piece", 1e6));
  assertEquals(new Set(pieces).size, 3);
  const grown = heap.memory.buffer.byteLength;
  assert(grown > before);
  for (let i = 0; i < 100; i++) {
    for (const piece of pieces) heap.release(piece);
    for (let k = 0; k < 3; k++) pieces[k] = heap.allocate("a piece", 1e6);
  }
  assertEquals(heap.memory.buffer.byteLength, grown);
});

/** Two programs for two threads, each with its threads ready. */
async function twoPrograms(): Promise<{
  device: CpuDevice;
  steps: readonly (() => Promise<unknown>)[];
}> {
  const device = new CpuDevice(2);
  const x = floats([500, 500]);
  const state = new DeviceState(device, {});
  const steps = [exp, tanh].map((apply) => {
    const program = compile({
      state: {},
      inputs: { x },
      step: (_, { x }) => ({ state: {}, outputs: { y: apply(x) } }),
    }, device);
    return () => program.run(state, { x });
  });
  for (const step of steps) {
    device.pool.lastThreads = 1;
    await withAllThreads(device, step);
  }
  return { device, steps };
}

Deno.test("threads wait while the host computes", async () => {
  const { device, steps } = await twoPrograms();
  const until = performance.now() + 500;
  while (performance.now() < until);
  for (const step of steps) {
    await step();
    assertEquals(device.pool.lastThreads, 2);
  }
});

Deno.test("a thread that is started again has all programs", async () => {
  const { device, steps: [first, second] } = await twoPrograms();
  for (let tries = 0; device.pool.lastThreads === 2; tries++) {
    assert(tries < 100, "the thread does not end");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await first();
  }
  // It reads its programs in their order.
  await withAllThreads(device, second);
  await first();
  assertEquals(device.pool.lastThreads, 2);
});

/** A program that uses two threads, and then has nothing more to do. */
const PROGRAM = `
  import { compile, cpuDevice, DeviceState } from "./mod.ts";
  import { exp } from "./src/tensor/mod.ts";
  const device = cpuDevice({ threads: 2 });
  const x = { shape: [500, 500], dtype: "float", data: new Float32Array(250000) };
  const step = compile({
    state: {},
    inputs: { x },
    step: (_, { x }) => ({ state: {}, outputs: { y: exp(x) } }),
  }, device);
  const state = new DeviceState(device, {});
  for (let i = 0; i < 5000 && device.pool.lastThreads < 2; i++) {
    await step.run(state, { x });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  console.log(device.pool.trouble ?? "no trouble", device.pool.lastThreads);
`;

async function runProgram(...permissions: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", ...permissions, PROGRAM],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await command.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("a program ends although threads wait for work", async () => {
  assertEquals(await runProgram(), "no trouble 2");
});
