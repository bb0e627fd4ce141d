import { assertEquals } from "@std/assert";
import { casesOf } from "../../bench/cases.ts";
import {
  caseRatio,
  describeOutcome,
  type Entry,
  type Outcome,
  table,
  tables,
} from "../../bench/table.ts";

const named = (name: string, device: "gpu" | "cpu" = "gpu") =>
  casesOf(device).find((it) => it.name === name)!;
const timed = (title: string, seconds: readonly number[]): Entry => ({
  title,
  measurement: { steps: 1, seconds, processor: seconds.map((s) => 2 * s) },
});

const matmul: Outcome = {
  case: named("matmul-1024"),
  entries: [
    timed("ours", [0.1, 0.2, 0.1]),
    timed("quick peer", [0.3, 0.6, 0.3]),
    timed("slow peer", [1, 2, 1]),
  ],
};
const mlp: Outcome = {
  case: named("mlp"),
  entries: [
    timed("ours", [0.004]),
    { title: "quick peer", failure: new Error("no gradient\nat all") },
    { title: "slow peer", failure: new Error("no gradient\nat all") },
  ],
};
const adafisher: Outcome = {
  case: named("adafisher-10"),
  entries: [timed("Adam", [1]), timed("AdaFisher", [1.04])],
};

Deno.test("table aligns its columns", () => {
  assertEquals(
    table([["case", "ratio"], ["matmul", "3.00"]]),
    [
      "| case   | ratio |",
      "| ------ | ----- |",
      "| matmul | 3.00  |",
    ].join("\n"),
  );
});

Deno.test("caseRatio is that of the fastest peer, or undefined without one", () => {
  assertEquals(caseRatio(matmul, "seconds")?.toFixed(6), "3.000000");
  assertEquals(caseRatio(mlp, "seconds"), undefined);
});

Deno.test("tables name rates, times, ratios and reasons", () => {
  const lines = tables([matmul, mlp, adafisher], false).split("\n");
  const cellsOf = (line: string) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim());
  assertEquals(cellsOf(lines[0]), [
    "case",
    "ours",
    "quick peer",
    "slow peer",
    "faster peer / ours",
    "wanted",
  ]);
  assertEquals(cellsOf(lines[2]), [
    "matmul-1024",
    "21.5 GFLOP/s, 100 ms ±50 %",
    "7.16 GFLOP/s, 300 ms ±50 %",
    "2.15 GFLOP/s, 1000 ms ±50 %",
    "3.00",
    "at least 3",
  ]);
  assertEquals(cellsOf(lines[3]), [
    "mlp",
    "250 steps/s, 4.00 ms ±0 %",
    "no (1)",
    "no (2)",
    "",
    "at least 3",
  ]);
  assertEquals(cellsOf(lines[5]).at(-2), "AdaFisher / Adam");
  assertEquals(cellsOf(lines[7]).slice(3), ["1.04", "at most 1.05"]);
  assertEquals(lines.slice(-3), [
    "(1) quick peer: no gradient",
    "",
    "(2) slow peer: no gradient",
  ]);
});

Deno.test("tables give the ratio in processor time on a software adapter", () => {
  const [head, , row] = tables([matmul], true).split("\n");
  assertEquals(head.includes("in processor time"), true);
  assertEquals(
    row.split("|").filter((cell) => cell.trim() === "3.00").length,
    2,
  );
});

Deno.test("tables give ratios lines of their own where there are many contenders", () => {
  const resnet: Outcome = {
    case: named("resnet20", "cpu"),
    entries: [
      timed("ours", [0.1]),
      { title: "first wasm", failure: new Error("no gradient") },
      {
        ...timed("second cpu", [2]),
        insteadOf: { title: "second wasm", failure: new Error("no kernel") },
      },
      { ...timed("native", [0.05]), native: true },
    ],
  };
  const cells = tables([resnet], true).split("\n").map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  assertEquals(cells[0], [
    "case",
    "ours",
    "first wasm",
    "second wasm",
    "native",
  ]);
  assertEquals(cells[2].slice(2, 4), [
    "no (1)",
    "0.500 steps/s, 2000 ms ±0 % (2)",
  ]);
  assertEquals(cells.slice(6, 8), [
    ["resnet20", "second cpu", "20.00", "20.00", "at least 25"],
    ["resnet20", "native", "0.50", "0.50", "more than 1"],
  ]);
  assertEquals(caseRatio(resnet, "seconds", true), 0.5);
  assertEquals(
    tables([resnet], true).split("\n").slice(-3),
    [
      "(1) first wasm: no gradient",
      "",
      "(2) second cpu, since second wasm: no kernel",
    ],
  );
});

Deno.test("describeOutcome says who did what", () => {
  assertEquals(
    describeOutcome(mlp),
    [
      "  ours: 250 steps/s, 4.00 ms ±0 %",
      "  quick peer: no gradient\nat all",
      "  slow peer: no gradient\nat all",
    ].join("\n"),
  );
});
