import { assertEquals, assertRejects } from "@std/assert";
import { MetricsLog, type MetricsRow } from "../../src/train/mod.ts";
import { inFolder, namesIn } from "../data/temporary.ts";

const row = (epoch: number): MetricsRow => ({
  epoch,
  step: 10 * epoch,
  trainLoss: 1 / epoch,
  trainAccuracy: 0.5,
  testLoss: 0.25,
  testAccuracy: 0.75,
  learningRate: 1e-3,
  seconds: epoch,
});
const csv = (rows: readonly MetricsRow[]): string =>
  ["epoch", ...rows.map(({ epoch }) => epoch)].join("\n");

Deno.test("MetricsLog writes a row an epoch into both files", () =>
  inFolder(async (folder) => {
    const log = await MetricsLog.open(folder, csv, 0);
    await log.append(row(1));
    await log.append(row(2));
    const text = await Deno.readTextFile(`${folder}/metrics.jsonl`);
    assertEquals(text.trimEnd().split("\n").map((line) => JSON.parse(line)), [
      row(1),
      row(2),
    ]);
    assertEquals(
      await Deno.readTextFile(`${folder}/metrics.csv`),
      "epoch\n1\n2",
    );
    assertEquals(namesIn(folder), ["metrics.csv", "metrics.jsonl"]);
  }));

Deno.test("MetricsLog goes on after the epochs of a checkpoint, no row twice and none lost", () =>
  inFolder(async (folder) => {
    const first = await MetricsLog.open(folder, csv, 0);
    for (const epoch of [1, 2, 3]) await first.append(row(epoch));
    const log = await MetricsLog.open(folder, csv, 2);
    assertEquals(log.rows, [row(1), row(2)]);
    await log.append({ ...row(3), seconds: 99 });
    const again = await MetricsLog.open(folder, csv, 3);
    assertEquals(again.rows, [row(1), row(2), { ...row(3), seconds: 99 }]);
    assertEquals(
      await Deno.readTextFile(`${folder}/metrics.csv`),
      "epoch\n1\n2\n3",
    );
  }));

Deno.test("MetricsLog refuses files that lack a finished epoch or are no JSON", () =>
  inFolder(async (folder) => {
    const log = await MetricsLog.open(folder, csv, 0);
    await log.append(row(1));
    await assertRejects(
      () => MetricsLog.open(folder, csv, 2),
      RangeError,
      "a row for each of 2 finished epochs, got 1",
    );
    const line = JSON.stringify(row(1));
    await Deno.writeTextFile(`${folder}/metrics.jsonl`, `${line}\nnot\n`);
    await assertRejects(
      () => MetricsLog.open(folder, csv, 2),
      SyntaxError,
      'line 2 must be JSON, got "not"',
    );
  }));

Deno.test("MetricsLog refuses lines that are JSON and no row", () =>
  inFolder(async (folder) => {
    const { seconds: _, ...less } = row(1);
    const cases: [unknown, string][] = [
      [null, "line 1 must be an object, got null"],
      [3, "line 1 must be an object, got 3"],
      [[1], "line 1 must be an object, got an array of 1"],
      [{}, "line 1 must have a number epoch, got nothing"],
      [less, "line 1 must have a number seconds, got nothing"],
      [{ ...row(1), testLoss: "1" }, 'a number testLoss, got "1"'],
      [{ ...row(1), epoch: null }, "a number epoch, got null"],
    ];
    const path = `${folder}/metrics.jsonl`;
    for (const [json, message] of cases) {
      await Deno.writeTextFile(path, `${JSON.stringify(json)}\n`);
      await assertRejects(
        () => MetricsLog.open(folder, csv, 1),
        TypeError,
        message,
      );
    }
    await Deno.remove(path);
    await assertRejects(
      () => MetricsLog.open(folder, csv, 1),
      Deno.errors.NotFound,
      `Cannot read ${path}: the file must exist`,
    );
  }));

Deno.test("MetricsLog has numbers again that were not finite", () =>
  inFolder(async (folder) => {
    const log = await MetricsLog.open(folder, csv, 0);
    await log.append({ ...row(1), testLoss: NaN });
    const again = await MetricsLog.open(folder, csv, 1);
    assertEquals(again.rows, [{ ...row(1), testLoss: NaN }]);
  }));
