/**
 * The operations: one function each, which checks the shapes and returns the
 * new expression. Element-wise operations broadcast as NumPy does, and take
 * plain numbers for tensors.
 *
 * @module
 */

import {
  type BinaryKind,
  type ComparisonKind,
  type ConvolutionGeometry,
  type Operation,
  type Pair,
  type Spec,
  Tensor,
  type TensorLike,
  type UnaryKind,
  type WindowGeometry,
} from "./tensor.ts";
import { type DType, type Shape, sizeOf, type Value } from "./value.ts";

const show = (shape: Shape): string => `[${shape.join(", ")}]`;

const range = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i);

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, i) => extent === b[i]);
}

function requireShape(what: string, shape: Shape): void {
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0) {
      throw new RangeError(
        `Cannot ${what}: extents must be integers of at least 0, got ${
          show(shape)
        }`,
      );
    }
  }
}

/** Type and shape, as `float[2, 3]`. */
const describe = ({ dtype, shape }: Spec): string => `${dtype}${show(shape)}`;

function requireFloat(what: string, ...tensors: Tensor[]): void {
  if (tensors.some(({ dtype }) => dtype !== "float")) {
    throw new TypeError(
      `Cannot ${what}: operands must be float, got ${
        tensors.map(describe).join(" and ")
      }`,
    );
  }
}

/** The axes as indices from 0, sorted; negative ones count from the end. */
function normalAxes(
  what: string,
  shape: Shape,
  axes: number | readonly number[],
): number[] {
  const list = typeof axes === "number" ? [axes] : axes;
  const normal = list.map((axis) => axis < 0 ? axis + shape.length : axis);
  for (let i = 0; i < normal.length; i++) {
    if (
      !Number.isInteger(normal[i]) || normal[i] < 0 ||
      normal[i] >= shape.length
    ) {
      throw new RangeError(
        `Cannot ${what}: shape ${show(shape)} has no axis ${list[i]}`,
      );
    }
  }
  if (new Set(normal).size !== normal.length) {
    throw new RangeError(`Cannot ${what}: axis named twice in [${list}]`);
  }
  return normal.sort((a, b) => a - b);
}

// Leaves

/**
 * A named input of a program.
 *
 * @param name The name under which its value is passed.
 * @param shape Extent of each axis.
 * @param dtype Element type.
 * @returns The expression.
 * @throws {RangeError} If an extent is no integer of at least 0.
 */
export function input(
  name: string,
  shape: Shape,
  dtype: DType = "float",
): Tensor {
  requireShape(`make input ${name}`, shape);
  return new Tensor({ kind: "input", name }, [], [...shape], dtype);
}

/**
 * A constant: a number, or a host value.
 *
 * @param from A number, or a value whose array must not be changed afterwards.
 * @param dtype Element type of a number; a value has its own.
 * @returns The expression, of shape `[]` for a number.
 * @throws {RangeError} If the number is none of its type (int: an integer of 32
 * bits; bool: 0 or 1), or a value has not as many elements as its shape says.
 */
export function constant(
  from: number | Value,
  dtype: DType = "float",
): Tensor {
  if (typeof from !== "number") {
    if (from.data.length !== sizeOf(from.shape)) {
      throw new RangeError(
        `Cannot make a constant: ${describe(from)} needs ${
          sizeOf(from.shape)
        } elements, got ${from.data.length}`,
      );
    }
    return new Tensor(
      { kind: "constant", data: from.data },
      [],
      [...from.shape],
      from.dtype,
    );
  }
  const data = dtype === "float"
    ? Float64Array.of(from)
    : dtype === "int"
    ? Int32Array.of(from)
    : Uint8Array.of(from);
  // An int has no -0: it may become 0, but 0.5 may not.
  if (
    dtype !== "float" && (data[0] !== from || (dtype === "bool" && from > 1))
  ) {
    throw new RangeError(
      `Cannot make a constant: ${from} is not of type ${dtype}`,
    );
  }
  return new Tensor({ kind: "constant", data }, [], [], dtype);
}

/**
 * A tensor filled with one number.
 *
 * @param shape Extent of each axis.
 * @param number What every element is.
 * @param dtype Element type.
 * @returns The expression.
 * @throws {RangeError} If an extent is no integer of at least 0, or the number
 * is none of the type.
 */
export function fill(
  shape: Shape,
  number: number,
  dtype: DType = "float",
): Tensor {
  return broadcastTo(constant(number, dtype), shape);
}

/**
 * Indices along an axis: element [..., i, ...] is i.
 *
 * @param shape Extent of each axis.
 * @param axis The axis that counts.
 * @returns The expression, dtype int.
 * @throws {RangeError} If there is no such axis.
 */
export function iota(shape: Shape, axis: number): Tensor {
  requireShape("make iota", shape);
  const [normal] = normalAxes("make iota", shape, axis);
  return new Tensor({ kind: "iota", axis: normal }, [], [...shape], "int");
}

