/**
 * The threads of the device: this one, and workers that are started when a
 * program has work for them. A worker that has nothing to do for a while ends, and
 * is started again when it is needed: so no program is kept from exiting. Until a
 * worker is ready, programs run without it: how many threads there are changes no
 * bit of a result.
 *
 * @module
 */

import type { Heap } from "./heap.ts";
import {
  Control,
  type KernelFunction,
  Mailbox,
  mailboxOf,
  MOST_TEXT,
  PATIENCE,
  Post,
  readTasks,
  runTasks,
  type Task,
} from "./run.ts";
import type { Idle, Message } from "./worker.ts";

/** Workers that the control words have room for. */
const MOST_THREADS = 512;

/** What the threads need of a program. */
export interface PoolProgram {
  readonly id: number;
  readonly module: WebAssembly.Module;
  readonly functions: readonly KernelFunction[];
  /** Address of the calls, and what tells apart what it has held. */
  readonly table: number;
  version: number;
  /** Address of the counters: for each call, one more than there are threads. */
  readonly counters: number;
  /** This thread's tasks as last read, and what they were read for. */
  tasks?: readonly Task[];
  key?: string;
}

/** A worker, and which of its messages holds which program. */
interface Thread {
  readonly worker: Worker;
  readonly programs: Map<number, number>;
  sent: number;
}

/** What went wrong in a thread. */
export interface Failure {
  /** Which call of the program's, and what it said. */
  readonly call: number;
  readonly message: string;
}

/** The threads. */
export class Pool {
  /** Threads there may be. */
  readonly threads: number;
  /** Threads that the last run had. */
  lastThreads = 1;
  readonly #heap: Heap;
  readonly #workers: (Thread | undefined)[] = [];
  /** Workers that the last program was given to. */
  readonly #busy: number[] = [];
  /** Programs that have work for more than one thread, by number. */
  readonly #programs = new Map<number, PoolProgram>();
  #scratch = 0;
  #scratchBytes = 0;
  /** Why there are no workers, if there cannot be any. */
  #trouble: string | undefined;

  /**
   * @param heap The memory that they share.
   * @param threads How many threads there may be, this one included.
   */
  constructor(heap: Heap, threads: number) {
    this.#heap = heap;
    this.threads = Math.min(threads, MOST_THREADS);
  }

  /** Why there are no workers, if there cannot be any. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Gives each thread so much memory of its own, at least. */
  reserve(bytes: number): void {
    const size = Math.ceil((bytes + 256) / 256) * 256;
    if (size <= this.#scratchBytes) return;
    if (this.#scratch > 0) this.#heap.release(this.#scratch);
    this.#scratch = this.#heap.allocate("scratch", size * this.threads);
    this.#scratchBytes = size;
  }

  /**
   * Lets the workers get ready for a program, while other things are done; a worker
   * that is started later gets it too.
   */
  prepare(program: PoolProgram): void {
    this.#programs.set(program.id, program);
    for (let thread = 1; thread < this.threads; thread++) {
      const known = this.#live(thread);
      if (known) this.#give(thread, known, program);
      else this.#start(thread);
    }
  }

  /** Lets the workers forget a program. */
  drop(program: number): void {
    if (!this.#programs.delete(program)) return;
    for (let thread = 1; thread < this.threads; thread++) {
      const known = this.#live(thread);
      if (!known?.programs.delete(program)) continue;
      this.#send(thread, known, { dropped: program });
    }
  }

  /**
   * Runs a program.
   *
   * @param shared Whether there is work for more than one thread.
   * @param times Gets the time of the start and of the end of each call.
   * @returns What went wrong, if anything did.
   */
  run(
    program: PoolProgram,
    shared: boolean,
    times?: number[],
  ): Failure | undefined {
    const { words } = this.#heap;
    this.#settle();
    for (let thread = 1; shared && thread < this.threads; thread++) {
      if (!this.#isReady(thread, program)) continue;
      const mailbox = mailboxOf(thread);
      const { empty, claimed } = Mailbox;
      const before = Atomics.compareExchange(words, mailbox, empty, claimed);
      if (before === empty) this.#busy.push(thread);
    }
    const threads = this.#busy.length + 1;
    this.lastThreads = threads;
    const counters = program.counters / 4;
    words[Control.table] = program.table;
    words[Control.counters] = counters;
    words[Control.version] = program.version;
    words[Control.threads] = threads;
    words[Control.scratch] = this.#scratch;
    words[Control.scratchBytes] = this.#scratchBytes;
    Atomics.store(words, Control.failed, 0);
    Atomics.store(words, Control.busy, 1);
    const key = `${[program.version, threads, program.table, this.#scratch]}`;
    if (!program.tasks || program.key !== key) {
      program.tasks = readTasks(
        program.functions,
        words,
        program.table,
        threads,
        this.#scratch,
      );
      program.key = key;
    }
    const { tasks } = program;
    words.fill(0, counters, counters + tasks.length * (threads + 1));
    this.#busy.forEach((thread, i) => {
      const mailbox = mailboxOf(thread);
      words[mailbox + Post.index] = i + 1;
      Atomics.store(words, mailbox, program.id);
      Atomics.notify(words, mailbox);
    });
    runTasks({ tasks, thread: 0, threads, counters }, words, times);
    Atomics.store(words, Control.busy, 0);
    return Atomics.load(words, Control.failed) === 0
      ? undefined
      : this.#failure(tasks);
  }

  /** Waits until the workers have left the last program, which is done. */
  #settle(): void {
    const { words } = this.#heap;
    for (const thread of this.#busy.splice(0)) {
      const mailbox = mailboxOf(thread);
      for (let mail = 1; mail > 0;) {
        mail = Atomics.load(words, mailbox);
        if (mail > 0) Atomics.wait(words, mailbox, mail, 1);
      }
    }
  }

  #failure(tasks: readonly Task[]): Failure {
    const { words } = this.#heap;
    const size = Math.min(words[Control.text], MOST_TEXT);
    const bytes = new Uint8Array(
      words.buffer,
      (Control.text + 1) * 4,
      size,
    ).slice();
    const before = tasks.slice(0, words[Control.failedTask]);
    return {
      call: before.reduce(
        (sum, { calls }) => sum + calls.length,
        words[Control.failedCall],
      ),
      message: new TextDecoder().decode(bytes),
    };
  }

