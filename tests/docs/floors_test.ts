// docs/architecture.md says that imports point downwards only. Its table is read
// here, top floor first, and every import of src/ is held against it.

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
const path = (relative: string): string =>
  fileURLToPath(new URL(relative, root));

/** Folders of src/ in the order of the table; one row is one floor. */
function floors(): Map<string, number> {
  const text = Deno.readTextFileSync(path("docs/architecture.md"));
  const found = new Map<string, number>();
  text.split("\n").filter((line) => line.startsWith("| `")).forEach(
    (row, i) => {
      const [, folders] = row.split("|");
      for (const [, name] of folders.matchAll(/`src\/([a-z]+)\/`/g)) {
        found.set(name, i);
      }
    },
  );
  return found;
}

/** Each import from one folder of src/ into another, as file, from, to. */
function* imports(): Generator<{ file: string; from: string; to: string }> {
  for (const { name: from, isDirectory } of Deno.readDirSync(path("src"))) {
    if (!isDirectory) continue;
    for (const { name } of Deno.readDirSync(path(`src/${from}`))) {
      if (!name.endsWith(".ts")) continue;
      const file = `src/${from}/${name}`;
      const text = Deno.readTextFileSync(path(file));
      for (const [, to] of text.matchAll(/from "\.\.\/([a-z]+)\//g)) {
        yield { file, from, to };
      }
    }
  }
}

Deno.test("architecture: every folder of src/ has a floor in the table", () => {
  const folders = [...Deno.readDirSync(path("src"))]
    .filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
  assertEquals([...floors().keys()].sort(), folders.sort());
});

Deno.test("architecture: imports point downwards only", () => {
  const floor = floors();
  const all = [...imports()];
  assert(all.length > 50, `too few imports found: ${all.length}`);
  const upwards = all.filter(({ from, to }) =>
    floor.get(to)! <= floor.get(from)!
  ).map(({ file, to }) => `${file} imports from src/${to}/`);
  assertEquals(upwards, []);
});
