import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { unpackTar } from "../../src/data/mod.ts";
import { tar, type TarEntry } from "./tar_writer.ts";
import { gzip, inFolder, namesIn, noise } from "./temporary.ts";

const first = noise(1000), second = noise(2048);
const entries: TarEntry[] = [
  { name: "set/", type: "5" },
  { name: "set/first.bin", bytes: first },
  { name: "set/readme.html", bytes: noise(700) },
  { name: "set/second.bin", bytes: second },
  { name: "set/empty.bin" },
];
const names = ["set/first.bin", "set/second.bin", "set/empty.bin"];

/** Writes an archive and unpacks it; gives the folder it went to. */
async function unpack(
  folder: string,
  archive: Uint8Array,
  wanted: readonly string[] = names,
): Promise<string> {
  const path = join(folder, "set.tar");
  await Deno.writeFile(path, archive);
  const target = join(folder, "target");
  await unpackTar(path, target, wanted);
  return target;
}

/** Requires that unpacking fails with a message and leaves no file. */
function refuses(
  archive: Uint8Array,
  reason: string,
  wanted?: readonly string[],
): Promise<void> {
  return inFolder(async (folder) => {
    await assertRejects(
      () => unpack(folder, archive, wanted),
      RangeError,
      `Cannot unpack ${join(folder, "set.tar")}: ${reason}`,
    );
    const inner = join(folder, "target", "set");
    const left = namesIn(folder).includes("target") ? namesIn(inner) : [];
    assertEquals(left, []);
  });
}

Deno.test("unpackTar writes the files wanted and no others", () =>
  inFolder(async (folder) => {
    const inner = join(await unpack(folder, tar(entries)), "set");
    assertEquals(namesIn(inner), ["empty.bin", "first.bin", "second.bin"]);
    assertEquals(await Deno.readFile(join(inner, "first.bin")), first);
    assertEquals(await Deno.readFile(join(inner, "second.bin")), second);
    assertEquals((await Deno.stat(join(inner, "empty.bin"))).size, 0);
  }));

Deno.test("unpackTar takes gzip", () =>
  inFolder(async (folder) => {
    const inner = join(await unpack(folder, await gzip(tar(entries))), "set");
    assertEquals(await Deno.readFile(join(inner, "second.bin")), second);
  }));

Deno.test("unpackTar takes names with ./ before them or a prefix field", () =>
  inFolder(async (folder) => {
    const archive = tar([
      { name: "./set/first.bin", bytes: first },
      { name: "second.bin", prefix: "set", bytes: second },
    ]);
    const target = await unpack(folder, archive, names.slice(0, 2));
    assertEquals(namesIn(join(target, "set")), ["first.bin", "second.bin"]);
  }));

Deno.test({
  name: "unpackTar reads what the system's tar writes",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await Deno.mkdir(join(folder, "set"));
      await Deno.writeFile(join(folder, "set", "first.bin"), first);
      await new Deno.Command("tar", {
        args: ["-czf", "set.tar.gz", "set"],
        cwd: folder,
      }).output();
      const target = join(folder, "target");
      await unpackTar(join(folder, "set.tar.gz"), target, ["set/first.bin"]);
      assertEquals(
        await Deno.readFile(join(target, "set", "first.bin")),
        first,
      );
    }),
});

Deno.test("unpackTar refuses an archive cut off within a member", () =>
  refuses(
    // The folder's header, a header, and 200 of 1,000 bytes.
    tar(entries).slice(0, 512 + 512 + 200),
    "set/first.bin must have 1000 bytes, got 200 before the archive ends",
  ));

Deno.test("unpackTar refuses an archive cut off within a header or before the end", async () => {
  const archive = tar(entries);
  await refuses(
    archive.slice(0, 700),
    "header at byte 512 must have 512 bytes, got 188 before the archive ends",
  );
  const end = archive.length - 1024;
  await refuses(
    archive.slice(0, end),
    `header at byte ${end} must have 512 bytes, got 0 before the archive ends`,
  );
});

Deno.test("unpackTar refuses a gzipped archive wherever it is cut off", async () => {
  const packed = await gzip(tar(entries));
  for (const length of [2, 20, packed.length >> 1, packed.length - 1]) {
    await refuses(
      packed.slice(0, length),
      "gzip stream must be whole and undamaged, got ",
    );
  }
});

Deno.test("unpackTar refuses a header with a wrong checksum", () => {
  const archive = tar(entries);
  archive[512 + 3] ^= 1;
  return refuses(archive, "header at byte 512 must have checksum ");
});

Deno.test("unpackTar refuses a size that is no octal number", () => {
  const [header] = [tar([{ name: "set/first.bin" }])];
  header.fill(0x39, 124, 135);
  const sum = header.subarray(0, 512)
    .reduce((a, b, i) => a + (i >= 148 && i < 156 ? 32 : b), 0);
  header.set(
    new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0 "),
    148,
  );
  return refuses(
    header,
    `header at byte 0 must have checksum ${sum} and an octal size, got ${sum} and NaN`,
  );
});

Deno.test("unpackTar refuses names that lead out of the folder", async () => {
  const hostile = [
    "../first.bin",
    "set/../../first.bin",
    "/first.bin",
    "c:/first.bin",
    "set\\..\\..\\first.bin",
    "..",
  ];
  for (const name of hostile) {
    const archive = tar([...entries, { name, bytes: first }]);
    const reason = `name of a member must stay within the folder, got ${
      JSON.stringify(name)
    }`;
    await refuses(archive, reason);
    await refuses(archive, reason, [name]);
  }
  const archive = tar([{ name: "first.bin", prefix: "..", bytes: first }]);
  await refuses(archive, "name of a member must stay within the folder");
});

Deno.test("unpackTar keeps names that only look like hostile ones", () =>
  inFolder(async (folder) => {
    const archive = tar([{ name: "set/..first..bin", bytes: first }]);
    const target = await unpack(folder, archive, ["set/..first..bin"]);
    assertEquals(namesIn(join(target, "set")), ["..first..bin"]);
  }));

Deno.test("unpackTar refuses a link in place of a file", () =>
  refuses(
    tar([{ name: "set/first.bin", type: "2" }]),
    "set/first.bin must be an ordinary file, got a folder, link or device",
  ));

Deno.test("unpackTar names the files that the archive lacks", () =>
  refuses(
    tar(entries.slice(0, 3)),
    "it must hold set/first.bin, set/second.bin, set/empty.bin, got no set/second.bin, set/empty.bin",
  ));

Deno.test("unpackTar reports an archive that is not there", () =>
  assertRejects(
    () => unpackTar("no/such.tar", ".", names),
    Deno.errors.NotFound,
  ).then(() => {}));
