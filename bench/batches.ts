/**
 * Whether it pays on the CPU device to make batches in a worker: digits with the
 * small network of convolutions, and augmented CIFAR-10 images with ResNet-20 and with
 * a perceptron. `deno run --allow-read bench/batches.ts [folder of CIFAR-10]`; the
 * folder is `../shared/data/cifar10` by default.
 *
 * Steps with batches that are made when they are asked for, and with batches that are
 * made ahead, have their turns one after the other. Only two are made ahead, as those
 * that are made during the other's turn are a gift.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import process from "node:process";
import { cpuDevice } from "../src/cpu/mod.ts";
import {
  type Batch,
  type BatchOptions,
  cifarNormalization,
  type Dataset,
  digitsNormalization,
  digitsSplit,
  loadCifar10,
  paperAugmentation,
  prefetchBatches,
} from "../src/data/mod.ts";
import { crossEntropy } from "../src/layers/mod.ts";
import { modelByName } from "../src/models/mod.ts";
import { optimizerByName } from "../src/optim/mod.ts";
import { DeviceState } from "../src/program/mod.ts";
import { intValue, scalarValue } from "../src/tensor/mod.ts";
import {
  initialState,
  type TrainingMemory,
  trainingPrograms,
} from "../src/train/mod.ts";
import { median, ratioOf } from "./measure.ts";

const ROUNDS = 9;
const AHEAD = 2;

interface Case {
  readonly title: string;
  readonly model: string;
  readonly examples: Dataset;
  readonly options: BatchOptions;
  /** Steps of a turn. */
  readonly steps: number;
}

/** Milliseconds a step: all of it, of all processors together, waiting for its batch. */
interface Turn {
  readonly clock: number;
  readonly processor: number;
  readonly wait: number;
}

/** Makes a training step out of a batch. */
async function trainerOf(
  { model: name, examples }: Case,
): Promise<(batch: Batch) => Promise<void>> {
  const model = modelByName(name, {
    inputShape: examples.shape,
    classes: examples.classes.length,
  });
  const optimizer = optimizerByName("adam", model);
  const device = cpuDevice();
  const state = new DeviceState(
    device,
    await initialState(model, optimizer, 1, device),
  ) as unknown as TrainingMemory;
  const parts = { model, optimizer, loss: crossEntropy };
  const programs = trainingPrograms(parts, device);
  let step = 0;
  return async ({ inputs, labels }) => {
    step++;
    const scalars = Object.entries(optimizer.scalars(step))
      .map(([name, number]) => [name, scalarValue(number)]);
    await programs.run(state, {
      inputs,
      labels,
      key: intValue([1, step]),
      learningRate: scalarValue(1e-3),
      scalars: Object.fromEntries(scalars),
    }, false);
    await state.memory.read(["metrics/failed"]);
  };
}

async function turn(
  stream: AsyncGenerator<Batch, void, void>,
  train: (batch: Batch) => Promise<void>,
  steps: number,
): Promise<Turn> {
  const start = performance.now(), used = process.cpuUsage();
  let wait = 0;
  for (let i = 0; i < steps; i++) {
    const asked = performance.now();
    const batch = (await stream.next()).value as Batch;
    wait += performance.now() - asked;
    await train(batch);
  }
  const { user, system } = process.cpuUsage(used);
  return {
    clock: (performance.now() - start) / steps,
    processor: (user + system) / 1e3 / steps,
    wait: wait / steps,
  };
}

async function measure(one: Case): Promise<string> {
  const { title, examples, options, steps } = one;
  const train = await trainerOf(one);
  const streams = [0, AHEAD].map((ahead) =>
    prefetchBatches(examples, options, 0, { epochs: 1e6, ahead })
  );
  // The first turn compiles, and lets the worker start.
  for (const stream of streams) await turn(stream, train, 3);
  const [asked, ahead]: Turn[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    asked.push(await turn(streams[0], train, steps));
    ahead.push(await turn(streams[1], train, steps));
  }
  for (const stream of streams) await stream.return();
  const all = (turns: Turn[], key: keyof Turn) => turns.map((one) => one[key]);
  const cell = (turns: Turn[]) => {
    const share = median(turns.map(({ wait, clock }) => wait / clock));
    const ms = median(all(turns, "clock"));
    return `${ms.toFixed(2)} ms, waits ${(100 * share).toFixed(1)} %`;
  };
  const ratios = (["clock", "processor"] as const).map((key) =>
    ratioOf(all(asked, key), all(ahead, key)).toFixed(2)
  );
  return `| ${[title, cell(asked), cell(ahead), ...ratios].join(" | ")} |`;
}

const folder = Deno.args[0] ??
  fromFileUrl(new URL("../../shared/data/cifar10", import.meta.url));
const { train: images } = await loadCifar10(folder);
const imageOptions = {
  batchSize: 256,
  shuffle: true,
  dropLast: true,
  normalization: cifarNormalization.cifar10,
  augmentation: paperAugmentation,
};
const cases: readonly Case[] = [
  {
    title: "digits, cnn, batches of 32",
    model: "cnn",
    examples: digitsSplit().train,
    options: {
      batchSize: 32,
      shuffle: true,
      dropLast: true,
      normalization: digitsNormalization,
    },
    steps: 100,
  },
  {
    title: "CIFAR-10, mlp, batches of 256",
    model: "mlp",
    examples: images,
    options: imageOptions,
    steps: 20,
  },
  {
    title: "CIFAR-10, resnet20, batches of 32",
    model: "resnet20",
    examples: images,
    options: { ...imageOptions, batchSize: 32 },
    steps: 10,
  },
];

console.log(
  `| case | when asked for | ${AHEAD} ahead | how much faster | in processor time |`,
);
console.log("| --- | --- | --- | --- | --- |");
for (const one of cases) console.log(await measure(one));
