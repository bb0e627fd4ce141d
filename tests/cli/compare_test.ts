import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "@std/csv";
import { adafisher, adam } from "../../src/optim/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { inFolder, namesIn } from "../data/temporary.ts";
import { commandOf, runCli, untilThere } from "./commands.ts";

const run = (...args: string[]) => runCli("compare.ts", ...args);

/** Small and quick. */
const IRIS = ["--dataset", "iris", "--device", "cpu", "--threads", "1"];

/** One run of two epochs. */
const ADAM = [
  ...IRIS,
  ...["--optimizers", "adam", "--equal", "epochs", "--epochs", "2"],
  ...["--seeds", "1"],
];

/** Requires one line without a stack trace. */
function requireOneLine(err: string): void {
  assertEquals(err.trimEnd().split("\n").length, 1, err);
  assert(!err.includes("    at "), err);
}

/** The names of all files below a folder. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`) : [name]
  );
}

/** What a folder has of a run, without the times. */
async function resultOf(folder: string, name: string): Promise<unknown> {
  const result = JSON.parse(
    await Deno.readTextFile(`${folder}/${name}/result.json`),
  );
  return {
    ...result,
    rows: result.rows.map((row: object) => ({ ...row, seconds: 0 })),
  };
}

Deno.test("compare --help lists every option", async () => {
  const { code, out, err } = await run("--help");
  assertEquals([code, err], [0, ""]);
  for (
    const name of [
      "optimizers",
      "dataset",
      "model",
      "preset",
      "epochs",
      "equal",
      "seeds",
      "lr",
      "batch-size",
      "device",
      "threads",
      "data-dir",
      "out",
      "note",
      "json",
    ]
  ) assertMatch(out, new RegExp(`^  --${name}\\b`, "m"));
  assertStringIncludes(
    out,
    "[adafisher,adam,adamw,adahessian,kfac-asdl,shampoo-asdl]",
  );
});

Deno.test("compare refuses what is not allowed in one line, with exit status 2", async () => {
  const cases: [string[], ...string[]][] = [
    [["--optimizers", "adam,adafishr"], "--optimizers", '"adafisher"?'],
    [["--optimizers", "adam,,sgd"], "--optimizers", "list with commas"],
    [["--optimizers", ""], "--optimizers needs a,b,..., got nothing"],
    [["--optimizers", "adam,adam"], "--optimizers", "adam twice"],
    [["--lr", "adam"], "--lr", "adam=0.01"],
    [["--lr", "adam=1=2"], "--lr", "adam=0.01"],
    [["--lr", "adam=-1"], "--lr", 'above 0, got "-1"'],
    [["--lr", "adam=1x"], "--lr", 'above 0, got "1x"'],
    [["--lr", "adam=0x10"], "--lr", 'above 0, got "0x10"'],
    [["--lr", "adam=1e400"], "--lr", 'above 0, got "1e400"'],
    [["--lr", "-1"], "--lr needs a name and a rate", 'got "-1"'],
    [["--optimizers", "-adam"], "--optimizers", 'got "-adam"'],
    [["--lr", "lars=1"], "--lr", "got lars"],
    [["--lr", "adam=1,adam=2"], "--lr", "two for adam"],
    [["--equal", "steps"], "--equal", "time, epochs"],
    [["--seeds", "0"], "--seeds", "at least 1"],
    [["--epochs", "1.5"], "--epochs", "whole number"],
    [["--epochs", "9007199254740991"], "--epochs", "at most 100000"],
    [["--dataset", "iris", "--model", "cnn"], "cnn", "[4]"],
    [["--dataset", "iris", "--batch-size", "121"], "--batch-size", "120"],
    [["--data-dir", "x"], "--data-dir", "cifar10"],
    [["--threads", "2", "--device", "reference"], "--threads", "cpu"],
    [
      ["--optimizers", "adam", "--equal", "epochs", "--preset", "paper"],
      "--preset",
      "adam",
    ],
    [["digits"], '"digits"', "--help"],
  ];
  const results = await Promise.all(cases.map(([args]) => run(...args)));
  results.forEach(({ code, out, err }, i) => {
    const [args, ...parts] = cases[i];
    assertEquals([code, out], [2, ""], `${args}: ${err}`);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
    for (const part of parts) assertStringIncludes(err, part);
  });
});

