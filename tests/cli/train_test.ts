import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "@std/csv";
import { fromFileUrl } from "@std/path";
import { clock, ProgressBar, progressLine } from "../../cli/progress.ts";
import { loadCheckpoint } from "../../src/io/mod.ts";
import type { Trace } from "../../src/program/mod.ts";
import { inFolder, namesIn } from "../data/temporary.ts";
import { commandOf, runCli, untilThere } from "./commands.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

const command = (...args: string[]) => commandOf("train.ts", args);
const run = (...args: string[]) => runCli("train.ts", ...args);

/** The rows of a run's metrics, without the time. */
async function rowsOf(folder: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(`${folder}/metrics.jsonl`);
  return text.trimEnd().split("\n").map((line) => ({
    ...JSON.parse(line),
    seconds: 0,
  }));
}

Deno.test("train --help lists every option", async () => {
  const { code, out, err } = await run("--help");
  assertEquals([code, err], [0, ""]);
  for (
    const name of [
      "dataset",
      "model",
      "optimizer",
      "preset",
      "lr",
      "weight-decay",
      "epochs",
      "batch-size",
      "schedule",
      "warmup",
      "clip",
      "device",
      "threads",
      "prefetch",
      "seed",
      "data-dir",
      "out",
      "resume",
      "save-every",
      "factors",
      "factor-layers",
      "describe",
      "profile",
      "json",
    ]
  ) assertMatch(out, new RegExp(`^  --${name}\\b`, "m"));
});

Deno.test("train refuses what is not allowed in one line, with exit status 2", async () => {
  const cases: [string[], ...string[]][] = [
    [["--optimiser", "adam"], "--optimiser", "did you mean --optimizer?"],
    [["--optimizer", "adafishr"], 'did you mean "adafisher"?', "amsgrad"],
    [["--lr", "-1"], "--lr", "above 0"],
    [["--epochs", "0"], "--epochs", "at least 1"],
    [["--save-every", "often"], "--save-every", "100steps"],
    [["--threads", "0"], "--threads", "at least 1"],
    [["--prefetch", "-1"], "--prefetch", "at least 0"],
    [["--threads", "2", "--device", "gpu"], "--threads", "--device cpu"],
    [["--optimizer", "adam", "--preset", "paper"], "--preset", "adam"],
    [["--data-dir", "x"], "--data-dir", "cifar10"],
    [["--dataset", "iris", "--model", "cnn"], "cnn", "[4]"],
    [["--dataset", "iris", "--batch-size", "121"], "--batch-size", "120"],
    [["--dataset", "iris", "--warmup", "99999"], "--warmup", "99999"],
    [["digits"], '"digits"', "--help"],
    [["--resume", "x", "--lr", "1"], "--lr", "--resume"],
  ];
  const results = await Promise.all(cases.map(([args]) => run(...args)));
  results.forEach(({ code, out, err }, i) => {
    const [args, ...parts] = cases[i];
    assertEquals([code, out], [2, ""], `${args}: ${err}`);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
    for (const part of parts) assertStringIncludes(err, part);
  });
});

Deno.test("train --describe shows the rule of every parameter and trains nothing", async () => {
  const { code, out } = await run("--describe", "--model", "mlp");
  assertEquals(code, 0);
  assertMatch(out, /^fc1\.weight +\[64, 64\] +fc1 +m \/ F of fc1$/m);
  assert(!out.includes("epoch "), out);
});

Deno.test("train leaves files, and one JSON object on the last line", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const args = ["--dataset", "iris", "--epochs", "3", "--out", out]
      .concat("--device", "cpu");
    const result = await run(...args, "--schedule", "one-cycle", "--json");
    assertEquals(result.code, 0, result.err);
    assertEquals(result.out.trimEnd().split("\n").length, 1);
    assertMatch(result.err, /^epoch 3\/3 /m);
    assert(!result.err.includes("\r"), "a bar where there is no terminal");
    const { planBytes, secondsPerStep, ...json } = JSON.parse(result.out);
    assert(planBytes > 0 && secondsPerStep > 0);
    const last = (await rowsOf(out)).at(-1) as Record<string, number>;
    const { trainLoss, trainAccuracy, testLoss, testAccuracy } = last;
    assertEquals(json, {
      dataset: "iris",
      model: "mlp",
      optimizer: "adafisher",
      preset: "official",
      device: "cpu",
      epochs: 3,
      steps: 24,
      trainLoss,
      trainAccuracy,
      testLoss,
      testAccuracy,
      out,
    });
    assertEquals(namesIn(out), [
      "checkpoint.safetensors",
      "metrics.csv",
      "metrics.jsonl",
      "options.json",
    ]);
    const csv = parse(await Deno.readTextFile(`${out}/metrics.csv`), {
      skipFirstRow: true,
    });
    assertEquals(csv.map(({ epoch }) => epoch), ["1", "2", "3"]);
    assertEquals(Number(csv[2].testLoss), testLoss);
    const options = JSON.parse(
      await Deno.readTextFile(`${out}/options.json`),
    );
    assertEquals([options.schedule, options.epochs], ["one-cycle", 3]);

    const again = await run(...args);
    assertEquals([again.code, again.out], [1, ""]);
    assertStringIncludes(again.err, "the folder must be empty");
    assertEquals((await rowsOf(out)).length, 3);
  }));

