/** The moments of patches against plain loops over the patches. */

import { assertEquals } from "@std/assert";
import { patchMoments } from "../../src/layers/patch_moments.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { constant, type Pair, type Shape } from "../../src/tensor/mod.ts";
import { assertNumbers, numbers } from "./helpers.ts";
import { plainGram, plainPatches } from "./plain.ts";

/** How patches lie: kernel, stride, padding, dilation. */
type Lie = readonly [Pair, Pair, Pair, Pair];

const AROUND: Lie = [[3, 3], [1, 1], [1, 1], [1, 1]];

const CASES: readonly (readonly [Shape, Lie])[] = [
  // Summed by lag: the least image, oblong ones, each border of its own.
  [[1, 1, 3, 3], AROUND],
  [[2, 3, 3, 7], AROUND],
  [[3, 2, 6, 4], AROUND],
  [[1, 16, 5, 5], AROUND],
  // Too small for that.
  [[2, 3, 2, 5], AROUND],
  [[2, 3, 5, 1], AROUND],
  // One number is not as it must be.
  [[2, 2, 5, 6], [[3, 5], [1, 1], [1, 1], [1, 1]]],
  [[2, 2, 5, 6], [[3, 3], [1, 2], [1, 1], [1, 1]]],
  [[2, 2, 5, 6], [[3, 3], [1, 1], [0, 1], [1, 1]]],
  [[2, 2, 5, 6], [[3, 3], [1, 1], [1, 2], [1, 1]]],
  [[2, 2, 5, 6], [[3, 3], [1, 1], [1, 1], [2, 1]]],
];

for (const [shape, [kernel, stride, padding, dilation]] of CASES) {
  const name =
    `[${shape}], kernel ${kernel}, stride ${stride}, padding ${padding}, dilation ${dilation}`;
  const x = numbers(31, shape);
  const geometry = { stride, padding, dilation };

  Deno.test(`patchMoments of ${name} are those of all patches`, async () => {
    const patches = plainPatches(x, { kernel, groups: 1, ...geometry }).flat(2);
    for (const bias of [false, true]) {
      await assertNumbers(
        patchMoments(constant(x), kernel, { ...geometry, bias }),
        plainGram(bias ? patches.map((h) => [...h, 1]) : patches, 1),
      );
    }
  });

  Deno.test(`patchMoments of ${name} are symmetric to the bit`, async () => {
    const moments = await evaluate(
      patchMoments(constant(x), kernel, { ...geometry, bias: true }),
    );
    const [n] = moments.shape;
    const mirrored = moments.data.map((_, at) =>
      moments.data[at % n * n + Math.floor(at / n)]
    );
    assertEquals(mirrored, moments.data);
  });
}
