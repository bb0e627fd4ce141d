import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  describeOptions,
  parseOptions,
  UsageError,
} from "../../cli/arguments.ts";
import { readTrace, writeTrace } from "../../src/oracle/mod.ts";
import { value } from "../../src/tensor/value.ts";
import { changed, localCases, withFolder } from "../oracle/helpers.ts";

const script = fileURLToPath(new URL("../../cli/oracle.ts", import.meta.url));
const root = dirname(dirname(script));
const mlp = join(localCases, "mlp-adafisher");

/** What a command printed, and its exit status. */
interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function deno(args: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

function oracle(...args: string[]): Promise<Ran> {
  return deno(["run", "--allow-read", "--allow-write", script, ...args]);
}

/** Requires a status and one line on the error output: no stack trace. */
function requireRefusal({ code, out, err }: Ran, status: number): void {
  assertEquals(code, status, out + err);
  assertEquals(out, "");
  assertEquals(err.trimEnd().split("\n").length, 1, err);
}

Deno.test("oracle verify prints a table and a summary, and exits with 0", async () => {
  const { code, out, err } = await oracle(
    "verify",
    mlp,
    join(localCases, "layers-adafisherw"),
  );
  assertEquals(code, 0, err);
  assertStringIncludes(
    out,
    "mlp-adafisher: passed on reference, tolerance 1e-9",
  );
  for (const kind of ["loss", "gradient", "h", "s", "parameter", "buffer"]) {
    assertMatch(
      out,
      new RegExp(`^  ${kind} +\\d+ +\\d\\.\\d\\de-\\d+ .*pass$`, "m"),
    );
  }
  assertMatch(out, /^2 cases: 2 passed$/m);
});

Deno.test("oracle verify exits with 1 for a tampered trace and names the entry", async () => {
  await withFolder(async (folder) => {
    const trace = await readTrace(mlp);
    const key = "step/10/s/fc2";
    const tensor = trace.tensors.get(key)!;
    const data = Float64Array.from(tensor.data);
    data[4] = NaN;
    await writeTrace(folder, changed(trace, { [key]: { ...tensor, data } }), {
      overwrite: true,
    });
    const { code, out } = await oracle("verify", folder, mlp);
    assertEquals(code, 1);
    assertMatch(out, /step\/10\/s\/fc2\[4\], step 10 +FAIL: 1 of 15/);
    assertMatch(out, /^2 cases: 1 passed, 1 failed$/m);

    const { code: status, out: json } = await oracle(
      "verify",
      folder,
      "--json",
    );
    assertEquals(status, 1);
    const { ok, counts, cases } = JSON.parse(json);
    assertEquals(ok, false);
    assertEquals(counts.failed, 1);
    const kinds: { kind: string; worst: Record<string, unknown> }[] =
      cases[0].report.kinds;
    const { worst } = kinds.find(({ kind }) => kind === "s")!;
    assertEquals([worst.tensor, worst.index, worst.error], [key, [4], "NaN"]);
  });
});

Deno.test("oracle verify names the case, the entry and the place of a bad number, and lists unknown entries", async () => {
  await withFolder(async (parent) => {
    const trace = await readTrace(mlp);
    const x = trace.tensors.get("batch/4/x")!;
    const data = Float64Array.from(x.data);
    data[13] = NaN;
    const cases = {
      nan: { "batch/4/x": { ...x, data } },
      unknown: { "step/2/foo": value([1]) },
    };
    for (const [name, changes] of Object.entries(cases)) {
      await writeTrace(join(parent, name), changed(trace, changes));
    }
    const folders = Object.keys(cases).map((name) => join(parent, name));
    const { code, out } = await oracle("verify", ...folders);
    assertEquals(code, 1);
    assertStringIncludes(
      out,
      "Cannot verify case nan: Cannot replay: batch/4/x must be finite, got NaN at [1, 3]",
    );
    assertStringIncludes(
      out,
      "FAIL: step/2/foo is in the trace, but the replay has no such tensor",
    );
    assertMatch(out, /^2 cases: 0 passed, 1 failed, 1 unreadable$/m);
  });
});

Deno.test("oracle verify --json prints one document", async () => {
  const { code, out } = await oracle("verify", "--json", mlp);
  assertEquals(code, 0);
  const { ok, counts, cases } = JSON.parse(out);
  assertEquals(ok, true);
  assertEquals(counts, { passed: 1, failed: 0, unreadable: 0 });
  assertEquals(cases[0].status, "passed");
  assertEquals(cases[0].report.problems, []);
});

Deno.test("oracle verify reports a cut-off trace, bad JSON and missing draws, and goes on", async () => {
  await withFolder(async (parent) => {
    const folders: string[] = [];
    for (const name of ["cut", "json", "kfac", "misfit"]) {
      const folder = join(parent, name);
      folders.push(folder);
      await Deno.mkdir(folder);
      for (const file of ["case.json", "trace.safetensors"]) {
        await Deno.copyFile(join(mlp, file), join(folder, file));
      }
    }
    await Deno.truncate(join(parent, "cut", "trace.safetensors"), 50_000);
    await Deno.writeTextFile(join(parent, "json", "case.json"), '{"format":');
    const description = JSON.parse(
      await Deno.readTextFile(join(mlp, "case.json")),
    );
    const optimizer = {
      name: "kfac-asdl",
      lr: 0.05,
      momentum: 0.9,
      weightDecay: 0,
      damping: 1e-3,
      curvatureInterval: 5,
      emaDecay: -1,
      clipNorm: 1,
    };
    await Deno.writeTextFile(
      join(parent, "kfac", "case.json"),
      JSON.stringify({ ...description, optimizer }),
    );
    description.model.layers[0].in = 11;
    await Deno.writeTextFile(
      join(parent, "misfit", "case.json"),
      JSON.stringify(description),
    );
    const { code, out, err } = await oracle("verify", ...folders, mlp);
    assertEquals(code, 1);
    assertEquals(err, "");
    assertMatch(out, /cut: unreadable\n.*trace\.safetensors.*must end within/);
    assertMatch(out, /json: unreadable\n.*case\.json: the file must be JSON/);
    assertMatch(
      out,
      /kfac: unreadable\n.*probe\/1\/labels must be int\[24\], got nothing/,
    );
    assertMatch(
      out,
      /misfit: unreadable\n.*init\/fc1\.weight must be float\[16, 11\]/,
    );
    assertMatch(out, /^5 cases: 1 passed, 4 unreadable$/m);
  });
});

for (
  const [args, message] of [
    [[], "needs a command: verify or record"],
    [
      ["verfy"],
      'Unknown command "verfy": it must be verify or record, did you mean verify?',
    ],
    [["constructor"], "Unknown command"],
    [["verify"], "needs at least one case folder"],
    [
      ["verify", "no/such/folder"],
      "Cannot verify no/such/folder: a case must be a folder with case.json and trace.safetensors, got nothing there",
    ],
    [["verify", script], "got a file there"],
    [["verify", mlp, "--jsn"], "Unknown option --jsn, did you mean --json?"],
    [
      ["verify", mlp, "--device", "referense"],
      'got "referense" (did you mean "reference"?)',
    ],
    [["verify", mlp, "--json=1"], "--json takes no value"],
    [["record", "x.json"], "needs --out <folder>"],
    [["record", "--out", "x"], "needs one description, or --model"],
    [
      ["record", "x.json", "--model", "mlp", "--out", "x"],
      "needs one description, or --model",
    ],
    [
      ["record", "x.json", "--optimizer", "adam", "--out", "x"],
      "--optimizer goes with --model",
    ],
    [
      ["record", "no-such.json", "--out", "x"],
      "Cannot read description no-such.json",
    ],
    [
      ["record", "--model", "mlpp", "--out", "x"],
      'got "mlpp" (did you mean "mlp"?)',
    ],
    [
      ["record", "--model", "mlp", "--out", "x", "--seed", "-1"],
      '--seed needs a whole number of at least 0 and of at most 4294967295, got "-1"',
    ],
  ] as const
) {
  Deno.test(`oracle ${args.map((arg) => arg.replaceAll(root, "")).join(" ")} is a usage error`, async () => {
    const ran = await oracle(...args);
    requireRefusal(ran, 2);
    assertStringIncludes(ran.err, message);
  });
}

Deno.test("oracle --help explains, for the whole and for each command", async () => {
  for (const args of [["--help"], ["verify", "-h"], ["record", "--help"]]) {
    const { code, out, err } = await oracle(...args);
    assertEquals(code, 0, err);
    assertStringIncludes(out, "--device <reference|cpu|gpu>");
    assertStringIncludes(out, "Exit status");
  }
});

Deno.test("deno task oracle has the permissions that it needs", async () => {
  await withFolder(async (folder) => {
    const task = ["task", "--quiet", "oracle"];
    const out = join(folder, "case");
    const recorded = await deno([
      ...task,
      "record",
      "--model",
      "mlp",
      "--out",
      out,
    ]);
    assertEquals(recorded.code, 0, recorded.err);
    const verified = await deno([...task, "verify", out]);
    assertEquals(verified.code, 0, verified.err);
  });
});

Deno.test("oracle record writes a case that verify passes, and overwrites only when told", async () => {
  await withFolder(async (folder) => {
    const out = join(folder, "new", "case");
    const args = ["record", "--model", "transformer", "--optimizer", "adamw"];
    const first = await oracle(...args, "--out", out, "--seed", "5");
    assertEquals(first.code, 0, first.err);
    assertMatch(first.out, /tensors, 10 steps, loss \d/);
    const bytes = await Deno.readFile(join(out, "trace.safetensors"));

    const again = await oracle(...args, "--out", out);
    requireRefusal(again, 1);
    assertStringIncludes(again.err, "--overwrite allows it");
    assertEquals(await Deno.readFile(join(out, "trace.safetensors")), bytes);

    const forced = await oracle(
      ...args,
      "--out",
      out,
      "--seed",
      "5",
      "--overwrite",
    );
    assertEquals(forced.code, 0, forced.err);
    assertEquals(await Deno.readFile(join(out, "trace.safetensors")), bytes);
  });
});

Deno.test("oracle record reads a description, and refuses a bad one without a stack trace", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "mine.json");
    const out = join(folder, "case");
    const { layers, ...description } = (await readTrace(mlp)).case;
    const { name, hyperparameters } = description.optimizer;
    const json = {
      model: { layers },
      loss: "cross-entropy",
      optimizer: { name, ...hyperparameters },
      steps: 2,
      record: [2],
      batch: { size: 4, input: [10] },
    };
    await Deno.writeTextFile(path, JSON.stringify({ ...json, loss: "msee" }));
    const bad = await oracle("record", path, "--out", out);
    requireRefusal(bad, 1);
    assertStringIncludes(
      bad.err,
      'mine.json: loss must be one of cross-entropy, mse, got "msee"',
    );

    const batch = { size: 4, input: [9] };
    await Deno.writeTextFile(path, JSON.stringify({ ...json, batch }));
    const misfit = await oracle("record", path, "--out", out);
    requireRefusal(misfit, 1);
    assertStringIncludes(misfit.err, "input has 9 features, weight expects 10");

    await Deno.writeTextFile(path, JSON.stringify(json));
    const good = await oracle("record", path, "--out", out);
    assertEquals(good.code, 0, good.err);
    const { tensors } = await readTrace(out);
    assert(tensors.has("step/2/h/fc1") && !tensors.has("step/1/h/fc1"));
  });
});

