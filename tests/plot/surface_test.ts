import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { inflateSync } from "node:zlib";
import { Buffer } from "node:buffer";
import { surfaceChart, toSvg } from "../../src/plot/mod.ts";
import { contoursAt } from "../../src/plot/contours.ts";
import { rasterUrl } from "../../src/plot/raster.ts";
import { textsOf } from "./helpers.ts";

const steps = (count: number, from: number, to: number) =>
  Array.from({ length: count }, (_, i) => from + (to - from) * i / (count - 1));

function gridOf(f: (x: number, y: number) => number | null, count = 41) {
  const x = steps(count, -1, 1), y = steps(count, -2, 2);
  return { x, y, values: y.map((v) => x.map((u) => f(u, v))) };
}

Deno.test("contoursAt: a slope has one straight line a height", () => {
  const [line, ...others] = contoursAt(gridOf((x) => 3 * x), 0.75);
  assertEquals(others, []);
  assertEquals(line.points.length, 41);
  for (const [x] of line.points) assertAlmostEquals(x, 0.25, 1e-12);
});

Deno.test("contoursAt: a bowl has one closed line a height, at that height", () => {
  const lines = contoursAt(gridOf((x, y) => x * x + y * y / 4), 0.5);
  assertEquals(lines.length, 1);
  const { points } = lines[0];
  assertEquals(points[0], points[points.length - 1]);
  for (const [x, y] of points) {
    // Straight within cells a twentieth wide: off by at most an eighth of its square
    // times the second derivative, in each direction.
    assertAlmostEquals(x * x + y * y / 4, 0.5, 2 * 0.05 ** 2 / 4);
  }
});

Deno.test("contoursAt: at a saddle lines do not cross, and part as its middle says", () => {
  const x = [0, 1], y = [0, 1];
  const corners = (middle: number) => ({
    x,
    y,
    values: [[1 + middle, 0], [0, 1]],
  });
  for (const [middle, cut] of [[0.5, "low"], [-0.4, "high"]] as const) {
    const lines = contoursAt(corners(middle), 0.5);
    assertEquals(lines.length, 2);
    for (const { points } of lines) {
      const [[a, b], [c, d]] = points;
      // Low corners are (1, 0) and (0, 1); high ones (0, 0) and (1, 1).
      const mean = [(a + c) / 2, (b + d) / 2];
      assertEquals((mean[0] - 0.5) * (mean[1] - 0.5) < 0, cut === "low");
    }
  }
});

Deno.test("contoursAt: goes around what has no height", () => {
  const lines = contoursAt(gridOf((x, y) => Math.abs(y) < 0.5 ? null : x), 0.1);
  assertEquals(lines.length, 2);
  for (const [, y] of lines.flatMap(({ points }) => points)) {
    assert(Math.abs(y) >= 0.5);
  }
});

Deno.test("rasterUrl: is a PNG with the colours as they are", () => {
  const url = rasterUrl([[[1, 2, 3, 4], [5, 6, 7, 8]], [[9, 8, 7, 6], [
    0,
    0,
    0,
    0,
  ]]]);
  const bytes = Buffer.from(url.split("base64,")[1], "base64");
  assertEquals([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [2, 2]);
  const at = bytes.indexOf("IDAT");
  const pixels = inflateSync(
    bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)),
  );
  assertEquals(
    [...pixels],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 8, 7, 6, 0, 0, 0, 0],
  );
});

const axes = { x: { title: "w1" }, y: { title: "w2" }, value: "Loss" };

Deno.test("surfaceChart: draws shades, contour lines, paths and a legend of both", async () => {
  const svg = await toSvg(surfaceChart({
    ...axes,
    grid: gridOf((x, y) => x * x + y * y),
    levels: 5,
    paths: [
      { name: "Adam", points: [[0.9, 1.5], [0.4, 0.2], [0.39, 0.2]] },
      { name: "K-FAC", points: [[0.9, 1.5], [-0.5, 0.1]] },
    ],
  }));
  assertEquals(svg.match(/<image /g)?.length, 1);
  for (const text of ["w1", "w2", "Loss", "Adam", "K-FAC"]) {
    assert(textsOf(svg).includes(text), `no ${text} among ${textsOf(svg)}`);
  }
  const points = [...svg.matchAll(/aria-roledescription="point"[^>]*/g)]
    .map(([tag]) => tag);
  // Two for the legend of the shades, an arrow for each step with room for one, two
  // first and two last points.
  assertEquals(points.length, 2 + 2 + 4);
  assertEquals(points.filter((tag) => tag.includes("rotate")).length, 2);
});

Deno.test("surfaceChart: arrows point where the path goes, in pixels", () => {
  const chart = JSON.parse(JSON.stringify(surfaceChart({
    ...axes,
    width: 400,
    height: 100,
    x: { title: "w1", domain: [0, 1] },
    y: { title: "w2", domain: [0, 1] },
    grid: gridOf(() => 1),
    paths: [{ name: "a", points: [[0, 0], [0.25, 1], [0.25, 0.5], [1, 0.5]] }],
  })));
  const arrows = chart.layer.find((layer: { mark: { shape?: string } }) =>
    layer.mark.shape
  ).data.values as { angle: number }[];
  assertEquals(arrows.map(({ angle }) => Math.round(angle)), [45, 180, 90]);
});

Deno.test("surfaceChart: refuses grids that are none", () => {
  const draw = (grid: ReturnType<typeof gridOf>) => () =>
    surfaceChart({ ...axes, grid });
  const grid = gridOf(() => 1, 3);
  assertThrows(
    draw({ ...grid, x: [0, 1] }),
    RangeError,
    "3 rows of 2 heights, got 3 rows, one of 3",
  );
  assertThrows(
    draw(gridOf(() => null)),
    RangeError,
    "finite heights, got none",
  );
  assertThrows(draw(gridOf(() => NaN)), RangeError, "finite heights, got NaN");
  assertThrows(
    draw({ x: [0], y: [0], values: [[1]] }),
    RangeError,
    "at least two rows and columns, got 1 and 1",
  );
});
