/**
 * Recording: a trace in the same format, with this package as the recorder.
 *
 * @module
 */

import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import {
  encodeSafetensors,
  type StoredTensor,
  writeFileAtomically,
} from "../io/mod.ts";
import { initialize } from "../layers/mod.ts";
import type { Device } from "../program/device.ts";
import { referenceDevice } from "../reference/device.ts";
import { randomNormal, randomUniform, streamOf } from "../tensor/random.ts";
import {
  intValue,
  type Shape,
  sizeOf,
  type Value,
  value,
} from "../tensor/value.ts";
import {
  formatCase,
  readRun,
  type RunDescription,
  type Trace,
  TRACE_FORMAT,
} from "./case.ts";
import { parseFields } from "./fields.ts";
import { buildModel, outputShape } from "./model.ts";
import { replay } from "./replay.ts";

/** What batches are made of; targets follow from the loss and the model's output. */
export interface BatchDescription {
  /** Samples a batch. */
  readonly size: number;
  /** Shape of one sample, such as `[10]`, `[3, 8, 8]`, or `[6]` for six tokens. */
  readonly input: Shape;
  /** Number of tokens to choose from; without it the inputs are normal numbers. */
  readonly tokens?: number;
}

/** What to record. */
export interface RecordingDescription extends RunDescription {
  /** The batches. */
  readonly batch: BatchDescription;
}

/** Options of {@linkcode recordTrace}. */
export interface RecordOptions {
  /** Same seed, same bytes; from 0 to 2^32 - 1, 0 by default. */
  readonly seed?: number;
  /** Where to run; the float64 reference device by default. */
  readonly device?: Device;
  /** Name of the case; `recorded` by default. */
  readonly name?: string;
}

/** Tolerance of a recording that says none: the format's usual one. */
const TOLERANCE = Object.freeze({ float64: 1e-9, float32: 1e-4 });

/**
 * Reads and checks the description of a recording: a `case.json` without
 * `recordedBy`, and with a `batch` of `size`, `input` and, for tokens, `tokens`.
 * `format`, `about` and `tolerance` may be left out.
 *
 * @example A mistake is named by its place
 * ```ts
 * import { parseDescription } from "@adafisher/adafisher/oracle";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(
 *   () => parseDescription('{"model": {"layers": 3}}', "mine.json"),
 *   TypeError,
 *   "model.layers",
 * );
 * ```
 *
 * @param text JSON.
 * @param source Name of the file in error messages.
 * @returns What to record.
 * @throws {SyntaxError} If it is no JSON, or an object has a key twice.
 * @throws {TypeError} If a field is absent or of the wrong type.
 * @throws {RangeError} If a field's value is not allowed, or a field is unknown.
 */
export function parseDescription(
  text: string,
  source: string,
): RecordingDescription {
  const fields = parseFields(text, `Cannot read description ${source}`);
  if (fields.has("format")) fields.choice("format", [TRACE_FORMAT]);
  const run = readRun(fields, {
    about: "A recorded run.",
    tolerance: TOLERANCE,
  });
  const batch = fields.object("batch");
  const count = { whole: true, least: 1 };
  const described: BatchDescription = {
    size: batch.number("size", count),
    input: batch.numbers("input", count),
    ...batch.has("tokens") ? { tokens: batch.number("tokens", count) } : {},
  };
  batch.done();
  fields.done();
  return { ...run, batch: described };
}

/** Random integers below `below`, by a key and the name of what they are for. */
function randomIntegers(
  key: [number, number],
  name: string,
  shape: Shape,
  below: number,
): Value {
  const draws = randomUniform(key, streamOf(name), sizeOf(shape));
  return intValue(draws.map((u) => Math.floor(u * below)), shape);
}

/** Random normal numbers. */
function randomNumbers(
  key: [number, number],
  name: string,
  shape: Shape,
): Value {
  return value(randomNormal(key, streamOf(name), sizeOf(shape)), shape);
}

/** First parameters and batches of a recording. */
function drawInputs(
  description: RecordingDescription,
  seed: number,
): Map<string, Value> {
  const { batch, loss, steps } = description;
  const model = buildModel(description.layers);
  const tensors = new Map<string, Value>();
  for (
    const [name, first] of Object.entries(initialize(model.parameters, seed))
  ) {
    tensors.set(`init/${name}`, first);
  }
  const shape = [batch.size, ...batch.input];
  const output = outputShape(
    model,
    shape,
    batch.tokens === undefined ? "float" : "int",
  );
  for (let step = 1; step <= steps; step++) {
    const key: [number, number] = [seed, step];
    tensors.set(
      `batch/${step}/x`,
      batch.tokens === undefined
        ? randomNumbers(key, "batch/x", shape)
        : randomIntegers(key, "batch/x", shape, batch.tokens),
    );
    tensors.set(
      `batch/${step}/y`,
      loss === "mse"
        ? randomNumbers(key, "batch/y", output)
        : randomIntegers(key, "batch/y", output.slice(0, -1), output.at(-1)!),
    );
  }
  return tensors;
}

/** The value in float64, as the format has it. */
function widen(tensor: Value): Value {
  return tensor.data instanceof Float32Array
    ? { ...tensor, data: Float64Array.from(tensor.data) }
    : tensor;
}

