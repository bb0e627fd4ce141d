import {
  assemble,
  type ModuleSource,
  MOST_PAGES,
} from "../../src/wasm/assembler.ts";

/** A shared memory of so many pages at first. */
export const sharedMemory = (pages: number): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES, shared: true });

/** The functions of a module on a memory. */
export function instantiate(
  source: ModuleSource,
  memory: WebAssembly.Memory = sharedMemory(1),
  imports: Record<string, (...numbers: number[]) => number | void> = {},
): Record<string, (...numbers: number[]) => number> {
  const module = new WebAssembly.Module(assemble(source));
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory, ...imports },
  });
  return exports as Record<string, (...numbers: number[]) => number>;
}
