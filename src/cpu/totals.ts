/**
 * Adding up: variables that take in values, by vectors, run by run.
 *
 * @module
 */

import type { DType } from "../tensor/value.ts";
import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  f32x4,
  i32x4,
  type Local,
} from "../wasm/expression.ts";
import { constantVector } from "./vector_operations.ts";

type Vector = Expression<"v128">;

/** How results are put together. */
export interface Join {
  readonly kind: "sum" | "reduce-max";
  readonly dtype: DType;
}

/** The result of nothing. */
export const identity = ({ kind, dtype }: Join): Vector =>
  kind === "sum"
    ? constantVector(0, dtype)
    : constantVector(dtype === "float" ? -Infinity : -(2 ** 31), dtype);

/** Two results as one. */
const joined = ({ kind, dtype }: Join, a: Vector, b: Vector): Vector =>
  kind === "sum"
    ? dtype === "float" ? f32x4.add(a, b) : i32x4.add(a, b)
    : dtype === "float"
    ? f32x4.max(a, b)
    : i32x4.max_s(a, b);

/** Variables that add up runs, and the runs. */
export class Totals {
  readonly runs: Local<"v128">[];
  readonly totals: Local<"v128">[];
  readonly #f: FunctionBuilder;
  readonly #join: Join;

  constructor(f: FunctionBuilder, join: Join, copies: number) {
    this.#f = f;
    this.#join = join;
    const start = (): Local<"v128">[] =>
      Array.from({ length: copies }, () => f.let(identity(join)));
    this.runs = start();
    this.totals = start();
  }

  /** Lets a value into the run of a copy. */
  take(copy: number, value: Vector): void {
    const run = this.runs[copy];
    this.#f.set(run, joined(this.#join, run, value));
  }

  /** Ends the runs. */
  flush(): void {
    this.totals.forEach((total, i) => {
      this.#f.set(total, joined(this.#join, total, this.runs[i]));
      this.#f.set(this.runs[i], identity(this.#join));
    });
  }

  /** All copies and lanes together, in the first lane. */
  all(): Vector {
    let vectors: Vector[] = this.totals;
    while (vectors.length > 1) {
      vectors = vectors.slice(0, vectors.length / 2).map((x, i) =>
        this.#f.let(
          joined(this.#join, x, vectors[i + vectors.length / 2]),
        )
      );
    }
    for (const lanes of [[2, 3, 0, 1], [1, 0, 3, 2]]) {
      const [x] = vectors;
      vectors = [
        this.#f.let(joined(this.#join, x, i32x4.shuffle(x, x, lanes))),
      ];
    }
    return vectors[0];
  }
}
