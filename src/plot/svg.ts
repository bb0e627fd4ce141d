/**
 * Drawing a figure as SVG, by Vega-Lite and Vega.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- only this folder needs libraries
import { parse, View } from "npm:vega@6.4.0";
import { compile, type TopLevelSpec } from "npm:vega-lite@6.5.0";
import type { Figure } from "./figure.ts";

/** Takes what Vega and Vega-Lite would write on the console. */
function collector(said: string[]): {
  level(): number;
  error(...words: unknown[]): unknown;
  warn(...words: unknown[]): unknown;
  info(): unknown;
  debug(): unknown;
} {
  return {
    level: () => 2,
    error(...words) {
      said.push(words.join(" "));
      return this;
    },
    warn(...words) {
      said.push(words.join(" "));
      return this;
    },
    info() {
      return this;
    },
    debug() {
      return this;
    },
  };
}

/**
 * Draws a figure. Nothing is loaded: a figure has its data in it.
 *
 * @example
 * ```ts
 * import { lineChart, toSvg } from "@adafisher/adafisher/plot";
 * import { assert } from "@std/assert";
 *
 * const svg = await toSvg(lineChart({
 *   x: { title: "Epoch" },
 *   y: { title: "Loss" },
 *   series: [{ name: "Adam", points: [{ x: 1, y: 2 }, { x: 2, y: 1 }] }],
 * }));
 * assert(svg.startsWith("<svg"));
 * ```
 *
 * @param figure The figure.
 * @returns The SVG, one element with its own background.
 * @throws {Error} If Vega-Lite or Vega has anything to complain of in it.
 */
export async function toSvg(figure: Figure): Promise<string> {
  const said: string[] = [];
  const logger = collector(said) as never;
  const { spec } = compile(figure as unknown as TopLevelSpec, { logger });
  const view = new View(parse(spec), { renderer: "none", logger });
  try {
    const svg = await view.toSVG();
    if (said.length > 0) {
      throw new Error(`Cannot draw figure: ${said.join("; ")}`);
    }
    return svg;
  } finally {
    view.finalize();
  }
}
