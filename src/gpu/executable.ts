/**
 * A program on the GPU. Everything is laid out when it is loaded: one block for
 * intermediate results, one for inputs, one for constants. A run uploads the
 * inputs, submits one command buffer, and reads back the outputs, if there are any.
 *
 * @module
 */

import { STATE } from "../program/compile.ts";
import type { Executable, Memory } from "../program/device.ts";
import { isTable } from "../program/fusion.ts";
import {
  ALIGNMENT,
  type Placed,
  placeResults,
} from "../program/memory_plan.ts";
import type { Instruction, Program } from "../program/program.ts";
import type { Spec } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";
import type { GpuDevice } from "./device.ts";
import {
  bytesOf,
  copy,
  decode,
  ELEMENT_BYTES,
  type GpuMemory,
  type Place,
} from "./memory.ts";
import { KernelTimer, profiledKernels } from "./profile.ts";
import { describeNeeds, needsOf, requireRoom } from "./room.ts";
import { schedule } from "./schedule.ts";
import { rangesOf } from "./split.ts";
import { gridOf, type Kernel } from "./wgsl.ts";

/** Flags: how many indices were outside; the first one's instruction, value, place. */
const FLAGS_BYTES = 4 * ELEMENT_BYTES;

/** Steps in flight before a run without outputs waits for the GPU. */
const MOST_IN_FLIGHT = 16;

