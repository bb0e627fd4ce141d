import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "@std/csv";
import { analyze, type Choice } from "../../cli/factor_analysis.ts";
import { filesOf } from "../../cli/factor_outputs.ts";
import { openFactors, usualLayers } from "../../cli/factor_source.ts";
import { studyFactor, verdictOf } from "../../cli/factor_study.ts";
import { Failure } from "../../cli/failure.ts";
import { runOptions } from "../../cli/recipe.ts";
import { averageFactors, writeFactors } from "../../src/analysis/mod.ts";
import { encodeSafetensors, fromValue } from "../../src/io/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { type Value, value } from "../../src/tensor/mod.ts";
import { inFolder, namesIn } from "../data/temporary.ts";
import { runCli } from "./commands.ts";

const never = new AbortController().signal;

const choice: Choice = {
  layers: [],
  steps: [],
  average: "paper",
  noise: 1e-3,
  seed: 0,
  maxRows: 100,
};

/** n x n: 2 on the diagonal, `beside` beside it. */
function banded(n: number, beside: number): Value {
  const data = Array.from({ length: n * n }, (_, k) => {
    const away = Math.abs(Math.floor(k / n) - k % n);
    return away === 0 ? 2 : away === 1 ? beside : 0;
  });
  return value(data, [n, n]);
}

async function writeTensors(
  path: string,
  tensors: Record<string, Value>,
): Promise<void> {
  const stored = Object.entries(tensors)
    .map(([name, matrix]) => [name, fromValue(matrix)] as const);
  await Deno.writeFile(path, encodeSafetensors(new Map(stored)));
}

