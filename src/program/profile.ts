/**
 * Profiles: what each kernel of a device took, added up, and as a trace that the
 * usual viewers open.
 *
 * @module
 */

import type { KernelWork } from "./costs.ts";

/** A kernel: work that a device does, and times, as one. */
export interface ProfiledKernel extends KernelWork {
  /** What it computes, such as `matmul float[3, 4]`. */
  readonly name: string;
}

/** A kernel that ran once. */
export interface KernelTime {
  /** The kernel. */
  readonly kernel: ProfiledKernel;
  /** When it began, in milliseconds on a clock of the device's own. */
  readonly start: number;
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
}

/**
 * Hears what the kernels of a program took when it has run once.
 *
 * @param times The kernels in the order in which they ran.
 */
export type ProfileListener = (times: readonly KernelTime[]) => void;

/** How often kernels ran, and what they took. */
export interface KernelRuns {
  /** How often they ran. */
  readonly count: number;
  /** What they took together. */
  readonly milliseconds: number;
}

/** All runs of kernels of one name and work. */
export interface KernelTotal extends ProfiledKernel {
  /** The first run of each, in which drivers compile. */
  readonly first: KernelRuns;
  /** All others. */
  readonly later: KernelRuns;
}

/** An event of the Trace Event Format; times in microseconds. */
export interface TraceEvent {
  /** What is shown. */
  readonly name: string;
  /** `X`: something with a duration; `M`: the name of a process or a thread. */
  readonly ph: "X" | "M";
  /** The process: a group of rows in the viewer. */
  readonly pid: number;
  /** The thread: a row. */
  readonly tid: number;
  /** When it began; of `X` only. */
  readonly ts?: number;
  /** How long it took; of `X` only. */
  readonly dur?: number;
  /** Anything else worth showing. */
  readonly args: Readonly<Record<string, string | number>>;
}

/** A trace as chrome://tracing and Perfetto open it, when it is written as JSON. */
export interface Trace {
  /** The events. */
  readonly traceEvents: readonly TraceEvent[];
  /** The unit that a viewer shows. */
  readonly displayTimeUnit: "ms";
}

/** Kernels that a trace holds where no other number is given: some 20 MB of JSON. */
const MOST_TRACED = 100_000;

/**
 * What the kernels of a device took. Totals are of all kernels; the trace holds the
 * first ones only, whole runs of programs, so that a long run cannot fill the memory.
 *
 * @example Where the reference device spends its time
 * ```ts
 * import { evaluate, Profile, referenceDevice } from "@adafisher/adafisher";
 * import { add, fill, matmul } from "@adafisher/adafisher/tensor";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const profile = new Profile();
 * const device = referenceDevice.profiled!((times) => profile.record(times));
 * const x = add(fill([64, 64], 1), fill([64, 1], 2));
 * await evaluate(matmul(x, x), device);
 * const totals = profile.totals();
 * const product = totals.find(({ name }) => name === "matmul float[64, 64]")!;
 * assertEquals(product.flops, 2 * 64 ** 3);
 * assert(product.first.milliseconds > 0);
 * ```
 */
export class Profile {
  readonly #mostTraced: number;
  readonly #totals = new Map<string, KernelTotal>();
  /** A text that kernels of one name and work share, of those that have run. */
  readonly #keys = new WeakMap<ProfiledKernel, string>();
  readonly #traced: (readonly KernelTime[])[] = [];
  #tracedKernels = 0;
  #full = false;
  #runs = 0;
  #count = 0;
  #milliseconds = 0;
  #firstMilliseconds = 0;
  #span = 0;

  /**
   * Begins a profile of nothing.
   *
   * @param mostTraced How many kernels the trace holds at most.
   */
  constructor(mostTraced: number = MOST_TRACED) {
    this.#mostTraced = mostTraced;
  }

  /** How often programs ran. */
  get runs(): number {
    return this.#runs;
  }

  /** How often kernels ran. */
  get count(): number {
    return this.#count;
  }

  /** How many of them are in the trace. */
  get traced(): number {
    return this.#tracedKernels;
  }

