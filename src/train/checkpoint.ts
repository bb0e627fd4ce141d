/**
 * The state of a training run as a checkpoint, and back.
 *
 * @module
 */

import {
  type Checkpoint,
  type CheckpointDescription,
  type JsonObject,
  requireMatchingCheckpoint,
} from "../io/mod.ts";
import type { Layer } from "../layers/mod.ts";
import { leaves, mapLeaves } from "../program/tree.ts";
import type { Spec } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import type { TrainingState } from "./state.ts";

/** How far a run is, and what it is. */
export interface RunDescription extends CheckpointDescription {
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number;
  /** Seconds spent on steps so far. */
  readonly seconds: number;
  /** Bytes that the largest program so far needs. */
  readonly planBytes: number;
  /** Options of the run, for whoever started it. */
  readonly options: JsonObject;
}

/**
 * A model in words, a line for each layer: equal texts, equal models.
 *
 * @example
 * ```ts
 * import { mlp } from "@adafisher/adafisher/models";
 * import { describeModel } from "@adafisher/adafisher/train";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(describeModel(mlp([4, 3])).split("\n"), [
 *   "sequential mlp(2 layers)",
 *   "  flatten",
 *   "  linear fc1(4 -> 3)",
 * ]);
 * ```
 *
 * @param model The model.
 * @returns The lines; what is within a layer is indented, and a frozen layer says so.
 */
export function describeModel(model: Layer): string {
  const lines: string[] = [];
  const visit = (layer: Layer, indent: string): void => {
    const frozen = Object.entries(layer.parameters)
      .filter(([, spec]) => spec.frozen)
      .map(([name]) => name);
    const note = layer.layers === undefined && frozen.length > 0
      ? `, frozen: ${frozen.join(", ")}`
      : "";
    lines.push(`${indent}${layer.description}${note}`);
    for (const inner of layer.layers ?? []) visit(inner, `${indent}  `);
  };
  visit(model, "");
  return lines.join("\n");
}

/**
 * A training state as a checkpoint: `parameters/...`, `buffers/...`,
 * `optimizer/...` and `metrics/...`.
 *
 * @param state The state on the host.
 * @param description How far the run is, and what it is.
 * @returns The checkpoint, to be saved by `saveCheckpoint`.
 */
export function toCheckpoint(
  state: TrainingState<Value>,
  description: RunDescription,
): Checkpoint {
  return { values: Object.fromEntries(leaves<Value>(state)), description };
}

/**
 * The training state of a checkpoint.
 *
 * @param checkpoint The checkpoint.
 * @param first The state that the run would start with.
 * @param expected Model, optimizer, seed and steps per epoch of the run.
 * @param path Where the checkpoint is from, for messages.
 * @returns The state.
 * @throws {RangeError} If the checkpoint is of another model or optimizer (the
 * message has both descriptions side by side), seed or number of steps.
 */
export function fromCheckpoint(
  checkpoint: Checkpoint,
  first: TrainingState<Value>,
  expected: Pick<
    RunDescription,
    "model" | "optimizer" | "seed" | "stepsPerEpoch"
  >,
  path: string,
): TrainingState<Value> {
  const values = Object.fromEntries(leaves<Spec>(first));
  requireMatchingCheckpoint(path, checkpoint, {
    values,
    description: expected,
  });
  for (const key of ["seed", "stepsPerEpoch"] as const) {
    if (checkpoint.description[key] !== expected[key]) {
      throw new RangeError(
        `Cannot resume from ${path}: its ${key} must be ${expected[key]}, got ${
          checkpoint.description[key]
        }`,
      );
    }
  }
  return mapLeaves(
    first,
    (name) => checkpoint.values[name],
  ) as unknown as TrainingState<Value>;
}
