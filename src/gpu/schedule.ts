/**
 * Which kernels a program becomes: which results are written to memory, and
 * which are computed where they are needed, inside another kernel.
 *
 * Inputs, constants of several numbers, outputs, and the results of matrix
 * products, convolutions, reductions and scatter-adds lie in memory. Everything
 * else, element-wise and shape operations, is written out only where that saves
 * work: where kernels or differing indices would compute it more than once, or
 * where a kernel would have more inputs than it may.
 *
 * @module
 */

import { isElementwise } from "../tensor/operations.ts";
import { sizeOf } from "../tensor/value.ts";
import { storageRoots } from "../program/memory_plan.ts";
import type { Instruction, Program } from "../program/program.ts";
import { convolutionKernel } from "./convolution.ts";
import { elementwiseKernel, type Scene } from "./elementwise.ts";
import { foldWindowsKernel } from "./fold_windows.ts";
import { kernelGradientKernels } from "./kernel_gradient.ts";
import { matmulKernels } from "./matmul.ts";
import { argmaxKernel, reductionKernels } from "./reduction.ts";
import { scatterKernel } from "./scatter.ts";
import { stridedView } from "./strides.ts";
import { type Kernel, MOST_INPUTS } from "./wgsl.ts";

/** Operations that are cheap to compute again where a result is repeated. */
const CHEAP = 4;

/** A program as kernels. */
export interface Schedule {
  /** The instructions that the kernels' numbers below their count stand for. */
  readonly instructions: readonly Instruction[];
  /** Which instruction's numbers an output has. */
  readonly outputs: ReadonlyMap<string, number>;
  /** The kernels, in the order in which they run. */
  readonly kernels: readonly Kernel[];
}

/** Makes the kernels of a program. */
export function schedule(program: Program): Schedule {
  const { instructions, outputs } = splitConcats(program);
  const roots = storageRoots(instructions);
  const results = new Map(
    [...outputs].map(([name, index]) => [name, roots[index]]),
  );
  const stored = chooseStored(instructions, roots, new Set(results.values()));
  limitInputs(instructions, stored);
  let numbers = instructions.length;
  const scene: Scene = {
    instructions,
    stored,
    roots,
    scratch: () => numbers++,
  };
  const kernels = instructions.flatMap(({ operation, shape, operands }, i) => {
    const given = operation.kind === "input" || isTable(instructions[i]);
    if (!stored[i] || given || sizeOf(shape) === 0) return [];
    const nothing = operands.some((o) => sizeOf(instructions[o].shape) === 0);
    return kernelsOf(scene, i, nothing);
  });
  return { instructions, outputs: results, kernels };
}

