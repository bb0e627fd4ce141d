/** Every operation, over a grid of shapes, against the reference device. */

import { assertRejects } from "@std/assert";
import {
  abs,
  add,
  argmax,
  broadcastTo,
  cast,
  concat,
  constant,
  div,
  equal,
  erf,
  exp,
  fill,
  floor,
  foldWindows,
  intValue,
  iota,
  less,
  lessEqual,
  log,
  matmul,
  max,
  maximum,
  minimum,
  mul,
  neg,
  pad,
  pow,
  randomBitsTensor,
  reshape,
  reverse,
  rsqrt,
  scatterAddRows,
  select,
  sign,
  slice,
  sqrt,
  sub,
  sum,
  takeRows,
  tanh,
  type Tensor,
  transpose,
  value,
  windows,
} from "../../src/tensor/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { isFinite } from "../../src/tensor/functions.ts";
import {
  assertAgrees,
  type DeviceTest,
  floatTensor,
  integers,
} from "./compare.ts";
import { geometry, productTests } from "./products.ts";

const EDGES = constant(value(
  [0, -0, 1, -1, 0.5, -0.5, 1e-3, -1e-3, 2.5, -2.5, 5, -5, 80, -80, 1e30, -1e30]
    .concat([Infinity, -Infinity, NaN, 3, 1e-30, -7.25, 0.9999, 1.0001])
    .map(Math.fround),
));

/** Leaves out what has no finite float32 result. */
function clip(name: string, x: Tensor): Tensor {
  if (name === "exp") return select(less(x, 1e3), x, Infinity);
  return x;
}

