/**
 * What optimizers share: mapping over parameters, weight decay, descriptions.
 *
 * @module
 */

import type { Parameters } from "../layers/layer.ts";
import { square } from "../tensor/functions.ts";
import {
  add,
  cast,
  div,
  equal,
  fill,
  iota,
  less,
  mul,
  select,
  sqrt,
  sum,
} from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type DecayMask, describeMask } from "./decay_masks.ts";

/** A new tensor for each parameter, by the same names. */
export function mapParameters(
  parameters: Parameters,
  change: (name: string, parameter: Tensor) => Tensor,
): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, p]) => [name, change(name, p)]),
  );
}

/** Zeros of the parameters' names and shapes. */
export function zerosLike(parameters: Parameters): Parameters {
  return mapParameters(parameters, (_, p) => fill(p.shape, 0));
}

/**
 * A weighted sum of an old average and a fresh number: keep * old + take * fresh.
 *
 * @param keep What is kept of the old number, a number or a scalar tensor.
 * @param old The old average.
 * @param take What is taken of the fresh number.
 * @param fresh The fresh number.
 * @returns The new average.
 */
export function average(
  keep: Tensor | number,
  old: Tensor,
  take: Tensor | number,
  fresh: Tensor,
): Tensor {
  return add(mul(keep, old), mul(take, fresh));
}

/** Weight decay of a parameter: direction + kappa * theta where the mask holds. */
export type Decay = (name: string, direction: Tensor, theta: Tensor) => Tensor;

/** The decay of a strength kappa under a mask; adds nothing where it has nothing to do. */
export function decayOf(weightDecay: number, mask: DecayMask): Decay {
  return (name, direction, theta) =>
    weightDecay !== 0 && mask(name)
      ? add(direction, mul(weightDecay, theta))
      : direction;
}

/**
 * Throws unless every parameter has a gradient of its shape.
 *
 * @param parameters The parameters.
 * @param gradients What each must have.
 * @param what What that is, in a message.
 * @throws {RangeError} If one has not, with its name and both shapes.
 */
export function requireGradients(
  parameters: Parameters,
  gradients: Parameters,
  what = "its gradient",
): void {
  for (const [name, { shape }] of Object.entries(parameters)) {
    const given = gradients[name]?.shape;
    if (given?.join() !== shape.join()) {
      throw new RangeError(
        `Cannot update ${name}: ${what} must be [${shape.join(", ")}], got ${
          given ? `[${given.join(", ")}]` : "none"
        }`,
      );
    }
  }
}

/** `name(field value, ...)`, the mask said where it is not `all`. */
export function describeFields(
  name: string,
  fields: object,
  mask: DecayMask,
): string {
  const list = Object.entries(fields).map(([field, v]) => `${field} ${v}`);
  const masked = describeMask(mask);
  if (masked !== "all") list.push(`decay of ${masked}`);
  return `${name}(${list.join(", ")})`;
}

/** The rule of a parameter, with what the decay adds to it. */
export function describeRule(
  rule: string,
  parameter: string,
  weightDecay: number,
  mask: DecayMask,
): string {
  if (weightDecay === 0) return rule;
  return mask(parameter)
    ? `${rule}, decay ${weightDecay}`
    : `${rule}, no decay`;
}

/** The identity matrix [n, n], times a number. */
export function identityTensor(n: number, scale = 1): Tensor {
  const square = [n, n];
  return mul(scale, cast(equal(iota(square, 0), iota(square, 1)), "float"));
}

/** The length of all entries together: sqrt(sum of x^2), a scalar. */
export function norm(x: Tensor): Tensor {
  return sqrt(sum(square(x)));
}

/** |p| / |u|, a scalar; 1 where either is 0. */
export function trustRatio(p: Tensor, u: Tensor): Tensor {
  const length = norm(p), step = norm(u);
  const both = less(fill([], 0), mul(length, step));
  return select(both, div(length, select(both, step, 1)), 1);
}
