/** Every optimizer on every function: it must reach the known minimum. */

import { assert, assertEquals } from "@std/assert";
import { optimizerNames, sgd } from "../../src/optim/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  distance,
  objectiveTable,
  objectiveTests,
  settings,
} from "./objectives.ts";

Deno.test("optimizerNames are all in the table of objectives", () => {
  assertEquals(Object.keys(settings), [...optimizerNames]);
});

// Each of them comes to 1e-9; the start is at least 1 away.
objectiveTests(
  (name, run) => Deno.test(name, () => run(referenceDevice)),
  { allowed: 1e-8 },
);

Deno.test("the layer of least squares needs the statistics that the optimizers take of it", async () => {
  const title = "least squares layer";
  const rows = objectiveTable.filter((row) => row.title === title);
  assertEquals(
    rows.map(({ name }) => name),
    ["adafisher", "adafisherw", "kfac", "kfac-asdl"],
  );
  for (const row of rows) {
    // The same rate and steps with momentum alone.
    const far = await distance(row, { optimizer: sgd({ momentum: 0.9 }) });
    assert(far > 1e-3, `${row.name}: it is ${far} away`);
  }
});
