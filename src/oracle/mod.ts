/**
 * Golden traces: recorded training runs that any implementation can replay. This
 * package verifies itself against traces that others recorded, and records its own.
 *
 * A case is a folder with `case.json` (model, loss, optimizer, steps) and
 * `trace.safetensors` (first parameters, batches, and what the recorder had after
 * chosen steps), in the format `adafisher-trace/1`.
 *
 * @example Record a run, write it, read it, verify it
 * ```ts
 * import {
 *   exampleDescription,
 *   readTrace,
 *   recordTrace,
 *   verifyTrace,
 *   writeTrace,
 * } from "@adafisher/adafisher/oracle";
 * import { assert } from "@std/assert";
 *
 * const folder = `${await Deno.makeTempDir()}/mlp-adafisher`;
 * const trace = await recordTrace(exampleDescription("mlp", "adafisher"), { seed: 1 });
 * await writeTrace(folder, trace);
 * const report = await verifyTrace(await readTrace(folder));
 * assert(report.passed);
 * assert(report.kinds.every(({ worst }) => worst?.error === 0));
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @module
 */

export {
  formatCase,
  type LayerDescription,
  type LayerType,
  layerTypes,
  type LossName,
  type OptimizerDescription,
  parseCase,
  readTrace,
  type RunDescription,
  type Tolerance,
  type Trace,
  TRACE_FORMAT,
  type TraceActivation,
  type TraceCase,
  traceOptimizerNames,
} from "./case.ts";
export {
  exampleDescription,
  exampleModels,
  exampleOptimizers,
} from "./examples.ts";
export { buildModel } from "./model.ts";
export { nearest } from "./nearest.ts";
export { buildOptimizer, replayableOptimizerNames } from "./optimizer.ts";
export {
  type BatchDescription,
  parseDescription,
  type RecordingDescription,
  type RecordOptions,
  recordTrace,
  type WriteOptions,
  writeTrace,
} from "./record.ts";
export { replay, type ReplayOptions } from "./replay.ts";
export {
  type ReplayInputs,
  type ReplayOutcome,
  type ReplayParts,
  type ReplayState,
  replayStep,
} from "./replay_step.ts";
export {
  compareTensors,
  type KindReport,
  type TraceKind,
  type VerifyOptions,
  type VerifyReport,
  verifyTrace,
  type WorstEntry,
} from "./verify.ts";
export type { Device, Executable, Memory } from "../program/device.ts";
export type { Instruction, Program } from "../program/program.ts";
export type {
  Buffers,
  Context,
  FactorForm,
  Factors,
  KroneckerLayer,
  Layer,
  LayerResult,
  LayerUse,
  Parameters,
  ParameterSpec,
  Statistics,
} from "../layers/layer.ts";
export type {
  CurvatureRule,
  Optimizer,
  Scalars,
  StepInput,
  StepOutput,
} from "../optim/optimizer.ts";
export type { RandomKey } from "../tensor/random.ts";
export type {
  BinaryKind,
  ComparisonKind,
  ConvolutionGeometry,
  Operation,
  Pair,
  Spec,
  Tensor,
  UnaryKind,
  WindowGeometry,
} from "../tensor/tensor.ts";
export type { Data, DType, Shape, Value } from "../tensor/value.ts";
