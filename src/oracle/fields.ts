/**
 * Reading JSON field by field: every mistake is named by its file, its path in
 * the JSON, the rule and the value. Internal: for this folder and the commands.
 *
 * @module
 */

import { duplicateKey } from "../io/duplicate_key.ts";
import { isObject, kindOf, quoted } from "../io/json.ts";
import { suggestion } from "./nearest.ts";

/** What a number must be. */
export interface NumberRule {
  /** Whether it must be whole. */
  readonly whole?: boolean;
  /** Smallest number allowed. */
  readonly least?: number;
  /** Largest number allowed. */
  readonly most?: number;
  /** What it must be greater than. */
  readonly above?: number;
  /** What it must be less than. */
  readonly below?: number;
}

/** A rule in words. */
function describeRule(rule: NumberRule): string {
  const bounds = [
    rule.least === undefined ? "" : `of at least ${rule.least}`,
    rule.above === undefined ? "" : `above ${rule.above}`,
    rule.most === undefined ? "" : `of at most ${rule.most}`,
    rule.below === undefined ? "" : `below ${rule.below}`,
  ].filter((bound) => bound !== "");
  const what = rule.whole ? "a whole number" : "a finite number";
  return [what, bounds.join(" and ")].filter((part) => part !== "").join(" ");
}

/** An object whose fields are read one after another, each checked. */
export class Fields {
  /** Path in the JSON; empty for the whole of it. */
  readonly path: string;
  readonly #subject: string;
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  /**
   * @param subject What cannot be done, such as `Cannot read case.json`.
   * @param json What must be an object.
   * @param path Its path in the JSON.
   * @throws {TypeError} If it is no object.
   */
  constructor(subject: string, json: unknown, path = "") {
    this.#subject = subject;
    this.path = path;
    if (!isObject(json)) {
      throw new TypeError(
        `${subject}: ${path || "the whole"} must be an object, got ${
          kindOf(json)
        }`,
      );
    }
    this.#object = json;
  }

  /** Throws with the path of a field. */
  refuse(
    key: string,
    rule: string,
    ErrorType: typeof RangeError | typeof TypeError = RangeError,
    hint = "",
  ): never {
    throw new ErrorType(
      `${this.#subject}: ${this.#pathOf(key)} must be ${rule}, got ${
        kindOf(this.#get(key))
      }${hint}`,
    );
  }

  /** Whether a field is there; asking makes it a known one. */
  has(key: string): boolean {
    this.#read.add(key);
    return Object.hasOwn(this.#object, key);
  }

  /** A text that is not empty. */
  text(key: string): string {
    const text = this.#get(key);
    if (typeof text !== "string") this.refuse(key, "a text", TypeError);
    if (text === "") this.refuse(key, "a text that is not empty");
    return text;
  }

  /** One of a few words. */
  choice<V extends string>(key: string, words: readonly V[]): V {
    const rule = `one of ${words.join(", ")}`;
    const word = this.#get(key);
    if (typeof word !== "string") this.refuse(key, rule, TypeError);
    if (!(words as readonly string[]).includes(word)) {
      this.refuse(key, rule, RangeError, suggestion(word, words));
    }
    return word as V;
  }

  /** A truth value. */
  flag(key: string): boolean {
    const flag = this.#get(key);
    if (typeof flag !== "boolean") {
      this.refuse(key, "true or false", TypeError);
    }
    return flag;
  }

  /** Requires a value and no other. */
  exactly(key: string, value: string | number | boolean): void {
    if (this.#get(key) !== value) this.refuse(key, kindOf(value));
  }

  /** A number that a rule allows. */
  number(key: string, rule: NumberRule): number {
    return this.#number(key, this.#get(key), rule);
  }

  /** A list of numbers that a rule allows. */
  numbers(key: string, rule: NumberRule, length?: number): number[] {
    const list = this.#list(key, length);
    return list.map((number, i) => this.#number(`${key}[${i}]`, number, rule));
  }

  /** An object. */
  object(key: string): Fields {
    return new Fields(this.#subject, this.#get(key), this.#pathOf(key));
  }

  /** A list of objects. */
  objects(key: string): Fields[] {
    return this.#list(key).map((json, i) =>
      new Fields(this.#subject, json, `${this.#pathOf(key)}[${i}]`)
    );
  }

  /** Refuses fields that nobody asked for: they could change the meaning. */
  done(): void {
    for (const key of Object.keys(this.#object)) {
      if (this.#read.has(key)) continue;
      const known = [...this.#read];
      throw new RangeError(
        `${this.#subject}: ${this.path || "the whole"} must have no field but ${
          known.join(", ")
        }, got ${quoted(key)}${suggestion(key, known)}`,
      );
    }
  }

  #pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  #get(key: string): unknown {
    return this.has(key) ? this.#object[key] : undefined;
  }

  #list(key: string, length?: number): readonly unknown[] {
    const list = this.#get(key);
    const rule = length === undefined ? "a list" : `a list of ${length}`;
    if (!Array.isArray(list)) this.refuse(key, rule, TypeError);
    if (length !== undefined && list.length !== length) this.refuse(key, rule);
    return list;
  }

  #number(key: string, number: unknown, rule: NumberRule): number {
    const { whole, least, most, above, below } = rule;
    const path = this.#pathOf(key);
    const refusal = `${this.#subject}: ${path} must be ${
      describeRule(rule)
    }, got ${kindOf(number)}`;
    if (typeof number !== "number") throw new TypeError(refusal);
    const allowed = Number.isFinite(number) &&
      (!whole || Number.isSafeInteger(number)) &&
      (least === undefined || number >= least) &&
      (most === undefined || number <= most) &&
      (above === undefined || number > above) &&
      (below === undefined || number < below);
    if (!allowed) throw new RangeError(refusal);
    return number;
  }
}

/**
 * Parses a JSON text to its fields.
 *
 * @param text The text.
 * @param subject What cannot be done, such as `Cannot read case.json`.
 * @returns The fields.
 * @throws {SyntaxError} If it is no JSON, or an object has a key twice.
 * @throws {TypeError} If it is no object.
 */
export function parseFields(text: string, subject: string): Fields {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(
      `${subject}: the file must be JSON, got ${
        quoted(cause instanceof Error ? cause.message : String(cause))
      }`,
      { cause },
    );
  }
  const fields = new Fields(subject, json);
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    throw new SyntaxError(
      `${subject}: each key must appear once, got ${
        twice.map(quoted).join(" > ")
      } twice`,
    );
  }
  return fields;
}
