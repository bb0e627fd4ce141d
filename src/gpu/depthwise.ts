/**
 * Depthwise convolution (as many groups as channels) and its gradients: there is no
 * sum over channels, so a product in tiles would multiply zeros.
 *
 * Bindings: x or dy, w or dy, the result. For the convolution and the gradient with
 * respect to the input, an invocation computes a block of up to 4 x 4 positions of
 * one channel: it reads once what several of them see. For the gradient with respect
 * to the kernel, an invocation sums all cells of one channel over a part of the rows
 * of the output of all samples; a second kernel adds the parts in order.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import type { Operation } from "../tensor/tensor.ts";
import { nameOf, type Scene } from "./expression.ts";
import { joinParts, partsOf } from "./tile.ts";
import { assemble, bindFloats, type Kernel, WORKGROUP } from "./wgsl.ts";

/** Rows and columns of a block, and positions of the output that are summed at once. */
const BLOCK = 4;
/** Cells of the largest kernel whose sums are written out. */
const MOST_CELLS = 49;

/** A convolution or one of its gradients. */
type Convolution = Extract<Operation, { kind: `conv${string}` }>;

/** Whether the kernels of this file compute an operation. */
export function isDepthwise(
  instructions: readonly Instruction[],
  index: number,
): boolean {
  const { operation, operands, shape } = instructions[index];
  const { geometry: { groups, stride } } = operation as Convolution;
  const kernel = operation.kind === "conv-kernel-gradient"
    ? shape
    : instructions[operands[1]].shape;
  const [filters, depth, height, width] = kernel;
  return filters === groups && depth === 1 && height * width <= MOST_CELLS &&
    Math.max(...stride) <= BLOCK;
}

/** Numbers of a plane that a block reads: each once. */
class Window {
  readonly lines: string[] = [];
  readonly #known = new Set<string>();

  /**
   * @param array The binding; `plane` is known, where the plane begins.
   * @param height Rows of the plane.
   * @param width Columns of the plane.
   */
  constructor(
    readonly array: string,
    readonly height: number,
    readonly width: number,
  ) {}

  /** Name of the number so far from row `y` and column `x`; zero outside. */
  read(down: number, across: number): string {
    const [y, x] = [this.#axis("y", down), this.#axis("x", across)];
    const name = `at_${y}_${x}`;
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.lines.push(
        `let ${name} = select(0.0, ${this.array}[plane + ${y} * ${this.width}u + ${x}], ${y} < ${this.height}u && ${x} < ${this.width}u);`,
      );
    }
    return name;
  }

  /** Above and left of the plane these wrap round: far outside. */
  #axis(axis: "y" | "x", distance: number): string {
    const sign = distance < 0 ? "-" : "+";
    const size = Math.abs(distance);
    const name = `${axis}_${distance < 0 ? "less" : "more"}_${size}`;
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.lines.push(`let ${name} = ${axis} ${sign} ${size}u;`);
    }
    return name;
  }
}

/** The kernel of a depthwise `conv` or `conv-input-gradient`. */
export function depthwiseKernel(scene: Scene, index: number): Kernel {
  const { instructions, roots } = scene;
  const instruction = instructions[index];
  const { operation, operands, shape } = instruction;
  const { geometry } = operation as Convolution;
  const { stride, padding, dilation } = geometry;
  const forward = operation.kind === "conv";
  const [, , ...from] = instructions[operands[0]].shape;
  const [, , ...cells] = instructions[operands[1]].shape;
  const [batch, channels, height, width] = shape;
  const { inputs, names } = bindFloats(operands.map((o) => roots[o]));
  // Blocks of the gradient begin where the stride does.
  const block = stride.map((s) => forward ? BLOCK : BLOCK - BLOCK % s);
  const [down, across] = [height, width].map((n, a) => Math.ceil(n / block[a]));
  const far = stride.map((s, a) => forward ? block[a] * s : block[a] / s);

  // Through which cells position r of a block sees which numbers, along an axis.
  const seen = (axis: 0 | 1, r: number) =>
    Array.from({ length: cells[axis] }, (_, cell) => ({
      cell,
      distance: forward
        ? r * stride[axis] + cell * dilation[axis] - padding[axis]
        : (r + padding[axis] - cell * dilation[axis]) / stride[axis],
    })).filter(({ distance }) => Number.isInteger(distance));
  const window = new Window(names[0], from[0], from[1]);
  const weights = Array.from(
    { length: cells[0] * cells[1] },
    (_, cell) =>
      `let w${cell} = ${names[1]}[channel * ${
        cells[0] * cells[1]
      }u + ${cell}u];`,
  );
  const stores: string[] = [];
  for (let r = 0; r < block[0]; r++) {
    for (let q = 0; q < block[1]; q++) {
      const terms = seen(0, r).flatMap((i) =>
        seen(1, q).map((j) =>
          `w${i.cell * cells[1] + j.cell} * ${
            window.read(i.distance, j.distance)
          }`
        )
      );
      stores.push(
        `if (row + ${r}u < ${height}u && column + ${q}u < ${width}u) {
  result[first + ${r * width + q}u] = ${terms.join(" + ") || "0.0"};
}`,
      );
    }
  }
  const body = `let column = (at % ${across}u) * ${block[1]}u;
let row = (at / ${across}u % ${down}u) * ${block[0]}u;
let image = at / ${down * across}u;
let channel = image % ${channels}u;
let plane = image * ${from[0] * from[1]}u;
let y = (at / ${across}u % ${down}u) * ${far[0]}u;
let x = (at % ${across}u) * ${far[1]}u;
let first = (image * ${height}u + row) * ${width}u + column;
${[...weights, ...window.lines, ...stores].join("\n")}`;
  return assemble({
    name: nameOf(instruction),
    inputs,
    output: index,
    spec: instruction,
    functions: [],
    work: { invocations: batch * channels * down * across },
    body,
  });
}

