import { assertEquals } from "@std/assert";
import { schedule } from "../../src/gpu/schedule.ts";
import { lower } from "../../src/program/mod.ts";
import {
  add,
  input,
  matmul,
  maximum,
  mul,
  type Tensor,
} from "../../src/tensor/mod.ts";

Deno.test("schedule() computes an epilogue where a tile is in registers", () => {
  const x = input("x", [64, 96]), product = matmul(x, input("w", [96, 80]));
  const active = maximum(add(product, input("bias", [80])), 0);
  const kernels = (outputs: Readonly<Record<string, Tensor>>) => {
    const program = lower(new Map(Object.entries(outputs)));
    return schedule(program).kernels.map(({ name }) => name);
  };
  assertEquals(kernels({ active }), [
    "matmul float[64, 80] and max float[64, 80]",
  ]);
  // Rows of 10 are no vectors of 4.
  const narrow = matmul(x, input("v", [96, 10]));
  assertEquals(kernels({ scaled: mul(narrow, 2) }), [
    "matmul float[64, 10]",
    "mul float[64, 10]",
  ]);
});