/** A program that is ready to run on a GPU. */
export class GpuExecutable implements Executable {
  /** Size of the block of intermediate results. */
  readonly bytes: number;
  readonly #device: GpuDevice;
  readonly #instructions: readonly Instruction[];
  readonly #kernels: readonly Kernel[];
  readonly #pipelines: readonly GPUComputePipeline[];
  /** Places of inputs, constants and results; those of the state vary. */
  readonly #places: readonly (Place | undefined)[];
  readonly #inputs: readonly { name: string; index: number }[];
  /** State by the instruction that reads it, or whose result is written there. */
  readonly #state: ReadonlyMap<number, string>;
  /** Outputs for the caller, and those that become state. */
  readonly #read: readonly { name: string; index: number; spec: Spec }[];
  readonly #updates: readonly { target: string; index: number }[];
  readonly #flags: Place | undefined;
  readonly #staging: GPUBuffer;
  readonly #stagingBytes: number;
  readonly #groups = new WeakMap<GpuMemory, GPUBindGroup[]>();
  /** State on its way to other state, by instruction. */
  readonly #copies = new Map<number, GPUBuffer>();
  readonly #timer: KernelTimer | undefined;
  #loaded: Promise<void> | undefined;
  #inFlight = 0;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param device The device.
   * @param program The program.
   * @param updates Output name to name in the memory.
   */
  constructor(
    device: GpuDevice,
    program: Program,
    updates: ReadonlyMap<string, string>,
  ) {
    const targets = new Map(
      [...updates].map(([output, name]) => [output, STATE + name]),
    );
    const scheduled = schedule(
      program,
      device.limits,
      targets,
      device.adapter.software,
    );
    const { instructions, outputs, kernels, inPlace } = scheduled;
    const plan = planKernels(outputs, kernels, inPlace);
    this.#device = device;
    this.#instructions = instructions;
    this.#kernels = kernels;
    this.bytes = plan.bytes;
    const needs = needsOf(scheduled, plan.bytes);
    const allocate = (what: string, size: number): GPUBuffer =>
      device.buffer(what, size, () => describeNeeds(needs));
    requireRoom(device, scheduled, needs);
    this.#pipelines = kernels.map((kernel) => device.pipeline(kernel));

    const places: (Place | undefined)[] = [];
    const block = allocate("intermediate results", plan.bytes);
    for (const { number, spec } of kernels.flatMap(({ results }) => results)) {
      const offset = plan.offsets.get(number);
      if (offset === undefined) continue;
      places[number] = { buffer: block, offset, size: bytesOf(spec) };
    }
    const state = new Map<number, string>();
    const inputs: { name: string; index: number }[] = [];
    const tables: number[] = [];
    instructions.forEach((instruction, index) => {
      const { operation } = instruction;
      if (isTable(instruction)) tables.push(index);
      if (operation.kind !== "input") return;
      const { name } = operation;
      if (name.startsWith(STATE)) state.set(index, name.slice(STATE.length));
      else inputs.push({ name, index });
    });
    // What is written where state lies is found there.
    for (const [result, index] of inPlace) {
      state.set(result, state.get(index)!);
    }
    layOut("inputs", inputs.map(({ index }) => index));
    layOut("constants", tables);
    for (const index of tables) {
      const { operation, shape, dtype } = instructions[index];
      if (operation.kind !== "constant") continue;
      device.write(places[index]!, { shape, dtype, data: operation.data });
    }
    this.#places = places;
    this.#inputs = inputs;
    this.#state = state;

    const named = [...outputs].map(([name, index]) => {
      // A reshape's output has the reshape's shape and its operand's numbers.
      const { shape, dtype } = program.instructions[program.outputs.get(name)!];
      return { name, index, spec: { shape, dtype } };
    });
    this.#read = named.filter(({ name }) => !updates.has(name));
    this.#updates = named.flatMap(({ name, index }) => {
      const target = updates.get(name);
      return target === undefined || state.get(index) === target
        ? []
        : [{ target, index }];
    });
    this.#flags = kernels.some(({ flags }) => flags)
      ? {
        buffer: allocate("flags", FLAGS_BYTES),
        offset: 0,
        size: FLAGS_BYTES,
      }
      : undefined;
    this.#stagingBytes = this.#read.reduce(
      (total, { spec }) => total + bytesOf(spec),
      FLAGS_BYTES,
    );
    this.#staging = device.staging(this.#stagingBytes);
    const { clock, listener } = device;
    if (clock && listener) {
      const profiled = profiledKernels(scheduled);
      this.#timer = new KernelTimer(device, profiled, clock, listener);
    }

    function layOut(what: string, indices: readonly number[]): void {
      let end = 0;
      const offsets = indices.map((index) => {
        const start = end;
        end += Math.ceil(bytesOf(instructions[index]) / ALIGNMENT) * ALIGNMENT;
        return start;
      });
      const buffer = allocate(what, end);
      indices.forEach((index, i) => {
        const size = bytesOf(instructions[index]);
        places[index] = { buffer, offset: offsets[i], size };
      });
    }
  }

  /** Runs the program once; a run that is not awaited keeps the next waiting. */
  run(
    memory: Memory,
    inputs: ReadonlyMap<string, Value>,
  ): Promise<Map<string, Value>> {
    const result = this.#last.then(() =>
      this.#run(memory as GpuMemory, inputs)
    );
    this.#last = result.catch(() => {});
    return result;
  }

  async #run(
    memory: GpuMemory,
    inputs: ReadonlyMap<string, Value>,
  ): Promise<Map<string, Value>> {
    // What went wrong in loading goes wrong in every run.
    await (this.#loaded ??= this.#device.check());
    for (const { name, index } of this.#inputs) {
      const value = inputs.get(name);
      if (!value) {
        throw new RangeError(`Cannot run program: no value for ${name}`);
      }
      this.#device.write(this.#places[index]!, value);
    }
    // A run without outputs still looks at the GPU now and then, so that it does
    // not get too far ahead, and flags are seen.
    const reads = this.#read.length > 0 || ++this.#inFlight >= MOST_IN_FLIGHT;
    const groups = this.#groups.get(memory);
    if (groups) this.#submit(memory, groups, reads);
    else {
      // What is wrong with a submission is wrong with the first one already.
      this.#device.guard("run program", () => {
        const groups = this.#bind(memory);
        this.#groups.set(memory, groups);
        this.#submit(memory, groups, reads);
      });
    }
    await this.#timer?.report();
    if (!reads) return new Map();
    const results = new Map<string, Value>();
    let flags: readonly number[] = [];
    await this.#device.map(this.#staging, this.#stagingBytes, (bytes) => {
      flags = [...new Int32Array(bytes, 0, FLAGS_BYTES / ELEMENT_BYTES)];
      let offset = FLAGS_BYTES;
      for (const { name, spec } of this.#read) {
        results.set(name, decode(spec, bytes, offset));
        offset += bytesOf(spec);
      }
    });
    this.#inFlight = 0;
    if (flags[0] !== 0) this.#reportIndex(flags);
    return results;
  }

  /** Where an instruction's numbers lie when a program runs on a memory. */
  #place(memory: GpuMemory, index: number): Place {
    const name = this.#state.get(index);
    const place = name === undefined ? this.#places[index] : memory.place(name);
    if (place) return place;
    if (name === undefined) {
      // Nothing is computed for a result without elements.
      return { buffer: this.#staging, offset: 0, size: 0 };
    }
    throw new RangeError(`Cannot run program: no value for ${STATE}${name}`);
  }

  #bind(memory: GpuMemory): GPUBindGroup[] {
    const { maxStorageBufferBindingSize } = this.#device.limits;
    return this.#kernels.map(({ name, bindings, flags }, k) => {
      const places = bindings.flatMap((i) =>
        rangesOf(this.#place(memory, i), maxStorageBufferBindingSize)
      );
      if (flags) places.push(this.#flags!);
      return this.#device.gpu.createBindGroup({
        label: name,
        layout: this.#pipelines[k].getBindGroupLayout(0),
        entries: places.map((place, binding) => ({
          binding,
          resource: place,
        })),
      });
    });
  }

  #submit(
    memory: GpuMemory,
    groups: readonly GPUBindGroup[],
    reads: boolean,
  ): void {
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    this.#kernels.forEach(({ workgroups, clear, results }, k) => {
      if (clear) {
        pass?.end();
        pass = undefined;
        for (const { number } of results) {
          const { buffer, offset, size } = this.#place(memory, number);
          encoder.clearBuffer(buffer, offset, size);
        }
      }
      pass ??= encoder.beginComputePass(this.#timer?.pass(k));
      pass.setPipeline(this.#pipelines[k]);
      pass.setBindGroup(0, groups[k]);
      const { x, y } = gridOf(workgroups);
      pass.dispatchWorkgroups(x, y);
      if (this.#timer) {
        pass.end();
        pass = undefined;
      }
    });
    pass?.end();
    this.#timer?.resolve(encoder);
    if (reads) this.#encodeOutputs(encoder, memory);
    this.#encodeUpdates(encoder, memory);
    gpu.queue.submit([encoder.finish()]);
  }

  #encodeOutputs(encoder: GPUCommandEncoder, memory: GpuMemory): void {
    // Flags of earlier runs that read nothing back are reported as well.
    if (this.#flags) {
      copy(encoder, this.#flags, this.#staging, 0);
      encoder.clearBuffer(this.#flags.buffer);
    }
    let offset = FLAGS_BYTES;
    for (const { index, spec } of this.#read) {
      copy(encoder, this.#place(memory, index), this.#staging, offset);
      offset += bytesOf(spec);
    }
  }

  /** Replaces the state: what comes from other state goes by a copy of it. */
  #encodeUpdates(encoder: GPUCommandEncoder, memory: GpuMemory): void {
    const updates = this.#updates.map(({ target, index }) => {
      const from = this.#place(memory, index);
      const to = this.#target(memory, target);
      if (!this.#state.has(index) || from.size === 0) return { from, to };
      let buffer = this.#copies.get(index);
      if (!buffer) {
        buffer = this.#device.buffer(`copy of state for ${target}`, from.size);
        this.#copies.set(index, buffer);
      }
      copy(encoder, from, buffer, 0);
      return { from: { buffer, offset: 0, size: from.size }, to };
    });
    for (const { from, to } of updates) copy(encoder, from, to.buffer, 0);
  }

  #target(memory: GpuMemory, target: string): Place {
    const place = memory.place(target);
    if (place) return place;
    throw new RangeError(`Cannot run program: no state ${target} to replace`);
  }

  #reportIndex([, instruction, index, place]: readonly number[]): never {
    const { operation, operands, shape } = this.#instructions[instruction];
    const taken = operation.kind === "take-rows";
    const [rows] = taken ? this.#instructions[operands[0]].shape : shape;
    throw new RangeError(
      `Cannot ${
        taken ? "take rows" : "scatter-add rows"
      }: index ${index} at place ${place} is outside the table of ${rows} rows`,
    );
  }
}

/** Where the results of kernels lie, but for those that lie where state does. */
function planKernels(
  outputs: ReadonlyMap<string, number>,
  kernels: readonly Kernel[],
  inPlace: ReadonlyMap<number, number>,
): { bytes: number; offsets: ReadonlyMap<number, number> } {
  const kept = new Set(outputs.values());
  // Kernels run in an order of their own: scratch results come between.
  const order = new Map<number, number>();
  const placed: Placed[] = [];
  for (const { results, inputs } of kernels) {
    const own = results.filter(({ number }) => !inPlace.has(number));
    const first = placed.length;
    for (const { number, spec } of own) {
      order.set(number, placed.length);
      placed.push({ bytes: bytesOf(spec), reads: [], kept: kept.has(number) });
    }
    // Only when all of them have a place is what the kernel reads free again.
    placed.push({
      bytes: 0,
      reads: [
        ...inputs.flatMap((i) => order.get(i) ?? []),
        ...own.map((_, i) => first + i),
      ],
      kept: false,
    });
  }
  const { bytes, offsets } = placeResults(placed);
  return {
    bytes,
    offsets: new Map(
      [...order].map(([number, place]) => [number, offsets[place]!]),
    ),
  };
}
