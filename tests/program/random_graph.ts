/** Random expressions: the operations that a program simplifies, merges and moves. */

import * as T from "../../src/tensor/mod.ts";

/** Random whole numbers and choices, from a seed. */
function dice(seed: number): (count: number) => number {
  const draws = T.randomUniform([seed, 8], 0, 2000);
  let next = 0;
  return (count) => Math.floor(draws[next++ % draws.length] * count);
}

/** Named inputs, and expressions of them and of numbers worth simplifying. */
export interface RandomGraph {
  readonly inputs: Readonly<Record<string, T.Value>>;
  readonly outputs: Readonly<Record<string, T.Tensor>>;
}

/** Builds a random graph of about `size` nodes. */
export function randomGraph(seed: number, size: number): RandomGraph {
  const roll = dice(seed);
  const pick = <Item>(items: readonly Item[]): Item =>
    items[roll(items.length)];
  const inputs: Record<string, T.Value> = {};
  const nodes: T.Tensor[] = [];
  [[2, 3], [3], [2, 1, 3], []].forEach((shape, i) => {
    const name = `x${i}`;
    const draws = T.randomNormal([seed, 9], i, T.sizeOf(shape));
    // A zero of either sign is where simplifications go wrong.
    draws[0] = pick([0, -0, draws[0]]);
    inputs[name] = T.value(draws, shape);
    nodes.push(T.input(`input:${name}`, shape));
  });
  for (const number of [0, -0, 1, -1, 2, 0.5, Infinity, NaN]) {
    nodes.push(T.fill(pick([[], [3], [2, 3]]), number));
  }
  const first = pick(nodes);
  // Ways to the next node; some do not fit the shapes and are tried in vain.
  const ways: ((x: T.Tensor, y: T.Tensor) => T.Tensor)[] = [
    ...[T.add, T.sub, T.mul, T.div, T.maximum, T.minimum],
    ...[T.add, T.sub, T.mul],
    (x, y) => T.pow(T.abs(x), y),
    ...[T.neg, T.abs, T.sign, T.exp, T.tanh, T.erf, T.floor, T.sqrt],
    (x, y) => T.select(T.less(x, y), x, y),
    (x, y) => T.select(T.equal(y, y), x, y),
    (x, y) => T.cast(T.lessEqual(x, y), "float"),
    (x) => T.cast(T.cast(T.tanh(x), "bool"), "float"),
    (x) => T.cast(T.add(T.argmax(x, 0, { keepAxes: true }), 1), "float"),
    (x) => T.cast(T.mul(T.iota(x.shape, 0), roll(3)), "float"),
    (x) => T.reshape(x, [-1]),
    (x) => T.reshape(x, [...x.shape, 1]),
    (x) => T.reshape(x, [1, ...x.shape]),
    (x) => T.transpose(x),
    (x) => T.transpose(x, x.shape.map((_, i) => x.shape.length - 1 - i)),
    (x) => T.broadcastTo(x, [2, ...x.shape]),
    (x, y) => T.broadcastTo(x, y.shape),
    (x) => T.slice(x, x.shape.map(() => 0), x.shape),
    (x) => T.slice(x, x.shape.map(() => 0), x.shape, x.shape.map(() => 2)),
    (x) => T.pad(x, x.shape.map(() => 0), x.shape.map(() => roll(2))),
    (x) => T.pad(x, x.shape.map(() => 1), x.shape.map(() => 0), undefined, -0),
    (x) => T.concat([x, x], 0),
    (x, y) => T.concat([x, y], -1),
    (x) => T.reverse(x, -1),
    (x) => T.sum(x, roll(2)),
    (x) => T.sum(x, -1, { keepAxes: true }),
    (x) => T.max(x, 0, { keepAxes: true }),
    (x) => T.max(x, -1),
    (x, y) => T.matmul(x, T.transpose(y)),
    () => first,
  ];
  for (let tries = 0; nodes.length < size && tries < 20 * size; tries++) {
    try {
      const recent = nodes.slice(-6);
      const node = pick(ways)(pick(recent), pick(nodes));
      if (T.sizeOf(node.shape) <= 64) nodes.push(node);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const outputs: Record<string, T.Tensor> = {};
  const last = nodes.slice(-8);
  last.forEach((node, i) => outputs[`y${i}`] = node);
  outputs.again = last[0];
  outputs.input = nodes[0];
  return { inputs, outputs };
}
