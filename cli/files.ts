/**
 * Text and JSON files, whole or not at all.
 *
 * @module
 */

import { writeFileAtomically } from "../src/io/mod.ts";
import { outside } from "./failure.ts";

/**
 * Writes a text file, whole or not at all.
 *
 * @param path Its path.
 * @param text Its text.
 * @throws {Failure} If it cannot be written.
 */
export async function writeText(path: string, text: string): Promise<void> {
  await outside(() =>
    writeFileAtomically(path, new TextEncoder().encode(text))
  );
}

/**
 * Writes a value as a JSON file, whole or not at all.
 *
 * @param path Its path.
 * @param value What JSON can say.
 * @throws {Failure} If it cannot be written.
 */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeText(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/**
 * Reads a JSON file.
 *
 * @param path Its path.
 * @returns What it says; undefined where there is none.
 * @throws {Failure} If it cannot be read, or is no JSON.
 */
export async function readJson(path: string): Promise<unknown> {
  return await outside(async () => {
    let text: string;
    try {
      text = await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new SyntaxError(
        `Cannot read ${path}: it must be JSON, got ${
          JSON.stringify(text.slice(0, 40))
        }`,
        { cause },
      );
    }
  });
}
