import { assertEquals } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  broadcastTo,
  matmul,
  type Tensor,
  transpose,
} from "../../src/tensor/mod.ts";
import { matmulKernels } from "../../src/cpu/matmul.ts";
import { floats, integers } from "./operands.ts";
import { runKernels } from "./run_kernels.ts";

/** The kernels give exactly the reference's numbers, however they are cut. */
async function assertExact(product: Tensor): Promise<void> {
  const expected = [...(await evaluate(product)).data];
  for (const cuts of [1, 2, 7]) {
    const result = [...runKernels(product, matmulKernels, cuts)];
    assertEquals(result, expected, `${product.shape} in ${cuts}`);
  }
}

Deno.test("matmulKernels give the reference's numbers for all shapes", async () => {
  const extents = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 25];
  for (const m of extents) {
    for (const n of extents) {
      for (const k of [1, 2, 3, 4, 5, 9]) {
        await assertExact(matmul(integers([m, k]), integers([k, n], 2)));
      }
    }
  }
});

Deno.test("matmulKernels give the reference's numbers where both operands are packed", async () => {
  for (const m of [1, 2, 3, 4, 5, 6, 7, 10, 11, 19]) {
    for (const n of [48, 53, 64]) {
      for (const k of [1, 2, 3, 4, 5, 9]) {
        await assertExact(matmul(integers([m, k]), integers([k, n], 2)));
      }
    }
  }
});

Deno.test("matmulKernels read transposed and broadcast operands", async () => {
  for (const [m, n, k] of [[7, 5, 6], [13, 17, 9], [1, 30, 4], [30, 1, 11]]) {
    const [a, b] = [integers([m, k]), integers([k, n], 2)];
    const [ta, tb] = [integers([k, m]), integers([n, k], 2)];
    await assertExact(matmul(transpose(ta), b));
    await assertExact(matmul(a, transpose(tb)));
    await assertExact(matmul(transpose(ta), transpose(tb)));
    const row = broadcastTo(integers([1, k]), [m, k]);
    const column = broadcastTo(integers([k, 1]), [k, n]);
    await assertExact(matmul(row, b));
    await assertExact(matmul(a, column));
  }
});

Deno.test("matmulKernels multiply batches of matrices", async () => {
  const a = integers([2, 3, 5, 7]), b = integers([2, 3, 7, 9], 2);
  await assertExact(matmul(a, b));
  await assertExact(matmul(a, broadcastTo(integers([7, 9]), [2, 3, 7, 9])));
  await assertExact(
    matmul(a, broadcastTo(integers([3, 7, 9]), [2, 3, 7, 9])),
  );
  await assertExact(
    matmul(broadcastTo(integers([3, 5, 7]), [2, 3, 5, 7]), b),
  );
  // Heads of attention: matrices that do not lie one after another.
  const heads = transpose(integers([2, 6, 3, 4]), [0, 2, 1, 3]);
  await assertExact(matmul(heads, transpose(heads)));
});

Deno.test("matmulKernels resume sums after a block of K, and join parts of K", async () => {
  await assertExact(matmul(integers([5, 1030]), integers([1030, 6], 2)));
  await assertExact(
    matmul(transpose(integers([1030, 200])), integers([1030, 101], 2)),
  );
  await assertExact(matmul(integers([40, 1025]), integers([1025, 70], 2)));
  await assertExact(matmul(integers([9, 1030]), integers([1030, 520], 2)));
  await assertExact(
    matmul(transpose(integers([5003, 3])), integers([5003, 6], 2)),
  );
});

Deno.test("matmulKernels give the same bits however the work is cut", () => {
  for (
    const [m, n, k] of [[50, 30, 1100], [50, 60, 1100], [5, 9, 3000], [
      3,
      40,
      17,
    ]]
  ) {
    const product = matmul(floats([m, k]), floats([k, n], 2));
    const whole = runKernels(product, matmulKernels, 1);
    for (const cuts of [2, 3, 16, 1000]) {
      assertEquals(runKernels(product, matmulKernels, cuts), whole);
    }
  }
});
