/**
 * The part of `@std/assert` that this project uses.
 *
 * @module
 */
import * as util from "node:util";

// deno-lint-ignore no-explicit-any
type Class<T> = abstract new (...args: any[]) => T;

/** A value that counts as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** The error of an assertion that does not hold. */
export class AssertionError extends Error {
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

const suffix = (msg?: string) => msg ? `: ${msg}` : ".";

const format = (value: unknown) =>
  Deno.inspect(value, {
    compact: false,
    depth: Infinity,
    getters: true,
    iterableLimit: Infinity,
    sorted: true,
    strAbbreviateSize: Infinity,
    trailingComma: true,
  });

/** Both values, line by line, with `-` before what is only in the first. */
function diff(actual: unknown, expected: unknown): string {
  const strings = typeof actual === "string" && typeof expected === "string";
  const [a, b] = [actual, expected]
    .map((value) => (strings ? String(value) : format(value)).split("\n"));
  // Time and memory of a diff grow with the product of the lengths.
  const lines = a.length * b.length < 1e7
    ? util.diff(a, b)
    : [...a.map((text) => [1, text]), ...b.map((text) => [-1, text])];
  const marks = { "1": "-   ", "0": "    ", "-1": "+   " };
  return [
    "\n\n    [Diff] Actual / Expected\n\n",
    ...lines.map(([side, text]) => marks[side as -1 | 0 | 1] + text),
    "",
  ].join("\n");
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Asserts that both values are deeply equal, see {@linkcode equal}. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n${diff(actual, expected)}`,
  );
}

/** Asserts that the values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${format(actual)} not to be: ${format(expected)}${
      suffix(msg)
    }`,
  );
}

/** Asserts that both values are the same, as `Object.is` has it. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const text = format(actual);
  throw new AssertionError(
    text === format(expected)
      ? `Values have the same structure but are not reference-equal${
        suffix(msg)
      }\n\n${text.replace(/^/gm, "    ")}\n`
      : `Values are not strictly equal${suffix(msg)}\n${
        diff(actual, expected)
      }`,
  );
}

/** Asserts that two numbers differ by no more than `tolerance`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const delta = Math.abs(expected - actual);
  tolerance ??= isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7;
  if (delta <= tolerance) return;
  const f = (n: number) => Number.isInteger(n) ? n : n.toExponential();
  throw new AssertionError(
    `Expected actual: "${f(actual)}" to be close to "${f(expected)}": ` +
      `delta "${f(delta)}" is greater than "${f(tolerance)}"${suffix(msg)}`,
  );
}

/** Asserts that the function throws, and returns what it throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that the function throws such an error, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...expected: Expected) {
  try {
    fn();
  } catch (error) {
    return checkError("thrown", error, expected);
  }
  throw new AssertionError(
    `Expected function to throw${suffix(ownMessage(expected))}`,
  );
}

/** Asserts that the promise is rejected, and returns the reason. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Asserts that the promise is rejected with such an error, and returns it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...expected: Expected
) {
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    // Reported below, as a function that returns no promise is.
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(
      `Function throws when expected to reject${suffix(ownMessage(expected))}`,
    );
  }
  try {
    await promise;
  } catch (error) {
    return checkError("rejected", error, expected);
  }
  throw new AssertionError(
    `Expected function to reject${suffix(ownMessage(expected))}`,
  );
}

type Expected = [
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
];

const ownMessage = ([first, , msg]: Expected) =>
  typeof first === "string" ? first : msg;

function checkError(
  verb: string,
  error: unknown,
  expected: Expected,
): unknown {
  const [ErrorClass, msgIncludes] = expected;
  if (ErrorClass === undefined || typeof ErrorClass === "string") return error;
  const end = suffix(ownMessage(expected));
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${verb}${end}`);
  }
  if (!(error instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", ` +
        `but was "${(error as Error).constructor?.name}"${end}`,
    );
  }
  const plain = util.stripVTControlCharacters;
  if (msgIncludes && !plain(error.message).includes(plain(msgIncludes))) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, ` +
        `but got ${JSON.stringify(error.message)}${end}`,
    );
  }
  return error;
}

/** Asserts that `actual` is an instance of the class. */
// deno-lint-ignore no-explicit-any
export function assertInstanceOf<T extends Class<any>>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const expected = expectedType.name;
  let type: string = actual === null ? "null" : typeof actual;
  if (type === "object") {
    type = (actual as object).constructor?.name ?? "Object";
  }
  let found = ` but was "${type}"`;
  if (type === "function") found = " but was not an instanced object";
  if (type === expected) found = "";
  throw new AssertionError(
    `Expected object to be an instance of "${expected}"${found}${suffix(msg)}`,
  );
}

/** Asserts that the text matches the pattern. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/** Asserts that the text contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
  );
}

/** Asserts that `actual` is neither null nor undefined. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
  );
}

function compare(
  holds: boolean,
  sign: string,
  actual: unknown,
  expected: unknown,
  msg?: string,
) {
  if (holds) return;
  throw new AssertionError(
    msg ?? `Expect ${format(actual)} ${sign} ${format(expected)}`,
  );
}

/** Asserts that `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  compare(actual > expected, ">", actual, expected, msg);
}

/** Asserts that `actual` is greater than `expected` or equal to it. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  compare(actual >= expected, ">=", actual, expected, msg);
}

/** Asserts that `actual` is less than `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  compare(actual < expected, "<", actual, expected, msg);
}

/** Asserts that `actual` is less than `expected` or equal to it. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  compare(actual <= expected, "<=", actual, expected, msg);
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Whether two values are deeply equal: NaN is NaN, and 0 is -0. */
export function equal(a: unknown, b: unknown): boolean {
  const seen = new Map<unknown, unknown>();
  const same = (a: unknown, b: unknown): boolean => {
    if (a === b || Object.is(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    if ((a.constructor ?? Object) !== (b.constructor ?? Object)) return false;
    if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
    if (a instanceof Date) return Object.is(+a, +(b as unknown as Date));
    if (a instanceof ArrayBuffer || a instanceof DataView) {
      return util.isDeepStrictEqual(a, b);
    }
    if (ArrayBuffer.isView(a)) {
      const [x, y] = [a, b] as unknown as Float64Array[];
      return x.length === y.length && x.every((value, i) => same(value, y[i]));
    }
    if (seen.get(a) === b) return true;
    seen.set(a, b);
    const keys = enumerable(a);
    if (keys.length !== enumerable(b).length) return false;
    if (a instanceof Set) {
      const other = b as unknown as Set<unknown>;
      if (a.size !== other.size) return false;
      return [...a].every((x) =>
        other.has(x) || [...other].some((y) => same(x, y))
      );
    }
    if (a instanceof Map) {
      const other = b as unknown as Map<unknown, unknown>;
      if (a.size !== other.size) return false;
      return [...a].every(([key, x]) =>
        other.has(key)
          ? same(x, other.get(key))
          : [...other].some((entry) => same([key, x], entry))
      );
    }
    return keys.every((key) => key in b && same(a[key], b[key]));
  };
  return same(a, b);
}

const isObject = (value: unknown): value is Record<PropertyKey, unknown> =>
  typeof value === "object" && value !== null;

const enumerable = (value: object) =>
  Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
