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
import { type Case, casesOf, type DeviceName } from "./cases.ts";
import { RATES } from "./rates.ts";

const USAGE = "deno task bench";

const deviceNames = ["gpu", "cpu"] as const satisfies readonly DeviceName[];

const peerNames = ["jax", "tfjs", "pytorch"] as const;

/** Whoever is measured besides this library. */
export type PeerName = typeof peerNames[number];

const specification = {
  device: {
    kind: "choice",
    values: deviceNames,
    default: "gpu",
    about: "Where to compute, a software adapter included",
  },
  threads: {
    kind: "integer",
    least: 1,
    about: "Threads of --device cpu and of PyTorch; one a core by default",
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
    about: "Measure jax-js, TensorFlow.js and, on the CPU, PyTorch as well",
  },
  against: {
    kind: "text",
    placeholder: "peers",
    about: "Measure these only, of jax, tfjs and, on the CPU, pytorch",
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

Cases; the last two with --device cpu only:
${
    [...casesOf("cpu"), RATES].map(({ name, title }) =>
      `  ${name.padEnd(14)}  ${title}`
    ).join("\n")
  }

Options:
${describeOptions(specification)}
`;

/** What the command line asks for. */
export interface BenchOptions {
  readonly device: DeviceName;
  /** Threads of the CPU; all cores by default. */
  readonly threads: number;
  readonly cases: readonly Case[];
  /** Whether rates are held against those of a product. */
  readonly rates: boolean;
  /** The peers to measure. */
  readonly peers: readonly PeerName[];
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
  const { device, only } = options;
  if (device !== "cpu" && options.threads !== undefined) {
    throw new UsageError(
      `--threads needs --device cpu; ${USAGE} --help lists the options`,
    );
  }
  const { threads = navigator.hardwareConcurrency } = options;
  return {
    ...options,
    threads,
    peers: options.peers ? choosePeers(device, options.against) : [],
    ...chooseCases(device, only),
  };
}

/** The peers that `--against` names; by default all that a device has. */
function choosePeers(
  device: DeviceName,
  against: string | undefined,
): readonly PeerName[] {
  const all = peerNames.filter((name) =>
    device === "cpu" || name !== "pytorch"
  );
  const words = against?.split(",").map((word) => word.trim());
  const unknown = words?.find((word) => !all.some((name) => name === word));
  if (unknown !== undefined) {
    throw new UsageError(
      `--against needs names of ${all.join(", ")}, got ${
        JSON.stringify(unknown)
      }; ${USAGE} --help lists the options`,
    );
  }
  return all.filter((name) => words?.includes(name) ?? true);
}

/** The cases that `--only` names: whole names, or their first words. */
function chooseCases(
  device: DeviceName,
  only: string | undefined,
): { cases: readonly Case[]; rates: boolean } {
  const all = casesOf(device);
  const named = device === "cpu" ? [...all, RATES] : all;
  const words = only?.split(",").map((word) => word.trim());
  const chosen = ({ name }: { name: string }): boolean =>
    words?.some((word) => isCalled(name, word)) ?? true;
  for (const word of words ?? []) {
    if (named.some(({ name }) => isCalled(name, word))) continue;
    const near = nearest(word, named.map(({ name }) => name));
    throw new UsageError(
      `--only needs names of cases, got ${JSON.stringify(word)}${
        near === undefined ? "" : `, did you mean ${near}?`
      }; ${USAGE} --help lists them`,
    );
  }
  return {
    cases: all.filter(chosen),
    rates: named.some((it) => it === RATES && chosen(it)),
  };
}

function isCalled(name: string, word: string): boolean {
  return name === word || name.startsWith(`${word}-`);
}
