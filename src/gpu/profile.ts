/**
 * Timing kernels: each has a compute pass of its own, which writes the GPU's time
 * before and after it. The driver can no longer overlap kernels then, and the host
 * waits for each run, so a profiled program is slower than it is without.
 *
 * @module
 */

import { workOf } from "../program/costs.ts";
import type {
  KernelTime,
  ProfiledKernel,
  ProfileListener,
} from "../program/profile.ts";
import type { GpuDevice } from "./device.ts";
import { ELEMENT_BYTES } from "./memory.ts";
import type { Schedule } from "./schedule.ts";

/** Timestamps of a query set: what WebGPU allows. */
const MOST_QUERIES = 4096;
/** Bytes of a timestamp. */
const QUERY_BYTES = 8;
/** How long the two timestamps that tell the length of a tick are apart. */
const TICK_MILLISECONDS = 50;

/** What a GPU's timestamps mean. */
export interface GpuClock {
  /** Nanoseconds that they count. */
  readonly tick: number;
  /** A timestamp that is not far from those to come. */
  readonly zero: bigint;
}

/** Times the kernels of a program. */
export class KernelTimer {
  readonly #device: GpuDevice;
  readonly #kernels: readonly ProfiledKernel[];
  readonly #clock: GpuClock;
  readonly #listener: ProfileListener;
  readonly #sets: readonly GPUQuerySet[];
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;
  readonly #bytes: number;

  /**
   * @param device Where the kernels run.
   * @param kernels The kernels, in the order in which they run.
   * @param clock What timestamps mean there.
   * @param listener Hears what they took.
   */
  constructor(
    device: GpuDevice,
    kernels: readonly ProfiledKernel[],
    clock: GpuClock,
    listener: ProfileListener,
  ) {
    this.#device = device;
    this.#kernels = kernels;
    this.#clock = clock;
    this.#listener = listener;
    const queries = 2 * kernels.length;
    this.#bytes = queries * QUERY_BYTES;
    const { gpu } = device;
    this.#sets = device.guard(
      `time ${kernels.length} kernels`,
      () =>
        Array.from(
          { length: Math.ceil(queries / MOST_QUERIES) },
          (_, i) =>
            gpu.createQuerySet({
              type: "timestamp",
              count: Math.min(MOST_QUERIES, queries - i * MOST_QUERIES),
            }),
        ),
    );
    this.#resolved = device.guard(
      `allocate timestamps, ${this.#bytes} bytes`,
      () =>
        gpu.createBuffer({
          size: Math.max(this.#bytes, QUERY_BYTES),
          usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
        }),
    );
    this.#staging = device.staging(this.#bytes);
  }

  /** What the pass of a kernel, given by its number, has to write. */
  pass(kernel: number): GPUComputePassDescriptor {
    const query = 2 * kernel % MOST_QUERIES;
    return {
      timestampWrites: {
        querySet: this.#sets[Math.floor(2 * kernel / MOST_QUERIES)],
        beginningOfPassWriteIndex: query,
        endOfPassWriteIndex: query + 1,
      },
    };
  }

  /** Encodes what brings the timestamps to where the host can read them. */
  resolve(encoder: GPUCommandEncoder): void {
    this.#sets.forEach((set, i) =>
      encoder.resolveQuerySet(
        set,
        0,
        set.count,
        this.#resolved,
        i * MOST_QUERIES * QUERY_BYTES,
      )
    );
    if (this.#bytes === 0) return;
    encoder.copyBufferToBuffer(
      this.#resolved,
      0,
      this.#staging,
      0,
      this.#bytes,
    );
  }

  /** Waits for the run that was submitted, and tells what its kernels took. */
  async report(): Promise<void> {
    const times: KernelTime[] = [];
    await this.#device.map(this.#staging, this.#bytes, (bytes) => {
      const { tick, zero } = this.#clock;
      const ticks = new BigUint64Array(bytes);
      const milliseconds = (ticks: bigint): number =>
        Number(ticks) * tick / 1e6;
      this.#kernels.forEach((kernel, k) => {
        const [begin, end] = ticks.subarray(2 * k, 2 * k + 2);
        times.push({
          kernel,
          start: milliseconds(begin - zero),
          // A counter that is set back between the two tells nothing.
          milliseconds: end > begin ? milliseconds(end - begin) : 0,
        });
      });
    });
    this.#listener(times);
  }
}

/**
 * What timestamps mean. They should count nanoseconds, but drivers that count in
 * other units are not always corrected, so it is measured against the host's clock.
 *
 * @param gpu A device that has timestamps.
 * @returns The clock; nothing where it stands still.
 */
export async function measureClock(
  gpu: GPUDevice,
): Promise<GpuClock | undefined> {
  const querySet = gpu.createQuerySet({ type: "timestamp", count: 1 });
  const resolved = gpu.createBuffer({
    size: QUERY_BYTES,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = gpu.createBuffer({
    size: QUERY_BYTES,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const look = async (): Promise<{ host: number; ticks: bigint }> => {
    const encoder = gpu.createCommandEncoder();
    encoder.beginComputePass({
      timestampWrites: { querySet, endOfPassWriteIndex: 0 },
    }).end();
    encoder.resolveQuerySet(querySet, 0, 1, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, QUERY_BYTES);
    const host = performance.now();
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const [ticks] = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.unmap();
    return { host, ticks };
  };
  await look(); // What is done only once is done now.
  const first = await look();
  await new Promise((resolve) => setTimeout(resolve, TICK_MILLISECONDS));
  const second = await look();
  resolved.destroy();
  staging.destroy();
  querySet.destroy();
  if (second.ticks <= first.ticks) return undefined;
  const measured = (second.host - first.host) * 1e6 /
    Number(second.ticks - first.ticks);
  // The measure is rough; a driver's unit that is no nanosecond is 10 or more.
  const tick = measured > 0.5 && measured < 2 ? 1 : measured;
  return { tick, zero: second.ticks };
}

/** What the kernels of a program do, for its profile. */
export function profiledKernels(
  { instructions, stored, kernels, groups, bytesOf }: Schedule,
): ProfiledKernel[] {
  const total = (numbers: readonly number[]): number =>
    numbers.reduce((sum, number) => sum + bytesOf(number), 0);
  return kernels.map(({ name, role, inputs, results }, k) => {
    const numbers = results.map(({ number }) => number);
    const moved = total(inputs) + total(numbers);
    if (role !== undefined) {
      // What is prepared is moved, what is joined is added up.
      const flops = role === "joins" ? total(inputs) / ELEMENT_BYTES : 0;
      return { name, operations: [], flops, bytes: moved };
    }
    const work = workOf(instructions, stored, groups[k], () => ELEMENT_BYTES);
    // Numbers past the instructions are of results between kernels.
    const between = [...inputs, ...numbers].some((i) =>
      i >= instructions.length
    );
    return { name, ...work, bytes: between ? moved : work.bytes };
  });
}
