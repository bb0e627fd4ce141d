/**
 * Tensors that have more bytes than a binding may have: they are bound as several
 * ranges, one after another, and kernels read and write them through functions
 * that choose the range.
 *
 * A kernel is written as if each tensor were one array, `in0[place]`; here its
 * text is changed where it indexes a tensor that is too large for that.
 *
 * @module
 */

import type { Place } from "./memory.ts";
import type { Kernel } from "./wgsl.ts";

/** Size of a number of bytes as ranges: a power of two, so that offsets are aligned. */
function rangeBytes(limit: number): number {
  return 2 ** Math.floor(Math.log2(limit));
}

/** Among how many ranges so many bytes are divided. */
export function rangeCount(bytes: number, limit: number): number {
  return bytes <= limit ? 1 : Math.ceil(bytes / rangeBytes(limit));
}

/** The ranges of a place; the place itself where it is not too large. */
export function rangesOf(place: Place, limit: number): Place[] {
  const { buffer, offset, size } = place;
  if (size <= limit) return [place];
  const most = rangeBytes(limit);
  return Array.from({ length: rangeCount(size, limit) }, (_, i) => ({
    buffer,
    offset: offset + i * most,
    size: Math.min(most, size - i * most),
  }));
}

/**
 * How many buffers a kernel has bound.
 *
 * @param kernel The kernel.
 * @param bytesOf Size of a tensor by its number.
 * @param limit Bytes that a binding may have.
 */
export function buffersOf(
  { bindings, flags }: Kernel,
  bytesOf: (number: number) => number,
  limit: number,
): number {
  return bindings.reduce(
    (count, number) => count + rangeCount(bytesOf(number), limit),
    flags ? 1 : 0,
  );
}

const DECLARATION =
  /^@group\(0\) @binding\(\d+\) var<storage, read_write> (\w+): array<(.+)>;$/gm;

/**
 * The kernel with its large tensors split.
 *
 * @param kernel The kernel.
 * @param bytesOf Size of a tensor by its number.
 * @param limit Bytes that a binding may have.
 */
export function splitBindings(
  kernel: Kernel,
  bytesOf: (number: number) => number,
  limit: number,
): Kernel {
  const { code, bindings } = kernel;
  const counts = bindings.map((number) => rangeCount(bytesOf(number), limit));
  if (counts.every((count) => count === 1)) return kernel;
  const split = new Set<string>();
  let tensor = 0, binding = 0;
  const declared = code.replace(
    DECLARATION,
    (_, name: string, type: string) => {
      // Behind the tensors come the flags.
      const count = counts[tensor++] ?? 1;
      const declare = (name: string): string =>
        `@group(0) @binding(${binding++}) var<storage, read_write> ${name}: array<${type}>;`;
      if (count === 1) return declare(name);
      split.add(name);
      const ranges = Array.from({ length: count }, (_, i) => `${name}_${i}`);
      const each = rangeBytes(limit) / (type.startsWith("vec4") ? 16 : 4);
      return [...ranges.map(declare), ...accessors(name, type, ranges, each)]
        .join("\n");
    },
  );
  const body = declared.indexOf("fn main(");
  return {
    ...kernel,
    code: declared.slice(0, body) + rewrite(declared.slice(body), split),
  };
}

/** The functions that read and write a tensor of several ranges. */
function accessors(
  name: string,
  type: string,
  ranges: readonly string[],
  each: number,
): string[] {
  const choose = (act: (element: string) => string): string =>
    ranges.map((range, i) =>
      i === ranges.length - 1
        ? `  ${act(`${range}[i - ${i * each}u]`)}`
        : `  if (i < ${(i + 1) * each}u) { ${
          act(`${range}[i - ${i * each}u]`)
        } }`
    ).join("\n");
  return [
    `fn ${name}_at(i: u32) -> ${type} {\n${
      choose((element) => `return ${element};`)
    }\n}`,
    `fn ${name}_put(i: u32, x: ${type}) {\n${
      choose((element) => `${element} = x; return;`)
    }\n}`,
  ];
}

/** Statements in which some arrays are read and written by functions. */
function rewrite(text: string, names: ReadonlySet<string>): string {
  const use = new RegExp(`\\b(${[...names].join("|")})\\b(\\[)?`, "g");
  let done = "", from = 0;
  for (let found; (found = use.exec(text)) !== null; use.lastIndex = from) {
    const [whole, name, bracket] = found;
    if (!bracket) {
      throw new Error(`Cannot split ${name}: it is used without an index`);
    }
    const end = closing(text, found.index + whole.length - 1);
    const place = rewrite(text.slice(found.index + whole.length, end), names);
    done += text.slice(from, found.index);
    from = end + 1;
    const [assign] = /^\s*=(?!=)/.exec(text.slice(from)) ?? [];
    if (assign === undefined) {
      done += `${name}_at(${place})`;
      continue;
    }
    const semicolon = text.indexOf(";", from);
    const value = text.slice(from + assign.length, semicolon);
    done += `${name}_put(${place}, ${rewrite(value, names).trim()})`;
    from = semicolon;
  }
  return done + text.slice(from);
}

/** Where the bracket that opens at a place is closed. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "[") depth++;
    if (text[i] === "]" && --depth === 0) return i;
  }
  throw new Error("Cannot split a kernel: a bracket is not closed");
}
