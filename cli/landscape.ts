/**
 * `deno task landscape`: Figure 1 of the paper, for any of the optimizers: where
 * they take the first layer's weights, over the surface of the losses.
 *
 * @module
 */

import { join } from "@std/path";
import {
  landscapeProblem,
  landscapeTrajectory,
  lossSurface,
  type Trajectory,
} from "../src/analysis/mod.ts";
import { CpuError } from "../src/cpu/mod.ts";
import { GpuError } from "../src/gpu/mod.ts";
import { writeFileAtomically } from "../src/io/mod.ts";
import {
  type Optimizer,
  optimizerByName,
  type OptimizerName,
  optimizerNames,
  PreconditionerError,
} from "../src/optim/mod.ts";
import { NonFiniteError } from "../src/train/mod.ts";
import {
  describeOptions,
  nearest,
  type OptionValues,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { openDevice } from "./device.ts";
import { Failure, interruptible, outside, pause } from "./failure.ts";
import { inNewFolder } from "./folder.ts";
import {
  filesOf,
  type LandscapeOptimizer,
  resultsOf,
  tableText,
} from "./landscape_files.ts";
import { decimal, short } from "./numbers.ts";
import { ProgressBar } from "./progress.ts";
import { isAdaFisher, runOptions, trainingOptions } from "./recipe.ts";

const USAGE = "deno task landscape";

const specification = {
  optimizers: {
    kind: "text",
    placeholder: "a,b,c",
    default: "adafisher:official,adafisher:paper,adam,adahessian,kfac,shampoo",
    about:
      "Which optimizers, as name, name:preset or name@rate, such as adam@0.01",
  },
  epochs: {
    kind: "integer",
    least: 1,
    most: 100_000,
    default: 20,
    about: "How often each sees all flowers, in 15 steps",
  },
  seed: {
    kind: "integer",
    least: 0,
    most: 0xffffffff,
    default: 2,
    about: "Same seed, same figure",
  },
  size: {
    kind: "integer",
    least: 2,
    most: 1000,
    default: 200,
    about: "Rows and columns of the surface's grid",
  },
  device: {
    kind: "choice",
    values: trainingOptions.device.values,
    default: "reference",
    about: "Where to compute; auto takes a real GPU, else cpu",
  },
  threads: trainingOptions.threads,
  out: {
    kind: "text",
    placeholder: "folder",
    about: "Where figure, data and report go [runs/<date>-landscape]",
  },
  json: trainingOptions.json,
} as const;

type Options = OptionValues<typeof specification>;

/** An optimizer that was asked for. */
interface Entry extends LandscapeOptimizer {
  readonly name: OptimizerName;
  readonly preset: "official" | "paper" | null;
}

/** Reads `--optimizers`. */
function readOptimizers(text: string): Entry[] {
  const parts = text.split(",").map((part) => part.trim());
  const entries = parts.map(readOptimizer);
  const runs = entries.map(({ name, preset, learningRate }) =>
    [name, ...(preset === null ? [] : [preset]), "at rate", learningRate]
      .join(" ")
  );
  const twice = runs.findIndex((run, i) => runs.indexOf(run) !== i);
  if (twice === -1) return entries;
  const first = parts[runs.indexOf(runs[twice])];
  throw new UsageError(
    `--optimizers needs optimizers that differ, got ${
      first === parts[twice]
        ? `${first} twice`
        : `${first} and ${parts[twice]}, both ${runs[twice]}`
    }`,
  );
}

function readOptimizer(text: string): Entry {
  const fail = (rule: string): never => {
    throw new UsageError(
      `--optimizers needs ${rule}, got ${
        JSON.stringify(text)
      }; ${USAGE} --help lists the options`,
    );
  };
  const [, name = "", preset, rate] =
    /^([^:@]*)(?::([^@]*))?(?:@(.*))?$/.exec(text) ?? [];
  if (!isOptimizer(name)) {
    const near = nearest(name, optimizerNames);
    return fail(
      `names among ${optimizerNames.join(", ")}${
        near === undefined ? "" : ` (did you mean ${near}?)`
      }`,
    );
  }
  if (preset !== undefined && !isAdaFisher(name)) {
    return fail("presets of adafisher and adafisherw alone");
  }
  if (preset !== undefined && preset !== "official" && preset !== "paper") {
    return fail("preset official or paper");
  }
  const number = decimal(rate ?? "");
  if (rate !== undefined && !(number > 0 && Number.isFinite(number))) {
    return fail("a learning rate above 0 after @");
  }
  const options = runOptions({
    dataset: "iris",
    optimizer: name,
    preset,
    lr: rate === undefined ? undefined : number,
  });
  const { learningRate } = options;
  return {
    title: [
      name,
      ...(options.preset === null ? [] : [options.preset]),
      ...(rate === undefined ? [] : [`lr ${learningRate}`]),
    ].join(" "),
    name,
    preset: options.preset,
    learningRate,
  };
}

const isOptimizer = (name: string): name is OptimizerName =>
  optimizerNames.includes(name as OptimizerName);

/** Trains with each optimizer. */
async function trajectoriesOf(
  entries: readonly Entry[],
  { epochs, seed, device: name, threads }: Options,
  signal: AbortSignal,
): Promise<{ trajectories: Trajectory[]; device: string }> {
  const problem = landscapeProblem();
  const { device, title } = await openDevice(name, { threads });
  const bar = new ProgressBar();
  const trajectories: Trajectory[] = [];
  for (const [i, entry] of entries.entries()) {
    const optimizer: Optimizer = optimizerByName(
      entry.name,
      problem.model,
      {
        ...(entry.preset === null ? {} : { preset: entry.preset }),
        ...(entry.name === "sgd" ? { momentum: 0.9 } : {}),
      },
    );
    try {
      trajectories.push(
        await landscapeTrajectory(problem, {
          name: entry.title,
          optimizer,
          learningRate: entry.learningRate,
          epochs,
          seed,
          device,
          onEpoch: async (epoch) => {
            bar.show(() => ({
              done: i * epochs + epoch,
              total: entries.length * epochs,
              title: "Training",
              details: `${entry.title}, epoch ${epoch}/${epochs}`,
            }));
            await pause();
            signal.throwIfAborted();
          },
        }),
      );
    } catch (error) {
      const known = [NonFiniteError, PreconditionerError, GpuError, CpuError];
      if (!known.some((KnownError) => error instanceof KnownError)) throw error;
      const { message } = error as Error;
      throw new Failure(
        `${entry.title} failed: ${message}; leave it out, or give it another rate, such as ${entry.name}@${
          entry.learningRate / 10
        }`,
        { cause: error },
      );
    } finally {
      bar.clear();
    }
  }
  return { trajectories, device: title };
}

/** Which optimizer takes the weights furthest, for a surface that cannot be made. */
function furthest(trajectories: readonly Trajectory[]): string {
  const reach = ({ points }: Trajectory): number =>
    Math.max(...points.flatMap(({ weights }) => weights.map(Math.abs)));
  const { name, points } = trajectories.reduce((far, other) =>
    reach(other) > reach(far) ? other : far
  );
  const [x, y] = points.at(-1)!.weights.map(short);
  return `${name} takes the weights furthest, at last to (${x}, ${y}): leave it out, or give it a smaller rate`;
}

async function main(args: readonly string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    specification,
    USAGE,
  );
  if (help) {
    console.log(
      `Draws where optimizers take two weights, over the surface of the losses: the paper's Figure 1.\n\nUsage: ${USAGE} [options]\n\nOptions:\n${
        describeOptions(specification)
      }\n\nOptimizers: ${optimizerNames.join(", ")}`,
    );
    return 0;
  }
  if (positional.length > 0) {
    throw new UsageError(
      `Unexpected argument ${
        JSON.stringify(positional[0])
      }; ${USAGE} --help lists the options`,
    );
  }
  const entries = readOptimizers(options.optimizers);
  const say = options.json ? console.error : console.log;
  return await interruptible(async (signal) => {
    return await inNewFolder(options.out, "landscape", async (folder) => {
      const { trajectories, device } = await trajectoriesOf(
        entries,
        options,
        signal,
      );
      const surface = await outside(
        () => lossSurface(trajectories, options.size),
        furthest(trajectories),
      );
      const { epochs, seed } = options;
      const results = resultsOf(entries, trajectories);
      const files = await filesOf({
        epochs,
        seed,
        device,
        optimizers: entries,
        trajectories,
        surface,
      });
      for (const [name, bytes] of Object.entries(files)) {
        await outside(() => writeFileAtomically(join(folder, name), bytes));
      }
      say(tableText(results));
      say(
        `Figure (SVG, PNG, Vega-Lite), data (CSV, JSON) and report.html are in ${folder}`,
      );
      if (options.json) {
        console.log(
          JSON.stringify({ epochs, seed, device, results, out: folder }),
        );
      }
      return 0;
    });
  });
}

if (import.meta.main) await runCommand(() => main(Deno.args));
