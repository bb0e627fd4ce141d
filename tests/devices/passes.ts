/**
 * All that a layer or a model gives in a pass, forward and backward.
 *
 * @module
 */

import {
  collectDiagonals,
  collectFactors,
  constants,
  type Factors,
  type Layer,
} from "../../src/layers/mod.ts";
import {
  constant,
  gradients,
  intValue,
  type Tensor,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { floats } from "./compare.ts";

/** Random numbers for parameters or buffers; variances are positive. */
function randomValues(
  specs: Layer["parameters"],
  scale: number,
  seed: number,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape }], i) => {
      const draws = floats(shape, seed + i, scale);
      return [
        name,
        name.endsWith("running_var")
          ? value([...draws.data].map((v) => Math.fround(0.5 + v * v)), shape)
          : draws,
      ];
    }),
  );
}

/** How a pass is made. */
export interface PassOptions {
  /** Parameters by full name; random numbers of size 0.7 by default. */
  readonly parameters?: Readonly<Record<string, Value>>;
  /** Whether the full factors are wanted too; true by default. */
  readonly full?: boolean;
}

/**
 * Everything a layer gives for an input: output in training and in evaluation,
 * new buffers, gradients of a loss with respect to input and parameters, and for
 * both forms the diagonals of the Kronecker factors, the full factors and the
 * diagonal of their product.
 *
 * @param layer The layer or model.
 * @param x The input; ints have no gradient.
 * @param lossOf From the output to a scalar.
 * @param options How the pass is made.
 */
export function passOf(
  layer: Layer,
  x: Tensor,
  lossOf: (output: Tensor) => Tensor,
  options: PassOptions = {},
): Record<string, Tensor> {
  const { full = true } = options;
  const parameters = constants(
    options.parameters ?? randomValues(layer.parameters, 0.7, 100),
  );
  const buffers = constants(randomValues(layer.buffers, 0.7, 200));
  const key = constant(intValue([3, 14]));
  const run = (training: boolean) =>
    layer.forward(x, { parameters, buffers, training, key });
  const { output, uses, buffers: next } = run(true);
  const loss = lossOf(output);
  const of: [string, Tensor][] = [
    ...x.dtype === "float" ? [["the input", x] as [string, Tensor]] : [],
    ...Object.entries(parameters),
  ];
  const results: Record<string, Tensor> = {
    output,
    loss,
    "output in evaluation": run(false).output,
  };
  gradients(loss, of.map(([, tensor]) => tensor)).forEach((gradient, i) => {
    results[`gradient of ${of[i][0]}`] = gradient;
  });
  for (const [name, buffer] of Object.entries(next)) results[name] = buffer;
  for (const form of ["paper", "official"] as const) {
    const diagonals = collectDiagonals(loss, uses, form);
    keep(`${form} diagonal`, diagonals);
    if (full) keep(`${form} factor`, collectFactors(loss, uses, form));
    for (const inner of layer.kronecker) {
      const product = inner.kroneckerDiagonal(diagonals[inner.name], form);
      for (const [name, tensor] of Object.entries(product)) {
        results[`${form} H x S of ${name}`] = tensor;
      }
    }
  }
  return results;

  function keep(what: string, all: Readonly<Record<string, Factors>>): void {
    for (const [name, { h, s }] of Object.entries(all)) {
      results[`${what} H of ${name}`] = h;
      results[`${what} S of ${name}`] = s;
    }
  }
}
