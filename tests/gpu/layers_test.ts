import { layerTests, lossTests } from "../devices/layers.ts";
import { gpuTest } from "./on_gpu.ts";

layerTests(gpuTest);
lossTests(gpuTest);