/**
 * Random integers in [0, 2^24), the same on every device; see `randomBits` in
 * `random.ts` for the numbers.
 *
 * @param shape Extent of each axis.
 * @param key The random key, int [2]: the run's seed and the step, say.
 * @param stream Keeps draws for different purposes apart.
 * @returns The expression, dtype int.
 * @throws {TypeError} If the key is not int [2].
 */
export function randomBitsTensor(
  shape: Shape,
  key: Tensor,
  stream: number,
): Tensor {
  requireShape("draw random bits", shape);
  if (key.dtype !== "int" || !sameShape(key.shape, [2])) {
    throw new TypeError(
      `Cannot draw random bits: the key must be int[2], got ${describe(key)}`,
    );
  }
  return new Tensor(
    { kind: "random-bits", stream: stream | 0 },
    [key],
    [...shape],
    "int",
  );
}

// Element-wise

function unary(kind: UnaryKind, x: TensorLike): Tensor {
  const tensor = typeof x === "number" ? constant(x) : x;
  if (kind !== "neg" && kind !== "abs" && kind !== "sign") {
    requireFloat(kind, tensor);
  } else if (tensor.dtype === "bool") {
    throw new TypeError(
      `Cannot ${kind}: operand must be float or int, got ${describe(tensor)}`,
    );
  }
  return new Tensor({ kind }, [tensor], tensor.shape, tensor.dtype);
}

/**
 * -x, element by element.
 *
 * @param x Float or int, any shape.
 * @returns Shape and type of x.
 * @throws {TypeError} If x is bool.
 */
export function neg(x: TensorLike): Tensor {
  return unary("neg", x);
}
/**
 * The absolute value, element by element.
 *
 * @param x Float or int, any shape.
 * @returns Shape and type of x.
 * @throws {TypeError} If x is bool.
 */
export function abs(x: TensorLike): Tensor {
  return unary("abs", x);
}
/**
 * -1, 0 or 1, element by element.
 *
 * @param x Float or int, any shape.
 * @returns Shape and type of x.
 * @throws {TypeError} If x is bool.
 */
export function sign(x: TensorLike): Tensor {
  return unary("sign", x);
}
/**
 * e^x, element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function exp(x: TensorLike): Tensor {
  return unary("exp", x);
}
/**
 * The natural logarithm, element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function log(x: TensorLike): Tensor {
  return unary("log", x);
}
/**
 * The square root, element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function sqrt(x: TensorLike): Tensor {
  return unary("sqrt", x);
}
/**
 * 1 / sqrt(x), element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function rsqrt(x: TensorLike): Tensor {
  return unary("rsqrt", x);
}
/**
 * The hyperbolic tangent, element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function tanh(x: TensorLike): Tensor {
  return unary("tanh", x);
}
/**
 * The error function 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function erf(x: TensorLike): Tensor {
  return unary("erf", x);
}
/**
 * The largest integer not above x, element by element.
 *
 * @param x Float, any shape.
 * @returns Float, shape of x.
 * @throws {TypeError} If x is not float.
 */
export function floor(x: TensorLike): Tensor {
  return unary("floor", x);
}

/**
 * The same numbers, taken for constants by derivatives: nothing flows through to x.
 * It costs nothing.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, gradients, mul, stopGradient } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(3);
 * const [gradient] = gradients(mul(x, stopGradient(x)), [x]);
 * assertEquals([...(await evaluate(gradient)).data], [3]);
 * ```
 *
 * @param x Any shape and type.
 * @returns Shape and type of x.
 */
export function stopGradient(x: Tensor): Tensor {
  return new Tensor({ kind: "stop-gradient" }, [x], x.shape, x.dtype);
}

/** Both operands as tensors of one shape and type. */
function together(
  what: string,
  a: TensorLike,
  b: TensorLike,
): [Tensor, Tensor] {
  const dtype = typeof a !== "number"
    ? a.dtype
    : typeof b !== "number"
    ? b.dtype
    : "float";
  const left = typeof a === "number" ? constant(a, dtype) : a;
  const right = typeof b === "number" ? constant(b, dtype) : b;
  if (left.dtype !== right.dtype) {
    throw new TypeError(
      `Cannot ${what}: operands must have one type, got ${describe(left)} and ${
        describe(right)
      }`,
    );
  }
  if (sameShape(left.shape, right.shape)) return [left, right];
  const rank = Math.max(left.shape.length, right.shape.length);
  const shape = range(rank).map((i) => {
    const l = left.shape[i - rank + left.shape.length] ?? 1;
    const r = right.shape[i - rank + right.shape.length] ?? 1;
    if (l !== r && l !== 1 && r !== 1) {
      throw new RangeError(
        `Cannot ${what}: shapes ${show(left.shape)} and ${
          show(right.shape)
        } do not broadcast`,
      );
    }
    return l === 1 ? r : l;
  });
  return [broadcastTo(left, shape), broadcastTo(right, shape)];
}

