/**
 * `deno task sweep`: how well and how fast optimizers train over a grid of learning
 * rates and batch sizes, as in the paper's Figure 5.
 *
 * @module
 */

import { join } from "@std/path";
import { parameterCount } from "../src/models/mod.ts";
import type { OptimizerName } from "../src/optim/mod.ts";
import { type RunResult, summarize } from "../src/study/mod.ts";
import {
  describeOptions,
  type OptionValues,
  parseOptions,
  runCommand,
  UsageError,
} from "./arguments.ts";
import { loadData } from "./data.ts";
import { openDevice } from "./device.ts";
import { interruptible, outside } from "./failure.ts";
import { readJson, writeJson, writeText } from "./files.ts";
import { decimal } from "./numbers.ts";
import {
  build,
  isAdaFisher,
  type RunOptions,
  runOptions,
  trainingOptions,
} from "./recipe.ts";
import {
  type Cell,
  type Sweep,
  sweepCsv,
  sweepReport,
  sweepTable,
} from "./stability.ts";
import {
  keptRun,
  listOf,
  optimizersOf,
  PAPER,
  positiveOf,
  requireSame,
  studyFolder,
} from "./study.ts";
import { epochsCsv } from "./study_report.ts";

const USAGE = "deno task sweep";

/** What an optimizer's own learning rate is multiplied by where none is given. */
const FACTORS = [0.01, 0.1, 1, 10];

/** What a data set's usual batch size is multiplied by where none is given. */
const BATCH_FACTORS = [0.5, 1, 2];

const specification = {
  optimizers: {
    kind: "text",
    placeholder: "a,b,...",
    default: PAPER,
    about: "What is studied",
  },
  dataset: trainingOptions.dataset,
  model: trainingOptions.model,
  preset: trainingOptions.preset,
  lr: {
    kind: "text",
    placeholder: "x,y,...",
    about: `Learning rates of all [each one's own times ${FACTORS.join(", ")}]`,
  },
  "batch-sizes": {
    kind: "text",
    placeholder: "m,n,...",
    about: `Batch sizes [the data set's usual times ${
      BATCH_FACTORS.join(", ")
    }]`,
  },
  epochs: {
    kind: "integer",
    least: 1,
    most: 100_000,
    about: "Epochs of each run [digits 6, iris 60, CIFAR 200]",
  },
  seeds: {
    kind: "integer",
    least: 1,
    most: 1000,
    default: 1,
    about: "Runs of each cell of the grid, with the seeds 0, 1, ...",
  },
  device: trainingOptions.device,
  threads: trainingOptions.threads,
  "data-dir": trainingOptions["data-dir"],
  out: {
    kind: "text",
    placeholder: "folder",
    about:
      "Folder of the sweep; what is finished there is not done again [runs/<date>-sweep-<dataset>-<model>]",
  },
  note: {
    kind: "text",
    placeholder: "text",
    about: "A paragraph for the report, such as what else the machine did",
  },
  json: trainingOptions.json,
} as const;

type Options = OptionValues<typeof specification>;

/** A batch size of `--batch-sizes`. */
function batchOf(option: string, part: string): number {
  const size = decimal(part);
  if (Number.isSafeInteger(size) && size >= 1) return size;
  throw new UsageError(
    `${option} needs whole numbers of at least 1, got ${JSON.stringify(part)}`,
  );
}

/** The numbers of a list with commas; undefined where there is none. */
function numbersOf(
  option: string,
  text: string | undefined,
  read: (option: string, part: string) => number,
): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const numbers = listOf(option, text).map((part) => read(option, part));
  const twice = numbers.find((number, i) => numbers.indexOf(number) !== i);
  if (twice === undefined) return numbers;
  throw new UsageError(
    `${option} must have each number once, got ${twice} twice`,
  );
}

/** A number as it is written, without what rounding leaves of a product. */
const rounded = (number: number): number => Number(number.toPrecision(6));

