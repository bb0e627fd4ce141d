/**
 * `deno task compare`: several optimizers on one data set and model, each given the
 * same time or the same epochs.
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
import {
  type Comparison,
  comparisonCsv,
  comparisonReport,
  comparisonTable,
  type Contender,
} from "./comparison.ts";
import { type Data, loadData } from "./data.ts";
import { openDevice } from "./device.ts";
import { interruptible, outside } from "./failure.ts";
import { readJson, writeJson, writeText } from "./files.ts";
import {
  costsOf,
  type Entry,
  type Plan,
  planned,
  planTable,
  TIMES,
} from "./plan.ts";
import { build, isAdaFisher, runOptions, trainingOptions } from "./recipe.ts";
import {
  keptRun,
  listOf,
  optimizersOf,
  PAPER,
  positiveOf,
  requireOptimizer,
  requireSame,
  studyFolder,
} from "./study.ts";
import { secondsOf } from "./numbers.ts";
import { epochsCsv } from "./study_report.ts";

const USAGE = "deno task compare";

const specification = {
  optimizers: {
    kind: "text",
    placeholder: "a,b,...",
    default: PAPER,
    about: "What is compared",
  },
  dataset: trainingOptions.dataset,
  model: trainingOptions.model,
  preset: trainingOptions.preset,
  epochs: {
    kind: "integer",
    least: 1,
    most: 100_000,
    about: "Epochs of AdaFisher, or of all [digits 6, iris 60, CIFAR 200]",
  },
  equal: {
    kind: "choice",
    values: ["time", "epochs"],
    default: "time",
    about:
      "Whether each gets the time of AdaFisher's epochs, or as many epochs",
  },
  seeds: {
    kind: "integer",
    least: 1,
    most: 1000,
    default: 3,
    about: "Runs of each optimizer, with the seeds 0, 1, ...",
  },
  lr: {
    kind: "text",
    placeholder: "name=rate,...",
    about: "Learning rates, such as adam=0.01 [the paper's, or usual ones]",
  },
  "batch-size": trainingOptions["batch-size"],
  device: trainingOptions.device,
  threads: trainingOptions.threads,
  "data-dir": trainingOptions["data-dir"],
  out: {
    kind: "text",
    placeholder: "folder",
    about:
      "Folder of the comparison; what is finished there is not done again [runs/<date>-compare-<dataset>-<model>]",
  },
  note: {
    kind: "text",
    placeholder: "text",
    about: "A paragraph for the report, such as what else the machine did",
  },
  json: trainingOptions.json,
} as const;

type Options = OptionValues<typeof specification>;

/** Learning rates by optimizer, as `--lr` has them. */
function ratesOf(
  text: string | undefined,
  optimizers: readonly OptimizerName[],
): Map<OptimizerName, number> {
  const rates = new Map<OptimizerName, number>();
  for (const part of text === undefined ? [] : listOf("--lr", text)) {
    const [name, rate, ...rest] = part.split("=");
    if (rate === undefined || rest.length > 0) {
      throw new UsageError(
        `--lr needs a name and a rate, such as adam=0.01, got ${
          JSON.stringify(part)
        }`,
      );
    }
    requireOptimizer("--lr", name);
    if (!optimizers.includes(name) || rates.has(name)) {
      throw new UsageError(
        rates.has(name)
          ? `--lr must have one rate an optimizer, got two for ${name}`
          : `--lr must be of optimizers that are compared, ${
            optimizers.join(", ")
          }, got ${name}`,
      );
    }
    rates.set(name, positiveOf("--lr", rate));
  }
  return rates;
}

function entriesOf(
  options: Options,
  names: readonly OptimizerName[],
): (train: Data["train"]) => Entry[] {
  const rates = ratesOf(options.lr, names);
  const { dataset, model, preset, epochs } = options;
  const all = names.map((optimizer) =>
    runOptions({
      dataset,
      model,
      optimizer,
      preset: isAdaFisher(optimizer) ? preset : undefined,
      lr: rates.get(optimizer),
      epochs,
      "batch-size": options["batch-size"],
      "data-dir": options["data-dir"],
    })
  );
  return (train) =>
    all.map((options) => ({ options, parts: build(options, train) }));
}