function binary(kind: BinaryKind, a: TensorLike, b: TensorLike): Tensor {
  const [left, right] = together(kind, a, b);
  if (
    left.dtype === "bool" ||
    (left.dtype === "int" && (kind === "div" || kind === "pow"))
  ) {
    throw new TypeError(
      `Cannot ${kind}: operands must be ${
        left.dtype === "bool" && kind !== "div" && kind !== "pow"
          ? "float or int"
          : "float"
      }, got ${describe(left)}`,
    );
  }
  return new Tensor({ kind }, [left, right], left.shape, left.dtype);
}

/**
 * a + b, broadcasting.
 *
 * @param a Float or int, any shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Of the same type, the common shape.
 * @throws {TypeError} If the types differ or are bool.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function add(a: TensorLike, b: TensorLike): Tensor {
  return binary("add", a, b);
}
/**
 * a - b, broadcasting.
 *
 * @param a Float or int, any shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Of the same type, the common shape.
 * @throws {TypeError} If the types differ or are bool.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function sub(a: TensorLike, b: TensorLike): Tensor {
  return binary("sub", a, b);
}
/**
 * a * b element by element, broadcasting.
 *
 * @param a Float or int, any shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Of the same type, the common shape.
 * @throws {TypeError} If the types differ or are bool.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function mul(a: TensorLike, b: TensorLike): Tensor {
  return binary("mul", a, b);
}
/**
 * a / b element by element, broadcasting.
 *
 * @param a Float, any shape.
 * @param b Float, a shape that broadcasts with a's.
 * @returns Float, the common shape.
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not broadcast.
 */
export function div(a: TensorLike, b: TensorLike): Tensor {
  return binary("div", a, b);
}
/**
 * The larger of a and b, broadcasting; NaN if either is. At a tie the gradient is b's.
 *
 * @param a Float or int, any shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Of the same type, the common shape.
 * @throws {TypeError} If the types differ or are bool.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function maximum(a: TensorLike, b: TensorLike): Tensor {
  return binary("max", a, b);
}
/**
 * The smaller of a and b, broadcasting; NaN if either is. At a tie the gradient is b's.
 *
 * @param a Float or int, any shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Of the same type, the common shape.
 * @throws {TypeError} If the types differ or are bool.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function minimum(a: TensorLike, b: TensorLike): Tensor {
  return binary("min", a, b);
}
/**
 * a to the power of b, broadcasting.
 *
 * @param a Float, any shape.
 * @param b Float, a shape that broadcasts with a's.
 * @returns Float, the common shape.
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not broadcast.
 */
export function pow(a: TensorLike, b: TensorLike): Tensor {
  return binary("pow", a, b);
}

function comparison(
  kind: ComparisonKind,
  a: TensorLike,
  b: TensorLike,
): Tensor {
  const [left, right] = together(kind, a, b);
  return new Tensor({ kind }, [left, right], left.shape, "bool");
}

/**
 * Whether a = b, broadcasting; false where either is NaN.
 *
 * @param a Any type and shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Bool, the common shape.
 * @throws {TypeError} If the types differ.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function equal(a: TensorLike, b: TensorLike): Tensor {
  return comparison("equal", a, b);
}
/**
 * Whether a < b, broadcasting; false where either is NaN.
 *
 * @param a Any type and shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Bool, the common shape.
 * @throws {TypeError} If the types differ.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function less(a: TensorLike, b: TensorLike): Tensor {
  return comparison("less", a, b);
}
/**
 * Whether a <= b, broadcasting; false where either is NaN.
 *
 * @param a Any type and shape.
 * @param b Of the same type, a shape that broadcasts with a's.
 * @returns Bool, the common shape.
 * @throws {TypeError} If the types differ.
 * @throws {RangeError} If the shapes do not broadcast, or a number is not of the
 * other operand's type.
 */
export function lessEqual(a: TensorLike, b: TensorLike): Tensor {
  return comparison("less-equal", a, b);
}

/**
 * a where the condition holds, else b; broadcasting.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, less, select, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([-1, 2]));
 * const relu = select(less(0, x), x, 0);
 * assertEquals([...(await evaluate(relu)).data], [0, 2]);
 * ```
 *
 * @param condition Bool, any shape.
 * @param a Any type, a shape that broadcasts.
 * @param b Of the type of a, a shape that broadcasts.
 * @returns Of the type of a, the common shape.
 * @throws {TypeError} If the condition is not bool, or a and b differ in type.
 * @throws {RangeError} If the shapes do not broadcast.
 */
