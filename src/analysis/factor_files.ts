/**
 * Files of Kronecker factors: those of a training run, and those of any other program
 * that writes safetensors.
 *
 * @module
 */

import {
  encodeSafetensors,
  fromValue,
  readSafetensors,
  type Safetensors,
  toValue,
  writeFileAtomically,
} from "../io/mod.ts";
import type { Value } from "../tensor/value.ts";
import type { FactorAverages, FactorPair } from "./factor_averages.ts";

/** A factor from a file. */
export interface StoredFactor {
  /** The file's name in its folder. */
  readonly file: string;
  /** The training step, where the file's metadata has a `step`. */
  readonly step?: number;
  /** The tensor's name, such as `fc1/paper/h`. */
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

/**
 * All factors in the safetensors files of a folder, in the order of the files' names:
 * every float tensor that is a square matrix. Other tensors are left out.
 *
 * @example Factors that another program wrote
 * ```ts
 * import { readFactorFolder } from "@adafisher/adafisher/analysis";
 * import { encodeSafetensors, fromValue } from "@adafisher/adafisher/io";
 * import { identity } from "@adafisher/adafisher/linalg";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const tensors = new Map([["conv.H", fromValue(identity(3))]]);
 * const bytes = encodeSafetensors(tensors, { step: "5200" });
 * await Deno.writeFile(`${folder}/early.safetensors`, bytes);
 * const [{ file, step, name, matrix }] = await readFactorFolder(folder);
 * assertEquals([file, step, name], ["early.safetensors", 5200, "conv.H"]);
 * assertEquals(matrix, identity(3));
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder Path of the folder.
 * @returns The factors; at least one.
 * @throws {Deno.errors.NotFound} If there is no such folder.
 * @throws {RangeError} If there are no factors in it, or a file is no safetensors file.
 */
export async function readFactorFolder(
  folder: string,
): Promise<StoredFactor[]> {
  const files: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name.endsWith(".safetensors")) files.push(name);
  }
  const factors: StoredFactor[] = [];
  for (const file of files.sort()) {
    const { tensors, metadata } = await readSafetensors(`${folder}/${file}`);
    const step = /^\d+$/.test(metadata.step ?? "")
      ? { step: Number(metadata.step) }
      : {};
    for (const [name, tensor] of tensors) {
      const [n, columns] = tensor.shape;
      const square = tensor.shape.length === 2 && n === columns && n > 0;
      if (!square || !/F/.test(tensor.dtype)) continue;
      factors.push({ file, ...step, name, matrix: toValue(tensor) });
    }
  }
  if (factors.length > 0) return factors;
  throw new RangeError(
    `Cannot read factors from ${folder}: its safetensors files must have square float matrices, got none in ${files.length} files; deno task train --factors every:50 makes some`,
  );
}
