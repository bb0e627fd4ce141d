/**
 * Random programs on a device: what is fused, stored and laid over what differs
 * from program to program, the numbers must not.
 */

import { compile, DeviceState } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import * as T from "../../src/tensor/mod.ts";
import { assertSameNumbers, type DeviceTest } from "./compare.ts";

/** Random whole numbers below a bound, from a seed. */
export function dice(seed: number): (below: number) => number {
  const draws = T.randomUniform([seed, 21], 0, 4000);
  let next = 0;
  return (below) => Math.floor(draws[next++ % draws.length] * below);
}

/** Whole numbers from -3 to 3. */
function wholeNumbers(shape: T.Shape, seed: number): T.Value {
  const roll = dice(seed);
  const data = Array.from({ length: T.sizeOf(shape) }, () => roll(7) - 3);
  return T.value(data, shape);
}

/** Operations that are exact on small whole numbers, so that devices agree on every bit. */
const WAYS: readonly ((
  x: T.Tensor,
  y: T.Tensor,
  roll: (below: number) => number,
) => T.Tensor)[] = [
  ...[T.add, T.sub, T.mul, T.maximum, T.minimum, T.add, T.mul],
  ...[T.neg, T.abs, T.sign],
  (x) => T.floor(T.mul(x, 0.5)),
  (x, y) => T.select(T.less(x, y), x, T.mul(y, 2)),
  (x, y) => T.cast(T.equal(x, y), "float"),
  (x) => T.add(x, T.cast(T.iota(x.shape, 0), "float")),
  (x) => T.cast(T.argmax(x, -1, { keepAxes: true }), "float"),
  (x) => T.reshape(x, [-1]),
  (x) => T.reshape(x, [1, ...x.shape]),
  (x) => T.transpose(x),
  (x) => T.transpose(x, x.shape.map((_, i) => x.shape.length - 1 - i)),
  (x, y) => T.broadcastTo(x, y.shape),
  (x) => T.broadcastTo(x, [3, ...x.shape]),
  (x) => T.slice(x, x.shape.map(() => 0), x.shape, x.shape.map(() => 2)),
  (x, _, roll) => T.pad(x, x.shape.map(() => roll(2)), x.shape.map(() => 1)),
  (x, y) => T.concat([x, y, x], 0),
  (x) => T.reverse(x, 0),
  (x) => T.sum(x, 0),
  (x) => T.sum(x, -1, { keepAxes: true }),
  (x) => T.max(x, -1, { keepAxes: true }),
  // Rows that are reduced and then changed by what came out.
  (x) => T.sub(x, T.max(x, -1, { keepAxes: true })),
  (x) => T.sub(T.abs(x), T.sum(T.sign(x), -1, { keepAxes: true })),
  (x) => T.mul(T.sign(x), T.floor(T.mean(T.abs(x)))),
  (x, y) => T.matmul(x, T.transpose(y)),
  (x) => T.takeRows(x, T.argmax(x, 0)),
  (x) => T.scatterAddRows(x, T.argmax(x, 1), x.shape[1]),
  (x) => T.windows(T.reshape(x, [1, 1, ...x.shape]), [2, 2], WINDOW, -1),
  (x) => T.foldWindows(T.windows(x, [2, 1], WINDOW), x.shape, WINDOW),
];

const WINDOW: T.WindowGeometry = {
  stride: [1, 2],
  padding: [1, 0],
  dilation: [1, 1],
};

const NAMES = ["a", "b", "c", "d", "e"] as const;

/**
 * A random step over a state of five tensors, of which three have one shape: they
 * are updated together, and may become one another.
 */
function randomStep(seed: number) {
  // Four neighbours in a row are a vector for some kernels, six are not.
  const width = seed % 2 === 0 ? 6 : 8;
  const state = {
    a: wholeNumbers([4, width], seed),
    b: wholeNumbers([width], seed + 1),
    c: wholeNumbers([4, 1], seed + 2),
    d: wholeNumbers([4, width], seed + 5),
    e: wholeNumbers([4, width], seed + 6),
  };
  const inputs = { x: wholeNumbers([4, width], seed + 3) };
  const step = (
    s: { readonly [K in typeof NAMES[number]]: T.Tensor },
    { x }: { readonly x: T.Tensor },
  ) => {
    const roll = dice(seed + 4);
    const nodes = [s.a, s.b, s.c, s.d, s.e, x];
    for (let tries = 0; nodes.length < 40 && tries < 800; tries++) {
      const recent = nodes.slice(-8);
      try {
        const node = WAYS[roll(WAYS.length)](
          recent[roll(recent.length)],
          nodes[roll(nodes.length)],
          roll,
        );
        if (T.sizeOf(node.shape) > 600) continue;
        // Small enough that sums of products stay exact in float32.
        nodes.push(T.maximum(T.minimum(node, 30), -30));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
    const alike = (t: T.Tensor) =>
      nodes.filter(({ shape }) => `${shape}` === `${t.shape}`);
    const like = (t: T.Tensor) => alike(t).at(-1)!;
    // An old number, a new one, or another tensor of the state.
    const any = (t: T.Tensor) => alike(t)[roll(alike(t).length)];
    const kept = T.sub(any(s.d), like(s.a));
    return {
      state: {
        a: like(s.a),
        b: like(s.b),
        c: s.c,
        d: roll(3) === 0 ? any(s.d) : T.maximum(T.minimum(kept, 30), -30),
        e: roll(2) === 0 ? s.d : T.maximum(kept, T.sub(like(s.a), s.e)),
      },
      outputs: Object.fromEntries(
        nodes.slice(-6).map((node, i) => [`y${i}`, node]),
      ),
    };
  };
  return { state, inputs, step };
}

/** Tests that random programs give the numbers of the reference device. */
export function programTests(test: DeviceTest): void {
  test(
    "random programs give the reference's numbers, step after step",
    async (device) => {
      for (let seed = 0; seed < 300; seed += 11) {
        const { state, inputs, step } = randomStep(seed);
        const runs = [referenceDevice, device].map((where) => ({
          memory: new DeviceState(where, state),
          program: compile({ state, inputs, step }, where),
        }));
        for (let k = 0; k < 2; k++) {
          const [expected, actual] = await Promise.all(
            runs.map(({ memory, program }) => program.run(memory, inputs)),
          );
          for (const name of Object.keys(expected)) {
            const what = `seed ${seed}, step ${k}, ${name}`;
            assertSameNumbers(actual[name], expected[name], 0, what);
          }
        }
        const [expected, actual] = await Promise.all(
          runs.map(({ memory }) => memory.read()),
        );
        for (const name of NAMES) {
          const what = `seed ${seed}, state ${name}`;
          assertSameNumbers(actual[name], expected[name], 0, what);
        }
      }
    },
  );
}
