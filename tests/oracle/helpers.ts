import { fileURLToPath } from "node:url";
import type { RecordingDescription, Trace } from "../../src/oracle/mod.ts";
import type { Value } from "../../src/tensor/value.ts";

/** Cases that lie beside these tests, recorded by others. */
export const localCases: string = fileURLToPath(
  new URL("./cases", import.meta.url),
);

/** All recorded cases, where a checkout has them beside it. */
export const sharedCases: string = fileURLToPath(
  new URL("../../../shared/oracle/cases", import.meta.url),
);

/** Names of the folders in a folder, in order; none where it does not exist. */
export function foldersIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
      .map(({ name }) => name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The trace with some tensors replaced; undefined takes one away. */
export function changed(
  trace: Trace,
  changes: Readonly<Record<string, Value | undefined>>,
): Trace {
  const tensors = new Map(trace.tensors);
  for (const [key, tensor] of Object.entries(changes)) {
    if (tensor) tensors.set(key, tensor);
    else tensors.delete(key);
  }
  return { ...trace, tensors };
}

/** A run of two steps of a linear layer. */
export const smallRun: RecordingDescription = {
  about: "One layer.",
  layers: [{ type: "linear", name: "fc", in: 2, out: 3, bias: true }],
  loss: "cross-entropy",
  optimizer: {
    name: "sgd",
    hyperparameters: {
      lr: 0.1,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    },
  },
  steps: 2,
  record: [1, 2],
  tolerance: { float64: 1e-9, float32: 1e-4 },
  batch: { size: 4, input: [2] },
};

/** Runs a function with a new folder, which is gone afterwards. */
export async function withFolder(
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
