/**
 * Text and JSON files, whole or not at all.
 *
 * @module
 */

import { readText } from "../src/io/files.ts";
import { isObject, kindOf, quoted } from "../src/io/json.ts";
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
 * Reads a JSON file that is an object.
 *
 * @param path Its path.
 * @returns What it says; undefined where there is none.
 * @throws {Failure} If it cannot be read, or is no JSON object.
 */
export async function readJson(
  path: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  return await outside(async () => {
    let text: string;
    try {
      text = await readText(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw new SyntaxError(
        `Cannot read ${path}: it must be JSON, got ${quoted(text)}`,
        { cause },
      );
    }
    if (isObject(json)) return json;
    throw new TypeError(
      `Cannot read ${path}: it must be a JSON object, got ${kindOf(json)}`,
    );
  });
}

/** Whether there is a file or a folder. */
export async function exists(path: string): Promise<boolean> {
  return await outside(async () => {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      const { NotFound, NotADirectory } = Deno.errors;
      if (error instanceof NotFound || error instanceof NotADirectory) {
        return false;
      }
      throw error;
    }
  });
}
