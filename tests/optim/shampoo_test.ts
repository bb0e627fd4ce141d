/** The general Shampoo against plain loops, for tensors of any order. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Layer, linear, sequential } from "../../src/layers/mod.ts";
import { inverseRoot } from "../../src/linalg/mod.ts";
import {
  PreconditionerError,
  shampoo,
  type ShampooOptions,
} from "../../src/optim/mod.ts";
import { cutBlocks, joinBlocks } from "../../src/optim/tensor_axes.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  mul,
  randomNormal,
  type Shape,
  sizeOf,
  sum,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { minimize } from "./helpers.ts";

const none: Layer = sequential([]);
const normal = (stream: number, shape: Shape): Value =>
  value(randomNormal([3, 4], stream, sizeOf(shape)), shape);

/** What a step of rate 1 along a constant gradient subtracts. */
async function stepOf(options: ShampooOptions, g: Value): Promise<Value> {
  const start = normal(20, g.shape);
  const { p } = await minimize(
    shampoo(none, { momentum: 0, inverseInterval: 1, ...options }),
    ({ p }) => ({ loss: sum(mul(p, constant(g))) }),
    { start: { p: start }, steps: 1, rate: 1 },
  );
  return value(
    Float64Array.from(start.data, (x, i) => x - p.data[i]),
    g.shape,
  );
}

/** Index of an element, one number an axis. */
function unravel(element: number, shape: Shape): number[] {
  const index: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = element % shape[axis];
    element = Math.floor(element / shape[axis]);
  }
  return index;
}

/** G times (G_i G_i^T + epsilon e 1)^(-1/2n) along every axis, by loops over indices. */
function plain(g: Value, epsilon: number): number[] {
  const { shape } = g;
  const size = sizeOf(shape), n = shape.length;
  let current = [...g.data];
  for (let axis = 0; axis < n; axis++) {
    const d = shape[axis];
    const gram = new Float64Array(d * d);
    for (let a = 0; a < size; a++) {
      for (let b = 0; b < size; b++) {
        const i = unravel(a, shape), j = unravel(b, shape);
        if (i.some((x, k) => k !== axis && x !== j[k])) continue;
        gram[i[axis] * d + j[axis]] += g.data[a] * g.data[b];
      }
    }
    const { root } = inverseRoot(value(gram, [d, d]), 2 * n, {
      ridge: epsilon,
      relative: true,
    });
    const next = current.map(() => 0);
    for (let a = 0; a < size; a++) {
      for (let b = 0; b < size; b++) {
        const i = unravel(a, shape), j = unravel(b, shape);
        if (i.some((x, k) => k !== axis && x !== j[k])) continue;
        next[a] += root.data[i[axis] * d + j[axis]] * current[b];
      }
    }
    current = next;
  }
  return current;
}

for (const shape of [[5], [3, 4], [2, 3, 2], [2, 2, 3, 2]]) {
  for (const root of ["eigen", "newton"] as const) {
    Deno.test(`shampoo() preconditions [${shape}] along every axis, root by ${root}`, async () => {
      const g = normal(1, shape);
      const epsilon = 1e-2;
      const step = await stepOf({ grafting: "none", root, epsilon }, g);
      assertAllClose(
        step,
        plain(g, epsilon),
        // Newton's iteration ends at 1e-6, its largest eigenvalue is good to that.
        { absolute: root === "eigen" ? 1e-12 : 1e-4 },
      );
    });
  }
}

Deno.test("shampoo() leaves axes of extent 1 out, and single numbers alone", async () => {
  const options = { grafting: "none", epsilon: 0.1 } as const;
  const flat = await stepOf(options, normal(2, [3, 2]));
  const deep = await stepOf(options, normal(2, [3, 1, 2, 1]));
  assertEquals([...deep.data], [...flat.data]);
  for (const shape of [[], [1], [1, 1]]) {
    const g = value([-2.5], shape);
    assertAllClose(await stepOf(options, g), [-2.5], { absolute: 1e-15 });
  }
});

Deno.test("shampoo() treats each block by itself", async () => {
  const g = normal(3, [5, 3]);
  const step = await stepOf(
    { grafting: "none", epsilon: 0.1, blockSize: 2 },
    g,
  );
  for (const [rows, columns] of [[0, 0], [2, 0], [4, 0], [0, 2], [4, 2]]) {
    const m = Math.min(2, 5 - rows), n = Math.min(2, 3 - columns);
    const at = (k: number) => (rows + Math.floor(k / n)) * 3 + columns + k % n;
    const of = (x: Value) =>
      value(Float64Array.from({ length: m * n }, (_, k) => x.data[at(k)]), [
        m,
        n,
      ]);
    assertAllClose(of(step), plain(of(g), 0.1), { absolute: 1e-12 });
  }
});

