/**
 * The device's memory: one WebAssembly memory that all threads share, given out
 * in pieces.
 *
 * @module
 */

import { MOST_PAGES } from "../wasm/assembler.ts";
import { CpuError } from "./error.ts";
import { GUARD } from "./values.ts";

const PAGE = 65536;
/** Pieces start at multiples of this: cache lines and vectors do not straddle. */
const ALIGNMENT = 256;

/** Where the pieces begin: before them lie control words and the guard. */
const START = GUARD;

/** Memory that is given out and taken back. */
export class Heap {
  /** The WebAssembly memory. */
  readonly memory: WebAssembly.Memory;
  /** Free pieces by address, in order; none follows another at once. */
  readonly #gaps: { start: number; end: number }[] = [];
  readonly #sizes = new Map<number, number>();
  #end = START;
  #words: Int32Array<ArrayBufferLike>;
  #floats: Float32Array<ArrayBufferLike>;

  /** Makes a memory with nothing in it. */
  constructor() {
    this.memory = new WebAssembly.Memory({
      initial: 2,
      maximum: MOST_PAGES,
      shared: true,
    });
    this.#words = new Int32Array(this.memory.buffer);
    this.#floats = new Float32Array(this.memory.buffer);
  }

  /** All of it as ints; growing makes a new view. */
  get words(): Int32Array<ArrayBufferLike> {
    return this.#words;
  }

  /** All of it as floats. */
  get floats(): Float32Array<ArrayBufferLike> {
    return this.#floats;
  }

  /**
   * Takes a piece.
   *
   * @param what What it is for, for the error.
   * @param size Its bytes.
   * @returns Its address.
   * @throws {CpuError} If there is no room for it.
   */
  allocate(what: string, size: number): number {
    const bytes = Math.max(Math.ceil(size / ALIGNMENT), 1) * ALIGNMENT;
    let best = -1;
    this.#gaps.forEach(({ start, end }, i) => {
      const room = end - start;
      if (room < bytes) return;
      const least = best < 0
        ? Infinity
        : this.#gaps[best].end - this.#gaps[best].start;
      if (room < least) best = i;
    });
    let start: number;
    if (best >= 0) {
      const gap = this.#gaps[best];
      start = gap.start;
      gap.start += bytes;
      if (gap.start === gap.end) this.#gaps.splice(best, 1);
    } else {
      const last = this.#gaps.at(-1);
      start = last?.end === this.#end ? last.start : this.#end;
      this.#grow(what, start + bytes);
      if (start !== this.#end) this.#gaps.pop();
      this.#end = start + bytes;
    }
    this.#sizes.set(start, bytes);
    return start;
  }

  /** Gives a piece back. */
  release(start: number): void {
    const bytes = this.#sizes.get(start);
    if (bytes === undefined) return;
    this.#sizes.delete(start);
    const gaps = this.#gaps;
    let i = 0;
    while (i < gaps.length && gaps[i].start < start) i++;
    gaps.splice(i, 0, { start, end: start + bytes });
    if (i + 1 < gaps.length && gaps[i].end === gaps[i + 1].start) {
      gaps[i].end = gaps[i + 1].end;
      gaps.splice(i + 1, 1);
    }
    if (i > 0 && gaps[i - 1].end === gaps[i].start) {
      gaps[i - 1].end = gaps[i].end;
      gaps.splice(i, 1);
    }
  }

  #grow(what: string, end: number): void {
    const pages = Math.ceil((end + GUARD) / PAGE);
    const missing = pages - this.memory.buffer.byteLength / PAGE;
    if (missing <= 0) return;
    try {
      if (pages > MOST_PAGES) throw new RangeError("past the last address");
      this.memory.grow(missing);
    } catch {
      const used = [...this.#sizes.values()].reduce((sum, n) => sum + n, 0);
      throw new CpuError(
        `Cannot allocate ${what}: with ${used} bytes in use, the CPU device would need ${
          pages * PAGE
        } bytes, and has at most ${
          MOST_PAGES * PAGE
        }\nhelp: reduce the batch size or the model`,
      );
    }
    this.#words = new Int32Array(this.memory.buffer);
    this.#floats = new Float32Array(this.memory.buffer);
  }
}
