/**
 * Files: safetensors, NumPy's arrays, and the checkpoints of a training run.
 *
 * @example Weights to a file's bytes and back, bit for bit
 * ```ts
 * import {
 *   decodeSafetensors,
 *   encodeSafetensors,
 *   fromValue,
 *   toValue,
 * } from "@adafisher/adafisher/io";
 * import { assertEquals } from "@std/assert";
 *
 * const weight = {
 *   shape: [2],
 *   dtype: "float",
 *   data: Float64Array.of(0.1, -0),
 * } as const;
 * const bytes = encodeSafetensors(new Map([["weight", fromValue(weight)]]));
 * const { tensors } = decodeSafetensors(bytes);
 * assertEquals(toValue(tensors.get("weight")!), weight);
 * ```
 *
 * @module
 */

export {
  type Checkpoint,
  type CheckpointDescription,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
export {
  type ExpectedCheckpoint,
  requireMatchingCheckpoint,
} from "./checkpoint_match.ts";
export type { JsonObject, JsonValue } from "./json.ts";
export {
  readNpy,
  readNpz,
  readSafetensors,
  writeFileAtomically,
} from "./files.ts";
export { decodeNpy } from "./npy.ts";
export { decodeNpz } from "./npz.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
} from "./safetensors.ts";
export {
  fromValue,
  type StoredArrays,
  type StoredDType,
  type StoredTensor,
  toValue,
} from "./stored_tensor.ts";
export type { Data, DType, Shape, Value } from "../tensor/value.ts";
