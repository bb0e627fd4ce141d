/** Where the real data lies beside the repository, and whether it does. */

import { fileURLToPath } from "node:url";

/** Path of a file or folder of the data that may lie beside the repository. */
export function realPath(name: string): string {
  return fileURLToPath(
    new URL(`../../../shared/data/${name}`, import.meta.url),
  );
}

/** Whether some data is missing; says on the console that its tests are skipped. */
export function isMissing(name: string): boolean {
  try {
    Deno.statSync(realPath(name));
    return false;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log(
      `SKIPPED: tests on real data need ../shared/data/${name}, which is not there`,
    );
    return true;
  }
}

/** How many labels there are of each class. */
export function histogram(labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}
