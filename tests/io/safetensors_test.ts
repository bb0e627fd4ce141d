import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  decodeSafetensors,
  encodeSafetensors,
  type StoredTensor,
} from "../../src/io/mod.ts";
import { fromHex, rawFile } from "./raw_file.ts";

/** The bytes of an array, so that -0 and 0 differ. */
function bits(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

/** A header entry. */
function entry(dtype: string, shape: number[], begin: number, end: number) {
  return JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
}

/** The one tensor "x" of a file whose data starts `shift` bytes off alignment. */
function decodeOne(
  dtype: string,
  data: Uint8Array,
  count: number,
  shift: number,
): StoredTensor {
  const json = `{"x":${entry(dtype, [count], 0, data.length)}}`;
  const padding = 16 - (json.length + 8) % 8 + shift;
  const bytes = rawFile(json + " ".repeat(padding), data);
  return decodeSafetensors(bytes).tensors.get("x")!;
}

// Little-endian bytes, written by hand from the formats' definitions.
const formats: readonly [tensor: StoredTensor, hex: string][] = [
  [
    {
      dtype: "F64",
      shape: [6],
      data: Float64Array.of(
        1.5,
        -0,
        2 ** -1074,
        Infinity,
        -Infinity,
        Number.MAX_VALUE,
      ),
    },
    `000000000000f83f 0000000000000080 0100000000000000
     000000000000f07f 000000000000f0ff ffffffffffffef7f`,
  ],
  [
    {
      dtype: "F32",
      shape: [5],
      data: Float32Array.of(1.5, -0, 2 ** -149, Infinity, -Infinity),
    },
    "0000c03f 00000080 01000000 0000807f 000080ff",
  ],
  [
    {
      dtype: "F16",
      shape: [6],
      data: Float32Array.of(1.5, -0, 2 ** -24, Infinity, -Infinity, 65504),
    },
    "003e 0080 0100 007c 00fc ff7b",
  ],
  [
    {
      dtype: "BF16",
      shape: [5],
      data: Float32Array.of(1.5, -0, 2 ** -133, Infinity, -Infinity),
    },
    "c03f 0080 0100 807f 80ff",
  ],
  [
    {
      dtype: "I64",
      shape: [3],
      data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, -2n),
    },
    "0000000000000080 ffffffffffffff7f feffffffffffffff",
  ],
  [
    { dtype: "U64", shape: [2], data: BigUint64Array.of(2n ** 64n - 1n, 258n) },
    "ffffffffffffffff 0201000000000000",
  ],
  [
    { dtype: "I32", shape: [3], data: Int32Array.of(-(2 ** 31), 258, -2) },
    "00000080 02010000 feffffff",
  ],
  [
    { dtype: "U32", shape: [2], data: Uint32Array.of(2 ** 32 - 1, 258) },
    "ffffffff 02010000",
  ],
  [
    { dtype: "I16", shape: [3], data: Int16Array.of(-32768, 258, -2) },
    "0080 0201 feff",
  ],
  [{ dtype: "U16", shape: [2], data: Uint16Array.of(65535, 258) }, "ffff 0201"],
  [{ dtype: "I8", shape: [3], data: Int8Array.of(-128, 127, -2) }, "80 7f fe"],
  [{ dtype: "U8", shape: [2], data: Uint8Array.of(255, 7) }, "ff 07"],
  [{ dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }, "01 00 01"],
];

for (const [tensor, hex] of formats) {
  const { dtype } = tensor;
  for (const shift of [0, 1, 2, 3, 4]) {
    Deno.test(`decodeSafetensors() reads ${dtype} bit for bit, ${shift} bytes off alignment`, () => {
      const read = decodeOne(dtype, fromHex(hex), tensor.data.length, shift);
      assertEquals(read, tensor);
      assertEquals(bits(read.data), bits(tensor.data));
    });
  }
  Deno.test(`encodeSafetensors() writes ${dtype} bit for bit`, () => {
    const bytes = encodeSafetensors(new Map([["x", tensor]]));
    const expected = fromHex(hex);
    assertEquals(bytes.slice(-expected.length), expected);
    const read = decodeSafetensors(bytes).tensors.get("x")!;
    assertEquals(bits(read.data), bits(tensor.data));
  });
}