Deno.test("train --profile shows what kernels took, and leaves a trace beside the metrics", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const result = await run(
      ...["--dataset", "iris", "--epochs", "2", "--device", "reference"],
      ...["--profile", "--out", out],
    );
    assertEquals([result.code, result.err], [0, ""]);
    assertMatch(
      result.out,
      /^ *total ms +share +count +mean ms +first ms +GFLOP\/s +GB\/s +kernel$/m,
    );
    assertMatch(result.out, /% .* matmul float\[16, 3\]$/m);
    assertStringIncludes(result.out, `A trace of all of them is in ${out}/`);
    const trace = JSON.parse(
      await Deno.readTextFile(`${out}/profile.json`),
    ) as Trace;
    const kernels = trace.traceEvents.filter(({ ph, tid }) =>
      ph === "X" && tid === 2
    );
    const [, count, runs] = /^([\d,]+) kernels in ([\d,]+) runs/m.exec(
      result.out,
    )!;
    assertEquals(kernels.length, Number(count.replaceAll(",", "")));
    assertEquals(
      trace.traceEvents.filter(({ name }) => name.startsWith("run ")).length,
      Number(runs.replaceAll(",", "")),
    );
  }));

Deno.test("train says in one line which file is missing, with exit status 1", () =>
  inFolder(async (folder) => {
    for (
      const args of [
        ["--resume", `${folder}/none`],
        ["--dataset", "cifar10", "--data-dir", `${folder}/none`],
      ]
    ) {
      const { code, out, err } = await run(...args);
      assertEquals([code, out], [1, ""]);
      assertStringIncludes(err, `${folder}/none`);
      assert(!err.includes("    at "), err);
    }
  }));

Deno.test("train and compare say without a stack trace that a model needs more than 4 GiB", () =>
  inFolder(async (folder) => {
    const row = 3074, count = 4000;
    await Deno.writeFile(`${folder}/train.bin`, new Uint8Array(row * count));
    await Deno.writeFile(`${folder}/test.bin`, new Uint8Array(row));
    const args = [
      ...["--dataset", "cifar100", "--data-dir", folder, "--device", "cpu"],
      ...["--model", "resnet20", "--batch-size", `${count}`, "--epochs", "1"],
      ...["--out", `${folder}/run`],
    ];
    const compared = ["--optimizers", "sgd", "--equal", "epochs"];
    for (
      const { code, err } of [
        await run(...args),
        await runCli("compare.ts", ...args, ...compared),
      ]
    ) {
      assertEquals(code, 1, err);
      assertMatch(
        err,
        /^Cannot allocate intermediate results, .*has at most 4294967296$/m,
      );
      assertStringIncludes(err, "\nhelp: reduce the batch size or the model\n");
      assert(!err.includes("    at "), err);
    }
  }));

Deno.test("train stops at numbers that are not finite, and keeps the last good checkpoint", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const { code, err } = await run(
      ...["--dataset", "iris", "--lr", "1e30", "--schedule", "constant"],
      ...["--save-every", "1steps", "--out", out],
    );
    assertEquals(code, 1);
    const [, step, layer] = /step (\d+) must be finite.* layer (fc\d) is not/
      .exec(err) ?? [];
    assertEquals([step, layer.slice(0, 2)], ["2", "fc"], err);
    assertStringIncludes(err, "smaller than 1e+30");
    assertStringIncludes(err, "checkpoint, of step 1,");
    assert(!err.includes("    at "), err);
    const { description } = await loadCheckpoint(
      `${out}/checkpoint.safetensors`,
    );
    assertEquals(description.step, 1);
  }));

