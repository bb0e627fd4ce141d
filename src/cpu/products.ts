/**
 * Which operands the kernels of convolutions multiply: a convolution has a pair of
 * operands, a sum of two has two pairs (`program/convolution_sums.ts`), and several
 * of them may be computed together since they share operands.
 *
 * @module
 */

import type { Scene } from "./kernel.ts";

/** What is multiplied, and what of it is added up. */
export interface Products {
  /** How many operands there are, each counted once. */
  readonly operands: number;
  /** Which of them are first operands of a pair, and second ones. */
  readonly firsts: readonly number[];
  readonly seconds: readonly number[];
  /** Of each result the terms. */
  readonly sums: readonly Terms[];
}

/** Pairs: which of the first operands, and which of the second ones. */
export type Terms = readonly (readonly [number, number])[];

/** The operands of results that are computed together, and what is done with them. */
export function productsOf(
  { instructions, roots }: Scene,
  results: readonly number[],
): { inputs: readonly number[]; products: Products } {
  const pairs = results.map((result) => {
    const all = instructions[result].operands.map((operand) => roots[operand]);
    return Array.from(
      { length: all.length / 2 },
      (_, i) => [all[2 * i], all[2 * i + 1]] as const,
    );
  });
  const [firsts, seconds] = ([0, 1] as const).map((side) => [
    ...new Set(pairs.flat().map((pair) => pair[side])),
  ]);
  const inputs = [...new Set([...firsts, ...seconds])];
  return {
    inputs,
    products: {
      operands: inputs.length,
      firsts: firsts.map((number) => inputs.indexOf(number)),
      seconds: seconds.map((number) => inputs.indexOf(number)),
      sums: pairs.map((terms) =>
        terms.map(([a, b]) => [firsts.indexOf(a), seconds.indexOf(b)] as const)
      ),
    },
  };
}

/** Of each term of a single result, which operands it multiplies. */
export function factorsOf(
  { firsts, seconds, sums: [terms] }: Products,
): Terms {
  return terms.map(([a, b]) => [firsts[a], seconds[b]]);
}