// Each of the 65,536 halves is read and written again; NaN stays NaN.
for (const dtype of ["F16", "BF16"] as const) {
  Deno.test(`encodeSafetensors() gives every ${dtype} back that was read`, () => {
    const every = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const read = decodeOne(dtype, bits(every), every.length, 0);
    const written = encodeSafetensors(new Map([["x", read]]));
    const again = new Uint16Array(written.slice(-2 * every.length).buffer);
    for (let i = 0; i < every.length; i++) {
      if (!Number.isNaN(read.data[i])) assertEquals(again[i], i);
    }
    const reread = decodeSafetensors(written).tensors.get("x")!;
    assertEquals(
      Array.from(reread.data, Number.isNaN),
      Array.from(read.data, Number.isNaN),
    );
  });
}

// The tie goes to the half whose last bit is 0; halves are (0x3c00, 0x3c01, ...)
// 2^-10 apart above 1 in F16 and 2^-7 apart in BF16.
const roundings: readonly [StoredTensor["dtype"], number, number][] = [
  ["F16", 1 + 2 ** -11, 0x3c00],
  ["F16", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
  ["F16", 1 + 3 * 2 ** -11, 0x3c02],
  ["F16", 65520, 0x7c00],
  ["BF16", 1 + 2 ** -8, 0x3f80],
  ["BF16", 1 + 2 ** -8 + 2 ** -20, 0x3f81],
  ["BF16", 1 + 3 * 2 ** -8, 0x3f82],
  ["BF16", (2 - 2 ** -23) * 2 ** 127, 0x7f80],
];

for (const [dtype, number, expected] of roundings) {
  Deno.test(`encodeSafetensors() rounds ${number} to the nearest ${dtype}`, () => {
    const tensor = { dtype, shape: [], data: Float32Array.of(number) };
    const bytes = encodeSafetensors(new Map([["x", tensor as StoredTensor]]));
    assertEquals(new Uint16Array(bytes.slice(-2).buffer)[0], expected);
  });
}

Deno.test("encodeSafetensors() keeps a NaN of the largest payload a BF16 NaN", () => {
  const data = new Float32Array(Uint32Array.of(0x7fffffff, 0x7f800001).buffer);
  const tensor: StoredTensor = { dtype: "BF16", shape: [2], data };
  const read = decodeSafetensors(encodeSafetensors(new Map([["x", tensor]])));
  assertEquals(
    Array.from(read.tensors.get("x")!.data, Number.isNaN),
    [true, true],
  );
});

// save({"b": bool [1, 0], "w": [[1.5, -0.]], "h": float16 [1/3], "i": 5,
// "z": float32 of shape (0, 2)}, {"who": "x"}) by the format's own Python
// package, version 0.8.0.
const official = fromHex(`
  30010000000000007b225f5f6d657461646174615f5f223a7b2277686f223a2278227d2c226922
  3a7b226474797065223a22493634222c227368617065223a5b5d2c22646174615f6f6666736574
  73223a5b302c385d7d2c2277223a7b226474797065223a22463634222c227368617065223a5b31
  2c325d2c22646174615f6f666673657473223a5b382c32345d7d2c227a223a7b22647479706522
  3a22463332222c227368617065223a5b302c325d2c22646174615f6f666673657473223a5b3234
  2c32345d7d2c2268223a7b226474797065223a22463136222c227368617065223a5b315d2c2264
  6174615f6f666673657473223a5b32342c32365d7d2c2262223a7b226474797065223a22424f4f
  4c222c227368617065223a5b325d2c22646174615f6f666673657473223a5b32362c32385d7d7d
  0500000000000000000000000000f83f000000000000008055350100`);

Deno.test("decodeSafetensors() reads a file of the format's own writer", () => {
  const { tensors, metadata } = decodeSafetensors(official);
  assertEquals(metadata, { who: "x" });
  assertEquals([...tensors], [
    ["i", { dtype: "I64", shape: [], data: BigInt64Array.of(5n) }],
    ["w", { dtype: "F64", shape: [1, 2], data: Float64Array.of(1.5, -0) }],
    ["z", { dtype: "F32", shape: [0, 2], data: new Float32Array(0) }],
    ["h", { dtype: "F16", shape: [1], data: Float32Array.of(1365 / 4096) }],
    ["b", { dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) }],
  ]);
  assert(Object.is(tensors.get("w")!.data[1], -0));
});

