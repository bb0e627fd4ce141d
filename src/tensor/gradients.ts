/**
 * Differentiation: a function from expressions to expressions. Every rule is
 * made of tensor operations, so what it returns can be differentiated again.
 *
 * @module
 */

import {
  add,
  argmax,
  broadcastTo,
  cast,
  conv,
  convInputGradient,
  convKernelGradient,
  div,
  equal,
  exp,
  fill,
  foldWindows,
  iota,
  less,
  log,
  matmul,
  mul,
  neg,
  pad,
  pow,
  reshape,
  reverse,
  scatterAddRows,
  select,
  sign,
  slice,
  sub,
  sum,
  takeRows,
  transpose,
  windows,
} from "./operations.ts";
import type { Tensor } from "./tensor.ts";
import { sizeOf } from "./value.ts";

/**
 * Derivatives of a scalar with respect to any nodes it is made of, parameters
 * or not: `gradients(loss, [z])` is the pre-activation derivative of a layer.
 *
 * @example A Hessian-vector product
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, dot, gradients, mul, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2]));
 * const v = constant(value([1, 0]));
 * const cubes = dot(mul(x, x), x);
 * const [gradient] = gradients(cubes, [x]);
 * const [product] = gradients(dot(gradient, v), [x]);
 * assertEquals([...(await evaluate(product)).data], [6, 0]);
 * ```
 *
 * @param output A float scalar; or any float tensor, if `outputGradient` is given.
 * @param nodes The nodes to differentiate with respect to.
 * @param outputGradient Where the chain rule starts, of the output's shape; 1
 * for a scalar.
 * @returns One expression for each node, of its shape: zeros where the output
 * does not depend on it.
 * @throws {TypeError} If the output, a node or the start is not float.
 * @throws {RangeError} If the output is no scalar and no start is given, or the
 * start has another shape than the output.
 */
export function gradients(
  output: Tensor,
  nodes: readonly Tensor[],
  outputGradient?: Tensor,
): Tensor[] {
  for (const tensor of [output, ...nodes]) {
    if (tensor.dtype !== "float") {
      throw new TypeError(
        `Cannot differentiate: tensors must be float, got ${tensor}`,
      );
    }
  }
  if (!outputGradient && output.shape.length > 0) {
    throw new RangeError(
      `Cannot differentiate: the output must be a scalar, got ${output}`,
    );
  }
  if (outputGradient?.dtype === "float") {
    if (`${outputGradient.shape}` !== `${output.shape}`) {
      throw new RangeError(
        `Cannot differentiate: the output gradient must have the shape of ${output}, got ${outputGradient}`,
      );
    }
  } else if (outputGradient) {
    throw new TypeError(
      `Cannot differentiate: the output gradient must be float, got ${outputGradient}`,
    );
  }
  const order = dependents(output, new Set(nodes));
  const depends = new Set(order);
  const found = new Map<Tensor, Tensor>();
  if (depends.has(output)) {
    found.set(output, outputGradient ?? fill(output.shape, 1));
  }
  for (const node of order.reverse()) {
    const gradient = found.get(node);
    if (!gradient) continue;
    node.operands.forEach((operand, i) => {
      if (!depends.has(operand)) return;
      const term = operandGradient(node, i, gradient);
      if (!term) return;
      const before = found.get(operand);
      found.set(operand, before ? add(before, term) : term);
    });
  }
  return nodes.map((node) => found.get(node) ?? fill(node.shape, 0));
}

/**
 * The float nodes below the output that depend on one of the targets, oldest
 * first. Nothing is differentiable through an int or a bool: an index, a mask.
 */
function dependents(output: Tensor, targets: ReadonlySet<Tensor>): Tensor[] {
  const depends = new Set<Tensor>(targets);
  return reachable([output]).filter((node) => {
    if (
      node.dtype === "float" &&
      node.operands.some((operand) => depends.has(operand))
    ) {
      depends.add(node);
    }
    return depends.has(node);
  });
}

/**
 * All nodes that some tensors are made of, themselves included, in the order
 * in which they were written: operands come before what uses them.
 *
 * @param tensors Where to start.
 * @returns The nodes.
 */
export function reachable(tensors: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>(tensors);
  const open = [...seen];
  for (let node = open.pop(); node; node = open.pop()) {
    for (const operand of node.operands) {
      if (!seen.has(operand)) {
        seen.add(operand);
        open.push(operand);
      }
    }
  }
  return [...seen].sort((a, b) => a.serial - b.serial);
}

