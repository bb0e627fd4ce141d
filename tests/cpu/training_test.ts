import { stateTests, traceTests, trainingTests } from "../devices/training.ts";
import { cpuTest } from "./on_cpu.ts";

trainingTests(cpuTest);
traceTests(cpuTest);
stateTests(cpuTest);