  /** What all kernels took. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** What the first run of each kernel took: a part of it. */
  get firstMilliseconds(): number {
    return this.#firstMilliseconds;
  }

  /** What the programs took from the start of the first kernel to the end of the last. */
  get span(): number {
    return this.#span;
  }

  /**
   * Adds what the kernels of a program took; a {@linkcode ProfileListener}.
   *
   * @param times The kernels in the order in which they ran.
   */
  record(times: readonly KernelTime[]): void {
    if (times.length === 0) return;
    this.#runs++;
    let end = -Infinity;
    for (const { kernel, start, milliseconds } of times) {
      this.#count++;
      this.#milliseconds += milliseconds;
      end = Math.max(end, start + milliseconds);
      const key = this.#keys.get(kernel);
      if (key === undefined) {
        this.#firstMilliseconds += milliseconds;
        this.#add(kernel, this.#keyOf(kernel), "first", milliseconds);
      } else this.#add(kernel, key, "later", milliseconds);
    }
    this.#span += end - times[0].start;
    this.#full ||= this.#tracedKernels + times.length > this.#mostTraced;
    if (this.#full) return;
    this.#traced.push(times);
    this.#tracedKernels += times.length;
  }

  /**
   * The kernels, those of one name and work together.
   *
   * @returns Their totals: what took longest, first runs left out, comes first.
   */
  totals(): KernelTotal[] {
    return [...this.#totals.values()].sort((a, b) =>
      b.later.milliseconds - a.later.milliseconds ||
      b.first.milliseconds - a.first.milliseconds
    );
  }

  /**
   * The trace: one row for the runs of programs, one for their kernels.
   *
   * @param title What the device is called.
   * @returns The trace; times begin at 0.
   */
  trace(title: string): Trace {
    const [pid, runs, kernels] = [1, 1, 2];
    const label = (name: string, tid: number, text: string): TraceEvent => ({
      name,
      ph: "M",
      pid,
      tid,
      args: { name: text },
    });
    // Viewers need no more than nanoseconds.
    const microseconds = (milliseconds: number): number =>
      Math.round(milliseconds * 1e6) / 1e3;
    const origin = this.#traced[0]?.[0].start ?? 0;
    const event = (
      name: string,
      tid: number,
      start: number,
      milliseconds: number,
      args: TraceEvent["args"],
    ): TraceEvent => ({
      name,
      ph: "X",
      pid,
      tid,
      ts: microseconds(start - origin),
      dur: microseconds(milliseconds),
      args,
    });
    const traceEvents = [
      label("process_name", runs, title),
      label("thread_name", runs, "programs"),
      label("thread_name", kernels, "kernels"),
    ];
    this.#traced.forEach((times, i) => {
      const { start } = times[0];
      const last = times[times.length - 1];
      traceEvents.push(
        event(
          `run ${i + 1}`,
          runs,
          start,
          last.start + last.milliseconds - start,
          { kernels: times.length },
        ),
        ...times.map(({ kernel, start, milliseconds }) =>
          event(kernel.name, kernels, start, milliseconds, {
            operations: kernel.operations.join(", "),
            flops: kernel.flops,
            bytes: kernel.bytes,
          })
        ),
      );
    });
    return { traceEvents, displayTimeUnit: "ms" };
  }

  #keyOf(kernel: ProfiledKernel): string {
    const { name, flops, bytes, operations } = kernel;
    const key = `${name}|${flops}|${bytes}|${operations}`;
    this.#keys.set(kernel, key);
    return key;
  }

  #add(
    kernel: ProfiledKernel,
    key: string,
    when: "first" | "later",
    milliseconds: number,
  ): void {
    const none = { count: 0, milliseconds: 0 };
    const total = this.#totals.get(key) ??
      { ...kernel, first: none, later: none };
    const runs = {
      count: total[when].count + 1,
      milliseconds: total[when].milliseconds + milliseconds,
    };
    this.#totals.set(key, { ...total, [when]: runs });
  }
}
