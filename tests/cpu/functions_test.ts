/** The vector functions against float64, in units of the result's last place. */

import { assert } from "@std/assert";
import { erf as exactErf } from "../../src/program/scalar.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  erf,
  exp,
  log,
  pow,
  randomUniform,
  tanh,
  type Tensor,
  value,
} from "../../src/tensor/mod.ts";
import { cpuTest } from "./on_cpu.ts";

const COUNT = 100_000;

/** Distance from a float32 to the next one further from 0; the smallest's is 2^-149. */
function lastPlace(x: number): number {
  const exponent = Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -126)));
  return 2 ** (Math.max(exponent, -126) - 23);
}

/** Numbers that float32 holds, evenly spread, and close to 0 for each power of two. */
function spread(from: number, to: number, seed: number): Float32Array {
  const draws = randomUniform([seed, 3], 0, COUNT);
  return Float32Array.from(draws, (u, i) => {
    const x = from + u * (to - from);
    return i % 4 === 0 ? x * 2 ** -(i / 4 % 40) : x;
  });
}

/** All in one pass over a large vector, where vectors and single lanes are used. */
const cases: Readonly<
  Record<
    string,
    {
      readonly from: number;
      readonly to: number;
      readonly bound: number;
      readonly operation: (x: Tensor) => Tensor;
      readonly exact: (x: number) => number;
    }
  >
> = {
  // The bounds are those that src/cpu/functions.ts states.
  exp: { from: -104, to: 89, bound: 2, operation: exp, exact: Math.exp },
  log: { from: 0, to: 1e4, bound: 2, operation: log, exact: Math.log },
  "log near 1": { from: 0.5, to: 2, bound: 2, operation: log, exact: Math.log },
  "log of huge numbers": {
    from: 1e30,
    to: 3e38,
    bound: 2,
    operation: log,
    exact: Math.log,
  },
  tanh: { from: -12, to: 12, bound: 3, operation: tanh, exact: Math.tanh },
  "tanh near 0": {
    from: -1,
    to: 1,
    bound: 3,
    operation: tanh,
    exact: Math.tanh,
  },
  erf: { from: -5, to: 5, bound: 2, operation: erf, exact: exactErf },
  "pow 0.37": {
    from: 0,
    to: 1e6,
    bound: 1,
    operation: (x) => pow(x, 0.37),
    exact: (x) => Math.pow(x, Math.fround(0.37)),
  },
  "pow -3.5": {
    from: 0,
    to: 40,
    bound: 1,
    operation: (x) => pow(x, -3.5),
    exact: (x) => Math.pow(x, -3.5),
  },
  "pow with a base": {
    from: -140,
    to: 120,
    bound: 1,
    operation: (x) => pow(constant(value([1.9])), x),
    exact: (x) => Math.pow(Math.fround(1.9), x),
  },
};

for (
  const [name, { from, to, bound, operation, exact }] of Object.entries(cases)
) {
  cpuTest(
    `${name} is good to ${bound} units in the last place`,
    async (device) => {
      const numbers = spread(from, to, 1);
      const { data } = await evaluate(
        operation(constant(value(numbers))),
        device,
      );
      let worst = 0, where = 0;
      numbers.forEach((x, i) => {
        const expected = exact(x);
        if (data[i] === Math.fround(expected)) return;
        const error = Math.abs(data[i] - expected) / lastPlace(expected);
        if (!(error <= worst)) {
          worst = error;
          where = x;
        }
      });
      assert(worst <= bound, `${worst} units at ${where}`);
    },
  );
}
