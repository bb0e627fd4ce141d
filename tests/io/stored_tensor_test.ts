import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { fromValue, type StoredTensor, toValue } from "../../src/io/mod.ts";
import type { Value } from "../../src/tensor/value.ts";

const floats: readonly StoredTensor[] = [
  { dtype: "F64", shape: [2], data: Float64Array.of(0.1, -0) },
  { dtype: "F32", shape: [2], data: Float32Array.of(0.1, -0) },
  { dtype: "F16", shape: [2], data: Float32Array.of(0.5, -0) },
  { dtype: "BF16", shape: [2], data: Float32Array.of(0.5, -0) },
];

for (const tensor of floats) {
  Deno.test(`toValue() makes ${tensor.dtype} a float without copying`, () => {
    const value = toValue(tensor);
    assertEquals(value.dtype, "float");
    assertStrictEquals(value.data, tensor.data);
  });
}

const integers: readonly [StoredTensor, least: number, most: number][] = [
  [
    {
      dtype: "I64",
      shape: [2],
      data: BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n),
    },
    -(2 ** 31),
    2 ** 31 - 1,
  ],
  [
    { dtype: "U64", shape: [2], data: BigUint64Array.of(0n, 2n ** 31n - 1n) },
    0,
    2 ** 31 - 1,
  ],
  [
    { dtype: "I32", shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
    -(2 ** 31),
    2 ** 31 - 1,
  ],
  [
    { dtype: "U32", shape: [2], data: Uint32Array.of(0, 2 ** 31 - 1) },
    0,
    2 ** 31 - 1,
  ],
  [{ dtype: "I16", shape: [2], data: Int16Array.of(-7, 9) }, -7, 9],
  [{ dtype: "U16", shape: [2], data: Uint16Array.of(0, 65535) }, 0, 65535],
  [{ dtype: "I8", shape: [2], data: Int8Array.of(-128, 127) }, -128, 127],
  [{ dtype: "U8", shape: [2], data: Uint8Array.of(0, 255) }, 0, 255],
];

for (const [tensor, least, most] of integers) {
  Deno.test(`toValue() makes ${tensor.dtype} an int`, () => {
    assertEquals(toValue(tensor), {
      shape: [2],
      dtype: "int",
      data: Int32Array.of(least, most),
    });
  });
}

const tooLarge: readonly [StoredTensor, got: string][] = [
  [
    { dtype: "I64", shape: [2], data: BigInt64Array.of(0n, 2n ** 31n) },
    "2147483648",
  ],
  [
    { dtype: "I64", shape: [2], data: BigInt64Array.of(0n, -(2n ** 63n)) },
    "-9223372036854775808",
  ],
  [
    { dtype: "U64", shape: [2], data: BigUint64Array.of(0n, 2n ** 64n - 1n) },
    "18446744073709551615",
  ],
  [
    { dtype: "U32", shape: [2], data: Uint32Array.of(0, 2 ** 31) },
    "2147483648",
  ],
];

for (const [tensor, got] of tooLarge) {
  Deno.test(`toValue() refuses ${got} of ${tensor.dtype}`, () => {
    assertThrows(
      () => toValue(tensor, '"step"'),
      RangeError,
      `Cannot make a value of "step": element 1 must fit 32 bits, got ${got}`,
    );
  });
}

Deno.test("toValue() makes BOOL a bool", () => {
  const data = Uint8Array.of(1, 0, 1);
  assertEquals(toValue({ dtype: "BOOL", shape: [3, 1], data }), {
    shape: [3, 1],
    dtype: "bool",
    data,
  });
});

Deno.test("toValue() refuses a byte that is no truth value", () => {
  assertThrows(
    () => toValue({ dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 2) }),
    RangeError,
    "bool element 2 must be 0 or 1, got 2",
  );
});

Deno.test("toValue() refuses a shape that does not fit the elements", () => {
  assertThrows(
    () => toValue({ dtype: "F32", shape: [2, 2], data: new Float32Array(3) }),
    RangeError,
    "data of shape [2,2] must have 4 elements, got 3",
  );
});

const values: readonly [Value, StoredTensor["dtype"]][] = [
  [{ shape: [], dtype: "float", data: Float64Array.of(0.1) }, "F64"],
  [{ shape: [1], dtype: "float", data: Float32Array.of(0.1) }, "F32"],
  [{ shape: [1, 1], dtype: "int", data: Int32Array.of(-5) }, "I32"],
  [{ shape: [2], dtype: "bool", data: Uint8Array.of(0, 1) }, "BOOL"],
  [{ shape: [3, 0], dtype: "float", data: new Float32Array(0) }, "F32"],
];

for (const [value, dtype] of values) {
  Deno.test(`fromValue() makes a ${value.dtype} of shape [${value.shape}] ${dtype}`, () => {
    const tensor = fromValue(value);
    assertEquals(tensor.dtype, dtype);
    assertEquals(tensor.shape, value.shape);
    assertStrictEquals(tensor.data, value.data);
    assertEquals(toValue(tensor), value);
  });
}

Deno.test("fromValue() refuses a value whose array does not fit its dtype", () => {
  assertThrows(
    () =>
      fromValue(
        { shape: [1], dtype: "int", data: Float64Array.of(0.5) },
        '"step"',
      ),
    TypeError,
    'Cannot store "step": int must not be held in this array, got Float64Array',
  );
});

Deno.test("fromValue() refuses a shape that does not fit the elements", () => {
  assertThrows(
    () => fromValue({ shape: [4], dtype: "int", data: new Int32Array(3) }),
    RangeError,
    "must have 4 elements, got 3",
  );
});

Deno.test("fromValue() refuses a byte that is no truth value", () => {
  assertThrows(
    () => fromValue({ shape: [1], dtype: "bool", data: Uint8Array.of(255) }),
    RangeError,
    "bool element 0 must be 0 or 1, got 255",
  );
});
