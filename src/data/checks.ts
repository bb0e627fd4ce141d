/**
 * Checks of arguments that the files of this folder share.
 *
 * @module
 */

/**
 * Requires a whole number within bounds.
 *
 * @param task What is being done, as in "Cannot do X".
 * @param thing Name of the number.
 * @param got The number.
 * @param least Smallest number allowed.
 * @param most Largest number allowed; no limit where it is not given.
 * @throws {TypeError} If it is no number at all.
 * @throws {RangeError} If it is not whole or out of bounds.
 */
export function requireInteger(
  task: string,
  thing: string,
  got: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isInteger(got) && got >= least && got <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER
    ? `of at least ${least}`
    : `from ${least} to ${most}`;
  const ErrorType = typeof got === "number" ? RangeError : TypeError;
  throw new ErrorType(
    `Cannot ${task}: ${thing} must be an integer ${range}, got ${got}`,
  );
}

/**
 * Requires a seed: one 32-bit half of a random key.
 *
 * @param task What is being done.
 * @param seed The seed.
 * @throws {TypeError} If it is no number at all.
 * @throws {RangeError} If it is no unsigned 32-bit integer.
 */
export function requireSeed(task: string, seed: number): void {
  requireInteger(task, "seed", seed, 0, 0xffffffff);
}
