import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadData } from "../../cli/data.ts";
import { type FactorPlan, isObserved, resumedPlan } from "../../cli/factors.ts";
import { build, runOptions } from "../../cli/recipe.ts";
import { type Run, trainRun } from "../../cli/run.ts";
import { readFactorFolder } from "../../src/analysis/mod.ts";
import { batchAt } from "../../src/data/mod.ts";
import { loadCheckpoint } from "../../src/io/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { inFolder, namesIn } from "../data/temporary.ts";
import { runCli } from "./commands.ts";

const twoEpochs = runOptions({ dataset: "iris", epochs: 2, "batch-size": 50 });
const data = await loadData("iris", null, new AbortController().signal);

/** Trains in a folder; `events` is after how many events it is interrupted. */
async function train(
  folder: string,
  factors: FactorPlan | undefined,
  { from, events = Infinity, epochs = 2 }: {
    from?: Run["from"];
    events?: number;
    epochs?: number;
  } = {},
): Promise<string> {
  const options = { ...twoEpochs, epochs };
  let heard = 0;
  const signal = {
    get aborted() {
      return ++heard >= events;
    },
  } as AbortSignal;
  const { kind } = await trainRun(
    { options, from },
    data,
    build(options, data.train),
    {
      folder,
      device: referenceDevice,
      saveEvery: { count: 1, unit: "epoch" },
      factors,
      say: () => {},
      signal,
    },
  );
  return kind;
}

Deno.test("train --factors: H of the first layer is the average of its batches' outer products", () =>
  inFolder(async (folder) => {
    await train(folder, { when: "steps:1,2,5", layers: ["fc1"] });
    assertEquals(namesIn(`${folder}/factors`), [
      "step-1.safetensors",
      "step-2.safetensors",
      "step-5.safetensors",
    ]);
    const factors = await readFactorFolder(`${folder}/factors`);
    // Three batches an epoch: 50, 50 and 20 flowers.
    let expected: number[] = [];
    for (let step = 1; step <= 5; step++) {
      const { inputs } = batchAt(data.train, {
        batchSize: 50,
        shuffle: true,
        normalization: data.normalization,
        seed: twoEpochs.seed,
        epoch: step <= 3 ? 0 : 1,
      }, (step - 1) % 3);
      const count = inputs.shape[0];
      const h = Array.from({ length: 25 }, (_, k) => {
        const a = Math.floor(k / 5), b = k % 5;
        let sum = 0;
        for (let i = 0; i < count; i++) {
          const entry = (j: number) => j === 4 ? 1 : inputs.data[4 * i + j];
          sum += entry(a) * entry(b);
        }
        return sum / count;
      });
      expected = step === 1 ? h : h.map((x, k) => 0.8 * expected[k] + 0.2 * x);
      if (![1, 2, 5].includes(step)) continue;
      const found = factors.find((factor) =>
        factor.step === step && factor.name === "fc1/paper/h"
      );
      // Numbers of about 1 in float32, rounded once a step.
      assertAllClose(
        found!.matrix,
        expected,
        { absolute: 1e-6 },
        `step ${step}`,
      );
    }
  }));

Deno.test("train --factors: observes the steps that a kept one still remembers", () =>
  inFolder(async (folder) => {
    const observed = [...Array(150).keys()].map((i) => i + 1)
      .filter((step) => isObserved("steps:150", step));
    assertEquals(observed.slice(0, 3), [1, 50, 51]);
    assertEquals(observed.length, 102);
    assert(isObserved("every:60", 1000) && isObserved("every:1000", 900));
    assert(!isObserved("every:1000", 899) && isObserved("every:1000", 901));

    // The steps kept in between let the first run observe all of them.
    const all: Record<string, Awaited<ReturnType<typeof readFactorFolder>>> =
      {};
    for (const steps of ["70,140,150", "150"]) {
      const path = `${folder}/${steps}`;
      await Deno.mkdir(path);
      const plan = { when: `steps:${steps}`, layers: ["fc1", "fc2"] };
      await train(path, plan, { epochs: 50 });
      const read = await readFactorFolder(`${path}/factors`);
      all[steps] = read.filter(({ step }) => step === 150);
    }
    assertEquals(all["150"].length, 8);
    for (const [i, { name, matrix }] of all["150"].entries()) {
      // What was forgotten weighs no more than a rounding of the largest entry.
      const expected = [...all["70,140,150"][i].matrix.data];
      const absolute = 2 ** -23 * Math.max(...expected.map(Math.abs));
      assertAllClose(matrix, expected, { absolute }, name);
    }
  }));

