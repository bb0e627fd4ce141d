/**
 * Executes the notebooks of `examples/` with Deno's own Jupyter kernel, as a reader
 * does: each must run to its end, assertions included, and show its figures.
 *
 * Skipped, and listed as such, where there is no `jupyter nbconvert`; with
 * `-- --require-jupyter` that is a failure.
 */

import { assert, assertEquals } from "@std/assert";
import { basename, fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("../..", import.meta.url));
const required = Deno.args.includes("--require-jupyter");

/** How many figures each notebook shows. */
const notebooks = { adafisher_step: 4, factor_studies: 9, landscape: 5 };

const VEGA_LITE = "application/vnd.vegalite.v5+json";
const MOST_RUNS = 4;

interface Cell {
  readonly cell_type: "markdown" | "code";
  readonly execution_count?: number | null;
  readonly outputs?: readonly {
    readonly output_type: string;
    readonly data?: Readonly<Record<string, unknown>>;
  }[];
}

/** Runs a command, and throws what it said if it fails. */
async function command(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(name, {
    args: [...args],
    cwd: root,
    env: { NO_COLOR: "1", ...env },
  }).output();
  if (success) return;
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  throw new Error(`${name} ${args.join(" ")} failed: ${said.join("\n")}`);
}

/** Executes a notebook; the reader's own kernels and settings are left alone. */
async function execute(name: string): Promise<Cell[]> {
  const folder = await Deno.makeTempDir();
  try {
    await command(Deno.execPath(), ["jupyter", "--install"], { HOME: folder });
    await command("jupyter", [
      "nbconvert",
      "--to=notebook",
      "--execute",
      // Tests run side by side, and a kernel may have to wait for its turn. By default
      // an output that is four seconds late is lost without a word.
      "--ExecutePreprocessor.startup_timeout=300",
      "--ExecutePreprocessor.iopub_timeout=300",
      "--ExecutePreprocessor.raise_on_iopub_timeout=True",
      `--output-dir=${folder}`,
      join("examples", `${name}.ipynb`),
    ], {
      // Where Linux and macOS have what is installed for a user.
      JUPYTER_PATH: ["/.local/share/jupyter", "/Library/Jupyter"]
        .map((path) => folder + path).join(":"),
      JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    });
    return await cellsOf(join(folder, `${name}.ipynb`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function cellsOf(path: string): Promise<Cell[]> {
  return JSON.parse(await Deno.readTextFile(path)).cells;
}

const missing = await command("jupyter", ["nbconvert", "--version"], {})
  .then(() => undefined, (error: Error) => error.message);

for (const [name, figures] of Object.entries(notebooks)) {
  Deno.test({
    name: `${name}.ipynb: runs to its end and shows ${figures} figures${
      missing === undefined ? "" : " (needs jupyter nbconvert)"
    }`,
    ignore: missing !== undefined && !required,
    fn: async () => {
      if (missing !== undefined) throw new Error(missing);
      // Deno's kernel sends a result in some fifty after it has said that it is idle,
      // and nbconvert no longer hears it: a figure counts if one of the runs has it.
      const shown = new Set<number>();
      for (let run = 1; run <= MOST_RUNS && shown.size < figures; run++) {
        for (const [i, cell] of (await execute(name)).entries()) {
          if (cell.cell_type !== "code") continue;
          assert(cell.execution_count! > 0);
          for (const { output_type, data = {} } of cell.outputs!) {
            assert(output_type !== "error");
            if (VEGA_LITE in data && "image/png" in data) shown.add(i);
          }
        }
      }
      assertEquals(shown.size, figures);
    },
  });
}

Deno.test("notebooks: are all in the list above, and stored without outputs", async () => {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(join(root, "examples"))) {
    if (!name.endsWith(".ipynb")) continue;
    found.push(basename(name, ".ipynb"));
    for (const cell of await cellsOf(join(root, "examples", name))) {
      assertEquals(cell.outputs ?? [], []);
      assertEquals(cell.execution_count ?? null, null);
    }
  }
  assertEquals(found.toSorted(), Object.keys(notebooks).toSorted());
});
