// The core has no dependencies: mod.ts and every other entry point but ./plot are
// made of the package's own files, so importing an optimizer pulls in no plotting.

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { exports } = JSON.parse(
  Deno.readTextFileSync(`${root}deno.json`),
) as { exports: Record<string, string> };

/** Where the modules are from that an entry point pulls in, itself included. */
async function specifiersOf(entry: string): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string }[];
  };
  return modules.map(({ specifier }) => specifier);
}

/** Deno has the modules of `node:` in it. */
const isForeign = (specifier: string): boolean =>
  !specifier.startsWith("file:") && !specifier.startsWith("node:");

Deno.test("core: no entry point but ./plot imports a library", async () => {
  const core = Object.entries(exports).filter(([name]) => name !== "./plot");
  assert(core.length > 8);
  for (const [name, entry] of core) {
    const specifiers = await specifiersOf(entry);
    assert(specifiers.length > 1, `${name} imports nothing`);
    assertEquals(specifiers.filter(isForeign), [], name);
    assertEquals(
      specifiers.filter((specifier) => specifier.includes("/src/plot/")),
      [],
      name,
    );
  }
});

Deno.test("core: what ./plot imports from npm would be found", async () => {
  const found = (await specifiersOf(exports["./plot"])).filter(isForeign);
  assert(found.some((specifier) => specifier.startsWith("npm:")));
});
