import { assert, assertEquals, assertThrows } from "@std/assert";
import { evaluate } from "../../src/reference/evaluate.ts";
import * as T from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { naive } from "../reference/naive.ts";
import { GEOMETRIES } from "./geometries.ts";

/** Normal numbers that depend on shape and seed alone. */
function numbers(shape: T.Shape, seed = 1): T.Tensor {
  const draws = T.randomNormal([seed, 5], 0, T.sizeOf(shape));
  return T.constant(T.value(draws, shape));
}

function ints(data: number[], shape?: T.Shape): T.Tensor {
  return T.constant(T.intValue(data, shape));
}

/** Sums of products may be added in another order; everything here is about 1. */
const ROUNDING = { absolute: 1e-13, relative: 1e-13 };

async function assertAsMeant(tensor: T.Tensor, what: string): Promise<void> {
  const result = await evaluate(tensor);
  assertEquals(
    [result.shape, result.dtype],
    [tensor.shape, tensor.dtype],
    what,
  );
  assertAllClose(result, naive(tensor), ROUNDING, what);
}

/** Zero-size, scalar, rank one to five. */
const SHAPES: readonly T.Shape[] = [
  [],
  [0],
  [1],
  [5],
  [2, 0, 3],
  [3, 4],
  [2, 3, 2],
  [2, 1, 3, 1, 2],
];

Deno.test("unary operations act on each element, on every shape", async () => {
  const operations = {
    neg: T.neg,
    abs: T.abs,
    sign: T.sign,
    exp: T.exp,
    log: (x: T.Tensor) => T.log(T.abs(x)),
    sqrt: (x: T.Tensor) => T.sqrt(T.abs(x)),
    rsqrt: (x: T.Tensor) => T.rsqrt(T.abs(x)),
    tanh: T.tanh,
    erf: T.erf,
    floor: T.floor,
    square: T.square,
  };
  for (const [name, operation] of Object.entries(operations)) {
    for (const shape of SHAPES) {
      await assertAsMeant(operation(numbers(shape)), `${name} [${shape}]`);
    }
  }
});

Deno.test("unary operations of special numbers", async () => {
  const x = T.constant(T.value([NaN, Infinity, -Infinity, -0, 0]));
  const expected: [T.Tensor, number[]][] = [
    [T.neg(x), [NaN, -Infinity, Infinity, 0, -0]],
    [T.abs(x), [NaN, Infinity, Infinity, 0, 0]],
    [T.sign(x), [NaN, 1, -1, -0, 0]],
    [T.exp(x), [NaN, Infinity, 0, 1, 1]],
    [T.log(x), [NaN, Infinity, NaN, -Infinity, -Infinity]],
    [T.sqrt(x), [NaN, Infinity, NaN, -0, 0]],
    [T.rsqrt(x), [NaN, 0, NaN, -Infinity, Infinity]],
    [T.tanh(x), [NaN, 1, -1, -0, 0]],
    [T.floor(x), [NaN, Infinity, -Infinity, -0, 0]],
    [T.cast(T.isFinite(x), "float"), [0, 0, 0, 1, 1]],
  ];
  for (const [tensor, numbers] of expected) {
    assertAllClose(await evaluate(tensor), numbers, {}, `${tensor}`);
  }
});

/** Pairs of shapes that broadcast, and what to. */
const PAIRS: readonly [T.Shape, T.Shape, T.Shape][] = [
  [[], [], []],
  [[3], [], [3]],
  [[2, 3], [3], [2, 3]],
  [[2, 1], [1, 3], [2, 3]],
  [[0, 3], [1, 3], [0, 3]],
  [[1], [0], [0]],
  [[2, 1, 3, 1, 2], [4, 1, 5, 1], [2, 4, 3, 5, 2]],
];

const BINARY = {
  add: T.add,
  sub: T.sub,
  mul: T.mul,
  div: T.div,
  max: T.maximum,
  min: T.minimum,
  pow: (a: T.TensorLike, b: T.TensorLike) => T.pow(T.exp(a), b),
  equal: T.equal,
  less: T.less,
  "less-equal": T.lessEqual,
};

