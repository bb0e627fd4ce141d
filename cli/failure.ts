/**
 * What goes wrong outside a program, and the user who stops it: one line on the
 * error output, no stack trace.
 *
 * @module
 */

/** Something outside went wrong: exit status 1, no stack trace. */
export class Failure extends Error {}

/**
 * Does something with files or what they say; its errors need no stack trace.
 *
 * @param work What is done.
 * @param advice What to do if it fails.
 * @returns What it gives.
 * @throws {Failure} If it fails.
 */
export async function outside<T>(
  work: () => T | Promise<T>,
  advice?: string,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof Failure) throw cause;
    const { message } = cause;
    throw new Failure(
      advice === undefined ? message : `${message}; ${advice}`,
      {
        cause,
      },
    );
  }
}

/** Ctrl-C, and what other programs end this one with; Windows has the first alone. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/**
 * Does what Ctrl-C or SIGTERM asks to stop: the first aborts the signal, a second ends
 * the process. A {@linkcode Failure} is written, and gives exit status 1, or 130 after
 * one of them.
 *
 * @param work What is done; returns the exit status.
 * @returns The exit status.
 */
export async function interruptible(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const interrupt = new AbortController();
  const listener = () => {
    if (interrupt.signal.aborted) Deno.exit(130);
    interrupt.abort(new Failure("Interrupted"));
  };
  for (const name of SIGNALS) Deno.addSignalListener(name, listener);
  try {
    return await work(interrupt.signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { aborted, reason } = interrupt.signal;
    // What else fails on the way out is said: it may be that nothing could be saved.
    console.error(error === reason ? "Stopped" : error.message);
    return aborted ? 130 : 1;
  } finally {
    for (const name of SIGNALS) Deno.removeSignalListener(name, listener);
  }
}

/** Lets signals be heard: a device that computes without a pause leaves no other time. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
