import { assertEquals } from "@std/assert";
import { profileTable } from "../../cli/profile.ts";
import { Profile } from "../../src/program/mod.ts";

Deno.test("profileTable has the longest kernels with their rates, and all others in one row", () => {
  const profile = new Profile();
  const kernel = (name: string, operations: string[]) => ({
    name,
    operations,
    flops: 3e6,
    bytes: 12e6,
  });
  const kernels = [
    kernel("mul float[2]", ["add", "mul"]),
    kernel("sum int[2, 3]", ["sum"]),
    kernel("sum int[]", ["sum"]),
    kernel("exp float[2]", ["exp"]),
  ];
  for (const scale of [20, 1]) {
    const times = [1.5, 6, 0.5, 0];
    profile.record(times.map((milliseconds, i) => ({
      kernel: kernels[i],
      start: i * 7 * scale,
      milliseconds: scale * milliseconds,
    })));
  }
  // 3 Mflop and 12 MB in 6 ms are 0.5 GFLOP/s and 2 GB/s.
  assertEquals(
    profileTable(profile, 2).split("\n"),
    [
      "total ms   share  count  mean ms  first ms  GFLOP/s  GB/s  kernel",
      "    6.00  75.0 %      1     6.00       120    0.500  2.00  sum int[2, 3]",
      "    1.50  18.8 %      1     1.50      30.0     2.00  8.00  mul float[2] with add",
      "   0.500   6.3 %      2    0.250      10.0                 2 other kernels",
      "Most of it by operation: sum 81.3 %, mul 18.8 %, exp 0.0 %",
      "8 kernels in 2 runs of programs took 168 ms, 160 of them the first runs, which are left out above; 273 ms passed between kernels",
    ],
  );
});

Deno.test("profileTable of programs that ran once has first runs alone", () => {
  const profile = new Profile();
  const kernel = { name: "add int[]", operations: [], flops: 1, bytes: 4 };
  profile.record([{ kernel, start: 0, milliseconds: 2 }]);
  assertEquals(
    profileTable(profile).split("\n")[1].replaceAll(/ +/g, " ").trim(),
    "0 ? 0 ? 2.00 ? ? add int[]",
  );
});
