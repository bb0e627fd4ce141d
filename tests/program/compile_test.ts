import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { compile, type Device, DeviceState } from "../../src/program/mod.ts";
import { evaluate, referenceDevice } from "../../src/reference/mod.ts";
import * as T from "../../src/tensor/mod.ts";
import { trainingStep } from "./training_step.ts";

const { scalarValue, value } = T;

Deno.test("compile swaps two parts of the state at once", async () => {
  const first = { a: value([1, 2]), b: value([3, 4]) };
  const state = new DeviceState(referenceDevice, first);
  const step = compile({
    state: first,
    inputs: {},
    step: ({ a, b }) => ({ state: { a: b, b: a }, outputs: {} }),
  }, referenceDevice);
  await step.run(state, {});
  assertEquals(await state.read(), { a: first.b, b: first.a });
});

Deno.test("compile lets a step see the old state only", async () => {
  const first = { a: scalarValue(1), b: scalarValue(1) };
  const state = new DeviceState(referenceDevice, first);
  const fibonacci = compile({
    state: first,
    inputs: {},
    step: ({ a, b }) => ({
      state: { a: b, b: T.add(a, b) },
      outputs: { a, next: T.add(a, b) },
    }),
  }, referenceDevice);
  const seen: number[] = [];
  for (let i = 0; i < 6; i++) {
    const { a, next } = await fibonacci.run(state, {});
    seen.push(a.data[0]);
    assertEquals(next.data[0], (await state.read()).b.data[0]);
  }
  assertEquals(seen, [1, 1, 2, 3, 5, 8]);
});

Deno.test("compile keeps state that is passed through or not named", async () => {
  const first = { a: value([1]), deep: { b: value([2]), c: value([3]) } };
  const state = new DeviceState(referenceDevice, first);
  const step = compile({
    state: first,
    inputs: {},
    step: ({ a, deep }) => ({
      state: { a, deep: { b: T.add(deep.b, 1) } },
      outputs: {},
    }),
  }, referenceDevice);
  await step.run(state, {});
  await step.run(state, {});
  assertEquals(await state.read(), {
    a: value([1]),
    deep: { b: value([4]), c: value([3]) },
  });
});

Deno.test("compile returns inputs, constants and one node under two names", async () => {
  const x = value([1, 2]);
  const step = compile({
    state: {},
    inputs: { x },
    step: (_, { x }) => {
      const y = T.exp(x);
      return {
        state: {},
        outputs: {
          x,
          row: T.reshape(x, [1, 2]),
          seven: T.constant(7),
          y,
          again: y,
        },
      };
    },
  }, referenceDevice);
  const found = await step.run(new DeviceState(referenceDevice, {}), { x });
  assertEquals(found.x, x);
  assertEquals(found.row, value([1, 2], [1, 2]));
  assertEquals(found.seven, scalarValue(7));
  assertEquals(found.y, found.again);
  // What comes out is the caller's own.
  found.x.data[0] = 100;
  found.y.data[0] = 100;
  assertEquals(x.data[0], 1);
  assertEquals(found.again.data[0], Math.E);
});

Deno.test("compile gives results that a later run does not change", async () => {
  const step = compile({
    state: {},
    inputs: { x: scalarValue(0) },
    step: (_, { x }) => ({ state: {}, outputs: { y: T.exp(x) } }),
  }, referenceDevice);
  const none = new DeviceState(referenceDevice, {});
  const before = await step.run(none, { x: scalarValue(0) });
  await step.run(none, { x: scalarValue(1) });
  assertEquals(before.y.data[0], 1);
});

Deno.test("compile refuses state of another name or shape, and what is no tensor", () => {
  const state = { a: value([1, 2]) };
  const returning = (result: object, outputs: object = {}) => () =>
    compile(
      { state, inputs: {}, step: () => ({ state: result, outputs }) },
      referenceDevice,
    );
  assertThrows(
    returning({ b: T.fill([2], 0) }),
    RangeError,
    "Cannot compile step: new state b: expected nothing, got float[2]",
  );
  assertThrows(
    returning({ a: T.fill([3], 0) }),
    RangeError,
    "new state a: expected float[2], got float[3]",
  );
  assertThrows(
    returning({ a: T.fill([2], 0, "int") }),
    RangeError,
    "new state a: expected float[2], got int[2]",
  );
  assertThrows(
    returning({ a: state.a }),
    TypeError,
    "new state a must be a tensor",
  );
  assertThrows(
    returning({}, { y: value([1]) }),
    TypeError,
    "output y must be a tensor",
  );
});

