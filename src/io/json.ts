/**
 * JSON values: their types, and what messages call them. What a file says may
 * be of any length and depth; what a message says of it is short and escaped.
 *
 * @module
 */

/** Anything that JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | JsonObject;

/** A JSON object; keys whose value is undefined are left out. */
export interface JsonObject {
  /** Value of a key. */
  readonly [key: string]: JsonValue | undefined;
}

/** A name as a message shows it: quoted, escaped and short. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}

/** What a parsed JSON value is, for a message. */
export function kindOf(json: unknown): string {
  if (json === undefined) return "nothing";
  if (json === null) return "null";
  if (Array.isArray(json)) return `an array of ${json.length}`;
  if (typeof json === "object") return "an object";
  return typeof json === "string" ? quoted(json) : String(json);
}

/** Whether a parsed JSON value is an object. */
export function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