export function select(
  condition: Tensor,
  a: TensorLike,
  b: TensorLike,
): Tensor {
  if (condition.dtype !== "bool") {
    throw new TypeError(
      `Cannot select: the condition must be bool, got ${describe(condition)}`,
    );
  }
  const [left, right] = together("select", a, b);
  const rank = Math.max(condition.shape.length, left.shape.length);
  const shape = range(rank).map((i) => {
    const c = condition.shape[i - rank + condition.shape.length] ?? 1;
    const l = left.shape[i - rank + left.shape.length] ?? 1;
    if (c !== l && c !== 1 && l !== 1) {
      throw new RangeError(
        `Cannot select: condition ${show(condition.shape)} and values ${
          show(left.shape)
        } do not broadcast`,
      );
    }
    return c === 1 ? l : c;
  });
  return new Tensor(
    { kind: "select" },
    [condition, left, right].map((t) => broadcastTo(t, shape)),
    shape,
    left.dtype,
  );
}

/**
 * The same numbers in another element type; towards int the fraction is cut off.
 *
 * @param x Any type and shape.
 * @param dtype The type of the result; towards bool, all but 0 is true.
 * @returns Shape of x; x itself where it has the type.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype
    ? x
    : new Tensor({ kind: "cast" }, [x], x.shape, dtype);
}

// Shape

/**
 * The same elements, row-major, in another shape. One extent may be -1 and is
 * worked out.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, reshape, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 4, 5, 6]));
 * assertEquals((await evaluate(reshape(x, [2, -1]))).shape, [2, 3]);
 * ```
 *
 * @param x Any type and shape.
 * @param shape The new extents, at most one of them -1.
 * @returns Type of x; x itself where it has the shape.
 * @throws {RangeError} If the number of elements differs.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const size = sizeOf(x.shape);
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const result = shape.map((extent) =>
    extent === -1 ? (known === 0 ? 0 : size / known) : extent
  );
  if (
    shape.filter((extent) => extent === -1).length > 1 ||
    !result.every((e) => Number.isInteger(e) && e >= 0) ||
    sizeOf(result) !== size
  ) {
    throw new RangeError(
      `Cannot reshape: ${show(x.shape)} has ${size} elements, ${
        show(shape)
      } does not`,
    );
  }
  return sameShape(result, x.shape)
    ? x
    : new Tensor({ kind: "reshape" }, [x], result, x.dtype);
}

/**
 * Axes in another order.
 *
 * @param x The tensor.
 * @param permutation Axis i of the result is axis `permutation[i]` of x; the
 * last two axes exchanged where it is not given. Negative axes count from the end.
 * @returns Type of x, the axes in the new order.
 * @throws {RangeError} If the permutation does not name each axis once.
 */
export function transpose(
  x: Tensor,
  permutation?: readonly number[],
): Tensor {
  const rank = x.shape.length;
  const named = permutation ?? [...range(rank - 2), rank - 1, rank - 2];
  if (named.length !== rank || (rank < 2 && !permutation)) {
    throw new RangeError(
      `Cannot transpose: permutation [${named}] does not fit shape ${
        show(x.shape)
      }`,
    );
  }
  normalAxes("transpose", x.shape, named);
  const order = named.map((axis) => axis < 0 ? axis + rank : axis);
  return new Tensor(
    { kind: "transpose", permutation: order },
    [x],
    order.map((axis) => x.shape[axis]),
    x.dtype,
  );
}

/**
 * Repeats a tensor to a shape, as NumPy broadcasts: axes are added in front,
 * extents of 1 are repeated.
 *
 * @param x Any type and shape.
 * @param shape The shape of the result.
 * @returns Type of x; x itself where it has the shape.
 * @throws {RangeError} If the shapes do not fit.
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  requireShape("broadcast", shape);
  if (sameShape(x.shape, shape)) return x;
  const added = shape.length - x.shape.length;
  const aligned = [...range(Math.max(added, 0)).map(() => 1), ...x.shape];
  if (
    added < 0 ||
    !aligned.every((extent, i) => extent === shape[i] || extent === 1)
  ) {
    throw new RangeError(
      `Cannot broadcast: shape ${show(x.shape)} does not fit ${show(shape)}`,
    );
  }
  const operand = reshape(x, aligned);
  return sameShape(aligned, shape)
    ? operand
    : new Tensor({ kind: "broadcast" }, [operand], [...shape], x.dtype);
}

/**
 * Part of a tensor: per axis the elements start, start + step, ... below end.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, slice, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([0, 10, 20, 30]));
 * assertEquals([...(await evaluate(slice(x, [1], [4], [2]))).data], [10, 30]);
 * ```
 *
 * @param x Any type and shape.
 * @param start First index, per axis.
 * @param end Where to stop, per axis: at least the start, at most the extent.
 * @param step Distance between elements, per axis; 1 where it is not given.
 * @returns Type of x, ceil((end - start) / step) elements per axis.
 * @throws {RangeError} If a bound is outside the axis or a step is below 1.
 */
