import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { heatmapCells } from "../../src/analysis/mod.ts";
import { randomNormal, value } from "../../src/tensor/mod.ts";

// deno-fmt-ignore
const matrix = value([
   1, -9,  2,  3,  4,
   5,  6,  7, -8,  0,
   1,  1, -3,  2,  2,
], [3, 5]);

Deno.test("heatmapCells: blocks of unequal size, by hand", () => {
  const mean = heatmapCells(matrix, 2, "mean");
  // Rows 0 and 1 to 2; columns 0 to 1 and 2 to 4.
  assertEquals([mean.rows, mean.columns], [[0, 1, 3], [0, 2, 5]]);
  assertEquals(mean.cells.shape, [2, 2]);
  assertEquals([...mean.cells.data], [-4, 3, 13 / 4, 0]);
  const { cells } = heatmapCells(matrix, 2, "largest");
  assertEquals([...cells.data], [-9, 4, 6, -8]);
});

Deno.test("heatmapCells: a matrix that is small enough stays as it is", () => {
  for (const reduction of ["mean", "largest"] as const) {
    const { cells, rows } = heatmapCells(matrix, 5, reduction);
    assertEquals(cells, matrix);
    assertEquals(rows, [0, 1, 2, 3]);
  }
  // Three rows stay, five columns become four.
  assertEquals(heatmapCells(matrix, 4, "mean").columns, [0, 1, 2, 3, 5]);
});

Deno.test("heatmapCells: every entry is in one block, and blocks are alike in size", () => {
  const m = 37, n = 23;
  const random = value(randomNormal([1, 2], 3, m * n), [m, n]);
  const total = [...random.data].reduce((a, b) => a + b);
  for (let most = 1; most <= 40; most++) {
    const { cells, rows, columns } = heatmapCells(random, most, "mean");
    const extents = (starts: readonly number[]) =>
      starts.slice(1).map((end, k) => end - starts[k]);
    const heights = extents(rows), widths = extents(columns);
    for (const [all, extent] of [[heights, m], [widths, n]] as const) {
      assertEquals(all.length, Math.min(most, extent));
      assertEquals(
        all.every((x) => x >= 1 && x - Math.min(...all) <= 1),
        true,
      );
    }
    const sum = heights.flatMap((h, r) =>
      widths.map((w, c) => h * w * cells.data[r * widths.length + c])
    ).reduce((a, b) => a + b);
    assertAlmostEquals(sum, total, 1e-11); // 851 numbers of about 1
  }
});

Deno.test("heatmapCells: refuses what cannot be drawn", () => {
  assertThrows(
    () => heatmapCells(value([1]), 2, "mean"),
    RangeError,
    "takes a matrix with entries, got [1]",
  );
  assertThrows(
    () => heatmapCells(value([], [0, 3]), 2, "mean"),
    RangeError,
    "got [0, 3]",
  );
  assertThrows(
    () => heatmapCells(matrix, 0, "mean"),
    RangeError,
    "at least 1 cell a side, got 0",
  );
  assertThrows(
    () => heatmapCells(value([1, 2, 3, NaN], [2, 2]), 1, "largest"),
    RangeError,
    "got NaN at [1, 1]",
  );
});
