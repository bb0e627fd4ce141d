import {
  assert,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  augment,
  cutout,
  type CutoutOptions,
  paperAugmentation,
  randomCrop,
  randomFlip,
  type RandomKey,
} from "../../src/data/mod.ts";
import { value } from "../../src/tensor/value.ts";

const KEY: RandomKey = [2024, 5];

/** A batch in which every pixel has a number of its own, from 1. */
function distinct(shape: readonly number[]): Float32Array {
  const length = shape.reduce((a, b) => a * b);
  return Float32Array.from({ length }, (_, i) => i + 1);
}

/** Pixel of a batch, or what lies around it. */
function pixelAt(
  images: Float32Array,
  [, channels, height, width]: readonly number[],
  [image, channel, y, x]: readonly number[],
  around: number,
): number {
  return y < 0 || x < 0 || y >= height || x >= width
    ? around
    : images[((image * channels + channel) * height + y) * width + x];
}

/** Image `image` of a batch as a list of `[channel, y, x]`. */
function* positions([, channels, height, width]: readonly number[]) {
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) yield [channel, y, x];
    }
  }
}

/** The offsets `[down, right]` at which a cropped image is the window of the padded one. */
function cropOffsets(
  images: Float32Array,
  cropped: Float32Array,
  shape: readonly number[],
  image: number,
  padding: number,
  fill: readonly number[],
): number[][] {
  const found: number[][] = [];
  for (let down = 0; down <= 2 * padding; down++) {
    for (let right = 0; right <= 2 * padding; right++) {
      const fits = positions(shape).every(([channel, y, x]) => {
        const at = [image, channel, y + down - padding, x + right - padding];
        return pixelAt(images, shape, at, fill[channel]) ===
          pixelAt(cropped, shape, [image, channel, y, x], NaN);
      });
      if (fits) found.push([down, right]);
    }
  }
  return found;
}

Deno.test("randomCrop cuts a window of the padded image, all channels alike", () => {
  const shape = [20, 2, 5, 7], images = distinct(shape);
  const options = { padding: 2, fill: [-1, -2] };
  const cropped = randomCrop(images, shape, KEY, options);
  for (let image = 0; image < 20; image++) {
    const offsets = cropOffsets(images, cropped, shape, image, 2, options.fill);
    assertEquals(offsets.length, 1);
  }
});

Deno.test("randomCrop pads with zeros unless told otherwise", () => {
  const shape = [30, 1, 3, 3], images = distinct(shape);
  const cropped = randomCrop(images, shape, KEY, { padding: 1 });
  for (let image = 0; image < 30; image++) {
    assertEquals(cropOffsets(images, cropped, shape, image, 1, [0]).length, 1);
  }
  assert(cropped.includes(0));
});

Deno.test("randomCrop reaches each of the offsets 0 to 8, all about as often", () => {
  const count = 4000, shape = [count, 1, 9, 9], images = distinct(shape);
  const cropped = randomCrop(images, shape, KEY, { padding: 4 });
  const down = new Array(9).fill(0), right = new Array(9).fill(0);
  const both = new Set<string>();
  for (let image = 0; image < count; image++) {
    const [offset] = cropOffsets(images, cropped, shape, image, 4, [0]);
    down[offset[0]]++;
    right[offset[1]]++;
    both.add(String(offset));
  }
  assertEquals(both.size, 81);
  for (const counts of [down, right]) {
    // Chi-square of 8 degrees of freedom: above 26.12 with probability 0.001.
    const expected = count / 9;
    const chiSquare = counts.reduce(
      (sum, got) => sum + (got - expected) ** 2 / expected,
      0,
    );
    assertLess(chiSquare, 26.12);
  }
});

Deno.test("randomCrop of padding 0 changes nothing", () => {
  const shape = [3, 2, 4, 4], images = distinct(shape);
  assertEquals(randomCrop(images, shape, KEY, { padding: 0 }), images);
});

Deno.test("randomCrop with padding wider than the image may leave it out", () => {
  const shape = [1, 1, 1, 2], images = distinct(shape);
  let blank = 0;
  for (let step = 0; step < 100; step++) {
    const cropped = randomCrop(images, shape, [1, step], { padding: 3 });
    assert(cropOffsets(images, cropped, shape, 0, 3, [0]).length >= 1);
    blank += Number(cropped.every((pixel) => pixel === 0));
  }
  // The image shows in one of 7 rows of windows, and there in 3 of 7.
  assert(blank > 50 && blank < 100);
});