/** A run of the perceptron on Iris, with factors made up. */
async function writeRun(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/factors`);
  const options = runOptions({ dataset: "iris" });
  await Deno.writeTextFile(`${folder}/options.json`, JSON.stringify(options));
  const layers = Object.fromEntries(
    mlp([4, 64, 3]).kronecker.map((layer) => {
      const { h: [n], s: [m] } = layer.factorShapes("paper");
      return [layer.name, { h: banded(n, 0.5), s: banded(m, 1) }];
    }),
  );
  for (const step of [1, 7, 30]) {
    const averages = averageFactors(
      undefined,
      { paper: layers, official: layers },
      1,
    );
    const path = `${folder}/factors/step-${step}.safetensors`;
    await writeFactors(path, averages, { step: `${step}` });
  }
}

Deno.test("studyFactor: numbers by hand of a band of four rows", async () => {
  const { finding } = await studyFactor({
    layer: "fc",
    form: "paper",
    factor: "H",
    step: 1,
    file: "step-1.safetensors",
    matrix: banded(4, 1),
  }, choice);
  // 4 squares of 4 on the diagonal, 6 of 1 beside it.
  assertAlmostEquals(finding.diagonalEnergy, 16 / 22, 1e-15);
  assertAlmostEquals(finding.snr!.plain, 10 * Math.log10(4 / (3 / 6)), 1e-12);
  assertEquals([finding.rows, finding.scale], [4, 2]);
  // The outer rows have 1 beside 2, the inner ones 2.
  assertEquals([finding.dominant, finding.inside], [0.5, 1]);
  // 2 + 2 cos(k pi / 5), over 2: two of four are above 1.
  assertEquals([finding.above.count, finding.below.count], [2, 2]);
  assertEquals(finding.verdict, "partly");
});

Deno.test("verdictOf: follows the rule that the docs state", () => {
  const of = (plain: number, share: number) =>
    verdictOf({ plain, official: plain + 3 }, share);
  assertEquals(of(10.01, 0.51), "concentrated");
  assertEquals(of(Infinity, 1), "concentrated");
  assertEquals(of(10, 0.51), "partly");
  assertEquals(of(10.01, 0.5), "partly");
  assertEquals(of(10, 0.5), "spread");
  assertEquals(verdictOf(null, 1), "single");
});

Deno.test("analyze: all factors of a run, and F at every step, with both presets", () =>
  inFolder(async (folder) => {
    await writeRun(folder);
    const source = await openFactors(folder);
    assertEquals(source.steps, [1, 7, 30]);
    assertEquals(source.layers, ["fc1", "fc2"]);
    assertEquals(usualLayers(source), ["fc1", "fc2"]);
    const analysis = await analyze(
      source,
      { ...choice, layers: ["fc2"], steps: [1, 30] },
      never,
    );
    // Two layers, two factors, two averages, two steps.
    assertEquals(analysis.findings.length, 16);
    assertEquals(
      analysis.shown.map(({ finding }) => [finding.layer, finding.form]),
      Array(4).fill(["fc2", "paper"]),
    );
    assertEquals(analysis.preconditioners.length, 2 * 3 * 2);
    const files = await filesOf(analysis, () => Promise.resolve());
    const text = (name: string) => new TextDecoder().decode(files[name]);
    const rows = parse(text("findings.csv"), { skipFirstRow: true });
    assertEquals(rows.length, 16);
    const [{ diagonalEnergy, verdict }] = analysis.findings;
    assertEquals([rows[0].diagonalEnergy, rows[0].verdict], [
      String(diagonalEnergy),
      verdict,
    ]);
    assertEquals(
      parse(text("eigenvalues.csv"), { skipFirstRow: true }).length,
      2 * (65 + 3),
    );
    assertEquals(
      parse(text("preconditioner.csv"), { skipFirstRow: true }).length,
      12,
    );
    assertEquals(JSON.parse(text("analysis.json")).findings.length, 16);
    assertStringIncludes(text("report.html"), "0.08 of the identity is left");
  }));

Deno.test("analyze: factors that another program wrote, without steps or a run", () =>
  inFolder(async (folder) => {
    await writeTensors(`${folder}/a.safetensors`, {
      "conv.H": identity(5),
      "conv.S": banded(3, 2),
      "fc.H": banded(2, 1),
    });
    const source = await openFactors(folder);
    assertEquals([source.steps, source.run], [[], undefined]);
    const layers = usualLayers(source);
    assertEquals(layers, ["conv.S", "fc.H"]);
    const { findings, shown, preconditioners } = await analyze(
      source,
      { ...choice, layers },
      never,
    );
    assertEquals(findings.map(({ layer, form }) => [layer, form]), [
      ["conv.H", null],
      ["conv.S", null],
      ["fc.H", null],
    ]);
    assertEquals([shown.length, preconditioners.length], [2, 0]);
    assertEquals(findings[0].snr?.plain, Infinity);
    const again = await analyze(source, { ...choice, layers }, never);
    assertEquals(again.findings, findings);
    const other = await analyze(source, { ...choice, layers, seed: 1 }, never);
    assert(other.findings[1].above.mean !== findings[1].above.mean);
  }));

Deno.test("analyze: leaves out what is too large, and refuses to show it", () =>
  inFolder(async (folder) => {
    await writeTensors(`${folder}/a.safetensors`, {
      large: identity(9),
      small: identity(4),
    });
    const source = await openFactors(folder);
    const small = { ...choice, layers: ["small"], maxRows: 8 };
    const { findings, leftOut } = await analyze(source, small, never);
    assertEquals(findings.map(({ layer }) => layer), ["small"]);
    assertEquals(leftOut, ["large, a.safetensors"]);
    await assertRejects(
      () => analyze(source, { ...small, layers: ["large"] }, never),
      Failure,
      "Cannot study large, a.safetensors: it must have at most 8 rows, got 9",
    );
  }));

Deno.test("studyFactor: names factor, rule and value of what it cannot study", async () => {
  const cases: [Value, string][] = [
    [value([1, 0, 0, NaN], [2, 2]), "must be finite, got NaN at [1, 1]"],
    [value([1, -Infinity, 0, 1], [2, 2]), "got -Infinity at [0, 1]"],
    [value([0, 0, 0, 0], [2, 2]), "must have an entry that is not 0"],
    [value([1, 2, 3, 4], [2, 2]), "must be symmetric"],
  ];
  for (const [matrix, message] of cases) {
    const factor = {
      layer: "fc",
      form: "paper",
      factor: "S",
      step: 3,
      file: "f",
      matrix,
    } as const;
    const { message: said } = await assertRejects(
      () => studyFactor(factor, choice),
      Failure,
      message,
    );
    assertStringIncludes(said, "S of fc, paper average, step 3: ");
  }
});

Deno.test("openFactors: says how factors are made where a run has none", () =>
  inFolder(async (folder) => {
    const how = "deno task train --factors every:50";
    await assertRejects(() => openFactors(folder), Failure, how);
    await Deno.writeTextFile(`${folder}/options.json`, "{}");
    // The weights in a checkpoint are square matrices, too.
    await writeTensors(`${folder}/checkpoint.safetensors`, { w: identity(2) });
    await assertRejects(() => openFactors(folder), Failure, how);
    await Deno.mkdir(`${folder}/factors`);
    await assertRejects(() => openFactors(folder), Failure, how);
    await Deno.remove(`${folder}/options.json`);
    await assertRejects(() => openFactors(folder), Failure, "no options.json");
    await assertRejects(() => openFactors(`${folder}/none`), Failure, "none");
    // A matrix that is not square is no factor.
    await Deno.mkdir(`${folder}/oblong`);
    await writeTensors(`${folder}/oblong/a.safetensors`, {
      a: value([1, 2], [1, 2]),
    });
    await assertRejects(
      () => openFactors(`${folder}/oblong`),
      Failure,
      "square float matrices, got none in 1 files",
    );
  }));

Deno.test("analyze-factors says in one line what is wrong, and lists its options", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/run`);
    await writeRun(`${folder}/run`);
    const run = `${folder}/run`;
    const cases: [string[], number, string][] = [
      [[run, "--layers", "fc1,fc9"], 1, 'fc1, fc2; got "fc9"'],
      [[run, "--steps", "1,8"], 1, '1, 7, 30; got "8"'],
      [[run, "--run", run], 2, "takes one folder"],
      // Without a run, before one is trained.
      [["--steps", "3"], 1, "which are 10, 20, 30, "],
      [["--layers", "fc9"], 1, 'conv1, bn1, conv2, bn2, fc; got "fc9"'],
      [[run, "--steps", "0x1"], 1, '1, 7, 30; got "0x1"'],
      [["--noise", "-1"], 2, "--noise needs a number of at least 0"],
      [[run, "--out", folder], 1, "the folder must be empty"],
    ];
    const [help, ...results] = await Promise.all(
      [["--help"], ...cases.map(([args]) => args)].map((args) =>
        runCli("analyze_factors.ts", ...args)
      ),
    );
    for (
      const name of ["run", "layers", "steps", "average", "noise", "seed"]
        .concat("max-rows", "out", "json")
    ) assertStringIncludes(help.out, `--${name}`);
    results.forEach(({ code, out, err }, i) => {
      const [args, status, message] = cases[i];
      assertEquals([code, out], [status, ""], `${args}: ${err}`);
      assertStringIncludes(err, message);
      assertEquals(err.trimEnd().split("\n").length, 1, err);
    });
    assertEquals(namesIn(folder), ["run"]);
    // What fails later leaves nothing of its own: neither a folder nor a file.
    for (const there of [false, true]) {
      const out = `${folder}/out`;
      if (there) await Deno.mkdir(out);
      const { code, err } = await runCli(
        "analyze_factors.ts",
        ...[run, "--max-rows", "1", "--out", out],
      );
      assertEquals(code, 1, err);
      assertEquals(
        there ? namesIn(out) : namesIn(folder),
        there ? [] : ["run"],
      );
    }
  }));

Deno.test("analyze-factors prints the table, and the findings as JSON", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/run`);
    await writeRun(`${folder}/run`);
    const { code, out, err } = await runCli(
      "analyze_factors.ts",
      ...["--run", `${folder}/run`, "--steps", "7", "--json"],
      ...["--out", `${folder}/out`],
    );
    assertEquals(code, 0, err);
    assertStringIncludes(err, "energy on diagonal");
    const { findings, steps, out: where } = JSON.parse(out);
    assertEquals([steps, where], [[7], `${folder}/out`]);
    assertEquals(findings.length, 8);
    assert(namesIn(`${folder}/out`).includes("report.html"));
  }));
