import { assert, assertEquals, assertThrows } from "@std/assert";
import { compile, lower } from "../../src/program/mod.ts";
import { evaluate, referenceDevice } from "../../src/reference/mod.ts";
import * as T from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import {
  assertGradients,
  assertHessianProducts,
  type Expression,
} from "../layers/finite_differences.ts";
import { GEOMETRIES } from "./geometries.ts";

function numbers(shape: T.Shape, seed: number): T.Value {
  return T.value(T.randomNormal([seed, 6], 0, T.sizeOf(shape)), shape);
}

/** A loss that sees every element, with second derivatives everywhere. */
function loss(x: T.Tensor): T.Tensor {
  const weights = T.constant(numbers(x.shape, 99));
  return T.sum(T.mul(weights, T.add(x, T.mul(0.5, T.square(x)))));
}

type Case = [
  f: Expression<T.Tensor>,
  shapes: Readonly<Record<string, T.Shape>>,
];

const x23 = { x: [2, 3] };
const ab = { a: [2, 1], b: [3] };
/** |x| + 1/2: away from where logarithms and roots end. */
const away = (x: T.Tensor) => T.add(T.abs(x), 0.5);

const CASES: Readonly<Record<string, Case>> = {
  neg: [({ x }) => T.neg(x), x23],
  abs: [({ x }) => T.abs(x), x23],
  exp: [({ x }) => T.exp(x), x23],
  log: [({ x }) => T.log(away(x)), x23],
  sqrt: [({ x }) => T.sqrt(away(x)), x23],
  rsqrt: [({ x }) => T.rsqrt(away(x)), x23],
  tanh: [({ x }) => T.tanh(x), x23],
  erf: [({ x }) => T.erf(x), x23],
  add: [({ a, b }) => T.add(a, b), ab],
  sub: [({ a, b }) => T.sub(a, b), ab],
  mul: [({ a, b }) => T.mul(a, b), ab],
  "mul with itself": [({ x }) => T.mul(x, x), x23],
  div: [({ a, b }) => T.div(a, away(b)), ab],
  maximum: [({ a, b }) => T.maximum(a, b), ab],
  minimum: [({ a, b }) => T.minimum(a, b), ab],
  pow: [({ a, b }) => T.pow(away(a), b), ab],
  "pow of negative numbers": [({ x }) => T.pow(x, 3), x23],
  select: [({ a, b }) => T.select(T.less(a, b), T.exp(a), T.mul(a, b)), ab],
  reshape: [({ x }) => T.reshape(x, [3, 2, 1]), x23],
  transpose: [({ x }) => T.transpose(x, [2, 0, 1]), { x: [2, 3, 2] }],
  broadcast: [({ x }) => T.broadcastTo(x, [4, 2, 3]), { x: [2, 1] }],
  slice: [({ x }) => T.slice(x, [1, 0], [3, 6], [1, 4]), { x: [3, 7] }],
  "slice that ends before a step": [
    ({ x }) => T.slice(x, [1], [6], [3]),
    { x: [8] },
  ],
  pad: [({ x }) => T.pad(x, [1, 0], [0, 2], [2, 1], 3), x23],
  concat: [({ a, b }) => T.concat([a, b, a], 1), { a: [2, 2], b: [2, 3] }],
  reverse: [({ x }) => T.reverse(x, [0]), x23],
  sum: [({ x }) => T.sum(x, [0, 2]), { x: [2, 3, 2] }],
  mean: [({ x }) => T.mean(x, 1, { keepAxes: true }), x23],
  max: [({ x }) => T.max(x, [2, 0]), { x: [2, 3, 2] }],
  matmul: [({ a, b }) => T.matmul(a, b), { a: [2, 3], b: [3, 4] }],
  "matmul in batches": [
    ({ a, b }) => T.matmul(a, b),
    { a: [2, 2, 3], b: [2, 3, 1] },
  ],
  softmax: [({ x }) => T.softmax(x), x23],
  logSoftmax: [({ x }) => T.logSoftmax(x, 0), x23],
  takeRows: [
    ({ x }) => T.takeRows(x, T.constant(T.intValue([2, 0, 2]))),
    { x: [3, 2] },
  ],
  scatterAddRows: [
    ({ x }) => T.scatterAddRows(x, T.constant(T.intValue([2, 0, 2])), 4),
    { x: [3, 2] },
  ],
  ...Object.fromEntries(
    GEOMETRIES.filter(([image]) => image[0] > 0).flatMap(
      ([image, kernel, geometry], i): [string, Case][] => {
        const pair: T.Pair = [kernel[2], kernel[3]];
        const y = T.conv(T.fill(image, 0), T.fill(kernel, 0), geometry).shape;
        const patches = T.windows(T.fill(image, 0), pair, geometry).shape;
        return [
          [`conv ${i}`, [
            ({ x, w }) => T.conv(x, w, geometry),
            { x: image, w: kernel },
          ]],
          [`convInputGradient ${i}`, [
            ({ dy, w }) => T.convInputGradient(dy, w, image, geometry),
            { dy: y, w: kernel },
          ]],
          [`convKernelGradient ${i}`, [
            ({ x, dy }) => T.convKernelGradient(x, dy, kernel, geometry),
            { x: image, dy: y },
          ]],
          [`windows ${i}`, [
            ({ x }) => T.windows(x, pair, geometry, 2),
            { x: image },
          ]],
          [`foldWindows ${i}`, [
            ({ y }) => T.foldWindows(y, image, geometry),
            { y: patches },
          ]],
        ];
      },
    ),
  ),
};

