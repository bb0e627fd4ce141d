/**
 * Every optimizer on every function on the GPU. A software adapter takes some 10 ms
 * for a step: there it is the optimizers of the paper's comparison on the parabola.
 */

import { objectiveTable, objectiveTests } from "../optim/objectives.ts";
import { gpuTest, softwareOnly } from "./on_gpu.ts";

const compared = ["adafisher", "adam", "adahessian", "kfac", "shampoo"];
const chosen = softwareOnly
  ? objectiveTable.filter(({ name, title }) =>
    compared.includes(name) && title === "parabola"
  )
  : objectiveTable;

// As on the CPU device.
objectiveTests(gpuTest, 1e-4, chosen);

if (softwareOnly) {
  Deno.test.ignore(
    "the other optimizers and functions on the GPU (needs a real one)",
    () => {},
  );
}