Deno.test("encodeSafetensors() writes what the format's own writer writes", () => {
  const { tensors, metadata } = decodeSafetensors(official);
  assertEquals(encodeSafetensors(tensors, metadata), official);
});

Deno.test("encodeSafetensors() gives the same bytes for the same tensors", () => {
  const make = () =>
    encodeSafetensors(
      new Map<string, StoredTensor>([
        ["a", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
        ["b", { dtype: "F64", shape: [], data: Float64Array.of(0.1) }],
      ]),
      { one: "1", two: "2" },
    );
  assertEquals(make(), make());
});

Deno.test("encodeSafetensors() keeps the order of names and aligns every tensor", () => {
  const tensors = new Map<string, StoredTensor>([
    ["flag", { dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) }],
    ["half", { dtype: "F16", shape: [1], data: Float32Array.of(0.5) }],
    ["wide", { dtype: "F64", shape: [1], data: Float64Array.of(0.25) }],
    ["int", { dtype: "I32", shape: [1], data: Int32Array.of(-9) }],
  ]);
  const bytes = encodeSafetensors(tensors);
  const read = decodeSafetensors(bytes).tensors;
  assertEquals([...read], [...tensors]);
  for (const name of ["flag", "wide", "int"]) {
    assertStrictEquals(read.get(name)!.data.buffer, bytes.buffer, name);
  }
});

Deno.test("encodeSafetensors() writes views of larger arrays", () => {
  const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  const bytes = encodeSafetensors(
    new Map([["x", { dtype: "F32", shape: [2], data }]]),
  );
  assertEquals(
    decodeSafetensors(bytes).tensors.get("x")!.data,
    Float32Array.of(2, 3),
  );
});

Deno.test("encodeSafetensors() starts the data at a multiple of eight bytes", () => {
  for (let length = 1; length <= 9; length++) {
    const bytes = encodeSafetensors(
      new Map([
        ["n".repeat(length), {
          dtype: "U8",
          shape: [0],
          data: new Uint8Array(0),
        }],
      ]),
    );
    assertEquals(bytes.length % 8, 0);
    assertEquals(bytes[8], "{".charCodeAt(0));
  }
});

const odd = ["", "__proto__", "constructor", 'a b/ü\n"\\', "😀", "toString"];

Deno.test("decodeSafetensors() takes any name for just a name", () => {
  const tensors = new Map(odd.map((name, i): [string, StoredTensor] => [
    name,
    { dtype: "I32", shape: [], data: Int32Array.of(i) },
  ]));
  const metadata = Object.fromEntries(odd.map((name) => [name, `of ${name}`]));
  const read = decodeSafetensors(encodeSafetensors(tensors, metadata));
  assertEquals([...read.tensors], [...tensors]);
  assertEquals(Object.entries(read.metadata), Object.entries(metadata));
  assertEquals(Object.getPrototypeOf(read.metadata), Object.prototype);
  assertEquals(({} as Record<string, unknown>).dtype, undefined);
});

Deno.test("decodeSafetensors() reads a file without tensors", () => {
  const { tensors, metadata } = decodeSafetensors(rawFile("{}"));
  assertEquals(tensors.size, 0);
  assertEquals(metadata, {});
});

