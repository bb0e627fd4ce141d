import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  batchAt,
  batchCount,
  batches,
  type BatchOptions,
  cifarNormalization,
  dataset,
  digits,
  digitsNormalization,
  iris,
  normalize,
  paperAugmentation,
} from "../../src/data/mod.ts";

/** 21 images `[3, 32, 32]` of bytes. */
const images = dataset({
  name: "images",
  classes: ["even", "odd"],
  shape: [3, 32, 32],
  inputs: Uint8Array.from({ length: 21 * 3072 }, (_, i) => (i * i + i) % 251),
  labels: Int32Array.from({ length: 21 }, (_, row) => row % 2),
});

const training: BatchOptions = {
  batchSize: 4,
  seed: 11,
  epoch: 2,
  shuffle: true,
  normalization: cifarNormalization.cifar10,
  augmentation: paperAugmentation,
};

Deno.test("batches gives the examples in order, the last batch being smaller", () => {
  const all = [...batches(iris(), { batchSize: 40 })];
  assertEquals(all.map(({ index }) => index), [0, 1, 2, 3]);
  assertEquals(
    all.map(({ inputs }) => inputs.shape),
    [[40, 4], [40, 4], [40, 4], [30, 4]],
  );
  assertEquals(all.flatMap(({ inputs }) => [...inputs.data]), [
    ...iris().inputs,
  ]);
  assertEquals(all.flatMap(({ labels }) => [...labels.data]), [
    ...iris().labels,
  ]);
  assertEquals(all[3].labels.shape, [30]);
});

Deno.test("batches gives float32 inputs and int labels", () => {
  const [{ inputs, labels }] = batches(digits(), { batchSize: 7 });
  assert(inputs.data instanceof Float32Array);
  assert(labels.data instanceof Int32Array);
  assertEquals([inputs.dtype, labels.dtype], ["float", "int"]);
  assertEquals(inputs.shape, [7, 1, 8, 8]);
});

Deno.test("batches leaves a smaller last batch out where told so", () => {
  const sizes = (batchSize: number) =>
    [...batches(iris(), { batchSize, dropLast: true })]
      .map(({ rows }) => rows.length);
  assertEquals(sizes(40), [40, 40, 40]);
  assertEquals(sizes(50), [50, 50, 50]);
});

Deno.test("batches shuffles: each example once an epoch, in another order each", () => {
  const order = (seed: number, epoch: number) =>
    [...batches(iris(), { batchSize: 32, shuffle: true, seed, epoch })]
      .flatMap(({ rows }) => [...rows]);
  const first = order(1, 0);
  const sorted = Array.from({ length: 150 }, (_, row) => row);
  assertEquals([...first].sort((a, b) => a - b), sorted);
  assertNotEquals(first, sorted);
  assertEquals(order(1, 0), first);
  assertNotEquals(order(1, 1), first);
  assertNotEquals(order(2, 0), first);
});

Deno.test("batches keeps inputs, labels and rows together", () => {
  const { inputs, labels } = iris();
  for (const batch of batches(iris(), { batchSize: 16, shuffle: true })) {
    batch.rows.forEach((row, i) => {
      assertEquals(batch.labels.data[i], labels[row]);
      assertEquals(
        batch.inputs.data.slice(4 * i, 4 * i + 4),
        inputs.slice(4 * row, 4 * row + 4),
      );
    });
  }
});

Deno.test("batches normalizes", () => {
  const { inputs, shape } = digits();
  const normalization = digitsNormalization;
  const [batch] = batches(digits(), { batchSize: 5, normalization });
  assertEquals(
    batch.inputs.data,
    normalize(inputs.slice(0, 320), shape, normalization),
  );
});

