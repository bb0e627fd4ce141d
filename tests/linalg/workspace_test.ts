import { assertEquals, assertThrows } from "@std/assert";
import { padded, strideOf, workspace } from "../../src/linalg/workspace.ts";
import { randomNormal } from "../../src/tensor/mod.ts";

for (const [name, sign] of [["add", 1], ["subtract", -1]] as const) {
  for (const transposed of [false, true]) {
    const what = transposed ? "A^T B" : "A B";
    Deno.test(`workspace().${name} of ${what} has the bits of a plain loop`, () => {
      for (const [m, k, n] of [[4, 4, 4], [8, 20, 12], [4, 0, 8], [12, 4, 0]]) {
        // Parts of matrices whose rows are longer.
        const c = { at: 3, stride: 40 }, a = { at: 1000, stride: 33 };
        const b = { at: 2001, stride: 24 };
        const space = workspace("test", 3000);
        const { numbers } = space;
        numbers.set(randomNormal([1, 1], 1, 3000));
        const expected = numbers.slice(0, 3000);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            for (let p = 0; p < k; p++) {
              const [row, column] = transposed ? [p, i] : [i, p];
              expected[c.at + i * c.stride + j] += sign *
                expected[a.at + row * a.stride + column] *
                expected[b.at + p * b.stride + j];
            }
          }
        }
        space[name](c, { ...a, transposed }, b, m, k, n);
        assertEquals(numbers.slice(0, 3000), expected);
      }
    });
  }
}

Deno.test("workspace() starts with zeros, whatever was there", () => {
  for (const count of [10, 2 ** 22 + 1]) { // the second does not fit what is kept
    for (let turn = 0; turn < 2; turn++) {
      const { numbers } = workspace("test", count);
      assertEquals(numbers.subarray(0, count).every((x) => x === 0), true);
      numbers.fill(1, 0, count);
    }
  }
});

Deno.test("workspace() says when there is not so much memory", () => {
  assertThrows(
    () => workspace("factor", 2 ** 40),
    RangeError,
    "Cannot factor: it needs 8796093022208 bytes of WebAssembly memory",
  );
});

Deno.test("padded() and strideOf() give whole tiles and odd numbers of cache lines", () => {
  for (let n = 0; n < 70; n++) {
    assertEquals([padded(n) % 4, padded(n) >= n, padded(n) < n + 4], [
      0,
      true,
      true,
    ]);
    assertEquals([strideOf(n) % 16, strideOf(n) >= n], [8, true]);
  }
});
