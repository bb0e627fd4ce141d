/** What the tests of the CPU device share: a device of two threads. */

import { CpuDevice } from "../../src/cpu/device.ts";
import type { DeviceTest } from "../devices/compare.ts";

const device = new CpuDevice(2);

/** A test on the CPU device, which is always there. */
export const cpuTest: DeviceTest = (name, test) => {
  Deno.test(name, () => test(device));
};
