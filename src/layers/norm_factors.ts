/**
 * The Kronecker factors of the normalization layers y = nu * normalized(h) + beta,
 * nu the scale (weight), beta the shift (bias), h the layer's input as it comes,
 * before it is normalized, s the derivative of the mean loss at the output.
 *
 * Paper (A.3, final version): x runs over the normalized positions (samples and
 * pixels in batch-norm, samples and tokens in layer-norm), h_x and s_x are vectors
 * over the C channels. Scale: H = mean of h_x h_x^T, S = mean of
 * (B s_x)(B s_x)^T. Shift: H = 1 1^T and the same S. There are no cross terms, so
 * the diagonals are F_nu[c] = H[c, c] * S[c, c] and F_beta[c] = S[c, c].
 *
 * Official code (the first version): with u_t the sum of h over all axes but axis
 * 1, divided by D^2 (D the product of the summed extents other than the batch), and
 * X = [u, 1], H = X^T X / B^2 is a 2 x 2 matrix, one entry for the scale and
 * one for the shift; S = (sum_x s_x)(sum_x s_x)^T / B.
 *
 * @module
 */

import { dot, square } from "../tensor/functions.ts";
import {
  concat,
  div,
  fill,
  matmul,
  mul,
  reshape,
  slice,
  sum,
  transpose,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import { requireStatistics } from "./checks.ts";
import { gram, requireDiagonals, sampleScale, withOnes } from "./kronecker.ts";
import type { Factors, KroneckerLayer, Parameters } from "./layer.ts";

/** What a normalization layer says of itself. */
export interface NormDescription {
  /** Full name. */
  readonly name: string;
  /** The layer in an error message. */
  readonly title: string;
  /** Shape of scale and shift. */
  readonly shape: Shape;
  /** Axes of an input over which positions run; the others are the channels. */
  readonly positionAxes: (rank: number) => readonly number[];
  /** Throws unless an input fits. */
  readonly requireInput: (x: Tensor) => void;
}

/** Sums over all axes but axis 1, over D^2: u of the official form, [T]. */
function officialSums(input: Tensor): Tensor {
  const axes = input.shape.map((_, i) => i).filter((i) => i !== 1);
  const extent = sizeOf(input.shape.slice(2));
  return div(sum(input, axes), extent * extent);
}

/** The four methods of a {@linkcode KroneckerLayer} for a normalization layer. */
export function normFactors(
  description: NormDescription,
): Pick<
  KroneckerLayer,
  "factorShapes" | "diagonals" | "factors" | "kroneckerDiagonal"
> {
  const { name, title, shape, positionAxes, requireInput } = description;
  const channels = sizeOf(shape);
  const shapes = {
    paper: { h: [channels], s: [channels] },
    official: { h: [2], s: [channels] },
  };

  const channelSums = (x: Tensor): Tensor =>
    reshape(sum(x, positionAxes(x.shape.length)), [channels]);

  /** [positions, channels]. */
  function rowsOf(x: Tensor): Tensor {
    const axes = positionAxes(x.shape.length);
    const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const count = sizeOf(x.shape) / channels;
    return reshape(transpose(x, [...axes, ...others]), [count, channels]);
  }

  return {
    factorShapes: (form) => shapes[form],
    diagonals(statistics, form): Factors {
      const { input, derivative } = statistics;
      requireInput(input);
      requireStatistics(title, statistics, input.shape);
      const [batch] = input.shape;
      if (form === "official") {
        const u = officialSums(input);
        const scale = reshape(dot(u, u), [1]);
        const shift = fill([1], input.shape[1]);
        return {
          h: div(concat([scale, shift]), batch * batch),
          s: div(square(channelSums(derivative)), batch),
        };
      }
      const count = sizeOf(input.shape) / channels;
      const scale = sampleScale(batch, form) / count;
      return {
        h: div(channelSums(square(input)), count),
        s: mul(channelSums(square(derivative)), scale),
      };
    },
    factors(statistics, form): Factors {
      const { input, derivative } = statistics;
      requireInput(input);
      requireStatistics(title, statistics, input.shape);
      const [batch] = input.shape;
      if (form === "official") {
        const u = officialSums(input);
        const sums = channelSums(derivative);
        const row = reshape(sums, [1, channels]);
        return {
          h: gram(withOnes(reshape(u, [u.shape[0], 1])), batch * batch),
          s: div(matmul(transpose(row), row), batch),
        };
      }
      const h = rowsOf(input), s = rowsOf(derivative);
      const scale = sampleScale(batch, form);
      return { h: gram(h, h.shape[0]), s: gram(s, s.shape[0] / scale) };
    },
    kroneckerDiagonal(diagonals, form): Parameters {
      requireDiagonals(title, diagonals, shapes[form]);
      const { h, s } = diagonals;
      const [scale, shift] = form === "paper"
        ? [mul(h, s), s]
        : [0, 1].map((i) => mul(s, slice(h, [i], [i + 1])));
      return {
        [`${name}.weight`]: reshape(scale, shape),
        [`${name}.bias`]: reshape(shift, shape),
      };
    },
  };
}
