/**
 * The linear layer z = W h + b, and its Kronecker factors.
 *
 * With N rows (the input flattened over all axes but the last), B samples (the
 * first axis), h a row of the input with a 1 appended where there is a bias, and
 * s the derivative of the mean loss at that row's output:
 *
 * | | H | S |
 * | --- | --- | --- |
 * | paper (A.3) | mean over the rows of h h^T | mean over the rows of (B s)(B s)^T |
 * | official | the same | mean over the rows of s s^T |
 *
 * B s is the derivative of one sample's own loss. So in the paper's form H (x) S
 * is the Fisher block itself where inputs and derivatives are independent.
 *
 * @module
 */

import { square } from "../tensor/functions.ts";
import {
  add,
  matmul,
  mul,
  reshape,
  sum,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  fromContext,
  kroneckerLayer,
  requireFloatInput,
  requireName,
  requireStatistics,
  requireWhole,
  show,
} from "./checks.ts";
import {
  type Initializer,
  kaimingUniform,
  parameterSpec,
  uniform,
} from "./initializers.ts";
import {
  append,
  gram,
  layOut,
  requireDiagonals,
  sampleScale,
  withOnes,
} from "./kronecker.ts";
import type {
  FactorForm,
  Factors,
  KroneckerLayer,
  ParameterSpec,
  Statistics,
} from "./layer.ts";

/** Options of {@linkcode linear}. */
export interface LinearOptions {
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** First weights; PyTorch's default where not given. */
  readonly initial?: Initializer;
  /** First biases; U(-1 / sqrt(in), 1 / sqrt(in)) where not given. */
  readonly biasInitial?: Initializer;
}

/**
 * A linear layer over the last axis: z[..., o] = sum_j W[o, j] h[..., j] + b[o].
 * Parameters `<name>.weight` [out, in] and `<name>.bias` [out].
 *
 * @example
 * ```ts
 * import { constants, linear } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 2, 1);
 * const parameters = constants({
 *   "fc.weight": value([3, 4], [1, 2]),
 *   "fc.bias": value([5]),
 * });
 * const x = constant(value([1, 2], [1, 2]));
 * const { output } = fc.forward(x, { parameters, buffers: {}, training: true });
 * assertEquals([...(await evaluate(output)).data], [16]);
 * ```
 *
 * @param name Full name.
 * @param inFeatures Extent of the input's last axis.
 * @param outFeatures Extent of the output's last axis.
 * @param options Bias and first values.
 * @returns The layer; its input is float [B, ..., in], its output [B, ..., out].
 * @throws {RangeError} If a number of features is no whole number of at least 1.
 */
export function linear(
  name: string,
  inFeatures: number,
  outFeatures: number,
  options: LinearOptions = {},
): KroneckerLayer {
  const title = `linear layer ${name}`;
  requireName("linear", name);
  requireWhole(title, "features", [inFeatures, outFeatures]);
  const { bias = true, initial = kaimingUniform } = options;
  const { biasInitial = uniform(1 / Math.sqrt(inFeatures)) } = options;
  const weightName = `${name}.weight`, biasName = `${name}.bias`;
  const weightShape = [outFeatures, inFeatures];
  const parameters: Record<string, ParameterSpec> = {
    [weightName]: parameterSpec(weightName, weightShape, initial),
  };
  if (bias) {
    parameters[biasName] = parameterSpec(biasName, [outFeatures], biasInitial);
  }
  const shapes = { h: [inFeatures + (bias ? 1 : 0)], s: [outFeatures] };

  const rowsOf = (x: Tensor): Tensor =>
    reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);

  function requireInput(x: Tensor): void {
    requireFloatInput(title, x);
    if (x.shape.length < 2) {
      throw new RangeError(
        `Cannot apply ${title}: input must be [B, ..., ${inFeatures}], got ${
          show(x.shape)
        }`,
      );
    }
    if (x.shape.at(-1) !== inFeatures) {
      throw new RangeError(
        `Cannot apply ${title}: input has ${
          x.shape.at(-1)
        } features, weight expects ${inFeatures}`,
      );
    }
  }

  /** Rows of input and derivative, and the square of the derivative's scale. */
  function rows(
    statistics: Statistics,
    form: FactorForm,
  ): { h: Tensor; s: Tensor; count: number; scale: number } {
    const { input, derivative } = statistics;
    requireInput(input);
    const output = [...input.shape.slice(0, -1), outFeatures];
    requireStatistics(title, statistics, output);
    const h = rowsOf(input);
    const scale = sampleScale(input.shape[0], form);
    return { h, s: rowsOf(derivative), count: h.shape[0], scale };
  }

  const layer: KroneckerLayer = kroneckerLayer({
    name,
    description: `linear ${name}(${inFeatures} -> ${outFeatures}${
      bias ? "" : ", no bias"
    })`,
    parameters,
    buffers: {},
    forward(x, context) {
      requireInput(x);
      const take = (parameter: string): Tensor =>
        fromContext(title, context, "parameters", parameters, parameter);
      const product = matmul(rowsOf(x), transpose(take(weightName)));
      const output = reshape(
        bias ? add(product, take(biasName)) : product,
        [...x.shape.slice(0, -1), outFeatures],
      );
      return { output, uses: [{ layer, input: x, output }], buffers: {} };
    },
    factorShapes: () => shapes,
    diagonals(statistics, form): Factors {
      const { h, s, count, scale } = rows(statistics, form);
      const squares = mul(sum(square(h), 0), 1 / count);
      return {
        h: bias ? append(squares, 1) : squares,
        s: mul(sum(square(s), 0), scale / count),
      };
    },
    factors(statistics, form): Factors {
      const { h, s, count, scale } = rows(statistics, form);
      return {
        h: gram(bias ? withOnes(h) : h, count),
        s: gram(s, count / scale),
      };
    },
    kroneckerDiagonal(diagonals) {
      requireDiagonals(title, diagonals, shapes);
      return layOut(name, weightShape, bias, diagonals);
    },
  });
  return layer;
}
