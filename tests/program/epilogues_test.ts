import { assertEquals } from "@std/assert";
import { fuse } from "../../src/program/fusion.ts";
import { lower } from "../../src/program/mod.ts";
import {
  add,
  input,
  matmul,
  maximum,
  mul,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../../src/tensor/mod.ts";

const x = input("x", [64, 96]), w = input("w", [96, 80]);
const bias = input("bias", [80]);
const product = matmul(x, w);
const active = maximum(add(product, bias), 0);

/** Kinds of each group's product and results, and of what is stored of products. */
function groupsOf(
  outputs: Readonly<Record<string, Tensor>>,
  targets: ReadonlyMap<string, string> = new Map(),
) {
  const program = lower(new Map(Object.entries(outputs)));
  const fused = fuse(program, 6, targets, { epilogues: true });
  const kind = (i: number) => fused.instructions[i].operation.kind;
  return {
    groups: fused.groups.map(({ product, results }) => [
      product === undefined ? "" : kind(product),
      ...results.map(kind),
    ]),
    stored: fused.instructions.flatMap((_, i) =>
      kind(i) === "matmul" ? [fused.stored[i]] : []
    ),
    inPlace: fused.inPlace.size,
  };
}

Deno.test("fuse() computes an epilogue with its product, which is not stored", () => {
  assertEquals(groupsOf({ active }), {
    groups: [["matmul", "max"]],
    stored: [false],
    inPlace: 0,
  });
});

Deno.test("fuse() stores a product with its epilogue where it is needed", () => {
  assertEquals(groupsOf({ active, product }), {
    groups: [["matmul", "matmul", "max"]],
    stored: [true],
    inPlace: 0,
  });
  // Its sums are needed for the epilogue, so the product comes before.
  const centred = sub(product, sum(product, 1, { keepAxes: true }));
  assertEquals(groupsOf({ centred }), {
    groups: [["", "matmul"], ["", "sum"], ["", "sub"]],
    stored: [true],
    inPlace: 0,
  });
  // Here they are needed later.
  assertEquals(groupsOf({ active, sums: sum(product, 1) }).stored, [true]);
});

Deno.test("fuse() computes a parameter where its gradient is, in its place", () => {
  const updated = sub(w, mul(matmul(transpose(x), input("dy", [64, 80])), 0.1));
  assertEquals(groupsOf({ updated }, new Map([["updated", "w"]])), {
    groups: [["matmul", "sub"]],
    stored: [false],
    inPlace: 1,
  });
});

Deno.test("fuse() keeps products apart from what needs other elements of them", () => {
  assertEquals(groupsOf({ turned: add(transpose(product), 1) }), {
    groups: [["", "matmul"], ["", "add"]],
    stored: [true],
    inPlace: 0,
  });
});