for (const [name, [f, shapes]] of Object.entries(CASES)) {
  Deno.test(`gradients of ${name} agree with differences, first and second`, async () => {
    const at = Object.fromEntries(
      Object.entries(shapes).map(([k, shape], i) => [k, numbers(shape, i)]),
    );
    await assertGradients((at) => loss(f(at)), at);
    await assertHessianProducts((at) => loss(f(at)), at);
  });
}

/** The numbers of a gradient. */
async function gradientAt(
  f: (x: T.Tensor) => T.Tensor,
  data: number[],
): Promise<number[]> {
  const x = T.constant(T.value(data));
  const [gradient] = T.gradients(f(x), [x]);
  return [...(await evaluate(gradient)).data];
}

Deno.test("gradients at a tie go to the first of a max and to b of a maximum", async () => {
  assertEquals(await gradientAt((x) => T.max(x), [1, 3, 3, 2]), [0, 1, 0, 0]);
  const a = T.constant(T.value([2, 1])), b = T.constant(T.value([2, 3]));
  for (const choose of [T.maximum, T.minimum]) {
    const result = await evaluate(
      Object.fromEntries(
        T.gradients(T.sum(choose(a, b)), [a, b]).map((g, i) => [`${i}`, g]),
      ),
    );
    const isMaximum = choose === T.maximum;
    assertEquals([...result[0].data], isMaximum ? [0, 0] : [0, 1]);
    assertEquals([...result[1].data], isMaximum ? [1, 1] : [1, 0]);
  }
});

Deno.test("gradients of a max over several axes go to the first in row-major order", async () => {
  const x = T.constant(T.value([0, 5, 5, 5, 1, 5], [2, 1, 3]));
  const [g] = T.gradients(T.sum(T.max(x, [0, 2])), [x]);
  assertEquals([...(await evaluate(g)).data], [0, 1, 0, 0, 0, 0]);
});

Deno.test("gradients of sign, floor and comparisons are zero", async () => {
  const flat: ((x: T.Tensor) => T.Tensor)[] = [
    T.sign,
    T.floor,
    (x) => T.cast(T.less(x, 0), "float"),
    (x) => T.cast(T.cast(x, "int"), "float"),
    (x) => T.cast(T.argmax(x, 0, { keepAxes: true }), "float"),
  ];
  for (const f of flat) {
    assertEquals(await gradientAt((x) => T.sum(f(x)), [-1.5, 2.5]), [0, 0]);
  }
});

Deno.test("gradients do not flow through stopGradient, which costs nothing", async () => {
  assertEquals(
    await gradientAt(
      (x) => T.sum(T.mul(x, T.stopGradient(T.mul(3, x)))),
      [2, -1],
    ),
    [6, -3],
  );
  const x = T.constant(T.value([2, -1]));
  assertEquals([...(await evaluate(T.stopGradient(x))).data], [2, -1]);
  const y = T.neg(T.input("x", [2]));
  const { instructions } = lower(new Map([["y", T.stopGradient(y)]]));
  assertEquals(instructions.map((i) => i.operation.kind), ["input", "neg"]);
});

Deno.test("gradients do not flow through a mask or an index", async () => {
  // The mask and the index are made of x, and stay what they are near it.
  assertEquals(
    await gradientAt(
      (x) => T.sum(T.select(T.cast(x, "bool"), T.mul(3, x), 0)),
      [2, -1],
    ),
    [3, 3],
  );
  assertEquals(
    await gradientAt((x) => {
      const rows = T.reshape(T.argmax(x, 0), [1]);
      return T.sum(T.takeRows(T.reshape(x, [3, 1]), rows));
    }, [1, 3, 2]),
    [0, 1, 0],
  );
});

Deno.test("gradients of a power are finite where the power is flat", async () => {
  assertEquals(await gradientAt((x) => T.sum(T.pow(x, 0)), [0, 2]), [0, 0]);
  assertEquals(await gradientAt((x) => T.sum(T.pow(x, 1)), [0, -2]), [1, 1]);
  assertEquals(await gradientAt((x) => T.sum(T.pow(x, 2)), [0, -2]), [0, -4]);
  assertEquals(await gradientAt((b) => T.sum(T.pow(0, b)), [2]), [0]);
});

