/** Every optimizer on every function on the CPU device. */

import { objectiveTests } from "../optim/objectives.ts";
import { cpuTest } from "./on_cpu.ts";

// Where a function is flat, float32 sees no slope: Rosenbrock's valley has a curvature
// of 0.4, and loses its gradient in the roundings of terms of size 100 some 1e-5 away.
objectiveTests(cpuTest, { allowed: 1e-4 });