Deno.test("compare gives a table, CSV, JSON and a report, and tells a run that diverged", () =>
  inFolder(async (folder) => {
    const out = `${folder}/comparison`;
    const { code, out: text, err } = await run(
      ...IRIS,
      ...["--optimizers", "adafisher,adam,sgd", "--lr", "sgd=1e30,adam=0.01"],
      ...["--equal", "epochs", "--epochs", "3", "--seeds", "2"],
      ...["--note", "Measured <here>.", "--out", out, "--json"],
    );
    assertEquals(code, 0, err);
    assertEquals(text.trimEnd().split("\n").length, 1);
    const { contenders, budgetSeconds, ...rest } = JSON.parse(text);
    assertEquals([budgetSeconds, rest.out, rest.seeds], [null, out, 2]);
    const [fisher, adam, sgd] = contenders;
    assertEquals([fisher.learningRate, adam.learningRate], [1e-3, 0.01]);
    assertEquals(
      [fisher, adam, sgd].map(({ summary }) => summary.finished),
      [2, 2, 0],
    );
    assert(fisher.summary.planBytes > 0);
    assertMatch(err, /^sgd +1e\+30 +3 +– .*0 of 2; seed 0 stopped at step 2,/m);
    assertMatch(err, /^adam +0\.01 +3 +[\d.]+ ± [\d.]+ .* 2 of 2$/m);

    const csv = parse(await Deno.readTextFile(`${out}/comparison.csv`), {
      skipFirstRow: true,
    });
    assertEquals(csv.map(({ optimizer }) => optimizer), [
      "adafisher",
      "adam",
      "sgd",
    ]);
    assertEquals(
      Number(csv[1].lastTestAccuracy),
      adam.summary.lastTestAccuracy.mean,
    );
    assertEquals(csv[2].testLoss, "");
    const epochs = parse(await Deno.readTextFile(`${out}/epochs.csv`), {
      skipFirstRow: true,
    });
    assertEquals(epochs.length, 2 * 2 * 3);
    // What is averaged is what the runs did.
    const last = epochs.filter(({ optimizer, epoch }) =>
      optimizer === "adam" && epoch === "3"
    ).map(({ testAccuracy }) => Number(testAccuracy));
    assertEquals(
      (last[0] + last[1]) / 2,
      adam.summary.lastTestAccuracy.mean,
    );

    const page = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(page, "Measured &lt;here&gt;.");
    assertEquals(page.split("<svg").length - 1, 4);
    assertStringIncludes(page, "seed 1 stopped at step 2, diverged");
    assert(!/src="http|href="http/.test(page), "the page loads something");
  }));

Deno.test("compare gives every optimizer the time of AdaFisher's epochs, measured once", () =>
  inFolder(async (folder) => {
    const args = [
      ...IRIS,
      ...["--optimizers", "adam", "--epochs", "4", "--seeds", "1"],
      ...["--out", folder, "--json"],
    ];
    const first = await run(...args);
    assertEquals(first.code, 0, first.err);
    const { contenders: [adam], budgetSeconds } = JSON.parse(first.out);
    // AdaFisher is timed though it is not compared, and its own 4 epochs are not trained.
    assertEquals(
      namesIn(folder).filter((name) => !name.includes(".")),
      ["adam-seed-0"],
    );
    const { epochs } = adam.summary;
    const steps = 8;
    assert(
      epochs * steps * adam.secondsPerStep <= budgetSeconds || epochs === 1,
    );
    assert((epochs + 1) * steps * adam.secondsPerStep > budgetSeconds);

    // Costs that were measured before decide, however fast the machine is now.
    const path = `${folder}/times.json`;
    const times = JSON.parse(await Deno.readTextFile(path));
    assertEquals(Object.values(times).map((costs) => (costs as []).length), [
      9,
      9,
    ]);
    for (const description of Object.keys(times)) {
      const seconds = description.startsWith("adam(") ? 0.5 : 1;
      for (const costs of times[description]) {
        for (const cost of costs) cost.seconds = seconds;
      }
    }
    const other = `${folder}/other`;
    await Deno.mkdir(other);
    await Deno.writeTextFile(`${other}/times.json`, JSON.stringify(times));
    const second = await run(...args, "--out", other);
    assertEquals(second.code, 0, second.err);
    const planned = JSON.parse(second.out);
    assertEquals(planned.budgetSeconds, 4 * steps);
    assertEquals(planned.contenders[0].summary.epochs, 8);
    const { rows } = await resultOf(other, "adam-seed-0") as {
      rows: { learningRate: number }[];
    };
    // The schedule is stretched over the 8: half a cosine, 0 only after the last step.
    assertEquals(rows.length, 8);
    const halfway = rows[3].learningRate;
    assertEquals(
      halfway,
      1e-3 * (1 + Math.cos(Math.PI * 31 / 64)) / 2,
    );
  }));