/** What operand i of a node gets of the gradient g at the node; none if it is not differentiable there. */
function operandGradient(
  node: Tensor,
  i: number,
  g: Tensor,
): Tensor | undefined {
  const { operation, operands } = node;
  const [a, b] = operands;
  switch (operation.kind) {
    case "neg":
      return neg(g);
    case "abs":
      return mul(g, sign(a));
    case "exp":
      return mul(g, node);
    case "log":
      return div(g, a);
    case "sqrt":
      return div(g, mul(2, node));
    case "rsqrt": // d x^-1/2 = -1/2 x^-3/2
      return mul(g, mul(-0.5, div(node, a)));
    case "tanh":
      return mul(g, sub(1, mul(node, node)));
    case "erf":
      return mul(g, mul(2 / Math.sqrt(Math.PI), exp(neg(mul(a, a)))));
    case "add":
      return g;
    case "sub":
      return i === 0 ? g : neg(g);
    case "mul":
      return mul(g, i === 0 ? b : a);
    case "div":
      return i === 0 ? div(g, b) : neg(div(mul(g, node), b));
    case "max":
      return i === 0 ? select(less(b, a), g, 0) : select(less(b, a), 0, g);
    case "min":
      return i === 0 ? select(less(a, b), g, 0) : select(less(a, b), 0, g);
    case "pow":
      // Where x^0 and 0^b are flat, the formulas give 0 times infinity.
      return i === 0
        ? mul(g, select(equal(b, 0), 0, mul(b, pow(a, sub(b, 1)))))
        : mul(g, select(equal(node, 0), 0, mul(node, log(a))));
    case "select":
      return i === 1 ? select(a, g, 0) : select(a, 0, g);
    case "reshape":
      return reshape(g, a.shape);
    case "transpose": {
      const inverse: number[] = [];
      operation.permutation.forEach((axis, j) => inverse[axis] = j);
      return transpose(g, inverse);
    }
    case "broadcast": {
      const repeated = a.shape.flatMap((extent, j) =>
        extent === node.shape[j] ? [] : [j]
      );
      return sum(g, repeated, { keepAxes: true });
    }
    case "slice": {
      const { start, step } = operation;
      const interior = step.map((s) => s - 1);
      // An axis cut to nothing has no last element to count back from.
      const high = a.shape.map((extent, j) =>
        node.shape[j] === 0
          ? extent - start[j]
          : extent - start[j] - 1 - (node.shape[j] - 1) * step[j]
      );
      return pad(g, start, high, interior);
    }
    case "pad": {
      const { low, high, interior } = operation;
      return slice(
        g,
        low,
        g.shape.map((extent, j) => extent - high[j]),
        interior.map((n) => n + 1),
      );
    }
    case "concat": {
      const { axis } = operation;
      const offset = operands.slice(0, i)
        .reduce((total, operand) => total + operand.shape[axis], 0);
      const start = g.shape.map((_, j) => j === axis ? offset : 0);
      const end = g.shape.map((extent, j) =>
        j === axis ? offset + operands[i].shape[axis] : extent
      );
      return slice(g, start, end);
    }
    case "reverse":
      return reverse(g, operation.axes);
    case "sum":
      return broadcastTo(g, a.shape);
    case "reduce-max":
      return mul(broadcastTo(g, a.shape), firstMaximum(a, operation.axes));
    case "matmul":
      return i === 0 ? matmul(g, transpose(b)) : matmul(transpose(a), g);
    case "conv":
      return i === 0
        ? convInputGradient(g, b, a.shape, operation.geometry)
        : convKernelGradient(a, g, b.shape, operation.geometry);
    case "conv-input-gradient": // linear in dy (a) and in w (b)
      return i === 0
        ? conv(g, b, operation.geometry)
        : convKernelGradient(g, a, b.shape, operation.geometry);
    case "conv-kernel-gradient": // linear in x (a) and in dy (b)
      return i === 0
        ? convInputGradient(b, g, a.shape, operation.geometry)
        : conv(a, g, operation.geometry);
    case "windows":
      return foldWindows(g, a.shape, operation.geometry);
    case "fold-windows":
      return windows(g, operation.kernel, operation.geometry);
    case "take-rows":
      return scatterAddRows(g, b, a.shape[0]);
    case "scatter-add-rows":
      return takeRows(g, b);
    default:
      // Sign and floor are flat wherever they are smooth, and what stops gradients
      // is so by its meaning; the rest is not float.
      return undefined;
  }
}

/** 1 at the first largest element over the axes, 0 elsewhere. */
function firstMaximum(x: Tensor, axes: readonly number[]): Tensor {
  const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const permutation = [...others, ...axes];
  const ordered = transpose(x, permutation);
  const rows = sizeOf(others.map((i) => x.shape[i]));
  const columns = sizeOf(axes.map((i) => x.shape[i]));
  const flat = reshape(ordered, [rows, columns]);
  const first = equal(
    iota(flat.shape, 1),
    argmax(flat, 1, { keepAxes: true }),
  );
  const inverse: number[] = [];
  permutation.forEach((axis, j) => inverse[axis] = j);
  return transpose(
    reshape(cast(first, "float"), ordered.shape),
    inverse,
  );
}
