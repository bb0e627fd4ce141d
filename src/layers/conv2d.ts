/**
 * The two-dimensional convolution, and its Kronecker factors.
 *
 * h is the patch that the kernel sees at an output position, flattened as
 * [in / groups, kh, kw]: P numbers, and a 1 where there is a bias. The patches of
 * all groups are pooled, so there are B * G * L of them for B samples, G groups
 * and L positions. s is the derivative of the mean loss at an output position.
 *
 * | | H | S |
 * | --- | --- | --- |
 * | paper (A.3) | mean over all patches of h h^T | mean over samples and positions of (B s)(B s)^T |
 * | official | sum over all patches of h h^T / (B L P), the patches always those of dilation 1 (and L their number of positions) | mean over samples and positions of s s^T |
 *
 * @module
 */

import { square } from "../tensor/functions.ts";
import {
  add,
  conv,
  div,
  matmul,
  mul,
  reshape,
  sum,
  transpose,
  windows,
} from "../tensor/operations.ts";
import type {
  ConvolutionGeometry,
  Pair,
  Tensor,
  WindowGeometry,
} from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  fromContext,
  kroneckerLayer,
  pairOf,
  requireImages,
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
import { append, layOut, requireDiagonals, sampleScale } from "./kronecker.ts";
import type {
  FactorForm,
  Factors,
  KroneckerLayer,
  ParameterSpec,
  Statistics,
} from "./layer.ts";
import { patchMoments } from "./patch_moments.ts";

/** Options of {@linkcode conv2d}; a single number counts for both axes. */
export interface Conv2dOptions {
  /** Distance between neighbouring positions; 1 by default. */
  readonly stride?: number | Pair;
  /** Zeros added on both sides; 0 by default. */
  readonly padding?: number | Pair;
  /** Distance between the cells that the kernel touches; 1 by default. */
  readonly dilation?: number | Pair;
  /** Number of independent blocks of channels; 1 by default. */
  readonly groups?: number;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** First weights; PyTorch's default where not given. */
  readonly initial?: Initializer;
}

/**
 * A two-dimensional convolution with zero padding. Parameters `<name>.weight`
 * [out, in / groups, kh, kw] and `<name>.bias` [out].
 *
 * @example
 * ```ts
 * import { constants, conv2d } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const conv = conv2d("conv", 1, 1, [1, 2], { bias: false });
 * const parameters = constants({ "conv.weight": value([1, 10], [1, 1, 1, 2]) });
 * const x = constant(value([1, 2, 3], [1, 1, 1, 3]));
 * const { output } = conv.forward(x, { parameters, buffers: {}, training: true });
 * assertEquals([...(await evaluate(output)).data], [21, 32]);
 * ```
 *
 * @param name Full name.
 * @param inChannels Channels of the input.
 * @param outChannels Channels of the output.
 * @param kernel Height and width of the kernel.
 * @param options Stride, padding, dilation, groups, bias, first weights.
 * @returns The layer; float [B, in, H, W] -> [B, out, OH, OW].
 * @throws {RangeError} If a number is out of its range, or the groups do not divide the channels.
 */
