import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  decodeNpy,
  decodeNpz,
  readNpy,
  readNpz,
  toValue,
} from "../../src/io/mod.ts";
import { inFolder } from "../data/temporary.ts";
import { numpyFiles } from "./numpy_files.ts";

const A = [1, -2, 0.5, 4, 5, -6.25];
const bytesOf = (name: keyof typeof numpyFiles): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(numpyFiles[name]), (c) => c.charCodeAt(0));

Deno.test("decodeNpy: reads what NumPy wrote, in rows whatever the order", () => {
  const cases = [
    ["rows", "F64"],
    ["version2", "F64"],
    ["fortran", "F32"],
    ["halves", "F16"],
  ] as const;
  for (const [name, dtype] of cases) {
    const tensor = decodeNpy(bytesOf(name));
    assertEquals([tensor.dtype, tensor.shape], [dtype, [2, 3]], name);
    assertEquals([...tensor.data].map(Number), A, name);
  }
  const cube = toValue(decodeNpy(bytesOf("cube")));
  assertEquals(cube.shape, [2, 3, 4]);
  assertEquals([...cube.data], Array.from({ length: 24 }, (_, i) => i));
});

Deno.test("decodeNpy: reads bytes that lie anywhere in memory", () => {
  const bytes = bytesOf("rows");
  const moved = new Uint8Array(bytes.length + 3).subarray(3);
  moved.set(bytes);
  assertEquals([...decodeNpy(moved).data].map(Number), A);
});

Deno.test("decodeNpy: refuses every file that is cut short, and one that is too long", () => {
  const bytes = bytesOf("version2");
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(
      () => decodeNpy(bytes.subarray(0, length), "short.npy"),
      RangeError,
      "Cannot read short.npy: ",
    );
  }
  assertThrows(
    () => decodeNpy(Uint8Array.of(...bytes, 0), "long.npy"),
    RangeError,
    "an array of F64 and shape [2,3] must have 48 bytes, got 49",
  );
});

/** A file with another header. */
function withHeader(header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const magic = bytesOf("rows").subarray(0, 8);
  return Uint8Array.of(...magic, text.length, 0, ...text);
}

Deno.test("decodeNpy: names the rule that a header breaks, and its value", () => {
  const header = (descr: string, shape: string) =>
    `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`;
  const cases: [Uint8Array, typeof Error, string][] = [
    [withHeader("[]"), SyntaxError, "a dictionary of descr"],
    [withHeader(header("'<f8'", "(-1,)")), SyntaxError, "(-1,)"],
    [withHeader(header("'<c16'", "(2,)")), RangeError, "'<c16'"],
    [
      withHeader(header("[('x', '<f8')]", "(2,)")),
      RangeError,
      "[('x', '<f8')]",
    ],
    [withHeader(header("'<f8'", "(99999999, 999999999)")), RangeError, "2^53"],
    [bytesOf("bigEndian"), RangeError, "'>f8'"],
    [Uint8Array.of(...bytesOf("rows")).fill(9, 6, 7), RangeError, "got 9.0"],
    [new TextEncoder().encode("PK and more"), RangeError, "0x93 NUMPY"],
  ];
  for (const [bytes, ErrorClass, message] of cases) {
    assertThrows(() => decodeNpy(bytes, "a.npy"), ErrorClass, message);
  }
  assertEquals(decodeNpy(withHeader(header("'<f8'", "(0, 3)"))).shape, [0, 3]);
});

Deno.test("decodeNpz: reads stored and deflated arrays", async () => {
  const stored = await decodeNpz(bytesOf("stored"));
  assertEquals([...stored.keys()], ["conv_H", "count"]);
  const { shape, data } = stored.get("conv_H")!;
  assertEquals([shape, [...data].map(Number)], [[2, 2], [1, -2, 4, 5]]);
  assertEquals(stored.get("count")!.shape, []);
  assertEquals([...stored.get("count")!.data], [7n]);
  const eye = (await decodeNpz(bytesOf("deflated"))).get("zeros")!;
  assertEquals(eye.shape, [40, 40]);
  assertEquals(
    [...eye.data].every((x, i) => Number(x) === (i % 41 === 0 ? 1 : 0)),
    true,
  );
});

Deno.test("decodeNpz: refuses every archive that is cut short", async () => {
  for (const name of ["stored", "deflated"] as const) {
    const bytes = bytesOf(name);
    for (let length = 0; length < bytes.length; length += 7) {
      await assertRejects(
        () => decodeNpz(bytes.slice(0, length), "short.npz"),
        RangeError,
        "Cannot read short.npz",
      );
    }
  }
});

/** The deflated archive with a byte of its directory, at its offset, changed. */
function withDirectory(offset: number, byte: number): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf("deflated");
  const view = new DataView(bytes.buffer);
  const directory = view.getUint32(bytes.length - 22 + 16, true);
  bytes[directory + offset] = byte;
  return bytes;
}

Deno.test("decodeNpz: names entry, rule and value of a damaged archive", async () => {
  const cases: [Uint8Array<ArrayBuffer>, string][] = [
    [new Uint8Array(0), "it must be a zip archive, got 0 bytes"],
    [
      withDirectory(10, 12),
      "a.npz: zeros.npy: it must be stored or deflated, got method 12",
    ],
    [withDirectory(8, 1), "got an encrypted one"],
    [withDirectory(24, 0), "deflated bytes must be whole and undamaged"],
    [withDirectory(27, 0x70), "got 1879"],
    [withDirectory(16, 0), "with the checksum"],
    [
      withDirectory(46 + 6, 0x2d),
      'npy files with names that differ, got "zeros.-py"',
    ],
    [withDirectory(0, 0), "must have a part 0x2014b50 at byte"],
  ];
  for (const [bytes, message] of cases) {
    await assertRejects(() => decodeNpz(bytes, "a.npz"), RangeError, message);
  }
});

Deno.test("readNpy, readNpz: name the file", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.npy`, bytesOf("rows"));
    assertEquals((await readNpy(`${folder}/a.npy`)).shape, [2, 3]);
    await Deno.writeFile(`${folder}/a.npz`, bytesOf("stored"));
    assertEquals((await readNpz(`${folder}/a.npz`)).size, 2);
    await Deno.writeTextFile(`${folder}/bad.npz`, "nothing");
    await assertRejects(
      () => readNpz(`${folder}/bad.npz`),
      RangeError,
      `Cannot read ${folder}/bad.npz: it must be a zip archive`,
    );
    await assertRejects(
      () => readNpy(`${folder}/none.npy`),
      Deno.errors.NotFound,
    );
  }));
