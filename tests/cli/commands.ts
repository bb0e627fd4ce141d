/** Running the commands of `cli/` as a user does. */

import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** What a command said, and its exit status. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A file of `cli/` with its arguments, to be run. */
export function commandOf(
  file: string,
  args: readonly string[],
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-write",
      `cli/${file}`,
      ...args,
    ],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

/** Waits until there is a file, a minute at the most. */
export async function untilThere(path: string): Promise<void> {
  const there = () => Deno.stat(path).then(() => true, () => false);
  const deadline = Date.now() + 60_000;
  while (!await there() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a file of `cli/` to its end. */
export async function runCli(
  file: string,
  ...args: readonly string[]
): Promise<Result> {
  const { code, stdout, stderr } = await commandOf(file, args).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}
