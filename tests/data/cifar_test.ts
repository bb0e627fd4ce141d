import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import {
  CIFAR100_CLASSES,
  CIFAR100_SUPERCLASSES,
  CIFAR10_CLASSES,
  loadCifar10,
  loadCifar100,
} from "../../src/data/mod.ts";
import { histogram, isMissing, realPath } from "./real_data.ts";
import { gzip, inFolder } from "./temporary.ts";

/** Rows of a binary file: label bytes, then 3,072 bytes that count on from `first`. */
function rows(labels: readonly number[][], first = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(labels.flatMap((label, row) => [
    ...label,
    ...Array.from({ length: 3072 }, (_, i) => (first + row + i) % 256),
  ]));
}

/** Writes files into a folder. */
async function write(
  folder: string,
  files: Record<string, Uint8Array>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) {
    await Deno.writeFile(join(folder, name), bytes);
  }
}

const train = rows([[3], [9], [0]]);
const test = rows([[1], [2]], 100);

Deno.test("loadCifar10 reads labels and pixels of every row", () =>
  inFolder(async (folder) => {
    await write(folder, { "data_batch_1.bin": train, "test_batch.bin": test });
    const cifar = await loadCifar10(folder);
    assertEquals([...cifar.train.labels], [3, 9, 0]);
    assertEquals([...cifar.test.labels], [1, 2]);
    assertEquals(cifar.train.shape, [3, 32, 32]);
    assertEquals(cifar.train.inputs.slice(0, 3072), train.slice(1, 3073));
    assertEquals(cifar.train.inputs.slice(6144), train.slice(6147));
    assertEquals(cifar.test.inputs.slice(3072), test.slice(3074));
    assertEquals(cifar.train.classes, CIFAR10_CLASSES);
  }));

Deno.test("loadCifar10 reads the train batches that are there, in order, and names them", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "data_batch_4.bin": rows([[4], [4]]),
      "data_batch_2.bin.gz": await gzip(rows([[2]])),
      "test_batch.bin": test,
    });
    const cifar = await loadCifar10(folder);
    assertEquals([...cifar.train.labels], [2, 4, 4]);
    assertEquals(cifar.trainFiles, [
      join(folder, "data_batch_2.bin.gz"),
      join(folder, "data_batch_4.bin"),
    ]);
    assertEquals(cifar.testFile, join(folder, "test_batch.bin"));
  }));

Deno.test("loadCifar10 tells gzip by its first bytes, not by the name", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "data_batch_1.bin": await gzip(train),
      "test_batch.bin.gz": test,
    });
    const cifar = await loadCifar10(folder);
    assertEquals([...cifar.train.labels], [3, 9, 0]);
    assertEquals([...cifar.test.labels], [1, 2]);
  }));

Deno.test("loadCifar10 looks into the archive's folder, past an incomplete one", () =>
  inFolder(async (folder) => {
    await write(folder, { "data_batch_1.bin": rows([[5]]) });
    const inner = join(folder, "cifar-10-batches-bin");
    await write(inner, { "data_batch_1.bin": train, "test_batch.bin": test });
    const cifar = await loadCifar10(folder);
    assertEquals(cifar.trainFiles, [join(inner, "data_batch_1.bin")]);
    assertEquals(cifar.train.count, 3);
  }));

Deno.test("loadCifar10 says what it looked for, what is there and how to get it", () =>
  inFolder(async (folder) => {
    const nowhere = join(folder, "nowhere");
    const error = await assertRejects(
      () => loadCifar10(nowhere),
      Deno.errors.NotFound,
      "got no such folder",
    );
    assertEquals(
      error.message,
      `Cannot read CIFAR-10: ${nowhere} or ${
        join(nowhere, "cifar-10-batches-bin")
      } must hold data_batch_1.bin or data_batch_2.bin or data_batch_3.bin or data_batch_4.bin or data_batch_5.bin, and test_batch.bin, each plain or with .gz at the end (downloadArchive(cifarArchives.cifar10, ${
        JSON.stringify(nowhere)
      }) fetches them), got no such folder`,
    );
    await assertRejects(
      () => loadCifar10(folder),
      Deno.errors.NotFound,
      "got none of them",
    );
    await write(folder, { "test_batch.bin": test });
    await assertRejects(
      () => loadCifar10(folder),
      Deno.errors.NotFound,
      `got only ${join(folder, "test_batch.bin")}`,
    );
  }));