const options = {
  lr: { kind: "number", above: 0, default: 0.5, about: "Learning rate" },
  epochs: { kind: "integer", least: 1, most: 9, about: "Epochs" },
  model: { kind: "choice", values: ["mlp", "cnn"], about: "Model" },
  out: { kind: "text", placeholder: "folder", about: "Where to" },
  fast: { kind: "flag", about: "Hurry" },
  bar: { kind: "flag", default: true, negatable: true, about: "Show a bar" },
} as const;

Deno.test("parseOptions() gives values of their types, and what belongs to no option", () => {
  const none = parseOptions([], options, "x");
  assertEquals(none, {
    options: {
      lr: 0.5,
      epochs: undefined,
      model: undefined,
      out: undefined,
      fast: false,
      bar: true,
    },
    positional: [],
    help: false,
  });
  const some = parseOptions(
    [
      "1",
      "--lr",
      "1e-3",
      "--epochs=2",
      "--epochs",
      "3",
      "--model",
      "cnn",
      "--fast",
      "a",
      "--no-bar",
      "--out=7",
      "--",
      "--lr",
    ],
    options,
    "x",
  );
  assertEquals(some, {
    options: {
      lr: 1e-3,
      epochs: 3,
      model: "cnn",
      out: "7",
      fast: true,
      bar: false,
    },
    positional: ["1", "a", "--lr"],
    help: false,
  });
  assert(parseOptions(["-h"], options, "x").help);
  assertEquals(
    parseOptions(["--out", "-1,-x"], options, "x").options.out,
    "-1,-x",
  );
});