export function slice(
  x: Tensor,
  start: readonly number[],
  end: readonly number[],
  step: readonly number[] = x.shape.map(() => 1),
): Tensor {
  const rank = x.shape.length;
  const fits = [start, end, step].every((list) => list.length === rank) &&
    x.shape.every((extent, i) =>
      [start[i], end[i], step[i]].every(Number.isInteger) && start[i] >= 0 &&
      start[i] <= end[i] && end[i] <= extent && step[i] >= 1
    );
  if (!fits) {
    throw new RangeError(
      `Cannot slice: start [${start}], end [${end}], step [${step}] do not fit shape ${
        show(x.shape)
      }`,
    );
  }
  return new Tensor(
    { kind: "slice", start: [...start], end: [...end], step: [...step] },
    [x],
    x.shape.map((_, i) => Math.ceil((end[i] - start[i]) / step[i])),
    x.dtype,
  );
}

/**
 * Puts a fill value around and between the elements.
 *
 * @param x The tensor.
 * @param low Cells added in front, per axis.
 * @param high Cells added behind, per axis.
 * @param interior Cells added between neighbours, per axis.
 * @param fillValue What the new cells hold, a number of x's type.
 * @returns Type of x; per axis low + extent + (extent - 1) interior + high.
 * @throws {RangeError} If a count is negative or their number is not the rank.
 */
export function pad(
  x: Tensor,
  low: readonly number[],
  high: readonly number[],
  interior: readonly number[] = x.shape.map(() => 0),
  fillValue = 0,
): Tensor {
  const lists = [low, high, interior];
  if (
    !lists.every((list) =>
      list.length === x.shape.length &&
      list.every((n) => Number.isInteger(n) && n >= 0)
    )
  ) {
    throw new RangeError(
      `Cannot pad: low [${low}], high [${high}], interior [${interior}] do not fit shape ${
        show(x.shape)
      }`,
    );
  }
  return new Tensor(
    {
      kind: "pad",
      low: [...low],
      high: [...high],
      interior: [...interior],
      fill: fillValue,
    },
    [x],
    x.shape.map((extent, i) =>
      low[i] + high[i] + extent + Math.max(extent - 1, 0) * interior[i]
    ),
    x.dtype,
  );
}

/**
 * Joins tensors along an axis.
 *
 * @param tensors At least one; all of one type and, but for the axis, one shape.
 * @param axis The axis along which they follow each other; negative from the end.
 * @returns Of their type; along the axis as long as all of them together.
 * @throws {TypeError} If the types differ.
 * @throws {RangeError} If there are none, or another axis differs in extent.
 */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) {
    throw new RangeError("Cannot concat: at least one tensor is needed, got 0");
  }
  const [first] = tensors;
  const [normal] = normalAxes("concat", first.shape, axis);
  for (const tensor of tensors) {
    if (tensor.dtype !== first.dtype) {
      throw new TypeError(
        `Cannot concat: operands must have one type, got ${
          describe(first)
        } and ${describe(tensor)}`,
      );
    }
    const fits = tensor.shape.length === first.shape.length &&
      tensor.shape.every((e, i) => i === normal || e === first.shape[i]);
    if (!fits) {
      throw new RangeError(
        `Cannot concat along axis ${normal}: ${first.dtype}${
          show(first.shape)
        } and ${tensor.dtype}${show(tensor.shape)} do not fit`,
      );
    }
  }
  if (tensors.length === 1) return first;
  const shape = [...first.shape];
  shape[normal] = tensors.reduce((sum, t) => sum + t.shape[normal], 0);
  return new Tensor(
    { kind: "concat", axis: normal },
    [...tensors],
    shape,
    first.dtype,
  );
}

/**
 * The elements of some axes in the opposite order.
 *
 * @param x Any type and shape.
 * @param axes The axes to turn round.
 * @returns Shape and type of x.
 * @throws {RangeError} If there is no such axis, or one is named twice.
 */
export function reverse(
  x: Tensor,
  axes: number | readonly number[],
): Tensor {
  const normal = normalAxes("reverse", x.shape, axes);
  return new Tensor({ kind: "reverse", axes: normal }, [x], x.shape, x.dtype);
}

// Reductions

/** How a reduction names its axes: all of them where none are given. */
export type Axes = number | readonly number[] | undefined;

/** Options of a reduction. */
export interface ReductionOptions {
  /** Leave the reduced axes in place with extent 1; false by default. */
  readonly keepAxes?: boolean;
}

function reduce(
  kind: "sum" | "reduce-max",
  x: Tensor,
  axes: Axes,
  options: ReductionOptions,
): Tensor {
  const normal = axes === undefined
    ? range(x.shape.length)
    : normalAxes(kind === "sum" ? "sum" : "max", x.shape, axes);
  const kept = x.shape.map((extent, i) => normal.includes(i) ? 1 : extent);
  const reduced = normal.length === 0
    ? x
    : new Tensor({ kind, axes: normal }, [x], kept, x.dtype);
  return options.keepAxes ? reduced : dropAxes(reduced, normal);
}

function dropAxes(x: Tensor, axes: readonly number[]): Tensor {
  return reshape(x, x.shape.filter((_, i) => !axes.includes(i)));
}