/** Requires that loading fails with a message when the training file holds these bytes. */
function refuses(bytes: Uint8Array, reason: string): Promise<void> {
  return inFolder(async (folder) => {
    await write(folder, { "data_batch_1.bin": bytes, "test_batch.bin": test });
    const path = join(folder, "data_batch_1.bin");
    await assertRejects(
      () => loadCifar10(folder),
      RangeError,
      reason.replace("PATH", path),
    );
  });
}

Deno.test("loadCifar10 refuses an empty file", () =>
  refuses(
    new Uint8Array(0),
    "Cannot read PATH: it must hold rows of 3073 bytes, got an empty file",
  ));

Deno.test("loadCifar10 refuses a file that is cut off", () =>
  refuses(
    train.slice(0, 7000),
    "Cannot read PATH: its size must be a multiple of 3073 bytes (it is cut off or of another format), got 7000 bytes, that is 2 rows and 854 bytes of the next at byte 6146",
  ));

Deno.test("loadCifar10 refuses a label out of range, with its row and byte", () =>
  refuses(
    rows([[3], [9], [10]]),
    "Cannot read PATH: label of row 2 (byte 6146) must be from 0 to 9, got 10",
  ));

Deno.test("loadCifar10 refuses a gzip stream wherever it is cut off", async () => {
  const packed = await gzip(train);
  for (const length of [2, 11, packed.length >> 1, packed.length - 1]) {
    await refuses(
      packed.slice(0, length),
      "Cannot unpack PATH: gzip stream must be whole and undamaged, got ",
    );
  }
});

Deno.test("loadCifar10 refuses a gzip stream with a wrong byte", async () => {
  const packed = await gzip(train);
  packed[packed.length - 6] ^= 1;
  await refuses(packed, "Cannot unpack PATH: gzip stream must be whole");
});

Deno.test("loadCifar10 counts the rows of each file on its own in messages", () =>
  inFolder(async (folder) => {
    await write(folder, {
      "data_batch_1.bin": train,
      "data_batch_2.bin": rows([[1], [77]]),
      "test_batch.bin": test,
    });
    await assertRejects(
      () => loadCifar10(folder),
      RangeError,
      "data_batch_2.bin: label of row 1 (byte 3073) must be from 0 to 9, got 77",
    );
  }));

const files100 = {
  "train.bin": rows([[19, 99], [0, 4]]),
  "test.bin": rows([[7, 8]]),
};

Deno.test("loadCifar100 gives fine labels, and coarse ones where told so", () =>
  inFolder(async (folder) => {
    await write(folder, files100);
    const fine = await loadCifar100(folder);
    assertEquals([...fine.train.labels], [99, 4]);
    assertEquals([...fine.test.labels], [8]);
    assertEquals(fine.train.classes, CIFAR100_CLASSES);
    const coarse = await loadCifar100(folder, { labels: "coarse" });
    assertEquals([...coarse.train.labels], [19, 0]);
    assertEquals(coarse.train.classes, CIFAR100_SUPERCLASSES);
    assertEquals(coarse.train.inputs, fine.train.inputs);
    assertEquals(
      fine.train.inputs.slice(3072),
      files100["train.bin"].slice(3076),
    );
  }));

Deno.test("loadCifar100 looks into the archive's folder and takes gzip", () =>
  inFolder(async (folder) => {
    await write(join(folder, "cifar-100-binary"), {
      "train.bin.gz": await gzip(files100["train.bin"]),
      "test.bin.gz": await gzip(files100["test.bin"]),
    });
    assertEquals((await loadCifar100(folder)).train.count, 2);
  }));

Deno.test("loadCifar100 refuses a coarse or fine label out of range", () =>
  inFolder(async (folder) => {
    await write(folder, { ...files100, "test.bin": rows([[7, 8], [20, 8]]) });
    await assertRejects(
      () => loadCifar100(folder),
      RangeError,
      "coarse label of row 1 (byte 3074) must be from 0 to 19, got 20",
    );
    await write(folder, { "test.bin": rows([[7, 100]]) });
    await assertRejects(
      () => loadCifar100(folder),
      RangeError,
      "fine label of row 0 (byte 1) must be from 0 to 99, got 100",
    );
  }));

