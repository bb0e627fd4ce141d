/**
 * `deno task oracle`: verify and record golden traces.
 *
 * Exit status: 0 if all is well; 1 if a case fails or cannot be read; 2 if the
 * command line is wrong.
 *
 * @module
 */

import { basename, join } from "node:path";
import {
  type Device,
  exampleDescription,
  exampleModels,
  exampleOptimizers,
  parseDescription,
  readTrace,
  type RecordingDescription,
  recordTrace,
  replayableOptimizerNames,
  type VerifyReport,
  verifyTrace,
  writeTrace,
} from "../src/oracle/mod.ts";
import { PreconditionerError } from "../src/optim/mod.ts";
import {
  describeOptions,
  nearest,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { openDevice } from "./device.ts";

const VERIFY = {
  device: {
    kind: "choice",
    values: ["reference", "cpu", "gpu"],
    default: "reference",
    about: "Where to replay",
  },
  json: { kind: "flag", about: "Print one JSON document instead of tables" },
} as const;

const RECORD = {
  out: {
    kind: "text",
    placeholder: "folder",
    about: "Folder of the new case (required)",
  },
  model: {
    kind: "choice",
    values: exampleModels,
    about: "A model by name, instead of a description",
  },
  optimizer: {
    kind: "choice",
    values: exampleOptimizers,
    about: "With --model: its optimizer (adafisher where not given)",
  },
  seed: {
    kind: "integer",
    least: 0,
    most: 0xffffffff,
    default: 0,
    about: "Same seed, same bytes",
  },
  overwrite: { kind: "flag", about: "Replace a case that is there already" },
} as const;

const COMMANDS: Readonly<
  Record<string, (args: string[]) => Promise<number>>
> = { verify, record };

const VERIFY_USAGE = "deno task oracle verify";
const RECORD_USAGE = "deno task oracle record";

const HELP = `Record and verify golden traces (format adafisher-trace/1).

${VERIFY_USAGE} <case folder>... [options]
  Replays each case and compares: |a - b| <= tolerance * max(1, |b|).
  Optimizers: ${replayableOptimizerNames.join(", ")}.

${describeOptions(VERIFY)}

${RECORD_USAGE} <description.json> --out <folder> [options]
${RECORD_USAGE} --model <name> --out <folder> [options]
  Records a run of this implementation on the float64 reference device. The
  description is a case.json without recordedBy, and with the batches besides:
  "batch": {"size": 8, "input": [3, 8, 8]}, or {"size": 8, "input": [6], "tokens": 9}.

${describeOptions(RECORD)}

Exit status: 0 if all is well; 1 if a case fails or cannot be read; 2 if the
command line is wrong.`;

/** What became of one case. */
type Outcome =
  | { readonly status: "passed" | "failed"; readonly report: VerifyReport }
  | { readonly status: "unreadable"; readonly reason: string };

/** Errors of what was given, as opposed to those of this program. */
function isInputError(error: unknown): error is Error {
  return [
    SyntaxError,
    RangeError,
    TypeError,
    PreconditionerError,
    ...fileErrors,
  ].some((ErrorType) => error instanceof ErrorType);
}

const fileErrors = [
  Deno.errors.NotFound,
  Deno.errors.AlreadyExists,
  Deno.errors.PermissionDenied,
  Deno.errors.NotCapable,
  Deno.errors.NotADirectory,
  Deno.errors.IsADirectory,
  Deno.errors.InvalidData,
];

async function verifyFolder(folder: string, device: Device): Promise<Outcome> {
  try {
    const report = await verifyTrace(await readTrace(folder), { device });
    return { status: report.passed ? "passed" : "failed", report };
  } catch (error) {
    if (isInputError(error)) {
      return { status: "unreadable", reason: error.message };
    }
    throw error;
  }
}

async function requireFolder(folder: string): Promise<void> {
  const found = await Deno.stat(folder).catch((error) => {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory
    ) return undefined;
    throw error;
  });
  if (!found?.isDirectory) {
    throw new UsageError(
      `Cannot verify ${folder}: a case must be a folder with case.json and trace.safetensors, got ${
        found ? "a file" : "nothing"
      } there`,
    );
  }
}

async function verify(args: string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    VERIFY,
    VERIFY_USAGE,
  );
  if (help) {
    console.log(HELP);
    return 0;
  }
  if (positional.length === 0) {
    throw new UsageError(
      `${VERIFY_USAGE} needs at least one case folder, got none; --help explains`,
    );
  }
  for (const folder of positional) await requireFolder(folder);
  const { device } = await openDevice(options.device);
  const outcomes: { folder: string; outcome: Outcome }[] = [];
  for (const folder of positional) {
    const outcome = await verifyFolder(folder, device);
    outcomes.push({ folder, outcome });
    if (!options.json) console.log(formatOutcome(folder, outcome));
  }
  const counts = { passed: 0, failed: 0, unreadable: 0 };
  for (const { outcome } of outcomes) counts[outcome.status]++;
  const ok = counts.passed === outcomes.length;
  if (options.json) {
    const cases = outcomes.map(({ folder, outcome }) => ({
      folder,
      ...outcome,
    }));
    const text = JSON.stringify({ ok, counts, cases }, namedNumbers, 2);
    console.log(text);
  } else {
    const parts = Object.entries(counts)
      .filter(([status, count]) => count > 0 || status === "passed")
      .map(([status, count]) => `${count} ${status}`);
    console.log(
      `${outcomes.length} ${outcomes.length === 1 ? "case" : "cases"}: ${
        parts.join(", ")
      }`,
    );
  }
  return ok ? 0 : 1;
}

