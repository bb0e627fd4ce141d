/**
 * Matrix products and convolutions with their gradients, on a device against the
 * reference: over shapes, transposes and geometries.
 *
 * @module
 */

import {
  add,
  broadcastTo,
  conv,
  convInputGradient,
  convKernelGradient,
  type ConvolutionGeometry,
  exp,
  matmul,
  maximum,
  mul,
  neg,
  reshape,
  sub,
  sum,
  takeRows,
  type Tensor,
  transpose,
} from "../../src/tensor/mod.ts";
import { GEOMETRIES } from "../tensor/geometries.ts";
import {
  assertAgrees,
  type DeviceTest,
  floatTensor,
  integers,
} from "./compare.ts";

/** A geometry that is the same along both axes. */
export const geometry = (
  stride: number,
  padding: number,
  dilation = 1,
  groups = 1,
): ConvolutionGeometry => ({
  stride: [stride, stride],
  padding: [padding, padding],
  dilation: [dilation, dilation],
  groups,
});

/** Registers the tests. */
export function productTests(test: DeviceTest): void {
  test(
    "matmul agrees with the reference for all shapes and transposes",
    async (device) => {
      const shapes = [
        [1, 1, 1],
        [3, 5, 7],
        [4, 4, 4],
        [17, 33, 9],
        [64, 64, 64],
        [1, 300, 5],
        [5, 2000, 3],
        [70, 1, 70],
        [130, 20, 66],
        [70, 8, 12],
        // Large tiles, at whose edges rows and columns are missing.
        [252, 264, 268],
        [255, 261, 259],
        [4100, 340, 12],
      ];
      for (const [m, k, n] of shapes) {
        const a = floatTensor([m, k]), b = floatTensor([k, n], 2);
        const at = transpose(floatTensor([k, m], 3));
        const bt = transpose(floatTensor([n, k], 4));
        await assertAgrees(device, {
          [`${m} ${k} ${n} nn`]: matmul(a, b),
          [`${m} ${k} ${n} nt`]: matmul(a, bt),
          [`${m} ${k} ${n} tn`]: matmul(at, b),
          [`${m} ${k} ${n} tt`]: matmul(at, bt),
        }, 60);
      }
      const x = floatTensor([2, 3, 5, 4]), y = floatTensor([2, 3, 4, 6], 2);
      await assertAgrees(device, {
        batched: matmul(x, y),
        "with itself": matmul(x, transpose(x)),
        "of sums": matmul(add(x, 1), mul(y, 2)),
        "permuted batch": matmul(
          transpose(floatTensor([5, 2, 3, 4], 3), [1, 2, 0, 3]),
          y,
        ),
        "broadcast batch": matmul(
          broadcastTo(floatTensor([1, 3, 5, 4], 3), [2, 3, 5, 4]),
          y,
        ),
      }, 60);
    },
  );

  test(
    "convolutions and their gradients agree with the reference",
    async (device) => {
      const grid: [number[], number[], ConvolutionGeometry][] = [
        [[2, 3, 8, 8], [5, 3, 3, 3], geometry(1, 1)],
        [[2, 3, 9, 7], [4, 3, 3, 3], geometry(2, 1)],
        [[1, 4, 8, 8], [8, 4, 1, 1], geometry(1, 0)],
        [[2, 4, 8, 8], [8, 4, 1, 1], geometry(2, 0)],
        [[1, 2, 9, 9], [3, 2, 3, 3], geometry(1, 2, 2)],
        [[2, 6, 7, 7], [4, 3, 3, 3], geometry(1, 1, 1, 2)],
        [[2, 6, 8, 8], [6, 1, 3, 3], geometry(2, 1, 1, 6)],
        [[1, 1, 5, 5], [1, 1, 5, 5], geometry(1, 0)],
        // As many groups as channels.
        [[2, 6, 9, 13], [6, 1, 3, 3], geometry(1, 1, 1, 6)],
        [[1, 3, 8, 8], [3, 1, 5, 4], geometry(2, 2, 2, 3)],
        [[1, 2, 11, 9], [2, 1, 3, 3], geometry(3, 2, 1, 2)],
        [[1, 2, 17, 16], [2, 1, 3, 2], geometry(5, 1, 1, 2)],
        [[2, 3, 6, 6], [6, 1, 3, 3], geometry(1, 1, 1, 3)],
        [[1, 2, 12, 12], [2, 1, 8, 8], geometry(1, 3, 1, 2)],
        // Larger groups, and strides with dilation.
        [[1, 12, 6, 7], [16, 6, 3, 3], geometry(1, 1, 1, 2)],
        [[2, 5, 10, 9], [9, 5, 3, 3], geometry(2, 2, 2)],
        [[1, 3, 13, 12], [2, 3, 3, 4], geometry(2, 1, 3)],
        [[1, 2, 14, 9], [3, 2, 2, 3], geometry(4, 3, 2)],
        // Positions that see nothing of the image, an image of one position.
        [[1, 1, 1, 1], [1, 1, 1, 1], geometry(4, 2)],
        [[1, 2, 1, 1], [3, 2, 1, 1], geometry(3, 4)],
        [[3, 5, 1, 1], [6, 5, 1, 1], geometry(1, 0)],
        // Large tiles, at whose edges channels and positions are missing.
        [[5, 20, 33, 31], [22, 20, 3, 3], geometry(1, 1)],
        [[2, 16, 12, 12], [32, 16, 3, 3], geometry(1, 1)],
        [[1, 3, 11, 6], [7, 3, 4, 2], {
          stride: [3, 1],
          padding: [2, 0],
          dilation: [1, 2],
          groups: 1,
        }],
      ];
      for (const [image, kernel, how] of [...GEOMETRIES, ...grid]) {
        const x = floatTensor(image), w = floatTensor(kernel, 2);
        const y = conv(x, w, how);
        const dy = floatTensor(y.shape, 3);
        const name = `[${image}] * [${kernel}] ${JSON.stringify(how)}`;
        await assertAgrees(device, {
          [`${name}: conv`]: y,
          [`${name}: input gradient`]: convInputGradient(dy, w, image, how),
          [`${name}: kernel gradient`]: convKernelGradient(x, dy, kernel, how),
        }, 60);
      }
    },
  );

  test(
    "what is computed from products element by element agrees with the reference",
    async (device) => {
      // Each is a program of its own, so that nothing else needs its product.
      const agree = async (cases: Readonly<Record<string, Tensor>>) => {
        for (const [name, tensor] of Object.entries(cases)) {
          await assertAgrees(device, { [name]: tensor }, 60);
        }
      };
      const x = floatTensor([36, 24]), w = floatTensor([24, 40], 2);
      const bias = floatTensor([40], 3), rows = floatTensor([36, 1], 4);
      const square = floatTensor([24, 24], 5);
      const product = matmul(x, w);
      const biased = add(product, bias);
      const other = matmul(floatTensor([36, 8], 6), floatTensor([8, 40], 7));
      await agree({
        "bias and activation": maximum(biased, 0),
        "of rows": mul(matmul(x, transpose(x)), rows),
        "needed elsewhere": add(biased, sum(product, 1, { keepAxes: true })),
        "of two products": maximum(mul(product, other), bias),
        "with its operand": add(matmul(square, square), square),
        "long sum": neg(
          matmul(floatTensor([8, 900], 8), floatTensor([900, 8])),
        ),
        "odd shape": add(matmul(floatTensor([5, 3]), floatTensor([3, 7])), 1),
        tall: mul(matmul(floatTensor([300, 8]), floatTensor([8, 12], 9)), 2),
        "of another shape": mul(reshape(product, [9, 4, 40]), bias),
        "of elements one by one": takeRows(add(product, 1), integers([6], 36)),
        "of nothing": add(matmul(floatTensor([4, 0]), floatTensor([0, 8])), 1),
      });
      await assertAgrees(device, {
        product,
        biased,
        "two more": exp(mul(biased, 0.1)),
      }, 60);
      const [image, kernel] = [[2, 6, 8, 8], [10, 6, 3, 3]];
      const i = floatTensor(image), k = floatTensor(kernel);
      const channels = floatTensor([10, 1, 1], 3);
      const y = conv(i, k, geometry(1, 1));
      const dy = floatTensor(y.shape, 4), half = floatTensor([2, 10, 4, 4]);
      const deep = geometry(1, 1, 1, 6);
      await agree({
        conv: maximum(add(add(y, channels), dy), 0),
        "input gradient": mul(
          convInputGradient(dy, k, image, geometry(1, 1)),
          i,
        ),
        "strided input gradient": add(
          convInputGradient(half, k, image, geometry(2, 1)),
          i,
        ),
        "kernel gradient": sub(
          k,
          mul(0.1, convKernelGradient(i, dy, kernel, geometry(1, 1))),
        ),
        depthwise: neg(conv(i, floatTensor([6, 1, 3, 3]), deep)),
        "depthwise kernel gradient": neg(
          convKernelGradient(i, i, [6, 1, 3, 3], deep),
        ),
      });
    },
  );
}
