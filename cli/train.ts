/**
 * `deno task train`: trains a model, and leaves its checkpoint, metrics and options
 * in a folder.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { join } from "@std/path";
import {
  cifarArchives,
  cifarNormalization,
  type Dataset,
  digitsNormalization,
  digitsSplit,
  downloadArchive,
  irisNormalization,
  irisSplit,
  loadCifar10,
  loadCifar100,
  type Normalization,
  paperAugmentation,
} from "../src/data/mod.ts";
import {
  type JsonObject,
  loadCheckpoint,
  saveCheckpoint,
  writeFileAtomically,
} from "../src/io/mod.ts";
import type { Layer } from "../src/layers/mod.ts";
import { CpuError } from "../src/cpu/mod.ts";
import { GpuError } from "../src/gpu/mod.ts";
import { Profile } from "../src/program/mod.ts";
import { modelByName, modelNames, parameterCount } from "../src/models/mod.ts";
import {
  clipByGlobalNorm,
  constantRate,
  cosineAnnealing,
  cosineRestarts,
  describe,
  linearWarmup,
  oneCycle,
  type Optimizer,
  optimizerByName,
  type OptimizerName,
  optimizerNames,
  type OptimizerOptions,
  PreconditionerError,
  type Schedule,
  stepDecay,
} from "../src/optim/mod.ts";
import {
  metricsColumns,
  MetricsLog,
  type MetricsRow,
  NonFiniteError,
  type ResumePoint,
  Trainer,
  type TrainerOptions,
} from "../src/train/mod.ts";
import {
  describeOptions,
  type OptionValues,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { type ChosenDevice, deviceNames, openDevice } from "./device.ts";
import { profileTable, writeTrace } from "./profile.ts";
import { clock, ProgressBar } from "./progress.ts";

const USAGE = "deno task train";
const CHECKPOINT = "checkpoint.safetensors";
/** A trace for chrome://tracing and Perfetto. */
const PROFILE = "profile.json";
/** Steps from one look at the metrics to the next on a GPU: a look costs some 10 ms. */
const GPU_READ_EVERY = 10;
/**
 * Augmented batches that are made ahead for a GPU. On the other devices a step leaves no
 * core idle, or takes far longer than a batch.
 */
const GPU_PREFETCH = 3;
/** Where CIFAR is downloaded to. */
const DATA_FOLDER = join("runs", "data");

const datasetNames = ["digits", "iris", "cifar10", "cifar100"] as const;
const scheduleNames = [
  "constant",
  "cosine",
  "cosine-restarts",
  "step",
  "one-cycle",
] as const;

type DatasetName = typeof datasetNames[number];
type ScheduleName = typeof scheduleNames[number];

const specification = {
  dataset: {
    kind: "choice",
    values: datasetNames,
    about: "What to learn from [digits]",
  },
  model: {
    kind: "choice",
    values: modelNames,
    about: "The network [digits cnn, iris mlp, CIFAR resnet20]",
  },
  optimizer: {
    kind: "choice",
    values: optimizerNames,
    about: "The optimizer [adafisher]",
  },
  preset: {
    kind: "choice",
    values: ["official", "paper"],
    about: "AdaFisher as in its official code, or as in the paper [official]",
  },
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
  "batch-size": {
    kind: "integer",
    least: 1,
    about: "Examples in a batch [digits 32, iris 16, CIFAR 256]",
  },
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
  device: {
    kind: "choice",
    values: deviceNames,
    default: "auto",
    about: "Where to compute; auto takes a real GPU, else cpu",
  },
  threads: {
    kind: "integer",
    least: 1,
    most: 512,
    about:
      "Threads of device cpu; the results do not depend on it [one a core]",
  },
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
  "data-dir": {
    kind: "text",
    placeholder: "folder",
    about: `Where the CIFAR files are [downloaded to ${DATA_FOLDER}]`,
  },
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
  describe: {
    kind: "flag",
    about: "Show which rule each parameter gets, and do not train",
  },
  profile: {
    kind: "flag",
    about:
      `Show what each kernel took, and write a trace, ${PROFILE}, into the run's folder`,
  },
  json: {
    kind: "flag",
    about: "Results as one JSON object on the last line of the output",
  },
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

/** Everything that makes a run what it is. */
interface RunOptions extends JsonObject {
  readonly dataset: DatasetName;
  readonly model: string;
  readonly optimizer: OptimizerName;
  readonly preset: "official" | "paper" | null;
  readonly learningRate: number;
  /** Null: the optimizer's own. */
  readonly weightDecay: number | null;
  readonly epochs: number;
  readonly batchSize: number;
  readonly schedule: ScheduleName;
  readonly warmup: number;
  readonly clip: number | null;
  readonly seed: number;
  readonly dataFolder: string | null;
}

/** Something outside went wrong: exit status 1, no stack trace. */
class Failure extends Error {}

/** Does something with files or what they say; its errors need no stack trace. */
async function outside<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw new Failure(cause.message, { cause });
  }
}

