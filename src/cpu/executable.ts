/**
 * A program on the CPU device: one WebAssembly module, and a list of calls. All is
 * laid out when it is loaded; the calls' addresses are written when the program
 * first runs over a memory.
 *
 * @module
 */

import { STATE } from "../program/compile.ts";
import { workOf } from "../program/costs.ts";
import type { Executable, Memory } from "../program/device.ts";
import { isTable } from "../program/fusion.ts";
import type {
  KernelTime,
  ProfiledKernel,
  ProfileListener,
} from "../program/profile.ts";
import type { Program } from "../program/program.ts";
import type { Spec } from "../tensor/tensor.ts";
import { sizeOf, type Value } from "../tensor/value.ts";
import { groupName } from "./elementwise.ts";
import type { CpuDevice } from "./device.ts";
import { CpuError } from "./error.ts";
import { compileSteps, largest, planSteps } from "./plan.ts";
import { bytesOf, CpuMemory, ELEMENT_BYTES, read, write } from "./memory.ts";
import type { PoolProgram } from "./pool.ts";
import type { KernelFunction } from "./run.ts";
import { type Schedule, schedule, type Step } from "./schedule.ts";
import { tableRows } from "./rows.ts";

let programs = 0;
let versions = 0;

/** A program that is ready to run. */
export class CpuExecutable implements Executable {
  /** Size of the block of intermediate results. */
  readonly bytes: number;
  readonly #device: CpuDevice;
  readonly #schedule: Schedule;
  /** The functions' numbers, by step. */
  readonly #functions: readonly number[];
  /** Addresses of inputs, constants and outputs that are kept. */
  readonly #fixed = new Map<number, number>();
  /** Offsets in the block of intermediate results. */
  readonly #offsets: ReadonlyMap<number, number>;
  /** State by the instruction that reads it, or whose result is written there. */
  readonly #state = new Map<number, string>();
  readonly #inputs: readonly { name: string; index: number }[];
  /** Outputs for the caller, and those that become state. */
  readonly #read: readonly { name: string; index: number; spec: Spec }[];
  readonly #updates: readonly { target: string; index: number; spec: Spec }[];
  /** The steps up to the last look for bad indices, and those behind. */
  readonly #parts: readonly { steps: readonly Step[]; program: PoolProgram }[];
  readonly #listener: ProfileListener | undefined;
  /** What the steps do, for a profile. */
  #work: readonly ProfiledKernel[] | undefined;
  #bound: { memory: WeakRef<CpuMemory>; block: number } | undefined;

