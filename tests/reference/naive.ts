/**
 * The meaning of every operation, element by element and index by index: no
 * program, no memory plan, no strides. Slow, and independent of the devices.
 */

import { erf } from "../../src/program/scalar.ts";
import {
  type Operation,
  randomBits,
  type Shape,
  type Tensor,
} from "../../src/tensor/mod.ts";

type Index = readonly number[];

/** Every index of a shape, in row-major order. */
export function indicesOf(shape: Shape): Index[] {
  return shape.reduce<number[][]>(
    (found, extent) =>
      found.flatMap((index) =>
        Array.from({ length: extent }, (_, i) => [...index, i])
      ),
    [[]],
  );
}

/** Numbers with the extents of their axes. */
interface Numbers {
  readonly shape: Shape;
  readonly data: readonly number[];
}

function at({ shape, data }: Numbers, index: Index): number {
  return data[shape.reduce((place, extent, i) => place * extent + index[i], 0)];
}

const SCALAR: Record<string, (a: number, b: number, c: number) => number> = {
  neg: (a) => -a,
  abs: (a) => a < 0 ? -a : a === 0 ? 0 : a,
  sign: (a) => a > 0 ? 1 : a < 0 ? -1 : a,
  exp: (a) => Math.exp(a),
  log: (a) => Math.log(a),
  sqrt: (a) => Math.sqrt(a),
  rsqrt: (a) => 1 / Math.sqrt(a),
  tanh: (a) => Math.tanh(a),
  erf: (a) => erf(a),
  floor: (a) => Math.floor(a),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  pow: (a, b) => a ** b,
  equal: (a, b) => Number(a === b),
  less: (a, b) => Number(a < b),
  "less-equal": (a, b) => Number(a <= b),
  select: (a, b, c) => a ? b : c,
};

/** Sums of products, term after term in the order of the indices. */
function total(terms: readonly number[]): number {
  return terms.reduce((sum, term) => sum + term, 0);
}

/** The indices over some axes, at an index of the others. */
function along(shape: Shape, index: Index, axes: readonly number[]): Index[] {
  return indicesOf(axes.map((axis) => shape[axis])).map((inner) =>
    index.map((i, axis) => axes.includes(axis) ? inner[axes.indexOf(axis)] : i)
  );
}

/** The element of a result at an index. */
function element(
  operation: Operation,
  { shape, dtype }: Tensor,
  operands: readonly Numbers[],
  index: Index,
): number {
  const [a, b, c] = operands;
  switch (operation.kind) {
    case "iota":
      return index[operation.axis];
    case "cast": {
      const x = at(a, index);
      return dtype === "int" ? Math.trunc(x) : dtype === "bool" ? +(x != 0) : x;
    }
    case "transpose": {
      const source: number[] = [];
      operation.permutation.forEach((axis, i) => source[axis] = index[i]);
      return at(a, source);
    }
    case "broadcast":
      return at(a, index.map((i, axis) => a.shape[axis] === 1 ? 0 : i));
    case "slice":
      return at(
        a,
        index.map((i, axis) =>
          operation.start[axis] + i * operation.step[axis]
        ),
      );
    case "pad": {
      const source = index.map((i, axis) =>
        (i - operation.low[axis]) / (operation.interior[axis] + 1)
      );
      const inside = source.every((i, axis) =>
        Number.isInteger(i) && i >= 0 && i < a.shape[axis]
      );
      return inside ? at(a, source) : operation.fill;
    }
    case "concat": {
      const source = [...index];
      for (const operand of operands) {
        const extent = operand.shape[operation.axis];
        if (source[operation.axis] < extent) return at(operand, source);
        source[operation.axis] -= extent;
      }
      throw new Error("index outside the operands");
    }
    case "reverse":
      return at(
        a,
        index.map((i, axis) =>
          operation.axes.includes(axis) ? shape[axis] - 1 - i : i
        ),
      );
    case "sum":
      return total(along(a.shape, index, operation.axes).map((i) => at(a, i)));
    case "reduce-max":
      return Math.max(
        ...along(a.shape, index, operation.axes).map((i) => at(a, i)),
      );
    case "argmax": {
      const row = along(a.shape, index, [operation.axis]).map((i) => at(a, i));
      return row.reduce((best, x, i) => x > row[best] ? i : best, 0);
    }
    case "matmul": {
      const batch = index.slice(0, -2);
      const [i, j] = index.slice(-2);
      return total(
        Array.from(
          { length: a.shape[a.shape.length - 1] },
          (_, k) => at(a, [...batch, i, k]) * at(b, [...batch, k, j]),
        ),
      );
    }
    case "windows": {
      const [n, c, i, j, p, q] = index;
      const { stride, padding, dilation } = operation.geometry;
      const row = p * stride[0] + i * dilation[0] - padding[0];
      const column = q * stride[1] + j * dilation[1] - padding[1];
      return row >= 0 && row < a.shape[2] && column >= 0 && column < a.shape[3]
        ? at(a, [n, c, row, column])
        : operation.fill;
    }
    case "fold-windows": {
      const [n, c, row, column] = index;
      const { stride, padding, dilation } = operation.geometry;
      return total(
        indicesOf(a.shape.slice(2)).filter(([i, j, p, q]) =>
          p * stride[0] + i * dilation[0] - padding[0] === row &&
          q * stride[1] + j * dilation[1] - padding[1] === column
        ).map((rest) => at(a, [n, c, ...rest])),
      );
    }
    case "take-rows":
      return at(a, [at(b, [index[0]]), index[1]]);
    case "scatter-add-rows":
      return total(
        indicesOf(b.shape).filter(([i]) => at(b, [i]) === index[0])
          .map(([i]) => at(a, [i, index[1]])),
      );
    default:
      return SCALAR[operation.kind](
        at(a, index),
        b ? at(b, index) : NaN,
        c ? at(c, index) : NaN,
      );
  }
}

