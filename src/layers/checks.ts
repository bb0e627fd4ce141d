/**
 * What layers check and how they say it; internal to this folder.
 *
 * @module
 */

import type { Pair, Tensor } from "../tensor/tensor.ts";
import type { Shape } from "../tensor/value.ts";
import type {
  Context,
  KroneckerLayer,
  Layer,
  LayerResult,
  ParameterSpec,
  Statistics,
} from "./layer.ts";

/** A shape as messages show it. */
export function show(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, i) => extent === b[i]);
}

/** Throws unless a layer that owns tensors has a name to call them by. */
export function requireName(kind: string, name: string): void {
  if (name === "") {
    throw new RangeError(
      `Cannot build ${kind} layer: its parameters need a name, got ""`,
    );
  }
}

/** Throws unless the numbers are whole and large enough. */
export function requireWhole(
  layer: string,
  what: string,
  numbers: readonly number[],
  least = 1,
): void {
  if (!numbers.every((n) => Number.isInteger(n) && n >= least)) {
    throw new RangeError(
      `Cannot build ${layer}: ${what} must be whole numbers of at least ${least}, got ${
        show(numbers)
      }`,
    );
  }
}

/** A number or pair as a pair, checked. */
export function pairOf(
  layer: string,
  what: string,
  size: number | Pair,
  least = 1,
): Pair {
  const pair: Pair = typeof size === "number"
    ? [size, size]
    : [size[0], size[1]];
  if (typeof size !== "number" && size.length !== 2) {
    throw new RangeError(
      `Cannot build ${layer}: ${what} must be one number or two, got ${
        show(size)
      }`,
    );
  }
  requireWhole(layer, what, pair, least);
  return pair;
}

/** The tensor of a parameter or buffer from the context, checked against its spec. */
export function fromContext(
  layer: string,
  context: Context,
  kind: "parameters" | "buffers",
  specs: Readonly<Record<string, ParameterSpec>>,
  name: string,
): Tensor {
  const tensor = context[kind][name];
  const { shape } = specs[name];
  if (!tensor) {
    throw new RangeError(
      `Cannot apply ${layer}: ${name} is not among the context's ${kind}`,
    );
  }
  if (tensor.dtype !== "float" || !sameShape(tensor.shape, shape)) {
    throw new RangeError(
      `Cannot apply ${layer}: ${name} must be float${
        show(shape)
      }, got ${tensor.dtype}${show(tensor.shape)}`,
    );
  }
  return tensor;
}

/** Throws unless the input holds floats. */
export function requireFloatInput(layer: string, x: Tensor): void {
  if (x.dtype !== "float") {
    throw new TypeError(
      `Cannot apply ${layer}: input must be float, got ${x.dtype}${
        show(x.shape)
      }`,
    );
  }
}

/** Throws unless the input is a batch of images, [N, C, H, W]. */
export function requireImages(layer: string, x: Tensor): void {
  requireFloatInput(layer, x);
  if (x.shape.length !== 4) {
    throw new RangeError(
      `Cannot apply ${layer}: input must be [N, C, H, W], got ${show(x.shape)}`,
    );
  }
}

/** Throws unless a derivative has the shape of the layer's output, and there is a batch. */
export function requireStatistics(
  layer: string,
  { input, derivative }: Statistics,
  outputShape: Shape,
): void {
  if (!sameShape(derivative.shape, outputShape)) {
    throw new RangeError(
      `Cannot take factors of ${layer}: for input ${
        show(input.shape)
      } the derivative must be ${show(outputShape)}, got ${
        show(derivative.shape)
      }`,
    );
  }
  if ([...input.shape, ...derivative.shape].includes(0)) {
    throw new RangeError(
      `Cannot take factors of ${layer}: the batch is empty, input ${
        show(input.shape)
      }`,
    );
  }
}

/** A single layer without parameters that only maps its input. */
export function stateless(
  name: string,
  description: string,
  apply: (x: Tensor, context: Context) => Tensor,
): Layer {
  return frozenLayer({
    name,
    description,
    parameters: {},
    buffers: {},
    kronecker: [],
    forward: (x, context): LayerResult => ({
      output: apply(x, context),
      uses: [],
      buffers: {},
    }),
  });
}

/** The layer with everything in it frozen. */
export function frozenLayer<L extends Layer>(layer: L): L {
  Object.freeze(layer.parameters);
  Object.freeze(layer.buffers);
  Object.freeze(layer.kronecker);
  return Object.freeze(layer);
}

/** A layer with factors: the same, listed as the one Kronecker layer it has. */
export function kroneckerLayer(
  fields: Omit<KroneckerLayer, "kronecker">,
): KroneckerLayer {
  const kronecker: KroneckerLayer[] = [];
  const layer: KroneckerLayer = { ...fields, kronecker };
  kronecker.push(layer);
  return frozenLayer(layer);
}
