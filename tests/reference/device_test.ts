import { assertEquals, assertRejects } from "@std/assert";
import { compile, DeviceState, lower } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import * as T from "../../src/tensor/mod.ts";

Deno.test("referenceDevice plans what no machine could hold, without holding it", async () => {
  const step = compile({
    state: {},
    inputs: { x: T.scalarValue(0) },
    step: (_, { x }) => ({
      state: {},
      outputs: { y: T.sum(T.exp(T.broadcastTo(x, [2 ** 50]))) },
    }),
  }, referenceDevice);
  assertEquals(step.plan.workBytes >= 2 ** 53, true);
  await assertRejects(
    () =>
      step.run(new DeviceState(referenceDevice, {}), { x: T.scalarValue(0) }),
    RangeError,
  );
});

Deno.test("referenceDevice computes in float64, from float32 too", async () => {
  const x = T.value(Float32Array.of(0.1));
  const state = new DeviceState(referenceDevice, { x });
  const step = compile({
    state: { x },
    inputs: { y: x },
    step: ({ x }, { y }) => ({
      state: {},
      outputs: { sum: T.add(T.mul(x, 3), y) },
    }),
  }, referenceDevice);
  const { sum } = await step.run(state, { y: x });
  assertEquals(
    sum.data,
    Float64Array.of(Math.fround(0.1) * 3 + Math.fround(0.1)),
  );
});

Deno.test("referenceDevice runs bare programs, with updates and without", async () => {
  const count = T.input("state:count", []);
  const program = lower(new Map([["new", T.add(count, 1)], ["old", count]]));
  const memory = referenceDevice.allocate(
    new Map([["count", T.scalarValue(4)]]),
  );
  const counting = referenceDevice.load(program, new Map([["new", "count"]]));
  const looking = referenceDevice.load(program, new Map());
  assertEquals([...(await counting.run(memory, new Map())).keys()], ["old"]);
  const seen = await looking.run(memory, new Map());
  assertEquals([seen.get("old"), seen.get("new")], [5, 6].map(T.scalarValue));
  assertEquals((await memory.read()).get("count"), T.scalarValue(5));
});

Deno.test("referenceDevice refuses to run without a value", async () => {
  const program = lower(new Map([["y", T.exp(T.input("input:x", []))]]));
  const memory = referenceDevice.allocate(new Map());
  const executable = referenceDevice.load(program, new Map());
  await assertRejects(
    () => executable.run(memory, new Map()),
    RangeError,
    "no value for input:x",
  );
});