Deno.test("binary operations broadcast, from both sides", async () => {
  for (const [name, operation] of Object.entries(BINARY)) {
    for (const [left, right, common] of PAIRS) {
      for (const [a, b] of [[left, right], [right, left]]) {
        const tensor = operation(numbers(a, 1), numbers(b, 2));
        assertEquals(tensor.shape, common);
        await assertAsMeant(tensor, `${name} [${a}] [${b}]`);
      }
    }
  }
});

Deno.test("binary operations take numbers on either side", async () => {
  const x = numbers([3]);
  assertEquals(
    (await evaluate(T.sub(1, x))).data,
    (await evaluate(x)).data.map((v) => 1 - v),
  );
  assertEquals([...(await evaluate(T.div(6, 3))).data], [2]);
  const i = ints([1, 2]);
  assertEquals(T.add(i, 1).dtype, "int");
});

Deno.test("comparisons are false at NaN, maximum and minimum pass it on", async () => {
  const x = T.constant(T.value([NaN, 1]));
  for (const compare of [T.equal, T.less, T.lessEqual]) {
    assertEquals((await evaluate(compare(x, x))).data[0], 0);
  }
  for (const choose of [T.maximum, T.minimum]) {
    assertEquals((await evaluate(choose(x, 0))).data[0], NaN);
    assertEquals((await evaluate(choose(0, x))).data[0], NaN);
  }
});

Deno.test("int arithmetic wraps at 32 bits", async () => {
  const big = ints([2147483647, 65537]);
  assertEquals([...(await evaluate(T.add(big, 1))).data], [-2147483648, 65538]);
  assertEquals([...(await evaluate(T.mul(big, big))).data], [1, 131073]);
  assertEquals([...(await evaluate(T.neg(ints([5])))).data], [-5]);
});

Deno.test("select broadcasts condition and values", async () => {
  for (const [left, right, common] of PAIRS) {
    for (const [c, v] of [[left, right], [right, left]]) {
      const tensor = T.select(
        T.less(numbers(c), 0),
        numbers(v, 2),
        T.constant(7),
      );
      assertEquals(tensor.shape, common);
      await assertAsMeant(tensor, `select [${c}] [${v}]`);
    }
  }
});

Deno.test("cast goes between all types", async () => {
  const x = T.constant(T.value([-1.7, 0, 1.7]));
  assertEquals([...(await evaluate(T.cast(x, "int"))).data], [-1, 0, 1]);
  assertEquals([...(await evaluate(T.cast(x, "bool"))).data], [1, 0, 1]);
  const b = T.cast(x, "bool");
  assertEquals([...(await evaluate(T.cast(b, "float"))).data], [1, 0, 1]);
  assertEquals([...(await evaluate(T.cast(b, "int"))).data], [1, 0, 1]);
  assertEquals(T.cast(x, "float"), x);
});

Deno.test("fill and iota make a shape of numbers", async () => {
  for (const shape of SHAPES) {
    await assertAsMeant(T.fill(shape, 3), `fill [${shape}]`);
    for (let axis = 0; axis < shape.length; axis++) {
      await assertAsMeant(T.iota(shape, axis), `iota [${shape}] ${axis}`);
    }
  }
  assertEquals(
    [...(await evaluate(T.iota([2, 3], -1))).data],
    [0, 1, 2, 0, 1, 2],
  );
});

