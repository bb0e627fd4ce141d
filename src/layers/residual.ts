/**
 * The residual connection.
 *
 * @module
 */

import { add } from "../tensor/operations.ts";
import { frozenLayer, sameShape, show } from "./checks.ts";
import { compose, Pass } from "./compose.ts";
import type { Layer } from "./layer.ts";
import { type CompositionOptions, sequential } from "./sequential.ts";

/** Options of {@linkcode residual}. */
export interface ResidualOptions extends CompositionOptions {
  /** What the input goes through on its way round; the identity by default. */
  readonly shortcut?: Layer;
}

/**
 * body(x) + shortcut(x).
 *
 * @example
 * ```ts
 * import { activation, residual } from "@adafisher/adafisher/layers";
 * import { constant, value } from "@adafisher/adafisher/tensor";
 * import { evaluate } from "@adafisher/adafisher";
 * import { assertEquals } from "@std/assert";
 *
 * const { output } = residual(activation("relu")).forward(
 *   constant(value([-1, 2])),
 *   { parameters: {}, buffers: {}, training: true },
 * );
 * assertEquals([...(await evaluate(output)).data], [-1, 4]);
 * ```
 *
 * @param body The layer to go around.
 * @param options Shortcut, name of the whole.
 * @returns The layer; both ways must give one shape, or it throws a RangeError.
 * @throws {RangeError} If two different layers have one name.
 */
export function residual(body: Layer, options: ResidualOptions = {}): Layer {
  const { name = "", shortcut = sequential([]) } = options;
  const title = name === "" ? "residual" : `residual ${name}`;
  return frozenLayer({
    name,
    description: `${title}(${body.description})`,
    ...compose(title, [body, shortcut]),
    forward(x, context) {
      const pass = new Pass(context);
      const through = pass.apply(body, x);
      const round = pass.apply(shortcut, x);
      if (!sameShape(through.shape, round.shape)) {
        throw new RangeError(
          `Cannot apply ${title}: body gives ${show(through.shape)}, shortcut ${
            show(round.shape)
          }`,
        );
      }
      return {
        output: add(through, round),
        uses: pass.uses,
        buffers: pass.buffers,
      };
    },
  });
}
