/**
 * Compiling: a step, written as a pure function over trees of tensors, is
 * traced once and becomes a program of a device, to be run many times.
 *
 * @module
 */

import { input } from "../tensor/operations.ts";
import { type Spec, Tensor } from "../tensor/tensor.ts";
import { sizeOf, type Value } from "../tensor/value.ts";
import type { Device, Executable, Memory } from "./device.ts";
import { elementBytes } from "./memory_plan.ts";
import { lower, type Program } from "./program.ts";
import { leaves, mapLeaves, type Mapped } from "./tree.ts";

/** What a step returns. */
export interface StepResult {
  /** New values of parts of the state; what is not named stays as it is. */
  readonly state: object;
  /** What the caller gets back. */
  readonly outputs: object;
}

/** A step and the shapes of what it takes. */
export interface StepDefinition<
  State extends object,
  Inputs extends object,
  Result extends StepResult,
> {
  /** The state, as a tree of anything with a shape and a type. */
  readonly state: State;
  /** The other inputs, likewise. */
  readonly inputs: Inputs;
  /** The step: called once, with symbolic tensors. */
  readonly step: (
    state: Mapped<State, Tensor>,
    inputs: Mapped<Inputs, Tensor>,
  ) => Result;
}

/** State on a device: lives there from step to step, is freed with the object. */
export class DeviceState<State extends object> {
  /** The device it lives on. */
  readonly device: Device;
  /** Its numbers, by flat name. */
  readonly memory: Memory;
  /** Its tree of shapes and types. */
  readonly spec: Mapped<State, Spec>;

  /**
   * Copies first values to a device.
   *
   * @param device The device.
   * @param values First values, as a tree.
   * @throws {RangeError} If a value has not as many elements as its shape says.
   * @throws {TypeError} If the values are no tree.
   */
  constructor(device: Device, values: State) {
    this.device = device;
    this.spec = mapLeaves(values, (_, { shape, dtype }) => ({ shape, dtype }));
    const given = leaves<Value & Spec>(values);
    requireSameValues("allocate state", given, given);
    this.memory = device.allocate(given);
  }

  /**
   * Copies the state back to the host.
   *
   * @returns The numbers, in the tree of the first values.
   */
  async read(): Promise<Mapped<State, Value>> {
    const values = await this.memory.read();
    return mapLeaves(
      this.spec,
      (name) => values.get(name)!,
    ) as unknown as Mapped<State, Value>;
  }

  /**
   * Replaces the state.
   *
   * @param values A tree of the same names and shapes.
   * @throws {RangeError} If a name or shape differs.
   */
  write(values: State): void {
    const given = leaves<Value & Spec>(values);
    const expected = leaves<Spec>(this.spec as object);
    requireSameValues("write state", expected, given);
    this.memory.write(given);
  }
}

/** What a compiled step will need, in bytes. */
export interface StepPlan {
  /** Instructions of the program. */
  readonly instructions: number;
  /** State that stays on the device. */
  readonly stateBytes: number;
  /** Inputs of one step. */
  readonly inputBytes: number;
  /** Peak of the intermediate results. */
  readonly workBytes: number;
  /** All of it. */
  readonly totalBytes: number;
}

/** A step as a program of a device. */
export interface CompiledStep<
  State extends object,
  Inputs extends object,
  Result extends StepResult,
> {
  /** What it needs. */
  readonly plan: StepPlan;
  /** The program, for those who want to look. */
  readonly program: Program;
  /**
   * Runs the step once: replaces the state by the new one.
   *
   * @param state The state on the device.
   * @param inputs The other inputs.
   * @returns The outputs.
   * @throws {RangeError} If an input or a part of the state is missing, or has
   * not the shape it was compiled for.
   * @throws {TypeError} If the state lies on another device.
   */
  run(
    state: DeviceState<Mapped<State, Value>>,
    inputs: Mapped<Inputs, Value>,
  ): Promise<Mapped<Result["outputs"], Value>>;
}

/**
 * Traces a step and makes it a program of a device. The state is replaced when
 * everything has been computed, so a step sees the old state only.
 *
 * @example Counting on the device
 * ```ts
 * import { compile, DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { add, scalarValue } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const first = { count: scalarValue(0) };
 * const state = new DeviceState(referenceDevice, first);
 * const step = compile({
 *   state: first,
 *   inputs: { by: scalarValue(0) },
 *   step: (state, { by }) => ({
 *     state: { count: add(state.count, by) },
 *     outputs: {},
 *   }),
 * }, referenceDevice);
 * for (let i = 0; i < 3; i++) await step.run(state, { by: scalarValue(2) });
 * assertEquals((await state.read()).count.data[0], 6);
 * ```
 *
 * @param definition The step, and the shapes of state and inputs.
 * @param device The device.
 * @returns The compiled step.
 * @throws {RangeError} If the step returns state of another name or shape.
 * @throws {TypeError} If state, inputs or results are no trees, or the step
 * returns something else than tensors.
 */