Deno.test("compare refuses times that are none", () =>
  inFolder(async (folder) => {
    const fisher = adafisher(mlp([4, 8, 3])).description;
    const { description } = adam();
    const cost = { statistics: false, prepares: false, seconds: 1 };
    const times = (rounds: unknown) => ({
      [fisher]: [[{ ...cost, statistics: true }, cost]],
      [description]: rounds,
    });
    const cases: [unknown, string][] = [
      [[], "it must be a JSON object, got an array of 0"],
      [null, "it must be a JSON object, got null"],
      ["x", 'it must be a JSON object, got "x"'],
      [times(null), `"${description}" must be a list of rounds, got null`],
      [times([]), "must be a list of rounds, got an array of 0"],
      [times({}), "must be a list of rounds, got an object"],
      [times([3]), `round 1 of "${description}" must be a list, got 3`],
      [times([[]]), "must be a list of 1, one a kind of step, got an array"],
      [times([[cost], [null]]), "[0] must be an object, got null"],
      [times([[{ ...cost, seconds: 0 }]]), "seconds must be a finite number"],
      [times([[{ ...cost, seconds: "1" }]]), 'above 0, got "1"'],
      [times([[{ ...cost, prepares: true }]]), "prepares must be false"],
      // What could be planned without an end.
      [
        times([[{ ...cost, seconds: 1e-300 }]]),
        "at most 100000 epochs may fit into 8 s",
      ],
      [
        {
          ...times([[cost]]),
          [fisher]: [[{ ...cost, statistics: true, seconds: 1e308 }, {
            ...cost,
            seconds: 1e308,
          }]],
        },
        "the budget must be finite and at least 0, got Infinity",
      ],
    ];
    const path = `${folder}/times.json`;
    for (const [times, message] of cases) {
      await Deno.writeTextFile(path, JSON.stringify(times));
      const { code, err } = await run(
        ...IRIS,
        ...["--optimizers", "adam", "--epochs", "1", "--out", folder],
      );
      requireOneLine(err);
      assertEquals(code, 1, JSON.stringify(times));
      assertStringIncludes(err, message);
      assertStringIncludes(err, path);
    }
  }));

Deno.test("compare says how to begin again if it is stopped while steps are timed", () =>
  inFolder(async (folder) => {
    const child = commandOf("compare.ts", [
      ...IRIS,
      ...["--optimizers", "adafisher,adam", "--out", folder],
    ]).spawn();
    // It is made before the first step is timed, which takes seconds.
    const path = `${folder}/comparison.json`;
    await untilThere(path);
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    const err = new TextDecoder().decode(stderr);
    assertEquals(code, 130, err);
    requireOneLine(err);
    assertStringIncludes(err, "Stopped before all steps were timed");
    assertStringIncludes(err, `--out ${folder}`);
    assert(!namesIn(folder).includes("times.json"));
  }));

Deno.test("compare keeps off a folder in which another process is at work", () =>
  inFolder(async (folder) => {
    const args = [...ADAM, "--out", folder];
    const other = await Deno.open(folder);
    assert(await other.tryLock(true));
    const { code, err } = await run(...args);
    assertEquals(code, 1);
    requireOneLine(err);
    assertStringIncludes(
      err,
      `Cannot write into ${folder}: another process is at work in it`,
    );
    assertEquals(namesIn(folder), []);
    // A process that has ended, however it did, has no lock.
    other.close();
    assertEquals((await run(...args)).code, 0);
  }));