  /**
   * @param device The device.
   * @param program The program.
   * @param updates Output name to name in the memory.
   * @param listener Hears what the kernels take; without one they are not timed.
   */
  constructor(
    device: CpuDevice,
    program: Program,
    updates: ReadonlyMap<string, string>,
    listener?: ProfileListener,
  ) {
    const targets = new Map(
      [...updates].map(([output, name]) => [output, STATE + name]),
    );
    const scheduled = schedule(program, targets);
    const { instructions, outputs, inPlace, steps } = scheduled;
    const kept = new Set([
      ...outputs.values(),
      ...scheduled.checks.map(({ number }) => number),
    ]);
    const plan = planSteps(kept, steps, inPlace);
    this.#device = device;
    this.#listener = listener;
    this.#schedule = scheduled;
    this.#offsets = plan.offsets;
    this.bytes = plan.bytes;
    device.reserve(plan.bytes, largest(steps));

    const inputs: { name: string; index: number }[] = [];
    const given: number[] = [];
    instructions.forEach((instruction, index) => {
      const { operation, shape, dtype } = instruction;
      const named = operation.kind === "input";
      if (!named && !isTable(instruction)) return;
      if (named && operation.name.startsWith(STATE)) {
        this.#state.set(index, operation.name.slice(STATE.length));
        return;
      }
      const address = device.heap.allocate(
        named ? operation.name : "a constant",
        bytesOf(instruction),
      );
      given.push(address);
      this.#fixed.set(index, address);
      if (named) inputs.push({ name: operation.name, index });
      else if (operation.kind === "constant") {
        write(device.heap, address, { shape, dtype, data: operation.data });
      }
    });
    this.#inputs = inputs;
    for (const [result, index] of inPlace) {
      this.#state.set(result, this.#state.get(index)!);
    }
    const named = [...outputs].map(([name, index]) => {
      // A reshape's output has the reshape's shape and its operand's numbers.
      const { shape, dtype } = program.instructions[program.outputs.get(name)!];
      return { name, index, spec: { shape, dtype } };
    });
    this.#read = named.filter(({ name }) => !updates.has(name));
    this.#updates = named.flatMap(({ name, index, spec }) => {
      const target = updates.get(name);
      return target === undefined || this.#state.get(index) === target
        ? []
        : [{ target, index, spec }];
    });

    const { module, functions, numbers } = compileSteps(steps);
    const instance = new WebAssembly.Instance(module, {
      env: { memory: device.heap.memory },
    });
    const exported = functions.map((name) =>
      instance.exports[name] as KernelFunction
    );
    this.#functions = numbers;
    const { checked } = scheduled;
    const parts = [steps.slice(0, checked), steps.slice(checked)];
    this.#parts = parts.filter(({ length }) => length > 0).map((steps) => {
      const words = steps.reduce(
        (total, { kernel }) =>
          total + 5 + kernel.inputs.length + kernel.outputs.length,
        1,
      );
      const counters = steps.length * (device.pool.threads + 1);
      const table = device.heap.allocate(
        "the list of kernels",
        (words + counters) * ELEMENT_BYTES,
      );
      given.push(table);
      return {
        steps,
        program: {
          id: ++programs,
          module,
          functions: exported,
          table,
          version: 0,
          counters: table + words * ELEMENT_BYTES,
        },
      };
    });
    const ids = this.#parts.map(({ program }) => program.id);
    device.releaseWith(this, given, ids);
    device.pool.reserve(
      Math.max(0, ...steps.map(({ kernel }) => kernel.scratch)),
    );
    for (const { program, steps } of this.#parts) {
      if (steps.some(({ shared }) => shared)) device.pool.prepare(program);
    }
  }

  /** Runs the program once. */
  // deno-lint-ignore require-await -- a throw becomes a rejection
  async run(
    memory: Memory,
    inputs: ReadonlyMap<string, Value>,
  ): Promise<Map<string, Value>> {
    if (!(memory instanceof CpuMemory)) {
      throw new TypeError("Cannot run program: the memory is another device's");
    }
    const { heap, pool } = this.#device;
    for (const { name, index } of this.#inputs) {
      const value = inputs.get(name);
      if (!value) {
        throw new RangeError(`Cannot run program: no value for ${name}`);
      }
      write(heap, this.#fixed.get(index)!, value);
    }
    this.#bind(memory);
    const times: number[] = [];
    for (const { steps, program } of this.#parts) {
      const failure = pool.run(
        program,
        steps.some(({ shared }) => shared),
        this.#listener && times,
      );
      if (failure) {
        throw new CpuError(
          `Cannot run ${
            steps[failure.call].kernel.name
          }: ${failure.message}\nhelp: the state may be between two steps: start again from the last checkpoint`,
        );
      }
      if (steps === this.#parts[0].steps) this.#requireRows(memory);
    }
    this.#listener?.(this.#timesOf(times));
    const results = new Map<string, Value>();
    for (const { name, index, spec } of this.#read) {
      results.set(name, read(heap, this.#address(memory, index), spec));
    }
    // What comes from other state is read before any of it changes.
    const updates = this.#updates.map(({ target, index, spec }) => {
      const to = memory.address(target);
      if (to === undefined) {
        throw new RangeError(
          `Cannot run program: no state ${target} to replace`,
        );
      }
      const from = this.#address(memory, index) / ELEMENT_BYTES;
      const numbers = heap.words.subarray(from, from + sizeOf(spec.shape));
      return {
        to: to / ELEMENT_BYTES,
        numbers: this.#state.has(index) ? numbers.slice() : numbers,
      };
    });
    for (const { to, numbers } of updates) heap.words.set(numbers, to);
    return results;
  }

  /** Where an instruction's numbers lie when the program runs on a memory. */
  #address(memory: CpuMemory, number: number): number {
    const offset = this.#offsets.get(number);
    if (offset !== undefined) return this.#device.block + offset;
    const name = this.#state.get(number);
    const address = name === undefined
      ? this.#fixed.get(number)
      : memory.address(name);
    if (address !== undefined) return address;
    // Nothing is computed for a result without elements.
    if (name === undefined) return this.#device.block;
    throw new RangeError(`Cannot run program: no value for ${STATE}${name}`);
  }

  /** Writes the addresses of the calls, unless they are as they were. */
  #bind(memory: CpuMemory): void {
    const { block, heap } = this.#device;
    if (
      this.#bound?.memory.deref() === memory && this.#bound.block === block
    ) return;
    const { words } = heap;
    let step = 0;
    for (const { steps, program } of this.#parts) {
      let at = program.table / ELEMENT_BYTES;
      words[at++] = steps.length;
      steps.forEach(({ kernel, shared }, i) => {
        const next = steps[i + 1];
        const numbers = [
          ...kernel.inputs,
          ...kernel.outputs.map(({ number }) => number),
        ];
        words[at++] = this.#functions[step++];
        words[at++] = Number(shared);
        // Only what all have waited for can be timed.
        const timed = this.#listener !== undefined;
        words[at++] = Number(timed || shared || !next || next.shared);
        words[at++] = kernel.units;
        words[at++] = numbers.length;
        for (const number of numbers) {
          words[at++] = this.#address(memory, number);
        }
      });
      program.version = ++versions;
    }
    this.#bound = { memory: new WeakRef(memory), block };
  }

  /** The kernels with their times: when each part began, and each kernel ended. */
  #timesOf(times: readonly number[]): KernelTime[] {
    this.#work ??= profiledKernels(this.#schedule);
    const measured: KernelTime[] = [];
    let at = 0;
    for (const { steps } of this.#parts) {
      for (const _ of steps) {
        const start = times[at++];
        const kernel = this.#work[measured.length];
        measured.push({ kernel, start, milliseconds: times[at] - start });
      }
      at++;
    }
    return measured;
  }

  /** Throws what the looks for bad indices have found. */
  #requireRows(memory: CpuMemory): void {
    const { checks, instructions } = this.#schedule;
    for (const { index, number } of checks) {
      const at = this.#address(memory, number) / ELEMENT_BYTES;
      const [place, row] = this.#device.heap.words.subarray(at, at + 2);
      if (place === 0) continue;
      const { kind } = instructions[index].operation;
      throw new RangeError(
        `Cannot ${
          kind === "take-rows" ? "take rows" : "scatter-add rows"
        }: index ${row} at place ${place - 1} is outside the table of ${
          tableRows(this.#schedule, index)
        } rows`,
      );
    }
  }
}

/** What the kernels of a program do; what only prepares or joins does nothing. */
function profiledKernels(
  { instructions, stored, steps }: Schedule,
): ProfiledKernel[] {
  return steps.map(({ kernel: { name }, results }) => {
    const own = results.length > 0 && name === groupName(instructions, results);
    const counted = own ? results : [];
    return {
      name,
      ...workOf(instructions, stored, counted, () => ELEMENT_BYTES),
    };
  });
}