Deno.test("shape operations move elements and change none", async () => {
  const x = numbers([2, 3, 4]);
  const table: Record<string, T.Tensor> = {
    "reshape": T.reshape(x, [4, -1]),
    "reshape to rank five": T.reshape(x, [1, 2, 3, 2, 2]),
    "reshape of nothing": T.reshape(numbers([0, 3]), [3, -1, 5]),
    "reshape to scalar": T.reshape(numbers([1, 1]), []),
    "transpose": T.transpose(x),
    "transpose of all axes": T.transpose(x, [2, 0, 1]),
    "transpose by negative axes": T.transpose(x, [-1, 0, -2]),
    "transpose of a scalar": T.transpose(numbers([]), []),
    "transpose of nothing": T.transpose(numbers([2, 0, 3]), [2, 1, 0]),
    "broadcast": T.broadcastTo(numbers([3, 1]), [2, 3, 4]),
    "broadcast to nothing": T.broadcastTo(numbers([1]), [2, 0]),
    "slice": T.slice(x, [0, 1, 1], [2, 3, 4], [1, 1, 2]),
    "slice of nothing": T.slice(x, [1, 3, 0], [1, 3, 4]),
    "slice of a scalar": T.slice(numbers([]), [], []),
    "pad": T.pad(x, [1, 0, 2], [0, 1, 1], [2, 0, 1], -7),
    "pad nothing": T.pad(numbers([0]), [2], [1], [3], 5),
    "concat": T.concat([x, numbers([2, 1, 4], 2), numbers([2, 0, 4])], 1),
    "concat the same twice": T.concat([x, x], -1),
    "concat one": T.concat([x]),
    "reverse": T.reverse(x, [0, -1]),
    "reverse nothing": T.reverse(numbers([2, 0]), [0, 1]),
  };
  for (const [name, tensor] of Object.entries(table)) {
    await assertAsMeant(tensor, name);
  }
  assertEquals(T.transpose(x, [-1, 0, -2]).shape, [4, 2, 3]);
});

Deno.test("reductions run over any axes, kept or dropped", async () => {
  const axes = [undefined, [], 0, -1, [0, 2], [2, 0, 1]];
  for (const over of axes) {
    for (const keepAxes of [false, true]) {
      const x = numbers([2, 3, 4]);
      for (const reduce of [T.sum, T.max, T.mean]) {
        await assertAsMeant(
          reduce(x, over, { keepAxes }),
          `${reduce.name} over ${over}`,
        );
      }
    }
  }
  assertEquals(T.sum(numbers([2, 3]), 0, { keepAxes: true }).shape, [1, 3]);
  assertEquals(T.max(numbers([2, 3]), -1).shape, [2]);
  await assertAsMeant(T.sum(ints([1, 2, 3])), "sum of ints");
  await assertAsMeant(T.sum(numbers([2, 1, 3, 1, 2]), [1, 4]), "rank five");
});

Deno.test("reductions of nothing", async () => {
  assertEquals((await evaluate(T.sum(numbers([0, 3]), 0))).data.length, 3);
  assertEquals([...(await evaluate(T.sum(numbers([0])))).data], [0]);
  assertEquals(T.max(numbers([0, 3]), 1).shape, [0]);
  assertEquals(T.mean(numbers([0, 3]), 1).shape, [0]);
  assertEquals(T.argmax(numbers([0, 0]), 1).shape, [0]);
  assertThrows(
    () => T.max(numbers([0, 3]), 0),
    RangeError,
    "Cannot max: shape [0, 3]",
  );
  assertThrows(
    () => T.mean(numbers([0, 3]), 0),
    RangeError,
    "Cannot take a mean: shape [0, 3]",
  );
  assertThrows(
    () => T.argmax(numbers([3, 0]), 1),
    RangeError,
    "Cannot argmax: shape [3, 0]",
  );
});

Deno.test("max passes NaN on, argmax takes the first of equals", async () => {
  const x = T.constant(T.value([1, NaN, 2, 4, 4, 3], [2, 3]));
  assertEquals([...(await evaluate(T.max(x, 1))).data], [NaN, 4]);
  assertEquals((await evaluate(T.argmax(x, 1))).data[1], 0);
  for (const axis of [0, 1, 2]) {
    await assertAsMeant(T.argmax(numbers([2, 3, 4]), axis), `argmax ${axis}`);
  }
});