/**
 * The sum over some axes; 0 over none.
 *
 * @example The sum of each row
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, sum, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 4], [2, 2]));
 * assertEquals([...(await evaluate(sum(x, 1))).data], [3, 7]);
 * ```
 *
 * @param x Float or int, any shape.
 * @param axes The axes to add up; all where none are given.
 * @param options Whether the axes stay, with extent 1.
 * @returns Type of x, without the axes.
 * @throws {TypeError} If x is bool.
 * @throws {RangeError} If there is no such axis, or one is named twice.
 */
export function sum(
  x: Tensor,
  axes?: Axes,
  options: ReductionOptions = {},
): Tensor {
  if (x.dtype === "bool") {
    throw new TypeError(
      `Cannot sum: operand must be float or int, got ${describe(x)}`,
    );
  }
  return reduce("sum", x, axes, options);
}

/**
 * The largest element over some axes. Its gradient goes to the first of equal
 * ones.
 *
 * @param x Float, any shape.
 * @param axes The axes to reduce; all where none are given.
 * @param options Whether the axes stay, with extent 1.
 * @returns Float, without the axes; NaN where an element is NaN.
 * @throws {TypeError} If x is not float.
 * @throws {RangeError} If a reduced axis is empty, or there is no such axis.
 */
export function max(
  x: Tensor,
  axes?: Axes,
  options: ReductionOptions = {},
): Tensor {
  requireFloat("max", x);
  const reduced = reduce("reduce-max", x, axes, options);
  if (sizeOf(x.shape) === 0 && sizeOf(reduced.shape) > 0) {
    throw new RangeError(
      `Cannot max: shape ${show(x.shape)} has an empty axis to reduce`,
    );
  }
  return reduced;
}

/**
 * The index of the first largest element along an axis. NaN compares as false: it
 * is chosen only where it comes first.
 *
 * @param x Any type and shape.
 * @param axis The axis; the last by default.
 * @param options Whether the axis stays, with extent 1.
 * @returns Int, without the axis.
 * @throws {RangeError} If the axis is empty, or there is no such axis.
 */
export function argmax(
  x: Tensor,
  axis = -1,
  options: ReductionOptions = {},
): Tensor {
  const [normal] = normalAxes("argmax", x.shape, axis);
  const kept = x.shape.map((extent, i) => i === normal ? 1 : extent);
  if (sizeOf(x.shape) === 0 && sizeOf(kept) > 0) {
    throw new RangeError(
      `Cannot argmax: shape ${show(x.shape)} has an empty axis ${normal}`,
    );
  }
  const indices = new Tensor(
    { kind: "argmax", axis: normal },
    [x],
    kept,
    "int",
  );
  return options.keepAxes ? indices : dropAxes(indices, [normal]);
}

// Contractions

/**
 * The matrix product of the last two axes, for each index of the axes before.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, matmul, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const a = constant(value([1, 2, 3, 4], [2, 2]));
 * const b = constant(value([1, 10], [2, 1]));
 * assertEquals([...(await evaluate(matmul(a, b))).data], [21, 43]);
 * ```
 *
 * @param a Float [..., M, K].
 * @param b Float [..., K, N], the axes before as in a.
 * @returns Float [..., M, N].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  requireFloat("matmul", a, b);
  const rank = a.shape.length;
  if (
    rank < 2 || b.shape.length !== rank ||
    !sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) ||
    a.shape[rank - 1] !== b.shape[rank - 2]
  ) {
    throw new RangeError(
      `Cannot matmul: shapes ${show(a.shape)} and ${show(b.shape)} do not fit`,
    );
  }
  return new Tensor(
    { kind: "matmul" },
    [a, b],
    [...a.shape.slice(0, -1), b.shape[rank - 1]],
    "float",
  );
}

/** Number of positions a window takes along an axis. */
function positions(
  what: string,
  extent: number,
  kernel: number,
  geometry: WindowGeometry,
  axis: 0 | 1,
): number {
  const stride = geometry.stride[axis];
  const padding = geometry.padding[axis];
  const dilation = geometry.dilation[axis];
  const whole = [stride, padding, dilation, kernel].every(Number.isInteger);
  if (!whole || stride < 1 || padding < 0 || dilation < 1 || kernel < 1) {
    throw new RangeError(
      `Cannot ${what}: kernel, stride and dilation must be integers of at least 1 and padding of at least 0, got kernel ${kernel}, stride ${stride}, dilation ${dilation}, padding ${padding}`,
    );
  }
  const reach = dilation * (kernel - 1) + 1;
  if (extent + 2 * padding < reach) {
    throw new RangeError(
      `Cannot ${what}: a kernel that reaches over ${reach} cells does not fit ${extent} cells with padding ${padding}`,
    );
  }
  return Math.floor((extent + 2 * padding - reach) / stride) + 1;
}

// A node keeps a copy of its geometry, with no other fields and in one order:
// so it cannot change, and equal ones read alike.
const ownWindow = ({ stride, padding, dilation }: WindowGeometry) => ({
  stride: [...stride] as const,
  padding: [...padding] as const,
  dilation: [...dilation] as const,
});
const ownConvolution = (geometry: ConvolutionGeometry) => ({
  ...ownWindow(geometry),
  groups: geometry.groups,
});

