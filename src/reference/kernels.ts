/**
 * The operations as plain loops: the oracle. Each is the simplest code that is
 * right, one small function per operation; speed is not a reason to change it.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { scalarFunction } from "../program/scalar.ts";
import type { Operation } from "../tensor/tensor.ts";
import { randomBits } from "../tensor/random.ts";
import { type Data, type Shape, sizeOf } from "../tensor/value.ts";

/** An array with the extents of its axes. */
interface View {
  readonly shape: Shape;
  readonly data: Data;
}

/** The operation that has a kind among its kinds. */
type Of<Kind extends Operation["kind"]> = Operation extends infer Each
  ? Each extends { readonly kind: infer Kinds } ? Kind extends Kinds ? Each
    : never
  : never
  : never;

/**
 * Computes one instruction.
 *
 * @param instruction What to compute.
 * @param operands Its operands, with their shapes.
 * @param out Where the result goes.
 * @throws {RangeError} If an index is outside its table.
 */
export function computeInstruction(
  instruction: Instruction,
  operands: readonly View[],
  out: Data,
): void {
  const { operation, shape, dtype } = instruction;
  const result: View = { shape, data: out };
  const [a, b] = operands;
  switch (operation.kind) {
    case "input":
    case "constant":
      throw new Error(`Cannot compute ${operation.kind}: it is given`);
    case "iota":
      return iota(operation.axis, result);
    case "random-bits":
      out.set(
        randomBits([a.data[0], a.data[1]], operation.stream, out.length),
      );
      return;
    case "reshape":
      out.set(a.data);
      return;
    case "transpose":
      return transpose(a, operation.permutation, result);
    case "broadcast":
      return broadcast(a, result);
    case "slice":
      return slice(a, operation, result);
    case "pad":
      return pad(a, operation, result);
    case "concat":
      return concat(operands, operation.axis, result);
    case "reverse":
      return reverse(a, operation.axes, result);
    case "sum":
      return sum(a, operation.axes, result);
    case "reduce-max":
      return reduceMax(a, operation.axes, result);
    case "argmax":
      return argmax(a, operation.axis, result);
    case "matmul":
      return matmul(a, b, result);
    case "conv":
      return conv(a, b, operation, result);
    case "conv-input-gradient":
      return convInputGradient(a, b, operation, result);
    case "conv-kernel-gradient":
      return convKernelGradient(a, b, operation, result);
    case "windows":
      return windows(a, operation, result);
    case "fold-windows":
      return foldWindows(a, operation, result);
    case "take-rows":
      return takeRows(a, b, result);
    case "scatter-add-rows":
      return scatterAddRows(a, b, result);
    default: {
      const compute = scalarFunction(operation, dtype)!;
      const [x, y, z] = operands.map((operand) => operand.data);
      // Each case reads only the operands it has: undefined is never touched.
      if (z) {
        for (let i = 0; i < out.length; i++) {
          out[i] = compute(x[i], y[i], z[i]);
        }
      } else if (y) {
        for (let i = 0; i < out.length; i++) out[i] = compute(x[i], y[i], 0);
      } else for (let i = 0; i < out.length; i++) out[i] = compute(x[i], 0, 0);
    }
  }
}

/** Distance in memory between neighbours along each axis. */
function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) {
    strides[i] = strides[i + 1] * shape[i + 1];
  }
  return strides;
}

/**
 * Walks over all indices of a shape in row-major order, and calls with the
 * place that `start + sum of index * strides` gives.
 */
