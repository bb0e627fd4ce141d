import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  type Dataset,
  dataset,
  type DatasetOptions,
  split,
  subset,
} from "../../src/data/mod.ts";
import { histogram } from "./real_data.ts";

/** `count` examples of one number each, its own row; labels 0 0 0 1 0 0 0 1 ... */
function numbered(count: number): Dataset {
  return dataset({
    name: "numbered",
    classes: ["many", "few"],
    shape: [1],
    inputs: Float32Array.from({ length: count }, (_, row) => row),
    labels: Int32Array.from({ length: count }, (_, row) => Number(row % 4 > 2)),
  });
}

const points: DatasetOptions = {
  name: "points",
  classes: ["a", "b"],
  shape: [2],
  inputs: Float32Array.of(1, 2, 3, 4, 5, 6),
  labels: Int32Array.of(0, 1, 0),
};

Deno.test("dataset counts its examples and keeps its arrays", () => {
  const { count, inputs, labels } = dataset(points);
  assertEquals(count, 3);
  assert(inputs === points.inputs && labels === points.labels);
});

Deno.test("dataset takes scalar examples and bytes", () => {
  const bytes = dataset({
    ...points,
    shape: [],
    inputs: Uint8Array.of(7, 8, 9),
  });
  assertEquals(bytes.shape, []);
  assertEquals(bytes.count, 3);
});

Deno.test("dataset names row and column of an input that is not finite", () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const inputs = Float32Array.of(1, 2, 3, 4, 5, bad);
    assertThrows(
      () => dataset({ ...points, inputs }),
      RangeError,
      `Cannot make data set points: input of row 2, column 1 must be finite, got ${bad}`,
    );
  }
});

Deno.test("dataset names the row of a label that is no class", () => {
  for (const bad of [2, -1]) {
    assertThrows(
      () => dataset({ ...points, labels: Int32Array.of(0, bad, 0) }),
      RangeError,
      `label of row 1 must be an integer from 0 to 1, got ${bad}`,
    );
  }
});

Deno.test("dataset refuses arrays of other types", () => {
  assertThrows(
    // deno-lint-ignore no-explicit-any
    () => dataset({ ...points, inputs: [1, 2, 3, 4, 5, 6] as any }),
    TypeError,
    "inputs must be a Float32Array or a Uint8Array, got Array",
  );
  assertThrows(
    // deno-lint-ignore no-explicit-any
    () => dataset({ ...points, labels: undefined as any }),
    TypeError,
    "labels must be an Int32Array, got undefined",
  );
});

Deno.test("dataset refuses inputs that do not fill the shape", () => {
  assertThrows(
    () => dataset({ ...points, shape: [3] }),
    RangeError,
    "3 examples of shape [3] need 9 inputs, got 6",
  );
});

Deno.test("dataset refuses no examples, no classes and empty axes", () => {
  const none = { inputs: new Float32Array(0), labels: new Int32Array(0) };
  assertThrows(
    () => dataset({ ...points, ...none }),
    RangeError,
    "number of examples must be an integer of at least 1, got 0",
  );
  assertThrows(
    () => dataset({ ...points, classes: [] }),
    RangeError,
    "number of classes must be an integer of at least 1, got 0",
  );
  for (const extent of [0, -2, 1.5]) {
    assertThrows(
      () => dataset({ ...points, shape: [2, extent] }),
      RangeError,
      `extent of axis 1 must be an integer of at least 1, got ${extent}`,
    );
  }
});

Deno.test("subset copies the rows in the order given", () => {
  const all = dataset(points);
  const some = subset(all, [2, 0, 2], "some");
  assertEquals([...some.inputs], [5, 6, 1, 2, 5, 6]);
  assertEquals([...some.labels], [0, 0, 0]);
  assertEquals([some.name, some.count], ["some", 3]);
  some.inputs[0] = 99;
  assertEquals(all.inputs[4], 5);
});

Deno.test("subset keeps bytes as bytes", () => {
  const all = dataset({ ...points, inputs: Uint8Array.of(1, 2, 3, 4, 5, 255) });
  assertEquals(subset(all, [2]).inputs, Uint8Array.of(5, 255));
});

