import { layerTests, lossTests } from "../devices/layers.ts";
import { cpuTest } from "./on_cpu.ts";

layerTests(cpuTest);
lossTests(cpuTest);
