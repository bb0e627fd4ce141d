import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cifarNormalization,
  dataset,
  normalizationOf,
  normalize,
} from "../../src/data/mod.ts";

Deno.test("normalize works along the first axis of an example", () => {
  const normalization = { unit: 10, mean: [1, 2], deviation: [0.5, 4] };
  // Two images of two channels of two pixels.
  const inputs = Uint8Array.of(10, 20, 20, 60, 0, 5, 100, 0);
  assertEquals(
    [...normalize(inputs, [2, 1, 2], normalization)],
    [0, 2, 0, 1, -2, -1, 2, -0.5],
  );
});

Deno.test("normalize treats each feature of a vector on its own", () => {
  const normalization = { unit: 1, mean: [1, -1, 0], deviation: [1, 2, 4] };
  assertEquals(
    [...normalize(Float32Array.of(2, 3, 4), [3], normalization)],
    [1, 2, 1],
  );
});

Deno.test("normalize takes scalar examples", () => {
  const normalization = { unit: 2, mean: [1], deviation: [1] };
  assertEquals([...normalize(Uint8Array.of(4, 0), [], normalization)], [1, -1]);
});

Deno.test("normalize leaves its input alone", () => {
  const inputs = Float32Array.of(1, 2);
  normalize(inputs, [2], { unit: 1, mean: [1, 1], deviation: [2, 2] });
  assertEquals([...inputs], [1, 2]);
});

Deno.test("normalize refuses constants that do not fit", () => {
  const good = { unit: 1, mean: [0, 0], deviation: [1, 1] };
  const inputs = Float32Array.of(1, 2);
  const attempt = (change: Partial<typeof good>, shape = [2]) => () =>
    normalize(inputs, shape, { ...good, ...change });
  assertThrows(
    attempt({ mean: [0] }),
    RangeError,
    "examples of shape [2] need 2 means and deviations, got 1 and 2",
  );
  assertThrows(
    attempt({ deviation: [1, 0] }),
    RangeError,
    "Cannot normalize: deviation 1 must be positive and finite, got 0",
  );
  assertThrows(
    attempt({ mean: [NaN, 0] }),
    RangeError,
    "mean 0 must be finite, got NaN",
  );
  assertThrows(
    attempt({ unit: -1 }),
    RangeError,
    "unit must be positive and finite, got -1",
  );
  assertThrows(
    attempt({}, [2, 2]),
    RangeError,
    "examples of shape [2,2] need a multiple of 4 inputs, got 2",
  );
});

/** Two images of two channels of two pixels. */
const images = dataset({
  name: "images",
  classes: ["only"],
  shape: [2, 1, 2],
  inputs: Uint8Array.of(0, 4, 7, 7, 8, 4, 7, 7),
  labels: Int32Array.of(0, 0),
});

Deno.test("normalizationOf measures mean and deviation of each channel", () => {
  // First channel 0, 2, 4, 2 in units: mean 2, squares 4, 0, 4, 0.
  const { unit, mean, deviation } = normalizationOf(images, 2);
  assertEquals(unit, 2);
  assertEquals(mean, [2, 3.5]);
  assertAlmostEquals(deviation[0], Math.SQRT2, 1e-15);
});

Deno.test("normalizationOf gives a channel that never varies deviation 1", () => {
  const normalization = normalizationOf(images, 2);
  assertEquals(normalization.deviation[1], 1);
  const normalized = normalize(images.inputs, images.shape, normalization);
  assertEquals([...normalized.subarray(2, 4)], [0, 0]);
});

Deno.test("normalizationOf refuses units that are not positive", () => {
  assertThrows(
    () => normalizationOf(images, 0),
    RangeError,
    "Cannot measure images: unit must be positive and finite, got 0",
  );
});

Deno.test("cifarNormalization maps bytes as the paper's constants say", () => {
  const image = Uint8Array.of(255, 0, 128);
  const ten = normalize(image, [3, 1, 1], cifarNormalization.cifar10);
  assertAlmostEquals(ten[0], (1 - 0.4914) / 0.2023, 1e-6);
  assertAlmostEquals(ten[1], -0.4822 / 0.1994, 1e-6);
  assertAlmostEquals(ten[2], (128 / 255 - 0.4465) / 0.201, 1e-6);
  const hundred = normalize(image, [3, 1, 1], cifarNormalization.cifar100);
  assertAlmostEquals(hundred[0], (255 - 125.3) / 63, 1e-6);
  assertAlmostEquals(hundred[1], -123 / 62.1, 1e-6);
  assertAlmostEquals(hundred[2], (128 - 113.9) / 66.7, 1e-6);
});
