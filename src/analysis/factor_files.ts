/**
 * Files of Kronecker factors: those of a training run, and those of any other program
 * that writes safetensors or NumPy's files.
 *
 * @module
 */

import { basename } from "node:path";
import {
  encodeSafetensors,
  fromValue,
  readNpy,
  readNpz,
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  toValue,
  writeFileAtomically,
} from "../io/mod.ts";
import type { Value } from "../tensor/value.ts";
import type { FactorAverages, FactorPair } from "./factor_averages.ts";

/** A factor from a file. */
export interface StoredFactor {
  /** The file's name in its folder. */
  readonly file: string;
  /**
   * The training step, where a safetensors file's metadata has a `step`, or the name of
   * one of NumPy's files says it: `step-5200`, `step_5200` or `step5200`.
   */
  readonly step?: number;
  /** The tensor's name, such as `fc1/paper/h`; of a `.npy` file its own, without ending. */
  readonly name: string;
  /** The factor: float [n, n]. */
  readonly matrix: Value;
}

/** Kinds of averages, under the names that they have in files. */
const KINDS = {
  paper: ["paper", ""],
  official: ["official", ""],
  officialDiagonals: ["official", "_diagonal"],
} as const;

/**
 * Writes averages of factors into a file that is whole or not there: tensors
 * `<layer>/paper/h`, `<layer>/paper/s`, `<layer>/official/h`, `<layer>/official/s`, and
 * `<layer>/official/h_diagonal`, `<layer>/official/s_diagonal` of the optimizer.
 *
 * @example What is in the file
 * ```ts
 * import { averageFactors, writeFactors } from "@adafisher/adafisher/analysis";
 * import { readSafetensors } from "@adafisher/adafisher/io";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = { h: value([2, 1, 1, 4], [2, 2]), s: value([3], [1, 1]) };
 * const averages = averageFactors(undefined, { paper: { fc }, official: { fc } }, 50);
 * const folder = await Deno.makeTempDir();
 * await writeFactors(`${folder}/step-50.safetensors`, averages, { step: "50" });
 * const file = await readSafetensors(`${folder}/step-50.safetensors`);
 * assertEquals(file.metadata, { step: "50" });
 * assertEquals([...file.tensors.get("fc/paper/h")!.data], [2, 1, 1, 4]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param path Path of the file; its folder must exist.
 * @param averages The averages.
 * @param metadata What else the file says, such as the step.
 * @throws {Error} If the file cannot be written.
 */
export async function writeFactors(
  path: string,
  averages: FactorAverages,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors: Safetensors["tensors"] = new Map();
  for (const [kind, [form, ending]] of Object.entries(KINDS)) {
    const layers = averages[kind as keyof FactorAverages];
    for (const [layer, { h, s }] of Object.entries(layers)) {
      tensors.set(`${layer}/${form}/h${ending}`, fromValue(h));
      tensors.set(`${layer}/${form}/s${ending}`, fromValue(s));
    }
  }
  await writeFileAtomically(path, encodeSafetensors(tensors, { ...metadata }));
}

/**
 * Reads what {@linkcode writeFactors} wrote.
 *
 * @example Averages to a file and back
 * ```ts
 * import {
 *   averageFactors,
 *   readFactorAverages,
 *   writeFactors,
 * } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = { h: value([2, 1, 1, 4], [2, 2]), s: value([3], [1, 1]) };
 * const averages = averageFactors(undefined, { paper: { fc }, official: { fc } }, 1);
 * const folder = await Deno.makeTempDir();
 * await writeFactors(`${folder}/a.safetensors`, averages, { step: "1" });
 * const read = await readFactorAverages(`${folder}/a.safetensors`, ["fc"]);
 * assertEquals(read, averages);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param path Path of the file.
 * @param layers The layers that must be in it.
 * @returns The averages.
 * @throws {RangeError} If a factor of a layer is not in it, or it is no safetensors file.
 */
