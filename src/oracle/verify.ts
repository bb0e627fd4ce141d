/**
 * Verifying: a replay held against a recorded trace, tensor by tensor.
 *
 * @module
 */

import type { Device } from "../program/device.ts";
import { referenceDevice } from "../reference/device.ts";
import type { Value } from "../tensor/value.ts";
import type { Trace } from "./case.ts";
import { specOf, unravel } from "./inputs.ts";
import { replayWith } from "./replay.ts";

/** Kinds of recorded tensors that a replay produces. */
export type TraceKind =
  | "loss"
  | "gradient"
  | "h"
  | "s"
  | "a"
  | "g"
  | "inverse of a"
  | "inverse of g"
  | "statistic"
  | "direction"
  | "parameter"
  | "buffer";

/** Where two tensors differ most. */
export interface WorstEntry {
  /** |replayed - recorded| / max(1, |recorded|); NaN if a number is none. */
  readonly error: number;
  /** Key of the tensor in the trace. */
  readonly tensor: string;
  /** Step, 1-based. */
  readonly step: number;
  /** Index of the element, one number an axis. */
  readonly index: readonly number[];
  /** The number in the trace. */
  readonly recorded: number;
  /** The number of the replay. */
  readonly replayed: number;
}

/** How the tensors of one kind compare. */
export interface KindReport {
  /** The kind. */
  readonly kind: TraceKind;
  /** How many tensors were compared. */
  readonly tensors: number;
  /** How many of them are not within the tolerance. */
  readonly failed: number;
  /** The worst element of all; none where all tensors are empty. */
  readonly worst?: WorstEntry;
}

/** How a replay compares with a trace. */
export interface VerifyReport {
  /** Name of the case. */
  readonly name: string;
  /** Who recorded it. */
  readonly recordedBy: string;
  /** Name of the device that replayed it. */
  readonly device: string;
  /** Largest |a - b| / max(1, |b|) that passes. */
  readonly tolerance: number;
  /** The kinds that the trace or the replay has, in a fixed order. */
  readonly kinds: readonly KindReport[];
  /**
   * Tensors that only one side has, or whose shapes or types differ; these fail.
   * None is left out: whatever a trace has, its replay must take or give.
   */
  readonly problems: readonly string[];
  /** Whether everything compared is within the tolerance, and nothing missing. */
  readonly passed: boolean;
}

/** Options of {@linkcode verifyTrace}. */
export interface VerifyOptions {
  /** Where to replay; the reference device by default. */
  readonly device?: Device;
}

const KINDS: Readonly<Record<string, TraceKind>> = {
  grad: "gradient",
  h: "h",
  s: "s",
  a: "a",
  g: "g",
  ainv: "inverse of a",
  binv: "inverse of g",
  stat: "statistic",
  direction: "direction",
  param: "parameter",
};

const ORDER: readonly TraceKind[] = [
  "loss",
  "gradient",
  "h",
  "s",
  "a",
  "g",
  "inverse of a",
  "inverse of g",
  "statistic",
  "direction",
  "parameter",
  "buffer",
];

/** Kind and step of a key; none where it is of no kind. */
function placeOf(
  key: string,
): { kind: TraceKind; step?: number } | undefined {
  if (key === "losses") return { kind: "loss" };
  const [, where, step, rest] = /^(step|buffer)\/(\d+)\/(.+)$/s.exec(key) ?? [];
  if (where === "buffer") return { kind: "buffer", step: Number(step) };
  if (where === undefined) return undefined;
  if (rest === "loss") return { kind: "loss", step: Number(step) };
  const [part] = rest.split("/", 1);
  if (!Object.hasOwn(KINDS, part) || part === rest) return undefined;
  return { kind: KINDS[part], step: Number(step) };
}

/** Whether an error is worse than another: NaN is the worst. */
function isWorse(error: number, than: number): boolean {
  return error > than || (Number.isNaN(error) && !Number.isNaN(than));
}

/** The worst element of a tensor. */
function compare(
  key: string,
  step: number | undefined,
  recorded: Value,
  replayed: Value,
): WorstEntry | undefined {
  let worst = -1, error = -1;
  for (let i = 0; i < recorded.data.length; i++) {
    const b = recorded.data[i];
    const here = Math.abs(replayed.data[i] - b) / Math.max(1, Math.abs(b));
    if (isWorse(here, error)) {
      worst = i;
      error = here;
    }
  }
  if (worst < 0) return undefined;
  return {
    error,
    tensor: key,
    // The losses of all steps are one tensor.
    step: step ?? worst + 1,
    index: unravel(worst, recorded.shape),
    recorded: recorded.data[worst],
    replayed: replayed.data[worst],
  };
}