Deno.test("decodeSafetensors() reads scalars, and zero-size tensors among others", () => {
  const { tensors } = decodeSafetensors(rawFile(
    `{"s":${entry("I8", [], 0, 1)},"z":${entry("F64", [3, 0, 2], 1, 1)},"y":${
      entry("F32", [0], 0, 0)
    }}`,
    [9],
  ));
  assertEquals(tensors.get("s"), {
    dtype: "I8",
    shape: [],
    data: Int8Array.of(9),
  });
  assertEquals(tensors.get("z")!.shape, [3, 0, 2]);
  assertEquals(tensors.get("z")!.data, new Float64Array(0));
  assertEquals(tensors.get("y")!.data, new Float32Array(0));
});

Deno.test("decodeSafetensors() reads a file that lies within a larger array", () => {
  const file = rawFile(`{"x":${entry("F32", [1], 0, 4)}}`, [0, 0, 0xc0, 0x3f]);
  for (let offset = 0; offset < 4; offset++) {
    const larger = new Uint8Array(file.length + 9).fill(0xff);
    larger.set(file, offset);
    const bytes = larger.subarray(offset, offset + file.length);
    assertEquals(
      decodeSafetensors(bytes).tensors.get("x")!.data,
      Float32Array.of(1.5),
    );
  }
});