Deno.test("gradients of empty tensors are empty", async () => {
  for (
    const f of [
      (x: T.Tensor) => T.slice(x, [0, 1], [0, 1]),
      (x: T.Tensor) => T.max(x, 1),
      (x: T.Tensor) => T.matmul(x, T.transpose(x)),
      (x: T.Tensor) => T.softmax(x),
    ]
  ) {
    const x = T.constant(T.value([], [0, 3]));
    const [gradient] = T.gradients(T.sum(f(x)), [x]);
    assertEquals((await evaluate(gradient)).shape, [0, 3]);
  }
  // A product over no terms sees its operands, and is zero all the same.
  const x = T.constant(T.value([1, 2], [1, 2]));
  const none = T.slice(x, [0, 1], [1, 1]);
  const [gradient] = T.gradients(T.sum(none), [x]);
  assertEquals([...(await evaluate(gradient)).data], [0, 0]);
});

Deno.test("gradients with respect to an intermediate node start there", async () => {
  const x = T.constant(T.value([1, 2]));
  const z = T.mul(3, x);
  const y = T.sum(T.add(T.square(z), x));
  const [byZ, byX] = T.gradients(y, [z, x]);
  assertEquals([...(await evaluate(byZ)).data], [6, 12]);
  // Along both ways from x: 2 * 9 x + 1.
  assertEquals([...(await evaluate(byX)).data], [19, 37]);
});

Deno.test("gradients by the output itself are one", async () => {
  const y = T.sum(T.constant(T.value([1, 2])));
  const [g] = T.gradients(y, [y]);
  assertEquals([...(await evaluate(g)).data], [1]);
});

Deno.test("gradients of an unrelated node are zeros of its shape", async () => {
  const x = T.constant(T.value([1, 2])), other = T.fill([2, 3], 1);
  const later = T.exp(x);
  const [g, l] = T.gradients(T.sum(x), [other, later]);
  assertAllClose(await evaluate(g), [0, 0, 0, 0, 0, 0]);
  assertAllClose(await evaluate(l), [0, 0]);
});

Deno.test("gradients take the start of the chain rule", async () => {
  const x = T.constant(T.value([1, 2]));
  const start = T.constant(T.value([10, 100]));
  const [g] = T.gradients(T.square(x), [x], start);
  assertEquals([...(await evaluate(g)).data], [20, 400]);
});

Deno.test("gradients refuse ints, outputs that are no scalars and starts that do not fit", () => {
  const x = T.input("x", [2]), i = T.input("i", [], "int");
  assertThrows(() => T.gradients(i, [x]), TypeError, "got input int[]");
  assertThrows(() => T.gradients(T.sum(x), [i]), TypeError, "got input int[]");
  assertThrows(() => T.gradients(x, [x]), RangeError, "got input float[2]");
  assertThrows(
    () => T.gradients(x, [x], T.input("g", [3])),
    RangeError,
    "must have the shape of input float[2], got input float[3]",
  );
  assertThrows(
    () => T.gradients(x, [x], T.input("g", [2], "int")),
    TypeError,
    "got input int[2]",
  );
});

for (const length of [10_000, 100_000]) {
  Deno.test(`gradients of a chain of ${length} nodes do not overflow the stack`, async () => {
    const x = T.constant(T.value([0.5]));
    let y = x;
    // Derivative of x + c x' along the chain: (1 + 1e-5) per node.
    for (let i = 0; i < length; i++) y = T.mul(y, 1 + 1e-5);
    const [gradient] = T.gradients(T.sum(y), [x]);
    // Each of the products rounds once.
    assertAllClose(await evaluate(gradient), [(1 + 1e-5) ** length], {
      relative: length * 1e-15,
    });
  });
}

Deno.test("gradients of a wide and deep graph compile without overflow", () => {
  const x = T.input("input:x", [2]);
  const terms = Array.from({ length: 2_000 }, (_, i) => T.mul(x, i));
  const joined = T.sum(T.concat(terms));
  const step = compile({
    state: {},
    inputs: { x },
    step: () => ({
      state: {},
      outputs: { g: T.gradients(joined, [x])[0], joined },
    }),
  }, referenceDevice);
  assert(step.plan.instructions > 2_000);
});

Deno.test("reachable lists operands before what uses them", () => {
  const x = T.fill([2], 1);
  const y = T.mul(T.exp(x), x);
  const order = T.reachable([y, y]);
  assertEquals(new Set(order).size, order.length);
  for (const node of order) {
    for (const operand of node.operands) {
      assert(order.indexOf(operand) < order.indexOf(node));
    }
  }
});