for (
  const [args, message] of [
    [["--lr", "0"], '--lr needs a number above 0, got "0"'],
    [["--lr", "-1e3"], '--lr needs a number above 0, got "-1e3"'],
    [["--lr", "1x"], '--lr needs a number above 0, got "1x"'],
    [["--lr", "Infinity"], "--lr needs a number"],
    [["--lr", "-x"], '--lr needs a number above 0, got "-x"'],
    [["--lr", "-h"], "--lr needs a number above 0, got nothing"],
    [["--lr", " "], "--lr needs a number above 0, got nothing"],
    [["--lr", "1_000"], '--lr needs a number above 0, got "1_000"'],
    [["--lr", "1e999"], "--lr needs a number"],
    [["--lr"], "--lr needs a number above 0, got nothing"],
    [["--lr", "--fast"], "--lr needs a number above 0, got nothing"],
    [
      ["--epochs", "0x5"],
      "--epochs needs a whole number of at least 1 and of at most 9",
    ],
    [["--epochs", "2.5"], "--epochs needs a whole number"],
    [["--epochs", "10"], "--epochs needs a whole number"],
    [
      ["--model", "CNN"],
      '--model needs one of mlp, cnn, got "CNN" (did you mean "cnn"?)',
    ],
    [["--out", ""], "--out needs a folder, got nothing"],
    [["--fast=maybe"], '--fast takes no value, got "maybe"'],
    [["--no-fast"], "Unknown option --no-fast, did you mean --fast?"],
    [["--modle", "mlp"], "Unknown option --modle, did you mean --model?"],
    [["--constructor"], "Unknown option --constructor"],
    [["--lr.x=1"], "Unknown option --lr.x=1"],
    [["-q"], "Unknown option -q"],
  ] as const
) {
  Deno.test(`parseOptions() refuses ${args.join(" ")}`, () => {
    const error = assertThrows(
      () => parseOptions(args, options, "deno task x"),
      UsageError,
      message,
    );
    assert(error.message.endsWith("; deno task x --help lists the options"));
  });
}

Deno.test("describeOptions() lists every option with its value and default", () => {
  assertEquals(
    describeOptions(options),
    `  --lr <number>      Learning rate [0.5]
  --epochs <number>  Epochs
  --model <mlp|cnn>  Model
  --out <folder>     Where to
  --fast             Hurry
  --[no-]bar         Show a bar [true]
  --help, -h         Show this help`,
  );
});
