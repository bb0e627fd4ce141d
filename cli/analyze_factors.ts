/**
 * `deno task analyze-factors`: how much of Kronecker factors is on their diagonal, and
 * what AdaFisher's preconditioner does with them.
 *
 * @module
 */

import { join } from "@std/path";
import { writeFileAtomically } from "../src/io/mod.ts";
import {
  describeOptions,
  type OptionValues,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { type Data, loadData } from "./data.ts";
import { openDevice } from "./device.ts";
import { analyze, type Choice } from "./factor_analysis.ts";
import { FIGURES, filesOf } from "./factor_outputs.ts";
import {
  type FactorSource,
  openFactors,
  usualLayers,
} from "./factor_source.ts";
import { findingCells, findingColumns, jsonText } from "./factor_table.ts";
import { Failure, interruptible, outside, pause } from "./failure.ts";
import { inNewFolder } from "./folder.ts";
import { decimal } from "./numbers.ts";
import { ProgressBar } from "./progress.ts";
import {
  build,
  type RunOptions,
  runOptions,
  type RunParts,
  trainingOptions,
} from "./recipe.ts";
import { trainRun, writeOptions } from "./run.ts";
import { textTable } from "./table.ts";

const USAGE = "deno task analyze-factors";

/** The run made here keeps the factors of every so many steps. */
const KEPT = 10;

const specification = {
  run: {
    kind: "text",
    placeholder: "folder",
    about:
      "Folder of a run with factors, or of .npy, .npz, .safetensors [trains on the digits]",
  },
  layers: {
    kind: "text",
    placeholder: "a,b,...",
    about:
      "Layers that get figures; the table has all [the middle convolution, the last linear one]",
  },
  steps: {
    kind: "text",
    placeholder: "k,l,...",
    about: "Steps that are studied [the first and the last that were kept]",
  },
  average: {
    kind: "choice",
    values: ["paper", "official"],
    default: "paper",
    about: "Which of a run's averages the figures show; the table has both",
  },
  noise: {
    kind: "number",
    least: 0,
    default: 1e-3,
    about: "Deviation of the noise, relative to a factor's largest entry",
  },
  seed: {
    kind: "integer",
    least: 0,
    most: 0xffffffff,
    default: 0,
    about: "Of the noise, and of the training; same seed, same numbers",
  },
  "max-rows": {
    kind: "integer",
    least: 1,
    most: 20_000,
    default: 5000,
    about: "Rows of the largest factor that is studied; n take 100 n^2 bytes",
  },
  out: {
    kind: "text",
    placeholder: "folder",
    about: "Where report, figures and numbers go [runs/<date>-analyze-factors]",
  },
  json: trainingOptions.json,
} as const;

type Options = OptionValues<typeof specification>;

/** The folder to read: the one argument, or `--run`. */
function folderOf(
  { run }: Options,
  positional: readonly string[],
): string | undefined {
  const [folder = run, ...more] = positional;
  if (more.length > 0 || (positional.length > 0 && run !== undefined)) {
    throw new UsageError(
      `${USAGE} takes one folder, got ${
        [...positional, ...(run === undefined ? [] : [`--run ${run}`])]
          .join(" ")
      }`,
    );
  }
  return folder;
}

/** The small network on the digits, whose factors are to be kept. */
interface Training {
  readonly options: RunOptions;
  readonly data: Data;
  readonly parts: RunParts;
  /** Layers and steps whose factors it keeps. */
  readonly layers: readonly string[];
  readonly steps: readonly number[];
}

async function trainingOf(
  seed: number,
  signal: AbortSignal,
): Promise<Training> {
  const options = runOptions({ dataset: "digits", seed });
  const data = await loadData("digits", null, signal);
  const parts = build(options, data.train);
  const layers = parts.model.kronecker.map(({ name }) => name);
  const { epochs, batchSize } = options;
  const last = epochs * Math.ceil(data.train.count / batchSize);
  const steps = Array.from(
    { length: Math.floor(last / KEPT) },
    (_, i) => (i + 1) * KEPT,
  );
  return { options, data, parts, layers, steps };
}

/** Trains, and keeps the factors. */
async function train(
  { options, data, parts, layers }: Training,
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  // The same numbers on every machine, whatever GPU it has.
  const { device, title } = await openDevice("cpu");
  say(
    `Training ${options.model} on the digits, seed ${options.seed}, device ${title}; factors of every ${KEPT}th step are kept`,
  );
  await outside(() => Deno.mkdir(folder));
  await writeOptions(folder, options);
  const end = await trainRun({ options }, data, parts, {
    folder,
    device,
    saveEvery: { count: options.epochs, unit: "epoch" },
    factors: { when: `every:${KEPT}`, layers },
    say,
    signal,
  });
  if (end.error) throw new Failure(end.error.message);
  signal.throwIfAborted();
}

/** What is chosen of what is there. */
function choose(
  source: Pick<FactorSource, "folder" | "layers" | "steps" | "run">,
  options: Options,
): Choice {
  const { average, noise, seed, "max-rows": maxRows } = options;
  const layers = options.layers?.split(",") ?? usualLayers(source);
  const strange = layers.find((name) => !source.layers.includes(name));
  if (strange !== undefined) {
    throw new Failure(
      `--layers must name layers whose factors are in ${source.folder}, which are ${
        source.layers.join(", ")
      }; got ${JSON.stringify(strange)}`,
    );
  }
  const there = source.steps;
  const steps = options.steps?.split(",").map(decimal) ??
    [...new Set([there[0], there.at(-1)!])].slice(0, there.length);
  const absent = steps.findIndex((step) => !there.includes(step));
  if (absent >= 0) {
    throw new Failure(
      `--steps must name steps whose factors are in ${source.folder}, which are ${
        there.join(", ") || "not known: no file says one"
      }; got ${JSON.stringify(options.steps!.split(",")[absent])}`,
    );
  }
  return {
    layers: [...new Set(layers)],
    steps: [...new Set(steps)].sort((a, b) => a - b),
    average,
    noise,
    seed,
    maxRows,
  };
}

async function main(args: readonly string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    specification,
    USAGE,
  );
  if (help) {
    console.log(
      `Tells how much of Kronecker factors is on their diagonal; without a folder, of a small network that it trains on the digits.\n\nUsage: ${USAGE} [folder] [options]\n\nOptions:\n${
        describeOptions(specification)
      }`,
    );
    return 0;
  }
  const given = folderOf(options, positional);
  const say = options.json ? console.error : console.log;
  return await interruptible(async (signal) => {
    const opened = given === undefined
      ? await trainingOf(options.seed, signal)
      : await openFactors(given);
    // What is not there is told before a training.
    choose({ folder: "the run on the digits", ...opened }, options);
    return await inNewFolder(options.out, "analyze-factors", async (folder) => {
      const run = join(folder, "run");
      if ("parts" in opened) await train(opened, run, say, signal);
      const source = "parts" in opened ? await openFactors(run) : opened;
      const choice = choose(source, options);
      const analysis = await analyze(source, choice, signal);
      const bar = new ProgressBar();
      const files = await filesOf(analysis, async (done, total) => {
        bar.show(() => ({
          done,
          total,
          title: "Drawing",
          details: `${done} of ${total} figures`,
        }));
        await pause();
        signal.throwIfAborted();
      }).finally(() => bar.clear());
      await outside(() => Deno.mkdir(join(folder, FIGURES)));
      for (const [name, bytes] of Object.entries(files)) {
        await outside(() => writeFileAtomically(join(folder, name), bytes));
      }
      say(textTable(findingColumns, analysis.findings.map(findingCells)));
      for (const name of analysis.leftOut) {
        say(
          `Left out, with more rows than --max-rows ${choice.maxRows}: ${name}`,
        );
      }
      say(
        `report.html, figures (SVG, PNG) and numbers (CSV, JSON) are in ${folder}`,
      );
      if (options.json) {
        const { findings, leftOut } = analysis;
        console.log(jsonText({ ...choice, findings, leftOut, out: folder }));
      }
      return 0;
    });
  });
}

if (import.meta.main) await runCommand(() => main(Deno.args));