Deno.test("train saves at Ctrl-C, and --resume ends as if nothing had happened", () =>
  inFolder(async (folder) => {
    const args = ["--model", "cnn", "--epochs", "2", "--save-every", "5steps"];
    // Batches that are made ahead are the same.
    const whole = run(...args, "--prefetch", "2", "--out", `${folder}/whole`);
    const out = `${folder}/stopped`;
    const path = `${out}/checkpoint.safetensors`;
    const child = command(...args, "--out", out).spawn();
    await untilThere(path);
    child.kill("SIGINT");
    const { code, stdout } = await child.output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 130);
    assertStringIncludes(text, `--resume ${out}`);
    const [, step] = /Stopped after step (\d+)/.exec(text) ?? [];
    const stopped = await loadCheckpoint(path);
    assertEquals(stopped.description.step, Number(step));
    assert(Number(step) < 90, `stopped too late, at ${step}`);

    const resumed = await run("--resume", out);
    assertEquals(resumed.code, 0, resumed.err);
    assertStringIncludes(resumed.out, `Going on after step ${step} `);
    assertEquals((await whole).code, 0);
    const rows = await rowsOf(`${folder}/whole`);
    assertEquals(rows.length, 2);
    assertEquals(await rowsOf(out), rows);
    const last = await loadCheckpoint(path);
    const expected = await loadCheckpoint(
      `${folder}/whole/checkpoint.safetensors`,
    );
    assertEquals(last.values, expected.values);
    assertNotEquals(last.values, stopped.values);
  }));

Deno.test("train reads CIFAR from a folder, and augments what it trains on", () =>
  inFolder(async (folder) => {
    const row = Uint8Array.from({ length: 3074 }, (_, i) => (7 * i) % 100);
    await Deno.writeFile(
      `${folder}/train.bin`,
      new Uint8Array([...row, ...row]),
    );
    await Deno.writeFile(`${folder}/test.bin`, row);
    const out = `${folder}/run`;
    const { code, out: text, err } = await run(
      ...["--dataset", "cifar100", "--data-dir", folder, "--model", "mlp"],
      ...["--batch-size", "2", "--epochs", "1", "--lr", "1e-9", "--out", out],
    );
    assertEquals(code, 0, err);
    assertStringIncludes(text, "cifar100 (2 to train, 1 to test)");
    assertStringIncludes(text, "weightDecay 0.0005");
    // The two and the one to test are the same image, cut and flipped in training alone.
    const [{ trainLoss, testLoss }] = await rowsOf(out) as Record<
      string,
      number
    >[];
    assert(Math.abs(trainLoss - testLoss) > 1e-3, `${trainLoss}, ${testLoss}`);
  }));

Deno.test("deno task train says nothing of a desktop that is not there", () =>
  inFolder(async (folder) => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "train", "--dataset", "iris", "--epochs", "1"]
        .concat("--out", `${folder}/run`),
      cwd: root,
      env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 0, text);
    assert(!text.includes("XDG_RUNTIME_DIR"), text);
  }));

Deno.test("progressLine fills the bar by the share that is done", () => {
  const title = "epoch 1/2", details = "0:10 left";
  assertEquals(
    progressLine({ done: 1, total: 4, title, details }),
    "epoch 1/2 [#####---------------] 0:10 left",
  );
  assertEquals(
    progressLine({ done: 9, title, details }),
    `${title} ${details}`,
  );
});

Deno.test("clock shows minutes and hours", () => {
  assertEquals([0, 59.2, 61, 3661, Infinity].map(clock), [
    "0:00",
    "1:00",
    "1:01",
    "1:01:01",
    "?",
  ]);
});

Deno.test("ProgressBar draws on a terminal alone, a few bytes at a time", () => {
  const drawn = (seen: boolean): string => {
    let text = "";
    const bar = new ProgressBar({
      isTerminal: () => seen,
      writeSync(bytes) {
        text += new TextDecoder().decode(bytes.subarray(0, 5));
        return Math.min(5, bytes.length);
      },
    });
    const progress = () => ({ done: 1, title: "title", details: "details" });
    bar.show(progress);
    bar.show(progress); // too soon
    bar.clear();
    return text;
  };
  assertEquals(drawn(false), "");
  assertEquals(drawn(true), "\r\x1b[Ktitle details\r\x1b[K");
});
