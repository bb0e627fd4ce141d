/**
 * Numbers in the device's memory: their layout there, and the way there and back.
 * A float is stored as float32, an int as int32, a bool as an int that is 0 or 1.
 *
 * @module
 */

import type { Memory } from "../program/device.ts";
import type { Spec } from "../tensor/tensor.ts";
import { type Data, sizeOf, type Value } from "../tensor/value.ts";
import type { CpuDevice } from "./device.ts";
import type { Heap } from "./heap.ts";

/** Bytes of an element, whatever its type. */
export const ELEMENT_BYTES = 4;

/** Size of a tensor in the device's memory. */
export function bytesOf({ shape }: Spec): number {
  return sizeOf(shape) * ELEMENT_BYTES;
}

/** Copies a value to its place. */
export function write(heap: Heap, address: number, value: Value): void {
  const { dtype, data } = value;
  const place = address / ELEMENT_BYTES;
  if (dtype === "float") heap.floats.set(data, place);
  else heap.words.set(data, place);
}

/** A copy of the value at a place. */
export function read(heap: Heap, address: number, spec: Spec): Value {
  const { shape, dtype } = spec;
  const first = address / ELEMENT_BYTES, end = first + sizeOf(shape);
  // Arrays of their own: views of shared memory would change later.
  const data: Data = dtype === "float"
    ? Float32Array.from(heap.floats.subarray(first, end))
    : dtype === "int"
    ? Int32Array.from(heap.words.subarray(first, end))
    : Uint8Array.from(heap.words.subarray(first, end));
  return { shape: [...shape], dtype, data };
}

/** Named numbers that stay in the device's memory. */
export class CpuMemory implements Memory {
  readonly #heap: Heap;
  readonly #places = new Map<string, Spec & { readonly address: number }>();

  /**
   * @param device Where they live.
   * @param values First values, which fix names and shapes.
   */
  constructor(device: CpuDevice, values: ReadonlyMap<string, Value>) {
    this.#heap = device.heap;
    const addresses: number[] = [];
    for (const [name, { shape, dtype }] of values) {
      const address = device.heap.allocate(name, bytesOf({ shape, dtype }));
      addresses.push(address);
      this.#places.set(name, { address, shape, dtype });
    }
    device.releaseWith(this, addresses);
    this.write(values);
  }

  /** Where a name's numbers lie. */
  address(name: string): number | undefined {
    return this.#places.get(name)?.address;
  }

  /** @inheritdoc */
  write(values: ReadonlyMap<string, Value>): void {
    for (const [name, value] of values) {
      const place = this.#places.get(name);
      if (!place || bytesOf(place) !== bytesOf(value)) {
        throw new RangeError(
          `Cannot write ${name}: the memory holds ${
            place ? bytesOf(place) : "no"
          } bytes of it, got ${bytesOf(value)}`,
        );
      }
      write(this.#heap, place.address, value);
    }
  }

  /** @inheritdoc */
  // deno-lint-ignore require-await -- a throw becomes a rejection
  async read(
    names: Iterable<string> = this.#places.keys(),
  ): Promise<Map<string, Value>> {
    const values = new Map<string, Value>();
    for (const name of names) {
      const place = this.#places.get(name);
      if (!place) throw new RangeError(`Cannot read ${name}: it is not there`);
      values.set(name, read(this.#heap, place.address, place));
    }
    return values;
  }
}