Deno.test("subset refuses rows that are not there", () => {
  for (const row of [-1, 3, 0.5]) {
    assertThrows(
      () => subset(dataset(points), [0, row]),
      RangeError,
      `Cannot take a subset of points: entry 1 of rows must be an integer from 0 to 2, got ${row}`,
    );
  }
  assertThrows(
    () => subset(dataset(points), []),
    RangeError,
    "number of rows must be an integer of at least 1, got 0",
  );
});

Deno.test("split puts every example into exactly one part", () => {
  for (const stratified of [false, true]) {
    const { train, test } = split(numbered(103), 0.7, 5, { stratified });
    assertEquals([train.count, test.count], [72, 31]);
    const rows = [...train.inputs, ...test.inputs].sort((a, b) => a - b);
    assertEquals(rows, Array.from({ length: 103 }, (_, row) => row));
  }
});

Deno.test("split keeps label and input of an example together", () => {
  for (const part of Object.values(split(numbered(40), 0.5, 1))) {
    for (let i = 0; i < part.count; i++) {
      assertEquals(part.labels[i], Number(part.inputs[i] % 4 > 2));
    }
  }
});

Deno.test("split gives the same parts for the same seed, others for another", () => {
  const rows = (
    seed: number,
  ) => [...split(numbered(50), 0.5, seed).train.inputs];
  assertEquals(rows(3), rows(3));
  assertNotEquals(rows(3), rows(4));
  assertNotEquals(rows(3), [...rows(3)].sort((a, b) => a - b));
});

Deno.test("split does not depend on the library's version", () => {
  assertEquals(
    [...split(numbered(8), 0.5, 0).train.inputs],
    [4, 6, 5, 7],
  );
});

Deno.test("split counts 0.29 of 100 as 29, though their product is below", () => {
  assert(0.29 * 100 < 29);
  assertEquals(split(numbered(100), 0.29, 0).train.count, 29);
});

Deno.test("split stratifies: each class is shared by the same fraction", () => {
  // 30 of one class and 10 of the other.
  const { train, test } = split(numbered(40), 0.7, 9, { stratified: true });
  assertEquals(histogram(train.labels, 2), [21, 7]);
  assertEquals(histogram(test.labels, 2), [9, 3]);
});

Deno.test("split stratifies: the largest remainder gets what rounding leaves", () => {
  // 7 and 2 examples: shares of 3.5 and 1 make 4 in all.
  const nine = subset(numbered(12), [0, 1, 2, 4, 5, 6, 8, 3, 7]);
  const { train } = split(nine, 0.5, 0, { stratified: true });
  assertEquals(histogram(train.labels, 2), [3, 1]);
  // 8 and 2 examples: shares of 6 and 1.5, of 7.5 in all, rounded down.
  const ten = subset(numbered(12), [0, 1, 2, 4, 5, 6, 8, 9, 3, 7]);
  const parts = split(ten, 0.75, 0, { stratified: true });
  assertEquals(histogram(parts.train.labels, 2), [6, 1]);
  // 3 and 1 examples: shares of 2.1 and 0.7, of 2.8 in all, rounded down.
  assertEquals(
    histogram(split(numbered(4), 0.7, 0, { stratified: true }).train.labels, 2),
    [2, 0],
  );
  // 3 and 1 examples: shares of 2.4 and 0.8, of 3.2 in all: one is left.
  assertEquals(
    histogram(split(numbered(4), 0.8, 0, { stratified: true }).train.labels, 2),
    [2, 1],
  );
});

Deno.test("split refuses a fraction that leaves a part empty", () => {
  for (const fraction of [0, 1, 0.05, -1, 2, NaN, Infinity]) {
    assertThrows(
      () => split(numbered(10), fraction, 0),
      RangeError,
      `Cannot split numbered: fraction must leave an example of 10 on either side, got ${fraction}`,
    );
  }
});

Deno.test("split refuses seeds that are no unsigned 32-bit integers", () => {
  for (const seed of [-1, 0.5, 2 ** 32, NaN]) {
    assertThrows(
      () => split(numbered(10), 0.5, seed),
      RangeError,
      `seed must be an integer from 0 to 4294967295, got ${seed}`,
    );
  }
  assertThrows(
    // deno-lint-ignore no-explicit-any
    () => split(numbered(10), 0.5, "1" as any),
    TypeError,
    "seed must be an integer from 0 to 4294967295, got 1",
  );
});