export async function readFactorAverages(
  path: string,
  layers: readonly string[],
): Promise<FactorAverages> {
  const { tensors } = await readSafetensors(path);
  const named = (name: string): Value => {
    const tensor = tensors.get(name);
    if (tensor) return toValue(tensor);
    throw new RangeError(
      `Cannot read factors from ${path}: it must have a tensor ${name}, got ${
        [...tensors.keys()].slice(0, 8).join(", ") || "none"
      }`,
    );
  };
  const kind = (name: keyof typeof KINDS): Record<string, FactorPair> => {
    const [form, ending] = KINDS[name];
    return Object.fromEntries(layers.map((layer) => [layer, {
      h: named(`${layer}/${form}/h${ending}`),
      s: named(`${layer}/${form}/s${ending}`),
    }]));
  };
  return {
    paper: kind("paper"),
    official: kind("official"),
    officialDiagonals: kind("officialDiagonals"),
  };
}

/** Ends of the names of files that may have factors. */
const ENDINGS = /\.(safetensors|npy|npz)$/;

/**
 * All factors in a file of safetensors, `.npy` or `.npz`: every float tensor that is a
 * square matrix. Other tensors are left out.
 *
 * @example Factors that another program wrote
 * ```ts
 * import { readFactorFile } from "@adafisher/adafisher/analysis";
 * import { encodeSafetensors, fromValue } from "@adafisher/adafisher/io";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const tensors = new Map([["conv.H", fromValue(identity(3))]]);
 * await Deno.writeFile(path, encodeSafetensors(tensors, { step: "5200" }));
 * const [{ step, name, matrix }] = await readFactorFile(path);
 * assertEquals([step, name], [5200, "conv.H"]);
 * assertEquals(matrix, identity(3));
 * await Deno.remove(path);
 * ```
 *
 * @param path Path of the file.
 * @returns The factors; none if no tensor is one.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {RangeError} If its name has another ending, or it is no such file.
 */
export async function readFactorFile(path: string): Promise<StoredFactor[]> {
  const file = basename(path);
  const [, ending] = ENDINGS.exec(file) ?? [];
  if (ending === undefined) {
    throw new RangeError(
      `Cannot read factors from ${path}: the file must be .safetensors, .npy or .npz, got ${
        JSON.stringify(file)
      }`,
    );
  }
  let tensors: ReadonlyMap<string, StoredTensor>, said: string | undefined;
  if (ending === "safetensors") {
    const read = await readSafetensors(path);
    tensors = read.tensors;
    said = read.metadata.step;
  } else {
    tensors = ending === "npz"
      ? await readNpz(path)
      : new Map([[file.replace(ENDINGS, ""), await readNpy(path)]]);
    said = /step[-_]?(\d+)/i.exec(file)?.[1];
  }
  const step = /^\d+$/.test(said ?? "") ? { step: Number(said) } : {};
  return [...tensors].flatMap(([name, tensor]) => {
    const [n, columns] = tensor.shape;
    const square = tensor.shape.length === 2 && n === columns && n > 0;
    if (!square || !/F/.test(tensor.dtype)) return [];
    return [{ file, ...step, name, matrix: toValue(tensor) }];
  });
}

/**
 * All factors in the safetensors, `.npy` and `.npz` files of a folder, in the order of
 * the files' names, as {@linkcode readFactorFile} finds them.
 *
 * @example A folder of one file
 * ```ts
 * import { readFactorFolder } from "@adafisher/adafisher/analysis";
 * import { encodeSafetensors, fromValue } from "@adafisher/adafisher/io";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const bytes = encodeSafetensors(new Map([["conv.H", fromValue(identity(3))]]));
 * await Deno.writeFile(`${folder}/early.safetensors`, bytes);
 * const [{ file, name }] = await readFactorFolder(folder);
 * assertEquals([file, name], ["early.safetensors", "conv.H"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder Path of the folder.
 * @returns The factors; at least one.
 * @throws {Deno.errors.NotFound} If there is no such folder.
 * @throws {RangeError} If there are no factors in it, or a file cannot be read.
 */
export async function readFactorFolder(
  folder: string,
): Promise<StoredFactor[]> {
  const files: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && ENDINGS.test(name)) files.push(name);
  }
  const factors: StoredFactor[] = [];
  for (const file of files.sort()) {
    factors.push(...await readFactorFile(`${folder}/${file}`));
  }
  if (factors.length > 0) return factors;
  throw new RangeError(
    `Cannot read factors from ${folder}: its safetensors, npy and npz files must have square float matrices, got none in ${files.length} files; deno task train --factors every:50 makes some`,
  );
}