/** Shape of the output of a convolution; throws where operands do not fit. */
function convolutionShape(
  what: string,
  x: Shape,
  w: Shape,
  geometry: ConvolutionGeometry,
): Shape {
  const { groups } = geometry;
  if (
    x.length !== 4 || w.length !== 4 || !Number.isInteger(groups) ||
    groups < 1 || x[1] !== w[1] * groups || w[0] % groups !== 0
  ) {
    throw new RangeError(
      `Cannot ${what}: input ${show(x)} and kernel ${
        show(w)
      } do not fit with ${groups} groups`,
    );
  }
  return [
    x[0],
    w[0],
    positions(what, x[2], w[2], geometry, 0),
    positions(what, x[3], w[3], geometry, 1),
  ];
}

/**
 * Two-dimensional convolution (cross-correlation) with zero padding:
 * y[n, o, p] = sum over c, k of w[o, c, k] * x[n, c, stride * p + dilation * k - padding].
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, conv, fill, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const x = constant(value([1, 2, 3, 4], [1, 1, 2, 2]));
 * const y = conv(x, fill([1, 1, 2, 2], 1), {
 *   stride: [1, 1],
 *   padding: [0, 0],
 *   dilation: [1, 1],
 *   groups: 1,
 * });
 * assertEquals([...(await evaluate(y)).data], [10]);
 * ```
 *
 * @param x Float [N, C, H, W].
 * @param w Float [O, C / groups, kh, kw].
 * @param geometry Stride, padding, dilation, groups.
 * @returns Float [N, O, OH, OW].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function conv(
  x: Tensor,
  w: Tensor,
  geometry: ConvolutionGeometry,
): Tensor {
  requireFloat("conv", x, w);
  return new Tensor(
    { kind: "conv", geometry: ownConvolution(geometry) },
    [x, w],
    convolutionShape("conv", x.shape, w.shape, geometry),
    "float",
  );
}

/**
 * The gradient of a convolution with respect to its input.
 *
 * @param dy Float [N, O, OH, OW], the gradient at the output.
 * @param w Float [O, C / groups, kh, kw].
 * @param inputShape Shape [N, C, H, W] of the input.
 * @param geometry Geometry of the convolution.
 * @returns Float [N, C, H, W].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function convInputGradient(
  dy: Tensor,
  w: Tensor,
  inputShape: Shape,
  geometry: ConvolutionGeometry,
): Tensor {
  requireFloat("conv-input-gradient", dy, w);
  const what = "conv-input-gradient";
  requireShape(what, inputShape);
  const shape = convolutionShape(what, inputShape, w.shape, geometry);
  requireOutput(what, dy, shape);
  return new Tensor(
    { kind: what, geometry: ownConvolution(geometry) },
    [dy, w],
    [...inputShape],
    "float",
  );
}

/**
 * The gradient of a convolution with respect to its kernel.
 *
 * @param x Float [N, C, H, W], the input.
 * @param dy Float [N, O, OH, OW], the gradient at the output.
 * @param kernelShape Shape [O, C / groups, kh, kw] of the kernel.
 * @param geometry Geometry of the convolution.
 * @returns Float [O, C / groups, kh, kw].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function convKernelGradient(
  x: Tensor,
  dy: Tensor,
  kernelShape: Shape,
  geometry: ConvolutionGeometry,
): Tensor {
  requireFloat("conv-kernel-gradient", x, dy);
  const what = "conv-kernel-gradient";
  requireShape(what, kernelShape);
  const shape = convolutionShape(what, x.shape, kernelShape, geometry);
  requireOutput(what, dy, shape);
  return new Tensor(
    { kind: what, geometry: ownConvolution(geometry) },
    [x, dy],
    [...kernelShape],
    "float",
  );
}

function requireOutput(what: string, dy: Tensor, shape: Shape): void {
  if (!sameShape(dy.shape, shape)) {
    throw new RangeError(
      `Cannot ${what}: the output is ${show(shape)}, the gradient there ${
        show(dy.shape)
      }`,
    );
  }
}

/** Shape of the windows over an image. */
function windowsShape(
  what: string,
  x: Shape,
  kernel: Pair,
  geometry: WindowGeometry,
): Shape {
  if (x.length !== 4) {
    throw new RangeError(
      `Cannot ${what}: the image must be [N, C, H, W], got ${show(x)}`,
    );
  }
  return [
    x[0],
    x[1],
    kernel[0],
    kernel[1],
    positions(what, x[2], kernel[0], geometry, 0),
    positions(what, x[3], kernel[1], geometry, 1),
  ];
}

