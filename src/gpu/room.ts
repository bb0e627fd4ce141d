/**
 * The room that a program needs in a GPU's memory: checked against the adapter's
 * limits before anything is allocated, and told when there is not enough. WebGPU
 * says what a buffer may have, but not how much memory there is.
 *
 * @module
 */

import { STATE } from "../program/compile.ts";
import { isTable } from "../program/fusion.ts";
import { type Instruction, instructionName } from "../program/program.ts";
import type { Value } from "../tensor/value.ts";
import type { GpuDevice } from "./device.ts";
import { GpuError } from "./error.ts";
import { bytesOf } from "./memory.ts";
import type { Schedule } from "./schedule.ts";
import { buffersOf } from "./split.ts";
import { gridOf, MOST_WORKGROUPS } from "./wgsl.ts";

/** Tensors that an error names. */
const NAMED = 3;

/** Something that takes memory. */
interface Tensor {
  readonly name: string;
  readonly bytes: number;
  /** Whether it has its size from the model alone. */
  readonly ofModel: boolean;
}

/** What a program needs. */
export interface Needs {
  /** The block of intermediate results. */
  readonly results: number;
  /** State that it reads or writes. */
  readonly state: number;
  /** Its other inputs, and its constants. */
  readonly inputs: number;
  /** All tensors, the largest first. */
  readonly tensors: readonly Tensor[];
}

/** A number of bytes, or of anything, as errors show it. */
export const show = (count: number): string => count.toLocaleString("en-US");

const total = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { bytes }) => sum + bytes, 0);

function largest(tensors: readonly Tensor[]): string {
  const named = tensors.slice(0, NAMED).map(({ name, bytes }) =>
    `${name} (${show(bytes)} bytes)`
  );
  return named.length === 0 ? "" : `\nThe largest tensors: ${named.join(", ")}`;
}

/**
 * What a program needs.
 *
 * @param scheduled The program's kernels.
 * @param results Bytes of the block of intermediate results.
 */
export function needsOf(
  { instructions, outputs, inPlace, kernels }: Schedule,
  results: number,
): Needs {
  const updated = new Map(
    [...outputs].filter(([name]) => name.startsWith(STATE)).map((
      [name, index],
    ) => [index, name.slice(STATE.length)]),
  );
  const state: Tensor[] = [], inputs: Tensor[] = [];
  for (const instruction of instructions) {
    const { operation } = instruction;
    const bytes = bytesOf(instruction);
    const name = instructionName(instruction);
    if (operation.kind === "input") {
      const own = operation.name.startsWith(STATE);
      const [, short] = operation.name.split(":");
      const tensor = { name: `${name} ${short}`, bytes, ofModel: own };
      (own ? state : inputs).push(tensor);
    } else if (isTable(instruction)) {
      inputs.push({ name, bytes, ofModel: false });
    }
  }
  const named = kernels.flatMap(({ name, results }) =>
    results.filter(({ number }) => !inPlace.has(number)).map((result) => ({
      ...result,
      // A kernel of several results is not called after each of them.
      name: results.length > 1 && result.number < instructions.length
        ? instructionName(instructions[result.number])
        : name,
    }))
  );
  const computed = named.map(({ name, number, spec }): Tensor => {
    const layer = parameterOf(instructions, number);
    const next = updated.get(number);
    const more = next !== undefined
      ? `, the new ${next}`
      : layer !== undefined
      ? ` with ${layer}`
      : "";
    return {
      name: name + more,
      bytes: bytesOf(spec),
      ofModel: next !== undefined,
    };
  });
  return {
    results,
    state: total(state),
    inputs: total(inputs),
    tensors: [...state, ...inputs, ...computed].sort((a, b) =>
      b.bytes - a.bytes
    ),
  };
}

/** The state that a product or a convolution multiplies by: it tells the layer. */
function parameterOf(
  instructions: readonly Instruction[],
  index: number,
): string | undefined {
  const { operands = [] } = instructions[index] ?? {};
  for (let operand of operands) {
    let { operation, operands: from } = instructions[operand];
    while (["reshape", "transpose", "broadcast"].includes(operation.kind)) {
      operand = from[0];
      ({ operation, operands: from } = instructions[operand]);
    }
    if (operation.kind !== "input") continue;
    if (operation.name.startsWith(STATE)) {
      return operation.name.slice(STATE.length);
    }
  }
}

/** What a program needs, in words. */
export function describeNeeds(needs: Needs): string {
  return `\nThe program needs ${
    show(needs.results)
  } bytes for intermediate results, ${show(needs.state)} for state, ${
    show(needs.inputs)
  } for inputs and constants${largest(needs.tensors)}`;
}

/** What a state needs, in words. */
export function describeState(values: ReadonlyMap<string, Value>): string {
  const tensors = [...values].map(([name, value]): Tensor => ({
    name: `${value.dtype}[${value.shape.join(", ")}] ${name}`,
    bytes: bytesOf(value),
    ofModel: true,
  })).sort((a, b) => b.bytes - a.bytes);
  return `\nThe state needs ${show(total(tensors))} bytes${largest(tensors)}`;
}

/**
 * Checks a program against the adapter's limits.
 *
 * @param device The device.
 * @param scheduled The program's kernels.
 * @param needs What it needs.
 * @throws {GpuError} If it does not fit.
 */
export function requireRoom(
  device: GpuDevice,
  { kernels, bytesOf }: Schedule,
  needs: Needs,
): void {
  const {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage,
  } = device.limits;
  const { name: adapter } = device.adapter;
  if (needs.results > maxBufferSize) {
    throw new GpuError(
      `Cannot load program: its intermediate results take ${
        show(needs.results)
      } bytes, adapter ${adapter} allows buffers of ${show(maxBufferSize)}${
        describeNeeds(needs)
      }\nhelp: reduce the batch size or the model`,
    );
  }
  for (const kernel of kernels) {
    const { name, workgroups } = kernel;
    const buffers = buffersOf(kernel, bytesOf, maxStorageBufferBindingSize);
    if (buffers > maxStorageBuffersPerShaderStage) {
      throw new GpuError(
        `Cannot load program: ${name} needs ${buffers} buffers of at most ${
          show(maxStorageBufferBindingSize)
        } bytes, adapter ${adapter} allows ${maxStorageBuffersPerShaderStage}${
          describeNeeds(needs)
        }\nhelp: reduce ${
          needs.tensors[0]?.ofModel
            ? "the model"
            : "the batch size or the model"
        }`,
      );
    }
    if (gridOf(workgroups).y > MOST_WORKGROUPS) {
      throw new GpuError(
        `Cannot load program: ${name} needs ${
          show(workgroups)
        } workgroups, a dispatch has ${
          show(MOST_WORKGROUPS ** 2)
        }\nhelp: reduce the batch size or the model`,
      );
    }
  }
}