export function compile<
  State extends object,
  Inputs extends object,
  Result extends StepResult,
>(
  definition: StepDefinition<State, Inputs, Result>,
  device: Device,
): CompiledStep<State, Inputs, Result> {
  const { state, inputs, step } = definition;
  const symbols = (prefix: string) => (name: string, { shape, dtype }: Spec) =>
    input(prefix + name, shape, dtype);
  const result = step(
    mapLeaves(state, symbols(STATE)),
    mapLeaves(inputs, symbols(INPUT)),
  );

  const stateSpecs = leaves<Spec>(state);
  const inputSpecs = leaves<Spec>(inputs);
  const outputs = new Map<string, Tensor>();
  const updates = new Map<string, string>();
  for (const [name, tensor] of leaves<Tensor>(result.state)) {
    requireTensor(`new state ${name}`, tensor);
    requireSameSpec(
      `compile step: new state ${name}`,
      stateSpecs.get(name),
      tensor,
    );
    outputs.set(STATE + name, tensor);
    updates.set(STATE + name, name);
  }
  for (const [name, tensor] of leaves<Tensor>(result.outputs)) {
    requireTensor(`output ${name}`, tensor);
    outputs.set(OUTPUT + name, tensor);
  }
  const program = lower(outputs);
  const executable = device.load(program, updates);
  return {
    plan: planOf(program, executable, stateSpecs, inputSpecs, device),
    program,
    async run(state, inputs) {
      if (state.device !== device) {
        throw new TypeError(
          `Cannot run step: it is compiled for device ${device.name}, the state lies on ${state.device.name}`,
        );
      }
      // The state may have more than this step knows.
      const stored = leaves<Spec>(state.spec as object);
      for (const [name, spec] of stateSpecs) {
        requireSameSpec(`run step: state ${name}`, spec, stored.get(name));
      }
      const given = leaves<Value & Spec>(inputs as object);
      requireSameValues("run step: input", inputSpecs, given);
      const values = new Map<string, Value>();
      for (const [name, value] of given) values.set(INPUT + name, value);
      const found = await executable.run(state.memory, values);
      return mapLeaves(
        result.outputs,
        (name) => found.get(OUTPUT + name)!,
      ) as Mapped<Result["outputs"], Value>;
    },
  };
}

// Inputs of a program are told apart by where their numbers come from.
/** Prefix of the names of a program's inputs that lie in the device's memory. */
export const STATE = "state:";
const INPUT = "input:";
const OUTPUT = "output:";

const show = (spec: Spec | undefined): string =>
  spec ? `${spec.dtype}[${spec.shape.join(", ")}]` : "nothing";

function requireSameSpec(
  what: string,
  expected: Spec | undefined,
  given: Spec | undefined,
): void {
  if (show(expected) !== show(given)) {
    throw new RangeError(
      `Cannot ${what}: expected ${show(expected)}, got ${show(given)}`,
    );
  }
}

/** The same names, shapes and types, and as many numbers as the shapes say. */
function requireSameValues(
  what: string,
  expected: ReadonlyMap<string, Spec>,
  given: ReadonlyMap<string, Value>,
): void {
  for (const name of new Set([...expected.keys(), ...given.keys()])) {
    const value = given.get(name);
    requireSameSpec(`${what} ${name}`, expected.get(name), value);
    if (value && value.data.length !== sizeOf(value.shape)) {
      throw new RangeError(
        `Cannot ${what} ${name}: ${show(value)} needs ${
          sizeOf(value.shape)
        } elements, got ${value.data.length}`,
      );
    }
  }
}

function requireTensor(what: string, leaf: unknown): void {
  if (!(leaf instanceof Tensor)) {
    throw new TypeError(
      `Cannot compile step: ${what} must be a tensor, got a value`,
    );
  }
}

function planOf(
  program: Program,
  executable: Executable,
  state: ReadonlyMap<string, Spec>,
  inputs: ReadonlyMap<string, Spec>,
  device: Device,
): StepPlan {
  const total = (specs: Iterable<Spec>): number => {
    let bytes = 0;
    for (const { shape, dtype } of specs) {
      bytes += sizeOf(shape) * elementBytes(dtype, device.floatBytes);
    }
    return bytes;
  };
  const stateBytes = total(state.values());
  const inputBytes = total(inputs.values());
  return {
    instructions: program.instructions.length,
    stateBytes,
    inputBytes,
    workBytes: executable.bytes,
    totalBytes: stateBytes + inputBytes + executable.bytes,
  };
}
