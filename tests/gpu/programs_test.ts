import { assert } from "@std/assert";
import { placeResults } from "../../src/program/mod.ts";
import { dice, programTests } from "../devices/programs.ts";
import { gpuTest } from "./on_gpu.ts";

programTests(gpuTest);

Deno.test("placeResults() lays no result over one that is still needed", () => {
  for (let seed = 0; seed < 50; seed++) {
    const roll = dice(1000 + seed);
    const results = Array.from({ length: 30 }, (_, i) => ({
      bytes: roll(5) * 300,
      reads: i === 0 ? [] : Array.from({ length: roll(3) }, () => roll(i)),
      kept: roll(8) === 0,
    }));
    const { offsets, bytes } = placeResults(results);
    const last = results.map(({ kept }, i) =>
      kept
        ? Infinity
        : Math.max(i, results.findLastIndex(({ reads }) => reads.includes(i)))
    );
    results.forEach((result, i) => {
      const start = offsets[i]!, end = start + result.bytes;
      assert(start % 256 === 0 && end <= bytes);
      for (let j = 0; j < i; j++) {
        if (last[j] < i || result.bytes === 0 || results[j].bytes === 0) {
          continue;
        }
        const apart = end <= offsets[j]! ||
          offsets[j]! + results[j].bytes <= start;
        assert(apart, `seed ${seed}: ${i} lies over ${j}`);
      }
    });
  }
});
