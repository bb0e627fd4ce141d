import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  writeFileAtomically,
} from "../../src/io/mod.ts";

/** Runs a test in a folder of its own. */
async function inFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Names in a folder, sorted. */
function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("readSafetensors() reads what was written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/weights.safetensors`;
    const tensors = new Map<string, StoredTensor>([
      ["w", { dtype: "F64", shape: [2], data: Float64Array.of(0.1, -0) }],
    ]);
    await writeFileAtomically(path, encodeSafetensors(tensors, { a: "b" }));
    assertEquals(await readSafetensors(path), {
      tensors,
      metadata: { a: "b" },
    });
  }));

Deno.test("readSafetensors() names a file that is not there", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () => readSafetensors(`${folder}/none.safetensors`),
      Deno.errors.NotFound,
      `Cannot read ${folder}/none.safetensors: the file must exist, got none`,
    );
  }));

Deno.test("readSafetensors() names what is no file", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () => readSafetensors(folder),
      Error,
      `Cannot read ${folder}: `,
    );
  }));

Deno.test("readSafetensors() names a file that is damaged", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/cut`, new Uint8Array(5));
    await assertRejects(
      () => readSafetensors(`${folder}/cut`),
      RangeError,
      `Cannot read ${folder}/cut: a safetensors file must have`,
    );
  }));

Deno.test("writeFileAtomically() writes a new file and replaces an old one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    for (const length of [5, 3_000_000, 0, 7]) {
      const bytes = new Uint8Array(length).fill(length);
      await writeFileAtomically(path, bytes);
      assertEquals(await Deno.readFile(path), bytes);
      assertEquals(namesIn(folder), ["file"]);
    }
  }));

Deno.test("writeFileAtomically() writes a part of a larger array", () =>
  inFolder(async (folder) => {
    const larger = Uint8Array.of(1, 2, 3, 4);
    await writeFileAtomically(`${folder}/file`, larger.subarray(1, 3));
    assertEquals(await Deno.readFile(`${folder}/file`), Uint8Array.of(2, 3));
  }));

Deno.test("writeFileAtomically() leaves the old file to who has it open", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    await writeFileAtomically(path, new TextEncoder().encode("old"));
    using reader = await Deno.open(path);
    await writeFileAtomically(path, new TextEncoder().encode("new"));
    const bytes = new Uint8Array(8);
    const count = await reader.read(bytes);
    assertEquals(new TextDecoder().decode(bytes.subarray(0, count!)), "old");
  }));

Deno.test("writeFileAtomically() keeps the old file where writing fails midway", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    await writeFileAtomically(path, Uint8Array.of(1, 2, 3));
    // Half of the bytes arrive, then the system call fails.
    const failing = {
      byteLength: 6,
      subarray(begin: number) {
        if (begin === 0) return Uint8Array.of(9, 9, 9);
        throw new Error("disk full");
      },
    } as Uint8Array;
    await assertRejects(
      () => writeFileAtomically(path, failing),
      Error,
      `Cannot write ${path}: disk full`,
    );
    assertEquals(await Deno.readFile(path), Uint8Array.of(1, 2, 3));
    assertEquals(namesIn(folder), ["file"]);
  }));

Deno.test("writeFileAtomically() leaves nothing behind where the path is a folder", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/taken`);
    await Deno.writeFile(`${folder}/taken/file`, Uint8Array.of(1));
    const error = await assertRejects(
      () => writeFileAtomically(`${folder}/taken`, Uint8Array.of(2)),
      Error,
      `Cannot write ${folder}/taken: `,
    );
    // The system's words have the path of the temporary file.
    assert(!error.message.includes(".tmp"), error.message);
    assertEquals(namesIn(folder), ["taken"]);
    assertEquals(namesIn(`${folder}/taken`), ["file"]);
  }));

Deno.test("writeFileAtomically() names a folder that is not there", () =>
  inFolder(async (folder) => {
    const error = await assertRejects(
      () => writeFileAtomically(`${folder}/none/file`, Uint8Array.of(1)),
      Deno.errors.NotFound,
      `Cannot write ${folder}/none/file`,
    );
    assertStringIncludes(
      error.message,
      `the folder ${folder}/none must exist, got none`,
    );
    assertEquals(namesIn(folder), []);
  }));

Deno.test("writeFileAtomically() lets two writers at once each write all", () =>
  inFolder(async (folder) => {
    const path = `${folder}/file`;
    const versions = [1, 2, 3, 4].map((n) => new Uint8Array(1e6).fill(n));
    await Promise.all(
      versions.map((bytes) => writeFileAtomically(path, bytes)),
    );
    const bytes = await Deno.readFile(path);
    assertEquals(bytes, versions[bytes[0] - 1]);
    assertEquals(namesIn(folder), ["file"]);
  }));