async function main(args: readonly string[]): Promise<number> {
  const { options, positional, help } = parseOptions(
    args,
    specification,
    USAGE,
  );
  if (help) {
    console.log(
      `Compares optimizers; without options, the paper's six on handwritten digits.\n\nUsage: ${USAGE} [options]\n\nOptions:\n${
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
  const byTime = options.equal === "time";
  const fisher = names.find(isAdaFisher);
  if (options.preset !== undefined && !byTime && !fisher) {
    throw new UsageError(
      `--preset is for adafisher and adafisherw, got --optimizers ${names}`,
    );
  }
  // The budget is AdaFisher's time, whether it is compared or not.
  const timed = fisher ? names : [...names, "adafisher"] as const;
  const entriesFor = entriesOf(options, byTime ? timed : names);
  const say = options.json ? console.error : console.log;

  return await interruptible(async (signal) => {
    const { dataset, dataFolder } = runOptions({
      dataset: options.dataset,
      "data-dir": options["data-dir"],
    });
    const data = await outside(() => loadData(dataset, dataFolder, signal));
    const entries = entriesFor(data.train);
    const [{ options: { model, epochs, batchSize }, parts }] = entries;
    const { device, title } = await openDevice(options.device, {
      threads: options.threads,
    });
    const folder = await outside(() =>
      studyFolder(options.out, `compare-${dataset}-${model}`)
    );
    const { equal, seeds } = options;
    const same = {
      dataset,
      model,
      batchSize,
      equal,
      epochs: byTime ? epochs : null,
      device: title,
    };
    const path = join(folder, "comparison.json");
    const kept = await readJson(path);
    if (kept === undefined) await writeJson(path, same);
    else requireSame(folder, kept, same);
    say(
      `Comparing ${names.join(", ")}: ${model} on ${dataset}, ${seeds} ${
        seeds === 1 ? "seed" : "seeds"
      }, device ${title}; folder ${folder}`,
    );

    const compared = entries.filter((entry) =>
      names.includes(entry.options.optimizer)
    );
    const stepsPerEpoch = Math.ceil(data.train.count / batchSize);
    let plans: readonly Plan[] = compared.map((entry) => ({
      ...entry,
      secondsPerStep: null,
    }));
    let budgetSeconds: number | null = null;
    if (byTime) {
      const costs = await costsOf(entries, folder, data, device, signal);
      const reference = entries.find((entry) =>
        isAdaFisher(entry.options.optimizer)
      )!;
      const plan = await outside(
        () => planned(compared, reference, stepsPerEpoch, costs),
        `give fewer --epochs, or take away ${
          join(folder, TIMES)
        }, which has what steps cost`,
      );
      plans = plan.plans;
      budgetSeconds = plan.budget;
      say(
        `Each run gets ${secondsOf(budgetSeconds)}\n${
          planTable(plans, budgetSeconds / (epochs * stepsPerEpoch))
        }`,
      );
    }

    const results = new Map<string, RunResult[]>();
    for (let seed = 0; seed < seeds; seed++) {
      for (const { options, parts } of plans) {
        const { optimizer } = options;
        const result = await keptRun({
          name: `${optimizer}-seed-${seed}`,
          options: { ...options, seed },
          parts,
        }, { folder, data, device, say, epochs: true, signal });
        if (result === undefined) {
          say(
            `Stopped. To go on, give the same options and --out ${folder}`,
          );
          return 130;
        }
        results.set(optimizer, [...results.get(optimizer) ?? [], result]);
      }
    }

    const comparison: Comparison = {
      dataset,
      model,
      parameters: parameterCount(parts.model),
      trainCount: data.train.count,
      testCount: data.test.count,
      batchSize,
      augmented: data.augmented,
      device: title,
      equal,
      epochs,
      seeds,
      budgetSeconds,
      note: options.note ?? null,
      contenders: plans.map(({ options, parts, secondsPerStep }): Contender => {
        const runs = results.get(options.optimizer)!;
        return {
          optimizer: options.optimizer,
          description: parts.optimizer.description,
          learningRate: options.learningRate,
          secondsPerStep,
          runs,
          summary: summarize(runs),
        };
      }),
    };
    const runs = comparison.contenders.flatMap(({ runs }) => runs);
    await writeText(
      join(folder, "comparison.csv"),
      comparisonCsv(comparison),
    );
    await writeText(join(folder, "epochs.csv"), epochsCsv(runs));
    await writeText(
      join(folder, "report.html"),
      await comparisonReport(comparison),
    );
    say(comparisonTable(comparison));
    say(
      `comparison.csv, epochs.csv and report.html are in ${folder}, and a folder for each run`,
    );
    if (options.json) {
      console.log(JSON.stringify({
        ...comparison,
        contenders: comparison.contenders.map(({ runs: _, ...rest }) => rest),
        out: folder,
      }));
    }
    return 0;
  });
}

if (import.meta.main) await runCommand(() => main(Deno.args));