/** A header length that no header of that length follows. */
function lengthOnly(length: bigint, rest: number): Uint8Array {
  const bytes = new Uint8Array(8 + rest);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

const four = [0, 0, 0, 0];
const eight = [...four, ...four];
const hostile: readonly [
  sentence: string,
  bytes: Uint8Array,
  ErrorClass: new (message: string) => Error,
  message: string,
][] = [
  ["an empty file", new Uint8Array(0), RangeError, "at least 8 bytes, got 0"],
  ["seven bytes", new Uint8Array(7), RangeError, "at least 8 bytes, got 7"],
  [
    "a header that is longer than the file",
    lengthOnly(11n, 10),
    RangeError,
    "the header must end within the file, got 11 bytes where 10 are left",
  ],
  [
    "a header of more than 100 MB",
    lengthOnly(100_000_001n, 10),
    RangeError,
    "the header must have at most 100000000 bytes, got 100000001",
  ],
  [
    "a header of 2^64 - 1 bytes",
    lengthOnly(2n ** 64n - 1n, 10),
    RangeError,
    "got 18446744073709551615",
  ],
  ["a header of no bytes", lengthOnly(0n, 0), SyntaxError, "must be JSON"],
  ["a cut header", rawFile('{"x":'), SyntaxError, "must be JSON"],
  ["text after the header", rawFile("{} x"), SyntaxError, "must be JSON"],
  [
    "a header that is no UTF-8",
    rawFile(
      Uint8Array.from(
        `{"\xff":${entry("U8", [0], 0, 0)}}`,
        (character) => character.charCodeAt(0),
      ),
    ),
    SyntaxError,
    "JSON in UTF-8",
  ],
  [
    "a byte order mark",
    rawFile("\ufeff{}"),
    SyntaxError,
    "the header must be JSON",
  ],
  ["null", rawFile("null"), TypeError, "a JSON object, got null"],
  ["an array", rawFile("[1]"), TypeError, "a JSON object, got an array of 1"],
  ["a number", rawFile("7"), TypeError, "a JSON object, got 7"],
  [
    "a name that appears twice",
    rawFile(
      `{"x":${entry("F32", [1], 0, 4)},"x":${entry("F32", [1], 4, 8)}}`,
      eight,
    ),
    SyntaxError,
    'each key of the header must appear once, got "x" twice',
  ],
  [
    "a name that appears twice, once escaped",
    rawFile(
      `{"x":${entry("U8", [0], 0, 0)},"\\u0078":${entry("U8", [0], 0, 0)}}`,
    ),
    SyntaxError,
    'got "x" twice',
  ],
  [
    "a key of an entry that appears twice",
    rawFile(
      '{"x":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}',
    ),
    SyntaxError,
    'got "x" > "dtype" twice',
  ],
  [
    "metadata that appears twice",
    rawFile('{"__metadata__":{},"__metadata__":{}}'),
    SyntaxError,
    'got "__metadata__" twice',
  ],
  [
    "an entry that is no object",
    rawFile('{"x":[]}'),
    TypeError,
    'tensor "x" must be an object of dtype, shape and data_offsets, got an array',
  ],
  [
    "an entry __proto__ that is no tensor",
    rawFile('{"__proto__":{"dtype":"F32"}}'),
    TypeError,
    'tensor "__proto__" shape must be an array, got nothing',
  ],
  [
    "a dtype it does not know",
    rawFile(`{"x":${entry("F8_E4M3", [1], 0, 1)}}`, [0]),
    RangeError,
    'I8, U8, BOOL, got "F8_E4M3"',
  ],
  [
    "a dtype that every object has",
    rawFile(`{"x":${entry("constructor", [1], 0, 1)}}`, [0]),
    RangeError,
    'got "constructor"',
  ],
  [
    "a dtype that is no text",
    rawFile('{"x":{"dtype":3,"shape":[],"data_offsets":[0,0]}}'),
    TypeError,
    "must have a dtype of F64",
  ],
  [
    "an entry without a dtype",
    rawFile('{"x":{"shape":[],"data_offsets":[0,0]}}'),
    TypeError,
    "got nothing",
  ],
  [
    "an entry without a shape",
    rawFile('{"x":{"dtype":"F32","data_offsets":[0,0]}}'),
    TypeError,
    'tensor "x" shape must be an array, got nothing',
  ],
  [
    "a shape that is no array",
    rawFile('{"x":{"dtype":"F32","shape":{"0":1},"data_offsets":[0,4]}}', four),
    TypeError,
    'tensor "x" shape must be an array, got an object',
  ],
  [
    "an extent that is no number",
    rawFile('{"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}', four),
    TypeError,
    'tensor "x" shape must hold numbers, got "1" at 0',
  ],
  [
    "a negative extent",
    rawFile(`{"x":${entry("F32", [1, -1], 0, 4)}}`, four),
    RangeError,
    'tensor "x" shape must hold whole numbers from 0 to 2^53 - 1, got -1 at 1',
  ],
  [
    "two negative extents whose product fits",
    rawFile(`{"x":${entry("F32", [-1, -1], 0, 4)}}`, four),
    RangeError,
    "got -1 at 0",
  ],
  [
    "a fractional extent",
    rawFile(`{"x":${entry("F32", [0.5, 2], 0, 4)}}`, four),
    RangeError,
    "got 0.5 at 0",
  ],
  [
    "an extent of 2^53",
    rawFile(`{"x":${entry("U8", [2 ** 53, 0], 0, 0)}}`),
    RangeError,
    "got 9007199254740992 at 0",
  ],
  [
    "an extent that overflows a double",
    rawFile('{"x":{"dtype":"U8","shape":[1e999],"data_offsets":[0,0]}}'),
    RangeError,
    "got Infinity at 0",
  ],
  [
    "a shape of 2^64 elements, which is none in 64 bits",
    rawFile(`{"x":${entry("U8", [2 ** 32, 2 ** 32], 0, 0)}}`),
    RangeError,
    'tensor "x" must have at most 2^53 - 1 bytes, got shape [4294967296,4294967296]',
  ],
  [
    "a shape whose bytes overflow where its elements do not",
    rawFile(`{"x":${entry("F64", [2 ** 52], 0, 8)}}`, eight),
    RangeError,
    "must have at most 2^53 - 1 bytes",
  ],
  [
    "offsets that are no array",
    rawFile('{"x":{"dtype":"F32","shape":[1],"data_offsets":4}}', four),
    TypeError,
    'tensor "x" data_offsets must be an array, got 4',
  ],
  [
    "three offsets",
    rawFile('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', eight),
    RangeError,
    'tensor "x" data_offsets must be its begin and end, got 3 numbers',
  ],
  [
    "one offset",
    rawFile('{"x":{"dtype":"F32","shape":[0],"data_offsets":[0]}}'),
    RangeError,
    "must be its begin and end, got 1 numbers",
  ],
  [
    "a negative offset",
    rawFile(`{"x":${entry("F32", [1], -4, 0)}}`, four),
    RangeError,
    'tensor "x" data_offsets must hold whole numbers from 0 to 2^53 - 1, got -4 at 0',
  ],
  [
    "a fractional offset",
    rawFile(`{"x":${entry("F32", [1], 0.5, 4.5)}}`, eight),
    RangeError,
    "got 0.5 at 0",
  ],
  [
    "an offset that is no number",
    rawFile('{"x":{"dtype":"F32","shape":[1],"data_offsets":[null,4]}}', four),
    TypeError,
    "data_offsets must hold numbers, got null at 0",
  ],
  [
    "reversed offsets",
    rawFile(`{"x":${entry("F32", [1], 4, 0)}}`, four),
    RangeError,
    'tensor "x" must not end before it begins, got data_offsets [4, 0]',
  ],
  [
    "offsets past the data",
    rawFile(`{"x":${entry("F32", [2], 0, 8)}}`, [...four, 0]),
    RangeError,
    'tensor "x" must end within the 5 bytes after the header, got data_offsets [0, 8]',
  ],
  [
    "fewer bytes than dtype and shape need",
    rawFile(`{"x":${entry("F32", [2], 0, 4)}}`, four),
    RangeError,
    'tensor "x" of dtype F32 and shape [2] must have 8 bytes, got 4',
  ],
  [
    "more bytes than dtype and shape need",
    rawFile(`{"x":${entry("U8", [], 0, 4)}}`, four),
    RangeError,
    'tensor "x" of dtype U8 and shape [] must have 1 bytes, got 4',
  ],
  [
    "bytes of a zero-size tensor",
    rawFile(`{"x":${entry("U8", [0, 4], 0, 4)}}`, four),
    RangeError,
    "shape [0,4] must have 0 bytes, got 4",
  ],
  [
    "two tensors that share bytes",
    rawFile(
      `{"x":${entry("U8", [4], 0, 4)},"y":${entry("U8", [5], 3, 8)}}`,
      eight,
    ),
    RangeError,
    'tensor "y" must not overlap tensor "x", got byte 3 where 4 is the first free one',
  ],
  [
    "two tensors on the same bytes",
    rawFile(
      `{"x":${entry("U8", [4], 0, 4)},"y":${entry("F32", [1], 0, 4)}}`,
      four,
    ),
    RangeError,
    'tensor "y" must not overlap tensor "x"',
  ],
  [
    "a zero-size tensor within another",
    rawFile(
      `{"x":${entry("U8", [4], 0, 4)},"y":${entry("F32", [0], 2, 2)}}`,
      four,
    ),
    RangeError,
    'tensor "y" must not overlap tensor "x"',
  ],
  [
    "a hole in front",
    rawFile(`{"x":${entry("F32", [1], 4, 8)}}`, eight),
    RangeError,
    'tensor "x" must follow the header without a hole, got byte 4 where 0 is the first free one',
  ],
  [
    "a hole in the middle",
    rawFile(
      `{"y":${entry("U8", [2], 6, 8)},"x":${entry("F32", [1], 0, 4)}}`,
      eight,
    ),
    RangeError,
    'tensor "y" must follow tensor "x" without a hole, got byte 6',
  ],
  [
    "bytes after the last tensor",
    rawFile(`{"x":${entry("F32", [1], 0, 4)}}`, eight),
    RangeError,
    'the data must end with tensor "x", got 4 bytes after it',
  ],
  [
    "data of no tensor",
    rawFile("{}", four),
    RangeError,
    "the data must end with the header, got 4 bytes after it",
  ],
  [
    "metadata that is no object",
    rawFile('{"__metadata__":"pt"}'),
    TypeError,
    '__metadata__ must be an object of strings, got "pt"',
  ],
  [
    "metadata that is null",
    rawFile('{"__metadata__":null}'),
    TypeError,
    "__metadata__ must be an object of strings, got null",
  ],
  [
    "a metadata value that is no text",
    rawFile('{"__metadata__":{"format":"pt","step":3}}'),
    TypeError,
    '__metadata__ "step" must be a string, got 3',
  ],
  [
    "a metadata value that is an object",
    rawFile('{"__metadata__":{"__proto__":{}}}'),
    TypeError,
    '__metadata__ "__proto__" must be a string, got an object',
  ],
  [
    "an entry that is a hundred thousand arrays deep",
    rawFile(`{"x":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
    TypeError,
    'tensor "x" must be an object',
  ],
];

for (const [sentence, bytes, ErrorClass, message] of hostile) {
  Deno.test(`decodeSafetensors() refuses ${sentence}`, () => {
    const error = assertThrows(
      () => decodeSafetensors(bytes, "model.safetensors"),
      ErrorClass,
      message,
    );
    assertStringIncludes(error.message, "Cannot read model.safetensors: ");
  });
}

Deno.test("decodeSafetensors() refuses a file that is cut anywhere", () => {
  for (let length = 0; length < official.length; length++) {
    assertThrows(() => decodeSafetensors(official.subarray(0, length)), Error);
  }
});

Deno.test("decodeSafetensors() keeps a hostile name short and escaped", () => {
  const name = `${"n".repeat(1e6)}`;
  const { message } = assertThrows(
    () => decodeSafetensors(rawFile(`{"\\u001b[2J${name}":0}`)),
    TypeError,
  );
  assert(message.length < 300, `${message.length} characters`);
  assertStringIncludes(message, String.raw`tensor "\u001b[2Jnnn`);
});

const x: StoredTensor = { dtype: "F32", shape: [1], data: new Float32Array(1) };
const unstorable: readonly [
  sentence: string,
  tensor: unknown,
  ErrorClass: new (message: string) => Error,
  message: string,
][] = [
  [
    "a dtype it does not know",
    { ...x, dtype: "F8" },
    RangeError,
    'tensor "x" must have a dtype of F64',
  ],
  [
    "an array of another class",
    { ...x, data: new Float64Array(1) },
    TypeError,
    'tensor "x" of dtype F32 must hold a Float32Array, got Float64Array',
  ],
  [
    "data that is no array",
    { ...x, data: undefined },
    TypeError,
    "must hold a Float32Array, got undefined",
  ],
  [
    "a shape that does not fit",
    { ...x, shape: [2] },
    RangeError,
    'tensor "x" of shape [2] must have 2 elements, got 1',
  ],
  [
    "a shape whose product fits but whose extents do not",
    { ...x, shape: [-1, -1] },
    RangeError,
    "got -1 at 0",
  ],
];

for (const [sentence, tensor, ErrorClass, message] of unstorable) {
  Deno.test(`encodeSafetensors() refuses ${sentence}`, () => {
    assertThrows(
      () => encodeSafetensors(new Map([["x", tensor as StoredTensor]])),
      ErrorClass,
      message,
    );
  });
}

Deno.test("encodeSafetensors() refuses a tensor with the name of the metadata", () => {
  assertThrows(
    () => encodeSafetensors(new Map([["__metadata__", x]])),
    RangeError,
    'tensor "__metadata__" must not have the name of the metadata',
  );
});

Deno.test("encodeSafetensors() refuses metadata that is no text", () => {
  assertThrows(
    () => encodeSafetensors(new Map(), { step: 3 as unknown as string }),
    TypeError,
    '__metadata__ "step" must be a string, got 3',
  );
});

Deno.test("encodeSafetensors() refuses a header that no reader would take", () => {
  assertThrows(
    () => encodeSafetensors(new Map(), { text: "t".repeat(100_000_000) }),
    RangeError,
    "the header must have at most 100000000 bytes, got 100000032",
  );
});
