/**
 * Checkpoints: all the numbers of a training run, bit for bit, and a
 * description of the run, in one safetensors file that is replaced as a whole.
 *
 * @module
 */

import type { Value } from "../tensor/value.ts";
import { readSafetensors, writeFileAtomically } from "./files.ts";
import { isObject, type JsonObject, kindOf, quoted } from "./json.ts";
import { encodeSafetensors } from "./safetensors.ts";
import { fromValue, toValue } from "./stored_tensor.ts";

/** What a checkpoint is of. More keys may be added: anything that JSON can say. */
export interface CheckpointDescription extends JsonObject {
  /** Training steps that were made. */
  readonly step: number;
  /** Epochs that were finished. */
  readonly epoch: number;
  /** Seed of the run's random numbers. */
  readonly seed: number;
  /** The model, so that two texts are equal where the models are. */
  readonly model: string;
  /** The optimizer, so that two texts are equal where the optimizers are. */
  readonly optimizer: string;
  /** Options of the run. */
  readonly options: JsonObject;
}

/** The numbers of a run and what they are of. */
export interface Checkpoint {
  /** Parameters, optimizer state and whatever else a step needs, by name. */
  readonly values: Readonly<Record<string, Value>>;
  /** The run. */
  readonly description: CheckpointDescription;
}

/** Format of the description, its first key in the file. */
const FORMAT = "adafisher-checkpoint/1";

/** Key of the file's metadata that holds the description. */
const DESCRIPTION = "checkpoint";

/** Writes the description as one JSON text. */
function encodeDescription(
  description: CheckpointDescription,
  cannot: string,
): string {
  requireDescription(description, cannot);
  return JSON.stringify({ format: FORMAT, ...description }, (key, json) => {
    if (typeof json === "number" && !Number.isFinite(json)) {
      throw new RangeError(
        `${cannot}: number ${
          quoted(key)
        } of the description must be finite, got ${json}`,
      );
    }
    if (["bigint", "function", "symbol"].includes(typeof json)) {
      throw new TypeError(
        `${cannot}: ${
          quoted(key)
        } of the description must be JSON, got a ${typeof json}`,
      );
    }
    return json;
  });
}

