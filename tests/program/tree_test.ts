import { assertEquals, assertThrows } from "@std/assert";
import { leaves, mapLeaves } from "../../src/program/mod.ts";
import { scalarValue, value } from "../../src/tensor/mod.ts";

const one = scalarValue(1), two = value([2, 2]);

Deno.test("leaves have the path as their name, in the order of the records", () => {
  assertEquals(
    [...leaves({ b: one, a: { "c.d": two, empty: {}, e: one } })],
    [["b", one], ["a/c.d", two], ["a/e", one]],
  );
  assertEquals([...leaves(one)], [["", one]]);
  assertEquals([...leaves({})], []);
});

Deno.test("leaves refuses two leaves of one name", () => {
  assertThrows(
    () => leaves({ "a/b": one, a: { b: two } }),
    RangeError,
    "two leaves have the name a/b",
  );
});

Deno.test("leaves and mapLeaves refuse what is neither record nor leaf", () => {
  for (const wrong of [3, null, undefined, "x", [one]]) {
    for (const read of [leaves, mapLeaves] as ((tree: object) => unknown)[]) {
      assertThrows(
        () => read({ a: { b: wrong } }),
        TypeError,
        "a/b must be a tensor, a value or a record",
      );
    }
  }
  assertThrows(() => leaves([one]), TypeError, "the root must be");
});

Deno.test("mapLeaves keeps the structure and knows the names", () => {
  assertEquals(
    mapLeaves(
      { b: one, a: { c: two, empty: {} } },
      (name, { shape }) => `${name}:${shape}`,
    ) as unknown,
    { b: "b:", a: { c: "a/c:2", empty: {} } },
  );
});
