import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  kindOf,
  type Rates,
  ratesTables,
  sharesOf,
} from "../../bench/rates.ts";
import type { KernelTotal } from "../../src/program/mod.ts";

const total = (
  operations: readonly string[],
  count: number,
  milliseconds: number,
  flops: number,
): KernelTotal => ({
  name: "it",
  operations,
  flops,
  bytes: 0,
  first: { count: 1, milliseconds: 1000 },
  later: { count, milliseconds },
});

Deno.test("kindOf names the operation that says most", () => {
  const name = "slice float[2]";
  const of = (...operations: string[]) => kindOf({ name, operations });
  assertEquals(of("mul", "conv", "add"), "convolution, forward");
  assertEquals(
    of("sum", "conv-kernel-gradient"),
    "convolution, kernel gradient",
  );
  assertEquals(of("mul", "sum"), "sum, maximum");
  assertEquals(of("mul", "exp"), "element-wise");
  assertEquals(of(), "copies");
  assertEquals(
    kindOf({ name: "conv float[2], weights", operations: [] }),
    "convolution, forward",
  );
});

Deno.test("sharesOf adds up kernels of a kind, a step each, first runs left out", () => {
  const totals = [
    total(["conv"], 4, 20, 100),
    total(["add", "conv"], 2, 10, 50),
    total(["add"], 2, 40, 8),
  ];
  assertEquals(sharesOf(totals, 2), [
    { kind: "element-wise", count: 1, milliseconds: 20, flops: 8 },
    { kind: "convolution, forward", count: 3, milliseconds: 15, flops: 250 },
  ]);
});

Deno.test("ratesTables holds rates against the product's", () => {
  const rates: Rates = {
    rates: [
      { name: "matmul-1024", rate: 50e9, share: 1 },
      { name: "resnet20", rate: 20e9, share: 0.41, wanted: 0.6 },
    ],
    kernels: [
      { kind: "convolution, forward", count: 2, milliseconds: 3, flops: 90e6 },
      { kind: "element-wise", count: 5, milliseconds: 1, flops: 1e6 },
    ],
  };
  const lines = ratesTables(rates).split("\n");
  const cellsOf = (line: string) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim());
  assertEquals(cellsOf(lines[3]), [
    "resnet20",
    "20.0",
    "41 %",
    "at least 60 %",
  ]);
  assertStringIncludes(lines[5], "of matmul-1024's");
  assertEquals(cellsOf(lines[7]), [
    "convolution, forward",
    "2",
    "3.00 ms",
    "75 %",
    "30.0",
    "60 %",
  ]);
  assertEquals(cellsOf(lines[10])[4], "22.8");
});
