/**
 * What the tests of the GPU device share: a device, and tests that say when there
 * is none.
 *
 * With `-- --require-gpu` a missing adapter is a failure; a software adapter
 * will do.
 */

import type { GpuDevice } from "../../src/gpu/device.ts";
import { gpuDevice, NoGpuError } from "../../src/gpu/mod.ts";

let device: GpuDevice | undefined;
let missing = "";
try {
  // The tests look inside as well.
  device = await gpuDevice({ allowSoftware: true }) as GpuDevice;
} catch (error) {
  if (!(error instanceof NoGpuError)) throw error;
  missing = error.message;
}
/** Whether the GPU that there is is emulated by the processor. */
export const softwareOnly: boolean = device?.adapter.software ?? false;
const required = Deno.args.includes("--require-gpu");

/** A test that needs the GPU: skipped, and listed as such, where there is none. */
export function gpuTest(
  name: string,
  test: (device: GpuDevice) => void | Promise<void>,
): void {
  Deno.test({
    name: device ? name : `${name} (needs a GPU)`,
    ignore: !device && !required,
    fn: async () => {
      if (!device) throw new Error(missing);
      await test(device);
    },
  });
}