/** JSON has no NaN and no infinities: they become texts. */
function namedNumbers(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value)
    ? String(value)
    : value;
}

/** Most lines that one case's problems take. */
const MOST_LINES = 10;

function formatOutcome(folder: string, outcome: Outcome): string {
  if (!("report" in outcome)) {
    return `${basename(folder)}: ${outcome.status}\n  ${outcome.reason}\n`;
  }
  const { report } = outcome;
  const header = ["kind", "tensors", "worst error", "at", ""];
  const rows = report.kinds.map(({ kind, tensors, failed, worst }) => [
    kind,
    String(tensors),
    worst ? worst.error.toExponential(2) : "-",
    worst
      ? `${worst.tensor}[${worst.index.join(", ")}], step ${worst.step}`
      : "-",
    failed === 0
      ? "pass"
      : `FAIL: ${failed} of ${tensors}, recorded ${worst?.recorded}, replayed ${worst?.replayed}`,
  ]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column].length))
  );
  const table = [header, ...rows].map((row) =>
    `  ${
      row.map((cell, i) =>
        i === 1 || i === 2 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])
      ).join("  ")
    }`.trimEnd()
  );
  return [
    `${report.name}: ${outcome.status} on ${report.device}, tolerance ${report.tolerance}`,
    `  recorded by ${report.recordedBy}`,
    ...table,
    ...shortened(report.problems.map((problem) => `  FAIL: ${problem}`)),
    "",
  ].join("\n");
}

function shortened(lines: string[]): string[] {
  return lines.length <= MOST_LINES ? lines : [
    ...lines.slice(0, MOST_LINES),
    `  and ${lines.length - MOST_LINES} more of these`,
  ];
}

async function record(args: string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    RECORD,
    RECORD_USAGE,
  );
  if (help) {
    console.log(HELP);
    return 0;
  }
  const { out, model, optimizer } = options;
  if (out === undefined) {
    throw new UsageError(`${RECORD_USAGE} needs --out <folder>, got none`);
  }
  if (positional.length !== (model === undefined ? 1 : 0)) {
    throw new UsageError(
      `${RECORD_USAGE} needs one description, or --model and no description, got ${
        positional.length === 0 ? "neither" : positional.join(" ")
      }`,
    );
  }
  if (model === undefined && optimizer !== undefined) {
    throw new UsageError(
      `--optimizer goes with --model: a description names its own optimizer`,
    );
  }
  try {
    const description = model === undefined
      ? await readDescription(positional[0])
      : exampleDescription(model, optimizer ?? "adafisher");
    const trace = await recordTrace(description, {
      seed: options.seed,
      name: basename(out),
    });
    await writeTrace(out, trace, { overwrite: options.overwrite });
    const losses = trace.tensors.get("losses")!.data;
    console.log(
      `${
        join(out, "trace.safetensors")
      }: ${trace.tensors.size} tensors, ${losses.length} steps, loss ${
        losses[0].toPrecision(6)
      } to ${losses[losses.length - 1].toPrecision(6)}`,
    );
    return 0;
  } catch (error) {
    if (!isInputError(error)) throw error;
    const hint = error instanceof Deno.errors.AlreadyExists
      ? "; --overwrite allows it"
      : "";
    console.error(error.message + hint);
    return 1;
  }
}

async function readDescription(path: string): Promise<RecordingDescription> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UsageError(
      `Cannot read description ${path}: the file must exist, got none`,
    );
  }
  return parseDescription(text, path);
}

function main([command, ...args]: readonly string[]): Promise<number> {
  if (command === undefined) {
    throw new UsageError(
      `deno task oracle needs a command: ${
        Object.keys(COMMANDS).join(" or ")
      }; --help explains`,
    );
  }
  if (command === "--help" || command === "-h" || command === "help") {
    console.log(HELP);
    return Promise.resolve(0);
  }
  if (!Object.hasOwn(COMMANDS, command)) {
    const near = nearest(command, Object.keys(COMMANDS));
    throw new UsageError(
      `Unknown command ${JSON.stringify(command)}: it must be ${
        Object.keys(COMMANDS).join(" or ")
      }${near ? `, did you mean ${near}?` : ""}`,
    );
  }
  return COMMANDS[command](args);
}

if (import.meta.main) {
  await runCommand(async () => await main(Deno.args));
}