/** What is usual for a data set; the paper's numbers for CIFAR. */
const usually: Readonly<
  Record<DatasetName, Pick<RunOptions, "model" | "epochs" | "batchSize">>
> = {
  digits: { model: "cnn", epochs: 6, batchSize: 32 },
  iris: { model: "mlp", epochs: 60, batchSize: 16 },
  cifar10: { model: "resnet20", epochs: 200, batchSize: 256 },
  cifar100: { model: "resnet20", epochs: 200, batchSize: 256 },
};

/** The paper's learning rates for convolutional networks; those of others are usual. */
const RATES: Partial<Record<OptimizerName, number>> = {
  sgd: 0.1,
  adahessian: 0.15,
  kfac: 0.3,
  "kfac-asdl": 0.3,
  shampoo: 0.1,
  "shampoo-asdl": 0.3,
  rmsprop: 1e-3,
  adagrad: 1e-2,
  adadelta: 1,
  lamb: 1e-2,
  lars: 5,
  yogi: 1e-2,
};

/**
 * The learning rate where none is given. AdaFisher's is 1e-3. Its paper's preset has an F of
 * up to 1 + lambda, where the official code's is about 1e-3 all over: in a few epochs
 * of a small data set it learns too slowly at that rate, and at 1e-2 the network of
 * convolutions diverges on the digits.
 */
function usualRate(
  optimizer: OptimizerName,
  preset: RunOptions["preset"],
  cifar: boolean,
): number {
  return preset === "paper" && !cifar ? 3e-3 : RATES[optimizer] ?? 1e-3;
}

/** The options of a new run, with defaults for what was not given. */
function runOptions(options: Options): RunOptions {
  const { dataset = "digits", optimizer = "adafisher" } = options;
  const cifar = dataset === "cifar10" || dataset === "cifar100";
  const fisher = optimizer === "adafisher" || optimizer === "adafisherw";
  if (options.preset !== undefined && !fisher) {
    throw new UsageError(
      `--preset is for adafisher and adafisherw, got --optimizer ${optimizer}`,
    );
  }
  if (options["data-dir"] !== undefined && !cifar) {
    throw new UsageError(
      `--data-dir is for cifar10 and cifar100, got --dataset ${dataset}`,
    );
  }
  const decays = cifar && (optimizer === "adafisher" || optimizer === "sgd");
  const usual = usually[dataset];
  const preset = fisher ? options.preset ?? "official" : null;
  return {
    dataset,
    model: options.model ?? usual.model,
    optimizer,
    preset,
    learningRate: options.lr ?? usualRate(optimizer, preset, cifar),
    weightDecay: options["weight-decay"] ?? (decays ? 5e-4 : null),
    epochs: options.epochs ?? usual.epochs,
    batchSize: options["batch-size"] ?? usual.batchSize,
    schedule: options.schedule ?? "cosine",
    warmup: options.warmup ?? 0,
    clip: options.clip ?? null,
    seed: options.seed ?? 0,
    dataFolder: options["data-dir"] ?? null,
  };
}

