/**
 * The GPU device: buffers, pipelines, and what can go wrong with them.
 *
 * @module
 */

import type { Device, Executable } from "../program/device.ts";
import type { ProfileListener } from "../program/profile.ts";
import type { Program } from "../program/program.ts";
import type { Value } from "../tensor/value.ts";
import { GpuError } from "./error.ts";
import { GpuExecutable } from "./executable.ts";
import { encode, GpuMemory, type Place } from "./memory.ts";
import type { GpuClock } from "./profile.ts";
import { describeState, show } from "./room.ts";
import type { Kernel } from "./wgsl.ts";

/** Everything that can go wrong in a call. */
const SCOPES = ["validation", "out-of-memory", "internal"] as const;
/** What helps where there is not enough memory. */
const LESS = "\nhelp: reduce the batch size or the model";
/** How long a loss of the device may take to be told. */
const LOSS_MILLISECONDS = 200;

/** What is known of the adapter that a device belongs to. */
export interface AdapterFacts {
  /** Its name. */
  readonly name: string;
  /** Whether it computes on the processor. */
  readonly software: boolean;
}

/** The limits that programs must keep to. */
export type GpuLimits = Readonly<
  Record<
    | "maxBufferSize"
    | "maxStorageBufferBindingSize"
    | "maxStorageBuffersPerShaderStage",
    number
  >
>;

/** A device that runs programs on the GPU; `gpuDevice` makes one. */
export class GpuDevice implements Device {
  /** `gpu`. */
  readonly name = "gpu";
  /** Floats have 4 bytes. */
  readonly floatBytes = 4;
  /** The adapter. */
  readonly adapter: AdapterFacts;
  /** The WebGPU device. */
  readonly gpu: GPUDevice;
  /** What its programs keep to. */
  readonly limits: GpuLimits;
  /** What its timestamps mean; nothing where it has none. */
  readonly clock: GpuClock | undefined;
  /** Hears what kernels take, if they are timed. */
  readonly listener: ProfileListener | undefined;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #pending: Promise<GpuError | undefined>[] = [];
  #lost: GpuError | undefined;
  #refused: GpuError | undefined;

