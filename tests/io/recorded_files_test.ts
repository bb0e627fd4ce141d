import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { bytesPerElement } from "../../src/io/stored_tensor.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  toValue,
} from "../../src/io/mod.ts";
import { sizeOf } from "../../src/tensor/value.ts";

const shared = fileURLToPath(new URL("../../../shared", import.meta.url));

/** Paths of the safetensors files below a folder of the shared data, sorted. */
function filesBelow(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(`${shared}/${folder}`))
      .flatMap(({ name, isDirectory }) =>
        isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
      )
      .filter((path) => path.endsWith(".safetensors"))
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** A test that needs recorded files; its name says so where there are none. */
function testFiles(
  sentence: string,
  paths: readonly string[],
  folder: string,
  test: (path: string) => Promise<void>,
): void {
  if (paths.length === 0) {
    Deno.test({
      name: `${sentence} (skipped: no files in ../shared/${folder})`,
      ignore: true,
      fn: () => {},
    });
  }
  for (const path of paths) {
    Deno.test(`${sentence} ${path}`, () => test(`${shared}/${path}`));
  }
}

/** Holds every tensor against the bytes at the place that the header gives it. */
async function assertReadAsRecorded(
  path: string,
): Promise<Map<string, StoredTensor>> {
  const file = await Deno.readFile(path);
  const length = new DataView(file.buffer).getUint32(0, true);
  const header = JSON.parse(
    new TextDecoder().decode(file.subarray(8, 8 + length)),
  );
  const { tensors, metadata } = await readSafetensors(path);
  const { __metadata__ = {}, ...entries } = header;
  assertEquals(metadata, __metadata__);
  assertEquals([...tensors.keys()], Object.keys(entries));
  for (const [name, { dtype, shape, data }] of tensors) {
    const entry = entries[name];
    assertEquals([dtype, [...shape]], [entry.dtype, entry.shape]);
    assertEquals(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      file.subarray(8 + length).subarray(...entry.data_offsets),
      name,
    );
    assertEquals(data.byteLength, sizeOf(shape) * bytesPerElement(dtype));
  }
  const again = decodeSafetensors(encodeSafetensors(tensors, metadata));
  assertEquals(again, { tensors, metadata });
  return tensors;
}

const networks = filesBelow("data/pretrained");

// Tensors and trainable parameters (all but the running statistics) that the
// data's own list and He et al. (2015) give for networks of each depth.
const sizes: Record<string, [tensors: number, parameters: number]> = {
  resnet20: [97, 269_722],
  resnet32: [157, 464_154],
  resnet44: [217, 658_586],
  resnet56: [277, 853_018],
};

testFiles(
  "readSafetensors() reads the pretrained network",
  networks,
  "data/pretrained",
  async (path) => {
    const tensors = await assertReadAsRecorded(path);
    const name = Object.keys(sizes).find((size) => path.includes(size))!;
    let parameters = 0;
    for (const [key, tensor] of tensors) {
      const { dtype, shape, data } = toValue(tensor);
      assertEquals(dtype, "float");
      assert(data.every((number) => Number.isFinite(number)), key);
      if (!key.includes("running_")) parameters += sizeOf(shape);
    }
    assertEquals([tensors.size, parameters], sizes[name]);
  },
);

testFiles(
  "readSafetensors() reads the recorded trace",
  filesBelow("oracle/cases"),
  "oracle/cases",
  async (path) => {
    const tensors = await assertReadAsRecorded(path);
    for (const [key, tensor] of tensors) {
      const { dtype, data } = toValue(tensor, key);
      assertEquals(dtype, tensor.dtype === "F64" ? "float" : "int");
      assert(data.every((number) => Number.isFinite(number)), key);
    }
    assert([...tensors.keys()].some((key) => key.startsWith("init/")));
  },
);