Deno.test("batches pads crops with black, normalized as a black pixel is", () => {
  const white = dataset({ ...images, inputs: images.inputs.map(() => 255) });
  const normalization = cifarNormalization.cifar10;
  const augmentation = { crop: { padding: 4 } };
  const options = { batchSize: 21, normalization, augmentation };
  const [{ inputs }] = batches(white, options);
  const pixels = (byte: number) =>
    normalize(new Uint8Array(3).fill(byte), [3], normalization);
  for (let channel = 0; channel < 3; channel++) {
    const seen = new Set<number>();
    for (let image = 0; image < 21; image++) {
      const start = (image * 3 + channel) * 1024;
      inputs.data.slice(start, start + 1024).forEach((pixel) =>
        seen.add(pixel)
      );
    }
    assertEquals(
      [...seen].sort((a, b) => a - b),
      [pixels(0)[channel], pixels(255)[channel]],
    );
  }
});

Deno.test("batches keeps a fill that the policy brings along", () => {
  const augmentation = { crop: { padding: 4, fill: [-77, -77, -77] } };
  const [batch] = batches(images, { ...training, augmentation });
  assert(batch.inputs.data.includes(-77));
});

Deno.test("batches augments each epoch and each batch in another way", () => {
  const one = dataset({
    ...images,
    inputs: images.inputs.map((_, i) => images.inputs[i % 3072]),
  });
  const looks = new Set<string>();
  for (const epoch of [0, 1]) {
    for (const { inputs } of batches(one, { ...training, epoch })) {
      looks.add(String(inputs.data.slice(0, 3072)));
    }
  }
  // Six batches in each of two epochs, all of the same image.
  assertEquals(looks.size, 12);
});

Deno.test("batchAt gives any batch of an epoch by its index alone", () => {
  const all = [...batches(images, training)];
  for (const index of [5, 0, 3, 3]) {
    assertEquals(batchAt(images, training, index), all[index]);
  }
});

Deno.test("batches goes on in the middle of an epoch exactly", () => {
  const all = [...batches(images, training)];
  assertEquals(all.length, 6);
  for (let start = 0; start <= 6; start++) {
    assertEquals([...batches(images, training, start)], all.slice(start));
  }
});

Deno.test("batches is not disturbed by another iteration beside it", () => {
  const all = [...batches(images, training)];
  const left = batches(images, training), right = batches(images, training);
  for (const batch of all) {
    assertEquals(left.next().value, batch);
    assertEquals(right.next().value, batch);
  }
});

Deno.test("batchCount counts what batches yields", () => {
  for (const batchSize of [1, 7, 10, 21]) {
    for (const dropLast of [false, true]) {
      const options = { batchSize, dropLast };
      assertEquals(
        batchCount(images, options),
        [...batches(images, options)].length,
      );
    }
  }
});

Deno.test("batches refuses batch sizes that are no integer within the data set", () => {
  for (const batchSize of [0, -1, 1.5, 22, NaN]) {
    assertThrows(
      () => batches(images, { batchSize }),
      RangeError,
      `Cannot make batches of images: batchSize must be an integer from 1 to 21, got ${batchSize}`,
    );
  }
  assertThrows(
    // deno-lint-ignore no-explicit-any
    () => batches(images, { batchSize: "4" as any }),
    TypeError,
    "batchSize must be an integer from 1 to 21, got 4",
  );
});

Deno.test("batches refuses seeds, epochs and starts out of range", () => {
  assertThrows(
    () => batches(images, { batchSize: 4, seed: -1 }),
    RangeError,
    "seed must be an integer from 0 to 4294967295, got -1",
  );
  assertThrows(
    () => batches(images, { batchSize: 4, epoch: 0.5 }),
    RangeError,
    "epoch must be an integer from 0 to 4294967295, got 0.5",
  );
  assertThrows(
    () => batches(images, { batchSize: 4 }, 7),
    RangeError,
    "start must be an integer from 0 to 6, got 7",
  );
});

Deno.test("batchAt refuses an index beyond the last batch", () => {
  for (const index of [-1, 6, 0.5]) {
    assertThrows(
      () => batchAt(images, { batchSize: 4 }, index),
      RangeError,
      `index must be an integer from 0 to 5, got ${index}`,
    );
  }
});

Deno.test("batches refuses to augment what is no image", () => {
  assertThrows(
    () => batches(iris(), { batchSize: 4, augmentation: paperAugmentation }),
    RangeError,
    "augmentation needs examples of shape [channels, height, width], got [4]",
  );
});
