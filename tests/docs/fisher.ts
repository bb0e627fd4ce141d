// F as an optimizer uses it, read off a step that it makes.

import type { Parameters } from "../../src/layers/mod.ts";
import type {
  AdaFisherState,
  Optimizer,
  Scalars,
} from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/mod.ts";
import { constant, fill, scalarValue } from "../../src/tensor/mod.ts";

/** The optimizer's scalars of a step, as tensors. */
export function scalarsOf(
  optimizer: Optimizer<AdaFisherState>,
  step: number,
): Scalars {
  return Object.fromEntries(
    Object.entries(optimizer.scalars(step))
      .map(([name, number]) => [name, constant(scalarValue(number))]),
  );
}

/**
 * F of every parameter. From theta = 0 and m = 0, the first step with g = 1 and
 * lr = 1 gives m^ = 1, and so theta = -1 / F.
 *
 * @param optimizer AdaFisher.
 * @param factors The averages that F is made of.
 * @param parameters Anything of the parameters' names and shapes.
 */
export async function fisherOf(
  optimizer: Optimizer<AdaFisherState>,
  factors: AdaFisherState["factors"],
  parameters: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): Promise<Record<string, Float64Array>> {
  const filled = (number: number): Parameters =>
    Object.fromEntries(
      Object.entries(parameters).map(([p, { shape }]) => [
        p,
        fill(shape, number),
      ]),
    );
  const next = optimizer.update({
    parameters: filled(0),
    gradients: filled(1),
    state: { momentum: filled(0), factors },
    learningRate: constant(scalarValue(1)),
    scalars: scalarsOf(optimizer, 1),
  });
  return Object.fromEntries(
    Object.entries(await evaluate(next.parameters)).map(([p, { data }]) => [
      p,
      Float64Array.from(data, (x) => -1 / x),
    ]),
  );
}