for (const shape of [[], [7], [4, 6], [5, 3, 4]]) {
  for (const size of [1, 2, 3, 100]) {
    Deno.test(`joinBlocks() undoes cutBlocks() of [${shape}] by ${size}`, async () => {
      const x = normal(4, shape);
      const blocks = cutBlocks(constant(x), size);
      assertEquals(
        blocks.length,
        shape.reduce((n, extent) => n * Math.ceil(extent / size), 1),
      );
      assert(blocks.every((b) => b.shape.every((n) => n <= size)));
      assertEquals(await evaluate(joinBlocks(blocks, shape, size)), x);
    });
  }
}

const lengthOf = ({ data }: { data: ArrayLike<number> }): number =>
  Math.hypot(...Array.from(data));

Deno.test("shampoo() grafts the length of the gradient, or of Adam's direction", async () => {
  const g = normal(5, [3, 4]);
  const bare = await stepOf({ grafting: "none" }, g);
  const sgd = await stepOf({ grafting: "sgd" }, g);
  const adam = await stepOf({ grafting: "adam" }, g);
  assert(Math.abs(lengthOf(sgd) / lengthOf(g) - 1) < 1e-14);
  // Adam's first direction is the sign of each of 12 numbers.
  assert(Math.abs(lengthOf(adam) / Math.sqrt(12) - 1) < 1e-7);
  for (const grafted of [sgd, adam]) {
    const scale = lengthOf(grafted) / lengthOf(bare);
    assertAllClose(grafted, bare.data.map((x) => scale * x), {
      relative: 1e-12,
    });
  }
});

Deno.test("shampoo() does nothing where there is no gradient", async () => {
  const g = value(new Float64Array(6), [2, 3]);
  for (const grafting of ["none", "sgd", "adam"] as const) {
    assertEquals([...(await stepOf({ grafting }, g)).data], [...g.data]);
  }
});

Deno.test("shampoo() keeps a sum, or a moving average, and roots between refreshes", async () => {
  const g = normal(6, [2, 3]);
  const gram = [0, 1].flatMap((i) =>
    [0, 1].map((j) =>
      [0, 1, 2].reduce((t, k) => t + g.data[i * 3 + k] * g.data[j * 3 + k], 0)
    )
  );
  for (
    const [statDecay, factors] of [
      [1, [1, 1, 2, 2, 3]],
      [0.75, [0.25, 0.25, 0.4375, 0.4375, 0.578125]],
    ] as const
  ) {
    const roots: string[] = [];
    await minimize(
      shampoo(none, { statDecay, factorInterval: 2, inverseInterval: 3 }),
      ({ p }) => ({ loss: sum(mul(p, constant(g))) }),
      {
        start: { p: normal(7, [2, 3]) },
        steps: 5,
        rate: 0.1,
        after(k, _, state) {
          const { factors: all, roots: found } = state as {
            factors: Record<string, Record<string, Value>>;
            roots: Record<string, Record<string, Value>>;
          };
          const scale = factors[k - 1];
          assertAllClose(all["p[0]"][0], gram.map((x) => scale * x), {
            absolute: 1e-14,
          });
          roots.push(found["p[0]"][0].data.join());
        },
      },
    );
    const fresh = roots.map((text, i) => i === 0 || text !== roots[i - 1]);
    assertEquals(fresh, [true, false, false, true, false]);
  }
});

Deno.test("shampoo() keeps the last good roots, counts, and gives up", () => {
  const optimizer = shampoo(linear("fc", 1, 2), {
    root: "newton",
    epsilon: 1e-300,
    mostFailures: 1,
  });
  const { compute } = optimizer.precondition!;
  type State = Parameters<typeof compute>[0];
  const last = { "0": value([1, 2, 2, 5], [2, 2]) };
  const stateWith = (failures: number): State => ({
    velocity: {},
    second: {},
    // Of rank 1: without a ridge Newton's iteration has nowhere to go.
    factors: { "p[0]": { "0": value([1, 1, 1, 1], [2, 2]) } },
    roots: { "p[0]": last },
    failures: { "p[0]": value(Int32Array.of(failures), []) },
  });
  const draw = () => Float64Array.of(1, 0.5);
  const next = compute(stateWith(0), draw);
  assertEquals(next.roots, { "p[0]": last });
  assertEquals(next.failures!["p[0]"].data[0], 1);
  assertThrows(
    () => compute(stateWith(1), draw),
    PreconditionerError,
    "Cannot precondition p[0]: the root along axis 0 did not converge, 2 times in a row",
  );
});

for (
  const [options, message] of [
    [{ epsilon: 0 }, "Invalid epsilon: 0, must be a finite number above 0"],
    [{ blockSize: 0 }, "Invalid blockSize: 0, must be a whole number"],
    [{ grafting: "lars" }, "Invalid grafting: lars, must be one of none, sgd"],
    [{ root: "svd" }, "Invalid root: svd, must be one of eigen, newton"],
    [{ statDecay: 2 }, "Invalid statDecay: 2, must be in [0, 1]"],
    [{ damping: 1 }, "Invalid option: damping, shampoo takes momentum"],
  ] as const
) {
  Deno.test(`shampoo() refuses ${JSON.stringify(options)}`, () => {
    assertThrows(
      () => shampoo(none, options as ShampooOptions),
      RangeError,
      message,
    );
  });
}