Deno.test("compile's run refuses inputs and state that do not fit", async () => {
  const first = { a: value([1, 2]) };
  const inputs = { x: value([1, 2]) };
  const step = compile({
    state: first,
    inputs,
    step: ({ a }, { x }) => ({ state: { a: T.add(a, x) }, outputs: {} }),
  }, referenceDevice);
  const state = new DeviceState(referenceDevice, first);
  const refused = (given: object, message: string) =>
    assertRejects(() => step.run(state, given as never), RangeError, message);
  await refused({}, "input x: expected float[2], got nothing");
  await refused({ x: value([1]) }, "input x: expected float[2], got float[1]");
  await refused(
    { x: T.intValue([1, 2]) },
    "input x: expected float[2], got int[2]",
  );
  await refused(
    { ...inputs, y: value([1]) },
    "input y: expected nothing, got float[1]",
  );
  await refused(
    { x: { shape: [2], dtype: "float", data: Float64Array.of(1) } },
    "input x: float[2] needs 2 elements, got 1",
  );
  await assertRejects(
    () => step.run(new DeviceState(referenceDevice, { a: value([1]) }), inputs),
    RangeError,
    "state a: expected float[2], got float[1]",
  );
  const other: Device = { ...referenceDevice, name: "other" };
  await assertRejects(
    () => step.run(new DeviceState(other, first), inputs),
    TypeError,
    "compiled for device reference, the state lies on other",
  );
  // Nothing of this has changed the state.
  assertEquals(await state.read(), first);
});

Deno.test("DeviceState holds copies, and reads and writes them", async () => {
  const first = { a: value([1, 2]), deep: { n: T.intValue([3]) } };
  const state = new DeviceState(referenceDevice, first);
  first.a.data[0] = 100;
  assertEquals((await state.read()).a.data[0], 1);
  (await state.read()).a.data[0] = 100;
  assertEquals((await state.read()).a.data[0], 1);
  state.write({ a: value([5, 6]), deep: { n: T.intValue([7]) } });
  assertEquals([...(await state.read()).a.data], [5, 6]);
  assertEquals([...(await state.read()).deep.n.data], [7]);
});

Deno.test("DeviceState refuses to write other names, shapes or types", async () => {
  const first = { a: value([1, 2]) };
  const state = new DeviceState(referenceDevice, first);
  const table: [object, string][] = [
    [{}, "write state a: expected float[2], got nothing"],
    [{ a: value([1]) }, "write state a: expected float[2], got float[1]"],
    [{ a: T.intValue([1, 2]) }, "expected float[2], got int[2]"],
    [{ ...first, b: value([1]) }, "write state b: expected nothing"],
  ];
  for (const [values, message] of table) {
    assertThrows(() => state.write(values as never), RangeError, message);
  }
  assertEquals(await state.read(), first);
  await assertRejects(
    () => state.memory.read(["b"]),
    RangeError,
    "Cannot read memory: no value b",
  );
  assertThrows(
    () =>
      new DeviceState(referenceDevice, {
        a: { shape: [2], dtype: "float", data: Float64Array.of(1) } as T.Value,
      }),
    RangeError,
    "allocate state a: float[2] needs 2 elements, got 1",
  );
});

Deno.test("compile's plan counts bytes", () => {
  const { plan } = compile({
    state: { a: value([1, 2]) },
    inputs: { n: T.intValue([1, 2, 3]) },
    step: ({ a }) => ({ state: {}, outputs: { y: T.exp(a) } }),
  }, referenceDevice);
  assertEquals(plan, {
    instructions: 2,
    stateBytes: 16,
    inputBytes: 12,
    workBytes: 256,
    totalBytes: 284,
  });
});

Deno.test("evaluate refuses an expression with an input", async () => {
  await assertRejects(
    () => evaluate(T.exp(T.input("x", [2]))),
    RangeError,
    "no value for x",
  );
});

for (const [name, batch] of [["resnet20", 32], ["resnet18", 32]] as const) {
  Deno.test(`compile traces a training step of ${name} in less than 5 seconds`, () => {
    const start = performance.now();
    const { plan } = trainingStep(name, batch);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `${name}: ${seconds.toFixed(2)} s, ${plan.instructions} instructions, ${
        (plan.workBytes / 2 ** 20).toFixed(0)
      } MiB of intermediate results in float64`,
    );
    assert(seconds < 5);
  });
}
