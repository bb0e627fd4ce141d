/**
 * What optimizers check of their hyperparameters, once, when they are built;
 * internal to this folder.
 *
 * @module
 */

/**
 * Throws unless a number is in [0, 1], or in [0, 1) where it must be below 1.
 *
 * @param what The number in a message, such as `beta`.
 * @param given The number.
 * @param end `below 1` to leave 1 out.
 * @throws {RangeError} If it is outside.
 */
export function requireUnitInterval(
  what: string,
  given: number,
  end?: "below 1",
): void {
  const ok = typeof given === "number" && given >= 0 &&
    (end ? given < 1 : given <= 1);
  if (!ok) invalid(what, given, `must be in [0, 1${end ? ")" : "]"}`);
}

/**
 * Throws unless a number is finite.
 *
 * @throws {RangeError} If it is not.
 */
export function requireFinite(what: string, given: number): void {
  if (!Number.isFinite(given)) invalid(what, given, "must be a finite number");
}

/**
 * Throws unless a number is finite and at least a bound.
 *
 * @throws {RangeError} If it is not.
 */
export function requireAtLeast(
  what: string,
  given: number,
  least: number,
): void {
  if (!Number.isFinite(given) || given < least) {
    invalid(what, given, `must be a finite number of at least ${least}`);
  }
}

/**
 * Throws unless a number is finite and above 0.
 *
 * @throws {RangeError} If it is not.
 */
export function requirePositive(what: string, given: number): void {
  if (!Number.isFinite(given) || given <= 0) {
    invalid(what, given, "must be a finite number above 0");
  }
}

/**
 * Throws unless emaDecay is in [0, 1], or -1.
 *
 * @throws {RangeError} If it is not.
 */
export function requireEmaDecay(given: number): void {
  if (given === -1 || (given >= 0 && given <= 1)) return;
  invalid("emaDecay", given, "must be in [0, 1], or -1 for no average");
}

/**
 * Throws unless a number is whole and at least a bound.
 *
 * @throws {RangeError} If it is not.
 */
export function requireInteger(
  what: string,
  given: number,
  least: number,
): void {
  if (!Number.isSafeInteger(given) || given < least) {
    invalid(what, given, `must be a whole number of at least ${least}`);
  }
}

/**
 * Throws unless a choice is one of those there are.
 *
 * @throws {RangeError} If it is not.
 */
export function requireOneOf(
  what: string,
  given: unknown,
  choices: readonly unknown[],
): void {
  if (!choices.includes(given)) {
    invalid(what, given, `must be one of ${choices.join(", ")}`);
  }
}

/**
 * Options with those that are not given taken from the defaults; an option that
 * is `undefined` is not given.
 *
 * @param owner Whose options they are, in a message.
 * @param defaults Every option that there is.
 * @param options What was given.
 * @returns The defaults, overridden, frozen.
 * @throws {RangeError} If an option is none of the defaults'.
 */
export function withDefaults<T extends object>(
  owner: string,
  defaults: T,
  options: Partial<T>,
): Readonly<T> {
  const given = Object.entries(options).filter(([, v]) => v !== undefined);
  for (const [name] of given) {
    if (!Object.hasOwn(defaults, name)) {
      invalid(
        "option",
        name,
        `${owner} takes ${Object.keys(defaults).join(", ")}`,
      );
    }
  }
  return Object.freeze({ ...defaults, ...Object.fromEntries(given) });
}

function invalid(what: string, given: unknown, rule: string): never {
  throw new RangeError(`Invalid ${what}: ${String(given)}, ${rule}`);
}