Deno.test("loadCifar100 refuses rows of CIFAR-10", () =>
  inFolder(async (folder) => {
    await write(folder, { ...files100, "train.bin": train });
    await assertRejects(
      () => loadCifar100(folder),
      RangeError,
      "train.bin: its size must be a multiple of 3074 bytes",
    );
  }));

Deno.test("loadCifar100 refuses labels of another kind", () =>
  assertRejects(
    // deno-lint-ignore no-explicit-any
    () => loadCifar100("anywhere", { labels: "both" as any }),
    RangeError,
    'labels must be "fine" or "coarse", got "both"',
  ).then(() => {}));

/** SHA-1 of the binary file that some examples and their label bytes are from. */
async function sha1(
  { inputs }: { inputs: ArrayLike<number> },
  labels: readonly Int32Array[],
  first: number,
  end: number,
): Promise<string> {
  const rowBytes = labels.length + 3072;
  const bytes = new Uint8Array((end - first) * rowBytes);
  const pixels = inputs as Uint8Array;
  for (let row = first; row < end; row++) {
    const start = (row - first) * rowBytes;
    labels.forEach((column, i) => bytes[start + i] = column[row]);
    bytes.set(
      pixels.subarray(row * 3072, (row + 1) * 3072),
      start + labels.length,
    );
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return digest.toHex();
}

Deno.test({
  name: "loadCifar10 reads the real files to the last bit",
  ignore: isMissing("cifar10/test_batch.bin.gz"),
  async fn() {
    const { train, test, trainFiles } = await loadCifar10(realPath("cifar10"));
    assertEquals(trainFiles.length, 2);
    assertEquals([train.count, test.count], [20_000, 4_000]);
    assertEquals(
      histogram(train.labels, 10),
      [1989, 1981, 2042, 2011, 2009, 1925, 2038, 2027, 2012, 1966],
    );
    assertEquals(
      histogram(test.labels, 10),
      [389, 392, 426, 389, 400, 388, 396, 397, 408, 415],
    );
    // The first two are the published sums of the official files.
    assertEquals(
      await sha1(train, [train.labels], 0, 10_000),
      "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    );
    assertEquals(
      await sha1(train, [train.labels], 10_000, 20_000),
      "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    );
    assertEquals(
      await sha1(test, [test.labels], 0, 4_000),
      "73a3fbbadd5708fbc62fb26350122db446357234",
    );
  },
});

Deno.test({
  name: "loadCifar100 reads the real files to the last bit",
  ignore: isMissing("cifar100/test.bin.gz"),
  async fn() {
    const fine = await loadCifar100(realPath("cifar100"));
    const coarse = await loadCifar100(realPath("cifar100"), {
      labels: "coarse",
    });
    assertEquals([fine.train.count, fine.test.count], [10_000, 2_000]);
    assertEquals(histogram(fine.test.labels, 100), new Array(100).fill(20));
    assertEquals(histogram(coarse.test.labels, 20), new Array(20).fill(100));
    const sum = (part: "train" | "test", count: number) =>
      sha1(fine[part], [coarse[part].labels, fine[part].labels], 0, count);
    assertEquals(
      await sum("train", 10_000),
      "3afcc7bb3ea004dcf9836ca14e669a7e029f4ea4",
    );
    assertEquals(
      await sum("test", 2_000),
      "ad3381c95ffe1fe378361573b48eb96ed82aa8b2",
    );
  },
});

Deno.test({
  name: "CIFAR10_CLASSES and those of CIFAR-100 equal the lists of the source",
  ignore: isMissing("cifar100/fine_label_names.txt"),
  async fn() {
    const lines = async (name: string) =>
      (await Deno.readTextFile(realPath(name))).trim().split(/\s+/);
    assertEquals(CIFAR10_CLASSES, await lines("cifar10/batches.meta.txt"));
    assertEquals(
      CIFAR100_CLASSES,
      await lines("cifar100/fine_label_names.txt"),
    );
    assertEquals(
      CIFAR100_SUPERCLASSES,
      await lines("cifar100/coarse_label_names.txt"),
    );
  },
});
