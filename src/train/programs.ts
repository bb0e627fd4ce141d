/**
 * The training step as programs of a device: compiled when first needed, one for
 * each shape of a batch, with and without statistics. All read and update the
 * same state.
 *
 * @module
 */

import {
  compile,
  type CompiledStep,
  type DeviceState,
} from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import type { Mapped } from "../program/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import { type StepInputs, type StepParts, trainingStep } from "./step.ts";
import type { TrainingState } from "./state.ts";

/** State of a training run on a device. */
export type TrainingMemory = DeviceState<TrainingState<Value>>;

/** The compiled training steps of a run. */
export interface TrainingPrograms {
  /** Bytes that the largest program so far needs, state included; 0 before the first. */
  readonly planBytes: number;
  /**
   * Makes one step: the state is replaced by the next one.
   *
   * @param state The state on the device.
   * @param inputs The batch, the key and the step's scalars.
   * @param statistics Whether the optimizer observes the layers' factors.
   * @throws {RangeError} If the batch does not fit the model.
   */
  run(
    state: TrainingMemory,
    inputs: StepInputs<Value>,
    statistics: boolean,
  ): Promise<void>;
}

type Program = CompiledStep<object, object, { state: object; outputs: object }>;

/**
 * Makes the programs of a training step; none is compiled yet.
 *
 * @param parts Model, loss, optimizer, clipping.
 * @param device Where they will run.
 * @returns The programs.
 */
export function trainingPrograms(
  parts: StepParts,
  device: Device,
): TrainingPrograms {
  const programs = new Map<string, Program>();
  let planBytes = 0;
  return {
    get planBytes() {
      return planBytes;
    },
    async run(state, inputs, statistics) {
      const shapes = [inputs.inputs.shape, inputs.labels.shape, statistics];
      const name = JSON.stringify(shapes);
      let program = programs.get(name);
      if (!program) {
        const step = trainingStep(parts, statistics);
        program = compile({
          state: state.spec as object,
          inputs: inputs as object,
          step: (state, inputs) =>
            step(
              state as TrainingState<Tensor>,
              inputs as StepInputs<Tensor>,
            ),
        }, device);
        programs.set(name, program);
        planBytes = Math.max(planBytes, program.plan.totalBytes);
      }
      await program.run(
        state as unknown as DeviceState<Mapped<object, Value>>,
        inputs as Mapped<object, Value>,
      );
    },
  };
}
