/**
 * What a step of each optimizer costs, in steps of Adam:
 * `deno run --allow-all bench/optimizers.ts [model] [batch] [steps] [names]`,
 * ResNet-20 at a batch of 32 on the `cpu` device where not said otherwise; names are a
 * regular expression. It reads /proc/self/stat, and so needs Linux.
 *
 * The optimizers take turns, so that what else the machine does falls on all alike. A
 * turn is `steps` steps, or as many as the optimizer's longest interval has, so that
 * each has its share of what is refreshed every so many steps. Times are seconds of
 * the processor (all threads), and of the clock.
 *
 * @module
 */

import { cpuDevice } from "../src/cpu/mod.ts";
import { crossEntropy } from "../src/layers/mod.ts";
import { modelByName } from "../src/models/mod.ts";
import {
  isDue,
  optimizerByName,
  type OptimizerName,
  type OptimizerOptions,
} from "../src/optim/mod.ts";
import { DeviceState } from "../src/program/mod.ts";
import {
  intValue,
  randomNormal,
  scalarValue,
  value,
} from "../src/tensor/mod.ts";
import {
  initialState,
  type TrainingMemory,
  trainingPrograms,
} from "../src/train/mod.ts";

/** What is measured: model, batch, least steps of a turn, which optimizers. */
const [name = "resnet20", batch = "32", least = "10", only] = Deno.args;
const TURNS = 3;

const contenders: Readonly<
  Record<string, readonly [OptimizerName, OptimizerOptions, number]>
> = {
  "adam": ["adam", {}, 1e-3],
  "adafisher": ["adafisher", {}, 1e-3],
  "adahessian": ["adahessian", {}, 0.15],
  "kfac, every 10 and 100": ["kfac", {}, 0.01],
  "kfac, every 10": [
    "kfac",
    { factorInterval: 10, inverseInterval: 10 },
    0.01,
  ],
  "kfac-asdl, every 10": ["kfac-asdl", {}, 0.01],
  "shampoo, roots every 10": ["shampoo", {}, 0.01],
  "shampoo-asdl, every 1": ["shampoo-asdl", {}, 0.01],
};

/** Seconds of the processor that this process has had, all threads together. */
function cpuSeconds(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15 of proc(5), in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const model = modelByName(name, { inputShape: [3, 32, 32], classes: 10 });
const count = Number(batch);
const inputs = value(
  randomNormal([1, 2], 1, count * 3 * 32 * 32),
  [count, 3, 32, 32],
);
const labels = intValue(Array.from({ length: count }, (_, i) => i % 10));
const device = cpuDevice();

const runs = await Promise.all(
  Object.entries(contenders)
    .filter(([title]) => only === undefined || title.match(only))
    .map(async ([title, [optimizerName, options, rate]]) => {
      const optimizer = optimizerByName(optimizerName, model, options);
      const first = await initialState(model, optimizer, 0, device);
      const state = new DeviceState(device, first) as unknown as TrainingMemory;
      const programs = trainingPrograms(
        { model, loss: crossEntropy, optimizer },
        device,
      );
      let step = 0;
      const run = async () => {
        step++;
        await programs.run(
          state,
          {
            inputs,
            labels,
            key: intValue([0, step]),
            learningRate: scalarValue(rate),
            scalars: Object.fromEntries(
              Object.entries(optimizer.scalars(step))
                .map(([n, v]) => [n, scalarValue(v)]),
            ),
          },
          isDue(optimizer.curvature, step),
          isDue(optimizer.precondition, step),
        );
      };
      const turn = Math.max(
        Number(least),
        optimizer.curvature?.interval ?? 1,
        optimizer.precondition?.interval ?? 1,
      );
      return { title, run, turn, cpu: [] as number[], clock: [] as number[] };
    }),
);

for (let i = 0; i <= TURNS; i++) {
  for (const { run, turn, cpu, clock } of runs) {
    const cpuStart = cpuSeconds(), start = performance.now();
    for (let k = 0; k < turn; k++) await run();
    // The first turn compiles and warms up.
    if (i === 0) continue;
    cpu.push((cpuSeconds() - cpuStart) / turn);
    clock.push((performance.now() - start) / 1000 / turn);
  }
}

const median = (x: readonly number[]): number =>
  x.toSorted((a, b) => a - b)[Math.floor(x.length / 2)];
const [base] = runs;
console.log(
  `${name}, batch ${batch}, device ${device.name}: median of ${TURNS} turns`,
);
for (const { title, cpu, clock } of runs) {
  const ratio = (of: "cpu" | "clock"): string =>
    (median(of === "cpu" ? cpu : clock) / median(base[of])).toFixed(2);
  console.log(
    `${title.padEnd(26)}${(1000 * median(cpu)).toFixed(0)} ms of processor (${
      ratio("cpu")
    }), ${(1000 * median(clock)).toFixed(0)} ms of clock (${ratio("clock")})`,
  );
}
