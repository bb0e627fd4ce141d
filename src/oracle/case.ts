/**
 * Golden traces on disk: `case.json`, which says what to run, and
 * `trace.safetensors`, which has the tensors. Everything is checked here, so that
 * the rest of this folder can trust it.
 *
 * @module
 */

import { basename, join } from "node:path";
import { readSafetensors, type StoredTensor, toValue } from "../io/mod.ts";
import { quoted } from "../io/json.ts";
import type { Pair } from "../tensor/tensor.ts";
import type { Shape, Value } from "../tensor/value.ts";
import { type Fields, type NumberRule, parseFields } from "./fields.ts";

/** The format that this folder reads and writes. */
export const TRACE_FORMAT = "adafisher-trace/1";

/** Activations of the format. */
export type TraceActivation =
  | "relu"
  | "gelu"
  | "tanh"
  | "sigmoid"
  | "hardswish"
  | "softmax";

/** One layer of a model, as the format describes it. */
export type LayerDescription =
  | {
    readonly type: "linear";
    readonly name: string;
    readonly in: number;
    readonly out: number;
    readonly bias: boolean;
  }
  | {
    readonly type: "conv2d";
    readonly name: string;
    readonly in: number;
    readonly out: number;
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: Pair;
    readonly dilation: Pair;
    readonly groups: number;
    readonly bias: boolean;
  }
  | {
    readonly type: "batch-norm-2d";
    readonly name: string;
    readonly features: number;
    readonly eps: number;
    readonly momentum: number;
  }
  | {
    readonly type: "layer-norm";
    readonly name: string;
    readonly shape: Shape;
    readonly eps: number;
  }
  | {
    readonly type: "embedding";
    readonly name: string;
    readonly count: number;
    readonly dim: number;
    readonly frozen?: boolean;
  }
  | {
    readonly type: "attention";
    readonly name: string;
    readonly dim: number;
    readonly heads: number;
    readonly causal: boolean;
  }
  | { readonly type: TraceActivation | "global-avg-pool-2d" | "flatten" }
  | {
    readonly type: "max-pool-2d" | "avg-pool-2d";
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: Pair;
  }
  | {
    readonly type: "residual";
    readonly body: readonly LayerDescription[];
    readonly shortcut: readonly LayerDescription[];
  };

/** Type of a layer, as `conv2d`. */
export type LayerType = LayerDescription["type"];

/** Every type of layer that the format has. */
export const layerTypes: readonly LayerType[] = Object.freeze([
  "linear",
  "conv2d",
  "batch-norm-2d",
  "layer-norm",
  "embedding",
  "attention",
  "relu",
  "gelu",
  "tanh",
  "sigmoid",
  "hardswish",
  "softmax",
  "max-pool-2d",
  "avg-pool-2d",
  "global-avg-pool-2d",
  "flatten",
  "residual",
]);

/** An optimizer as the format describes it: its name and its hyperparameters. */
export interface OptimizerDescription {
  /** Name, as `adafisher`. */
  readonly name: string;
  /** Hyperparameters by name. */
  readonly hyperparameters: Readonly<Record<string, number | boolean | string>>;
}

/** Name of a loss: the mean cross-entropy from logits, or mean squared error. */
export type LossName = "cross-entropy" | "mse";

/** Largest |a - b| / max(1, |b|) that passes. */
export interface Tolerance {
  /** For devices that compute in float64. */
  readonly float64: number;
  /** For devices that compute in float32. */
  readonly float32: number;
}

/** What a trace is a run of. */
export interface RunDescription {
  /** One line on what the case is for. */
  readonly about: string;
  /** The model's layers, run in order. */
  readonly layers: readonly LayerDescription[];
  /** The loss. */
  readonly loss: LossName;
  /** The optimizer. */
  readonly optimizer: OptimizerDescription;
  /** Number of steps. */
  readonly steps: number;
  /** Steps (1-based, ascending) whose tensors are recorded. */
  readonly record: readonly number[];
  /** What passes. */
  readonly tolerance: Tolerance;
}

/** What `case.json` says. */
export interface TraceCase extends RunDescription {
  /** Who recorded it. */
  readonly recordedBy: string;
}

/** A case with the tensors of its trace. */
export interface Trace {
  /** Name: that of its folder. */
  readonly name: string;
  /** What to run. */
  readonly case: TraceCase;
  /** Every tensor by its key, such as `step/1/grad/fc1.weight`. */
  readonly tensors: ReadonlyMap<string, Value>;
}

