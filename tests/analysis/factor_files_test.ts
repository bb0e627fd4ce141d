import { assertEquals, assertRejects } from "@std/assert";
import {
  averageFactors,
  readFactorAverages,
  readFactorFile,
  readFactorFolder,
  writeFactors,
} from "../../src/analysis/mod.ts";
import { encodeSafetensors, fromValue, readNpz } from "../../src/io/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { intValue, value } from "../../src/tensor/mod.ts";
import { inFolder, namesIn } from "../data/temporary.ts";
import { numpyFiles } from "../io/numpy_files.ts";

const fc = { h: value([2, 1, 1, 4], [2, 2]), s: value([3], [1, 1]) };
const averages = averageFactors(undefined, {
  paper: { fc, "block.0.conv": fc },
  official: { fc, "block.0.conv": fc },
}, 1);

Deno.test("factor files: averages come back bit for bit, and as factors of a folder", () =>
  inFolder(async (folder) => {
    await writeFactors(`${folder}/step-50.safetensors`, averages, {
      step: "50",
    });
    await writeFactors(`${folder}/step-1.safetensors`, averages, { step: "1" });
    assertEquals(namesIn(folder), [
      "step-1.safetensors",
      "step-50.safetensors",
    ]);
    const read = await readFactorAverages(`${folder}/step-50.safetensors`, [
      "fc",
      "block.0.conv",
    ]);
    assertEquals(read, averages);
    const factors = await readFactorFolder(folder);
    const of50 = factors.filter(({ step }) => step === 50);
    assertEquals([factors.length, of50.length], [16, 8]);
    const h = of50.find(({ name }) => name === "block.0.conv/official/h");
    assertEquals(h?.matrix, averages.official["block.0.conv"].h);
  }));

Deno.test("readFactorAverages: names the factor that is not there", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.safetensors`;
    await writeFactors(path, averages, {});
    await assertRejects(
      () => readFactorAverages(path, ["fc2"]),
      RangeError,
      "it must have a tensor fc2/paper/h, got fc/paper/h, fc/paper/s",
    );
  }));

Deno.test("readFactorFolder: takes square float matrices alone, of any element type", () =>
  inFolder(async (folder) => {
    const tensors = new Map(
      [
        ["half", { dtype: "F16", shape: [1, 1], data: Float32Array.of(0.5) }],
        ["double", fromValue(identity(2))],
        ["oblong", fromValue(value([1, 2], [1, 2]))],
        ["vector", fromValue(value([1]))],
        ["whole", fromValue(intValue([1], [1, 1]))],
        ["nothing", fromValue(value([], [0, 0]))],
      ] as const,
    );
    const bytes = encodeSafetensors(tensors, { step: "last" });
    await Deno.writeFile(`${folder}/x.safetensors`, bytes);
    await Deno.writeTextFile(`${folder}/notes.txt`, "nothing to read");
    const factors = await readFactorFolder(folder);
    assertEquals(factors.map(({ name }) => name).sort(), ["double", "half"]);
    // A step that is no number is none.
    assertEquals(factors.map(({ step }) => step), [undefined, undefined]);
  }));

Deno.test("readFactorFolder: takes NumPy's files, with the step that their names say", () =>
  inFolder(async (folder) => {
    const bytes = Uint8Array.from(
      atob(numpyFiles.stored),
      (c) => c.charCodeAt(0),
    );
    await Deno.writeFile(`${folder}/step-5200.npz`, bytes);
    const [{ data }] = [...(await readNpz(`${folder}/step-5200.npz`)).values()];
    const header =
      "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }";
    const npy = [
      0x93,
      ...new TextEncoder().encode("NUMPY\x01\0"),
      ...[118, 0],
      ...new TextEncoder().encode(header.padEnd(117) + "\n"),
      ...new Uint8Array((data as Float64Array).slice().buffer),
    ];
    await Deno.writeFile(`${folder}/conv.S.npy`, Uint8Array.from(npy));
    const factors = await readFactorFolder(folder);
    assertEquals(
      factors.map(({ file, step, name }) => [file, step, name]),
      [
        ["conv.S.npy", undefined, "conv.S"],
        ["step-5200.npz", 5200, "conv_H"],
      ],
    );
    for (const { matrix } of factors) {
      assertEquals([...matrix.data], [1, -2, 4, 5]);
    }
  }));

Deno.test("readFactorFile: refuses a file of another kind by its name", async () => {
  await assertRejects(
    () => readFactorFile("factors.pt"),
    RangeError,
    'the file must be .safetensors, .npy or .npz, got "factors.pt"',
  );
});

Deno.test("readFactorFolder: says how factors are made where there are none", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () => readFactorFolder(folder),
      RangeError,
      "got none in 0 files; deno task train --factors every:50 makes some",
    );
    await Deno.writeTextFile(`${folder}/broken.safetensors`, "short");
    await assertRejects(
      () => readFactorFolder(folder),
      RangeError,
      `${folder}/broken.safetensors`,
    );
    await assertRejects(
      () => readFactorFolder(`${folder}/none`),
      Deno.errors.NotFound,
    );
  }));