Deno.test("randomFlip mirrors all channels and rows of an image, or none", () => {
  const shape = [50, 2, 3, 4], images = distinct(shape);
  const flipped = randomFlip(images, shape, KEY, { probability: 0.5 });
  const mirrored = new Set<boolean>();
  for (let image = 0; image < 50; image++) {
    const isMirrored = flipped[image * 24] !== images[image * 24];
    mirrored.add(isMirrored);
    for (const [channel, y, x] of positions(shape)) {
      const from = [image, channel, y, isMirrored ? 3 - x : x];
      assertEquals(
        pixelAt(flipped, shape, [image, channel, y, x], NaN),
        pixelAt(images, shape, from, NaN),
      );
    }
  }
  assertEquals(mirrored.size, 2);
});

Deno.test("randomFlip twice with the same key is the identity", () => {
  const shape = [50, 3, 5, 6], images = distinct(shape);
  const options = { probability: 0.5 };
  const once = randomFlip(images, shape, KEY, options);
  assertNotEquals(once, images);
  assertEquals(randomFlip(once, shape, KEY, options), images);
});

Deno.test("randomFlip flips the share of images that the probability says", () => {
  const count = 10_000, shape = [count, 1, 1, 2], images = distinct(shape);
  for (const probability of [0, 0.2, 0.5, 1]) {
    const flipped = randomFlip(images, shape, KEY, { probability });
    let flips = 0;
    for (let i = 0; i < 2 * count; i += 2) {
      flips += Number(flipped[i] !== images[i]);
    }
    // Four standard deviations of the binomial distribution; none for 0 and 1.
    const bound = 4 * Math.sqrt(count * probability * (1 - probability));
    assert(Math.abs(flips - count * probability) <= bound);
  }
});

/** Pixels `[y, x]` of an image that are 0, the same ones in every channel. */
function zeros(
  images: Float32Array,
  shape: readonly number[],
  image: number,
): string[] {
  const [, channels, height, width] = shape;
  const found: string[] = [];
  for (const [, y, x] of positions([1, 1, height, width])) {
    const values = Array.from(
      { length: channels },
      (_, channel) => pixelAt(images, shape, [image, channel, y, x], NaN),
    );
    assertEquals(new Set(values.map((pixel) => pixel === 0)).size, 1);
    if (values[0] === 0) found.push(`${y},${x}`);
  }
  return found;
}

/** The centres from which one clipped square covers exactly some pixels. */
function centres(
  covered: readonly string[],
  [, , height, width]: readonly number[],
  size: number,
): string[] {
  const half = Math.floor(size / 2);
  const found: string[] = [];
  for (const [, centreY, centreX] of positions([1, 1, height, width])) {
    const square: string[] = [];
    for (let y = centreY - half; y < centreY - half + size; y++) {
      for (let x = centreX - half; x < centreX - half + size; x++) {
        if (y >= 0 && x >= 0 && y < height && x < width) {
          square.push(`${y},${x}`);
        }
      }
    }
    if (String(square) === String(covered)) found.push(`${centreY},${centreX}`);
  }
  return found;
}

Deno.test("cutout zeroes exactly a clipped square around a uniform centre", () => {
  const count = 1500, shape = [count, 2, 6, 7], images = distinct(shape);
  for (const size of [1, 3, 4]) {
    const cut = cutout(images, shape, KEY, { holes: 1, size });
    const reached = new Map<string, number>();
    for (let image = 0; image < count; image++) {
      const found = centres(zeros(cut, shape, image), shape, size);
      assertEquals(found.length, 1);
      reached.set(found[0], (reached.get(found[0]) ?? 0) + 1);
    }
    assertEquals(reached.size, 6 * 7);
    // Chi-square of 41 degrees of freedom: above 74.74 with probability 0.001.
    const expected = count / 42;
    const chiSquare = reached.values().reduce(
      (sum, got) => sum + (got - expected) ** 2 / expected,
      0,
    );
    assertLess(chiSquare, 74.74);
  }
});

Deno.test("cutout leaves all other pixels as they are", () => {
  const shape = [10, 3, 8, 8], images = distinct(shape);
  const cut = cutout(images, shape, KEY, { holes: 2, size: 3 });
  cut.forEach((pixel, i) => assert(pixel === 0 || pixel === images[i]));
});

Deno.test("cutout of a hole twice the image's size always covers it", () => {
  const shape = [20, 1, 4, 4], images = distinct(shape);
  const cut = cutout(images, shape, KEY, { holes: 1, size: 8 });
  assertEquals(cut, new Float32Array(20 * 16));
});

