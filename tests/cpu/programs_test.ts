import { programTests } from "../devices/programs.ts";
import { cpuTest } from "./on_cpu.ts";

programTests(cpuTest);
