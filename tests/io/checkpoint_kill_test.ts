import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { loadCheckpoint } from "../../src/io/mod.ts";
import { saveStep } from "./save_forever.ts";

const script = fileURLToPath(new URL("./save_forever.ts", import.meta.url));

/** Steps that one process may reach: each starts where no other can have been. */
const STRIDE = 1_000_000;

/** Starts saving at a step, and kills it `delay` milliseconds after it is ready. */
async function saveAndKill(
  path: string,
  first: number,
  delay: number,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-write", script, path, `${first}`],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill("SIGKILL");
  await reader.cancel();
  assertEquals((await child.status).signal, "SIGKILL");
}

/** Loads the checkpoint and gives its step, which every element must have. */
async function loadedStep(path: string): Promise<number> {
  const { values, description } = await loadCheckpoint(path);
  assertEquals(Object.keys(values), ["weight"]);
  assertEquals(values.weight.data.length, 100_000);
  assert(
    values.weight.data.every((element) => element === description.step),
    `step ${description.step} is of mixed versions`,
  );
  return description.step;
}

Deno.test("saveCheckpoint() leaves a whole version when it is killed at any of 20 moments", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/run.safetensors`;
  try {
    let before = 0;
    await saveStep(path, before);
    for (let process = 1; process <= 20; process++) {
      await saveAndKill(path, process * STRIDE, 60 * Math.random());
      const step = await loadedStep(path);
      assert(
        step === before || Math.floor(step / STRIDE) === process,
        `process ${process} left step ${step} after step ${before}`,
      );
      before = step;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
