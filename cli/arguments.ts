/**
 * Command line arguments: options declared once, checked, typed, and explained.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { nearest, suggestion } from "../src/oracle/nearest.ts";
import { decimal } from "./numbers.ts";

export { nearest };

/** Something in the arguments that cannot be: exit status 2, no stack trace. */
export class UsageError extends Error {
  /** @param message What was given, what is allowed. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** An option without a value: true where it is given. */
export interface FlagOption {
  readonly kind: "flag";
  /** What it does, one line. */
  readonly about: string;
  /** Value where it is not given; false by default. */
  readonly default?: boolean;
  /** Whether `--no-<name>` makes it false. */
  readonly negatable?: boolean;
}

/** An option whose value is any text but an empty one. */
export interface TextOption {
  readonly kind: "text";
  /** What it does, one line. */
  readonly about: string;
  /** What the help calls the value; `text` by default. */
  readonly placeholder?: string;
  /** Value where it is not given; none: undefined. */
  readonly default?: string;
}

/** An option whose value is one of a few words. */
export interface ChoiceOption<V extends string = string> {
  readonly kind: "choice";
  /** What it does, one line. */
  readonly about: string;
  /** The words. */
  readonly values: readonly V[];
  /** Value where it is not given; none: undefined. */
  readonly default?: NoInfer<V>;
}

/** An option whose value is a number, whole for `integer`. */
export interface NumberOption {
  readonly kind: "integer" | "number";
  /** What it does, one line. */
  readonly about: string;
  /** Value where it is not given; none: undefined. */
  readonly default?: number;
  /** Smallest number allowed. */
  readonly least?: number;
  /** Largest number allowed. */
  readonly most?: number;
  /** What the number must be greater than. */
  readonly above?: number;
  /** What the number must be less than. */
  readonly below?: number;
}

/** One option. */
export type OptionSpec = FlagOption | TextOption | ChoiceOption | NumberOption;

/** Options by name, without the dashes; `--help` need not be among them. */
export type Specification = Readonly<Record<string, OptionSpec>>;

type ValueOf<O extends OptionSpec> = O extends FlagOption ? boolean
  : O extends TextOption ? string
  : O extends { kind: "choice"; values: readonly (infer V)[] } ? V
  : number;

/** Values by name: undefined only where there is no default. */
export type OptionValues<S extends Specification> = {
  readonly [K in keyof S]: S[K] extends FlagOption ? boolean
    : S[K] extends { readonly default: string | number } ? ValueOf<S[K]>
    : ValueOf<S[K]> | undefined;
};

/** What {@linkcode parseOptions} returns. */
export interface Parsed<S extends Specification> {
  /** The options' values. */
  readonly options: OptionValues<S>;
  /** The arguments that belong to no option, in order. */
  readonly positional: readonly string[];
  /** Whether `--help` or `-h` was given; then required things may be missing. */
  readonly help: boolean;
}

/**
 * Parses arguments by a specification.
 *
 * @param args The arguments, as `Deno.args`.
 * @param specification The options; write it with `as const`, so that the
 * result is typed.
 * @param usage How the command is called, such as `deno task oracle verify`:
 * where messages send the reader for help.
 * @returns Values, other arguments, whether help is wanted.
 * @throws {UsageError} If an option is unknown or lacks a value, or a value is
 * not allowed: what is, and what is nearest.
 */
export function parseOptions<const S extends Specification>(
  args: readonly string[],
  specification: S,
  usage: string,
): Parsed<S> {
  const entries = Object.entries(specification);
  const kindOf = (name: string): OptionSpec | undefined =>
    Object.hasOwn(specification, name) ? specification[name] : undefined;
  const flags = entries.filter(([, spec]) => spec.kind === "flag");
  const negatable = flags.filter(([, spec]) => (spec as FlagOption).negatable);
  const known = [
    "help",
    ...entries.map(([name]) => name),
    ...negatable.map(([name]) => `no-${name}`),
  ];
  const fail = (message: string): never => {
    throw new UsageError(`${message}; ${usage} --help lists the options`);
  };

  const failUnknown = (argument: string, name: string): never => {
    const near = nearest(name, known);
    const hint = near === undefined ? "" : `, did you mean --${near}?`;
    return fail(`Unknown option ${argument}${hint}`);
  };
  for (const argument of args) {
    if (argument === "--") break;
    const [, name] = /^--([^=]+)/.exec(argument) ?? [];
    if (name !== undefined && !known.includes(name)) {
      failUnknown(argument, name);
    }
  }

  const parsed = parseArgs(joinValues(args, kindOf), {
    alias: { help: "h" },
    boolean: ["help", ...flags.map(([name]) => name)],
    string: [
      "_",
      ...entries.filter(([, { kind }]) => kind !== "flag").map(([n]) => n),
    ],
    negatable: negatable.map(([name]) => name),
    default: Object.fromEntries(
      flags.map(([name, spec]) => [name, spec.default ?? false]),
    ),
    unknown: (argument, key) => key === undefined || failUnknown(argument, key),
  }) as Record<string, unknown> & { _: (string | number)[] };

  const values: Record<string, unknown> = {};
  for (const [name, spec] of entries) {
    const given = parsed[name];
    if (spec.kind === "flag") values[name] = Boolean(given);
    else if (given === undefined) values[name] = spec.default;
    else values[name] = readValue(`--${name}`, spec, String(given), fail);
  }
  for (const argument of args) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(argument) ?? [];
    if (name === undefined || kindOf(name)?.kind !== "flag") continue;
    if (value !== "true" && value !== "false") {
      fail(`--${name} takes no value, got ${JSON.stringify(value)}`);
    }
  }
  return {
    options: values as OptionValues<S>,
    positional: parsed._.map(String),
    help: parsed.help === true,
  };
}

