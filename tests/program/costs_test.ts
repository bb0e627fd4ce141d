import { assertEquals } from "@std/assert";
import { fuse } from "../../src/program/fusion.ts";
import {
  elementBytes,
  flopsOf,
  lower,
  type Program,
  workOf,
} from "../../src/program/mod.ts";
import {
  add,
  argmax,
  conv,
  type DType,
  exp,
  foldWindows,
  gradients,
  input,
  matmul,
  max,
  mul,
  reshape,
  scatterAddRows,
  slice,
  sum,
  takeRows,
  type Tensor,
  transpose,
  windows,
} from "../../src/tensor/mod.ts";

const program = (...outputs: Tensor[]): Program =>
  lower(new Map(outputs.map((tensor, i) => [`${i}`, tensor])));

/** Arithmetic of the instruction of a kind. */
function flops(kind: string, ...outputs: Tensor[]): number {
  const { instructions } = program(...outputs);
  const index = instructions.findIndex((i) => i.operation.kind === kind);
  return flopsOf(instructions, index);
}

Deno.test("flopsOf counts a multiplication and an addition for each term of a product", () => {
  const a = input("a", [5, 2, 3]), b = input("b", [5, 3, 4]);
  // 5 matrices of 2 x 4, 3 terms each.
  assertEquals(flops("matmul", matmul(a, b)), 240);
  assertEquals(
    flops("matmul", matmul(input("c", [2, 0]), input("d", [0, 4]))),
    0,
  );
});

Deno.test("flopsOf counts the same for a convolution and both its gradients", () => {
  const x = input("x", [2, 6, 5, 5]), w = input("w", [4, 3, 3, 2]);
  const geometry = {
    stride: [2, 1],
    padding: [1, 0],
    dilation: [1, 1],
    groups: 2,
  } as const;
  const y = conv(x, w, geometry);
  assertEquals(y.shape, [2, 4, 3, 4]);
  // 2 samples, 4 channels, 3 x 4 positions; 3 channels of a group, 3 x 2 cells.
  const expected = 2 * 2 * 4 * 3 * 4 * (3 * 3 * 2);
  const [dx, dw] = gradients(sum(mul(y, input("dy", y.shape))), [x, w]);
  assertEquals(flops("conv", y), expected);
  assertEquals(flops("conv-input-gradient", dx), expected);
  assertEquals(flops("conv-kernel-gradient", dw), expected);
});

Deno.test("flopsOf counts elements that are computed, added or compared, and no moves", () => {
  const x = input("x", [3, 4]);
  assertEquals(flops("exp", exp(x)), 12);
  assertEquals(flops("sum", sum(x, [1])), 12);
  assertEquals(flops("reduce-max", max(x, [0])), 12);
  assertEquals(flops("argmax", argmax(x, 1)), 12);
  const image = input("image", [1, 2, 4, 4]);
  const geometry = {
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
  } as const;
  const cells = windows(image, [2, 2], geometry);
  assertEquals(cells.shape, [1, 2, 2, 2, 3, 3]);
  assertEquals(flops("windows", cells), 0);
  assertEquals(
    flops("fold-windows", foldWindows(cells, [1, 2, 4, 4], geometry)),
    72,
  );
  const rows = input("rows", [5], "int");
  const table = input("table", [9, 4]);
  assertEquals(flops("take-rows", takeRows(table, rows)), 0);
  assertEquals(
    flops("scatter-add-rows", scatterAddRows(input("g", [5, 4]), rows, 9)),
    20,
  );
  assertEquals(flops("transpose", transpose(x, [1, 0])), 0);
});

/** Work of the kernel that computes the first output. */
function work(...outputs: Tensor[]) {
  const fused = fuse(program(...outputs), 6);
  const first = fused.outputs.get("0")!;
  const bytes = (dtype: DType): number => elementBytes(dtype, 4);
  return workOf(fused.instructions, fused.stored, [first], bytes);
}

Deno.test("workOf counts a chain's inputs and its result, and nothing in between", () => {
  const x = input("x", [3, 4]), b = input("b", [1, 4]);
  // exp(x) is 12, times 2 is 12, plus b is 12, times x is 12.
  assertEquals(work(mul(add(mul(exp(x), 2), b), x)), {
    flops: 48,
    bytes: 4 * (12 + 4 + 12),
    operations: ["exp", "mul", "add"],
  });
});

Deno.test("workOf counts the producers that a reduction has taken in", () => {
  const x = input("x", [3, 4]);
  assertEquals(work(sum(mul(x, x), [0])), {
    flops: 24,
    bytes: 4 * (12 + 4),
    operations: ["mul", "sum"],
  });
});

Deno.test("workOf looks through transposes and reshapes of what a product reads", () => {
  const a = input("a", [6]), b = input("b", [4, 3]);
  const product = matmul(reshape(a, [2, 3]), transpose(b, [1, 0]));
  assertEquals(work(product), {
    flops: 2 * 2 * 4 * 3,
    bytes: 4 * (6 + 12 + 8),
    operations: ["matmul"],
  });
});

Deno.test("workOf counts of a table only the rows that are taken, and of a slice its part", () => {
  const table = input("table", [1000, 4]), rows = input("rows", [3], "int");
  assertEquals(work(takeRows(table, rows)).bytes, 4 * (12 + 3 + 12));
  // More rows than the table has: the table, once.
  const many = input("many", [5000], "int");
  assertEquals(work(takeRows(table, many)).bytes, 4 * (4000 + 5000 + 20000));
  assertEquals(work(exp(slice(table, [0, 0], [10, 4]))).bytes, 4 * (40 + 40));
});

Deno.test("workOf counts bytes by type", () => {
  const x = input("x", [8]), chosen = input("chosen", [8], "bool");
  const { instructions, outputs } = program(mul(x, x));
  const stored = instructions.map(() => true);
  const index = outputs.get("0")!;
  const doubles = (dtype: DType): number => elementBytes(dtype, 8);
  assertEquals(workOf(instructions, stored, [index], doubles).bytes, 8 * 16);
  // A bool has one byte where the device says so.
  assertEquals(elementBytes(chosen.dtype, 8), 1);
});