/** The kernels of a depthwise `conv-kernel-gradient`. */
export function depthwiseGradientKernels(
  scene: Scene,
  index: number,
): Kernel[] {
  const { instructions, roots } = scene;
  const instruction = instructions[index];
  const { operation, operands, shape } = instruction;
  const { stride, padding, dilation } = (operation as Convolution).geometry;
  const [batch, channels, height, width] = instructions[operands[0]].shape;
  const [, , outHeight, outWidth] = instructions[operands[1]].shape;
  const [, , kernelHeight, kernelWidth] = shape;
  const cells = kernelHeight * kernelWidth;
  const { inputs, names } = bindFloats(operands.map((o) => roots[o]));
  const lines = batch * outHeight;
  const workgroups = Math.ceil(channels / WORKGROUP);
  const parts = Math.min(lines, partsOf(workgroups, lines * outWidth));
  const share = Math.ceil(lines / parts);
  const target = parts === 1 ? index : scene.scratch();

  const block = Math.min(BLOCK, outWidth);
  const window = new Window(names[0], height, width);
  const sums: string[] = [];
  const additions: string[] = [];
  const stores: string[] = [];
  for (let i = 0; i < kernelHeight; i++) {
    for (let j = 0; j < kernelWidth; j++) {
      const cell = i * kernelWidth + j;
      sums.push(`var sum${cell} = 0.0;`);
      stores.push(`result[at * ${cells}u + ${cell}u] = sum${cell};`);
      for (let q = 0; q < block; q++) {
        const number = window.read(
          i * dilation[0] - padding[0],
          q * stride[1] + j * dilation[1] - padding[1],
        );
        additions.push(`sum${cell} += dy${q} * ${number};`);
      }
    }
  }
  const dy = Array.from({ length: block }, (_, q) => {
    const number = `${names[1]}[dy_at + q + ${q}u]`;
    return `let dy${q} = ${
      outWidth % block
        ? `select(0.0, ${number}, q + ${q}u < ${outWidth}u)`
        : number
    };`;
  });
  const body = `let part = at / ${channels}u;
let channel = at % ${channels}u;
${sums.join("\n")}
let last = min(part * ${share}u + ${share}u, ${lines}u);
for (var line = part * ${share}u; line < last; line++) {
  let image = line / ${outHeight}u * ${channels}u + channel;
  let p = line % ${outHeight}u;
  let plane = image * ${height * width}u;
  let dy_at = (image * ${outHeight}u + p) * ${outWidth}u;
  let y = p * ${stride[0]}u;
  for (var q = 0u; q < ${outWidth}u; q += ${block}u) {
    let x = q * ${stride[1]}u;
${[...dy, ...window.lines, ...additions].join("\n")}
  }
}
${stores.join("\n")}`;
  const kernel = assemble({
    name: nameOf(instruction),
    inputs,
    output: target,
    spec: { shape: [parts, ...shape], dtype: "float" },
    functions: [],
    work: { invocations: parts * channels },
    body,
  });
  return parts === 1
    ? [kernel]
    : [kernel, joinParts(instruction, target, index, parts)];
}