const FINITE: NumberRule = {};
const COUNT: NumberRule = { whole: true, least: 1 };
const NATURAL: NumberRule = { whole: true, least: 0 };
const NOT_NEGATIVE: NumberRule = { least: 0 };
const POSITIVE: NumberRule = { above: 0 };
const UNIT: NumberRule = { least: 0, most: 1 };
const BETA: NumberRule = { least: 0, below: 1 };
const DECAY_OR_OFF: NumberRule = { least: -1, most: 1 };

/** Rule of a hyperparameter: a number, a truth value (`?`: may be absent), or words. */
type HyperparameterRule = NumberRule | "flag" | "flag?" | readonly string[];

const SGD = { lr: NOT_NEGATIVE, momentum: NOT_NEGATIVE };
const ADAM = {
  lr: NOT_NEGATIVE,
  beta1: BETA,
  beta2: BETA,
  eps: NOT_NEGATIVE,
  weightDecay: NOT_NEGATIVE,
};
const ADAFISHER = {
  lr: NOT_NEGATIVE,
  beta: BETA,
  lambda: NOT_NEGATIVE,
  gamma1: UNIT,
  gamma2: UNIT,
  curvatureInterval: COUNT,
  weightDecay: NOT_NEGATIVE,
  normalization: ["batch", "running"],
};
const ASDL = {
  ...SGD,
  weightDecay: NOT_NEGATIVE,
  damping: NOT_NEGATIVE,
  curvatureInterval: COUNT,
  emaDecay: DECAY_OR_OFF,
  clipNorm: POSITIVE,
};

/** Hyperparameters of every optimizer that the format has. */
const HYPERPARAMETERS: Readonly<
  Record<string, Readonly<Record<string, HyperparameterRule>>>
> = {
  adafisher: ADAFISHER,
  adafisherw: ADAFISHER,
  sgd: {
    ...SGD,
    dampening: FINITE,
    nesterov: "flag",
    weightDecay: NOT_NEGATIVE,
  },
  adam: { ...ADAM, amsgrad: "flag?" },
  // The format's table gives amsgrad to adam alone; PyTorch has it in both.
  adamw: { ...ADAM, amsgrad: "flag?" },
  radam: ADAM,
  adagrad: {
    lr: NOT_NEGATIVE,
    lrDecay: NOT_NEGATIVE,
    initialAccumulator: NOT_NEGATIVE,
    eps: NOT_NEGATIVE,
    weightDecay: NOT_NEGATIVE,
  },
  adadelta: {
    lr: NOT_NEGATIVE,
    rho: UNIT,
    eps: NOT_NEGATIVE,
    weightDecay: NOT_NEGATIVE,
  },
  rmsprop: {
    lr: NOT_NEGATIVE,
    alpha: UNIT,
    momentum: NOT_NEGATIVE,
    centered: "flag",
    eps: NOT_NEGATIVE,
    weightDecay: NOT_NEGATIVE,
  },
  adahessian: { ...ADAM, hessianPower: NOT_NEGATIVE },
  kfac: {
    ...SGD,
    statDecay: UNIT,
    damping: NOT_NEGATIVE,
    klClip: POSITIVE,
    weightDecay: NOT_NEGATIVE,
    factorInterval: COUNT,
    inverseInterval: COUNT,
  },
  "kfac-asdl": ASDL,
  "shampoo-asdl": ASDL,
};

/** Names of every optimizer that the format has. */
export const traceOptimizerNames: readonly string[] = Object.freeze(
  Object.keys(HYPERPARAMETERS),
);

/** Deepest nesting of residuals: far more than a model has, less than the stack. */
const MAX_DEPTH = 100;

/** Reads a list of layers. */
function readLayers(
  fields: Fields,
  key: string,
  depth = 0,
): LayerDescription[] {
  if (depth > MAX_DEPTH) {
    fields.refuse(key, `nested at most ${MAX_DEPTH} levels deep`);
  }
  return fields.objects(key).map((layer) => readLayer(layer, depth));
}

