/**
 * Which kernels a program becomes: one or two for each group
 * of results that are computed together.
 *
 * @module
 */

import { fuse } from "../program/fusion.ts";
import type { Group } from "../program/groups.ts";
import type { Instruction, Program } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import { convolutionKernels } from "./convolution.ts";
import {
  depthwiseGradientKernels,
  depthwiseKernel,
  isDepthwise,
} from "./depthwise.ts";
import { elementwiseKernel } from "./elementwise.ts";
import type { Scene } from "./expression.ts";
import { foldWindowsKernel } from "./fold_windows.ts";
import { kernelGradientKernels } from "./kernel_gradient.ts";
import { matmulKernels } from "./matmul.ts";
import { bytesOf } from "./memory.ts";
import { epilogueAlone } from "./product.ts";
import { argmaxKernel, reductionKernels } from "./reduction.ts";
import { rowsKernel } from "./rows.ts";
import { scatterKernels } from "./scatter.ts";
import { buffersOf, splitBindings } from "./split.ts";
import type { Kernel } from "./wgsl.ts";

/** A program as kernels. */
export interface Schedule {
  /** The instructions that the kernels' numbers below their count stand for. */
  readonly instructions: readonly Instruction[];
  /** Whether an instruction's numbers lie in memory. */
  readonly stored: readonly boolean[];
  /** Which instruction's numbers an output has. */
  readonly outputs: ReadonlyMap<string, number>;
  /** Results that are written where an input lies. */
  readonly inPlace: ReadonlyMap<number, number>;
  /** The kernels, in the order in which they run. */
  readonly kernels: readonly Kernel[];
  /** For each kernel, the instructions whose numbers it helps to compute. */
  readonly groups: readonly (readonly number[])[];
  /** Size of an instruction's numbers, or of a result between two kernels. */
  readonly bytesOf: (number: number) => number;
}

/** Numbers that a row may have for a workgroup to go through it several times. */
const MOST_ROW = 4096;

/** Inputs of a kernel that does the least: of a `select`. */
const LEAST_INPUTS = 3;

/** What every adapter allows. */
const COMMON_LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 2 ** 27,
};

/**
 * Makes the kernels of a program.
 *
 * @param program The program.
 * @param limits How many storage buffers a kernel may have, and their size.
 * @param targets Output name to the name of the input that it replaces.
 * @param software Whether the adapter computes on the processor, which is given
 * larger tiles; by default not.
 */
export function schedule(
  program: Program,
  limits: typeof COMMON_LIMITS = COMMON_LIMITS,
  targets: ReadonlyMap<string, string> = new Map(),
  software = false,
): Schedule {
  const most = limits.maxStorageBuffersPerShaderStage;
  const limit = limits.maxStorageBufferBindingSize;
  // One buffer is for a result, one for flags; a large tensor takes several, so
  // that kernels have to read less, and do less at once.
  for (let inputs = most - 2;; inputs = Math.floor(inputs / 2)) {
    const row = inputs === most - 2 ? MOST_ROW : 0;
    const whole = kernelsFor(program, inputs, targets, row, software);
    const fits = whole.kernels.every((kernel) =>
      buffersOf(kernel, whole.bytesOf, limit) <= most
    );
    if (!fits && inputs >= 2 * LEAST_INPUTS) continue;
    const kernels = whole.kernels.map((kernel) =>
      splitBindings(kernel, whole.bytesOf, limit)
    );
    return { ...whole, kernels };
  }
}

/** The kernels of a program, as if tensors could have any size. */
function kernelsFor(
  program: Program,
  mostInputs: number,
  targets: ReadonlyMap<string, string>,
  mostRow: number,
  software: boolean,
): Schedule {
  const fused = fuse(program, mostInputs, targets, {
    epilogues: true,
    mostRow,
  });
  const { instructions, outputs, inPlace, groups } = fused;
  let numbers = instructions.length;
  const scene: Scene = { ...fused, software, scratch: () => numbers++ };
  const written = groups.map((group) => ({
    group,
    kernels: kernelsOf(scene, group),
  }));
  const kernels = written.flatMap(({ kernels }) => kernels);
  const scratch = new Map(
    kernels.flatMap(({ results }) => results)
      .map(({ number, spec }) => [number, spec]),
  );
  return {
    instructions,
    // A product that has an epilogue may have been written after all.
    stored: fused.stored.map((known, i) => known || scratch.has(i)),
    outputs,
    inPlace,
    kernels,
    groups: written.flatMap(({ group: { results, product }, kernels }) =>
      kernels.map((kernel) =>
        product === undefined
          ? results
          // It and its epilogue may be kernels of their own.
          : kernel.results.map(({ number }) =>
            number < instructions.length ? number : product
          )
      )
    ),
    bytesOf: (number) => bytesOf(instructions[number] ?? scratch.get(number)!),
  };
}

/** The kernels of results that are computed together. */
function kernelsOf(scene: Scene, group: Group): Kernel[] {
  const { results, product, rows } = group;
  if (rows) return [rowsKernel(scene, group, rows)];
  const { instructions } = scene;
  const index = product ?? results[0];
  const { operation: { kind }, operands } = instructions[index];
  const nothing = operands.some((o) => sizeOf(instructions[o].shape) === 0);
  const depthwise = kind.startsWith("conv") && isDepthwise(instructions, index);
  switch (kind) {
    case "sum":
    case "reduce-max":
      return reductionKernels(scene, results);
    case "argmax":
      return [argmaxKernel(scene, index)];
    case "matmul":
      if (nothing) return [zeros(scene, index)];
      return matmulKernels(scene, index, results);
    case "conv":
    case "conv-input-gradient":
      if (nothing) return [zeros(scene, index)];
      return depthwise
        ? [
          depthwiseKernel(scene, index),
          ...epilogueAlone(scene, index, results),
        ]
        : convolutionKernels(scene, index, results);
    case "conv-kernel-gradient":
      if (nothing) return [zeros(scene, index)];
      return depthwise
        ? [
          ...depthwiseGradientKernels(scene, index),
          ...epilogueAlone(scene, index, results),
        ]
        : kernelGradientKernels(scene, index, results);
    case "fold-windows":
      return [foldWindowsKernel(scene, index)];
    case "scatter-add-rows":
      return nothing ? [zeros(scene, index)] : scatterKernels(scene, index);
    default:
      return [elementwiseKernel(scene, results)];
  }
}

/** A result of zeros: the sum of no products. */
function zeros(scene: Scene, index: number): Kernel {
  const { shape } = scene.instructions[index];
  const instructions = [...scene.instructions];
  const data = Float64Array.of(0);
  instructions[index] = {
    operation: { kind: "constant", data },
    operands: [],
    shape,
    dtype: "float",
  };
  return elementwiseKernel({ ...scene, instructions }, [index]);
}