  /**
   * @param gpu The WebGPU device.
   * @param adapter What is known of its adapter.
   * @param clock What its timestamps mean, if it has them.
   * @param listener Hears what kernels take.
   * @param limits What its programs keep to; the WebGPU device's own by default.
   */
  constructor(
    gpu: GPUDevice,
    adapter: AdapterFacts,
    clock?: GpuClock,
    listener?: ProfileListener,
    limits: GpuLimits = gpu.limits,
  ) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.limits = limits;
    this.clock = clock;
    this.listener = listener;
    gpu.lost.then(({ reason, message }) => {
      this.#lost = new GpuError(
        `Cannot go on with the GPU: the device was lost (${reason}): ${message}\nhelp: start again from the last checkpoint`,
      );
    });
    // What is refused outside of `guard` would pass in silence.
    gpu.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#refused ??= new GpuError(
        `Cannot go on with the GPU: its driver refused a call: ${error.message}`,
      );
    });
  }

  /** Copies values into buffers of their own. */
  allocate(values: ReadonlyMap<string, Value>): GpuMemory {
    return new GpuMemory(this, values, () => describeState(values));
  }

  /** Writes the program's kernels and lays out its buffers. */
  load(program: Program, updates: ReadonlyMap<string, string>): Executable {
    return new GpuExecutable(this, program, updates);
  }

  /** The same GPU with timed kernels, where it has timestamps. */
  get profiled(): ((listener: ProfileListener) => GpuDevice) | undefined {
    const { gpu, adapter, clock, limits } = this;
    return clock &&
      ((listener) => new GpuDevice(gpu, adapter, clock, listener, limits));
  }

  /**
   * A buffer that kernels can use.
   *
   * @param what What it is for.
   * @param size Its size in bytes.
   * @param needs More for the error where there is not enough memory.
   */
  buffer(
    what: string,
    size: number,
    needs: () => string = () => "",
  ): GPUBuffer {
    const { maxBufferSize } = this.limits;
    if (size > maxBufferSize) {
      throw new GpuError(
        `Cannot allocate ${what}: ${
          show(size)
        } bytes are needed, adapter ${this.adapter.name} allows ${
          show(maxBufferSize)
        } in one buffer${needs()}${LESS}`,
      );
    }
    return this.guard(
      `allocate ${what}, ${show(size)} bytes`,
      () =>
        this.gpu.createBuffer({
          label: what,
          size: Math.max(size, 4),
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
            GPUBufferUsage.COPY_DST,
        }),
      () => Promise.resolve(needs()),
    );
  }

  /** A buffer that the host can read. */
  staging(size: number): GPUBuffer {
    return this.guard(
      `allocate ${show(size)} bytes to read back`,
      () =>
        this.gpu.createBuffer({
          size: Math.max(size, 4),
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        }),
    );
  }

  /** Copies a value to its place. */
  write({ buffer, offset, size }: Place, value: Value): void {
    if (size > 0) this.gpu.queue.writeBuffer(buffer, offset, encode(value));
  }

  /** Reads a buffer of `staging` once what was submitted is done. */
  async map(
    staging: GPUBuffer,
    size: number,
    use: (bytes: ArrayBuffer) => void,
  ): Promise<void> {
    await this.check();
    try {
      await staging.mapAsync(GPUMapMode.READ);
    } catch (error) {
      // A lost device rejects the mapping before it is known to be lost.
      await this.#settle();
      await this.check();
      throw new GpuError(
        `Cannot read from the GPU: ${(error as Error).message}`,
      );
    }
    use(size === 0 ? new ArrayBuffer(0) : staging.getMappedRange(0, size));
    staging.unmap();
    await this.check();
  }

  /** The pipeline of a kernel; kernels of one text share it. */
  pipeline(kernel: Kernel): GPUComputePipeline {
    const known = this.#pipelines.get(kernel.code);
    if (known) return known;
    let shader: GPUShaderModule;
    const pipeline = this.guard(
      `compile kernel ${kernel.name}`,
      () => {
        shader = this.gpu.createShaderModule({
          label: kernel.name,
          code: kernel.code,
        });
        return this.gpu.createComputePipeline({
          label: kernel.name,
          layout: "auto",
          compute: { module: shader, entryPoint: "main" },
        });
      },
      async (told) => {
        this.#pipelines.delete(kernel.code);
        const { messages } = await shader.getCompilationInfo();
        const lines = kernel.code.split("\n");
        return messages.map(({ lineNum, message }) => {
          const line = lines[lineNum - 1]?.trim() ?? "";
          // Some drivers show the line in the error itself.
          return told.includes(line) && told.includes(message.trim())
            ? ""
            : `\nline ${lineNum}: ${line}: ${message}`;
        }).join("");
      },
    );
    this.#pipelines.set(kernel.code, pipeline);
    return pipeline;
  }

  /**
   * Does something that WebGPU checks on its own time. What it finds is thrown
   * by the next `check`.
   *
   * @param what What is done, for the error.
   * @param act Does it.
   * @param more More for an error of this message.
   */
  guard<T>(
    what: string,
    act: () => T,
    more: (told: string) => Promise<string> = () => Promise.resolve(""),
  ): T {
    for (const filter of SCOPES) this.gpu.pushErrorScope(filter);
    try {
      return act();
    } finally {
      const errors = SCOPES.map(() => this.gpu.popErrorScope());
      this.#pending.push(
        Promise.all(errors).then(async (found) => {
          const error = found.find((e) => e !== null);
          if (!error) return;
          const help = error instanceof GPUOutOfMemoryError ? LESS : "";
          return new GpuError(
            `Cannot ${what}: ${error.message.trim()}${await more(
              error.message,
            )}${help}`,
          );
        }),
      );
    }
  }

  /** Throws what went wrong since it was last asked. */
  async check(): Promise<void> {
    const found = await Promise.all(this.#pending.splice(0));
    const refused = this.#refused;
    this.#refused = undefined;
    const error = this.#lost ?? found.find((e) => e !== undefined) ?? refused;
    if (error) throw error;
  }

  /** Waits until a loss of the device, if there was one, has been told. */
  async #settle(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      this.gpu.lost,
      new Promise((resolve) => timer = setTimeout(resolve, LOSS_MILLISECONDS)),
    ]);
    clearTimeout(timer);
  }
}
