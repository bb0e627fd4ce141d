/**
 * The training step as programs of a device: compiled when first needed, one for
 * each shape of a batch, with and without statistics, and with what the host has
 * prepared. All read and update the same state.
 *
 * @module
 */

import {
  compile,
  type CompiledStep,
  type DeviceState,
  type StepResult,
} from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import type { Mapped } from "../program/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import { type Preparation, preparationStep, prepared } from "./prepare.ts";
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
   * @param statistics Whether the optimizer takes statistics.
   * @param prepares Whether it computes on the host, after that; false by default.
   * @throws {RangeError} If the batch does not fit the model.
   * @throws {PreconditionerError} If what is computed on the host failed too often;
   * the state is as it was.
   */
  run(
    state: TrainingMemory,
    inputs: StepInputs<Value>,
    statistics: boolean,
    prepares?: boolean,
  ): Promise<void>;
  /**
   * The inputs of a step with what the host has prepared in them: its statistics
   * have been taken then. The state stays as it is.
   *
   * @param state The state on the device.
   * @param inputs The batch, the key and the step's scalars.
   * @param statistics Whether the optimizer takes statistics.
   * @returns The inputs; as they are where the optimizer prepares nothing.
   * @throws {PreconditionerError} If what is computed on the host failed too often.
   */
  prepare(
    state: TrainingMemory,
    inputs: StepInputs<Value>,
    statistics: boolean,
  ): Promise<StepInputs<Value>>;
}

type Program = CompiledStep<object, object, StepResult>;

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

  /** Runs a program, which is compiled where there is none of its kind yet. */
  async function runProgram(
    kind: string,
    step: (
      state: TrainingState<Tensor>,
      inputs: StepInputs<Tensor>,
    ) => StepResult,
    state: TrainingMemory,
    inputs: StepInputs<Value>,
  ): Promise<Mapped<object, Value>> {
    const name = `${kind} ${inputs.inputs.shape} ${inputs.labels.shape}`;
    let program = programs.get(name);
    if (!program) {
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
    return await program.run(
      state as unknown as DeviceState<Mapped<object, Value>>,
      inputs as Mapped<object, Value>,
    );
  }

  const { precondition } = parts.optimizer;
  async function prepare(
    state: TrainingMemory,
    inputs: StepInputs<Value>,
    statistics: boolean,
  ): Promise<StepInputs<Value>> {
    if (!precondition) return inputs;
    const found = await runProgram(
      statistics ? "prepare with statistics" : "prepare",
      preparationStep(parts, precondition, statistics),
      state,
      inputs,
    ) as unknown as Preparation<Value>;
    return { ...inputs, prepared: prepared(precondition, found, inputs.key) };
  }

  return {
    get planBytes() {
      return planBytes;
    },
    prepare,
    async run(state, inputs, statistics, prepares = false) {
      const given = prepares
        ? await prepare(state, inputs, statistics)
        : inputs;
      // What the host has prepared has the statistics in it.
      const observes = statistics && given.prepared === undefined;
      await runProgram(
        observes ? "statistics" : given.prepared ? "prepared" : "plain",
        trainingStep(parts, observes),
        state,
        given,
      );
    },
  };
}
