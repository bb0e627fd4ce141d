import { modelTests } from "../devices/models.ts";
import { gpuTest } from "./on_gpu.ts";

modelTests(gpuTest);
