/**
 * How a thread runs a program: the part of the device that the workers have too.
 * A program is a list of calls in shared memory. Each thread computes its share of
 * each call, and waits for the others where a call needs what they computed.
 *
 * @module
 */

/** A kernel as a function: addresses, scratch, first unit, last unit. */
export type KernelFunction = (...parameters: number[]) => void;

/** Control words of the threads, as indices of ints in the memory. */
export const Control = {
  /** Threads that have arrived at the barrier. */
  arrived: 16,
  /** Changes when all have arrived. */
  phase: 32,
  /** Threads that sleep at the barrier. */
  sleeping: 48,
  /** 0, or the thread that failed, plus 1. */
  failed: 64,
  /** The call that failed. */
  failedCall: 65,
  /** Bytes of the error's text, and the text. */
  text: 66,
  /** What runs: its table, the number of threads, each thread's scratch. */
  table: 512,
  threads: 513,
  scratch: 514,
  scratchBytes: 515,
  /** Tells apart what the table has held. */
  version: 516,
  /** 1 while a program runs. */
  busy: 517,
  /** The workers' mailboxes and what is known of them, `stride` words each. */
  workers: 1024,
  stride: 16,
} as const;

/** Words behind a worker's mailbox. */
export const Post = {
  /** Messages that were sent to it, and those it has read. */
  sent: 1,
  received: 2,
  /** Which thread it is in what runs. */
  index: 3,
  /** 1 if a program could not be loaded. */
  broken: 4,
} as const;

/** Where the mailbox of a worker is, counted from 1. */
export function mailboxOf(thread: number): number {
  return Control.workers + thread * Control.stride;
}

/** What a mailbox holds: a program's number above 0, or one of these. */
export const Mailbox = {
  /** The worker waits. */
  empty: 0,
  /** The worker looks for messages. */
  messages: -1,
  /** The worker has ended. */
  closed: -2,
  /** The worker is about to get a program, and must not end. */
  claimed: -3,
} as const;

/** Most bytes of an error's text. */
export const MOST_TEXT = 1024;

/** How often a thread looks before it sleeps: some 20 microseconds. */
const SPINS = 4000;

/** A call as a thread has it. */
export interface Call {
  readonly run: KernelFunction;
  /** Addresses, scratch, first unit, last unit: the thread's. */
  readonly parameters: readonly number[];
  /** Whether the thread has a share of it. */
  readonly mine: boolean;
  /** Whether the threads wait for each other after it. */
  readonly barrier: boolean;
}

/**
 * Reads a table of calls. It holds their number, then for each: the function, 1 if
 * all threads share it, 1 if a barrier follows, units, addresses and their number.
 */
export function readCalls(
  functions: readonly KernelFunction[],
  words: Int32Array,
  table: number,
  thread: number,
  threads: number,
  scratch: number,
): Call[] {
  let at = table / 4;
  const count = words[at++];
  const calls: Call[] = [];
  for (let i = 0; i < count; i++) {
    const [which, shared, barrier, units, addresses] = words.subarray(
      at,
      at + 5,
    );
    at += 5;
    let first = 0, last = thread === 0 ? units : 0;
    if (shared) {
      first = Math.floor(units * thread / threads);
      last = Math.floor(units * (thread + 1) / threads);
    }
    calls.push({
      run: functions[which],
      parameters: [
        ...words.subarray(at, at + addresses),
        scratch,
        first,
        last,
      ],
      mine: first < last,
      barrier: barrier !== 0 && threads > 1,
    });
    at += addresses;
  }
  return calls;
}

/**
 * Runs a thread's share of calls. After a failure the threads go on to meet, but
 * compute nothing.
 *
 * @param times Gets the time of the start and of the end of each call.
 */
export function runCalls(
  calls: readonly Call[],
  words: Int32Array,
  thread: number,
  threads: number,
  times?: number[],
): void {
  times?.push(performance.now());
  for (let i = 0; i < calls.length; i++) {
    const { run, parameters, mine, barrier } = calls[i];
    if (mine && Atomics.load(words, Control.failed) === 0) {
      try {
        run(...parameters);
      } catch (error) {
        reportFailure(words, thread, i, error);
      }
    }
    if (barrier) meet(words, threads);
    times?.push(performance.now());
  }
}

/** Leaves word of what went wrong; the first failure is the one that is told. */
export function reportFailure(
  words: Int32Array,
  thread: number,
  call: number,
  error: unknown,
): void {
  const before = Atomics.compareExchange(words, Control.failed, 0, thread + 1);
  if (before !== 0) return;
  words[Control.failedCall] = call;
  const message = error instanceof Error ? error.message : String(error);
  const bytes = new TextEncoder().encode(message).slice(0, MOST_TEXT);
  words[Control.text] = bytes.length;
  new Uint8Array(words.buffer).set(bytes, (Control.text + 1) * 4);
}

/** Waits until all threads are here. */
function meet(words: Int32Array, threads: number): void {
  const phase = Atomics.load(words, Control.phase);
  if (Atomics.add(words, Control.arrived, 1) === threads - 1) {
    Atomics.store(words, Control.arrived, 0);
    Atomics.add(words, Control.phase, 1);
    if (Atomics.load(words, Control.sleeping) > 0) {
      Atomics.notify(words, Control.phase);
    }
    return;
  }
  for (let i = 0; i < SPINS; i++) {
    if (Atomics.load(words, Control.phase) !== phase) return;
  }
  Atomics.add(words, Control.sleeping, 1);
  while (Atomics.load(words, Control.phase) === phase) {
    Atomics.wait(words, Control.phase, phase);
  }
  Atomics.sub(words, Control.sleeping, 1);
}

/** Waits for a mailbox to fill, and gives what is in it; closes it after a while. */
export function waitForMail(
  words: Int32Array,
  mailbox: number,
  milliseconds: number,
): number {
  const { empty, closed, claimed } = Mailbox;
  let mail: number = empty;
  for (let i = 0; i < SPINS && mail === empty; i++) {
    mail = Atomics.load(words, mailbox);
  }
  while (mail === empty) {
    Atomics.wait(words, mailbox, empty, milliseconds);
    mail = Atomics.load(words, mailbox);
    // While a program runs without the worker, the next may need it.
    if (mail !== empty || Atomics.load(words, Control.busy) !== 0) continue;
    // A mailbox that is closed is claimed by nobody.
    mail = Atomics.compareExchange(words, mailbox, empty, closed);
    if (mail === empty) return closed;
  }
  while (mail === claimed) mail = Atomics.load(words, mailbox);
  return mail;
}
