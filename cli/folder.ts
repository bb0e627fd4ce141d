/**
 * The folder that a command leaves its results in.
 *
 * @module
 */

import { join } from "@std/path";
import { Failure } from "./failure.ts";

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
  await Deno.mkdir("runs", { recursive: true });
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
 * @throws {Failure} If a file is in its way.
 */
export async function makeFolder(out: string): Promise<void> {
  try {
    await Deno.mkdir(out, { recursive: true });
  } catch (error) {
    const { AlreadyExists, NotADirectory } = Deno.errors;
    if (!(error instanceof AlreadyExists || error instanceof NotADirectory)) {
      throw error;
    }
    throw new Failure(
      `Cannot write into ${out}: it must be a folder, and a file is in its way; give another --out`,
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
