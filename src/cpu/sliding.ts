/**
 * What slides over what in a convolution, and in its gradient with respect to the
 * input: the same thing, an image and weights, from which positions are computed.
 *
 * The gradient sees dy as the image. With a stride, positions whose remainders by
 * the stride are alike see the same cells of the kernel: they are a phase, a
 * convolution of stride 1 of its own.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import type { Shape } from "../tensor/value.ts";

/** A cell of the kernel: its offset from a position, and where its weight lies. */
export interface Cell {
  readonly row: number;
  readonly column: number;
  /** In floats from the weights of the two channels. */
  readonly weight: number;
}

/** Positions of the result that see the same cells. */
export interface Phase {
  /** The first position, and how many there are along each axis. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  readonly cells: readonly Cell[];
}

/** What slides over what: forward, or for the gradient. */
export interface Sliding {
  readonly batch: number;
  readonly groups: number;
  /** Channels of a group of the image, and of the result. */
  readonly from: number;
  readonly to: number;
  readonly image: readonly [number, number];
  readonly result: readonly [number, number];
  /** Cells of the image between positions, and positions between those of a phase. */
  readonly step: readonly [number, number];
  readonly spread: readonly [number, number];
  readonly phases: readonly Phase[];
  /** Floats between the weights of neighbouring channels, and of groups. */
  readonly weightFrom: number;
  readonly weightTo: number;
  readonly weightGroup: number;
}

/** What a convolution or its gradient slides over what. */
export function slidingOf(
  instructions: readonly Instruction[],
  index: number,
): Sliding {
  const { operation, operands, shape } = instructions[index];
  if (
    operation.kind !== "conv" && operation.kind !== "conv-input-gradient"
  ) throw new Error(`Cannot emit ${operation.kind}: it is no convolution`);
  const { stride, padding, dilation, groups } = operation.geometry;
  const [filters, depth, kernelHeight, kernelWidth] =
    instructions[operands[1]].shape;
  const area = kernelHeight * kernelWidth;
  const plain = area === 1 && stride[0] * stride[1] === 1 &&
    padding[0] + padding[1] === 0;
  const plane = (shape: Shape): readonly [number, number] =>
    plain ? longRows(shape[2], shape[3]) : [shape[2], shape[3]];
  const image = plane(instructions[operands[0]].shape);
  const result = plane(shape);
  const members = filters / groups;
  const cells = Array.from({ length: area }, (_, weight) => ({
    row: Math.floor(weight / kernelWidth) * dilation[0] - padding[0],
    column: (weight % kernelWidth) * dilation[1] - padding[1],
    weight,
  }));
  const common = {
    batch: shape[0],
    groups,
    image,
    result,
    weightGroup: members * depth * area,
  };
  const [weightOut, weightIn] = [depth * area, area];
  if (operation.kind === "conv") {
    return {
      ...common,
      from: depth,
      to: members,
      step: stride,
      spread: [1, 1],
      phases: [{
        row: 0,
        column: 0,
        rows: result[0],
        columns: result[1],
        cells,
      }],
      weightFrom: weightIn,
      weightTo: weightOut,
    };
  }
  // Position y sees cell (y - offset) / stride through a cell of the kernel.
  const phases: Phase[] = [];
  for (let row = 0; row < Math.min(stride[0], result[0]); row++) {
    for (let column = 0; column < Math.min(stride[1], result[1]); column++) {
      phases.push({
        row,
        column,
        rows: Math.ceil((result[0] - row) / stride[0]),
        columns: Math.ceil((result[1] - column) / stride[1]),
        cells: cells.map((cell) => ({
          row: (row - cell.row) / stride[0],
          column: (column - cell.column) / stride[1],
          weight: cell.weight,
        })).filter((cell) =>
          Number.isInteger(cell.row) && Number.isInteger(cell.column)
        ),
      });
    }
  }
  return {
    ...common,
    from: members,
    to: depth,
    step: [1, 1],
    spread: stride,
    phases,
    weightFrom: weightOut,
    weightTo: weightIn,
  };
}

/**
 * A plane that a kernel of one cell sees may have rows of any length: few rows of
 * whole vectors, as far as its size allows.
 */
function longRows(height: number, width: number): readonly [number, number] {
  const size = height * width;
  const rows = [32, 16, 8, 4, 2].find((rows) => size % (rows * 8) === 0) ?? 1;
  return [rows, size / rows];
}