/** Reads the fields of one layer. */
function readLayer(fields: Fields, depth: number): LayerDescription {
  const type = fields.choice("type", layerTypes);
  const pair = (key: string, rule: NumberRule): Pair => {
    const [height, width] = fields.numbers(key, rule, 2);
    return [height, width];
  };
  const layer = ((): LayerDescription => {
    switch (type) {
      case "linear":
        return {
          type,
          name: fields.text("name"),
          in: fields.number("in", COUNT),
          out: fields.number("out", COUNT),
          bias: fields.flag("bias"),
        };
      case "conv2d":
        return {
          type,
          name: fields.text("name"),
          in: fields.number("in", COUNT),
          out: fields.number("out", COUNT),
          kernel: pair("kernel", COUNT),
          stride: pair("stride", COUNT),
          padding: pair("padding", NATURAL),
          dilation: pair("dilation", COUNT),
          groups: fields.number("groups", COUNT),
          bias: fields.flag("bias"),
        };
      case "batch-norm-2d":
        return {
          type,
          name: fields.text("name"),
          features: fields.number("features", COUNT),
          eps: fields.number("eps", NOT_NEGATIVE),
          momentum: fields.number("momentum", UNIT),
        };
      case "layer-norm": {
        const name = fields.text("name");
        const shape = fields.numbers("shape", COUNT);
        if (shape.length === 0) fields.refuse("shape", "a list of at least 1");
        return { type, name, shape, eps: fields.number("eps", NOT_NEGATIVE) };
      }
      case "embedding":
        return {
          type,
          name: fields.text("name"),
          count: fields.number("count", COUNT),
          dim: fields.number("dim", COUNT),
          ...fields.has("frozen") ? { frozen: fields.flag("frozen") } : {},
        };
      case "attention":
        return {
          type,
          name: fields.text("name"),
          dim: fields.number("dim", COUNT),
          heads: fields.number("heads", COUNT),
          causal: fields.flag("causal"),
        };
      case "max-pool-2d":
      case "avg-pool-2d":
        return {
          type,
          kernel: pair("kernel", COUNT),
          stride: pair("stride", COUNT),
          padding: pair("padding", NATURAL),
        };
      case "residual":
        return {
          type,
          body: readLayers(fields, "body", depth + 1),
          shortcut: fields.has("shortcut")
            ? readLayers(fields, "shortcut", depth + 1)
            : [],
        };
      default:
        return { type };
    }
  })();
  fields.done();
  return layer;
}

/** Reads the fields of the optimizer. */
function readOptimizer(fields: Fields): OptimizerDescription {
  const name = fields.choice("name", traceOptimizerNames);
  const hyperparameters: Record<string, number | boolean | string> = {};
  for (const [key, rule] of Object.entries(HYPERPARAMETERS[name])) {
    if (rule === "flag?" && !fields.has(key)) continue;
    hyperparameters[key] = typeof rule === "string"
      ? fields.flag(key)
      : Array.isArray(rule)
      ? fields.choice(key, rule)
      : fields.number(key, rule as NumberRule);
  }
  fields.done();
  return { name, hyperparameters };
}

/** Reads what a case and a description for a recording have in common. */
export function readRun(
  fields: Fields,
  defaults: Partial<Pick<RunDescription, "about" | "tolerance">> = {},
): RunDescription {
  const or = <K extends keyof typeof defaults>(
    key: K,
    read: () => RunDescription[K],
  ): RunDescription[K] => {
    const fallback = defaults[key] as RunDescription[K] | undefined;
    return fields.has(key) || fallback === undefined ? read() : fallback;
  };
  const about = or("about", () => fields.text("about"));
  const model = fields.object("model");
  const layers = readLayers(model, "layers");
  model.done();
  const loss = fields.choice("loss", ["cross-entropy", "mse"]);
  const optimizer = readOptimizer(fields.object("optimizer"));
  const steps = fields.number("steps", COUNT);
  const record = fields.numbers("record", { ...COUNT, most: steps });
  if (record.some((step, i) => i > 0 && step <= record[i - 1])) {
    fields.refuse("record", "a list of ascending steps");
  }
  const tolerance = or("tolerance", () => {
    const both = fields.object("tolerance");
    const read = {
      float64: both.number("float64", NOT_NEGATIVE),
      float32: both.number("float32", NOT_NEGATIVE),
    };
    both.done();
    return read;
  });
  return { about, layers, loss, optimizer, steps, record, tolerance };
}

/**
 * Reads and checks the text of a `case.json`.
 *
 * @example A mistake is named by its place
 * ```ts
 * import { parseCase } from "@adafisher/adafisher/oracle";
 * import { assertThrows } from "@std/assert";
 *
 * const text = JSON.stringify({
 *   format: "adafisher-trace/1",
 *   recordedBy: "an example",
 *   about: "A layer that does not exist.",
 *   model: { layers: [{ type: "relux" }] },
 * });
 * assertThrows(() => parseCase(text, "case.json"), RangeError, "model.layers[0].type");
 * ```
 *
 * @param text The text.
 * @param source Name of the file in error messages.
 * @returns What to run.
 * @throws {SyntaxError} If it is no JSON, or an object has a key twice.
 * @throws {TypeError} If a field is absent or of the wrong type.
 * @throws {RangeError} If a field's value is not allowed, or a field is unknown.
 */
