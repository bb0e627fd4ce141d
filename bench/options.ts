/**
 * The command line of `deno task bench`.
 *
 * @module
 */

import {
  describeOptions,
  nearest,
  parseOptions,
  UsageError,
} from "../cli/arguments.ts";
import { type Case, cases } from "./cases.ts";

const USAGE = "deno task bench";

const deviceNames = ["gpu", "cpu"] as const;

/** Where it can be measured. */
export type DeviceName = typeof deviceNames[number];

const specification = {
  device: {
    kind: "choice",
    values: deviceNames,
    default: "gpu",
    about: "Where to compute, a software adapter included",
  },
  only: {
    kind: "text",
    placeholder: "names",
    about: "Cases to measure, such as matmul-512 or conv,mlp",
  },
  peers: {
    kind: "flag",
    default: true,
    negatable: true,
    about: "Measure jax-js and TensorFlow.js as well",
  },
  rounds: {
    kind: "integer",
    least: 1,
    default: 5,
    about: "How often each has its turn",
  },
  seconds: {
    kind: "number",
    above: 0,
    default: 5,
    about: "Time of each in a case, in all rounds; at least a step a round",
  },
  markdown: { kind: "flag", about: "Print a section for bench/README.md" },
  json: { kind: "flag", about: "Print one JSON document with all times" },
} as const;

/** What `--help` prints. */
export const HELP =
  `Measure this library and its peers at the same work, in turn.

${USAGE} [options]

Cases:
${cases.map(({ name, title }) => `  ${name.padEnd(14)}  ${title}`).join("\n")}

Options:
${describeOptions(specification)}
`;

/** What the command line asks for. */
export interface BenchOptions {
  readonly device: DeviceName;
  readonly cases: readonly Case[];
  readonly peers: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly markdown: boolean;
  readonly json: boolean;
}

/**
 * Reads the command line.
 *
 * @param args The arguments, as `Deno.args`.
 * @returns The options, or that help is wanted.
 * @throws {UsageError} If something in them cannot be.
 */
export function readOptions(args: readonly string[]): BenchOptions | "help" {
  // `deno task bench -- --only mlp` passes the dashes on.
  const given = args[0] === "--" ? args.slice(1) : args;
  const { options, positional, help } = parseOptions(
    given,
    specification,
    USAGE,
  );
  if (help) return "help";
  if (positional.length > 0) {
    throw new UsageError(
      `Unexpected argument ${
        JSON.stringify(positional[0])
      }; ${USAGE} --help lists the options`,
    );
  }
  if (options.json && options.markdown) {
    throw new UsageError(
      `--json and --markdown cannot both be given; ${USAGE} --help lists the options`,
    );
  }
  return { ...options, cases: chooseCases(options.only) };
}

/** The cases that `--only` names: whole names, or their first words. */
function chooseCases(only: string | undefined): readonly Case[] {
  if (only === undefined) return cases;
  const words = only.split(",").map((word) => word.trim());
  const has = ({ name }: Case, word: string): boolean =>
    name === word || name.startsWith(`${word}-`);
  for (const word of words) {
    if (cases.some((it) => has(it, word))) continue;
    const names = cases.map(({ name }) => name);
    const near = nearest(word, names);
    throw new UsageError(
      `--only needs names of cases, got ${JSON.stringify(word)}${
        near === undefined ? "" : `, did you mean ${near}?`
      }; ${USAGE} --help lists them`,
    );
  }
  return cases.filter((it) => words.some((word) => has(it, word)));
}
