import { lower } from "../../src/program/program.ts";
import { fuse } from "../../src/program/fusion.ts";
import { sizeOf, type Tensor } from "../../src/tensor/mod.ts";
import { type Kernel, READ_PAST, type Scene } from "../../src/cpu/kernel.ts";
import { instantiate, sharedMemory } from "../wasm/instantiate.ts";

/** The kernels of the last operation of an expression over constants. */
export function kernelsOf(
  tensor: Tensor,
  make: (scene: Scene, index: number) => Kernel[],
): { scene: Scene; index: number; kernels: Kernel[] } {
  const fused = fuse(lower(new Map([["result", tensor]])), 8);
  let numbers = fused.instructions.length;
  const scene: Scene = { ...fused, scratch: () => numbers++ };
  const index = fused.outputs.get("result")!;
  return { scene, index, kernels: make(scene, index) };
}

/** Where results lie that kernels read and write: one after another. */
export function layOut({ scene, kernels }: {
  scene: Scene;
  kernels: readonly Kernel[];
}): { addresses: Map<number, number>; scratch: number; bytes: number } {
  const addresses = new Map<number, number>();
  let bytes = 64;
  const place = (number: number, size: number) => {
    if (addresses.has(number)) return;
    addresses.set(number, bytes);
    bytes = Math.ceil((bytes + size * 4 + READ_PAST) / 64) * 64;
  };
  scene.instructions.forEach(({ operation, shape }, i) => {
    if (operation.kind === "constant") place(i, sizeOf(shape));
  });
  for (const { outputs } of kernels) {
    for (const { number, spec } of outputs) place(number, sizeOf(spec.shape));
  }
  const scratch = bytes;
  bytes += Math.max(...kernels.map((kernel) => kernel.scratch)) + READ_PAST;
  return { addresses, scratch, bytes };
}

/**
 * Runs the kernels of an expression over constants.
 *
 * @param tensor The operation.
 * @param make Makes its kernels.
 * @param cuts Into how many calls the units of each kernel are cut.
 */
export function runKernels(
  tensor: Tensor,
  make: (scene: Scene, index: number) => Kernel[],
  cuts: number,
): Float32Array {
  const made = kernelsOf(tensor, make);
  const { scene, index, kernels } = made;
  const { addresses, scratch, bytes } = layOut(made);
  const memory = sharedMemory(Math.ceil(bytes / 65536));
  const floats = new Float32Array(memory.buffer);
  // What is not written must not be zero by chance.
  floats.fill(NaN);
  scene.instructions.forEach(({ operation }, i) => {
    if (operation.kind === "constant") {
      floats.set(operation.data, addresses.get(i)! / 4);
    }
  });
  const run = instantiate({
    functions: kernels.map(({ emit, inputs, outputs }, i) => ({
      name: `kernel${i}`,
      parameters: Array(inputs.length + outputs.length + 3).fill("i32"),
      emit,
    })),
  }, memory);
  kernels.forEach(({ inputs, outputs, units }, i) => {
    const places = [...inputs, ...outputs.map(({ number }) => number)]
      .map((number) => addresses.get(number)!);
    const share = Math.ceil(units / cuts);
    for (let first = 0; first < units; first += share) {
      const last = Math.min(units, first + share);
      run[`kernel${i}`](...places, scratch, first, last);
    }
  });
  const start = addresses.get(index)! / 4;
  const size = sizeOf(scene.instructions[index].shape);
  const behind = floats.subarray(start + size, start + size + READ_PAST / 4);
  if (!behind.every(Number.isNaN)) {
    throw new Error(
      `Cannot run ${kernels.at(-1)!.name}: it wrote past its end`,
    );
  }
  return floats.slice(start, start + size);
}