export function parseCase(text: string, source: string): TraceCase {
  const fields = parseFields(text, `Cannot read case ${source}`);
  fields.choice("format", [TRACE_FORMAT]);
  const recordedBy = fields.text("recordedBy");
  const run = readRun(fields);
  fields.done();
  return { ...run, recordedBy };
}

/**
 * The text of a `case.json`.
 *
 * @example There and back
 * ```ts
 * import { formatCase, parseCase, type TraceCase } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * const run: TraceCase = {
 *   about: "One layer.",
 *   recordedBy: "an example",
 *   layers: [{ type: "linear", name: "fc", in: 2, out: 3, bias: true }],
 *   loss: "mse",
 *   optimizer: {
 *     name: "adamw",
 *     hyperparameters: { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 },
 *   },
 *   steps: 2,
 *   record: [1, 2],
 *   tolerance: { float64: 1e-9, float32: 1e-4 },
 * };
 * assertEquals(parseCase(formatCase(run), "case.json"), run);
 * ```
 *
 * @param description What to run.
 * @returns JSON, two spaces a level, a line end at its end.
 */
export function formatCase(description: TraceCase): string {
  const { about, recordedBy, layers, loss, steps, record, tolerance } =
    description;
  const { name, hyperparameters } = description.optimizer;
  const json = {
    format: TRACE_FORMAT,
    about,
    recordedBy,
    model: { layers },
    loss,
    optimizer: { name, ...hyperparameters },
    steps,
    record,
    tolerance,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Throws unless there is a file at a path. */
async function requireFile(path: string): Promise<void> {
  const rule = `Cannot read ${path}: a case must have this file`;
  const { isDirectory } = await Deno.stat(path).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Deno.errors.NotFound(`${rule}, got none`, { cause });
  });
  if (isDirectory) {
    throw new Deno.errors.IsADirectory(`${rule}, got a folder`);
  }
}

/** A tensor of a trace: F64, or I64 for labels and tokens. */
function readTensor(key: string, tensor: StoredTensor, path: string): Value {
  if (tensor.dtype !== "F64" && tensor.dtype !== "I64") {
    throw new RangeError(
      `Cannot read trace ${path}: tensor ${
        quoted(key)
      } must be F64, or I64 for labels and tokens, got ${tensor.dtype}`,
    );
  }
  return toValue(tensor, `tensor ${quoted(key)} in ${path}`);
}

/**
 * Reads a case from its folder.
 *
 * @example A folder that is not there
 * ```ts
 * import { readTrace } from "@adafisher/adafisher/oracle";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(
 *   () => readTrace("no-such-case"),
 *   Deno.errors.NotFound,
 *   "case.json",
 * );
 * ```
 *
 * @param folder Folder with `case.json` and `trace.safetensors`.
 * @returns The case and its tensors.
 * @throws {Deno.errors.NotFound} If a file is absent.
 * @throws {Deno.errors.IsADirectory} If a folder is in a file's place.
 * @throws {SyntaxError} If `case.json` or the header of the trace is no JSON.
 * @throws {TypeError} If a part of either is of the wrong type.
 * @throws {RangeError} If a value is not allowed, or the trace is cut off, of
 * another element type, or lacks a batch.
 */
export async function readTrace(folder: string): Promise<Trace> {
  const casePath = join(folder, "case.json");
  const path = join(folder, "trace.safetensors");
  for (const file of [casePath, path]) await requireFile(file);
  const description = parseCase(await Deno.readTextFile(casePath), casePath);
  const { tensors: stored } = await readSafetensors(path);
  const tensors = new Map<string, Value>();
  for (const [key, tensor] of stored) {
    tensors.set(key, readTensor(key, tensor, path));
  }
  for (let step = 1; step <= description.steps; step++) {
    for (const part of ["x", "y"]) {
      const key = `batch/${step}/${part}`;
      if (!tensors.has(key)) {
        throw new RangeError(
          `Cannot read trace ${path}: each of the ${description.steps} steps must have its batch, got no tensor ${
            quoted(key)
          }`,
        );
      }
    }
  }
  return { name: basename(folder), case: description, tensors };
}
