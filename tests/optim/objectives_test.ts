/** Every optimizer on every function: it must reach the known minimum. */

import { assertEquals } from "@std/assert";
import { optimizerNames } from "../../src/optim/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import { objectiveTests, settings } from "./objectives.ts";

Deno.test("optimizerNames are all in the table of objectives", () => {
  assertEquals(Object.keys(settings), [...optimizerNames]);
});

// Each of them comes to 1e-9; the start is at least 1 away.
objectiveTests(
  (name, run) => Deno.test(name, () => run(referenceDevice)),
  1e-8,
);
