import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  intValue,
  philox,
  randomBits,
  randomBitsTensor,
  randomNormal,
  randomPermutation,
  randomUniform,
  streamOf,
} from "../../src/tensor/mod.ts";

Deno.test("philox gives the published test vectors", () => {
  const all = 0xffffffff;
  assertEquals(
    philox([0, 0], [0, 0, 0, 0]),
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  );
  assertEquals(
    philox([all, all], [all, all, all, all]),
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  );
  assertEquals(
    philox([0xa4093822, 0x299f31d0], [
      0x243f6a88,
      0x85a308d3,
      0x13198a2e,
      0x03707344,
    ]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

Deno.test("philox takes signed words for unsigned ones", () => {
  assertEquals(
    philox([-1, -1], [-1, -1, -1, -1]),
    philox([0xffffffff, 0xffffffff], [
      0xffffffff,
      0xffffffff,
      0xffffffff,
      0xffffffff,
    ]),
  );
});

Deno.test("randomBits are the upper 24 bits of the words, whatever the count", () => {
  const words = [0, 1, 2].flatMap((c) => philox([7, 9], [c, 5, 0, 0]));
  for (const count of [0, 1, 3, 4, 5, 12]) {
    assertEquals(
      [...randomBits([7, 9], 5, count)],
      words.slice(0, count).map((word) => word >>> 8),
    );
  }
});

Deno.test("randomBits depend on both words of the key and on the stream", () => {
  const draw = (a: number, b: number, stream: number) => [
    ...randomBits([a, b], stream, 4),
  ];
  const first = draw(1, 2, 3);
  for (const other of [draw(2, 2, 3), draw(1, 1, 3), draw(1, 2, 4)]) {
    assertNotEquals(other, first);
  }
});

Deno.test("randomBitsTensor draws on the device what randomBits draws", async () => {
  const tensor = randomBitsTensor([3, 5], constant(intValue([7, -2])), -4);
  assertEquals(tensor.dtype, "int");
  assertEquals(
    [...(await evaluate(tensor)).data],
    [...randomBits([7, -2], -4, 15)],
  );
});

Deno.test("randomUniform is in [0, 1) with the moments of a uniform number", () => {
  const draws = randomUniform([11, 0], 0, 40_000);
  assert(draws.every((u) => u >= 0 && u < 1));
  const moment = (power: number) =>
    draws.reduce((total, u) => total + u ** power, 0) / draws.length;
  // Standard errors are 0.29 / 200 and 0.30 / 200; five of them.
  assert(Math.abs(moment(1) - 1 / 2) < 0.0075);
  assert(Math.abs(moment(2) - 1 / 3) < 0.0075);
});

Deno.test("randomNormal has the moments of a standard normal number", () => {
  const draws = randomNormal([12, 0], 0, 40_001);
  assert(draws.every(Number.isFinite));
  const moment = (power: number) =>
    draws.reduce((total, z) => total + z ** power, 0) / draws.length;
  // Standard errors are sqrt(1, 2, 15, 96) / 200; five of them.
  assert(Math.abs(moment(1)) < 0.025);
  assert(Math.abs(moment(2) - 1) < 0.036);
  assert(Math.abs(moment(3)) < 0.1);
  assert(Math.abs(moment(4) - 3) < 0.25);
});

Deno.test("randomNormal of an odd count begins as that of an even one", () => {
  assertEquals(
    [...randomNormal([3, 4], 5, 7)],
    [...randomNormal([3, 4], 5, 8)].slice(0, 7),
  );
});

Deno.test("randomPermutation names each index once", () => {
  for (const count of [0, 1, 2, 257]) {
    const order = [...randomPermutation([5, 6], 7, count)];
    assertEquals(order.sort((a, b) => a - b), [...Array(count).keys()]);
  }
});

Deno.test("randomPermutation draws all orders alike", () => {
  const counts = new Map<string, number>();
  for (let key = 0; key < 6000; key++) {
    const order = randomPermutation([key, 0], 0, 3).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  // Standard deviation of a count is 29; five of them.
  for (const count of counts.values()) assert(Math.abs(count - 1000) < 145);
});

Deno.test("streamOf is FNV-1a of the name's UTF-8 bytes", () => {
  // Published vectors of the 32-bit hash.
  assertEquals(streamOf("") >>> 0, 0x811c9dc5);
  assertEquals(streamOf("a") >>> 0, 0xe40c292c);
  assertEquals(streamOf("foobar") >>> 0, 0xbf9cf968);
});
