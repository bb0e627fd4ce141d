import { modelTests } from "../devices/models.ts";
import { cpuTest } from "./on_cpu.ts";

modelTests(cpuTest);