Deno.test("cutout makes as many holes as asked for, each at its own place", () => {
  const shape = [200, 1, 16, 16], images = distinct(shape);
  const cut = cutout(images, shape, KEY, { holes: 3, size: 1 });
  const counts = new Set<number>();
  for (let image = 0; image < 200; image++) {
    counts.add(zeros(cut, shape, image).length);
  }
  assert(counts.has(3));
  assert(counts.values().every((count) => count >= 1 && count <= 3));
});

Deno.test("augment draws each image of a batch on its own", () => {
  const images = new Float32Array(64 * 64);
  for (let image = 0; image < 64; image++) {
    images.set(distinct([64]), image * 64);
  }
  const policy = { crop: { padding: 2 }, flip: { probability: 0.5 } };
  const batch = augment(value(images, [64, 1, 8, 8]), policy, KEY);
  const different = new Set<string>();
  for (let image = 0; image < 64; image++) {
    different.add(String(batch.data.slice(image * 64, (image + 1) * 64)));
  }
  // There are 50 outcomes; 64 draws of them meet 36 on average.
  assert(different.size > 25);
});

Deno.test("augment is a pure function of batch, policy and key", () => {
  const shape = [4, 3, 32, 32];
  const images = value(distinct(shape), shape);
  const once = augment(images, paperAugmentation, KEY);
  assertEquals(augment(images, paperAugmentation, KEY), once);
  assertNotEquals(augment(images, paperAugmentation, [2024, 6]), once);
  assertNotEquals(augment(images, paperAugmentation, [2025, 5]), once);
  assertEquals(images, value(distinct(shape), shape));
});

Deno.test("augment crops, then flips, then cuts", () => {
  const shape = [6, 3, 32, 32];
  const images = distinct(shape);
  const { crop, flip, cutout: holes } = paperAugmentation;
  const cropped = randomCrop(images, shape, KEY, crop!);
  const flipped = randomFlip(cropped, shape, KEY, flip!);
  assertEquals(
    augment(value(images, shape), paperAugmentation, KEY).data,
    cutout(flipped, shape, KEY, holes!),
  );
});

Deno.test("augment with an empty policy gives the batch itself", () => {
  const batch = value(distinct([1, 1, 2, 2]), [1, 1, 2, 2]);
  assert(augment(batch, {}, KEY) === batch);
});

Deno.test("paperAugmentation is crop 32 padding 4, flip 0.5, cutout 1 x 16", () => {
  assertEquals(paperAugmentation, {
    crop: { padding: 4 },
    flip: { probability: 0.5 },
    cutout: { holes: 1, size: 16 },
  });
});

Deno.test("randomCrop refuses padding and fill that do not fit", () => {
  const shape = [1, 2, 2, 2], images = distinct(shape);
  for (const padding of [-1, 0.5, NaN]) {
    assertThrows(
      () => randomCrop(images, shape, KEY, { padding }),
      RangeError,
      `Cannot crop images: padding must be an integer of at least 0, got ${padding}`,
    );
  }
  assertThrows(
    () => randomCrop(images, shape, KEY, { padding: 1, fill: [0] }),
    RangeError,
    "fill must have one number for each of 2 channels, got 1",
  );
});

Deno.test("randomFlip refuses probabilities outside 0 to 1", () => {
  for (const probability of [-0.1, 1.1, NaN]) {
    assertThrows(
      () => randomFlip(distinct([4]), [1, 1, 2, 2], KEY, { probability }),
      RangeError,
      `Cannot flip images: probability must be from 0 to 1, got ${probability}`,
    );
  }
});

Deno.test("cutout refuses no holes and holes of no size", () => {
  const attempt = (options: CutoutOptions) => () =>
    cutout(distinct([4]), [1, 1, 2, 2], KEY, options);
  assertThrows(
    attempt({ holes: 0, size: 1 }),
    RangeError,
    "Cannot cut holes: holes must be an integer of at least 1, got 0",
  );
  assertThrows(
    attempt({ holes: 1, size: 1.5 }),
    RangeError,
    "Cannot cut holes: size must be an integer of at least 1, got 1.5",
  );
});

Deno.test("augment refuses batches that are no images in float32", () => {
  assertThrows(
    () => augment(value([1, 2], [1, 1, 1, 2]), {}, KEY),
    TypeError,
    "batch must be stored as Float32Array, got Float64Array",
  );
  assertThrows(
    () => augment(value(distinct([4]), [2, 2]), {}, KEY),
    RangeError,
    "shape must be [count, channels, height, width], got [2,2]",
  );
  assertThrows(
    () => randomFlip(distinct([4]), [1, 1, 2, 3], KEY, { probability: 1 }),
    RangeError,
    "shape [1,1,2,3] needs 6 numbers, got 4",
  );
});
