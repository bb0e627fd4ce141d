import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import {
  gersgorin,
  heatmapCells,
  inDecibels,
  inOfficialScale,
  perturbation,
  preconditioner,
  spectrum,
} from "../../src/analysis/mod.ts";
import { identity } from "../../src/linalg/mod.ts";
import { linear } from "../../src/layers/mod.ts";
import { officialPreset, paperPreset } from "../../src/optim/mod.ts";
import {
  factorHeatMap,
  type Figure,
  gersgorinFigure,
  perturbationFigure,
  preconditionerFigures,
  type PreconditionerPoint,
  snrFigure,
  spectrumFigure,
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
  const chunk = png.indexOf("IDAT");
  const pixels = inflateSync(
    png.subarray(chunk + 4, chunk + 4 + png.readUInt32BE(chunk - 4)),
  );
  const width = png.readUInt32BE(16), height = png.readUInt32BE(20);
  const at = (down: number, right: number) => {
    const start = Math.floor(down) * (1 + 4 * width) + 1 +
      4 * Math.floor(right);
    return [...pixels.subarray(start, start + 4)];
  };
  return { width, height, at };
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
  // The legend's title has two lines, in elements of their own.
  for (const text of ["H", "Row", "Column", "|M|", "(darkest: or less)"]) {
    assert(svg.includes(`>${text}<`), `no ${text} in ${svg}`);
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

/** Data, encodings and the like of a figure, as any tool for Vega-Lite reads them. */
// deno-lint-ignore no-explicit-any -- a test reads what a reader of JSON reads
const read = (figure: Figure): any => JSON.parse(JSON.stringify(figure));

const eigenvalues = (before: number[], after: number[]) => ({
  before: value(before, [before.length]),
  after: value(after, [after.length]),
});

Deno.test("perturbationFigure: ranks begin at the largest, and both axes are logarithmic", async () => {
  const study = perturbation(value([3, 0, 0, 0.5], [2, 2]), { sigma: 1e-3 });
  const figure = perturbationFigure(study, { title: "H" });
  const texts = textsOf(await toSvg(figure));
  for (
    const text of [
      "H",
      "Eigenvalue",
      "Rank of the eigenvalue",
      "without noise",
      "with noise",
      "Kaiser's line",
    ]
  ) {
    assert(texts.includes(text), `no ${text} among ${texts}`);
  }
  const [kaiser, before] = read(figure).layer;
  assertEquals(
    kaiser.data.values.map((point: { eigenvalue: number }) => point.eigenvalue),
    [1, 1],
  );
  assertEquals(
    before.data.values.map((point: { rank: number; eigenvalue: number }) => [
      point.rank,
      point.eigenvalue,
    ]),
    [[1, study.before.data[1]], [2, study.before.data[0]]],
  );
  const { x, y } = before.encoding;
  assertEquals([x.scale.type, y.scale.type], ["log", "log"]);
});

Deno.test("perturbationFigure: says how many eigenvalues no logarithmic axis has", async () => {
  // 1e-13 beside 2 is rounding.
  const figure = perturbationFigure(
    eigenvalues([1e-13, 1, 2], [-0.1, -0.01, 2]),
  );
  const texts = textsOf(await toSvg(figure));
  assert(texts.includes("without noise (1 not above 0)"), `${texts}`);
  assert(texts.includes("with noise (2 not above 0)"), `${texts}`);
});

Deno.test("perturbationFigure: 4,609 eigenvalues make a small figure", async () => {
  const numbers = Array.from({ length: LARGE }, (_, k) => 1e-3 * 1.002 ** k);
  const svg = await requireSmall(
    perturbationFigure(eigenvalues(numbers, numbers.map((x) => x * 1.01))),
  );
  assert((svg.match(/<path /g)?.length ?? 0) < 100);
});

Deno.test("perturbationFigure: refuses what has no place, and names it", () => {
  const draw = (before: number[], after: number[]) => () =>
    perturbationFigure(eigenvalues(before, after));
  assertThrows(draw([], []), RangeError, "at least one, got 0 and 0");
  assertThrows(draw([1, 2], [1]), RangeError, "got 1 and 2");
  assertThrows(draw([1], [NaN]), RangeError, "eigenvalues with noise");
  assertThrows(
    draw([-1, 0], [1, 2]),
    RangeError,
    "eigenvalues without noise: a log scale needs one above 0",
  );
});

Deno.test("spectrumFigure: shades go with the scale from the faint to the brightest", async () => {
  const factor = identity(16);
  const { noisy } = perturbation(factor, { sigma: 1e-2, seed: 1 });
  const pair = { clean: spectrum(factor), noisy: spectrum(noisy) };
  for (
    const [scale, unit, of] of [
      ["decibels", "20 log10 |F| (dB)", inDecibels],
      ["official", "20 ln |F|", inOfficialScale],
    ] as const
  ) {
    const svg = await toSvg(spectrumFigure(pair, { scale, title: "H" }));
    for (const text of ["H", "Without noise", "With noise", unit]) {
      assert(svg.includes(`>${text}<`), `no ${text} in ${svg}`);
    }
    assertEquals(svg.match(/<image /g)?.length, 2);
    const levels = [pair.clean, pair.noisy].map(({ magnitude }) =>
      of(magnitude).data
    );
    // One in a hundred of all cells, and no more, is not above the darkest shade.
    const all = levels.flatMap((data) => [...data]).sort((a, b) => a - b);
    const low = all[Math.floor(all.length / 100)], high = all[all.length - 1];
    const { width, at } = imageOf(svg);
    const side = width / 16;
    for (const [k, l] of [[8, 8], [7, 9], [3, 4], [0, 15]]) {
      const share = (levels[0][16 * k + l] - low) / (high - low);
      assertEquals(
        at((k + 0.5) * side, (l + 0.5) * side),
        [...shadeOf(share)],
      );
    }
  }
});

Deno.test("spectrumFigure: spectra of 4,609 rows are two small images", async () => {
  const data = new Float64Array(LARGE * LARGE);
  for (let i = 0; i < data.length; i++) data[i] = 1 + (i * 7919) % 10007;
  const magnitude = value(data, [LARGE, LARGE]);
  const svg = await requireSmall(
    spectrumFigure({ clean: { magnitude }, noisy: { magnitude } }),
  );
  assertEquals(svg.match(/<image /g)?.length, 2);
});

Deno.test("spectrumFigure: refuses spectra of two shapes, and what is not finite", () => {
  const of = (n: number, entry: number) => ({
    magnitude: value(new Float64Array(n * n).fill(entry), [n, n]),
  });
  assertThrows(
    () => spectrumFigure({ clean: of(2, 1), noisy: of(3, 1) }),
    RangeError,
    "one shape, got [2,2] and [3,3]",
  );
  assertThrows(
    () => spectrumFigure({ clean: of(2, 1), noisy: of(2, NaN) }),
    RangeError,
    "finite",
  );
});

Deno.test("snrFigure: shows both readings of each layer and step", async () => {
  const ratio = (plain: number) => ({ plain, official: plain + 3 });
  const figure = snrFigure([
    { layer: "H of a", step: 600, snr: ratio(7) },
    { layer: "H of a", step: 50, snr: ratio(5) },
    { layer: "H of b", step: 50, snr: ratio(-2) },
  ]);
  const svg = await toSvg(figure);
  const texts = textsOf(svg);
  for (const text of ["SNR (dB)", "H of a", "H of b", "plain", "official"]) {
    assert(texts.includes(text), `no ${text} among ${texts}`);
  }
  assert(texts.indexOf("50") < texts.indexOf("600"), `${texts}`);
  const [, points] = read(figure).layer;
  assertEquals(points.data.values.length, 6);
  // Without steps there is no legend of them.
  const alone = snrFigure([{ layer: "a", snr: ratio(1) }]);
  assert(!textsOf(await toSvg(alone)).includes("Step"));
});

Deno.test("snrFigure: refuses none, and what is not finite", () => {
  assertThrows(() => snrFigure([]), RangeError, "at least one, got none");
  const snr = { plain: Infinity, official: Infinity };
  assertThrows(
    () => snrFigure([{ layer: "H of a", snr }]),
    RangeError,
    "plain SNR of H of a",
  );
});

async function pointsOfF(): Promise<PreconditionerPoint[]> {
  const points: PreconditionerPoint[] = [];
  for (const name of ["fc1", "fc2"]) {
    for (const step of [50, 600]) {
      for (
        const [preset, fields] of [
          ["paper", paperPreset],
          ["official", officialPreset],
        ] as const
      ) {
        const averages = {
          h: value([0.1 + step / 1000, 0.2, 0.3], [3]),
          s: value([0.1, 0.4], [2]),
        };
        const layer = linear(name, 2, 2);
        const study = await preconditioner(layer, averages, fields);
        points.push({ layer: name, step, preset, study });
      }
    }
  }
  return points;
}

Deno.test("preconditionerFigures: have a panel a layer, and both presets in it", async () => {
  const points = await pointsOfF();
  const figures = preconditionerFigures(points, { title: "F" });
  const titles = {
    range: "Entries of F",
    spread: "Largest F / least F",
    histogram: "Entries (%)",
    lambdaShare: "lambda / F (%)",
    multiplier: "Multiplier 1 / F",
  };
  for (const [name, figure] of Object.entries(figures)) {
    const texts = textsOf(await toSvg(figure));
    const shown = titles[name as keyof typeof titles];
    for (const text of ["F", shown, "fc1", "fc2"]) {
      assert(texts.includes(text), `no ${text} among ${texts}`);
    }
  }
  const percent = textsOf(await toSvg(figures.lambdaShare));
  assert(percent.includes("100"), `no 100 among ${percent}`);
  const shares = read(figures.lambdaShare).data.values;
  assertEquals(
    shares.map(({ y }: { y: number }) => y),
    points.map(({ study }) => 100 * study.lambdaShare),
  );
  const [first] = read(figures.multiplier).data.values;
  const { least, median, largest } = points[0].study.multiplier;
  assertEquals([first.low, first.y, first.high], [least, median, largest]);
});

Deno.test("preconditionerFigures: the histogram is that of the last step, and all of it", async () => {
  const { histogram } = preconditionerFigures(await pointsOfF());
  const bars: { layer: string; preset: string; share: number }[] =
    read(histogram).data.values;
  const panels = new Map<string, number>();
  for (const { layer, preset, share } of bars) {
    const panel = `${layer}: ${preset}`;
    panels.set(panel, (panels.get(panel) ?? 0) + share);
  }
  assertEquals([...panels.keys()], [
    "fc1: paper, step 600",
    "fc1: official, step 600",
    "fc2: paper, step 600",
    "fc2: official, step 600",
  ]);
  for (const sum of panels.values()) {
    // But for the rounding of a sum of forty.
    assert(Math.abs(sum - 100) < 1e-12);
  }
});

Deno.test("preconditionerFigures: refuses none, one twice, and what is not finite", async () => {
  assertThrows(() => preconditionerFigures([]), RangeError, "got none");
  const [point] = await pointsOfF();
  assertThrows(
    () => preconditionerFigures([point, point]),
    RangeError,
    "got F of fc1 at step 50, paper twice",
  );
  const fisher = { ...point.study.fisher, least: NaN };
  assertThrows(
    () =>
      preconditionerFigures([{ ...point, study: { ...point.study, fisher } }]),
    RangeError,
    "Entries of F of fc1 at step 50, paper",
  );
});
