/**
 * The folder that a command leaves its results in.
 *
 * @module
 */

import { join } from "@std/path";
import { reasonOf } from "../src/io/files.ts";
import { Failure, outside } from "./failure.ts";
import { exists } from "./files.ts";

/** Where a new folder is made. */
export interface FolderOptions {
  /** What `--out` says. */
  readonly out?: string;
  /** What the folder's name ends with where `--out` says nothing. */
  readonly name: string;
  /** What cannot be done if the folder has files in it, such as `train into`. */
  readonly task: string;
  /** What to do then. */
  readonly advice: string;
}

/**
 * Makes a folder `runs/<date>-<name>`, with a number behind it where that is there.
 *
 * @param name What the folder's name ends with.
 * @returns Its path; it is empty.
 */
export async function datedFolder(name: string): Promise<string> {
  const date = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")
    .replace("T", "-");
  const base = join("runs", `${date}-${name}`);
  await makeFolder("runs");
  for (let n = 1;; n++) {
    const folder = n === 1 ? base : `${base}-${n}`;
    try {
      await Deno.mkdir(folder);
      return folder;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/**
 * Makes the folder that was asked for, where it is not there.
 *
 * @param out Its path.
 * @throws {Failure} If a file is in its way, or it cannot be made.
 */
export async function makeFolder(out: string): Promise<void> {
  try {
    await Deno.mkdir(out, { recursive: true });
  } catch (error) {
    const { AlreadyExists, NotADirectory } = Deno.errors;
    const inTheWay = error instanceof AlreadyExists ||
      error instanceof NotADirectory;
    throw new Failure(
      `Cannot write into ${out}: ${
        inTheWay
          ? "it must be a folder, and a file is in its way"
          : reasonOf(error)
      }; give another --out`,
      { cause: error },
    );
  }
}

/**
 * Makes a folder for new results: the one that was asked for, or
 * `runs/<date>-<name>`.
 *
 * @param options Where.
 * @returns Its path; it is empty.
 * @throws {Failure} If the one that was asked for has files in it.
 */
export async function newFolder(options: FolderOptions): Promise<string> {
  const { out, name, task, advice } = options;
  if (out === undefined) return await datedFolder(name);
  await makeFolder(out);
  for await (const _ of Deno.readDir(out)) {
    throw new Failure(
      `Cannot ${task} ${out}: the folder must be empty, and it has files; ${advice}`,
    );
  }
  return out;
}

/**
 * Makes a folder for new results, and takes it away again with all that is in it if
 * they fail, so that nothing half-written stays.
 *
 * @param out What `--out` says.
 * @param name What the folder's name ends with where `--out` says nothing.
 * @param work Makes the results.
 * @returns What the work gives.
 * @throws {Failure} If the folder that was asked for has files in it, or another
 * process is at work there.
 */
export async function inNewFolder<T>(
  out: string | undefined,
  name: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const there = out !== undefined && await exists(out);
  const folder = await outside(() =>
    newFolder({ out, name, task: "write into", advice: "give another --out" })
  );
  await lockFolder(folder);
  try {
    return await work(folder);
  } catch (error) {
    await outside(() => takeAway(folder, there));
    throw error;
  }
}

/** Takes away what is in a folder, and the folder if it was not there before. */
async function takeAway(folder: string, there: boolean): Promise<void> {
  if (!await exists(folder)) return;
  if (!there) return await Deno.remove(folder, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.remove(join(folder, name), { recursive: true });
  }
}

/**
 * Takes a folder for this process alone, until it ends, however it does. Where folders
 * cannot be opened, as on Windows, nothing is done.
 *
 * @param folder The folder.
 * @throws {Failure} If another process has it.
 */
export async function lockFolder(folder: string): Promise<void> {
  const handle = await Deno.open(folder).catch(() => undefined);
  if (handle === undefined || await handle.tryLock(true)) return;
  handle.close();
  throw new Failure(
    `Cannot write into ${folder}: another process is at work in it; wait until it is done, or give another folder`,
  );
}