Deno.test("compare goes on after Ctrl-C, and does nothing again", () =>
  inFolder(async (folder) => {
    const args = [
      ...["--model", "mlp", "--optimizers", "adam,sgd", "--equal", "epochs"],
      ...["--epochs", "40", "--seeds", "1", "--device", "cpu"],
      ...["--threads", "1"],
    ];
    const whole = run(...args, "--out", `${folder}/whole`);
    const out = `${folder}/stopped`;
    const child = commandOf("compare.ts", [...args, "--out", out]).spawn();
    const path = `${out}/sgd-seed-0/checkpoint.safetensors`;
    await untilThere(path);
    child.kill("SIGINT");
    const { code, stdout } = await child.output();
    assertEquals(code, 130);
    assertStringIncludes(new TextDecoder().decode(stdout), `--out ${out}`);
    assert(!namesIn(`${out}/sgd-seed-0`).includes("result.json"));
    const kept = await Deno.stat(`${out}/adam-seed-0/result.json`);

    const resumed = await run(...args, "--out", out);
    assertEquals(resumed.code, 0, resumed.err);
    assertMatch(resumed.out, /^adam-seed-0: kept, test accuracy/m);
    assert(!resumed.out.includes("sgd-seed-0: epoch  1/40"), resumed.out);
    assertEquals(
      (await Deno.stat(`${out}/adam-seed-0/result.json`)).mtime,
      kept.mtime,
    );
    assertEquals((await whole).code, 0);
    for (const name of ["adam-seed-0", "sgd-seed-0"]) {
      assertEquals(
        await resultOf(out, name),
        await resultOf(`${folder}/whole`, name),
      );
    }

    // More seeds are added to what is there.
    const more = await run(
      ...args,
      "--out",
      out,
      "--epochs",
      "40",
      "--seeds",
      "2",
    );
    assertEquals(more.code, 0, more.err);
    assertMatch(more.out, /^sgd-seed-0: kept/m);
    assertMatch(more.out, /^sgd-seed-1: test accuracy/m);
  }));

Deno.test("compare does not mix what a folder has with another comparison", () =>
  inFolder(async (folder) => {
    const args = [...ADAM, "--out", folder];
    assertEquals((await run(...args)).code, 0);
    const page = await Deno.readTextFile(`${folder}/report.html`);
    const cases: [string[], string][] = [
      [["--epochs", "3"], "epochs must be as before, 2, got 3"],
      [["--lr", "adam=1"], "learningRate must be as before, 0.001, got 1"],
      [["--batch-size", "8"], "batchSize must be as before, 16, got 8"],
      [["--equal", "time"], 'equal must be as before, "epochs", got "time"'],
      [["--device", "reference"], "device must be as before"],
    ];
    for (const [more, message] of cases) {
      const given = more[1] === "reference"
        ? args.filter((arg) => arg !== "--threads" && arg !== "1")
          .concat("--seeds", "1")
        : args;
      const { code, out, err } = await run(...given, ...more);
      assertEquals(code, 1, `${more}: ${out}${err}`);
      assertStringIncludes(err, message);
      assert(!err.includes("    at "), err);
    }
    assertEquals(await Deno.readTextFile(`${folder}/report.html`), page);
  }));

