/**
 * A thread of the CPU device. It waits for programs to run. When there has been
 * nothing to do for a while, it asks the device whether it may end, so that it keeps
 * no finished program alive: the device answers when its own thread has nothing to do
 * either, and not while the host computes between two programs.
 *
 * @module
 */

import {
  Control,
  type KernelFunction,
  Mailbox,
  mailboxOf,
  Post,
  readTasks,
  runTasks,
  type Task,
  waitForMail,
} from "./run.ts";

/** What the device sends. */
export type Message =
  | { readonly memory: WebAssembly.Memory; readonly thread: number }
  | {
    readonly program: number;
    readonly module: WebAssembly.Module;
    /** How many functions it has. */
    readonly functions: number;
  }
  /** A program that is not needed any more. */
  | { readonly dropped: number };

/** What a worker sends: when it asked to end, in milliseconds of the clock. */
export interface Idle {
  /** As of `Date.now()`. */
  readonly idle: number;
}

interface Program {
  readonly functions: readonly KernelFunction[];
  /** The tasks as last read, and what they were read for. */
  tasks?: readonly Task[];
  key?: string;
}

/** What of a worker's global scope is used here. */
interface Scope {
  onmessage: (event: MessageEvent<Message>) => void;
  postMessage(message: Idle): void;
  close(): void;
}
const scope = globalThis as unknown as Scope;

const programs = new Map<number, Program>();
let memory: WebAssembly.Memory;
let thread = 0;

scope.onmessage = ({ data }) => {
  if ("memory" in data) ({ memory, thread } = data);
  else if ("dropped" in data) programs.delete(data.dropped);
  else {
    try {
      const { exports } = new WebAssembly.Instance(data.module, {
        env: { memory },
      });
      const functions = Array.from(
        { length: data.functions },
        (_, i) => exports[`k${i}`] as KernelFunction,
      );
      programs.set(data.program, { functions });
    } catch {
      // The device goes on without this thread.
      const words = new Int32Array(memory.buffer);
      Atomics.store(words, mailboxOf(thread) + Post.broken, 1);
    }
  }
  serve();
};

function serve(): void {
  const words = new Int32Array(memory.buffer);
  const mailbox = mailboxOf(thread);
  const received = Atomics.add(words, mailbox + Post.received, 1) + 1;
  const { empty, messages, ending, closed } = Mailbox;
  const askToEnd = (): void => scope.postMessage({ idle: Date.now() });
  while (true) {
    Atomics.store(words, mailbox, empty);
    // A message that was sent meanwhile is read first.
    if (
      Atomics.load(words, mailbox + Post.sent) !== received &&
      Atomics.compareExchange(words, mailbox, empty, messages) === empty
    ) return;
    const mail = waitForMail(words, mailbox, askToEnd);
    if (mail === messages) return;
    if (mail === ending) {
      Atomics.store(words, mailbox, closed);
      return scope.close();
    }
    run(programs.get(mail)!, mailbox);
  }
}

function run(program: Program, mailbox: number): void {
  // The memory may have grown.
  const words = new Int32Array(memory.buffer);
  const threads = words[Control.threads], table = words[Control.table];
  const thread = words[mailbox + Post.index];
  const scratch = words[Control.scratch] + thread * words[Control.scratchBytes];
  const key = `${[words[Control.version], threads, table, scratch]}`;
  if (!program.tasks || program.key !== key) {
    const { functions } = program;
    program.tasks = readTasks(functions, words, table, threads, scratch);
    program.key = key;
  }
  const { tasks } = program;
  runTasks(
    { tasks, thread, threads, counters: words[Control.counters] },
    words,
  );
}
