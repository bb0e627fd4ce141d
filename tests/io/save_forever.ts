/**
 * Saves checkpoints to the path of the first argument until it is killed: steps
 * from the number of the second argument on.
 */

import { saveCheckpoint } from "../../src/io/mod.ts";

/** Saves a checkpoint whose every number is its step. */
export async function saveStep(path: string, step: number): Promise<void> {
  const data = new Float64Array(100_000).fill(step);
  await saveCheckpoint(path, {
    values: { weight: { shape: [100, 1000], dtype: "float", data } },
    description: {
      step,
      epoch: 0,
      seed: 1,
      model: "filled with the step",
      optimizer: "none",
      options: {},
    },
  });
}

if (import.meta.main) {
  const [path, first] = Deno.args;
  console.log("ready");
  for (let step = Number(first);; step++) await saveStep(path, step);
}
