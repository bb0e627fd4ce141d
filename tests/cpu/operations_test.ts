import { operationTests } from "../devices/operations.ts";
import { cpuTest } from "./on_cpu.ts";

operationTests(cpuTest);