/** Reads the description of a file's metadata. */
function decodeDescription(
  metadata: Readonly<Record<string, string>>,
  cannot: string,
): CheckpointDescription {
  if (!Object.hasOwn(metadata, DESCRIPTION)) {
    throw new RangeError(
      `${cannot}: the metadata must have the key ${quoted(DESCRIPTION)}, got ${
        quoted(Object.keys(metadata).join(", "))
      }`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(metadata[DESCRIPTION]);
  } catch (cause) {
    throw new SyntaxError(
      `${cannot}: the description must be JSON, got ${
        quoted(metadata[DESCRIPTION])
      }`,
      { cause },
    );
  }
  requireObject(json, `${cannot}: the description`);
  const { format, ...description } = json;
  if (format !== FORMAT) {
    throw new RangeError(
      `${cannot}: the format must be ${quoted(FORMAT)}, got ${kindOf(format)}`,
    );
  }
  requireDescription(description, cannot);
  return description;
}

/** Refuses what is no JSON object. */
function requireObject(
  json: unknown,
  subject: string,
): asserts json is JsonObject {
  if (!isObject(json)) {
    throw new TypeError(`${subject} must be an object, got ${kindOf(json)}`);
  }
}

/** Refuses a description that lacks a key or has one of the wrong kind. */
function requireDescription(
  description: JsonObject,
  cannot: string,
): asserts description is CheckpointDescription {
  requireObject(description, `${cannot}: the description`);
  for (const key of ["step", "epoch", "seed"]) {
    const number = description[key];
    if (typeof number !== "number") {
      throw new TypeError(
        `${cannot}: ${key} of the description must be a number, got ${
          kindOf(number)
        }`,
      );
    }
    const least = key === "seed" ? Number.MIN_SAFE_INTEGER : 0;
    if (!Number.isSafeInteger(number) || number < least) {
      throw new RangeError(
        `${cannot}: ${key} of the description must be a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}, got ${number}`,
      );
    }
  }
  for (const key of ["model", "optimizer"]) {
    if (typeof description[key] !== "string") {
      throw new TypeError(
        `${cannot}: ${key} of the description must be a string, got ${
          kindOf(description[key])
        }`,
      );
    }
  }
  if (Object.hasOwn(description, "format")) {
    throw new RangeError(
      `${cannot}: format of the description must be left to the file, got ${
        kindOf(description.format)
      }`,
    );
  }
  requireObject(description.options, `${cannot}: options of the description`);
}

/** Refuses a value with a number that is infinite or none. */
function requireFinite(name: string, value: Value, cannot: string): void {
  for (let i = 0; i < value.data.length; i++) {
    if (!Number.isFinite(value.data[i])) {
      throw new RangeError(
        `${cannot}: element ${i} of ${quoted(name)} must be finite, got ${
          value.data[i]
        }`,
      );
    }
  }
}

/**
 * Saves a run to a file, every bit kept: float64 as F64, float32 as F32, int as
 * I32, bool as BOOL, in the order of the keys. The description becomes one JSON
 * text in the file's metadata. The file at the path is replaced as a whole, or,
 * where anything fails, not touched: so it is always the last good one.
 *
 * @example Save, load, go on
 * ```ts
 * import { loadCheckpoint, saveCheckpoint } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/run.safetensors`;
 * const run = {
 *   values: {
 *     "fc1.weight": {
 *       shape: [1, 2],
 *       dtype: "float",
 *       data: Float32Array.of(0.1, -0),
 *     },
 *   },
 *   description: {
 *     step: 100,
 *     epoch: 1,
 *     seed: 7,
 *     model: "mlp 2-1",
 *     optimizer: "adafisher",
 *     options: { learningRate: 1e-3 },
 *   },
 * } as const;
 * await saveCheckpoint(path, run);
 * assertEquals(await loadCheckpoint(path), run);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param path Path of the file; its folder must exist.
 * @param checkpoint Values by name, and the run's description.
 * @throws {RangeError} If a value holds NaN or an infinity (the message has the
 *   name and the element), a bool is neither 0 nor 1, a shape does not fit its
 *   elements, or a number of the description is not finite.
 * @throws {TypeError} If the description or a value is of the wrong kind.
 * @throws {Deno.errors.NotFound} If there is no such folder.
 */
export async function saveCheckpoint(
  path: string,
  checkpoint: Checkpoint,
): Promise<void> {
  const cannot = `Cannot save checkpoint ${path}`;
  const text = encodeDescription(checkpoint.description, cannot);
  const tensors = Object.entries(checkpoint.values).map(([name, value]) => {
    requireFinite(name, value, cannot);
    return [name, fromValue(value, `${quoted(name)} in ${path}`)] as const;
  });
  const bytes = encodeSafetensors(new Map(tensors), { [DESCRIPTION]: text });
  await writeFileAtomically(path, bytes);
}

/**
 * Loads a run that {@linkcode saveCheckpoint} saved.
 *
 * @example A file of another kind is refused
 * ```ts
 * import {
 *   encodeSafetensors,
 *   loadCheckpoint,
 *   writeFileAtomically,
 * } from "@adafisher/adafisher/io";
 * import { assertRejects } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/weights.safetensors`;
 * await writeFileAtomically(path, encodeSafetensors(new Map()));
 * await assertRejects(() => loadCheckpoint(path), RangeError, "metadata");
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param path Path of the file.
 * @returns Values in the order they were saved in, and the run's description.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the header or the description is no JSON.
 * @throws {TypeError} If a part of the header or description is of the wrong kind.
 * @throws {RangeError} If the file is damaged, no checkpoint, or holds NaN.
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const cannot = `Cannot load checkpoint ${path}`;
  const { tensors, metadata } = await readSafetensors(path);
  const description = decodeDescription(metadata, cannot);
  const values = [...tensors].map(([name, tensor]) => {
    const value = toValue(tensor, `${quoted(name)} in ${path}`);
    requireFinite(name, value, cannot);
    return [name, value] as const;
  });
  return { values: Object.fromEntries(values), description };
}
