/**
 * How a thread runs a program: the part of the device that the workers have too.
 * A program is a list of calls in shared memory. All threads go through it, compute
 * what of each call nobody else has taken, and wait until it is done.
 *
 * @module
 */

/** A kernel as a function: addresses, scratch, first unit, last unit. */
export type KernelFunction = (...parameters: number[]) => void;

/** Control words of the threads, as indices of ints in the memory. */
export const Control = {
  /** Threads that sleep until a task is done. */
  sleeping: 48,
  /** 1 when a call has failed. */
  failed: 64,
  /** The task, and the call in it. */
  failedTask: 65,
  failedCall: 66,
  /** Bytes of the error's text, and the text. */
  text: 67,
  /** What runs: its table and counters, the threads, the scratch of each. */
  table: 512,
  counters: 518,
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
  /** The worker is about to get a program. */
  claimed: -3,
  /** The worker may end. */
  ending: -4,
} as const;

/** Most bytes of an error's text. */
export const MOST_TEXT = 1024;

/** How often a thread looks before it sleeps: some 20 microseconds. */
const SPINS = 4000;

/** Chunks that a thread's share of a call is cut into, for others to take over. */
const CHUNKS = 4;

/** A call as a thread has it. */
interface Call {
  readonly run: KernelFunction;
  readonly units: number;
  /** Addresses and scratch; behind them there is room for a range of units. */
  readonly parameters: number[];
}

/** Calls between which no thread waits. */
export interface Task {
  readonly calls: readonly Call[];
  /** Into how many chunks the units are cut: 1, where there are several calls. */
  readonly chunks: number;
}

/** What a thread knows of a program that it runs. */
export interface Share {
  readonly tasks: readonly Task[];
  readonly thread: number;
  readonly threads: number;
  /** Index of the counters: of each task, what is done, and what of each share is taken. */
  readonly counters: number;
}

/**
 * Reads a table of calls. It holds their number, then for each: the function, 1 if
 * all threads share it, 1 if others wait for it, units, the number of addresses, and
 * these.
 */
export function readTasks(
  functions: readonly KernelFunction[],
  words: Int32Array,
  table: number,
  threads: number,
  scratch: number,
): Task[] {
  let at = table / 4;
  const count = words[at++];
  const tasks: Task[] = [];
  let waiting: Call[] = [];
  for (let i = 0; i < count; i++) {
    const [which, shared, last, units, addresses] = words.subarray(at, at + 5);
    at += 5;
    waiting.push({
      run: functions[which],
      units,
      parameters: [...words.subarray(at, at + addresses), scratch, 0, 0],
    });
    at += addresses;
    if (last === 0) continue;
    const chunks = shared ? Math.min(units, threads * CHUNKS) : 1;
    tasks.push({ calls: waiting, chunks });
    waiting = [];
  }
  return tasks;
}

/**
 * Runs a program together with the other threads. Each takes the chunks of its own
 * share of a task first, and then what others have not begun; then it waits until
 * all are done, so that a thread that the machine holds up is waited for only if it
 * has begun one. After a failure nothing more is computed.
 *
 * @param times Gets the time of the start and of the end of each task.
 */
export function runTasks(
  { tasks, thread, threads, counters }: Share,
  words: Int32Array,
  times?: number[],
): void {
  times?.push(performance.now());
  for (let i = 0; i < tasks.length; i++) {
    const task = tasks[i];
    if (threads === 1) runChunk(task, 0, 1, words, i);
    else takeChunks(task, thread, threads, words, counters, i);
    times?.push(performance.now());
  }
}

function takeChunks(
  task: Task,
  thread: number,
  threads: number,
  words: Int32Array,
  counters: number,
  i: number,
): void {
  const { chunks } = task;
  const done = counters + i * (threads + 1);
  for (let k = 0; k < threads; k++) {
    const owner = (thread + k) % threads;
    const first = Math.floor(chunks * owner / threads);
    const own = Math.floor(chunks * (owner + 1) / threads) - first;
    const taken = done + 1 + owner;
    while (Atomics.load(words, taken) < own) {
      const chunk = Atomics.add(words, taken, 1);
      if (chunk >= own) break;
      runChunk(task, first + chunk, chunks, words, i);
      if (
        Atomics.add(words, done, 1) === chunks - 1 &&
        Atomics.load(words, Control.sleeping) > 0
      ) Atomics.notify(words, done);
    }
  }
  for (let spin = 0; spin < SPINS; spin++) {
    if (Atomics.load(words, done) === chunks) return;
  }
  Atomics.add(words, Control.sleeping, 1);
  let now = Atomics.load(words, done);
  while (now !== chunks) {
    Atomics.wait(words, done, now);
    now = Atomics.load(words, done);
  }
  Atomics.sub(words, Control.sleeping, 1);
}

function runChunk(
  { calls }: Task,
  chunk: number,
  chunks: number,
  words: Int32Array,
  task: number,
): void {
  if (Atomics.load(words, Control.failed) !== 0) return;
  for (let i = 0; i < calls.length; i++) {
    const { run, units, parameters } = calls[i];
    parameters[parameters.length - 2] = Math.floor(units * chunk / chunks);
    parameters[parameters.length - 1] = Math.floor(
      units * (chunk + 1) / chunks,
    );
    try {
      run(...parameters);
    } catch (error) {
      return reportFailure(words, task, i, error);
    }
  }
}

/** Leaves word of what went wrong; the first failure is the one that is told. */
function reportFailure(
  words: Int32Array,
  task: number,
  call: number,
  error: unknown,
): void {
  if (Atomics.compareExchange(words, Control.failed, 0, 1) !== 0) return;
  words[Control.failedTask] = task;
  words[Control.failedCall] = call;
  const message = error instanceof Error ? error.message : String(error);
  const bytes = new TextEncoder().encode(message).slice(0, MOST_TEXT);
  words[Control.text] = bytes.length;
  new Uint8Array(words.buffer).set(bytes, (Control.text + 1) * 4);
}

/** How long a worker has nothing to do, in milliseconds, before it asks to end. */
export const PATIENCE = 100;

/** Waits for a mailbox to fill, and gives what is in it; asks to end now and then. */
export function waitForMail(
  words: Int32Array,
  mailbox: number,
  askToEnd: () => void,
): number {
  const { empty, claimed } = Mailbox;
  let mail: number = empty;
  for (let i = 0; i < SPINS && mail === empty; i++) {
    mail = Atomics.load(words, mailbox);
  }
  while (mail === empty) {
    const woken = Atomics.wait(words, mailbox, empty, PATIENCE);
    mail = Atomics.load(words, mailbox);
    // While a program runs without the worker, the next may need it.
    const busy = Atomics.load(words, Control.busy) !== 0;
    if (woken === "timed-out" && !busy) askToEnd();
  }
  while (mail === claimed) mail = Atomics.load(words, mailbox);
  return mail;
}