/**
 * The windows a kernel sees: for pooling, and for the patches of a
 * convolution's Kronecker factors.
 *
 * @param x Float [N, C, H, W].
 * @param kernel Height and width of a window.
 * @param geometry Stride, padding, dilation.
 * @param fillValue What a window holds outside the image.
 * @returns Float [N, C, kh, kw, OH, OW].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function windows(
  x: Tensor,
  kernel: Pair,
  geometry: WindowGeometry,
  fillValue = 0,
): Tensor {
  requireFloat("take windows", x);
  return new Tensor(
    {
      kind: "windows",
      kernel: [kernel[0], kernel[1]],
      geometry: ownWindow(geometry),
      fill: fillValue,
    },
    [x],
    windowsShape("take windows", x.shape, kernel, geometry),
    "float",
  );
}

/**
 * The adjoint of `windows`: adds each element back to the cell it came from.
 *
 * @param y Float [N, C, kh, kw, OH, OW].
 * @param imageShape Shape [N, C, H, W] of the image.
 * @param geometry Stride, padding, dilation.
 * @returns Float [N, C, H, W].
 * @throws {TypeError} If an operand is not float.
 * @throws {RangeError} If the shapes do not fit.
 */
export function foldWindows(
  y: Tensor,
  imageShape: Shape,
  geometry: WindowGeometry,
): Tensor {
  requireFloat("fold windows", y);
  requireShape("fold windows", imageShape);
  const kernel: Pair = [y.shape[2], y.shape[3]];
  const fits = y.shape.length === 6 && sameShape(
    y.shape,
    windowsShape("fold windows", imageShape, kernel, geometry),
  );
  if (!fits) {
    throw new RangeError(
      `Cannot fold windows: windows ${show(y.shape)} do not fit image ${
        show(imageShape)
      }`,
    );
  }
  return new Tensor(
    { kind: "fold-windows", kernel, geometry: ownWindow(geometry) },
    [y],
    [...imageShape],
    "float",
  );
}

// Indexing

function requireIndices(what: string, indices: Tensor): void {
  if (indices.dtype !== "int") {
    throw new TypeError(
      `Cannot ${what}: indices must be int, got ${describe(indices)}`,
    );
  }
}

/**
 * Rows of a table. An index outside the table is an error when it is met.
 *
 * @example
 * ```ts
 * import { evaluate } from "@adafisher/adafisher";
 * import { constant, intValue, takeRows, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const table = constant(value([1, 2, 3, 4], [2, 2]));
 * const rows = takeRows(table, constant(intValue([1, 1])));
 * assertEquals([...(await evaluate(rows)).data], [3, 4, 3, 4]);
 * ```
 *
 * @param table Float [V, D].
 * @param indices Int, any shape [...].
 * @returns Float [..., D].
 * @throws {TypeError} If the rows are not float, or the indices not int.
 * @throws {RangeError} If the table is no matrix.
 */
export function takeRows(table: Tensor, indices: Tensor): Tensor {
  requireFloat("take rows", table);
  requireIndices("take rows", indices);
  if (table.shape.length !== 2) {
    throw new RangeError(
      `Cannot take rows: the table must be [V, D], got ${show(table.shape)}`,
    );
  }
  const flat = reshape(indices, [sizeOf(indices.shape)]);
  const rows = new Tensor(
    { kind: "take-rows" },
    [table, flat],
    [flat.shape[0], table.shape[1]],
    "float",
  );
  return reshape(rows, [...indices.shape, table.shape[1]]);
}

/**
 * The adjoint of `takeRows`: adds rows into a table of zeros, in order.
 *
 * @param rows Float [N, D].
 * @param indices Int [N], each in [0, count).
 * @param count Number of rows V of the table.
 * @returns Float [V, D].
 * @throws {TypeError} If the rows are not float, or the indices not int.
 * @throws {RangeError} If the shapes do not fit.
 */
export function scatterAddRows(
  rows: Tensor,
  indices: Tensor,
  count: number,
): Tensor {
  requireFloat("scatter-add rows", rows);
  requireIndices("scatter-add rows", indices);
  requireShape("scatter-add rows", [count]);
  if (
    rows.shape.length !== 2 || !sameShape(indices.shape, [rows.shape[0]])
  ) {
    throw new RangeError(
      `Cannot scatter-add rows: rows ${show(rows.shape)} and indices ${
        show(indices.shape)
      } do not fit`,
    );
  }
  return new Tensor(
    { kind: "scatter-add-rows" },
    [rows, indices],
    [count, rows.shape[1]],
    "float",
  );
}

/**
 * Whether an operation works element by element on operands of its own shape.
 *
 * @param operation The operation.
 * @returns True for the unary, binary and comparison kinds, select and cast.
 */
export function isElementwise(operation: Operation): boolean {
  return ELEMENTWISE.has(operation.kind);
}

const ELEMENTWISE: ReadonlySet<string> = new Set([
  ...["neg", "abs", "sign", "exp", "log", "sqrt", "rsqrt", "tanh", "erf"],
  ...["floor", "add", "sub", "mul", "div", "max", "min", "pow"],
  ...["equal", "less", "less-equal", "select", "cast"],
]);
