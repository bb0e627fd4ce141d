import { assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  type Archive,
  cifarArchives,
  downloadArchive,
  loadCifar10,
} from "../../src/data/mod.ts";
import { cutAnswer, serveRaw, wholeAnswer } from "./raw_server.ts";
import { tar } from "./tar_writer.ts";
import { gzip, inFolder, namesIn } from "./temporary.ts";

/** A small CIFAR-10: batch b holds b rows of label b, the test file one of 0. */
const packed = await gzip(tar(
  cifarArchives.cifar10.members.map((name) => {
    const batch = Number(/\d(?=\.bin)/.exec(name)?.[0] ?? 0);
    const row = new Uint8Array(3073).fill(batch, 0, 1);
    const rows = Array.from({ length: batch || 1 }, () => [...row]);
    return { name, bytes: Uint8Array.from(rows.flat()) };
  }),
));
const md5 = createHash("md5").update(packed).digest("hex");

/** The small archive on a server. */
function archiveAt(url: string): Archive {
  const { members } = cifarArchives.cifar10;
  return { url: `${url}/cifar.tar.gz`, md5, members };
}

Deno.test("downloadArchive brings CIFAR-10 to where loadCifar10 finds it", () =>
  inFolder(async (folder) => {
    await using server = serveRaw((request, number) =>
      number === 1
        ? cutAnswer(packed, request, 100)
        : wholeAnswer(packed, request)
    );
    const archive = archiveAt(server.url);
    await downloadArchive(archive, folder, { delay: 1 });
    assertEquals(namesIn(folder), ["cifar-10-batches-bin", "cifar.tar.gz"]);
    const { train, test } = await loadCifar10(folder);
    assertEquals(
      [...train.labels],
      [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5],
    );
    assertEquals([...test.labels], [0]);

    // A file is gone: the archive has it. All are there: no archive is needed.
    assertEquals(server.requests.length, 2);
    await Deno.remove(join(folder, archive.members[2]));
    await downloadArchive(archive, folder);
    assertEquals((await loadCifar10(folder)).train.count, 15);
    await Deno.remove(join(folder, "cifar.tar.gz"));
    await downloadArchive(archive, folder);
    assertEquals(namesIn(folder), ["cifar-10-batches-bin"]);
    assertEquals(server.requests.length, 2);
  }));

Deno.test("downloadArchive unpacks nothing where the digest is wrong", () =>
  inFolder(async (folder) => {
    await using server = serveRaw((request) => wholeAnswer(packed, request));
    const wrong = { ...archiveAt(server.url), md5: "f".repeat(32) };
    await assertRejects(
      () => downloadArchive(wrong, folder),
      Error,
      `MD5 must be ${"f".repeat(32)}, got ${md5}`,
    );
    assertEquals(namesIn(folder), []);
  }));

Deno.test("cifarArchives has the published digests", () => {
  const { cifar10, cifar100 } = cifarArchives;
  assertEquals(cifar10.md5, "c32a1d4ab5d03f1284b67883e8d87530");
  assertEquals(cifar100.md5, "03b5dce01913d631647c71ecec9e9cb8");
  assertEquals(cifar10.url.split("/").at(-1), "cifar-10-binary.tar.gz");
  assertEquals(cifar100.url.split("/").at(-1), "cifar-100-binary.tar.gz");
});
