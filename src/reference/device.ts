/**
 * The reference device: float64, plain loops, one instruction after another.
 * It follows the program's memory plan, so that a wrong plan shows here first.
 *
 * @module
 */

import { workOf } from "../program/costs.ts";
import type { Device, Executable, Memory } from "../program/device.ts";
import { STATE } from "../program/compile.ts";
import {
  elementBytes,
  type MemoryPlan,
  planMemory,
  storageRoots,
} from "../program/memory_plan.ts";
import type {
  KernelTime,
  ProfiledKernel,
  ProfileListener,
} from "../program/profile.ts";
import { instructionName, type Program } from "../program/program.ts";
import type { Spec } from "../tensor/tensor.ts";
import { type Data, type DType, sizeOf, type Value } from "../tensor/value.ts";
import { computeInstruction } from "./kernels.ts";

/** The float64 device that everything else is held against. */
export const referenceDevice: Device = {
  name: "reference",
  floatBytes: 8,
  allocate: (values) => new ReferenceMemory(values),
  load: (program, updates) => new ReferenceExecutable(program, updates),
  profiled: (listener) => ({
    ...referenceDevice,
    load: (program, updates) =>
      new ReferenceExecutable(program, updates, listener),
  }),
};

/** A copy in the device's precision. */
function copy({ shape, dtype, data }: Value): Value {
  return {
    shape,
    dtype,
    data: dtype === "float" ? Float64Array.from(data) : data.slice(),
  };
}

class ReferenceMemory implements Memory {
  readonly values = new Map<string, Value>();

  constructor(values: ReadonlyMap<string, Value>) {
    this.write(values);
  }

  // deno-lint-ignore require-await -- a throw becomes a rejection
  async read(
    names: Iterable<string> = this.values.keys(),
  ): Promise<Map<string, Value>> {
    const found = new Map<string, Value>();
    for (const name of names) {
      const value = this.values.get(name);
      if (!value) throw new RangeError(`Cannot read memory: no value ${name}`);
      found.set(name, copy(value));
    }
    return found;
  }

  write(values: ReadonlyMap<string, Value>): void {
    for (const [name, value] of values) this.values.set(name, copy(value));
  }
}

class ReferenceExecutable implements Executable {
  readonly bytes: number;
  readonly #program: Program;
  readonly #updates: ReadonlyMap<string, string>;
  readonly #root: readonly number[];
  readonly #plan: MemoryPlan;
  readonly #listener: ProfileListener | undefined;
  #places: readonly (Data | undefined)[] | undefined;
  #kernels: readonly ProfiledKernel[] | undefined;

  constructor(
    program: Program,
    updates: ReadonlyMap<string, string>,
    listener?: ProfileListener,
  ) {
    this.#plan = planMemory(program, referenceDevice.floatBytes);
    this.bytes = this.#plan.bytes;
    this.#program = program;
    this.#updates = updates;
    this.#root = storageRoots(program.instructions);
    this.#listener = listener;
  }

  /** What each instruction does, for a profile. */
  #work(): readonly ProfiledKernel[] {
    const { instructions } = this.#program;
    const stored = instructions.map(() => true);
    const bytes = (dtype: DType): number =>
      elementBytes(dtype, referenceDevice.floatBytes);
    return this.#kernels ??= instructions.map((instruction, i) => ({
      name: instructionName(instruction),
      ...workOf(instructions, stored, [i], bytes),
    }));
  }

  /** Where each result goes; the block is made for the first run, not for a plan. */
  #memory(): readonly (Data | undefined)[] {
    if (this.#places) return this.#places;
    const block = new ArrayBuffer(this.bytes);
    return this.#places = this.#program.instructions.map((instruction, i) => {
      const offset = this.#plan.offsets[i];
      return offset === undefined
        ? undefined
        : view(block, offset, instruction);
    });
  }

  // deno-lint-ignore require-await -- a throw becomes a rejection
  async run(
    memory: Memory,
    inputs: ReadonlyMap<string, Value>,
  ): Promise<Map<string, Value>> {
    const state = (memory as ReferenceMemory).values;
    const { instructions, outputs } = this.#program;
    const root = this.#root;
    const places = this.#memory();
    const data: Data[] = [];
    const kernels = this.#listener && this.#work();
    const times: KernelTime[] = [];
    instructions.forEach((instruction, i) => {
      const { operation, operands } = instruction;
      if (operation.kind === "constant") {
        data[i] = operation.data;
      } else if (operation.kind === "input") {
        const { name } = operation;
        const value = name.startsWith(STATE)
          ? state.get(name.slice(STATE.length))
          : inputs.get(name);
        if (!value) {
          throw new RangeError(`Cannot run program: no value for ${name}`);
        }
        data[i] = value.data;
      } else if (root[i] !== i) {
        data[i] = data[root[i]];
      } else {
        data[i] = places[i]!;
        const start = performance.now();
        computeInstruction(
          instruction,
          operands.map((o) => ({
            shape: instructions[o].shape,
            data: data[o],
          })),
          data[i],
        );
        if (kernels) {
          const milliseconds = performance.now() - start;
          times.push({ kernel: kernels[i], start, milliseconds });
        }
      }
    });
    // Everything is computed: now the state may change.
    const results = new Map<string, Value>();
    const updated = new Map<string, Value>();
    for (const [name, i] of outputs) {
      const { shape, dtype } = instructions[i];
      const value = copy({ shape, dtype, data: data[i] });
      const target = this.#updates.get(name);
      if (target === undefined) results.set(name, value);
      else updated.set(target, value);
    }
    for (const [name, value] of updated) state.set(name, value);
    this.#listener?.(times);
    return results;
  }
}

function view(block: ArrayBuffer, offset: number, spec: Spec): Data {
  const size = sizeOf(spec.shape);
  switch (spec.dtype) {
    case "float":
      return new Float64Array(block, offset, size);
    case "int":
      return new Int32Array(block, offset, size);
    case "bool":
      return new Uint8Array(block, offset, size);
  }
}
