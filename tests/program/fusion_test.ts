/** What is stored, what is computed together, and what is written in place. */

import { assert, assertEquals } from "@std/assert";
import { fuse, type Fused } from "../../src/program/fusion.ts";
import { type Group, inOrder } from "../../src/program/groups.ts";
import { lower } from "../../src/program/mod.ts";
import * as T from "../../src/tensor/mod.ts";
import { randomGraph } from "./random_graph.ts";

const MOST_INPUTS = 6;

/** Fuses expressions; an output `x` whose name is an input's replaces it. */
function fused(
  outputs: Readonly<Record<string, T.Tensor>>,
  state: readonly string[] = [],
): Fused {
  const program = lower(new Map(Object.entries(outputs)));
  return fuse(program, MOST_INPUTS, new Map(state.map((n) => [n, n])));
}

/** The kinds of a group's results. */
function kinds({ instructions, groups }: Fused): string[] {
  return groups.map(({ results }) =>
    results.map((i) => instructions[i].operation.kind).join(" ")
  );
}

const x = T.input("x", [4, 8]), y = T.input("y", [4, 8]);

Deno.test("fuse computes an update of several tensors together, in place", () => {
  const [g, m, v, p] = ["g", "m", "v", "p"].map((n) => T.input(n, [4, 8]));
  const first = T.add(T.mul(0.9, m), T.mul(0.1, g));
  const second = T.add(T.mul(0.9, v), T.mul(0.1, T.square(g)));
  const moved = T.sub(p, T.div(first, T.add(T.sqrt(second), 1e-8)));
  const found = fused({ m: first, v: second, p: moved }, ["m", "v", "p"]);
  assertEquals(kinds(found), ["add add sub"]);
  assertEquals(found.inPlace.size, 3);
});

Deno.test("fuse writes nothing in place of what is needed later", () => {
  const a = T.input("a", [4]), b = T.input("b", [4]);
  // The old a is an output; b is reversed, so its other elements are read.
  const found = fused({
    a: T.neg(a),
    b: T.reverse(T.neg(b), 0),
    old: a,
  }, ["a", "b"]);
  assertEquals(found.inPlace.size, 0);
  // The sum of the old a is taken before a is replaced.
  const after = fused({ total: T.sum(a), a: T.neg(a) }, ["a"]);
  assertEquals(after.inPlace.size, 1);
  // The maximum of the new b has to come before the kernel that reads the old a.
  const largest = T.broadcastTo(T.max(T.neg(b), undefined), [4]);
  const crossed = fused({ b: T.neg(b), c: T.add(b, largest) }, ["b"]);
  assertEquals(crossed.inPlace.size, 0);
});

Deno.test("fuse takes several reductions of the same numbers together", () => {
  const found = fused({
    sum: T.sum(x, 1),
    squares: T.sum(T.square(x), 1),
    largest: T.max(x, 1),
    other: T.sum(x, 0),
  });
  assertEquals(kinds(found), ["sum sum reduce-max", "sum"]);
});

Deno.test("fuse takes together what reads the same, whatever reads it in between", () => {
  // Too large to be taken together for being small.
  const large = T.input("large", [64, 128]);
  const found = fused({
    more: T.add(large, 1),
    total: T.sum(large),
    twice: T.mul(large, 2),
    squares: T.sum(T.square(large)),
  });
  assertEquals(kinds(found), ["add mul", "sum sum"]);
});

Deno.test("fuse computes of several groups the one that is meant to be first", () => {
  const group = (results: number[], ...leaves: number[]): Group => ({
    results,
    reads: new Map(leaves.map((leaf) => [leaf, true])),
  });
  // 2 waits for 1, which is computed with 9, and does not bring it forward.
  const groups = [group([1, 9], 0), group([2], 1), group([5], 0)];
  assertEquals(
    inOrder(groups).map(({ results }) => results),
    [[5], [1, 9], [2]],
  );
});

Deno.test("fuse keeps apart what needs another kernel in between", () => {
  const centered = T.sub(x, T.mean(x, undefined));
  const found = fused({ centered, scaled: T.div(x, T.sum(T.abs(centered))) });
  assertEquals(kinds(found), ["sum", "sub", "sum", "div"]);
});

Deno.test("fuse stores what is expensive to compute twice, and that alone", () => {
  const cheap = T.add(x, y), costly = T.pow(T.exp(cheap), y);
  const uses = (t: T.Tensor) => ({ rows: T.sum(t, 1), columns: T.sum(t, 0) });
  assertEquals(kinds(fused(uses(cheap))), ["sum", "sum"]);
  assertEquals(kinds(fused(uses(costly))), ["pow", "sum", "sum"]);
});

Deno.test("fuse puts groups in an order, and within their bindings, on random graphs", () => {
  for (let seed = 0; seed < 200; seed++) {
    const { outputs } = randomGraph(seed, 40);
    const { instructions, stored, groups } = fused(outputs);
    const written = new Set(
      instructions.flatMap(({ operation }, i) =>
        operation.kind === "input" || operation.kind === "constant" ? [i] : []
      ),
    );
    for (const { results, reads } of groups) {
      for (const leaf of reads.keys()) {
        assert(written.has(leaf), `seed ${seed}: ${leaf} is read too early`);
      }
      assert(results.length === 1 || results.length + reads.size <= 7);
      for (const result of results) written.add(result);
    }
    instructions.forEach(({ shape }, i) =>
      assert(written.has(i) || !stored[i] || T.sizeOf(shape) === 0)
    );
  }
});

Deno.test("fuse goes through rows once where it may", () => {
  const softmax = lower(new Map([["y", T.softmax(x)]]));
  assertEquals(
    fuse(softmax, MOST_INPUTS).groups.map(({ rows }) => rows),
    [undefined, undefined, undefined],
  );
  const { groups, instructions, stored } = fuse(
    softmax,
    MOST_INPUTS,
    new Map(),
    { mostRow: 8 },
  );
  assertEquals(groups.length, 1);
  const [{ rows, results }] = groups;
  assertEquals([rows?.count, rows?.length], [4, 8]);
  const kindOf = (i: number) => instructions[i].operation.kind;
  assertEquals(rows?.reductions.map(kindOf), ["reduce-max", "sum"]);
  assertEquals(results.map(kindOf), ["div"]);
  assert(rows?.reductions.every((i) => !stored[i]));
  // A row of 8 is longer than 4.
  assertEquals(
    fuse(softmax, MOST_INPUTS, new Map(), { mostRow: 4 }).groups.length,
    3,
  );
});

Deno.test("fuse goes through no rows that need one another", () => {
  // Each row is changed by the sum of the next one.
  const sums = T.sum(x, 1, { keepAxes: true });
  const next = T.reverse(sums, 0);
  const program = lower(new Map([["y", T.sub(x, next)]]));
  const { groups } = fuse(program, MOST_INPUTS, new Map(), { mostRow: 8 });
  assertEquals(groups.map(({ rows }) => rows), [undefined, undefined]);
});
