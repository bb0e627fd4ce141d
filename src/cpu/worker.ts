/**
 * A thread of the CPU device. It waits for programs to run, and ends when there
 * has been nothing to do for a while, so that it keeps no finished program alive.
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

/** How long a worker waits for work before it ends. */
const PATIENCE = 100;

/** What the device sends. */
export type Message =
  | { readonly memory: WebAssembly.Memory; readonly thread: number }
  | {
    readonly program: number;
    readonly module: WebAssembly.Module;
    /** How many functions it has. */
    readonly functions: number;
    /** Programs that are not needed any more. */
    readonly dropped: readonly number[];
  };

interface Program {
  readonly functions: readonly KernelFunction[];
  /** The tasks as last read, and what they were read for. */
  tasks?: readonly Task[];
  key?: string;
}

/** What of a worker's global scope is used here. */
interface Scope {
  onmessage: (event: MessageEvent<Message>) => void;
  close(): void;
}
const scope = globalThis as unknown as Scope;

const programs = new Map<number, Program>();
let memory: WebAssembly.Memory;
let thread = 0;

scope.onmessage = ({ data }) => {
  if ("memory" in data) ({ memory, thread } = data);
  else {
    for (const program of data.dropped) programs.delete(program);
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
  Atomics.store(words, mailbox, Mailbox.empty);
  // A message that was sent meanwhile is read first.
  const { empty, messages } = Mailbox;
  if (
    Atomics.load(words, mailbox + Post.sent) !== received &&
    Atomics.compareExchange(words, mailbox, empty, messages) === empty
  ) return;
  while (true) {
    const mail = waitForMail(words, mailbox, PATIENCE);
    if (mail === Mailbox.closed) return scope.close();
    if (mail === Mailbox.messages) return;
    run(programs.get(mail)!, mailbox);
    Atomics.store(words, mailbox, Mailbox.empty);
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
