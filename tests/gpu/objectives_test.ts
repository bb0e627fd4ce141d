/**
 * Every optimizer on every function on the GPU. A software adapter computes a step in
 * a tenth of a millisecond or a few, but Deno looks only every 10 ms whether one is
 * done, and each 16th run of a program waits for that: so it has 20 steps there.
 */

import { objectiveTests } from "../optim/objectives.ts";
import { gpuTest, softwareOnly } from "./on_gpu.ts";

objectiveTests(gpuTest, {
  // As on the CPU device.
  allowed: 1e-4,
  together: softwareOnly ? 20 : 1,
});
