/**
 * Shapes large enough for all that the loops do: several vectors at a time, what is
 * left over, tiles, split axes, parts of sums.
 */

import {
  add,
  argmax,
  broadcastTo,
  cast,
  concat,
  div,
  exp,
  floor,
  foldWindows,
  iota,
  less,
  max,
  maximum,
  mul,
  neg,
  pad,
  reshape,
  reverse,
  select,
  slice,
  sub,
  sum,
  type Tensor,
  transpose,
  windows,
} from "../../src/tensor/mod.ts";
import { assertAgrees, floatTensor, integers } from "../devices/compare.ts";
import { cpuTest } from "./on_cpu.ts";

cpuTest("long loops move every element where it belongs", async (device) => {
  const x = floatTensor([70, 90]), y = floatTensor([6, 40, 51]);
  const image = floatTensor([3, 5, 34, 38]);
  const cases: Record<string, Tensor> = {
    transpose: transpose(x),
    "transpose of a product": transpose(mul(x, 2)),
    "transpose of a slice": transpose(slice(x, [1, 2], [67, 90], [2, 1])),
    "flat reshape of a transpose": reshape(transpose(y, [2, 0, 1]), [-1]),
    "halved reshape": reshape(transpose(x), [45, 140]),
    "reshape that fits no axis": reshape(transpose(y, [1, 0, 2]), [17, 720]),
    reverse: reverse(x, [0, 1]),
    "every second": slice(y, [0, 1, 0], [6, 40, 51], [1, 3, 2]),
    "spread out": pad(x, [1, 2], [3, 1], [1, 1], -2),
    "spread by 2 along the rows": pad(image, [0, 0, 0, 1], [0, 0, 0, 0], [
      ...[0, 0, 0, 2],
    ]),
    "padded far": pad(x, [0, 30000], [0, 30000]),
    "padded and computed": pad(neg(transpose(x)), [1, 1], [1, 1]),
    concat: concat([x, mul(x, 2), slice(x, [0, 0], [70, 3])], 1),
    "concat of rows": concat([x, slice(x, [3, 0], [9, 90]), x], 0),
    iota: iota([5, 7, 33], 2),
    "iota of rows": iota([50, 33], 0),
    "bools in every lane": select(less(x, 0.25), neg(x), 0),
    "bool out": less(x, 0.25),
    "several outputs": maximum(x, broadcastTo(floatTensor([90]), [70, 90])),
  };
  for (const stride of [1, 2, 3]) {
    const how = {
      stride: [stride, stride],
      padding: [1, 1],
      dilation: [1, 1],
    } as const;
    cases[`windows, stride ${stride}`] = windows(image, [3, 3], how, 9);
    cases[`pooling, stride ${stride}`] = max(
      windows(image, [2, 2], how, -Infinity),
      [2, 3],
    );
  }
  await assertAgrees(device, cases, 0);
  await assertAgrees(device, {
    "sum with its transpose": add(reshape(transpose(x), [70, 90]), x),
    "padded, of a function": pad(exp(transpose(x)), [1, 1], [1, 1]),
  }, 4); // units in the last place of exp, twice
});

cpuTest("folds of large windows agree with the reference", async (device) => {
  for (const [height, width] of [[34, 38], [33, 36], [32, 35]]) {
    const image = floatTensor([3, 5, height, width]);
    for (
      const [stride, kernel, padding, dilation] of [
        ...[[1, 3, 1, 1], [2, 2, 0, 1], [2, 3, 1, 1], [3, 3, 0, 1]],
        ...[[2, 2, 1, 2], [4, 2, 0, 1]],
      ]
    ) {
      const how = {
        stride: [stride, stride],
        padding: [padding, padding],
        dilation: [dilation, dilation],
      } as const;
      const patches = windows(image, [kernel, kernel], how);
      await assertAgrees(device, {
        [`fold of windows ${height} ${width} ${stride} ${kernel}`]: foldWindows(
          patches,
          image.shape,
          how,
        ),
        [`fold ${height} ${width} ${stride} ${kernel}`]: foldWindows(
          floatTensor(patches.shape, 2),
          image.shape,
          how,
        ),
        // Nine numbers are added up, one after another.
      }, 9);
    }
  }
});

cpuTest("large reductions agree with the reference", async (device) => {
  const shapes = [[50, 130], [130, 50], [7, 2100], [2100, 7], [40, 6, 90]];
  shapes.push([9, 16, 12, 12], [3, 70000], [70000, 3], [30, 9, 490]);
  for (const shape of shapes) {
    const x = floatTensor(shape);
    const steps = floor(mul(x, 2)); // has equal elements
    for (let mask = 1; mask < 2 ** shape.length; mask++) {
      const axes = shape.flatMap((_, i) => mask >> i & 1 ? [i] : []);
      const centred = sub(x, div(sum(x, axes, { keepAxes: true }), 100));
      // Of numbers about 1, runs of 64 rounds and as many runs are added up.
      await assertAgrees(device, {
        [`sum of ${shape} over ${axes}`]: sum(x, axes),
        [`sum of squares of ${shape} over ${axes}`]: sum(mul(x, x), axes),
        [`centred sum of ${shape} over ${axes}`]: sum(
          mul(centred, centred),
          axes,
        ),
      }, 128);
      await assertAgrees(device, {
        [`max of ${shape} over ${axes}`]: max(x, axes),
        [`whole sum of ${shape} over ${axes}`]: sum(
          cast(steps, "int"),
          axes,
        ),
      }, 0);
    }
    for (let axis = 0; axis < shape.length; axis++) {
      await assertAgrees(device, {
        [`argmax of ${shape} along ${axis}`]: argmax(steps, axis),
        [`argmax of ints`]: argmax(integers(shape, 50), axis),
        [`argmax of bools`]: argmax(less(0.5, x), axis),
      }, 0);
    }
  }
});
