import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "@std/csv";
import { inFolder, namesIn } from "../data/temporary.ts";
import { commandOf, runCli, untilThere } from "./commands.ts";

const run = (...args: string[]) => runCli("sweep.ts", ...args);

Deno.test("sweep --help lists every option", async () => {
  const { code, out, err } = await run("--help");
  assertEquals([code, err], [0, ""]);
  for (
    const name of [
      "optimizers",
      "dataset",
      "model",
      "preset",
      "lr",
      "batch-sizes",
      "epochs",
      "seeds",
      "device",
      "threads",
      "data-dir",
      "out",
      "note",
      "json",
    ]
  ) assertMatch(out, new RegExp(`^  --${name}\\b`, "m"));
});

Deno.test("sweep refuses what is not allowed in one line, with exit status 2", async () => {
  const cases: [string[], ...string[]][] = [
    [["--optimizers", "adan"], "--optimizers", '"adam"?'],
    [["--lr", "0.1,x"], "--lr", 'above 0, got "x"'],
    [["--lr", "0"], "--lr", 'above 0, got "0"'],
    [["--lr", "-1"], "--lr", 'above 0, got "-1"'],
    [["--lr=-1"], "--lr", 'above 0, got "-1"'],
    [["--lr", "-.5,1"], "--lr", 'above 0, got "-.5"'],
    [["--lr", "0.1,-1e-3"], "--lr", 'above 0, got "-1e-3"'],
    [["--lr", "0x10"], "--lr", 'above 0, got "0x10"'],
    [["--lr", "0b1"], "--lr", 'above 0, got "0b1"'],
    [["--lr", "1e400"], "--lr", 'above 0, got "1e400"'],
    [["--lr", "1e-400"], "--lr", 'above 0, got "1e-400"'],
    [["--lr", "1_000"], "--lr", 'above 0, got "1_000"'],
    [["--lr", " "], "--lr", "got nothing"],
    [["--lr", "0.1, "], "--lr", "list with commas"],
    [["--lr", "0.001,1e-3"], "--lr", "0.001 twice"],
    [["--batch-sizes", "16,0"], "--batch-sizes", 'at least 1, got "0"'],
    [["--batch-sizes", "1.5"], "--batch-sizes", 'got "1.5"'],
    [["--batch-sizes", ""], "--batch-sizes", "got nothing"],
    [["--batch-sizes", "-8"], "--batch-sizes", 'at least 1, got "-8"'],
    [["--batch-sizes", "0x8"], "--batch-sizes", 'at least 1, got "0x8"'],
    [["--batch-sizes", "8,8.0"], "--batch-sizes", "8 twice"],
    [["--batch-sizes", "99999"], "--batch-sizes must be at most", "got 99999"],
    [["--dataset", "iris", "--batch-sizes", "8,121"], "120 examples", "121"],
    [["--optimizers", "adam", "--preset", "paper"], "--preset", "adam"],
    [["--seeds", "0"], "--seeds", "at least 1"],
    [["--epochs", "9007199254740991"], "--epochs", "at most 100000"],
    [["grid"], '"grid"', "--help"],
  ];
  const results = await Promise.all(cases.map(([args]) => run(...args)));
  results.forEach(({ code, out, err }, i) => {
    const [args, ...parts] = cases[i];
    assertEquals([code, out], [2, ""], `${args}: ${err}`);
    assertEquals(err.trimEnd().split("\n").length, 1, err);
    for (const part of parts) assertStringIncludes(err, part);
  });
});

Deno.test("sweep fills its grid, goes on where it stopped, and leaves cells empty that diverged", () =>
  inFolder(async (folder) => {
    const out = `${folder}/sweep`;
    const args = [
      ...["--dataset", "iris", "--device", "cpu", "--threads", "1"],
      ...["--optimizers", "adafisher,sgd", "--epochs", "3"],
      ...["--batch-sizes", "16,8", "--out", out, "--json"],
    ];
    const first = await run(...args, "--lr", "0.001");
    assertEquals(first.code, 0, first.err);
    assertEquals(namesIn(out).filter((name) => name.startsWith("sgd")), [
      "sgd-lr-0.001-batch-16-seed-0",
      "sgd-lr-0.001-batch-8-seed-0",
    ]);

    const { code, out: text, err } = await run(...args, "--lr", "0.001,1e30");
    assertEquals(code, 0, err);
    assertMatch(err, /^sgd-lr-0.001-batch-8-seed-0: kept, /m);
    assertMatch(err, /^sgd-lr-1e\+30-batch-8-seed-0: stopped at step 2, /m);
    const { cells } = JSON.parse(text);
    assertEquals(
      cells.map((
        { optimizer, learningRate, batchSize, summary }: {
          optimizer: string;
          learningRate: number;
          batchSize: number;
          summary: { finished: number };
        },
      ) => [optimizer, learningRate, batchSize, summary.finished]),
      ["adafisher", "sgd"].flatMap((optimizer) => [
        [optimizer, 0.001, 16, 1],
        [optimizer, 0.001, 8, 1],
        [optimizer, 1e30, 16, 0],
        [optimizer, 1e30, 8, 0],
      ]),
    );
    const csv = parse(await Deno.readTextFile(`${out}/sweep.csv`), {
      skipFirstRow: true,
    });
    assertEquals(csv.length, 8);
    assertEquals(
      Number(csv[1].lastTestAccuracy),
      cells[1].summary.lastTestAccuracy.mean,
    );
    assert(Number(csv[1].secondsPerEpoch) > 0);
    assertEquals(csv[2].lastTestAccuracy, "");

    const page = await Deno.readTextFile(`${out}/report.html`);
    // A line chart for each batch size and one of seconds; two maps an optimizer.
    assertEquals(page.split("<svg").length - 1, 2 + 1 + 2 * 2);
    assert(!/src="http|href="http/.test(page), "the page loads something");

    const other = await run(...args, "--lr", "0.001", "--epochs", "4");
    assertEquals([other.code, other.out], [1, ""]);
    assertStringIncludes(other.err, "epochs must be as before, 3, got 4");
  }));

Deno.test("sweep of runs that all diverge says so, and has no maps", () =>
  inFolder(async (folder) => {
    const { code, out, err } = await run(
      ...["--dataset", "iris", "--device", "cpu", "--threads", "1"],
      ...["--optimizers", "sgd", "--epochs", "2", "--lr", "1e30"],
      ...["--batch-sizes", "16", "--out", folder],
    );
    assertEquals(code, 0, err);
    assertMatch(out, /^sgd +1e\+30 +16 +– .*0 of 1; seed 0 stopped/m);
    const page = await Deno.readTextFile(`${folder}/report.html`);
    assertStringIncludes(page, "No run reached its end.");
    assert(!page.includes("<svg"));
  }));

Deno.test("sweep stops when it is ended, as by a time limit, and says how to go on", () =>
  inFolder(async (out) => {
    const args = [
      ...["--model", "mlp", "--optimizers", "adam", "--epochs", "500"],
      ...["--lr", "0.001", "--batch-sizes", "8", "--device", "cpu"],
      ...["--out", out],
    ];
    const child = commandOf("sweep.ts", args).spawn();
    const path = `${out}/adam-lr-0.001-batch-8-seed-0/checkpoint.safetensors`;
    await untilThere(path);
    child.kill("SIGTERM");
    const { code, stdout } = await child.output();
    assertEquals(code, 130);
    assertStringIncludes(new TextDecoder().decode(stdout), `--out ${out}`);
    assert(!namesIn(out).includes("report.html"));
  }));