/**
 * Compares what a replay gives with what a trace has.
 *
 * @param recorded Tensors of the trace by key, without those that the replay took.
 * @param replayed Tensors of the replay by key.
 * @param tolerance Largest |a - b| / max(1, |b|) that passes, b being recorded.
 * @returns The comparison, kind by kind. NaN never passes.
 */
export function compareTensors(
  recorded: ReadonlyMap<string, Value>,
  replayed: ReadonlyMap<string, Value>,
  tolerance: number,
): Pick<VerifyReport, "kinds" | "problems" | "passed"> {
  const problems: string[] = [];
  const kinds = new Map<TraceKind, KindReport>();
  for (const [key, expected] of recorded) {
    const place = placeOf(key);
    const found = replayed.get(key);
    if (place === undefined || found === undefined) {
      problems.push(
        `${key} is in the trace, but the replay has no such tensor`,
      );
      continue;
    }
    if (specOf(found) !== specOf(expected)) {
      problems.push(
        `${key} is ${specOf(expected)} in the trace, but ${
          specOf(found)
        } in the replay`,
      );
      continue;
    }
    const { kind, step } = place;
    const before = kinds.get(kind) ?? { kind, tensors: 0, failed: 0 };
    const worst = compare(key, step, expected, found);
    // Written so that NaN fails.
    const passes = worst === undefined || worst.error <= tolerance;
    kinds.set(kind, {
      kind,
      tensors: before.tensors + 1,
      failed: before.failed + (passes ? 0 : 1),
      worst: before.worst === undefined ||
          worst !== undefined && isWorse(worst.error, before.worst.error)
        ? worst
        : before.worst,
    });
  }
  for (const key of replayed.keys()) {
    if (!recorded.has(key)) problems.push(`${key} is missing in the trace`);
  }
  const reports = ORDER.flatMap((kind) => kinds.get(kind) ?? []);
  return {
    kinds: reports,
    problems,
    passed: problems.length === 0 && reports.length > 0 &&
      reports.every(({ failed }) => failed === 0),
  };
}

/**
 * Replays a trace and compares.
 *
 * @example
 * ```ts
 * import { recordTrace, verifyTrace } from "@adafisher/adafisher/oracle";
 * import { assert } from "@std/assert";
 *
 * const trace = await recordTrace({
 *   about: "One layer.",
 *   layers: [{ type: "linear", name: "fc", in: 2, out: 3, bias: true }],
 *   loss: "cross-entropy",
 *   optimizer: {
 *     name: "adamw",
 *     hyperparameters: { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0 },
 *   },
 *   steps: 2,
 *   record: [1, 2],
 *   tolerance: { float64: 0, float32: 1e-4 },
 *   batch: { size: 4, input: [2] },
 * }, { seed: 1 });
 * assert((await verifyTrace(trace)).passed);
 * ```
 *
 * @param trace The trace.
 * @param options The device.
 * @returns The comparison: worst error, its place and a verdict for each kind.
 * @throws {RangeError} If model, tensors and shapes do not fit together, or what
 * the replay takes has a number that is not finite or a label that is no class; with
 * the name of the case.
 * @throws {TypeError} If a tensor is of the wrong type, likewise.
 */
export async function verifyTrace(
  trace: Trace,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { device = referenceDevice } = options;
  const { tolerance, recordedBy } = trace.case;
  const allowed = device.floatBytes === 8
    ? tolerance.float64
    : tolerance.float32;
  const { found, taken } = await named(
    trace.name,
    () => replayWith(trace.case, trace.tensors, device),
  );
  const recorded = new Map(
    [...trace.tensors].filter(([key]) => !taken.has(key)),
  );
  return {
    name: trace.name,
    recordedBy,
    device: device.name,
    tolerance: allowed,
    ...compareTensors(recorded, found, allowed),
  };
}

/** Puts the name of the case in front of what is wrong with it. */
async function named<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    for (const ErrorType of [RangeError, TypeError]) {
      if (!(cause instanceof ErrorType)) continue;
      throw new ErrorType(`Cannot verify case ${name}: ${cause.message}`, {
        cause,
      });
    }
    throw cause;
  }
}
