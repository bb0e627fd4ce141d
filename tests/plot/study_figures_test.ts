import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { gersgorin, heatmapCells } from "../../src/analysis/mod.ts";
import {
  factorHeatMap,
  type Figure,
  gersgorinFigure,
  toPng,
  toSvg,
} from "../../src/plot/mod.ts";
import { shadeOf } from "../../src/plot/shades.ts";
import { value } from "../../src/tensor/mod.ts";
import { textsOf } from "./helpers.ts";

/** Rows of a factor of a convolution with 512 channels and a bias. */
const LARGE = 4609;

/** What a figure may take at most, in bytes. */
const MOST_BYTES = 2e6;

async function requireSmall(figure: Figure): Promise<string> {
  const svg = await toSvg(figure);
  const png = await toPng(svg);
  assert(svg.length < MOST_BYTES, `SVG of ${svg.length} bytes`);
  assert(png.length < MOST_BYTES, `PNG of ${png.length} bytes`);
  return svg;
}

/** Width, height and a pixel of the image in a drawing. */
function imageOf(svg: string) {
  const [, text] = svg.match(/data:image\/png;base64,([^"]+)/)!;
  const png = Buffer.from(text, "base64");
  const at = png.indexOf("IDAT");
  const pixels = inflateSync(
    png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)),
  );
  const width = png.readUInt32BE(16), height = png.readUInt32BE(20);
  const at4 = (row: number, column: number) => {
    const start = row * (1 + 4 * width) + 1 + 4 * column;
    return [...pixels.subarray(start, start + 4)];
  };
  return { width, height, at: at4 };
}

Deno.test("factorHeatMap: shades go with the logarithm of the size, row 0 at the top", async () => {
  const cells = heatmapCells(
    value([100, -1, 10, 0.1, 1, 0], [3, 2]),
    8,
    "largest",
  );
  const svg = await toSvg(factorHeatMap(cells, { title: "H", decades: 2 }));
  const { width, height, at } = imageOf(svg);
  assertEquals(height, width * 3 / 2);
  const side = width / 2;
  const shadeAt = (i: number, j: number) =>
    at((i + 0.5) * side, (j + 0.5) * side);
  // 100 is the lightest; 1, two decades below, the darkest, and 0.1 and 0 are no darker.
  assertEquals(shadeAt(0, 0), [...shadeOf(1)]);
  assertEquals(shadeAt(1, 0), [...shadeOf(0.5)]);
  for (const [i, j] of [[0, 1], [1, 1], [2, 0], [2, 1]]) {
    assertEquals(shadeAt(i, j), [...shadeOf(0)]);
  }
  for (const text of ["H", "Row", "Column", "|M| (darkest: or less)"]) {
    assert(textsOf(svg).includes(text), `no ${text} among ${textsOf(svg)}`);
  }
});

Deno.test("factorHeatMap: a factor of 4,609 rows is one small image", async () => {
  // The most cells that a page shows, of sizes without any order: the worst to pack.
  const side = 400;
  const starts = Array.from(
    { length: side + 1 },
    (_, k) => Math.floor(k * LARGE / side),
  );
  const cells = value(
    Float64Array.from(
      { length: side * side },
      (_, k) => Math.exp(8 * Math.sin(k * k)),
    ),
    [side, side],
  );
  const svg = await requireSmall(
    factorHeatMap({ cells, rows: starts, columns: starts }),
  );
  assertEquals(svg.match(/<image /g)?.length, 1);
});

Deno.test("factorHeatMap: refuses what has no logarithm, and names it", () => {
  const draw = (numbers: number[], decades?: number) => () =>
    factorHeatMap(
      { cells: value(numbers, [1, 2]), rows: [0, 1], columns: [0, 1, 2] },
      { decades },
    );
  assertThrows(draw([0, 0]), RangeError, "not all 0, got [1, 2] zeros");
  assertThrows(draw([1, NaN]), RangeError, "finite and not all 0, got NaN");
  assertThrows(draw([1, 2], 0), RangeError, "decades must be above 0");
});

Deno.test("gersgorinFigure: a circle has the disc's radius, on axes of equal units", async () => {
  const discs = gersgorin(value([4, 1, 0, 1, 2, 1, 0, 1, 3], [3, 3]));
  const figure = gersgorinFigure(discs, { title: "H" });
  const svg = await toSvg(figure);
  for (const text of ["H", "Real part", "Imaginary part", "disc"]) {
    assert(textsOf(svg).includes(text), `no ${text} among ${textsOf(svg)}`);
  }
  const { width, height, layer } = JSON.parse(JSON.stringify(figure));
  const { x, y } = layer[0].encoding;
  const extent = ({ scale }: { scale: { domain: [number, number] } }) =>
    scale.domain[1] - scale.domain[0];
  const unit = width / extent(x);
  // The same but for the rounding of a sum.
  assert(Math.abs(height / extent(y) / unit - 1) < 1e-12);
  const sizes = layer[0].data.values.map(({ size }: { size: number }) => size);
  sizes.forEach((size: number, i: number) =>
    assert(Math.abs(Math.sqrt(size) / 2 / unit - discs.radii.data[i]) < 1e-12)
  );
  assertEquals(layer.at(-1).data.values.length, 3);
});

Deno.test("gersgorinFigure: complex eigenvalues are off the real axis", () => {
  const turn = gersgorin(value([1, -1, 1, 1], [2, 2]), { symmetric: false });
  const { layer } = JSON.parse(JSON.stringify(gersgorinFigure(turn)));
  assertEquals(
    layer.at(-1).data.values.map(({ x, y }: Record<string, number>) => [x, y]),
    [[1, -1], [1, 1]],
  );
});

Deno.test("gersgorinFigure: many discs are an image of how many lie over a point", async () => {
  // 300 discs around 0 with radii of 1 and 2: half of them, then all, then none.
  const n = 300;
  const svg = await toSvg(gersgorinFigure({
    centres: value(new Float64Array(n)),
    radii: value(Float64Array.from({ length: n }, (_, i) => 1 + i % 2)),
    eigenvalues: value(new Float64Array(n)),
    imaginary: value(new Float64Array(n)),
  }));
  const { width, height, at } = imageOf(svg);
  assertEquals(width, height);
  // Along the column through 0, in radii of the larger discs, which end at 1 / 1.06.
  const above = (share: number) =>
    at(Math.round(height / 2 * (1 - share / 1.06)), width / 2);
  assertEquals(above(1.02), [0, 0, 0, 0]);
  assertEquals(above(0.75), [...shadeOf(Math.log(n / 2) / Math.log(n))]);
  assertEquals(above(0.25), [...shadeOf(1)]);
  assertEquals(above(0), [0xd5, 0x5e, 0x00, 255]);
});

Deno.test("gersgorinFigure: 4,609 discs are one small image", async () => {
  const centres = Float64Array.from(
    { length: LARGE },
    (_, i) => 1 + Math.sin(i) ** 2,
  );
  const svg = await requireSmall(gersgorinFigure({
    centres: value(centres),
    radii: value(centres.map((centre, i) => centre * Math.cos(i * i) ** 2)),
    eigenvalues: value(centres.toSorted()),
    imaginary: value(new Float64Array(LARGE)),
  }));
  assertEquals(svg.match(/<image /g)?.length, 1);
  assert((svg.match(/<path /g)?.length ?? 0) < 100);
});

Deno.test("gersgorinFigure: draws one disc without an extent, and refuses what is none", async () => {
  const discs = (c: number[], r: number[], e: number[]) => ({
    centres: value(c, [c.length]),
    radii: value(r, [r.length]),
    eigenvalues: value(e, [e.length]),
    imaginary: value(e.map(() => 0), [e.length]),
  });
  for (const centre of [0, 1e-9, 3]) {
    await toSvg(gersgorinFigure(discs([centre], [0], [centre])));
  }
  const draw = (c: number[], r: number[], e: number[]) => () =>
    gersgorinFigure(discs(c, r, e));
  assertThrows(draw([], [], []), RangeError, "got 0 centres and 0 radii");
  assertThrows(draw([1], [], [1]), RangeError, "got 1 centres and 0 radii");
  assertThrows(draw([1], [-1], [1]), RangeError, "at least 0, got -1 at [0]");
  assertThrows(draw([NaN], [1], [1]), RangeError, "centres of discs");
  assertThrows(draw([1], [1], [Infinity]), RangeError, "eigenvalues");
});
