/**
 * What an optimizer does with a model: which rule each parameter gets.
 *
 * @module
 */

import type { Layer } from "../layers/layer.ts";
import type { Shape } from "../tensor/value.ts";
import type { Optimizer } from "./optimizer.ts";

/** A parameter and the rule that it gets. */
export interface DescriptionRow {
  /** Full name of the parameter. */
  readonly parameter: string;
  /** Extent of each axis. */
  readonly shape: Shape;
  /** Name of the innermost layer that has the parameter. */
  readonly layer: string;
  /** The optimizer's rule, or `not trained` where the parameter is frozen. */
  readonly rule: string;
  /** Whether the parameter is trained. */
  readonly trained: boolean;
}

/** What {@linkcode describe} finds. */
export interface Description {
  /** A row for each parameter, in the model's order. */
  readonly rows: readonly DescriptionRow[];
  /** The optimizer's description and the rows as a table; ends with a newline. */
  readonly text: string;
}

/**
 * Says for every parameter of a model its shape, its layer, and its rule.
 *
 * @example
 * ```ts
 * import { embedding, linear, sequential } from "@adafisher/adafisher/layers";
 * import { adafisher, describe } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const model = sequential([
 *   embedding("tokens", 5, 3, { frozen: true }),
 *   linear("fc", 3, 2, { bias: false }),
 * ]);
 * const { rows } = describe(adafisher(model), model);
 * assertEquals(rows.map(({ parameter, rule }) => [parameter, rule]), [
 *   ["tokens.weight", "not trained"],
 *   ["fc.weight", "m / F of fc"],
 * ]);
 * ```
 *
 * @param optimizer The optimizer.
 * @param model The model that it trains.
 * @returns The rows, and the same as text.
 */
export function describe(optimizer: Optimizer, model: Layer): Description {
  const rows = Object.entries(model.parameters).map(
    ([parameter, { shape, frozen = false }]): DescriptionRow => ({
      parameter,
      shape,
      layer: ownerOf(model, parameter).name,
      rule: frozen ? "not trained" : optimizer.rule(parameter),
      trained: !frozen,
    }),
  );
  const table = columns([
    ["parameter", "shape", "layer", "rule"],
    ...rows.map(({ parameter, shape, layer, rule }) => [
      parameter,
      `[${shape.join(", ")}]`,
      layer,
      rule,
    ]),
  ]);
  return { rows, text: `${optimizer.description}\n${table}` };
}

/** The innermost layer that has a parameter. */
function ownerOf(layer: Layer, parameter: string): Layer {
  const inner = layer.layers?.find(({ parameters }) => parameter in parameters);
  return inner ? ownerOf(inner, parameter) : layer;
}

/** Lines of cells, each as wide as the widest of its column. */
function columns(lines: readonly (readonly string[])[]): string {
  const widths = lines[0].map((_, i) =>
    Math.max(...lines.map((cells) => cells[i].length))
  );
  return lines.map((cells) =>
    cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd() + "\n"
  ).join("");
}
