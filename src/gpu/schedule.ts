/**
 * Which kernels a program becomes: one or two for each result that lies in memory.
 *
 * @module
 */

import { fuse, isTable } from "../program/fusion.ts";
import type { Instruction, Program } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import { convolutionKernel } from "./convolution.ts";
import { elementwiseKernel, type Scene } from "./elementwise.ts";
import { foldWindowsKernel } from "./fold_windows.ts";
import { kernelGradientKernels } from "./kernel_gradient.ts";
import { matmulKernels } from "./matmul.ts";
import { argmaxKernel, reductionKernels } from "./reduction.ts";
import { scatterKernel } from "./scatter.ts";
import { type Kernel, MOST_INPUTS } from "./wgsl.ts";

/** A program as kernels. */
export interface Schedule {
  /** The instructions that the kernels' numbers below their count stand for. */
  readonly instructions: readonly Instruction[];
  /** Whether an instruction's numbers lie in memory. */
  readonly stored: readonly boolean[];
  /** Which instruction's numbers an output has. */
  readonly outputs: ReadonlyMap<string, number>;
  /** The kernels, in the order in which they run. */
  readonly kernels: readonly Kernel[];
}

/** Makes the kernels of a program. */
export function schedule(program: Program): Schedule {
  const fused = fuse(program, MOST_INPUTS);
  const { instructions, outputs, stored } = fused;
  let numbers = instructions.length;
  const scene: Scene = { ...fused, scratch: () => numbers++ };
  const kernels = instructions.flatMap(({ operation, shape, operands }, i) => {
    const given = operation.kind === "input" || isTable(instructions[i]);
    if (!stored[i] || given || sizeOf(shape) === 0) return [];
    const nothing = operands.some((o) => sizeOf(instructions[o].shape) === 0);
    return kernelsOf(scene, i, nothing);
  });
  return { instructions, stored, outputs, kernels };
}

/** The kernels of a stored instruction; `nothing`: an operand has no elements. */
function kernelsOf(scene: Scene, index: number, nothing: boolean): Kernel[] {
  const { kind } = scene.instructions[index].operation;
  switch (kind) {
    case "sum":
    case "reduce-max":
      return reductionKernels(scene, index);
    case "argmax":
      return [argmaxKernel(scene, index)];
    case "matmul":
      return nothing ? [zeros(scene, index)] : matmulKernels(scene, index);
    case "conv":
    case "conv-input-gradient":
      return [
        nothing ? zeros(scene, index) : convolutionKernel(scene, index),
      ];
    case "conv-kernel-gradient":
      return nothing
        ? [zeros(scene, index)]
        : kernelGradientKernels(scene, index);
    case "fold-windows":
      return [foldWindowsKernel(scene, index)];
    case "scatter-add-rows":
      return [nothing ? zeros(scene, index) : scatterKernel(scene, index)];
    default:
      return [elementwiseKernel(scene, index)];
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
  return elementwiseKernel({ ...scene, instructions }, index);
}