  /** Whether a worker waits and has a program; starts it if it has ended. */
  #isReady(thread: number, program: PoolProgram): boolean {
    const known = this.#live(thread);
    if (!known) this.#start(thread);
    if (this.#trouble !== undefined) return false;
    const message = known?.programs.get(program.id);
    if (message === undefined) return false;
    const { words } = this.#heap;
    const mailbox = mailboxOf(thread);
    return words[mailbox + Post.broken] === 0 &&
      Atomics.load(words, mailbox + Post.received) >= message &&
      Atomics.load(words, mailbox) === Mailbox.empty;
  }

  /** A worker that has not ended. */
  #live(thread: number): Thread | undefined {
    const mail = Atomics.load(this.#heap.words, mailboxOf(thread));
    return mail === Mailbox.closed ? undefined : this.#workers[thread];
  }

  #give(thread: number, known: Thread, program: PoolProgram): void {
    const { id, module, functions } = program;
    known.programs.set(id, known.sent + 1);
    const message = { program: id, module, functions: functions.length };
    this.#send(thread, known, message);
  }

  #send(thread: number, known: Thread, message: Message): void {
    const { words } = this.#heap;
    const mailbox = mailboxOf(thread);
    known.sent++;
    Atomics.store(words, mailbox + Post.sent, known.sent);
    known.worker.postMessage(message);
    const { empty, messages } = Mailbox;
    if (Atomics.compareExchange(words, mailbox, empty, messages) === empty) {
      Atomics.notify(words, mailbox);
    }
  }

  /** Starts a worker, and gives it all programs. */
  #start(thread: number): void {
    if (this.#trouble !== undefined) return;
    const { words, memory } = this.#heap;
    const mailbox = mailboxOf(thread);
    for (const word of [Post.sent, Post.received, Post.broken]) {
      words[mailbox + word] = 0;
    }
    Atomics.store(words, mailbox, Mailbox.messages);
    try {
      const url = new URL("./worker.ts", import.meta.url);
      requireReadable(url);
      const worker = new Worker(url, { type: "module" });
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        this.#trouble ??= event.message;
      });
      worker.addEventListener("message", ({ data }: MessageEvent<Idle>) => {
        if (Date.now() - data.idle < PATIENCE) this.#close(thread);
      });
      const known: Thread = { worker, programs: new Map(), sent: 0 };
      this.#workers[thread] = known;
      this.#send(thread, known, { memory, thread });
      for (const program of this.#programs.values()) {
        this.#give(thread, known, program);
      }
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
    }
  }

  /** Lets a worker end, unless it has got something to do. */
  #close(thread: number): void {
    const { words } = this.#heap;
    const mailbox = mailboxOf(thread);
    const { empty, ending } = Mailbox;
    if (Atomics.compareExchange(words, mailbox, empty, ending) === empty) {
      Atomics.notify(words, mailbox);
    }
  }
}

/** Throws where a worker would fail, and say so itself, for want of a permission. */
function requireReadable(url: URL): void {
  if (typeof Deno === "undefined" || url.protocol !== "file:") return;
  const { state } = Deno.permissions.querySync({ name: "read", path: url });
  if (state !== "granted") {
    throw new Error(`reading ${url.pathname} is not allowed`);
  }
}