function walk(
  shape: Shape,
  start: number,
  strides: readonly number[],
  use: (element: number, place: number) => void,
): void {
  const size = sizeOf(shape);
  const index = shape.map(() => 0);
  let place = start;
  for (let element = 0; element < size; element++) {
    use(element, place);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

function iota(axis: number, out: View): void {
  const strides = out.shape.map((_, i) => i === axis ? 1 : 0);
  walk(out.shape, 0, strides, (i, place) => out.data[i] = place);
}

function transpose(x: View, permutation: readonly number[], out: View): void {
  const strides = stridesOf(x.shape);
  const order = permutation.map((axis) => strides[axis]);
  walk(out.shape, 0, order, (i, place) => out.data[i] = x.data[place]);
}

function broadcast(x: View, out: View): void {
  const strides = stridesOf(x.shape).map((stride, i) =>
    x.shape[i] === 1 ? 0 : stride
  );
  walk(out.shape, 0, strides, (i, place) => out.data[i] = x.data[place]);
}

function slice(x: View, { start, step }: Of<"slice">, out: View): void {
  const strides = stridesOf(x.shape);
  const first = start.reduce((total, s, i) => total + s * strides[i], 0);
  const steps = strides.map((stride, i) => stride * step[i]);
  walk(out.shape, first, steps, (i, place) => out.data[i] = x.data[place]);
}

function pad(x: View, operation: Of<"pad">, out: View): void {
  const { low, interior, fill } = operation;
  out.data.fill(fill);
  const strides = stridesOf(out.shape);
  const first = low.reduce((total, l, i) => total + l * strides[i], 0);
  const steps = strides.map((stride, i) => stride * (interior[i] + 1));
  walk(x.shape, first, steps, (i, place) => out.data[place] = x.data[i]);
}

function concat(operands: readonly View[], axis: number, out: View): void {
  const strides = stridesOf(out.shape);
  let first = 0;
  for (const { shape, data } of operands) {
    walk(shape, first, strides, (i, place) => out.data[place] = data[i]);
    first += shape[axis] * strides[axis];
  }
}

function reverse(x: View, axes: readonly number[], out: View): void {
  const strides = stridesOf(x.shape);
  const first = axes.reduce(
    (total, axis) => total + (x.shape[axis] - 1) * strides[axis],
    0,
  );
  const back = strides.map((s, axis) => axes.includes(axis) ? -s : s);
  walk(out.shape, first, back, (i, place) => out.data[i] = x.data[place]);
}

/** Strides that send all elements along the reduced axes to one place. */
function reducedStrides(shape: Shape, axes: readonly number[]): number[] {
  return stridesOf(shape).map((stride, i) => axes.includes(i) ? 0 : stride);
}

function sum(x: View, axes: readonly number[], out: View): void {
  out.data.fill(0);
  const strides = reducedStrides(out.shape, axes);
  walk(x.shape, 0, strides, (i, place) => out.data[place] += x.data[i]);
}

function reduceMax(x: View, axes: readonly number[], out: View): void {
  out.data.fill(-Infinity);
  const strides = reducedStrides(out.shape, axes);
  walk(x.shape, 0, strides, (i, place) => {
    out.data[place] = Math.max(out.data[place], x.data[i]);
  });
}

function argmax(x: View, axis: number, out: View): void {
  const strides = stridesOf(x.shape);
  const starts = reducedStrides(x.shape, [axis]);
  walk(out.shape, 0, starts, (i, place) => {
    let best = 0;
    for (let k = 1; k < x.shape[axis]; k++) {
      const candidate = x.data[place + k * strides[axis]];
      if (candidate > x.data[place + best * strides[axis]]) best = k;
    }
    out.data[i] = best;
  });
}

function matmul(a: View, b: View, out: View): void {
  const rank = a.shape.length;
  const [rows, inner] = a.shape.slice(rank - 2);
  const columns = b.shape[rank - 1];
  const batches = sizeOf(a.shape.slice(0, rank - 2));
  out.data.fill(0);
  for (let n = 0; n < batches; n++) {
    for (let i = 0; i < rows; i++) {
      const to = (n * rows + i) * columns;
      for (let k = 0; k < inner; k++) {
        const factor = a.data[(n * rows + i) * inner + k];
        const from = (n * inner + k) * columns;
        for (let j = 0; j < columns; j++) {
          out.data[to + j] += factor * b.data[from + j];
        }
      }
    }
  }
}

/**
 * Visits every product of a convolution: a cell x of the image and an entry w
 * of the kernel that add to a cell y of the output.
 */
function eachProduct(
  image: Shape,
  kernel: Shape,
  output: Shape,
  { stride, padding, dilation, groups }: Of<"conv">["geometry"],
  use: (x: number, w: number, y: number) => void,
): void {
  const [batch, channels, height, width] = image;
  const [filters, depth, kernelHeight, kernelWidth] = kernel;
  const [, , outHeight, outWidth] = output;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < filters; o++) {
      const group = Math.floor(o / (filters / groups));
      for (let c = 0; c < depth; c++) {
        const xPlane = (n * channels + group * depth + c) * height * width;
        const yPlane = (n * filters + o) * outHeight * outWidth;
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const w = ((o * depth + c) * kernelHeight + i) * kernelWidth + j;
            for (let p = 0; p < outHeight; p++) {
              const row = p * stride[0] + i * dilation[0] - padding[0];
              if (row < 0 || row >= height) continue;
              for (let q = 0; q < outWidth; q++) {
                const column = q * stride[1] + j * dilation[1] - padding[1];
                if (column < 0 || column >= width) continue;
                use(
                  xPlane + row * width + column,
                  w,
                  yPlane + p * outWidth + q,
                );
              }
            }
          }
        }
      }
    }
  }
}