/** A term of a convolution: places in the image, the kernel and the output. */
function convolution(
  operation: Operation & { kind: "conv" | `conv-${string}` },
  image: Shape,
  kernel: Shape,
  output: Shape,
): [x: Index, w: Index, y: Index][] {
  const { stride, padding, dilation, groups } = operation.geometry;
  const terms: [Index, Index, Index][] = [];
  for (const y of indicesOf(output)) {
    const [n, o, p, q] = y;
    const group = Math.floor(o * groups / kernel[0]);
    for (const [c, i, j] of indicesOf(kernel.slice(1))) {
      const row = p * stride[0] + i * dilation[0] - padding[0];
      const column = q * stride[1] + j * dilation[1] - padding[1];
      if (row < 0 || row >= image[2]) continue;
      if (column < 0 || column >= image[3]) continue;
      const x = [n, group * kernel[1] + c, row, column];
      terms.push([x, [o, c, i, j], y]);
    }
  }
  return terms;
}

/** The numbers of an expression, by what the operations mean. */
export function naive(
  tensor: Tensor,
  inputs: Readonly<Record<string, ArrayLike<number>>> = {},
  known: Map<Tensor, readonly number[]> = new Map(),
): readonly number[] {
  const before = known.get(tensor);
  if (before) return before;
  const { operation, shape, dtype } = tensor;
  const operands = tensor.operands.map((operand) => ({
    shape: operand.shape,
    data: naive(operand, inputs, known),
  }));
  const [a, b] = operands;
  let data: number[];
  switch (operation.kind) {
    case "input":
      data = Array.from(inputs[operation.name]);
      break;
    case "constant":
      data = Array.from(operation.data);
      break;
    case "random-bits": {
      const count = shape.reduce((size, extent) => size * extent, 1);
      data = [...randomBits([a.data[0], a.data[1]], operation.stream, count)];
      break;
    }
    case "reshape":
      data = [...a.data];
      break;
    case "conv":
    case "conv-input-gradient":
    case "conv-kernel-gradient": {
      const shapes = operation.kind === "conv"
        ? [a.shape, b.shape, shape] as const
        : operation.kind === "conv-input-gradient"
        ? [shape, b.shape, a.shape] as const
        : [a.shape, shape, b.shape] as const;
      const sums = new Map<string, number>();
      for (const [x, w, y] of convolution(operation, ...shapes)) {
        const [to, product] = operation.kind === "conv"
          ? [y, at(a, x) * at(b, w)]
          : operation.kind === "conv-input-gradient"
          ? [x, at(a, y) * at(b, w)]
          : [w, at(a, x) * at(b, y)];
        sums.set(`${to}`, (sums.get(`${to}`) ?? 0) + product);
      }
      data = indicesOf(shape).map((index) => sums.get(`${index}`) ?? 0);
      break;
    }
    default:
      data = indicesOf(shape).map((index) =>
        element(operation, tensor, operands, index)
      );
  }
  if (dtype === "int") data = data.map((number) => number | 0);
  known.set(tensor, data);
  return data;
}
