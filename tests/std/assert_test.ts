import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
} from "@std/assert";

/** Calls `fn`, which must fail with exactly this message, by plain means. */
function fails(fn: () => unknown, message: string) {
  let error: unknown;
  try {
    fn();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof AssertionError) || error.message !== message) {
    throw new Error(`Expected failure "${message}", got ${error}`);
  }
}

/** As {@linkcode fails}, for a promise. */
async function failsLater(fn: () => Promise<unknown>, message: string) {
  const [result] = await Promise.allSettled([fn()]);
  fails(() => {
    if (result.status === "rejected") throw result.reason;
  }, message);
}

function holds(value: boolean) {
  if (!value) throw new Error("Expected true, got false");
}

Deno.test("AssertionError is an error with its own name and a cause", () => {
  const error = new AssertionError("odd", { cause: 1 });
  holds(error instanceof Error);
  holds(error.name === "AssertionError");
  holds(error.cause === 1);
});

Deno.test("assert() passes what is truthy and fails with the bare message", () => {
  assert("0");
  fails(() => assert(0), "");
  fails(() => assert("", "empty"), "empty");
});

Deno.test("assertFalse() passes what is falsy and fails with the bare message", () => {
  assertFalse(NaN);
  fails(() => assertFalse([]), "");
  fails(() => assertFalse(1, "one"), "one");
});

Deno.test("equal() has NaN equal to itself and 0 equal to -0", () => {
  holds(equal(NaN, NaN));
  holds(equal([0, NaN], [-0, NaN]));
  holds(equal(new Float32Array([0, NaN]), new Float32Array([-0, NaN])));
  holds(!equal(1, "1"));
  holds(!equal(null, undefined));
});