Deno.test("matmul is a sum of products for each batch", async () => {
  const table: [T.Shape, T.Shape][] = [
    [[2, 3], [3, 4]],
    [[1, 1], [1, 1]],
    [[0, 3], [3, 2]],
    [[2, 0], [0, 3]],
    [[2, 3], [3, 0]],
    [[5, 2, 3], [5, 3, 1]],
    [[2, 1, 3, 2, 3], [2, 1, 3, 3, 2]],
  ];
  for (const [a, b] of table) {
    await assertAsMeant(
      T.matmul(numbers(a, 1), numbers(b, 2)),
      `[${a}] [${b}]`,
    );
  }
});

Deno.test("conv and its gradients visit the same products", async () => {
  for (const [image, kernel, geometry] of GEOMETRIES) {
    const what = `${JSON.stringify(geometry)} on [${image}], [${kernel}]`;
    const x = numbers(image, 1), w = numbers(kernel, 2);
    const y = T.conv(x, w, geometry);
    const dy = numbers(y.shape, 3);
    await assertAsMeant(y, `conv ${what}`);
    await assertAsMeant(T.convInputGradient(dy, w, image, geometry), what);
    await assertAsMeant(T.convKernelGradient(x, dy, kernel, geometry), what);
  }
});

Deno.test("windows and foldWindows are adjoint", async () => {
  for (const [image, [, , ...kernel], geometry] of GEOMETRIES) {
    const what = `${JSON.stringify(geometry)} on [${image}]`;
    const pair = kernel as unknown as T.Pair;
    const x = numbers(image, 1);
    const seen = T.windows(x, pair, geometry);
    await assertAsMeant(seen, what);
    await assertAsMeant(T.windows(x, pair, geometry, -Infinity), what);
    const y = numbers(seen.shape, 2);
    const folded = T.foldWindows(y, image, geometry);
    await assertAsMeant(folded, what);
    const { left, right } = await evaluate({
      left: T.dot(seen, y),
      right: T.dot(x, folded),
    });
    assertAllClose(left, right.data, ROUNDING, what);
  }
});

Deno.test("takeRows and scatterAddRows are adjoint, with rows named twice", async () => {
  const table = numbers([4, 3]);
  const indices = ints([2, 0, 2, 2, 3]);
  const taken = T.takeRows(table, indices);
  const rows = numbers([5, 3], 2);
  const added = T.scatterAddRows(rows, indices, 4);
  await assertAsMeant(taken, "take");
  await assertAsMeant(added, "scatter");
  const { left, right } = await evaluate({
    left: T.dot(taken, rows),
    right: T.dot(table, added),
  });
  assertAllClose(left, right.data, ROUNDING);
  assertEquals(T.takeRows(table, ints([0, 1], [1, 2])).shape, [1, 2, 3]);
  assertEquals(T.takeRows(table, ints([])).shape, [0, 3]);
});

Deno.test("takeRows and scatterAddRows refuse an index outside the table", async () => {
  for (const index of [-1, 4]) {
    for (
      const tensor of [
        T.takeRows(numbers([4, 3]), ints([index])),
        T.scatterAddRows(numbers([1, 3]), ints([index]), 4),
      ]
    ) {
      const error = await evaluate(tensor).then(() => undefined, (e) => e);
      assert(error instanceof RangeError);
      assert(error.message.includes(`index ${index} at place 0`));
    }
  }
});

Deno.test("softmax and logSoftmax do not overflow", async () => {
  const x = T.constant(T.value([1e4, 1e4, -1e4, 0, Math.log(3), -Infinity], [
    2,
    3,
  ]));
  const { p, log } = await evaluate({ p: T.softmax(x), log: T.logSoftmax(x) });
  assertAllClose(p, [0.5, 0.5, 0, 0.25, 0.75, 0], { relative: 1e-15 });
  assertAllClose(log, [
    ...[-Math.LN2, -Math.LN2, -2e4 - Math.LN2],
    ...[-Math.log(4), Math.log(0.75), -Infinity],
  ], { relative: 1e-15 });
});

