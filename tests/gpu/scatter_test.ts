import { assertEquals } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, scatterAddRows } from "../../src/tensor/mod.ts";
import { floats, integers } from "../devices/compare.ts";
import { gpuTest } from "./on_gpu.ts";

gpuTest("scatter-add adds rows in the order of the indices", async (device) => {
  for (const [count, height, width] of [[500, 3, 2], [129, 40, 65]]) {
    const rows = floats([count, width], 3);
    const indices = integers([count], height);
    const { data } = await evaluate(
      scatterAddRows(constant(rows), indices, height),
      device,
    );
    // Every other order would round in another way.
    const expected = new Float32Array(height * width);
    (await evaluate(indices)).data.forEach((row, n) => {
      for (let i = 0; i < width; i++) {
        expected[row * width + i] += rows.data[n * width + i];
      }
    });
    assertEquals(data, expected);
  }
});
