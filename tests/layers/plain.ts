/** Plain loops over numbers: what layers compute, written a second time. */

import type { Value } from "../../src/tensor/mod.ts";

/** How a plain convolution slides. */
export interface PlainGeometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Number of positions along an axis. */
export function positions(
  extent: number,
  axis: 0 | 1,
  { kernel, stride, padding, dilation }: PlainGeometry,
): number {
  const reach = dilation[axis] * (kernel[axis] - 1) + 1;
  return Math.floor((extent + 2 * padding[axis] - reach) / stride[axis]) + 1;
}

/** The patches [sample][group][position] -> P numbers, flattened [in / groups, kh, kw]. */
export function plainPatches(
  x: Value,
  geometry: PlainGeometry,
): number[][][][] {
  const [batch, channels, height, width] = x.shape;
  const { kernel: [kh, kw], stride, padding, dilation, groups } = geometry;
  const each = channels / groups;
  const at = (n: number, c: number, i: number, j: number): number =>
    i < 0 || j < 0 || i >= height || j >= width
      ? 0
      : x.data[((n * channels + c) * height + i) * width + j];
  const samples: number[][][][] = [];
  for (let n = 0; n < batch; n++) {
    const sample: number[][][] = [];
    for (let g = 0; g < groups; g++) {
      const group: number[][] = [];
      for (let p = 0; p < positions(height, 0, geometry); p++) {
        for (let q = 0; q < positions(width, 1, geometry); q++) {
          const patch: number[] = [];
          for (let c = 0; c < each; c++) {
            for (let i = 0; i < kh; i++) {
              for (let j = 0; j < kw; j++) {
                patch.push(at(
                  n,
                  g * each + c,
                  p * stride[0] + i * dilation[0] - padding[0],
                  q * stride[1] + j * dilation[1] - padding[1],
                ));
              }
            }
          }
          group.push(patch);
        }
      }
      sample.push(group);
    }
    samples.push(sample);
  }
  return samples;
}

/** A convolution [N, O, L] of patches with a kernel [O, in / groups, kh, kw]. */
export function plainConvolution(
  x: Value,
  weight: Value,
  bias: Value | undefined,
  geometry: PlainGeometry,
): number[] {
  const out = weight.shape[0];
  const size = weight.data.length / out;
  const result: number[] = [];
  for (const sample of plainPatches(x, geometry)) {
    for (let o = 0; o < out; o++) {
      const group = sample[Math.floor(o / (out / geometry.groups))];
      for (const patch of group) {
        let total = bias ? bias.data[o] : 0;
        patch.forEach((h, j) => total += h * weight.data[o * size + j]);
        result.push(total);
      }
    }
  }
  return result;
}

/** Sum over rows of the outer product of a row with itself, times a factor. */
export function plainGram(
  rows: readonly (readonly number[])[],
  factor: number,
): number[] {
  const n = rows[0].length;
  const result = new Array(n * n).fill(0);
  for (const row of rows) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) result[i * n + j] += factor * row[i] * row[j];
    }
  }
  return result;
}

/** A value's numbers as rows of some length. */
export function plainRows(x: Value, length: number): number[][] {
  const rows: number[][] = [];
  for (let i = 0; i < x.data.length; i += length) {
    rows.push(Array.from(x.data.slice(i, i + length)));
  }
  return rows;
}

/** Channels-last rows of [N, C, H, W]: one row of C numbers a sample and pixel. */
export function plainPixels(x: Value): number[][] {
  const [batch, channels, height, width] = x.shape;
  const size = height * width;
  const rows: number[][] = [];
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < size; p++) {
      rows.push(Array.from(
        { length: channels },
        (_, c) => x.data[(n * channels + c) * size + p],
      ));
    }
  }
  return rows;
}