/** Data ready to train on. */
interface Data {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly normalization: Normalization;
  readonly augmented: boolean;
}

async function loadData(
  { dataset, dataFolder }: RunOptions,
  signal: AbortSignal,
): Promise<Data> {
  switch (dataset) {
    case "digits":
      return {
        ...digitsSplit(),
        normalization: digitsNormalization,
        augmented: false,
      };
    case "iris":
      return {
        ...irisSplit(),
        normalization: irisNormalization,
        augmented: false,
      };
  }
  const load = dataset === "cifar10" ? loadCifar10 : loadCifar100;
  if (dataFolder === null) {
    const bar = new ProgressBar();
    await downloadArchive(cifarArchives[dataset], DATA_FOLDER, {
      signal,
      onProgress: (done, total) =>
        bar.show(() => ({
          done,
          total,
          title: `Downloading ${dataset}`,
          details: `${megabytes(done)}${
            total === undefined ? "" : ` of ${megabytes(total)}`
          }`,
        })),
    });
    bar.clear();
  }
  return {
    ...await load(dataFolder ?? DATA_FOLDER),
    normalization: cifarNormalization[dataset],
    augmented: true,
  };
}

/** Model and optimizer; what does not fit together is a mistake in the options. */
function build(
  options: RunOptions,
  { train }: Data,
): { model: Layer; optimizer: Optimizer } {
  try {
    const model = modelByName(options.model, {
      inputShape: train.shape,
      classes: train.classes.length,
    });
    const chosen: OptimizerOptions = {
      preset: options.preset ?? undefined,
      weightDecay: options.weightDecay ?? undefined,
      momentum: options.optimizer === "sgd" ? 0.9 : undefined,
    };
    const given = Object.fromEntries(
      Object.entries(chosen).filter(([, value]) => value !== undefined),
    );
    return {
      model,
      optimizer: optimizerByName(options.optimizer, model, given),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(error.message);
  }
}

/** The learning rate over all steps of a run, after the warm-up. */
function scheduleOf(options: RunOptions, steps: number): Schedule {
  const { schedule, learningRate: rate, warmup } = options;
  const total = steps - warmup;
  if (total < 1) {
    throw new UsageError(
      `--warmup must be less than the ${steps} steps of the run, got ${warmup}`,
    );
  }
  switch (schedule) {
    case "constant":
      return linearWarmup(warmup, constantRate(rate));
    case "cosine":
      return linearWarmup(warmup, cosineAnnealing(rate, total));
    case "cosine-restarts": {
      const period = Math.ceil(total / 7);
      return linearWarmup(warmup, cosineRestarts(rate, { period, factor: 2 }));
    }
    case "step":
      return linearWarmup(warmup, stepDecay(rate, Math.ceil(total / 3)));
    case "one-cycle":
      try {
        return linearWarmup(warmup, oneCycle(rate, total));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new UsageError(
          `--schedule one-cycle needs more steps, got ${total}`,
        );
      }
  }
}

/** When checkpoints are saved. */
interface SaveEvery {
  readonly count: number;
  readonly unit: "step" | "epoch";
}

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

/** The folder of a new run, made here; one that has files in it is refused. */
async function makeFolder(
  options: RunOptions,
  out: string | undefined,
): Promise<string> {
  if (out === undefined) {
    const date = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")
      .replace("T", "-");
    const { dataset, model, optimizer } = options;
    const base = join("runs", `${date}-${dataset}-${model}-${optimizer}`);
    await Deno.mkdir("runs", { recursive: true });
    for (let n = 1;; n++) {
      const folder = n === 1 ? base : `${base}-${n}`;
      try {
        await Deno.mkdir(folder);
        return folder;
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
  }
  await Deno.mkdir(out, { recursive: true });
  for await (const _ of Deno.readDir(out)) {
    throw new Failure(
      `Cannot train into ${out}: the folder must be empty, and it has files; --resume ${out} goes on with a run, another --out begins one`,
    );
  }
  return out;
}

/** A run to be trained. */
interface Run {
  readonly options: RunOptions;
  readonly from?: ResumePoint;
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

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const whole = (count: number): string => count.toLocaleString("en-US");

function csv(rows: readonly MetricsRow[]): string {
  return stringify(rows.map((row) => ({ ...row })), {
    columns: metricsColumns,
  });
}

/** Lets signals be heard: a device that computes without a pause leaves no other time. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Trains until the end, an interrupt or a failure; returns the exit status. */
async function train(
  run: Run,
  folder: string,
  data: Data,
  parts: { model: Layer; optimizer: Optimizer },
  saveEvery: SaveEvery,
  prefetch: number | undefined,
  { device }: ChosenDevice,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<{ status: number; trainer: Trainer; log: MetricsLog }> {
  const { options, from } = run;
  const { normalization } = data;
  const { epochs, batchSize, seed, clip } = options;
  const steps = epochs * Math.ceil(data.train.count / batchSize);
  const schedule = scheduleOf(options, steps);
  const onGpu = device.name === "gpu";
  const trainerOptions: TrainerOptions = {
    ...parts,
    learningRate: (step) => schedule(step - 1),
    clip: clip === null ? undefined : (g) => clipByGlobalNorm(g, clip),
    clipDescription: clip === null ? undefined : `global norm ${clip}`,
    examples: data.train,
    batches: {
      batchSize,
      shuffle: true,
      normalization,
      augmentation: data.augmented ? paperAugmentation : undefined,
    },
    prefetch: prefetch ?? (onGpu && data.augmented ? GPU_PREFETCH : 0),
    epochs,
    seed,
    device,
    readEvery: onGpu ? GPU_READ_EVERY : 1,
    options,
  };
  const trainer = await outside(() => Trainer.start(trainerOptions, from));
  const log = await outside(() => MetricsLog.open(folder, csv, trainer.epoch));
  const path = join(folder, CHECKPOINT);
  const place = () => `${trainer.step} ${trainer.epoch}`;
  let saved = from ? place() : undefined, savedStep = trainer.step;
  const save = async () => {
    await outside(async () => saveCheckpoint(path, await trainer.checkpoint()));
    saved = place();
    savedStep = trainer.step;
  };

  const bar = new ProgressBar();
  const began = performance.now(), firstStep = trainer.step;
  let heard = began;
  try {
    for await (const event of trainer.train()) {
      if (event.kind === "epoch") {
        bar.clear();
        const score = await trainer.evaluate(data.test, { normalization });
        const row: MetricsRow = {
          epoch: event.epoch,
          step: event.step,
          trainLoss: event.loss,
          trainAccuracy: event.accuracy,
          testLoss: score.loss,
          testAccuracy: score.accuracy,
          learningRate: event.learningRate,
          seconds: event.seconds,
        };
        await outside(() => log.append(row));
        say(epochLine(row, epochs));
      } else {
        bar.show(() => {
          const passed = (performance.now() - began) / 1000;
          const made = event.step - firstStep;
          const left = passed / made * (steps - event.step);
          return {
            done: event.step,
            total: steps,
            title: `epoch ${event.epoch}/${epochs}`,
            details: `loss ${event.loss.toFixed(4)}  accuracy ${
              percent(event.accuracy)
            }  ${whole(Math.round(made * batchSize / passed))} examples/s  ${
              clock(left)
            } left`,
          };
        });
      }
      const due = event[saveEvery.unit] % saveEvery.count === 0 &&
        event.kind === saveEvery.unit;
      if (due) await save();
      const now = performance.now();
      if (event.kind === "epoch" || now - heard > 50) {
        heard = now;
        await pause();
      }
      if (signal.aborted) {
        bar.clear();
        if (!due) await save();
        return { status: 130, trainer, log };
      }
    }
  } catch (error) {
    bar.clear();
    const known = [NonFiniteError, PreconditionerError, GpuError, CpuError];
    if (!known.some((KnownError) => error instanceof KnownError)) throw error;
    if (!(error instanceof Error)) throw error;
    throw new Failure(
      `${error.message}${error.message.includes("\n") ? "\n" : "; "}${
        saved === undefined
          ? "no checkpoint was saved yet"
          : `the last checkpoint, of step ${savedStep}, is in ${path}`
      }`,
      { cause: error },
    );
  }
  if (saved !== place()) await save();
  return { status: 0, trainer, log };
}

function epochLine(row: MetricsRow, epochs: number): string {
  const place = `${row.epoch}`.padStart(`${epochs}`.length);
  return `epoch ${place}/${epochs}  loss ${
    row.trainLoss.toFixed(4)
  }  accuracy ${percent(row.trainAccuracy)}  test loss ${
    row.testLoss.toFixed(4)
  }  test accuracy ${percent(row.testAccuracy)}  ${row.seconds.toFixed(1)} s`;
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

  const interrupt = new AbortController();
  const listener = () => {
    if (interrupt.signal.aborted) Deno.exit(130);
    interrupt.abort(new Failure("Interrupted"));
  };
  Deno.addSignalListener("SIGINT", listener);
  try {
    const run = await openRun(options);
    const data = await outside(() => loadData(run.options, interrupt.signal));
    const parts = build(run.options, data);
    if (options.describe) {
      console.log(describe(parts.optimizer, parts.model).text.trimEnd());
      return 0;
    }
    const { batchSize, epochs, dataset, model } = run.options;
    if (batchSize > data.train.count) {
      throw new UsageError(
        `--batch-size must be at most the ${data.train.count} examples of ${dataset}, got ${batchSize}`,
      );
    }
    scheduleOf(run.options, epochs * Math.ceil(data.train.count / batchSize));
    const profile = options.profile ? new Profile() : undefined;
    const chosen = await openDevice(
      options.device ?? "auto",
      {
        listener: profile && ((times) => profile.record(times)),
        threads: options.threads,
      },
    );
    const folder = options.resume ??
      await outside(() => makeFolder(run.options, options.out));
    if (!run.from) {
      const text = `${JSON.stringify(run.options, undefined, 2)}\n`;
      await outside(() =>
        writeFileAtomically(
          join(folder, "options.json"),
          new TextEncoder().encode(text),
        )
      );
    }
    const step = run.from?.checkpoint.description.step;
    say(
      `${
        step === undefined ? "Training" : `Going on after step ${step} with`
      } ${
        whole(parameterCount(parts.model))
      } parameters of ${model} on ${dataset} (${
        whole(data.train.count)
      } to train, ${whole(data.test.count)} to test), seed ${run.options.seed}`,
    );
    say(
      `  ${parts.optimizer.description}\n  learning rate ${run.options.learningRate}, ${run.options.schedule}; batches of ${batchSize}; device ${chosen.title}`,
    );
    const { status, trainer, log } = await train(
      run,
      folder,
      data,
      parts,
      saveEvery,
      options.prefetch,
      chosen,
      say,
      interrupt.signal,
    );
    if (profile) await showProfile(profile, folder, chosen.title, say);
    if (status !== 0) {
      say(
        `Stopped after step ${trainer.step}. To go on: ${USAGE} --resume ${folder}`,
      );
      return status;
    }
    const last = log.rows.at(-1)!;
    say(
      `Test accuracy ${percent(last.testAccuracy)} after ${epochs} epochs; ${
        trainer.seconds.toFixed(1)
      } s of training`,
    );
    say(nextSteps(run.options, folder));
    if (options.json) {
      console.log(JSON.stringify({
        dataset,
        model,
        optimizer: run.options.optimizer,
        preset: run.options.preset,
        device: chosen.device.name,
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
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (interrupt.signal.aborted) {
      console.error("Stopped");
      return 130;
    }
    console.error(error.message);
    return 1;
  } finally {
    Deno.removeSignalListener("SIGINT", listener);
  }
}

if (import.meta.main) await runCommand(() => main(Deno.args));
