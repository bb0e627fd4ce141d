/**
 * Which kernels a program becomes, in which order, and which of them are worth
 * more than one thread.
 *
 * @module
 */

import { workOf } from "../program/costs.ts";
import { fuse, isTable } from "../program/fusion.ts";
import { CONTRACTIONS, type Group, REDUCTIONS } from "../program/groups.ts";
import type { Instruction, Program } from "../program/program.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { argmaxKernel } from "./argmax.ts";
import { convolutionKernels, shareConvolutions } from "./convolution.ts";
import { elementwiseKernel } from "./elementwise.ts";
import { foldWindowsKernel } from "./fold_windows.ts";
import type { Kernel, Scene } from "./kernel.ts";
import { kernelGradientKernels, shareGradients } from "./kernel_gradient.ts";
import { matmulKernels } from "./matmul.ts";
import { ELEMENT_BYTES } from "./memory.ts";
import { reductionKernels } from "./reduction.ts";
import { type RowCheck, rowCheck, scatterKernel } from "./rows.ts";

/** Stored results that a kernel may read. */
const MOST_INPUTS = 60;
/** What a thread does in a microsecond: operations, bytes, elements of loops. */
const FLOPS = 20_000, BYTES = 10_000, ELEMENTS = 4_000;
/** Microseconds of work from which on a kernel is shared. */
const WORTH_SHARING = 8;

/** A kernel in its place. */
export interface Step {
  readonly kernel: Kernel;
  /** Whether all threads share its work. */
  readonly shared: boolean;
  /** The results of its group. */
  readonly results: readonly number[];
  /** What it reads that a result may be written over: element i for element i. */
  readonly aligned: readonly number[];
}

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
  readonly steps: readonly Step[];
  /** Looks for bad indices, all within the first `checked` steps. */
  readonly checks: readonly RowCheck[];
  readonly checked: number;
}

/**
 * Makes the kernels of a program.
 *
 * @param program The program.
 * @param targets Output name to the name of the input that it replaces.
 */
export function schedule(
  program: Program,
  targets: ReadonlyMap<string, string>,
): Schedule {
  const fused = fuse(program, MOST_INPUTS, targets, { convolutionSums: true });
  const { instructions, stored, outputs } = fused;
  let numbers = instructions.length;
  const scene: Scene = { ...fused, scratch: () => numbers++ };
  const checks = rowChecks(scene);
  const steps: Step[] = [];
  // What a look reads that is computed is there once its last result is.
  const waiting = new Set(checks);
  const computed = new Set<number>();
  const look = () => {
    for (const check of waiting) {
      const ready = check.kernel.inputs.every((i) =>
        isGiven(instructions[i]) || computed.has(i)
      );
      if (!ready) continue;
      waiting.delete(check);
      const { kernel } = check;
      steps.push({ kernel, shared: false, results: [], aligned: [] });
    }
  };
  look();
  const groups = fused.groups.flatMap((group) =>
    isTogether(scene, group)
      ? [group]
      : group.results.map((result) => ({ ...group, results: [result] }))
  );
  for (const { results, reads } of groups) {
    const { flops, bytes } = workOf(
      instructions,
      stored,
      results,
      () => ELEMENT_BYTES,
    );
    const elements = sizeOf(spaceOf(instructions, results[0]));
    const microseconds = Math.max(
      flops / FLOPS,
      bytes / BYTES,
      elements / ELEMENTS,
    );
    const worth = microseconds > WORTH_SHARING;
    for (const kernel of kernelsOf(scene, results)) {
      const shared = worth && kernel.units > 1;
      const { kind } = instructions[results[0]].operation;
      const alone = CONTRACTIONS.has(kind) || REDUCTIONS.has(kind);
      const aligned = kernel.inputs.filter((i) => !alone && reads.get(i));
      steps.push({ kernel, shared, results, aligned });
    }
    for (const result of results) computed.add(result);
    if (waiting.size > 0) look();
  }
  const kernels = new Set(checks.map(({ kernel }) => kernel));
  const checked = steps.findLastIndex(({ kernel }) => kernels.has(kernel)) + 1;
  // The state must stay as it is until all indices have been looked at.
  const early = new Set(steps.slice(0, checked).flatMap((s) => s.results));
  const inPlace = new Map(
    [...fused.inPlace].filter(([result]) => !early.has(result)),
  );
  return { instructions, stored, outputs, inPlace, steps, checks, checked };
}

/** Whether the results of a group are computed by the same kernels. */
function isTogether(scene: Scene, { results }: Group): boolean {
  const [index] = results;
  switch (scene.instructions[index].operation.kind) {
    case "conv":
    case "conv-input-gradient":
      return shareConvolutions(scene, index);
    case "conv-kernel-gradient":
      return shareGradients(scene, index);
    default:
      return true;
  }
}

/** The shape that a kernel's loops run over. */
function spaceOf(instructions: readonly Instruction[], index: number): Shape {
  const { operation, operands, shape } = instructions[index];
  return REDUCTIONS.has(operation.kind)
    ? instructions[operands[0]].shape
    : shape;
}

/** Whether there is nothing to compute. */
function isGiven(instruction: Instruction): boolean {
  return instruction.operation.kind === "input" || isTable(instruction);
}

/** The looks for indices outside their tables: one for all that look alike. */
function rowChecks(scene: Scene): RowCheck[] {
  const found = new Map<string, RowCheck>();
  scene.instructions.forEach(({ operation: { kind }, operands }, index) => {
    if (kind !== "take-rows" && kind !== "scatter-add-rows") return;
    const indices = operands[1];
    if (sizeOf(scene.instructions[indices].shape) === 0) return;
    const check = rowCheck(scene, index);
    const key = `${kind} ${check.kernel.key} ${check.kernel.inputs}`;
    if (!found.has(key)) found.set(key, check);
  });
  return [...found.values()];
}

/** The kernels of results that are computed together. */
function kernelsOf(scene: Scene, results: readonly number[]): Kernel[] {
  const { instructions } = scene;
  const [index] = results;
  const { operation: { kind }, operands } = instructions[index];
  const nothing = operands.some((o) => sizeOf(instructions[o].shape) === 0);
  switch (kind) {
    case "sum":
    case "reduce-max":
      return nothing
        ? results.map((result) => zeros(scene, result))
        : reductionKernels(scene, results);
    case "argmax":
      return [argmaxKernel(scene, index)];
    case "matmul":
      return nothing ? [zeros(scene, index)] : matmulKernels(scene, index);
    case "conv":
    case "conv-input-gradient":
      return nothing
        ? results.map((result) => zeros(scene, result))
        : convolutionKernels(scene, ...results);
    case "conv-kernel-gradient":
      return nothing
        ? results.map((result) => zeros(scene, result))
        : kernelGradientKernels(scene, ...results);
    case "fold-windows":
      return [foldWindowsKernel(scene, index)];
    case "scatter-add-rows":
      return [nothing ? zeros(scene, index) : scatterKernel(scene, index)];
    default:
      return [elementwiseKernel(scene, results)];
  }
}

/** A result of zeros: the sum of nothing. */
function zeros(scene: Scene, index: number): Kernel {
  const { shape, dtype } = scene.instructions[index];
  const instructions = [...scene.instructions];
  const data = dtype === "float" ? Float64Array.of(0) : Int32Array.of(0);
  instructions[index] = {
    operation: { kind: "constant", data },
    operands: [],
    shape,
    dtype,
  };
  return elementwiseKernel({ ...scene, instructions }, [index]);
}
