/**
 * Numbers in the GPU's memory: their layout there, and the way there and back.
 * A float is stored as float32, an int as int32, a bool as uint32.
 *
 * @module
 */

import type { Memory } from "../program/device.ts";
import type { Spec } from "../tensor/tensor.ts";
import { type Data, type DType, sizeOf, type Value } from "../tensor/value.ts";
import type { GpuDevice } from "./device.ts";

/** Bytes of an element, whatever its type. */
export const ELEMENT_BYTES = 4;

/** Size of a tensor in the GPU's memory. */
export function bytesOf({ shape }: Spec): number {
  return sizeOf(shape) * ELEMENT_BYTES;
}

/** Part of a buffer. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A value as the GPU stores it. */
export function encode(
  { dtype, data }: Value,
):
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<
    ArrayBuffer
  > {
  return dtype === "float"
    ? Float32Array.from(data)
    : dtype === "int"
    ? Int32Array.from(data)
    : Uint32Array.from(data);
}

/** Elements as the GPU stores them, as a value of their own. */
export function decode(
  { shape, dtype }: Spec,
  bytes: ArrayBuffer,
  offset: number,
): Value {
  const size = sizeOf(shape);
  return {
    shape: [...shape],
    dtype,
    data: elements(dtype, bytes, offset, size),
  };
}

function elements(
  dtype: DType,
  bytes: ArrayBuffer,
  offset: number,
  size: number,
): Data {
  switch (dtype) {
    case "float":
      return new Float32Array(bytes, offset, size).slice();
    case "int":
      return new Int32Array(bytes, offset, size).slice();
    case "bool":
      return Uint8Array.from(new Uint32Array(bytes, offset, size));
  }
}

/** Named numbers that stay on the GPU: one buffer each. */
export class GpuMemory implements Memory {
  readonly #device: GpuDevice;
  readonly #places = new Map<string, Place & { readonly spec: Spec }>();

  /**
   * @param device Where they live.
   * @param values First values, which fix names and shapes.
   * @param needs What they need, for the error where there is not enough memory.
   */
  constructor(
    device: GpuDevice,
    values: ReadonlyMap<string, Value>,
    needs: () => string,
  ) {
    this.#device = device;
    for (const [name, { shape, dtype }] of values) {
      const spec = { shape, dtype };
      const size = bytesOf(spec);
      const buffer = device.buffer(name, size, needs);
      this.#places.set(name, { buffer, offset: 0, size, spec });
    }
    this.write(values);
  }

  /** Where a name's numbers lie. */
  place(name: string): Place | undefined {
    return this.#places.get(name);
  }

  /** @inheritdoc */
  write(values: ReadonlyMap<string, Value>): void {
    for (const [name, value] of values) {
      const place = this.#places.get(name);
      if (!place || place.size !== bytesOf(value)) {
        throw new RangeError(
          `Cannot write ${name}: the memory holds ${
            place?.size ?? "no"
          } bytes of it, got ${bytesOf(value)}`,
        );
      }
      this.#device.write(place, value);
    }
  }

  /** @inheritdoc */
  async read(
    names: Iterable<string> = this.#places.keys(),
  ): Promise<Map<string, Value>> {
    const wanted = [...names].map((name) => {
      const place = this.#places.get(name);
      if (!place) throw new RangeError(`Cannot read ${name}: it is not there`);
      return { name, place };
    });
    const { gpu, limits } = this.#device;
    const batches = inBatches(wanted, limits.maxBufferSize).map((batch) => ({
      ...batch,
      staging: this.#device.staging(batch.size),
    }));
    // All copies are of one moment, however long the reading takes.
    this.#device.guard("read memory", () => {
      const encoder = gpu.createCommandEncoder();
      for (const { members, staging } of batches) {
        let offset = 0;
        for (const { place } of members) {
          copy(encoder, place, staging, offset);
          offset += place.size;
        }
      }
      gpu.queue.submit([encoder.finish()]);
    });
    const values = new Map<string, Value>();
    for (const { members, size, staging } of batches) {
      await this.#device.map(staging, size, (bytes) => {
        let at = 0;
        for (const { name, place } of members) {
          values.set(name, decode(place.spec, bytes, at));
          at += place.size;
        }
      });
      staging.destroy();
    }
    return values;
  }
}

/** What lies in places, cut into batches that a buffer of so many bytes holds. */
function inBatches<Member extends { readonly place: Place }>(
  members: readonly Member[],
  most: number,
): { members: Member[]; size: number }[] {
  const batches = [{ members: [] as Member[], size: 0 }];
  for (const member of members) {
    const { size } = member.place;
    if (batches.at(-1)!.size + size > most) {
      batches.push({ members: [], size: 0 });
    }
    const last = batches.at(-1)!;
    last.members.push(member);
    last.size += size;
  }
  return batches;
}

/** Encodes a copy; none of nothing. */
export function copy(
  encoder: GPUCommandEncoder,
  from: Place,
  to: GPUBuffer,
  offset: number,
): void {
  if (from.size === 0) return;
  encoder.copyBufferToBuffer(from.buffer, from.offset, to, offset, from.size);
}
