/**
 * The tensor: an immutable expression. It names an operation and its operands,
 * and knows its shape and element type; it holds no numbers. A device evaluates
 * it, once through `evaluate`, or many times in a compiled program.
 *
 * @module
 */

import type { Data, DType, Shape } from "./value.ts";

/** Element-wise operations of one operand. */
export type UnaryKind =
  | "neg"
  | "abs"
  | "sign"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "tanh"
  | "erf"
  | "floor";

/** Element-wise operations of two operands of the same shape and type. */
export type BinaryKind = "add" | "sub" | "mul" | "div" | "max" | "min" | "pow";

/** Element-wise comparisons of two operands of the same shape and type. */
export type ComparisonKind = "equal" | "less" | "less-equal";

/** Two numbers for height and width. */
export type Pair = readonly [number, number];

/** How a kernel slides over an image. */
export interface WindowGeometry {
  /** Distance between neighbouring positions, per axis. */
  readonly stride: Pair;
  /** Cells added on both sides, per axis. */
  readonly padding: Pair;
  /** Distance between the cells a kernel touches, per axis. */
  readonly dilation: Pair;
}

/** Geometry of a convolution. */
export interface ConvolutionGeometry extends WindowGeometry {
  /** Number of independent blocks the channels are cut into. */
  readonly groups: number;
}

/**
 * What a node computes, with the attributes that are part of its meaning. The
 * set is closed: every device runs all of them, everything else is written in
 * them.
 *
 * | kind | operands -> result |
 * | --- | --- |
 * | `input` | -> what the caller passes under this name |
 * | `constant` | -> the numbers given here |
 * | `iota` | -> int, each element its index along `axis` |
 * | `random-bits` | key int [2] -> int in [0, 2^24), see `randomBits` |
 * | unary, binary, comparison | element by element; comparisons give bool |
 * | `stop-gradient` | -> the operand, flat for derivatives; no program has it |
 * | `select` | condition bool, a, b -> a where true, else b |
 * | `cast` | -> the same numbers in another type; towards int, truncated |
 * | `reshape` | -> the same elements in row-major order |
 * | `transpose` | -> axis i is the operand's axis `permutation[i]` |
 * | `broadcast` | same rank; extents of 1 are repeated |
 * | `slice` | elements `start, start + step, ...` below `end`, per axis |
 * | `pad` | `fill` around (`low`, `high`) and between (`interior`) the elements, per axis |
 * | `concat` | operands one after another along `axis` |
 * | `reverse` | axes turned round |
 * | `sum`, `reduce-max` | over `axes`, which stay with extent 1 |
 * | `argmax` | index (int) of the first largest element along `axis`, which stays with extent 1 |
 * | `matmul` | [..., M, K] x [..., K, N] -> [..., M, N] |
 * | `conv` | x [N, C, H, W], w [O, C / groups, kh, kw] -> y [N, O, OH, OW]; zero padding |
 * | `conv-input-gradient` | dy, w -> dx |
 * | `conv-kernel-gradient` | x, dy -> dw |
 * | `windows` | [N, C, H, W] -> [N, C, kh, kw, OH, OW], `fill` where a window leaves the image |
 * | `fold-windows` | the adjoint: each element is added back to the cell it came from |
 * | `take-rows` | table [V, D], indices int [N] -> [N, D] |
 * | `scatter-add-rows` | rows [N, D], indices int [N] -> [V, D]; rows of equal index are added in order |
 */
export type Operation =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "constant"; readonly data: Data }
  | { readonly kind: "iota"; readonly axis: number }
  | { readonly kind: "random-bits"; readonly stream: number }
  | { readonly kind: UnaryKind | BinaryKind | ComparisonKind }
  | { readonly kind: "stop-gradient" | "select" | "cast" }
  | { readonly kind: "reshape" | "broadcast" | "matmul" }
  | { readonly kind: "transpose"; readonly permutation: readonly number[] }
  | {
    readonly kind: "slice";
    readonly start: readonly number[];
    readonly end: readonly number[];
    readonly step: readonly number[];
  }
  | {
    readonly kind: "pad";
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly interior: readonly number[];
    readonly fill: number;
  }
  | { readonly kind: "concat" | "argmax"; readonly axis: number }
  | {
    readonly kind: "reverse" | "sum" | "reduce-max";
    readonly axes: readonly number[];
  }
  | {
    readonly kind: "conv" | "conv-input-gradient" | "conv-kernel-gradient";
    readonly geometry: ConvolutionGeometry;
  }
  | {
    readonly kind: "windows";
    readonly kernel: Pair;
    readonly geometry: WindowGeometry;
    readonly fill: number;
  }
  | {
    readonly kind: "fold-windows";
    readonly kernel: Pair;
    readonly geometry: WindowGeometry;
  }
  | { readonly kind: "take-rows" | "scatter-add-rows" };

/** Shape and element type: what is known of a tensor before any number is. */
export interface Spec {
  /** Extent of each axis. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
}

let written = 0;

/**
 * An immutable expression: an operation over other tensors. Make tensors with
 * the functions of this module (`add`, `matmul`, ...), not with `new`.
 */
export class Tensor implements Spec {
  /** What this node computes. */
  readonly operation: Operation;
  /** What it computes it from. */
  readonly operands: readonly Tensor[];
  /** Extent of each axis. */
  readonly shape: Shape;
  /** Element type. */
  readonly dtype: DType;
  /**
   * Place in the order in which tensors were written. Operands are always
   * written first, so a program runs its nodes in this order.
   */
  readonly serial: number;

  /**
   * Makes a node without checking that operands, shape and type fit.
   *
   * @param operation What this node computes.
   * @param operands What it computes it from.
   * @param shape Extent of each axis.
   * @param dtype Element type.
   */
  constructor(
    operation: Operation,
    operands: readonly Tensor[],
    shape: Shape,
    dtype: DType,
  ) {
    this.operation = operation;
    this.operands = operands;
    this.shape = shape;
    this.dtype = dtype;
    this.serial = written++;
  }

  /** The operation with type and shape, such as `matmul float[3, 4]`. */
  toString(): string {
    return `${this.operation.kind} ${this.dtype}[${this.shape.join(", ")}]`;
  }

  /** Shows `toString()` where the console would list every operand. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/** A tensor, or a number that becomes a constant of the other operand's type. */
export type TensorLike = Tensor | number;
