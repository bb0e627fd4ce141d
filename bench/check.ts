/**
 * Whether two libraries have done the same work: the numbers of the first steps.
 *
 * @module
 */

import { trainingOperands, type Work } from "./cases.ts";
import type { Results } from "./library.ts";

/** A peer's numbers are not ours: it does not do the same work. */
export class DifferenceError extends Error {
  /** @param message What differs, and by how much. */
  constructor(message: string) {
    super(message);
    this.name = "DifferenceError";
  }
}

/** Steps before the numbers are compared: in three, Adam's averages have come in. */
export function stepsToCheck(work: Work): number {
  return work.kind === "training" ? 3 : 1;
}

/** Half the distance from 1 to the next float32. */
const ROUNDING = 2 ** -24;

/**
 * A unit that is near the kink of its ReLU for some image falls on either side of it
 * by rounding, and the gradients of its whole row with it; Adam makes small changes
 * of small gradients large. Over three steps the changes of all parameters come to
 * differ by 0.004 in the MLP and by 0.05 in ResNet-20, with either peer, and the
 * loss by 1e-6 and 1e-5. A wrong learning rate or a missing gradient is far above.
 */
const CHANGE_TOLERANCE = 0.1, LOSS_TOLERANCE = 1e-4;

/** max |a - b| / max |a|; infinite where one of the numbers is not finite. */
export function relativeError(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  let error = 0, largest = 0;
  for (let i = 0; i < a.length; i++) {
    const distance = Math.abs(a[i] - b[i]);
    if (!(distance <= Number.MAX_VALUE)) return Infinity;
    error = Math.max(error, distance);
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return error === 0 ? 0 : error / largest;
}

/** |a - b| / |a - origin|, Euclidean, over all names. */
export function relativeChange(
  origin: Results,
  a: Results,
  b: Results,
): number {
  let distance = 0, change = 0;
  for (const [name, start] of origin) {
    const x = a.get(name)!, y = b.get(name)!;
    for (let i = 0; i < start.length; i++) {
      distance += (x[i] - y[i]) ** 2;
      change += (x[i] - start[i]) ** 2;
    }
  }
  return Math.sqrt(distance / change);
}

/**
 * Holds the results of two libraries against each other.
 *
 * @throws {DifferenceError} If they are not the same work: by how much they differ.
 */
export function requireSameResults(work: Work, a: Results, b: Results): void {
  for (const [name, numbers] of a) {
    if (b.get(name)?.length !== numbers.length) {
      throw new DifferenceError(
        `${name} has ${numbers.length} numbers here, there ${
          b.get(name)?.length ?? "none"
        }`,
      );
    }
  }
  const requireWithin = (what: string, error: number, most: number): void => {
    if (error <= most) return;
    throw new DifferenceError(
      `${what} differs by ${error.toExponential(1)}, ${
        most.toExponential(1)
      } is allowed`,
    );
  };
  if (work.kind === "training") {
    const origin = new Map(
      Object.entries(trainingOperands(work).parameters)
        .map(([name, { data }]) => [name, data]),
    );
    const loss = relativeError(a.get("loss")!, b.get("loss")!);
    requireWithin("the loss", loss, LOSS_TOLERANCE);
    const change = relativeChange(origin, a, b);
    requireWithin("the change of the parameters", change, CHANGE_TOLERANCE);
    return;
  }
  // Rounding errors of a sum grow like the root of its terms; 8 leaves room for
  // another order of adding.
  const most = 8 * ROUNDING * Math.sqrt(termsOf(work));
  for (const [name, numbers] of a) {
    requireWithin(name, relativeError(numbers, b.get(name)!), most);
  }
}

/** Products in each sum. */
function termsOf(work: Exclude<Work, { kind: "training" }>): number {
  if (work.kind === "matmul") return work.size;
  return work.pass === "kernel"
    ? work.batch * work.size ** 2
    : 9 * work.channels;
}
