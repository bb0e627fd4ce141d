/**
 * Exact derivatives against central differences in float64.
 *
 * With five points and a step of 1e-4 the differences are wrong by about 1e-16
 * (fourth power of the step) and 1e-12 (rounding), for numbers of about 1.
 */

import { assert } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  add,
  constant,
  dot,
  gradients,
  type Tensor,
  type Value,
} from "../../src/tensor/mod.ts";
import { assertAllClose, numbers } from "./helpers.ts";

/** A function of named tensors. */
export type Expression<Result> = (
  at: Readonly<Record<string, Tensor>>,
) => Result;

const STEP = 1e-4;

/** Shift in steps, and weight over twelve steps, of a fourth-order difference. */
const STENCIL = [[-2, 1], [-1, -8], [1, 8], [2, -1]] as const;

/** Largest error, as a share of the derivative's largest entry. */
const TOLERANCE = 1e-7;

const constantsAt = (
  at: Readonly<Record<string, Value>>,
): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(at).map(([k, v]) => [k, constant(v)]));

/** A value with one element moved. */
function moved(value: Value, index: number, by: number): Value {
  const data = Float64Array.from(value.data);
  data[index] += by;
  return { ...value, data };
}

function assertDerivative(
  actual: Value,
  expected: ArrayLike<number>,
  what: string,
): void {
  const largest = Math.max(...Array.from(expected, Math.abs));
  assert(
    largest > 1e-3,
    `the derivative by ${what} vanishes: nothing is tested`,
  );
  assertAllClose(actual, expected, { absolute: TOLERANCE * largest }, what);
}

/**
 * Asserts that `gradients` agrees with differences for every element of every
 * named value.
 */
export async function assertGradients(
  f: Expression<Tensor>,
  at: Readonly<Record<string, Value>>,
): Promise<void> {
  const names = Object.keys(at);
  const nodes = constantsAt(at);
  const exact = gradients(f(nodes), names.map((name) => nodes[name]));
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const shifted: Record<string, Tensor> = {};
    for (let j = 0; j < at[name].data.length; j++) {
      for (const [steps] of STENCIL) {
        const value = moved(at[name], j, steps * STEP);
        shifted[`${j}:${steps}`] = f({ ...nodes, [name]: constant(value) });
      }
    }
    const losses = await evaluate(shifted);
    const expected = Float64Array.from(at[name].data, (_, j) => {
      const terms = STENCIL.map(([steps, weight]) =>
        weight * losses[`${j}:${steps}`].data[0]
      );
      return terms.reduce((total, term) => total + term, 0) / (12 * STEP);
    });
    assertDerivative(await evaluate(exact[i]), expected, name);
  }
}

/**
 * Asserts that the Hessian-vector product along random directions agrees with
 * the difference of gradients along them.
 */
export async function assertHessianProducts(
  f: Expression<Tensor>,
  at: Readonly<Record<string, Value>>,
): Promise<void> {
  const names = Object.keys(at);
  const directions = names.map((name, i) => numbers(900 + i, at[name].shape));
  const nodes = constantsAt(at);
  const parameters = names.map((name) => nodes[name]);
  const slope = gradients(f(nodes), parameters)
    .map((gradient, i) => dot(gradient, constant(directions[i])))
    .reduce((total, term) => add(total, term));
  const products = gradients(slope, parameters);
  const shifted: Record<string, Tensor> = {};
  for (const [steps] of STENCIL) {
    const there = constantsAt(
      Object.fromEntries(names.map((name, i) => {
        const { data, shape } = at[name];
        const moved = Float64Array.from(
          data,
          (number, j) => number + steps * STEP * directions[i].data[j],
        );
        return [name, { shape, dtype: "float", data: moved }];
      })),
    );
    gradients(f(there), names.map((name) => there[name]))
      .forEach((gradient, i) => shifted[`${steps}:${i}`] = gradient);
  }
  const found = await evaluate(shifted);
  for (let i = 0; i < names.length; i++) {
    const expected = Float64Array.from(at[names[i]].data, (_, j) => {
      const terms = STENCIL.map(([steps, weight]) =>
        weight * found[`${steps}:${i}`].data[j]
      );
      return terms.reduce((total, term) => total + term, 0) / (12 * STEP);
    });
    assertDerivative(await evaluate(products[i]), expected, names[i]);
  }
}
