/**
 * What optimizers with a preconditioner from the host share: keeping the last good
 * one where a new one cannot be had.
 *
 * @module
 */

import { type Value, value } from "../tensor/value.ts";

/**
 * An optimizer gave up: its preconditioner could not be renewed too often in a row.
 *
 * @example
 * ```ts
 * import { PreconditionerError } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new PreconditionerError("fc", "its root did not converge", 4);
 * assertEquals(error.owner, "fc");
 * ```
 */
export class PreconditionerError extends Error {
  /** `PreconditionerError`. */
  override readonly name = "PreconditionerError";
  /** The layer or parameter whose preconditioner it is. */
  readonly owner: string;

  /**
   * Says whose preconditioner it is, what went wrong, and how often.
   *
   * @param owner The layer or parameter.
   * @param reason What went wrong the last time.
   * @param failures How often in a row.
   */
  constructor(owner: string, reason: string, failures: number) {
    super(
      `Cannot precondition ${owner}: ${reason}, ${
        failures === 1 ? "once" : `${failures} times in a row`
      }; a larger damping or epsilon may help`,
    );
    this.owner = owner;
  }
}

/** A new preconditioner, or why there is none. */
export type Attempt<T> =
  | { readonly found: T }
  | { readonly failure: string };

/** Preconditioners by owner, and how often in a row each was not renewed. */
export interface Renewed<T> {
  /** The new ones, or the last good ones. */
  readonly kept: Readonly<Record<string, T>>;
  /** Int scalars by owner: 0 for a new one. */
  readonly failures: Readonly<Record<string, Value>>;
}

/**
 * Renews preconditioners; where that fails, the last good one stays, and the
 * failures in a row are counted.
 *
 * @param last The preconditioners there are, by owner.
 * @param failures How often in a row each has failed.
 * @param most How many failures in a row are allowed.
 * @param attempt Makes a new one for an owner.
 * @returns Preconditioners and failures.
 * @throws {PreconditionerError} If there are more failures than that.
 */
export function renew<T>(
  last: Readonly<Record<string, T>>,
  failures: Readonly<Record<string, Value>>,
  most: number,
  attempt: (owner: string) => Attempt<T>,
): Renewed<T> {
  const kept: Record<string, T> = {};
  const counts: Record<string, Value> = {};
  for (const owner of Object.keys(last)) {
    const result = attempt(owner);
    const count = "found" in result ? 0 : failures[owner].data[0] + 1;
    if ("failure" in result && count > most) {
      throw new PreconditionerError(owner, result.failure, count);
    }
    kept[owner] = "found" in result ? result.found : last[owner];
    counts[owner] = value(Int32Array.of(count), []);
  }
  return { kept, failures: counts };
}
