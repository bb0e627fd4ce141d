import { assert, assertEquals } from "@std/assert";
import {
  compile,
  type Device,
  DeviceState,
  Profile,
} from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { add, matmul, mul, value } from "../../src/tensor/mod.ts";

const kernel = (name: string, flops = 10) => ({
  name,
  flops,
  bytes: 8,
  operations: ["add"],
});

Deno.test("Profile adds up kernels of one name and work, the longest first, and first runs apart", () => {
  const profile = new Profile();
  const [a, b, c] = [kernel("a"), kernel("b"), kernel("b", 20)];
  profile.record([
    { kernel: a, start: 5, milliseconds: 1 },
    { kernel: b, start: 7, milliseconds: 2 },
  ]);
  profile.record([
    { kernel: kernel("b"), start: 20, milliseconds: 3 },
    { kernel: c, start: 23, milliseconds: 4 },
  ]);
  const none = { count: 0, milliseconds: 0 };
  const once = (milliseconds: number) => ({ count: 1, milliseconds });
  assertEquals(profile.totals(), [
    { ...b, first: { count: 2, milliseconds: 5 }, later: none },
    { ...c, first: once(4), later: none },
    { ...a, first: once(1), later: none },
  ]);
  assertEquals(profile.firstMilliseconds, 10);
  assertEquals([profile.runs, profile.count], [2, 4]);
  assertEquals(profile.milliseconds, 10);
  // From 5 to 9, and from 20 to 27: one millisecond passed between kernels.
  assertEquals(profile.span, 11);

  profile.record([
    { kernel: a, start: 30, milliseconds: 0.5 },
    { kernel: a, start: 31, milliseconds: 0.25 },
  ]);
  const [again] = profile.totals();
  const later = { count: 2, milliseconds: 0.75 };
  assertEquals(again, { ...a, first: once(1), later });
  assertEquals([profile.milliseconds, profile.firstMilliseconds], [10.75, 10]);
});

Deno.test("Profile.trace has a row for programs and one for kernels, in microseconds from 0", () => {
  const profile = new Profile();
  profile.record([
    { kernel: kernel("a"), start: 5, milliseconds: 1 },
    { kernel: kernel("b"), start: 7, milliseconds: 2 },
  ]);
  const { traceEvents, displayTimeUnit } = profile.trace("gpu, some adapter");
  assertEquals(displayTimeUnit, "ms");
  assertEquals(
    traceEvents.filter(({ ph }) => ph === "M").map(({ name, tid, args }) => [
      name,
      tid,
      args.name,
    ]),
    [
      ["process_name", 1, "gpu, some adapter"],
      ["thread_name", 1, "programs"],
      ["thread_name", 2, "kernels"],
    ],
  );
  const args = { operations: "add", flops: 10, bytes: 8 };
  const common = { ph: "X", pid: 1 } as const;
  assertEquals(traceEvents.filter(({ ph }) => ph === "X"), [
    {
      ...common,
      name: "run 1",
      tid: 1,
      ts: 0,
      dur: 4000,
      args: { kernels: 2 },
    },
    { ...common, name: "a", tid: 2, ts: 0, dur: 1000, args },
    { ...common, name: "b", tid: 2, ts: 2000, dur: 2000, args },
  ]);
});

Deno.test("Profile keeps the first whole runs in the trace, and counts all", () => {
  const profile = new Profile(3);
  const times = [
    { kernel: kernel("a"), start: 0, milliseconds: 1 },
    { kernel: kernel("a"), start: 1, milliseconds: 1 },
  ];
  for (let run = 0; run < 3; run++) profile.record(times);
  assertEquals([profile.runs, profile.count, profile.traced], [3, 6, 2]);
  // A shorter run that would fit must not come after a gap.
  profile.record(times.slice(1));
  assertEquals([profile.count, profile.traced], [7, 2]);
  const [{ first, later }] = profile.totals();
  assertEquals(first.count + later.count, 7);
});

Deno.test("Profile of nothing is empty", () => {
  const profile = new Profile();
  profile.record([]);
  assertEquals(profile.totals(), []);
  assertEquals([profile.runs, profile.span], [0, 0]);
  assertEquals(profile.trace("none").traceEvents.length, 3);
});

Deno.test("the reference device tells what its instructions take, and computes the same", async () => {
  const profile = new Profile();
  const device = referenceDevice.profiled!((times) => profile.record(times));
  const first = { x: value([1, 2, 3, 4], [2, 2]) };
  const outcome = async (device: Device) => {
    const state = new DeviceState(device, first);
    const step = compile({
      state: first,
      inputs: {},
      step: ({ x }) => ({
        state: { x: add(mul(x, x), 1) },
        outputs: { y: matmul(add(x, 0.5), x) },
      }),
    }, device);
    const outputs = [];
    for (let i = 0; i < 3; i++) outputs.push(await step.run(state, {}));
    return [outputs, await state.read()];
  };
  assertEquals(await outcome(device), await outcome(referenceDevice));
  assertEquals(profile.runs, 3);
  const totals = profile.totals();
  const names = totals.filter(({ flops }) => flops > 0)
    .map(({ name }) => name).sort();
  assertEquals(names, [
    "add float[2, 2]",
    "matmul float[2, 2]",
    "mul float[2, 2]",
  ]);
  const product = totals.find(({ name }) => name === "matmul float[2, 2]")!;
  assertEquals([product.flops, product.bytes], [16, 96]);
  assertEquals([product.first.count, product.later.count], [1, 2]);
  assert(profile.milliseconds > 0 && profile.span >= profile.milliseconds);
});
