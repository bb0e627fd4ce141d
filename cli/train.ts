/**
 * `deno task train`: trains a model, and leaves its checkpoint, metrics and options
 * in a folder.
 *
 * @module
 */

import { join } from "@std/path";
import { loadCheckpoint } from "../src/io/mod.ts";
import { parameterCount } from "../src/models/mod.ts";
import { describe, optimizerNames } from "../src/optim/mod.ts";
import { Profile } from "../src/program/mod.ts";
import {
  describeOptions,
  type OptionValues,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { datasetNames, loadData } from "./data.ts";
import { openDevice } from "./device.ts";
import { factorPlan, FACTORS, resumedPlan } from "./factors.ts";
import { Failure, interruptible, outside } from "./failure.ts";
import { lockFolder, newFolder } from "./folder.ts";
import { percent, whole } from "./numbers.ts";
import { profileTable, writeTrace } from "./profile.ts";
import {
  build,
  type RunOptions,
  runOptions,
  scheduleNames,
  scheduleOf,
  trainingOptions,
} from "./recipe.ts";
import {
  CHECKPOINT,
  GPU_PREFETCH,
  type Run,
  type RunEnd,
  type SaveEvery,
  trainRun,
  writeOptions,
} from "./run.ts";

const USAGE = "deno task train";
/** A trace for chrome://tracing and Perfetto. */
const PROFILE = "profile.json";
const specification = {
  dataset: trainingOptions.dataset,
  model: trainingOptions.model,
  optimizer: {
    kind: "choice",
    values: optimizerNames,
    about: "The optimizer [adafisher]",
  },
  preset: trainingOptions.preset,
  lr: {
    kind: "number",
    above: 0,
    about:
      "Learning rate [1e-3; sgd, with momentum 0.9: 0.1; preset paper on digits and iris: 3e-3]",
  },
  "weight-decay": {
    kind: "number",
    least: 0,
    about: "Weight decay [the optimizer's; on CIFAR 5e-4 for adafisher, sgd]",
  },
  epochs: {
    kind: "integer",
    least: 1,
    about: "How often all examples are seen [digits 6, iris 60, CIFAR 200]",
  },
  "batch-size": trainingOptions["batch-size"],
  schedule: {
    kind: "choice",
    values: scheduleNames,
    about:
      "Learning rate over the run; cosine-restarts: after 1/7 and 3/7 of " +
      "it, step: a tenth after each third [cosine]",
  },
  warmup: {
    kind: "integer",
    least: 0,
    about: "Steps in which the learning rate rises first [0]",
  },
  clip: {
    kind: "number",
    above: 0,
    about: "Largest norm of all gradients together [none]",
  },
  device: trainingOptions.device,
  threads: trainingOptions.threads,
  prefetch: {
    kind: "integer",
    least: 0,
    most: 1000,
    about:
      "Batches that a worker makes ahead; the results do not depend on it " +
      `[CIFAR on a GPU ${GPU_PREFETCH}, else 0]`,
  },
  seed: {
    kind: "integer",
    least: 0,
    most: 0xffffffff,
    about: "Same seed, same run [0]",
  },
  "data-dir": trainingOptions["data-dir"],
  out: {
    kind: "text",
    placeholder: "folder",
    about: "Folder of the run [runs/<date>-<dataset>-<model>-<optimizer>]",
  },
  resume: {
    kind: "text",
    placeholder: "folder",
    about: "Go on with the run in this folder, by its own options",
  },
  "save-every": {
    kind: "text",
    placeholder: "n[steps|epochs]",
    default: "1epochs",
    about: "How often a checkpoint is saved, such as 100steps",
  },
  factors: {
    kind: "text",
    placeholder: "steps",
    about:
      "Steps in which full Kronecker factors are kept, such as every:50 or " +
      "steps:1,50; observed in the 100 steps before each, which may double their time",
  },
  "factor-layers": {
    kind: "text",
    placeholder: "names",
    about: "Layers whose factors are kept, such as fc1,fc2 [all with factors]",
  },
  describe: {
    kind: "flag",
    about: "Show which rule each parameter gets, and do not train",
  },
  profile: {
    kind: "flag",
    about:
      `Show what each kernel took, and write a trace, ${PROFILE}, into the run's folder`,
  },
  json: trainingOptions.json,
} as const;

type Options = OptionValues<typeof specification>;

/** Options that a resumed run may be given; it has the others. */
const RESUMABLE = [
  "resume",
  "device",
  "threads",
  "prefetch",
  "data-dir",
  "save-every",
  "describe",
]
  .concat("profile", "json");

function readSaveEvery(text: string): SaveEvery {
  const [, count, unit] = /^([1-9]\d{0,14})(steps?|epochs?)?$/.exec(text) ?? [];
  if (count === undefined) {
    throw new UsageError(
      `--save-every needs a number of steps or epochs, such as 100steps or 2epochs, got ${
        JSON.stringify(text)
      }; ${USAGE} --help lists the options`,
    );
  }
  return {
    count: Number(count),
    unit: unit?.startsWith("step") ? "step" : "epoch",
  };
}

/** The folder of a new run, made here. */
function makeFolder(
  { dataset, model, optimizer }: RunOptions,
  out: string | undefined,
): Promise<string> {
  return newFolder({
    out,
    name: `${dataset}-${model}-${optimizer}`,
    task: "train into",
    advice: `--resume ${out} goes on with a run, another --out begins one`,
  });
}

async function openRun(options: Options): Promise<Run> {
  const { resume } = options;
  if (resume === undefined) return { options: runOptions(options) };
  const refused = Object.entries(options).find(([name, value]) =>
    value !== undefined && value !== false && !RESUMABLE.includes(name)
  );
  if (refused) {
    throw new UsageError(
      `--${
        refused[0]
      } cannot be given with --resume: the run in ${resume} has its own options`,
    );
  }
  const path = join(resume, CHECKPOINT);
  const checkpoint = await outside(() => loadCheckpoint(path));
  const saved = checkpoint.description.options as RunOptions;
  if (!datasetNames.includes(saved.dataset)) {
    throw new Failure(
      `Cannot resume from ${path}: its options must be those of ${USAGE}, got ${
        JSON.stringify(saved)
      }`,
    );
  }
  const dataFolder = options["data-dir"] ?? saved.dataFolder;
  return { options: { ...saved, dataFolder }, from: { checkpoint, path } };
}

/** Shows where the time went, and leaves the trace in the run's folder. */
async function showProfile(
  profile: Profile,
  folder: string,
  title: string,
  say: (line: string) => void,
): Promise<void> {
  const path = join(folder, PROFILE);
  await outside(() => writeTrace(path, profile, title));
  const { traced, count } = profile;
  say(profileTable(profile));
  say(
    `A trace of ${
      traced === count ? "all of them" : `the first ${whole(traced)} of them`
    } is in ${path}, for chrome://tracing or ui.perfetto.dev`,
  );
}

/** What someone who just saw this run may want to see next. */
function nextSteps(options: RunOptions, folder: string): string {
  const others: [string, string][] = [
    options.preset === null
      ? ["--optimizer adafisher", "the optimizer this is about"]
      : options.preset === "paper"
      ? ["--preset official", "AdaFisher as in its official code"]
      : ["--preset paper", "AdaFisher as in the paper"],
    options.optimizer === "adam"
      ? ["--optimizer sgd", "what SGD with momentum reaches"]
      : ["--optimizer adam", "what Adam reaches"],
    options.model === "cnn"
      ? ["--model mlp", "a network without convolutions"]
      : ["--seed 1", "other first parameters, another order"],
    ["--describe", "which rule each parameter gets"],
    ["--help", "all options"],
  ];
  return [
    `Checkpoint, metrics and options are in ${folder}`,
    "Try next:",
    ...others.map(([option, why]) => `  ${USAGE} ${option.padEnd(21)}  ${why}`),
  ].join("\n");
}

/** Why a run failed, and what is left of it. */
function whyFailed({ error, savedStep }: RunEnd, folder: string): string {
  const { message } = error!;
  return `${message}${message.includes("\n") ? "\n" : "; "}${
    savedStep === undefined
      ? "no checkpoint was saved yet"
      : `the last checkpoint, of step ${savedStep}, is in ${
        join(folder, CHECKPOINT)
      }`
  }`;
}

async function main(args: readonly string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    specification,
    USAGE,
  );
  if (help) {
    console.log(
      `Trains a model; without options, a small network on handwritten digits.\n\nUsage: ${USAGE} [options]\n\nOptions:\n${
        describeOptions(specification)
      }`,
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
  const say = options.json ? console.error : console.log;
  const saveEvery = readSaveEvery(options["save-every"]);

  return await interruptible(async (signal) => {
    const run = await openRun(options);
    const { dataset, dataFolder, model, batchSize, epochs } = run.options;
    const data = await outside(() => loadData(dataset, dataFolder, signal));
    const parts = build(run.options, data.train);
    if (options.describe) {
      console.log(describe(parts.optimizer, parts.model).text.trimEnd());
      return 0;
    }
    const steps = epochs * Math.ceil(data.train.count / batchSize);
    scheduleOf(run.options, steps);
    const saved = run.from?.checkpoint.description.step;
    const factors = saved === undefined
      ? factorPlan(options, parts.model, steps)
      : await resumedPlan(options.resume!, saved);
    const profile = options.profile ? new Profile() : undefined;
    const { device, title } = await openDevice(
      options.device ?? "auto",
      {
        listener: profile && ((times) => profile.record(times)),
        threads: options.threads,
      },
    );
    const folder = options.resume ??
      await outside(() => makeFolder(run.options, options.out));
    await lockFolder(folder);
    if (!run.from) await writeOptions(folder, run.options);
    say(
      `${
        saved === undefined ? "Training" : `Going on after step ${saved} with`
      } ${
        whole(parameterCount(parts.model))
      } parameters of ${model} on ${dataset} (${
        whole(data.train.count)
      } to train, ${whole(data.test.count)} to test), seed ${run.options.seed}`,
    );
    say(
      `  ${parts.optimizer.description}\n  learning rate ${run.options.learningRate}, ${run.options.schedule}; batches of ${batchSize}; device ${title}`,
    );
    const { prefetch } = options;
    const setting = {
      folder,
      device,
      saveEvery,
      prefetch,
      factors,
      say,
      signal,
    };
    const end = await trainRun(run, data, parts, setting);
    if (end.error) throw new Failure(whyFailed(end, folder));
    if (profile) await showProfile(profile, folder, title, say);
    const { trainer, log } = end;
    if (end.kind === "interrupted") {
      say(
        `Stopped after step ${trainer.step}. To go on: ${USAGE} --resume ${folder}`,
      );
      return 130;
    }
    const last = log.rows.at(-1)!;
    say(
      `Test accuracy ${percent(last.testAccuracy)} after ${epochs} epochs; ${
        trainer.seconds.toFixed(1)
      } s of training`,
    );
    if (factors) {
      say(
        `Factors of ${factors.layers.join(", ")} are in ${
          join(folder, FACTORS)
        }`,
      );
    }
    say(nextSteps(run.options, folder));
    if (options.json) {
      console.log(JSON.stringify({
        dataset,
        model,
        optimizer: run.options.optimizer,
        preset: run.options.preset,
        device: device.name,
        epochs,
        steps: trainer.step,
        trainLoss: last.trainLoss,
        trainAccuracy: last.trainAccuracy,
        testLoss: last.testLoss,
        testAccuracy: last.testAccuracy,
        secondsPerStep: trainer.seconds / trainer.step,
        planBytes: trainer.planBytes,
        out: folder,
      }));
    }
    return 0;
  });
}

if (import.meta.main) await runCommand(() => main(Deno.args));
