/**
 * What all kernels share: a kernel is a WebAssembly function, and what of it
 * every thread computes.
 *
 * @module
 */

import type { Fused } from "../program/fusion.ts";
import type { Instruction } from "../program/program.ts";
import type { Spec } from "../tensor/tensor.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";

/** How far kernels read past an end, in bytes: less than a tile's vectors. */
export const READ_PAST = 128;

/**
 * Work of one kernel: a function over units of work, called by every thread with
 * a range of its own. Kernels run one after another with a barrier between them,
 * so a kernel may read what the one before wrote, whichever thread did.
 *
 * Kernels may read, but never write or use, up to `READ_PAST` bytes behind the end
 * of an operand, a result or the scratch: memory must not end there.
 */
export interface Kernel {
  /** For errors and profiles, such as `matmul float[64, 64]`. */
  readonly name: string;
  /** Functions of equal keys are the same function and are emitted once. */
  readonly key: string;
  /**
   * Emits the function. Parameters, all i32: the addresses (in bytes, multiples of
   * 16) of the inputs in order, of the outputs in order, of the thread's scratch;
   * the first unit, and the last unit (exclusive).
   */
  readonly emit: (f: FunctionBuilder) => void;
  /** Numbers of the results that it reads, each once. */
  readonly inputs: readonly number[];
  /** Numbers of the results that it writes, with their shapes and types. */
  readonly outputs: readonly { readonly number: number; readonly spec: Spec }[];
  /** Units of work. How they are cut must not change any bit of the result. */
  readonly units: number;
  /** Bytes of scratch per thread; their contents do not last between calls. */
  readonly scratch: number;
}

/** What is known of a program while its kernels are written. */
export interface Scene extends Omit<Fused, "outputs"> {
  /** A number for a result between two kernels of one instruction. */
  scratch(): number;
}

/** What an instruction is called in errors. */
export function nameOf({ operation, dtype, shape }: Instruction): string {
  return `${operation.kind} ${dtype}[${shape.join(", ")}]`;
}
