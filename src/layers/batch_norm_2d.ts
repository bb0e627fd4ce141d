/**
 * Batch normalization of images. In training it normalizes by the batch's own
 * mean and (biased) variance and gives new running statistics as outputs; else it
 * normalizes by the running statistics. Its Kronecker factors are those of
 * `norm_factors.ts`, with the positions x over samples and pixels.
 *
 * @module
 */

import { mean, square } from "../tensor/functions.ts";
import {
  add,
  mul,
  reshape,
  rsqrt,
  stopGradient,
  sub,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import {
  fromContext,
  kroneckerLayer,
  requireImages,
  requireName,
  requireWhole,
  show,
} from "./checks.ts";
import { filled, parameterSpec } from "./initializers.ts";
import type { Buffers, KroneckerLayer, ParameterSpec } from "./layer.ts";
import { normFactors } from "./norm_factors.ts";

/** Options of {@linkcode batchNorm2d}. */
export interface BatchNorm2dOptions {
  /** Added to the variance under the root; 1e-5 by default. */
  readonly eps?: number;
  /** Share of the new batch in the running statistics; 0.1 by default. */
  readonly momentum?: number;
}

/**
 * Batch normalization per channel. Parameters `<name>.weight` and `<name>.bias`
 * [C], from ones and zeros; buffers `<name>.running_mean` and
 * `<name>.running_var` [C], from zeros and ones, which move by
 * running = (1 - momentum) * running + momentum * batch, the batch variance being
 * the unbiased one there.
 *
 * @example
 * ```ts
 * import { batchNorm2d, constants, initialize } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const norm = batchNorm2d("bn", 1, { momentum: 0.5 });
 * const { buffers } = norm.forward(constant(value([1, 3], [2, 1, 1, 1])), {
 *   parameters: constants(initialize(norm.parameters, 0)),
 *   buffers: constants(initialize(norm.buffers, 0)),
 *   training: true,
 * });
 * assertAlmostEquals((await evaluate(buffers["bn.running_mean"])).data[0], 1);
 * ```
 *
 * @param name Full name.
 * @param channels Number of channels C.
 * @param options eps and momentum.
 * @returns The layer; float [B, C, H, W] -> the same shape.
 * @throws {RangeError} If a number is out of its range; in training also if
 * there is only one number a channel, which has no variance.
 */
export function batchNorm2d(
  name: string,
  channels: number,
  options: BatchNorm2dOptions = {},
): KroneckerLayer {
  const title = `batch-norm layer ${name}`;
  requireName("batch-norm", name);
  requireWhole(title, "channels", [channels]);
  const { eps = 1e-5, momentum = 0.1 } = options;
  if (!(eps >= 0)) {
    throw new RangeError(
      `Cannot build ${title}: eps must be at least 0, got ${eps}`,
    );
  }
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new RangeError(
      `Cannot build ${title}: momentum must be in [0, 1], got ${momentum}`,
    );
  }
  const weightName = `${name}.weight`, biasName = `${name}.bias`;
  const meanName = `${name}.running_mean`, varianceName = `${name}.running_var`;
  const spec = (parameter: string, first: number): ParameterSpec =>
    parameterSpec(parameter, [channels], filled(first));
  const parameters = {
    [weightName]: spec(weightName, 1),
    [biasName]: spec(biasName, 0),
  };
  const buffers = {
    [meanName]: spec(meanName, 0),
    [varianceName]: spec(varianceName, 1),
  };

  function requireInput(x: Tensor): void {
    requireImages(title, x);
    if (x.shape[1] !== channels) {
      throw new RangeError(
        `Cannot apply ${title}: input has ${
          x.shape[1]
        } channels, weight expects ${channels}`,
      );
    }
  }

  const column = (x: Tensor): Tensor => reshape(x, [channels, 1, 1]);

  /**
   * The input less a centre, the mean less the centre and the variance, both
   * [C, 1, 1] or [1, C, 1, 1], and new buffers.
   */
  function momentsOf(
    x: Tensor,
    training: boolean,
    runningMean: Tensor,
    runningVariance: Tensor,
  ): { centered: Tensor; offset?: Tensor; variance: Tensor; buffers: Buffers } {
    if (!training) {
      const centered = sub(x, column(runningMean));
      return { centered, variance: column(runningVariance), buffers: {} };
    }
    const count = sizeOf(x.shape) / channels;
    if (count < 2) {
      throw new RangeError(
        `Cannot apply ${title}: training needs at least 2 numbers a channel, input ${
          show(x.shape)
        } has ${count}`,
      );
    }
    const axes = [0, 2, 3], keepAxes = { keepAxes: true };
    const batchMean = mean(x, axes, keepAxes);
    // The formulas hold for any constant centre. At the mean they lose no digit,
    // and the mean's derivative is one of [C], with no pass over the input of its own.
    const center = stopGradient(batchMean);
    const centered = sub(x, center);
    const offset = sub(batchMean, center);
    const variance = sub(
      mean(square(centered), axes, keepAxes),
      square(offset),
    );
    const moved = (running: Tensor, batch: Tensor, scale: number): Tensor =>
      add(
        mul(1 - momentum, running),
        mul(momentum * scale, reshape(batch, [channels])),
      );
    return {
      centered,
      offset,
      variance,
      buffers: {
        [meanName]: moved(runningMean, batchMean, 1),
        [varianceName]: moved(runningVariance, variance, count / (count - 1)),
      },
    };
  }

  const layer: KroneckerLayer = kroneckerLayer({
    name,
    description: `batch-norm ${name}(${channels})`,
    parameters,
    buffers,
    forward(x, context) {
      requireInput(x);
      const take = (parameter: string): Tensor =>
        fromContext(title, context, "parameters", parameters, parameter);
      const running = (buffer: string): Tensor =>
        fromContext(title, context, "buffers", buffers, buffer);
      const moments = momentsOf(
        x,
        context.training,
        running(meanName),
        running(varianceName),
      );
      const { centered, offset, variance } = moments;
      const scale = mul(column(take(weightName)), rsqrt(add(variance, eps)));
      const bias = column(take(biasName));
      const shift = offset ? sub(bias, mul(offset, scale)) : bias;
      const output = add(mul(centered, scale), shift);
      const uses = [{ layer, input: x, output }];
      return { output, uses, buffers: moments.buffers };
    },
    ...normFactors({
      name,
      title,
      shape: [channels],
      positionAxes: () => [0, 2, 3],
      requireInput,
    }),
  });
  return layer;
}