/** One run of each cell of the grid, with seed 0. */
function gridOf(
  options: Options,
  names: readonly OptimizerName[],
): readonly RunOptions[] {
  const { dataset, model, preset, epochs } = options;
  const usual = (optimizer: OptimizerName): RunOptions =>
    runOptions({
      dataset,
      model,
      optimizer,
      preset: isAdaFisher(optimizer) ? preset : undefined,
      epochs,
      "data-dir": options["data-dir"],
    });
  const given = numbersOf("--lr", options.lr, positiveOf);
  const batches = numbersOf("--batch-sizes", options["batch-sizes"], batchOf);
  return names.map(usual).flatMap((own) => {
    const rates = given ??
      FACTORS.map((factor) => rounded(factor * own.learningRate));
    const sizes = batches ??
      BATCH_FACTORS.map((factor) => Math.max(1, factor * own.batchSize));
    return rates.flatMap((learningRate) =>
      sizes.map((batchSize): RunOptions => ({
        ...own,
        learningRate,
        batchSize,
      }))
    );
  });
}

async function main(args: readonly string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    specification,
    USAGE,
  );
  if (help) {
    console.log(
      `Trains over a grid of learning rates and batch sizes; without options, the paper's six on handwritten digits, about two minutes on two cores.\n\nUsage: ${USAGE} [options]\n\nOptions:\n${
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
  const names = optimizersOf("--optimizers", options.optimizers);
  if (options.preset !== undefined && !names.some(isAdaFisher)) {
    throw new UsageError(
      `--preset is for adafisher and adafisherw, got --optimizers ${names}`,
    );
  }
  const grid = gridOf(options, names);
  const { dataset, dataFolder, model, epochs } = grid[0];
  const { seeds } = options;
  const say = options.json ? console.error : console.log;

  return await interruptible(async (signal) => {
    const data = await outside(() => loadData(dataset, dataFolder, signal));
    const planned = grid.map((options) => ({
      options,
      parts: build(options, data.train, "--batch-sizes"),
    }));
    const { device, title } = await openDevice(options.device, {
      threads: options.threads,
    });
    const folder = await outside(() =>
      studyFolder(options.out, `sweep-${dataset}-${model}`)
    );
    const path = join(folder, "sweep.json");
    const same = { dataset, model, epochs, device: title };
    const kept = await readJson(path);
    if (kept === undefined) await writeJson(path, same);
    else requireSame(folder, kept, same);
    say(
      `Sweeping ${names.join(", ")}: ${
        grid.length * seeds
      } runs of ${model} on ${dataset}, device ${title}; folder ${folder}`,
    );

    const cells: Cell[] = [];
    for (const { options, parts } of planned) {
      const { optimizer, learningRate, batchSize } = options;
      const runs: RunResult[] = [];
      for (let seed = 0; seed < seeds; seed++) {
        const result = await keptRun({
          name:
            `${optimizer}-lr-${learningRate}-batch-${batchSize}-seed-${seed}`,
          options: { ...options, seed },
          parts,
        }, { folder, data, device, say, epochs: false, signal });
        if (result === undefined) {
          say(`Stopped. To go on, give the same options and --out ${folder}`);
          return 130;
        }
        runs.push(result);
      }
      const summary = summarize(runs);
      cells.push({ optimizer, learningRate, batchSize, runs, summary });
    }

    const sweep: Sweep = {
      dataset,
      model,
      parameters: parameterCount(planned[0].parts.model),
      trainCount: data.train.count,
      testCount: data.test.count,
      augmented: data.augmented,
      device: title,
      epochs,
      seeds,
      note: options.note ?? null,
      cells,
    };
    await writeText(join(folder, "sweep.csv"), sweepCsv(sweep));
    await writeText(
      join(folder, "epochs.csv"),
      epochsCsv(cells.flatMap(({ runs }) => runs)),
    );
    await writeText(join(folder, "report.html"), await sweepReport(sweep));
    say(sweepTable(sweep));
    say(
      `sweep.csv, epochs.csv and report.html are in ${folder}, and a folder for each run`,
    );
    if (options.json) {
      console.log(JSON.stringify({
        ...sweep,
        cells: cells.map(({ runs: _, ...rest }) => rest),
        out: folder,
      }));
    }
    return 0;
  });
}

if (import.meta.main) await runCommand(() => main(Deno.args));
