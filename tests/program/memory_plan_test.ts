import { assert, assertEquals } from "@std/assert";
import {
  ALIGNMENT,
  elementBytes,
  lower,
  planMemory,
  storageRoots,
} from "../../src/program/mod.ts";
import {
  exp,
  input,
  less,
  reshape,
  select,
  sum,
  type Tensor,
  transpose,
} from "../../src/tensor/mod.ts";
import { assertNothingOverwritten } from "./lifetimes.ts";
import { randomGraph } from "./random_graph.ts";
import { trainingStep } from "./training_step.ts";

const program = (outputs: Record<string, Tensor>) =>
  lower(new Map(Object.entries(outputs)));

Deno.test("planMemory never lets two live results overlap in random programs", () => {
  for (let seed = 0; seed < 300; seed++) {
    const lowered = program(randomGraph(seed, 60).outputs);
    assertNothingOverwritten(lowered, planMemory(lowered, 8));
  }
});

Deno.test("planMemory of a training step of resnet20 overwrites nothing, in less than a third", () => {
  const { program, plan } = trainingStep("resnet20", 8);
  const memory = planMemory(program, 8);
  const sum = assertNothingOverwritten(program, memory);
  assertEquals(plan.workBytes, memory.bytes);
  // What the forward pass leaves for the backward pass must stay; most need not.
  assert(memory.bytes < sum / 3, `${memory.bytes} of ${sum} bytes`);
});

Deno.test("planMemory reuses the place of an operand that dies", () => {
  const x = input("x", [ALIGNMENT]);
  const chain = program({ y: exp(exp(exp(x))) });
  assertEquals(planMemory(chain, 8).bytes, 8 * ALIGNMENT);
  // Floats and bools do not share a place in one operation.
  const mixed = program({ y: select(less(exp(x), 0), x, 1) });
  assertNothingOverwritten(mixed, planMemory(mixed, 8));
});

Deno.test("planMemory keeps an operand that an output needs", () => {
  const x = exp(input("x", [ALIGNMENT]));
  const both = program({ x, y: exp(x) });
  assertEquals(planMemory(both, 4).bytes, 2 * 4 * ALIGNMENT);
});

Deno.test("planMemory lays a reshape where its operand lies", () => {
  const x = exp(input("x", [4, ALIGNMENT]));
  const y = program({ y: transpose(reshape(x, [ALIGNMENT, 4])), x });
  const { offsets } = planMemory(y, 8);
  const kinds = y.instructions.map(({ operation }) => operation.kind);
  assertEquals(
    offsets[kinds.indexOf("reshape")],
    offsets[kinds.indexOf("exp")],
  );
  assertEquals(
    storageRoots(y.instructions)[kinds.indexOf("reshape")],
    kinds.indexOf("exp"),
  );
});

Deno.test("planMemory gives inputs no place, reshaped or not", () => {
  const x = input("x", [2, 2]);
  const plan = planMemory(program({ x, y: reshape(x, [4]) }), 8);
  assertEquals(plan, { offsets: [undefined, undefined], bytes: 0 });
});

Deno.test("planMemory aligns places, and needs none for nothing", () => {
  const x = input("x", [3]);
  const { offsets } = planMemory(
    program({ a: exp(x), b: sum(x), c: less(x, 0) }),
    8,
  );
  for (const offset of offsets) assertEquals((offset ?? 0) % ALIGNMENT, 0);
  assertEquals(planMemory(program({ y: exp(input("n", [0])) }), 8).bytes, 0);
});

Deno.test("elementBytes depend on the device for floats alone", () => {
  assertEquals([4, 8].map((bytes) => elementBytes("float", bytes)), [4, 8]);
  assertEquals([4, 8].map((bytes) => elementBytes("int", bytes)), [4, 4]);
  assertEquals([4, 8].map((bytes) => elementBytes("bool", bytes)), [1, 1]);
});