/**
 * Records a run: draws first parameters and batches, runs the steps, keeps what
 * the format asks for.
 *
 * @example
 * ```ts
 * import { parseDescription, recordTrace } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * const description = parseDescription(
 *   JSON.stringify({
 *     model: {
 *       layers: [{ type: "linear", name: "fc", in: 2, out: 3, bias: true }],
 *     },
 *     loss: "cross-entropy",
 *     optimizer: {
 *       name: "adafisher",
 *       lr: 1e-3,
 *       beta: 0.9,
 *       lambda: 1e-3,
 *       gamma1: 0.92,
 *       gamma2: 0.008,
 *       curvatureInterval: 1,
 *       weightDecay: 0,
 *       normalization: "batch",
 *     },
 *     steps: 1,
 *     record: [1],
 *     batch: { size: 4, input: [2] },
 *   }),
 *   "an example",
 * );
 * const { tensors } = await recordTrace(description, { seed: 7 });
 * assertEquals(tensors.get("step/1/h/fc")?.shape, [3]);
 * ```
 *
 * @param description What to record.
 * @param options Seed, device, name.
 * @returns The trace.
 * @throws {RangeError} If the seed is no unsigned 32-bit integer, the layers do
 * not fit the batch, or the run leaves the finite numbers: such a trace could
 * never pass.
 * @throws {TypeError} If a layer gets tokens and needs numbers, or the reverse.
 */
export async function recordTrace(
  description: RecordingDescription,
  options: RecordOptions = {},
): Promise<Trace> {
  const { seed = 0, device = referenceDevice, name = "recorded" } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new RangeError(
      `Cannot record: seed must be a whole number from 0 to ${0xffffffff}, got ${seed}`,
    );
  }
  const { batch: _, ...run } = description;
  const tensors = drawInputs(description, seed);
  for (const [key, tensor] of await replay(run, tensors, device, { seed })) {
    const wide = widen(tensor);
    const wrong = wide.data.findIndex((number) => !Number.isFinite(number));
    if (wrong >= 0) {
      throw new RangeError(
        `Cannot record: ${key} must be finite, got ${
          wide.data[wrong]
        } at ${wrong}`,
      );
    }
    tensors.set(key, wide);
  }
  const bits = 8 * device.floatBytes;
  const recordedBy =
    `${config.name} ${config.version}, ${device.name} device (float${bits})`;
  return { name, case: { ...run, recordedBy }, tensors };
}

/** F64, or I64 for labels and tokens. */
function store({ shape, dtype, data }: Value): StoredTensor {
  return dtype === "int"
    ? {
      dtype: "I64",
      shape,
      data: BigInt64Array.from(data as Int32Array, (n) => BigInt(n)),
    }
    : { dtype: "F64", shape, data: Float64Array.from(data) };
}

/** Whether there is anything at a path. */
async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Options of {@linkcode writeTrace}. */
export interface WriteOptions {
  /** Whether a trace that is there already is replaced; false by default. */
  readonly overwrite?: boolean;
}

/**
 * Writes a trace to a folder, which is made if need be. Each file is written
 * whole or not at all, and `case.json` last, so that a folder that has one has the
 * trace that belongs to it.
 *
 * @example There and back
 * ```ts
 * import { readTrace, writeTrace } from "@adafisher/adafisher/oracle";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = `${await Deno.makeTempDir()}/case`;
 * const trace = {
 *   name: "case",
 *   case: {
 *     about: "Nothing but a batch.",
 *     recordedBy: "an example",
 *     layers: [],
 *     loss: "mse",
 *     optimizer: {
 *       name: "adamw",
 *       hyperparameters: { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 },
 *     },
 *     steps: 1,
 *     record: [1],
 *     tolerance: { float64: 1e-9, float32: 1e-4 },
 *   },
 *   tensors: new Map([
 *     ["batch/1/x", value([1, 2], [2, 1])],
 *     ["batch/1/y", value([3, 4], [2, 1])],
 *   ]),
 * } as const;
 * await writeTrace(folder, trace);
 * assertEquals(await readTrace(folder), trace);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param trace The trace.
 * @param options Whether to overwrite.
 * @throws {Deno.errors.AlreadyExists} If there is a trace and it may not be overwritten.
 * @throws {Error} If the folder cannot be made or written to.
 */
export async function writeTrace(
  folder: string,
  trace: Trace,
  options: WriteOptions = {},
): Promise<void> {
  const casePath = join(folder, "case.json");
  const tracePath = join(folder, "trace.safetensors");
  for (const path of [casePath, tracePath]) {
    if (!options.overwrite && await exists(path)) {
      throw new Deno.errors.AlreadyExists(
        `Cannot write ${path}: the file must not exist yet, or be allowed to be overwritten`,
      );
    }
  }
  const bytes = encodeSafetensors(
    new Map([...trace.tensors].map(([key, tensor]) => [key, store(tensor)])),
  );
  await Deno.mkdir(folder, { recursive: true });
  if (await exists(casePath)) await Deno.remove(casePath);
  await writeFileAtomically(tracePath, bytes);
  const text = formatCase(trace.case);
  await writeFileAtomically(casePath, new TextEncoder().encode(text));
}
