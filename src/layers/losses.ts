/**
 * Losses: pure functions on tensors. All are means, so that the derivative of one
 * sample's own loss is the batch size times the derivative of what they give.
 *
 * @module
 */

import { logSoftmax, mean, oneHot, square } from "../tensor/functions.ts";
import {
  add,
  cast,
  div,
  equal,
  fill,
  maximum,
  mul,
  select,
  sub,
  sum,
  takeRows,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sizeOf } from "../tensor/value.ts";
import { sameShape, show } from "./checks.ts";

/** Options of {@linkcode negativeLogLikelihood}. */
export interface LikelihoodOptions {
  /** A target of this value does not count; none by default. */
  readonly ignoreIndex?: number;
}

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions extends LikelihoodOptions {
  /** Share of the target that is spread over all classes, in [0, 1]; 0 by default. */
  readonly labelSmoothing?: number;
}

function requireTargets(what: string, scores: Tensor, targets: Tensor): void {
  if (scores.dtype !== "float" || targets.dtype !== "int") {
    throw new TypeError(
      `Cannot compute ${what}: it takes float scores and int targets, got ${scores.dtype} and ${targets.dtype}`,
    );
  }
  if (
    scores.shape.length === 0 ||
    !sameShape(scores.shape.slice(0, -1), targets.shape)
  ) {
    throw new RangeError(
      `Cannot compute ${what}: targets ${
        show(targets.shape)
      } must have the shape of the scores ${
        show(scores.shape)
      } without the last axis`,
    );
  }
  if (sizeOf(scores.shape) === 0) {
    throw new RangeError(
      `Cannot compute ${what}: there are no scores, got ${show(scores.shape)}`,
    );
  }
}

/** Mean of -sum_c weight[c] * logProbability[c] over the targets that count. */
function likelihood(
  logProbabilities: Tensor,
  targets: Tensor,
  ignoreIndex: number | undefined,
  smoothing: number,
): Tensor {
  const classes = logProbabilities.shape.at(-1)!;
  const ignored = ignoreIndex === undefined
    ? undefined
    : equal(targets, ignoreIndex);
  const labels = ignored ? select(ignored, 0, targets) : targets;
  // A row of zeros for each label: it changes nothing, but a label that is no
  // class is an error when it is met, where a one-hot row would hide it.
  const checked = sum(takeRows(fill([classes, 1], 0), labels), -1);
  const hot = oneHot(labels, classes);
  const weights = smoothing === 0
    ? hot
    : add(mul(1 - smoothing, hot), smoothing / classes);
  const each = sub(checked, sum(mul(weights, logProbabilities), -1));
  if (!ignored) return mean(each);
  const counted = select(ignored, 0, each);
  const count = sum(sub(1, cast(ignored, "float")));
  return div(sum(counted), maximum(count, 1));
}

/**
 * Cross-entropy of integer classes, from logits: the mean over all targets of
 * -sum_c w[c] log softmax(logits)[c], with w[target] = 1 - e + e / C and
 * w[c] = e / C elsewhere for the label smoothing e over C classes.
 *
 * @example Two equal logits
 * ```ts
 * import { crossEntropy } from "@adafisher/adafisher/layers";
 * import { constant, intValue, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = constant(value([3, 3], [1, 2]));
 * const loss = crossEntropy(logits, constant(intValue([1])));
 * assertAlmostEquals((await evaluate(loss)).data[0], Math.log(2));
 * ```
 *
 * @param logits Float [..., C].
 * @param targets Int [...], each in [0, C) or the ignored value; another one is
 * an error when it is met.
 * @param options Label smoothing, ignored value.
 * @returns The mean over the targets that count, a scalar; 0 if none does.
 * @throws {RangeError} If the shapes do not fit, there are no targets, or the smoothing is out of its range.
 * @throws {TypeError} If logits are not float or targets not int.
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  requireTargets("a cross-entropy", logits, targets);
  const { labelSmoothing = 0, ignoreIndex } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(
      `Cannot compute a cross-entropy: labelSmoothing must be in [0, 1], got ${labelSmoothing}`,
    );
  }
  return likelihood(logSoftmax(logits), targets, ignoreIndex, labelSmoothing);
}

/**
 * Mean negative log-likelihood: -logProbabilities[target], from log-probabilities.
 *
 * @example
 * ```ts
 * import { negativeLogLikelihood } from "@adafisher/adafisher/layers";
 * import { constant, intValue, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const logProbabilities = constant(value([-1, -3], [1, 2]));
 * const loss = negativeLogLikelihood(logProbabilities, constant(intValue([1])));
 * assertEquals((await evaluate(loss)).data[0], 3);
 * ```
 *
 * @param logProbabilities Float [..., C].
 * @param targets Int [...], each in [0, C) or the ignored value; another one is
 * an error when it is met.
 * @param options Ignored value.
 * @returns The mean over the targets that count, a scalar; 0 if none does.
 * @throws {RangeError} If the shapes do not fit or there are no targets.
 * @throws {TypeError} If log-probabilities are not float or targets not int.
 */
export function negativeLogLikelihood(
  logProbabilities: Tensor,
  targets: Tensor,
  options: LikelihoodOptions = {},
): Tensor {
  requireTargets("a negative log-likelihood", logProbabilities, targets);
  return likelihood(logProbabilities, targets, options.ignoreIndex, 0);
}

/**
 * Mean squared error over all elements.
 *
 * @example
 * ```ts
 * import { meanSquaredError } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = meanSquaredError(constant(value([1, 2])), constant(value([3, 2])));
 * assertEquals((await evaluate(loss)).data[0], 2);
 * ```
 *
 * @param output Float, any shape but an empty one.
 * @param target Float, the same shape.
 * @returns A scalar.
 * @throws {RangeError} If the shapes differ or are empty.
 */
export function meanSquaredError(output: Tensor, target: Tensor): Tensor {
  if (!sameShape(output.shape, target.shape)) {
    throw new RangeError(
      `Cannot compute a mean squared error: output ${
        show(output.shape)
      } and target ${show(target.shape)} must have one shape`,
    );
  }
  return mean(square(sub(output, target)));
}