Deno.test("equal() compares typed arrays by element, length and kind", () => {
  holds(equal(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
  holds(!equal(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
  holds(!equal(new Uint8Array([1, 2]), new Uint8Array([1, 2, 3])));
  holds(!equal(new Uint8Array([1]), new Uint16Array([1])));
  holds(!equal(new Uint8Array([1]).buffer, new Uint8Array([2]).buffer));
});

Deno.test("equal() compares maps and sets by content", () => {
  const map = new Map([[{ a: 1 }, [1]]]);
  holds(equal(map, new Map([[{ a: 1 }, [1]]])));
  holds(!equal(map, new Map([[{ a: 1 }, [2]]])));
  holds(!equal(new Map([["a", 1]]), new Map([["b", 1]])));
  holds(equal(new Set([1, [2]]), new Set([[2], 1])));
  holds(!equal(new Set([1]), new Set([1, 2])));
  holds(!equal(new Set([1]), new Set([2])));
});

Deno.test("equal() wants the same keys, symbols among them, and the same class", () => {
  class Point {
    x = 1;
  }
  const key = Symbol();
  holds(equal({ a: [{ b: 1 }] }, { a: [{ b: 1 }] }));
  holds(!equal({ a: undefined }, {}));
  holds(!equal({ a: undefined }, { b: undefined }));
  holds(!equal({ [key]: 1 }, { [key]: 2 }));
  holds(!equal({ x: 1 }, new Point()));
  holds(!equal({}, []));
  holds(equal(Object.create(null), {}));
});

Deno.test("equal() compares dates, patterns and URLs by what they say", () => {
  holds(equal(new Date(1), new Date(1)));
  holds(!equal(new Date(1), new Date(2)));
  holds(equal(new Date(NaN), new Date(NaN)));
  holds(!equal(/a/g, /a/i));
  holds(!equal(new URL("file:///a"), new URL("file:///b")));
});

Deno.test("equal() ends on objects that contain themselves", () => {
  const [a, b]: { self?: unknown; n?: number }[] = [{}, {}];
  a.self = a;
  b.self = b;
  holds(equal(a, b));
  b.n = 1;
  holds(!equal(a, b));
});

Deno.test("assertEquals() shows what is only in one of the values", () => {
  assertEquals([NaN, 0], [NaN, -0]);
  fails(
    () => assertEquals(1, 2),
    "Values are not equal.\n\n\n    [Diff] Actual / Expected\n\n\n-   1\n+   2\n",
  );
  fails(
    () => assertEquals([1, 2], [1, 3], "pair"),
    "Values are not equal: pair\n\n\n    [Diff] Actual / Expected\n\n\n" +
      "    [\n      1,\n-     2,\n+     3,\n    ]\n",
  );
  fails(
    () => assertEquals("a\nb", "a\nc"),
    "Values are not equal.\n\n\n    [Diff] Actual / Expected\n\n\n" +
      "    a\n-   b\n+   c\n",
  );
});

Deno.test("assertNotEquals() fails on deeply equal values", () => {
  assertNotEquals<unknown>([1], ["1"]);
  fails(() => assertNotEquals(0, -0), "Expected actual: 0 not to be: -0.");
  fails(
    () => assertNotEquals("a", "a", "letter"),
    'Expected actual: "a" not to be: "a": letter',
  );
});

Deno.test("assertStrictEquals() tells 0 from -0 and one object from another", () => {
  assertStrictEquals(NaN, NaN);
  fails(
    () => assertStrictEquals(0, -0),
    "Values are not strictly equal.\n\n\n" +
      "    [Diff] Actual / Expected\n\n\n-   0\n+   -0\n",
  );
  fails(
    () => assertStrictEquals([1], [1], "same"),
    "Values have the same structure but are not reference-equal: same\n\n" +
      "    [\n      1,\n    ]\n",
  );
});

Deno.test("assertAlmostEquals() has a tolerance relative to the expected value", () => {
  assertAlmostEquals(1e9 + 99, 1e9);
  assertAlmostEquals(-1e9 - 99, -1e9);
  assertAlmostEquals(NaN, NaN);
  assertAlmostEquals(Infinity, Infinity);
  fails(
    () => assertAlmostEquals(1e9 + 101, 1e9),
    'Expected actual: "1000000101" to be close to "1000000000": ' +
      'delta "101" is greater than "100".',
  );
  fails(
    () => assertAlmostEquals(1.5, 1, 0.25, "far"),
    'Expected actual: "1.5e+0" to be close to "1": ' +
      'delta "5e-1" is greater than "2.5e-1": far',
  );
});

Deno.test("assertAlmostEquals() allows no deviation from 0 by default", () => {
  fails(
    () => assertAlmostEquals(1e-300, 0),
    'Expected actual: "1e-300" to be close to "0": ' +
      'delta "1e-300" is greater than "0".',
  );
  assertAlmostEquals(-0, 0);
  assertAlmostEquals(0.5, 0, 0.5);
});

Deno.test("assertAlmostEquals() fails on a NaN that is not expected", () => {
  fails(
    () => assertAlmostEquals(NaN, 1, 9),
    'Expected actual: "NaN" to be close to "1": ' +
      'delta "NaN" is greater than "9".',
  );
  fails(
    () => assertAlmostEquals(1, Infinity),
    'Expected actual: "1" to be close to "Infinity": ' +
      'delta "Infinity" is greater than "1e-7".',
  );
});

const raise = (error: unknown) => () => {
  throw error;
};

Deno.test("assertThrows() returns what is thrown", () => {
  const error = new RangeError("Cannot stop: too fast");
  holds(assertThrows(raise(error)) === error);
  holds(assertThrows(raise("text")) === "text");
  holds(assertThrows(raise(error), "msg") === error);
  holds(assertThrows(raise(error), RangeError, "too") === error);
  holds(assertThrows(raise(error), Error) === error);
});

Deno.test("assertThrows() fails where nothing is thrown", () => {
  fails(() => assertThrows(() => 1), "Expected function to throw.");
  fails(() => assertThrows(() => 1, "a"), "Expected function to throw: a");
  fails(
    () => assertThrows(() => 1, Error, "b", "c"),
    "Expected function to throw: c",
  );
});

Deno.test("assertThrows() fails on another class, another text and no error", () => {
  fails(
    () => assertThrows(raise(new TypeError("a")), RangeError, "a", "m"),
    'Expected error to be instance of "RangeError", but was "TypeError": m',
  );
  fails(
    () => assertThrows(raise(new TypeError("a")), TypeError, "b"),
    'Expected error message to include "b", but got "a".',
  );
  fails(
    () => assertThrows(raise("a"), Error),
    "A non-Error object was thrown.",
  );
});

Deno.test("assertRejects() returns the reason", async () => {
  const error = new RangeError("late");
  holds(await assertRejects(() => Promise.reject(error)) === error);
  holds(await assertRejects(() => Promise.reject(error), RangeError) === error);
});

Deno.test("assertRejects() fails on what assertThrows() fails on", async () => {
  await failsLater(
    () => assertRejects(() => Promise.resolve()),
    "Expected function to reject.",
  );
  await failsLater(
    () => assertRejects(() => Promise.reject(new Error("a")), TypeError),
    'Expected error to be instance of "TypeError", but was "Error".',
  );
  await failsLater(
    () => assertRejects(() => Promise.reject(new Error("a")), Error, "b"),
    'Expected error message to include "b", but got "a".',
  );
  await failsLater(
    () => assertRejects(() => Promise.reject(1), Error),
    "A non-Error object was rejected.",
  );
});

Deno.test("assertRejects() fails where the function throws or returns no promise", async () => {
  const message = "Function throws when expected to reject.";
  await failsLater(
    () =>
      assertRejects(() => {
        throw new Error("early");
      }),
    message,
  );
  await failsLater(
    () => assertRejects(() => 1 as unknown as Promise<void>),
    message,
  );
});

Deno.test("assertInstanceOf() names the classes", () => {
  assertInstanceOf(new RangeError(), Error);
  const start = 'Expected object to be an instance of "Map"';
  fails(
    () => assertInstanceOf(new Set(), Map, "m"),
    `${start} but was "Set": m`,
  );
  fails(() => assertInstanceOf(null, Map), `${start} but was "null".`);
  fails(
    () => assertInstanceOf(undefined, Map),
    `${start} but was "undefined".`,
  );
  fails(() => assertInstanceOf(1, Map), `${start} but was "number".`);
  fails(
    () => assertInstanceOf(() => 1, Map),
    `${start} but was not an instanced object.`,
  );
});

Deno.test("assertMatch() names text and pattern", () => {
  assertMatch("abc", /b/);
  fails(
    () => assertMatch("abc", /d/),
    'Expected actual: "abc" to match: "/d/".',
  );
});

Deno.test("assertStringIncludes() names both texts", () => {
  assertStringIncludes("abc", "bc");
  fails(
    () => assertStringIncludes("abc", "d", "m"),
    'Expected actual: "abc" to contain: "d": m',
  );
});

Deno.test("assertExists() passes all but null and undefined", () => {
  assertExists(0);
  assertExists("");
  fails(
    () => assertExists(null),
    'Expected actual: "null" to not be null or undefined.',
  );
  fails(
    () => assertExists(undefined, "m"),
    'Expected actual: "undefined" to not be null or undefined: m',
  );
});

Deno.test("assertGreater(), assertGreaterOrEqual(), assertLess() and assertLessOrEqual() compare", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(1, 1);
  assertLess("a", "b");
  assertLessOrEqual(1n, 1n);
  fails(() => assertGreater(1, 1), "Expect 1 > 1");
  fails(() => assertGreaterOrEqual(1, 2), "Expect 1 >= 2");
  fails(() => assertLess("b", "a"), 'Expect "b" < "a"');
  fails(() => assertLessOrEqual(2, 1), "Expect 2 <= 1");
});

Deno.test("assertLess() and its kin fail on NaN and replace the message whole", () => {
  fails(() => assertLess(NaN, 1), "Expect NaN < 1");
  fails(() => assertGreaterOrEqual(NaN, NaN), "Expect NaN >= NaN");
  fails(() => assertLessOrEqual(2, 1, "too much"), "too much");
});

Deno.test("fail() always fails", () => {
  fails(() => fail(), "Failed assertion.");
  fails(() => fail("never"), "Failed assertion: never");
});