Deno.test("train --factors: does not change the run, and goes on after a stop bit for bit", () =>
  inFolder(async (folder) => {
    const plan = { when: "every:2", layers: ["fc1", "fc2"] };
    const [plain, whole, stopped] = ["plain", "whole", "stopped"].map((name) =>
      `${folder}/${name}`
    );
    for (const path of [plain, whole, stopped]) await Deno.mkdir(path);
    await train(plain, undefined);
    assertEquals(await train(whole, plan), "finished");
    // Six steps and two epochs are eight events: stop at each of the first six.
    let kind = await train(stopped, plan, { events: 1 });
    for (let stops = 1; stops < 7; stops++) {
      assertEquals(kind, "interrupted");
      const path = `${stopped}/checkpoint.safetensors`;
      const checkpoint = await loadCheckpoint(path);
      const { step } = checkpoint.description;
      const resumed = await resumedPlan(stopped, step);
      assertEquals(resumed, plan);
      assertEquals(
        namesIn(stopped).filter((name) => name.startsWith("factor-averages")),
        [`factor-averages-${step}.safetensors`],
      );
      kind = await train(stopped, resumed, {
        from: { checkpoint, path },
        events: stops < 6 ? 1 : Infinity,
      });
    }
    assertEquals(kind, "finished");
    const steps = ["step-2.safetensors", "step-4.safetensors"]
      .concat("step-6.safetensors");
    assertEquals(namesIn(`${whole}/factors`), steps);
    assertEquals(
      await readFactorFolder(`${stopped}/factors`),
      await readFactorFolder(`${whole}/factors`),
    );
    const numbers = async (run: string) =>
      (await loadCheckpoint(`${run}/checkpoint.safetensors`)).values;
    assertEquals(await numbers(whole), await numbers(plain));
    assertEquals(await numbers(stopped), await numbers(plain));
    assert(!namesIn(plain).includes("factors"));
  }));

Deno.test("train --factors says in one line what it cannot keep", async () => {
  const cases: [string[], ...string[]][] = [
    [["--factors", "often"], "every:50 or steps:1,50", '"often"'],
    [["--factors", "steps:0"], '"steps:0"'],
    [["--factors", "every:100000"], "asks for step 100000, and the run has "],
    [["--factor-layers", "fc1"], "--factor-layers needs --factors"],
    [
      ["--factors", "every:1", "--factor-layers", "fc1,fc9"],
      "fc1, fc2",
      'got "fc9"',
    ],
  ];
  const results = await Promise.all(
    cases.map(([args]) => runCli("train.ts", "--dataset", "iris", ...args)),
  );
  results.forEach(({ code, out, err }, i) => {
    const [args, ...parts] = cases[i];
    assertEquals([code, out], [2, ""], `${args}: ${err}`);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
    for (const part of parts) assertStringIncludes(err, part);
  });
});

Deno.test("train --resume needs the averages of a run that keeps factors", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const iris = [
      "--dataset",
      "iris",
      "--epochs",
      "1",
      "--device",
      "reference",
    ];
    const first = await runCli(
      "train.ts",
      ...[...iris, "--factors", "steps:3", "--out", out],
    );
    assertEquals(first.code, 0, first.err);
    assertStringIncludes(
      first.out,
      `Factors of fc1, fc2 are in ${out}/factors`,
    );
    const [averages] = namesIn(out).filter((name) => /^factor-/.test(name));
    await Deno.remove(`${out}/${averages}`);
    const { code, err } = await runCli("train.ts", "--resume", out);
    assertEquals(code, 1);
    assertStringIncludes(err, averages);
    assert(!err.includes("    at "), err);
  }));