/** `--x -1` as `--x=-1` for options that take a value; `-h` alone is an option. */
function joinValues(
  args: readonly string[],
  kindOf: (name: string) => OptionSpec | undefined,
): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--") return [...joined, ...args.slice(i)];
    const kind = args[i].startsWith("--")
      ? kindOf(args[i].slice(2))?.kind
      : undefined;
    const next = args[i + 1] ?? "";
    const takesValue = kind !== undefined && kind !== "flag";
    if (takesValue && /^-[^-]/.test(next) && next !== "-h") {
      joined.push(`${args[i]}=${next}`);
      i++;
    } else {
      joined.push(args[i]);
    }
  }
  return joined;
}

/** The value of an option, checked. */
function readValue(
  option: string,
  spec: Exclude<OptionSpec, FlagOption>,
  given: string,
  fail: (message: string) => never,
): string | number {
  const needs = `${option} needs ${describeValue(spec)}`;
  if (given.trim() === "") return fail(`${needs}, got nothing`);
  if (spec.kind === "text") return given;
  const got = JSON.stringify(given);
  if (spec.kind === "choice") {
    if (spec.values.includes(given)) return given;
    return fail(`${needs}, got ${got}${suggestion(given, spec.values)}`);
  }
  const number = decimal(given);
  const { least, most, above, below } = spec;
  const allowed = Number.isFinite(number) &&
    (spec.kind === "number" || Number.isSafeInteger(number)) &&
    (least === undefined || number >= least) &&
    (most === undefined || number <= most) &&
    (above === undefined || number > above) &&
    (below === undefined || number < below);
  return allowed ? number : fail(`${needs}, got ${got}`);
}

/** What a value must be, in words. */
function describeValue(spec: Exclude<OptionSpec, FlagOption>): string {
  if (spec.kind === "text") {
    const { placeholder = "text" } = spec;
    // One word in the singular, or a pattern such as a,b,...
    return /^[a-z]+[^s\W]$/.test(placeholder)
      ? `a ${placeholder}`
      : placeholder;
  }
  if (spec.kind === "choice") return `one of ${spec.values.join(", ")}`;
  const bounds = [
    spec.least === undefined ? "" : `of at least ${spec.least}`,
    spec.above === undefined ? "" : `above ${spec.above}`,
    spec.most === undefined ? "" : `of at most ${spec.most}`,
    spec.below === undefined ? "" : `below ${spec.below}`,
  ].filter((bound) => bound !== "");
  const what = spec.kind === "integer" ? "a whole number" : "a number";
  return [what, bounds.join(" and ")].filter((part) => part !== "").join(" ");
}

/**
 * The lines that explain the options of a specification.
 *
 * @param specification The options.
 * @returns One line an option, aligned, `--help` last.
 */
export function describeOptions(specification: Specification): string {
  const rows = Object.entries(specification).map(([name, spec]) => {
    const value = spec.kind === "flag"
      ? ""
      : spec.kind === "text"
      ? ` <${spec.placeholder ?? "text"}>`
      : spec.kind === "choice"
      ? ` <${spec.values.join("|")}>`
      : " <number>";
    const prefix = spec.kind === "flag" && spec.negatable ? "[no-]" : "";
    const shown = spec.default === undefined || spec.default === false
      ? ""
      : ` [${spec.default}]`;
    return [`--${prefix}${name}${value}`, spec.about + shown];
  });
  rows.push(["--help, -h", "Show this help"]);
  // Only names of a usual length set the column.
  const width = Math.max(
    ...rows.map(([left]) => left.length).filter((length) => length <= 30),
  );
  return rows.map(([left, right]) =>
    left.length > width
      ? `  ${left}\n  ${" ".repeat(width)}  ${right}`
      : `  ${left.padEnd(width)}  ${right}`
  ).join("\n");
}

/**
 * Runs a command: what it returns is the exit status; a {@linkcode UsageError}
 * goes to the error output as one line, with exit status 2.
 *
 * @param command The command.
 */
export async function runCommand(
  command: () => Promise<number>,
): Promise<never> {
  try {
    Deno.exit(await command());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
