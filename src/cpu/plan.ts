/**
 * What is fixed when a program is loaded: where its results lie, and its module.
 *
 * @module
 */

import { type Placed, placeResults } from "../program/memory_plan.ts";
import { assemble, type FunctionSource } from "../wasm/assembler.ts";
import { helperFunctions } from "./functions.ts";
import { bytesOf } from "./memory.ts";
import type { Step } from "./schedule.ts";

/**
 * Where the results of kernels lie, but for those that lie where state does. A
 * result takes the place of one that it is computed from element by element, where
 * that is not needed any more: what is in the caches then is used again.
 */
export function planSteps(
  kept: ReadonlySet<number>,
  steps: readonly Step[],
  inPlace: ReadonlyMap<number, number>,
): { bytes: number; offsets: ReadonlyMap<number, number> } {
  const lastRead = new Map<number, number>();
  steps.forEach(({ kernel }, k) => {
    for (const input of kernel.inputs) lastRead.set(input, k);
  });
  const order = new Map<number, number>();
  const placed: (Placed & { kept: boolean })[] = [];
  steps.forEach(({ kernel: { outputs, inputs }, aligned }, k) => {
    const free = new Set(
      aligned.filter((i) =>
        order.has(i) && lastRead.get(i) === k && !kept.has(i)
      ),
    );
    const places: number[] = [];
    for (const { number, spec } of outputs) {
      if (inPlace.has(number)) continue;
      const bytes = bytesOf(spec);
      const over = [...free].find((i) => placed[order.get(i)!].bytes === bytes);
      let place = placed.length;
      if (over === undefined) placed.push({ bytes, reads: [], kept: false });
      else {
        place = order.get(over)!;
        free.delete(over);
      }
      if (kept.has(number)) placed[place].kept = true;
      order.set(number, place);
      places.push(place);
    }
    // Only when all of them have a place is what the kernel reads free again.
    const reads = inputs.flatMap((i) => order.get(i) ?? []);
    placed.push({ bytes: 0, reads: [...reads, ...places], kept: false });
  });
  const { bytes, offsets } = placeResults(placed);
  return {
    bytes,
    offsets: new Map(
      [...order].map(([number, place]) => [number, offsets[place]!]),
    ),
  };
}

/** The module of some steps, its exported names, and which of them each step is. */
export function compileSteps(steps: readonly Step[]): {
  module: WebAssembly.Module;
  functions: string[];
  numbers: number[];
} {
  const sources: FunctionSource[] = [];
  const known = new Map<string, number>();
  const numbers = steps.map(({ kernel }) => {
    const number = known.get(kernel.key);
    if (number !== undefined) return number;
    const parameters = kernel.inputs.length + kernel.outputs.length + 3;
    known.set(kernel.key, sources.length);
    return sources.push({
      name: `k${sources.length}`,
      parameters: Array.from({ length: parameters }, () => "i32" as const),
      emit: kernel.emit,
    }) - 1;
  });
  const binary = assemble({ functions: [...sources, ...helperFunctions] });
  return {
    module: new WebAssembly.Module(binary),
    functions: sources.map(({ name }) => name),
    numbers,
  };
}

/** The largest tensors, for the error that there is no room. */
export function largest(steps: readonly Step[]): string {
  return steps.flatMap(({ kernel }) =>
    kernel.outputs.map(({ spec }) => ({
      name: kernel.name,
      bytes: bytesOf(spec),
    }))
  ).sort((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ name, bytes }) =>
    `${name} (${bytes} bytes)`
  ).join(", ");
}