export function conv2d(
  name: string,
  inChannels: number,
  outChannels: number,
  kernel: number | Pair,
  options: Conv2dOptions = {},
): KroneckerLayer {
  const title = `conv2d layer ${name}`;
  requireName("conv2d", name);
  const { groups = 1, bias = true, initial = kaimingUniform } = options;
  requireWhole(title, "channels and groups", [inChannels, outChannels, groups]);
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `Cannot build ${title}: ${groups} groups must divide ${inChannels} input and ${outChannels} output channels`,
    );
  }
  const [kh, kw] = pairOf(title, "kernel", kernel);
  const geometry: ConvolutionGeometry = Object.freeze({
    stride: pairOf(title, "stride", options.stride ?? 1),
    padding: pairOf(title, "padding", options.padding ?? 0, 0),
    dilation: pairOf(title, "dilation", options.dilation ?? 1),
    groups,
  });
  const groupChannels = inChannels / groups;
  const patch = groupChannels * kh * kw;
  const weightName = `${name}.weight`, biasName = `${name}.bias`;
  const weightShape = [outChannels, groupChannels, kh, kw];
  const parameters: Record<string, ParameterSpec> = {
    [weightName]: parameterSpec(weightName, weightShape, initial),
  };
  if (bias) {
    parameters[biasName] = parameterSpec(
      biasName,
      [outChannels],
      uniform(1 / Math.sqrt(patch)),
    );
  }
  const shapes = { h: [patch + (bias ? 1 : 0)], s: [outChannels] };

  function requireInput(x: Tensor): void {
    requireImages(title, x);
    if (x.shape[1] !== inChannels) {
      throw new RangeError(
        `Cannot apply ${title}: input has ${
          x.shape[1]
        } channels, weight expects ${inChannels}`,
      );
    }
    for (const axis of [0, 1]) {
      const reach = geometry.dilation[axis] * ([kh, kw][axis] - 1) + 1;
      if (x.shape[2 + axis] + 2 * geometry.padding[axis] < reach) {
        throw new RangeError(
          `Cannot apply ${title}: the kernel reaches over ${reach} cells, input ${
            show(x.shape)
          } with padding ${geometry.padding[axis]} has fewer`,
        );
      }
    }
  }

  /** Number of output positions along an axis of the input. */
  function outputExtent(extent: number, axis: 0 | 1): number {
    const reach = geometry.dilation[axis] * ([kh, kw][axis] - 1) + 1;
    return Math.floor(
      (extent + 2 * geometry.padding[axis] - reach) / geometry.stride[axis],
    ) + 1;
  }

  function requireFit(statistics: Statistics): void {
    const { input } = statistics;
    requireInput(input);
    const height = outputExtent(input.shape[2], 0);
    const width = outputExtent(input.shape[3], 1);
    const output = [input.shape[0], outChannels, height, width];
    requireStatistics(title, statistics, output);
  }

  const patchGeometry = (form: FactorForm): WindowGeometry =>
    form === "paper" ? geometry : { ...geometry, dilation: [1, 1] };

  /** What the sum over all B * G * L patches is divided by. */
  function divisor(input: Tensor, positions: number, form: FactorForm): number {
    const cells = input.shape[0] * positions;
    return cells * (form === "paper" ? groups : patch);
  }

  const layer: KroneckerLayer = kroneckerLayer({
    name,
    description:
      `conv2d ${name}(${inChannels} -> ${outChannels}, kernel ${kh}x${kw}${
        groups === 1 ? "" : `, ${groups} groups`
      }${bias ? "" : ", no bias"})`,
    parameters,
    buffers: {},
    forward(x, context) {
      requireInput(x);
      const take = (parameter: string): Tensor =>
        fromContext(title, context, "parameters", parameters, parameter);
      const product = conv(x, take(weightName), geometry);
      const output = bias
        ? add(product, reshape(take(biasName), [outChannels, 1, 1]))
        : product;
      return { output, uses: [{ layer, input: x, output }], buffers: {} };
    },
    factorShapes: () => shapes,
    diagonals(statistics, form): Factors {
      requireFit(statistics);
      const { input, derivative } = statistics;
      const [batch, , height, width] = input.shape;
      // Windows of squares are squares of windows, so samples and groups are
      // summed first and one image is unfolded instead of a batch.
      const squares = sum(
        reshape(square(input), [batch * groups, groupChannels, height, width]),
        0,
        { keepAxes: true },
      );
      const unfolded = windows(squares, [kh, kw], patchGeometry(form));
      const positions = unfolded.shape[4] * unfolded.shape[5];
      const count = divisor(input, positions, form);
      const h = div(reshape(sum(unfolded, [4, 5]), [patch]), count);
      const scale = sampleScale(batch, form) /
        (sizeOf(derivative.shape) / outChannels);
      return {
        h: bias ? append(h, batch * groups * positions / count) : h,
        s: mul(sum(square(derivative), [0, 2, 3]), scale),
      };
    },
    factors(statistics, form): Factors {
      requireFit(statistics);
      const { input, derivative } = statistics;
      const [batch, , height, width] = input.shape;
      const images = reshape(
        input,
        [batch * groups, groupChannels, height, width],
      );
      const used = patchGeometry(form);
      const unfolded = windows(images, [kh, kw], used).shape;
      const positions = unfolded[4] * unfolded[5];
      const s = reshape(
        transpose(derivative, [1, 0, 2, 3]),
        [outChannels, sizeOf(derivative.shape) / outChannels],
      );
      const scale = sampleScale(batch, form) / s.shape[1];
      return {
        h: div(
          patchMoments(images, [kh, kw], { ...used, bias }),
          divisor(input, positions, form),
        ),
        s: mul(matmul(s, transpose(s)), scale),
      };
    },
    kroneckerDiagonal(diagonals) {
      requireDiagonals(title, diagonals, shapes);
      return layOut(name, weightShape, bias, diagonals);
    },
  });
  return layer;
}