Deno.test("oneHot marks each index, and none outside", async () => {
  const rows = T.oneHot(ints([2, 0, 3, -1], [2, 2]), 3);
  assertEquals(rows.shape, [2, 2, 3]);
  assertEquals(
    [...(await evaluate(rows)).data],
    [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  );
});

Deno.test("constant refuses a number that is not of its type", () => {
  assertEquals(T.constant(-0, "int").dtype, "int");
  for (
    const [number, dtype] of [[0.5, "int"], [2 ** 31, "int"], [NaN, "int"], [
      2,
      "bool",
    ]] as const
  ) {
    assertThrows(
      () => T.constant(number, dtype),
      RangeError,
      `${number} is not of type ${dtype}`,
    );
  }
  assertThrows(
    () => T.add(ints([1]), 0.5),
    RangeError,
    "0.5 is not of type int",
  );
  assertThrows(
    () => T.constant({ shape: [3], dtype: "float", data: Float64Array.of(1) }),
    RangeError,
    "float[3] needs 3 elements, got 1",
  );
});

Deno.test("conv nodes keep a geometry of their own", () => {
  const stride: [number, number] = [1, 1];
  const geometry = { stride, padding: [0, 0], dilation: [1, 1], groups: 1 };
  const y = T.conv(
    numbers([1, 1, 3, 3]),
    numbers([1, 1, 1, 1]),
    geometry as unknown as T.ConvolutionGeometry,
  );
  stride[0] = 2;
  const { operation } = y;
  assert(operation.kind === "conv");
  assertEquals(operation.geometry.stride, [1, 1]);
});

Deno.test("operations refuse shapes that do not fit, and name both", () => {
  const f = (...shape: number[]) => T.input("x", shape);
  const plain = { stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
  const geometry = { ...plain, groups: 1 };
  const table: [() => unknown, string][] = [
    ...Object.entries(BINARY).map(([name, operation]) =>
      [
        () => operation(f(2, 3), f(4)),
        `Cannot ${name}: shapes [2, 3] and [4]`,
      ] as [() => unknown, string]
    ),
    [
      () => T.select(T.less(f(2), 0), f(3), 0),
      "Cannot select: condition [2] and values [3]",
    ],
    [() => f(2, -1), "Cannot make input x: extents"],
    [() => f(1.5), "Cannot make input x: extents"],
    [() => T.fill([NaN], 0), "Cannot broadcast: extents"],
    [() => T.iota([2], 1), "Cannot make iota: shape [2] has no axis 1"],
    [
      () => T.reshape(f(2, 3), [4]),
      "Cannot reshape: [2, 3] has 6 elements, [4]",
    ],
    [() => T.reshape(f(2, 3), [-1, -1]), "Cannot reshape: [2, 3]"],
    [() => T.reshape(f(2, 3), [4, -1]), "Cannot reshape: [2, 3]"],
    [() => T.transpose(f(2)), "Cannot transpose: permutation"],
    [
      () => T.transpose(f(2, 3), [0]),
      "permutation [0] does not fit shape [2, 3]",
    ],
    [() => T.transpose(f(2, 3), [0, 0]), "Cannot transpose: axis named twice"],
    [() => T.transpose(f(2, 3), [0, 2]), "shape [2, 3] has no axis 2"],
    [
      () => T.broadcastTo(f(2), [3]),
      "Cannot broadcast: shape [2] does not fit [3]",
    ],
    [() => T.broadcastTo(f(2, 1), [2]), "shape [2, 1] does not fit [2]"],
    [
      () => T.slice(f(2, 3), [0, 0], [2, 4]),
      "start [0,0], end [2,4], step [1,1] do not fit shape [2, 3]",
    ],
    [() => T.slice(f(2), [1], [0]), "Cannot slice"],
    [() => T.slice(f(2), [0], [2], [0]), "Cannot slice"],
    [() => T.slice(f(2), [0, 0], [2, 2]), "Cannot slice"],
    [
      () => T.pad(f(2), [-1], [0]),
      "low [-1], high [0], interior [0] do not fit shape [2]",
    ],
    [() => T.pad(f(2), [0, 0], [0]), "Cannot pad"],
    [() => T.concat([]), "Cannot concat: at least one"],
    [
      () => T.concat([f(2, 3), f(3, 2)]),
      "Cannot concat along axis 0: float[2, 3] and float[3, 2]",
    ],
    [() => T.concat([f(2), f(2, 1)]), "float[2] and float[2, 1]"],
    [() => T.reverse(f(2), 1), "Cannot reverse: shape [2] has no axis 1"],
    [() => T.sum(f(2), 1), "Cannot sum: shape [2] has no axis 1"],
    [() => T.max(f(2), -2), "Cannot max: shape [2] has no axis -2"],
    [() => T.mean(f(2), [0, 0]), "axis named twice"],
    [() => T.argmax(f(2), 1), "Cannot argmax: shape [2] has no axis 1"],
    [
      () => T.matmul(f(2, 3), f(2, 3)),
      "Cannot matmul: shapes [2, 3] and [2, 3]",
    ],
    [() => T.matmul(f(2), f(2)), "Cannot matmul: shapes [2] and [2]"],
    [() => T.matmul(f(2, 1, 1), f(3, 1, 1)), "[2, 1, 1] and [3, 1, 1]"],
    [
      () => T.conv(f(1, 2, 3, 3), f(1, 1, 1, 1), geometry),
      "Cannot conv: input [1, 2, 3, 3] and kernel [1, 1, 1, 1] do not fit with 1 groups",
    ],
    [
      () => T.conv(f(1, 1, 3), f(1, 1, 1, 1), geometry),
      "Cannot conv: input [1, 1, 3]",
    ],
    [
      () => T.conv(f(1, 1, 3, 3), f(1, 1, 4, 1), geometry),
      "Cannot conv: a kernel that reaches over 4 cells does not fit 3 cells",
    ],
    [
      () =>
        T.conv(f(1, 1, 3, 3), f(1, 1, 1, 1), { ...geometry, stride: [0, 1] }),
      "got kernel 1, stride 0",
    ],
    [
      () =>
        T.convInputGradient(
          f(1, 1, 2, 3),
          f(1, 1, 1, 1),
          [1, 1, 3, 3],
          geometry,
        ),
      "Cannot conv-input-gradient: the output is [1, 1, 3, 3], the gradient there [1, 1, 2, 3]",
    ],
    [
      () =>
        T.convKernelGradient(
          f(1, 1, 3, 3),
          f(1, 1, 2, 3),
          [1, 1, 1, 1],
          geometry,
        ),
      "Cannot conv-kernel-gradient: the output is [1, 1, 3, 3], the gradient there [1, 1, 2, 3]",
    ],
    [
      () => T.windows(f(1, 3, 3), [1, 1], plain),
      "Cannot take windows: the image must be [N, C, H, W], got [1, 3, 3]",
    ],
    [
      () => T.windows(f(1, 1, 3, 3), [4, 1], plain),
      "Cannot take windows: a kernel that reaches over 4",
    ],
    [
      () => T.foldWindows(f(1, 1, 1, 1), [1, 1, 3, 3], plain),
      "Cannot fold windows: windows [1, 1, 1, 1] do not fit image [1, 1, 3, 3]",
    ],
    [
      () => T.foldWindows(f(1, 1, 1, 1, 2, 2), [1, 1, 3, 3], plain),
      "Cannot fold windows: windows [1, 1, 1, 1, 2, 2] do not fit image",
    ],
    [
      () => T.takeRows(f(2), ints([0])),
      "Cannot take rows: the table must be [V, D], got [2]",
    ],
    [
      () => T.scatterAddRows(f(2, 3), ints([0]), 4),
      "Cannot scatter-add rows: rows [2, 3] and indices [1]",
    ],
    [
      () => T.scatterAddRows(f(1, 3), ints([0]), -1),
      "Cannot scatter-add rows: extents",
    ],
    [() => T.value([1, 2], [3]), "shape [3] needs 3 elements, got 2"],
    [() => T.intValue([0.5]), "element 0 must be a 32-bit integer, got 0.5"],
  ];
  for (const [build, message] of table) {
    assertThrows(build, RangeError, message);
  }
});

Deno.test("operations refuse types that do not fit, and name both", () => {
  const f = T.input("f", [2, 2]);
  const i = T.input("i", [2, 2], "int");
  const b = T.input("b", [2, 2], "bool");
  const plain = { stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
  const both = "operands must have one type, got float[2, 2] and int[2, 2]";
  const table: [() => unknown, string][] = [
    ...Object.entries(BINARY).filter(([name]) => name !== "pow").map((
      [name, operation],
    ) =>
      [() => operation(f, i), `Cannot ${name}: ${both}`] as [
        () => unknown,
        string,
      ]
    ),
    [() => T.pow(f, i), `Cannot pow: ${both}`],
    [
      () => T.add(b, b),
      "Cannot add: operands must be float or int, got bool[2, 2]",
    ],
    [() => T.div(i, i), "Cannot div: operands must be float, got int[2, 2]"],
    [() => T.pow(i, 2), "Cannot pow: operands must be float, got int[2, 2]"],
    [
      () => T.neg(b),
      "Cannot neg: operand must be float or int, got bool[2, 2]",
    ],
    ...[T.exp, T.log, T.sqrt, T.rsqrt, T.tanh, T.erf, T.floor].map((
      operation,
    ) =>
      [
        () => operation(i),
        `Cannot ${operation.name}: operands must be float, got int[2, 2]`,
      ] as [() => unknown, string]
    ),
    [
      () => T.select(f, 1, 2),
      "Cannot select: the condition must be bool, got float[2, 2]",
    ],
    [() => T.select(b, f, i), `Cannot select: ${both}`],
    [
      () => T.sum(b),
      "Cannot sum: operand must be float or int, got bool[2, 2]",
    ],
    [() => T.max(i), "Cannot max: operands must be float, got int[2, 2]"],
    [() => T.mean(i), "Cannot take a mean: operand must be float, got"],
    [() => T.concat([f, i]), `Cannot concat: ${both}`],
    [
      () => T.matmul(f, i),
      "Cannot matmul: operands must be float, got float[2, 2] and int[2, 2]",
    ],
    [
      () => T.conv(i, f, { ...plain, groups: 1 }),
      "Cannot conv: operands must be float, got int[2, 2] and float[2, 2]",
    ],
    [
      () => T.windows(i, [1, 1], plain),
      "Cannot take windows: operands must be float",
    ],
    [
      () => T.foldWindows(i, [1, 1, 1, 1], plain),
      "Cannot fold windows: operands must be float",
    ],
    [
      () => T.takeRows(f, f),
      "Cannot take rows: indices must be int, got float[2, 2]",
    ],
    [() => T.takeRows(i, i), "Cannot take rows: operands must be float"],
    [
      () => T.scatterAddRows(f, f, 2),
      "Cannot scatter-add rows: indices must be int, got float[2, 2]",
    ],
    [
      () => T.randomBitsTensor([2], f, 0),
      "Cannot draw random bits: the key must be int[2], got float[2, 2]",
    ],
    [() => T.oneHot(f, 2), "Cannot make one-hot rows: indices must be int"],
  ];
  for (const [build, message] of table) {
    assertThrows(build, TypeError, message);
  }
});

Deno.test("value keeps a typed array and tells its type", () => {
  const data = Float32Array.of(1, 2);
  assertEquals(T.value(data).data, data);
  assertEquals(T.value(data).dtype, "float");
  assertEquals(T.value(Uint8Array.of(1)).dtype, "bool");
  assertEquals(T.intValue([1, -2]).dtype, "int");
  assertEquals(T.scalarValue(3), T.value([3], []));
  assertEquals(T.sizeOf([]), 1);
  assertEquals(T.sizeOf([2, 0, 3]), 0);
});

Deno.test("Tensor shows its operation, type and shape", () => {
  assertEquals(
    `${T.matmul(T.fill([3, 2], 1), T.fill([2, 4], 1))}`,
    "matmul float[3, 4]",
  );
  assertEquals(Deno.inspect(T.neg(T.fill([2], 1))), "neg float[2]");
});