/** Tests that every operation gives the numbers of the reference device. */
export function operationTests(test: DeviceTest): void {
  test(
    "element-wise operations of one operand agree with the reference",
    async (device) => {
      for (const [scale, x] of [[1, floatTensor([301])], [0, EDGES]] as const) {
        // One or two roundings of the argument's reduction, one of the result.
        for (
          const [name, operation] of Object.entries({
            neg,
            abs,
            sign,
            exp,
            log,
            sqrt,
            rsqrt,
            tanh,
            erf,
            floor,
          })
        ) {
          await assertAgrees(device, {
            [`${name}, scale ${scale}`]: operation(scale ? x : clip(name, x)),
          }, 8);
        }
      }
    },
  );

  test(
    "element-wise operations of two operands agree with the reference",
    async (device) => {
      const pairs = {
        random: [floatTensor([7, 43]), floatTensor([7, 43], 2)],
        edges: [
          broadcastTo(reshape(EDGES, [24, 1]), [24, 24]),
          broadcastTo(reshape(EDGES, [1, 24]), [24, 24]),
        ],
      };
      for (const [name, [a, b]] of Object.entries(pairs)) {
        await assertAgrees(device, {
          [`${name} max`]: maximum(a, b),
          [`${name} min`]: minimum(a, b),
          [`${name} equal`]: equal(a, b),
          [`${name} less`]: less(a, b),
          [`${name} less-equal`]: lessEqual(a, b),
          [`${name} select`]: select(less(a, b), a, b),
          [`${name} is finite`]: isFinite(a),
          [`${name} equals itself`]: equal(a, a),
        }, 0);
      }
      const [a, b] = pairs.random;
      await assertAgrees(device, {
        add: add(a, b),
        sub: sub(a, b),
        mul: mul(a, b),
        div: div(a, b),
        square: pow(a, 2),
        root: pow(abs(a), 0.5),
        "broadcast over a row": add(a, floatTensor([43], 3)),
        "broadcast over a column": mul(a, floatTensor([7, 1], 4)),
        "broadcast both": sub(floatTensor([7, 1], 5), floatTensor([43], 6)),
        scalar: add(mul(a, 3), 0.1),
      }, 4);
      // b log a is rounded before it is exponentiated: |b log a| roundings.
      await assertAgrees(device, { pow: pow(abs(a), b) }, 64);
    },
  );

  test(
    "powers of negative numbers and of zero agree with the reference",
    async (device) => {
      const a = constant(value([-2, -2, -2, 0, 0, -0.5, 5, NaN, 2, -3]));
      const b = constant(value([3, 2, 0.5, 2, -1, -3, 0, 0, NaN, 1]));
      await assertAgrees(device, { pow: pow(a, b) }, 16, "own");
    },
  );

  test("integers and bools agree with the reference", async (device) => {
    const a = integers([5, 9], 1 << 20), b = integers([5, 9], 7, 2);
    await assertAgrees(device, {
      add: add(a, b),
      sub: sub(b, a),
      mul: mul(a, a),
      neg: neg(a),
      abs: abs(sub(b, 3)),
      sign: sign(sub(b, 3)),
      max: maximum(a, b),
      min: minimum(a, neg(b)),
      equal: equal(b, 3),
      less: less(b, 3),
      sum: sum(a, 1),
      "float to int": cast(mul(floatTensor([5, 9]), 10), "int"),
      "int to float": cast(a, "float"),
      "bool to float": cast(less(b, 3), "float"),
      "int to bool": cast(b, "bool"),
      "bools are equal": equal(less(b, 3), less(a, 1 << 19)),
      "select int": select(less(b, 3), a, b),
      "smallest int": fill([3], -(2 ** 31), "int"),
    }, 0);
  });

  test("shape operations agree with the reference", async (device) => {
    const x = floatTensor([3, 4, 5]);
    const shapes = {
      iota: iota([3, 4, 5], 1),
      reshape: reshape(x, [12, 5]),
      "transpose 210": transpose(x, [2, 1, 0]),
      "transpose 102": transpose(x, [1, 0, 2]),
      "transpose 021": transpose(x, [0, 2, 1]),
      "transpose of reshape": transpose(reshape(x, [4, 15])),
      broadcast: broadcastTo(reshape(x, [3, 4, 1, 5]), [3, 4, 2, 5]),
      slice: slice(x, [1, 0, 1], [3, 4, 5], [1, 2, 3]),
      "slice to one": slice(x, [2, 3, 4], [3, 4, 5]),
      pad: pad(x, [1, 0, 2], [0, 0, 1]),
      "pad inside": pad(x, [0, 1, 0], [2, 0, 0], [1, 2, 0], -Infinity),
      "pad with 7": pad(neg(x), [1, 1, 1], [1, 1, 1], [0, 0, 0], 7),
      "concat 0": concat([x, floatTensor([2, 4, 5], 2)], 0),
      "concat 1": concat([x, floatTensor([3, 1, 5], 3), x], 1),
      "concat 2": concat([x, floatTensor([3, 4, 0]), neg(x)], 2),
      "reverse 0": reverse(x, 0),
      "reverse 0 and 2": reverse(x, [0, 2]),
      "reverse of transpose": reverse(transpose(x, [2, 0, 1]), 1),
    };
    await assertAgrees(device, shapes, 0);
    const many = Array.from(
      { length: 20 },
      (_, i) => floatTensor([2, 3], i + 1),
    );
    await assertAgrees(device, {
      "concat of 20": concat(many, 1),
      "sum of 20": many.reduce((total, t) => add(total, t)),
    }, 20);
  });

  test("reductions agree with the reference", async (device) => {
    const x = floatTensor([6, 7, 8]);
    for (const axes of [0, 1, 2, [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
      await assertAgrees(device, { [`sum over ${axes}`]: sum(x, axes) }, 40);
      await assertAgrees(device, {
        [`max over ${axes}`]: max(x, axes),
        [`negated max over ${axes}`]: max(neg(x), axes, { keepAxes: true }),
      }, 0);
    }
    for (const axis of [0, 1, 2]) {
      const steps = floor(mul(x, 2)); // has equal elements
      await assertAgrees(
        device,
        { [`argmax ${axis}`]: argmax(steps, axis) },
        0,
      );
    }
    const long = floatTensor([3, 50001]);
    await assertAgrees(device, {
      "long sums": sum(long, 1),
      "sum of all": sum(long),
      "sum of squares": sum(mul(long, long)),
    }, 300);
    await assertAgrees(device, {
      "long max": max(long, 1),
      "max with NaN": max(concat([EDGES, EDGES])),
    }, 0);
  });

  productTests(test);

  test(
    "windows and their adjoint agree with the reference",
    async (device) => {
      const x = floatTensor([2, 3, 7, 6]);
      for (
        const [stride, padding, dilation] of [[1, 0, 1], [2, 1, 1], [1, 1, 2]]
      ) {
        const how = geometry(stride, padding, dilation);
        const patches = windows(x, [3, 2], how, -Infinity);
        const name =
          `stride ${stride}, padding ${padding}, dilation ${dilation}`;
        await assertAgrees(device, {
          [`windows ${name}`]: patches,
          [`pooling ${name}`]: max(patches, [2, 3]),
        }, 0);
        await assertAgrees(device, {
          [`fold ${name}`]: foldWindows(
            floatTensor(patches.shape, 2),
            x.shape,
            how,
          ),
          [`fold of windows ${name}`]: foldWindows(
            mul(windows(x, [3, 2], how), 2),
            x.shape,
            how,
          ),
        }, 16);
      }
    },
  );

  test("rows are taken and added as on the reference", async (device) => {
    const table = floatTensor([11, 5]), indices = integers([40], 11);
    await assertAgrees(device, {
      take: takeRows(table, indices),
      "take from a sum": takeRows(add(table, 1), reshape(indices, [8, 5])),
    }, 1);
    for (
      const [count, height, width] of [
        [40, 11, 5],
        [1, 1, 1],
        [7, 1, 3],
        [300, 2, 1],
        [65, 33, 129],
        [5, 1000, 8],
      ]
    ) {
      // A row's sum has up to 300 terms.
      await assertAgrees(device, {
        [`scatter ${count} to [${height}, ${width}]`]: scatterAddRows(
          floatTensor([count, width], 2),
          integers([count], height),
          height,
        ),
      }, 32);
    }
  });

  test("an index outside its table is an error", async (device) => {
    const table = floatTensor([11, 5]);
    for (const index of [-1, 11]) {
      const indices = constant(intValue([3, index]));
      await assertRejects(
        () => evaluate(takeRows(table, indices), device),
        RangeError,
        `Cannot take rows: index ${index} at place 1 is outside the table of 11 rows`,
      );
      await assertRejects(
        () =>
          evaluate(scatterAddRows(floatTensor([2, 5]), indices, 11), device),
        RangeError,
        `Cannot scatter-add rows: index ${index} at place 1 is outside the table of 11 rows`,
      );
    }
  });

  test("random bits are those of the reference", async (device) => {
    const key = constant(intValue([-5, 1234567]));
    await assertAgrees(device, {
      bits: randomBitsTensor([3, 333], key, 42),
      "negative stream": randomBitsTensor([7], key, -42),
      "some of a row": slice(randomBitsTensor([3, 30], key, 5), [0, 3], [
        3,
        29,
      ]),
    }, 0);
  });

  test("tensors without elements and with one work", async (device) => {
    const none = floatTensor([0, 3]);
    await assertAgrees(device, {
      none,
      "negated none": neg(none),
      "sum of none": sum(none),
      "column sums of none": sum(none, 0),
      "matmul over none": matmul(floatTensor([2, 0]), none),
      "matmul of none": matmul(none, floatTensor([3, 4])),
      "concat with none": concat([none, floatTensor([2, 3])]),
      "pad of none": pad(none, [1, 0], [1, 0], [0, 0], 5),
      "take none": takeRows(floatTensor([4, 3]), constant(intValue([]))),
      "scatter none": scatterAddRows(none, constant(intValue([])), 4),
      one: add(floatTensor([]), 1),
      "constant out": constant(value([2.5], [])),
      "fill out": fill([2, 2], -Infinity),
    }, 2);
  });
}