function conv(x: View, w: View, { geometry }: Of<"conv">, y: View): void {
  y.data.fill(0);
  eachProduct(x.shape, w.shape, y.shape, geometry, (i, k, o) => {
    y.data[o] += x.data[i] * w.data[k];
  });
}

function convInputGradient(
  dy: View,
  w: View,
  { geometry }: Of<"conv-input-gradient">,
  dx: View,
): void {
  dx.data.fill(0);
  eachProduct(dx.shape, w.shape, dy.shape, geometry, (i, k, o) => {
    dx.data[i] += dy.data[o] * w.data[k];
  });
}

function convKernelGradient(
  x: View,
  dy: View,
  { geometry }: Of<"conv-kernel-gradient">,
  dw: View,
): void {
  dw.data.fill(0);
  eachProduct(x.shape, dw.shape, dy.shape, geometry, (i, k, o) => {
    dw.data[k] += x.data[i] * dy.data[o];
  });
}

/** Visits every entry of the windows, with its cell of the image if it has one. */
function eachWindowCell(
  image: Shape,
  patches: Shape,
  { stride, padding, dilation }: Of<"windows">["geometry"],
  use: (entry: number, cell: number | undefined) => void,
): void {
  const [, , height, width] = image;
  const [batch, channels, kernelHeight, kernelWidth, outHeight, outWidth] =
    patches;
  let entry = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let i = 0; i < kernelHeight; i++) {
      for (let j = 0; j < kernelWidth; j++) {
        for (let p = 0; p < outHeight; p++) {
          const row = p * stride[0] + i * dilation[0] - padding[0];
          for (let q = 0; q < outWidth; q++) {
            const column = q * stride[1] + j * dilation[1] - padding[1];
            const inside = row >= 0 && row < height && column >= 0 &&
              column < width;
            use(
              entry++,
              inside ? (plane * height + row) * width + column : undefined,
            );
          }
        }
      }
    }
  }
}

function windows(x: View, operation: Of<"windows">, out: View): void {
  const { geometry, fill } = operation;
  eachWindowCell(x.shape, out.shape, geometry, (entry, cell) => {
    out.data[entry] = cell === undefined ? fill : x.data[cell];
  });
}

function foldWindows(y: View, operation: Of<"fold-windows">, out: View): void {
  out.data.fill(0);
  eachWindowCell(out.shape, y.shape, operation.geometry, (entry, cell) => {
    if (cell !== undefined) out.data[cell] += y.data[entry];
  });
}

function requireRow(what: string, row: number, i: number, count: number): void {
  if (row < 0 || row >= count) {
    throw new RangeError(
      `Cannot ${what}: index ${row} at place ${i} is outside the table of ${count} rows`,
    );
  }
}

function takeRows(table: View, indices: View, out: View): void {
  const [count, width] = table.shape;
  for (let i = 0; i < indices.data.length; i++) {
    const row = indices.data[i];
    requireRow("take rows", row, i, count);
    for (let j = 0; j < width; j++) {
      out.data[i * width + j] = table.data[row * width + j];
    }
  }
}

function scatterAddRows(rows: View, indices: View, out: View): void {
  const [count, width] = out.shape;
  out.data.fill(0);
  for (let i = 0; i < indices.data.length; i++) {
    const row = indices.data[i];
    requireRow("scatter-add rows", row, i, count);
    for (let j = 0; j < width; j++) {
      out.data[row * width + j] += rows.data[i * width + j];
    }
  }
}
