/**
 * Layers whose gradient is a matrix [out, in (+ 1)], the last column the bias: linear
 * layers and convolutions, the kernels flattened as [in, kh, kw]. Internal to K-FAC.
 *
 * @module
 */

import type { Layer, Parameters } from "../layers/layer.ts";
import { concat, reshape, slice } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Shape, sizeOf } from "../tensor/value.ts";
import type { LayerFactors } from "./optimizer.ts";

/** One such layer. */
export interface MatrixLayer {
  /** Full name. */
  readonly name: string;
  /** Its trained weight: [out, ...]. */
  readonly weight: string;
  /** Its trained bias: [out]. */
  readonly bias?: string;
  /** Shape of the weight. */
  readonly shape: Shape;
  /** Number of outputs. */
  readonly out: number;
  /** Inputs without the bias: the product of the weight's other extents. */
  readonly in: number;
  /** Whether it is a convolution. */
  readonly convolution: boolean;
}

/**
 * The layers of a model whose weight is trained, and a matrix or kernels; none of
 * the normalization layers, whose bias has the shape of the weight.
 */
export function matrixLayers(model: Layer): readonly MatrixLayer[] {
  return model.kronecker.flatMap(({ name }): MatrixLayer[] => {
    const weight = `${name}.weight`, bias = `${name}.bias`;
    const spec = model.parameters[weight], biasSpec = model.parameters[bias];
    const { shape } = spec;
    if (shape.length < 2 || spec.frozen) return [];
    if (biasSpec && biasSpec.shape.length !== 1) return [];
    return [{
      name,
      weight,
      bias: biasSpec && !biasSpec.frozen ? bias : undefined,
      shape,
      out: shape[0],
      in: sizeOf(shape) / shape[0],
      convolution: shape.length === 4,
    }];
  });
}

/** The layer's gradient [out, in], and with the bias beside it [out, in + 1]. */
export function toMatrix(
  layer: MatrixLayer,
  gradients: Parameters,
  withBias: boolean,
): Tensor {
  const weight = reshape(gradients[layer.weight], [layer.out, layer.in]);
  return withBias && layer.bias !== undefined
    ? concat([weight, reshape(gradients[layer.bias], [layer.out, 1])], 1)
    : weight;
}

/** A matrix laid out as the layer's parameters again. */
export function fromMatrix(
  layer: MatrixLayer,
  matrix: Tensor,
): Record<string, Tensor> {
  const { out, shape, weight, bias } = layer;
  const columns = matrix.shape[1];
  const parameters = {
    [weight]: reshape(slice(matrix, [0, 0], [out, layer.in]), shape),
  };
  return columns === layer.in ? parameters : {
    ...parameters,
    [bias!]: reshape(slice(matrix, [0, layer.in], [out, columns]), [out]),
  };
}

/** H of a layer [n, n] with the bias's row and column, or without. */
export function inputFactor(
  layer: MatrixLayer,
  { h }: LayerFactors,
  withBias: boolean,
): Tensor {
  const n = layer.in + (withBias && layer.bias !== undefined ? 1 : 0);
  return slice(h, [0, 0], [n, n]);
}
