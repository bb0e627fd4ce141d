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
  profile.record([
    {
      kernel: kernel("mul float[2]", ["add", "mul"]),
      start: 0,
      milliseconds: 1.5,
    },
    { kernel: kernel("sum int[2, 3]", ["sum"]), start: 2, milliseconds: 6 },
    { kernel: kernel("sum int[]", ["sum"]), start: 8, milliseconds: 0.5 },
    { kernel: kernel("exp float[2]", ["exp"]), start: 9, milliseconds: 0 },
  ]);
  // 3 Mflop and 12 MB in 6 ms are 0.5 GFLOP/s and 2 GB/s.
  assertEquals(
    profileTable(profile, 2).split("\n"),
    [
      "total ms   share  count  mean ms  longest  GFLOP/s  GB/s  kernel",
      "    6.00  75.0 %      1     6.00     6.00    0.500  2.00  sum int[2, 3]",
      "    1.50  18.8 %      1     1.50     1.50     2.00  8.00  mul float[2] with add",
      "   0.500   6.3 %      2    0.250    0.500                 2 other kernels",
      "Most of it by operation: sum 81.3 %, mul 18.8 %, exp 0.0 %",
      "4 kernels in 1 runs of programs took 8.00 ms, and 1.00 ms passed between them",
    ],
  );
});