Deno.test("compare names the file and the value where what it goes on from is damaged", () =>
  inFolder(async (folder) => {
    const args = [...ADAM, "--out", folder];
    assertEquals((await run(...args)).code, 0);
    const run0 = `${folder}/adam-seed-0`;
    const result = JSON.parse(await Deno.readTextFile(`${run0}/result.json`));
    const [first, second] = result.rows;
    const stopped = { step: 3, reason: "diverged" };
    const { seconds: _, ...less } = first;
    const whole = "it must be a JSON object, got ";
    const cases: [string, unknown, string][] = [
      ["comparison.json", null, `${whole}null`],
      ["comparison.json", 3, `${whole}3`],
      ["comparison.json", [], `${whole}an array of 0`],
      ["comparison.json", "x", `${whole}"x"`],
      ["comparison.json", {}, 'dataset must be as before, nothing, got "iris"'],
      ["adam-seed-0/options.json", null, `${whole}null`],
      ["adam-seed-0/options.json", [[]], `${whole}an array of 1`],
      [
        "adam-seed-0/options.json",
        {},
        'must be as before, nothing, got "iris"',
      ],
      ...([
        [[], `${whole}an array of 0`],
        [{}, 'optimizer must be "adam", got nothing'],
        [{ ...result, learningRate: "0.001" }, 'be 0.001, got "0.001"'],
        [{ ...result, epochs: 3 }, "epochs must be 2, got 3"],
        [{ ...result, planBytes: null }, "planBytes must be a whole number"],
        [{ ...result, stopped: 1 }, "stopped must be an object, got 1"],
        [{ ...result, stopped: {} }, "stopped.step must be a whole number"],
        [{ ...result, stopped: { step: 1 } }, "stopped.reason must be a text"],
        [{ ...result, rows: 2 }, "rows must be a list, got 2"],
        [{ ...result, rows: [] }, "rows must be a list of 2, one an epoch"],
        [{ ...result, rows: [null, null] }, "rows[0] must be an object"],
        [{ ...result, rows: [less, second] }, "rows[0].seconds must be"],
        [{ ...result, rows: [first, first] }, "rows[1].epoch must be 2, got 1"],
        [
          { ...result, rows: [first, { ...second, testLoss: null }] },
          "rows[1].testLoss must be a finite number, got null",
        ],
        [{ ...result, stopped, rows: [less] }, "must have a number seconds"],
      ] as const).map(([json, message]): [string, unknown, string] => [
        "adam-seed-0/result.json",
        json,
        message,
      ]),
    ];
    for (const [name, json, message] of cases) {
      const path = `${folder}/${name}`;
      const kept = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, JSON.stringify(json));
      const { code, err } = await run(...args);
      await Deno.writeTextFile(path, kept);
      assertEquals(code, 1, `${name} ${JSON.stringify(json)}: ${err}`);
      requireOneLine(err);
      assertStringIncludes(err, message);
      assertStringIncludes(err, folder);
    }

    await Deno.writeTextFile(`${run0}/result.json`, '{"rows');
    const broken = await run(...args);
    assertEquals(broken.code, 1);
    assertStringIncludes(broken.err, "result.json: it must be JSON");

    // Without the result the run goes on from its checkpoint and its metrics.
    await Deno.remove(`${run0}/result.json`);
    const rows = await Deno.readTextFile(`${run0}/metrics.jsonl`);
    for (const line of ["null", "3", "[]", "{}", '"x"', '{"epoch":1}', "{"]) {
      await Deno.writeTextFile(
        `${run0}/metrics.jsonl`,
        `${rows.split("\n")[0]}\n${line}\n`,
      );
      const { code, err } = await run(...args);
      assertEquals(code, 1, line);
      requireOneLine(err);
      assertStringIncludes(err, `Cannot read ${run0}/metrics.jsonl: line 2 `);
    }
    await Deno.writeTextFile(`${run0}/metrics.jsonl`, rows);
    assertEquals((await run(...args)).code, 0);
    assertEquals(
      JSON.parse(await Deno.readTextFile(`${run0}/result.json`)).rows,
      result.rows,
    );
  }));

Deno.test("compare names what it cannot read or write", () =>
  inFolder(async (folder) => {
    // Each is a folder where a file should be.
    const cases: [string, string][] = [
      ["comparison.json", "Cannot read"],
      ["adam-seed-0/options.json", "Cannot read"],
      ["adam-seed-0/checkpoint.safetensors", "Cannot read"],
      ["adam-seed-0/result.json", "Cannot read"],
      ["adam-seed-0/metrics.csv", "Cannot write"],
      ["comparison.csv", "Cannot write"],
      ["report.html", "Cannot write"],
    ];
    for (const [i, [name, message]] of cases.entries()) {
      const out = `${folder}/${i}`;
      await Deno.mkdir(`${out}/${name}`, { recursive: true });
      const { code, err } = await run(...ADAM, "--out", out);
      assertEquals(code, 1, name);
      requireOneLine(err);
      assertStringIncludes(err, `${message} ${out}/${name}: `);
      assertEquals(filesIn(out).filter((name) => name.endsWith(".tmp")), []);
    }
    await Deno.mkdir(`${folder}/file`);
    await Deno.writeTextFile(`${folder}/file/adam-seed-0`, "");
    const { code, err } = await run(...ADAM, "--out", `${folder}/file`);
    assertEquals(code, 1);
    requireOneLine(err);
    assertStringIncludes(
      err,
      `${folder}/file/adam-seed-0: it must be a folder`,
    );
  }));
