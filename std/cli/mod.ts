/**
 * The part of `@std/cli` that this project uses, over minimist.
 *
 * minimist negates every `--no-x`, gathers every repeated option in an array and
 * keeps words such as `0b11` as text; here an option is negated or gathered only
 * where it is declared so, and the last value wins elsewhere.
 *
 * @module
 */
// @ts-types="@types/minimist"
import minimist from "minimist";

/** The names in `T` that are known and those of options. */
type Names<T extends string> = string extends T ? never : Exclude<T, "_">;

/** The options that are declared boolean, string or collected, by name. */
type Declared<
  B extends string,
  S extends string,
  C extends string,
  N extends string,
> =
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Exclude<S, C>]?: string | (K extends N ? false : never) }
  & { [K in Extract<S, C>]: string[] | (K extends N ? false : never) }
  & { [K in Exclude<C, S>]: unknown[] | (K extends N ? false : never) };

/** `T`, where an option that has a default is never undefined. */
type WithDefaults<T, D> =
  & Omit<T, keyof D>
  & {
    [K in keyof D]: K extends keyof T ? D[K] | NonNullable<T[K]> : unknown;
  };

/** `T` with each of its options under its other names too. */
type WithAliases<T, A> =
  & T
  & {
    [
      K in Extract<keyof T, keyof A> as A[K] extends readonly (infer L)[]
        ? Extract<L, string>
        : Extract<A[K], string>
    ]: T[K];
  };

/** What {@linkcode parseArgs} returns. */
// deno-lint-ignore no-explicit-any
export type Args<T = Record<string, any>> = T & {
  /** The arguments that belong to no option. */
  _: (string | number)[];
  /** With the option `"--"`: the arguments after a double dash. */
  "--"?: string[];
};

/** Options for {@linkcode parseArgs}. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  N extends string = string,
  D extends Record<string, unknown> = Record<string, unknown>,
  A extends Record<string, string | readonly string[]> = Record<
    string,
    string | readonly string[]
  >,
> {
  /** Whether the arguments after a double dash go to `"--"` instead of `_`. */
  "--"?: boolean;
  /** Other names of options. */
  alias?: A;
  /** Options without a value, false where not given; `true` for all of them. */
  boolean?: boolean | B | readonly B[];
  /** Values of options that are not given. */
  default?: D;
  /** Whether all that follows the first argument of no option goes to `_`. */
  stopEarly?: boolean;
  /** Options whose value stays text, even if it looks like a number. */
  string?: S | readonly S[];
  /** Options whose values are gathered in an array. */
  collect?: C | readonly C[];
  /** Options that `--no-` makes false. */
  negatable?: N | readonly N[];
  /**
   * Called with each argument that no option declares (and with the option's name
   * and the value after its equals sign); drops it by returning false.
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Marks a value as a default, which is left as it is. */
class Default {
  constructor(readonly value: unknown) {}
}

const list = (names?: boolean | string | readonly string[]): string[] =>
  typeof names === "boolean" ? [] : [names ?? []].flat();

/** Parses command line arguments into options and the arguments of none. */
export function parseArgs<
  const B extends string = never,
  const S extends string = never,
  const C extends string = never,
  const N extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
  const A extends Record<string, string | readonly string[]> = Record<
    never,
    never
  >,
>(
  args: readonly string[],
  options: ParseOptions<B, S, C, N, D, A> = {},
): Args<
  [B | S | C] extends [never]
    // deno-lint-ignore no-explicit-any
    ? Record<string, any>
    :
      & Record<string, unknown>
      & WithAliases<
        WithDefaults<Declared<Names<B>, Names<S>, Names<C>, N>, D>,
        A
      >
> {
  const groups = Object.entries(options.alias ?? {}).map(([key, others]) => {
    if (others === undefined) {
      throw new TypeError("Alias value must be defined");
    }
    return [key, ...list(others)];
  });
  const names = (key: string) =>
    groups.find((group) => group.includes(key)) ?? [key];
  const declared = (keys?: boolean | string | readonly string[]) =>
    new Set(list(keys).flatMap(names));
  const booleans = declared(options.boolean);
  const strings = declared(options.string);
  const collected = declared(options.collect);
  const negatable = declared(options.negatable);

  const defaults: Record<string, Default> = {};
  for (const key of [...booleans, ...strings]) {
    if (collected.has(key)) defaults[key] = new Default([]);
  }
  for (const [key, value] of Object.entries(options.default ?? {})) {
    for (const name of names(key)) defaults[name] = new Default(value);
  }

  /** The value of an option: `value` is an array if it was given repeatedly. */
  const settle = (value: unknown, key: string): unknown => {
    if (value instanceof Default) return value.value;
    if (typeof value === "object" && value && !Array.isArray(value)) {
      return Object.fromEntries(
        Object.entries(value)
          .map(([name, part]) => [name, settle(part, `${key}.${name}`)]),
      );
    }
    const all = [value].flat().filter((item) => !(item instanceof Default))
      .map((item) => strings.has(key) ? item : number(item));
    if (!collected.has(key)) return all.at(-1);
    const given = negatable.has(key)
      ? all.slice(all.lastIndexOf(false) + 1)
      : all;
    return given.length > 0 ? given : false;
  };

  // A NUL before the name keeps minimist from negating an option.
  const mask = (name: string) =>
    /^no-./.test(name) && !negatable.has(name.slice(3)) ? `\0${name}` : name;
  const show = <T>(arg: T) =>
    typeof arg === "string" ? arg.replace(/^(--)?\0/, "$1") : arg;
  const { unknown } = options;
  const { _, "--": rest, ...given } = minimist(
    args.map((arg) => arg.startsWith("--") ? `--${mask(arg.slice(2))}` : arg),
    {
      "--": options["--"],
      alias: Object.fromEntries(
        groups.map(([key, ...others]) => [mask(key), others.map(mask)]),
      ),
      boolean: options.boolean === true ? true : [...booleans].map(mask),
      default: Object.fromEntries(
        Object.entries(defaults).map(([key, value]) => [mask(key), value]),
      ),
      stopEarly: options.stopEarly,
      string: [...strings].map(mask),
      unknown: (arg) => {
        const [, key, value] = /^--?([^=]+)(?:=(.*))?$/s.exec(show(arg)) ?? [];
        return key !== undefined && collected.has(key) ||
          unknown?.(show(arg), key, value) !== false;
      },
    },
  );
  return {
    _: _.map(show),
    ...rest && { "--": rest.map(show) },
    ...Object.fromEntries(
      Object.entries(given)
        .map(([key, value]) => [show(key), settle(value, show(key))]),
    ),
    // deno-lint-ignore no-explicit-any
  } as any;
}

/** The number that `value` is in text, or else `value`. */
const number = (value: unknown) =>
  typeof value === "string" && /\S/.test(value) && Number.isFinite(+value)
    ? Number(value)
    : value;