/** Constants of several numbers lie in memory; single ones are in the shaders. */
export function isTable({ operation }: Instruction): boolean {
  return operation.kind === "constant" && operation.data.length > 1;
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

const REDUCTIONS: ReadonlySet<string> = new Set([
  ...["sum", "reduce-max", "argmax", "fold-windows"],
]);
const CONTRACTIONS: ReadonlySet<string> = new Set([
  ...["matmul", "conv", "conv-input-gradient", "conv-kernel-gradient"],
  "scatter-add-rows",
]);
const COSTLY: ReadonlyMap<string, number> = new Map([
  ["exp", 8],
  ["log", 8],
  ["tanh", 10],
  ["erf", 12],
  ["pow", 20],
  ["random-bits", 40],
]);

/**
 * Which instructions' results lie in memory.
 *
 * Results that are computed in place are followed from their users down. Users
 * that need element i of a result to compute their own element i share an index
 * space, and with it the computation; a result that is needed in two spaces is
 * stored unless it takes no arithmetic.
 */
function chooseStored(
  instructions: readonly Instruction[],
  roots: readonly number[],
  outputs: ReadonlySet<number>,
): boolean[] {
  const cost = costs(instructions);
  const stored = instructions.map((instruction, i) => {
    const { kind } = instruction.operation;
    return kind === "input" || isTable(instruction) || outputs.has(i) ||
      REDUCTIONS.has(kind) || CONTRACTIONS.has(kind);
  });
  const spaces: Set<string>[] = instructions.map(() => new Set());
  for (let i = instructions.length - 1; i >= 0; i--) {
    const { operation, operands, shape } = instructions[i];
    const { kind } = operation;
    if (spaces[i].size > 1 && cost[i] > 0 && roots[i] === i) stored[i] = true;
    if (CONTRACTIONS.has(kind)) {
      for (const operand of operands) {
        const base = kind === "matmul"
          ? stridedView(instructions, operand).base
          : operand;
        stored[roots[base]] = true;
      }
      continue;
    }
    const own = stored[i] ? [`${i}`] : [...spaces[i]];
    for (const operand of operands) {
      const same = isElementwise(operation) || kind === "reshape";
      for (const space of own) {
        spaces[operand].add(same ? space : `${i} of ${space}`);
      }
      const size = sizeOf(instructions[operand].shape);
      const repeated = !same && !REDUCTIONS.has(kind) &&
        sizeOf(shape) >= 2 * size;
      if (repeated && cost[operand] > CHEAP) stored[roots[operand]] = true;
    }
    // The entries of a window are computed where they are added up, once each;
    // a table is read at random.
    if (kind === "take-rows") {
      for (const operand of operands) {
        if (cost[operand] > CHEAP) stored[roots[operand]] = true;
      }
    }
  }
  return stored;
}

/** Arithmetic per element where everything but stored results is computed. */
function costs(instructions: readonly Instruction[]): number[] {
  const cost: number[] = [];
  instructions.forEach(({ operation, operands }, i) => {
    const { kind } = operation;
    if (REDUCTIONS.has(kind) || CONTRACTIONS.has(kind)) cost[i] = 0;
    else {
      const own = isElementwise(operation) || kind === "random-bits"
        ? COSTLY.get(kind) ?? 1
        : 0;
      cost[i] = operands.reduce((total, o) => total + cost[o], own);
    }
  });
  return cost;
}

/** Stores further results so that no kernel has too many inputs. */
function limitInputs(
  instructions: readonly Instruction[],
  stored: boolean[],
): void {
  const roots = storageRoots(instructions);
  const leaves: Set<number>[] = [];
  instructions.forEach(({ operation, operands }, i) => {
    const { kind } = operation;
    const read = (operand: number): ReadonlySet<number> =>
      stored[operand] ? new Set([operand]) : leaves[operand];
    const all = () => new Set(operands.flatMap((o) => [...read(o)]));
    let needed = CONTRACTIONS.has(kind) ? new Set<number>() : all();
    while (needed.size > MOST_INPUTS) {
      const [widest] = operands.toSorted((a, b) => read(b).size - read(a).size);
      stored[roots[widest]] = true;
      // A reshape reads what it is a reshape of.
      if (roots[widest] !== widest) leaves[widest] = new Set([roots[widest]]);
      needed = all();
    }
    leaves[i] = needed;
  });
}

/** Joins in several steps what a kernel could not join in one. */
function splitConcats(program: Program): Program {
  const instructions: Instruction[] = [];
  const moved: number[] = [];
  program.instructions.forEach((instruction, i) => {
    let operands = instruction.operands.map((operand) => moved[operand]);
    const { operation } = instruction;
    while (operation.kind === "concat" && operands.length > MOST_INPUTS) {
      const joined = operands.slice(0, MOST_INPUTS);
      const shape = [...instruction.shape];
      shape[operation.axis] = joined.reduce(
        (total, o) => total + instructions[o].shape[operation.axis],
        0,
      );
      instructions.push({ ...instruction, operands: joined, shape });
      operands = [instructions.length - 1, ...operands.slice(MOST_INPUTS)];
    }
    moved[i] = instructions.push({ ...instruction, operands }) - 1;
  });
  return {
    instructions,
    outputs: new Map(
      [...program.outputs].map(([name, index]) => [name, moved[index]]),
    ),
  };
}
