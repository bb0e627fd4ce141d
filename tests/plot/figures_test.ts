import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  figure,
  heatMap,
  lineChart,
  notebookDisplay,
  scatter,
  seriesColors,
  toPng,
  toSvg,
} from "../../src/plot/mod.ts";
import { textsOf } from "./helpers.ts";

const epochs = { title: "Epoch" };
const loss = { title: "Loss" };

Deno.test("figure: a notebook is given the specification that JSON gives, and a PNG of it", async () => {
  const made = scatter({
    x: epochs,
    y: loss,
    series: [{ name: "Adam", points: [{ x: 1, y: 2 }] }],
  });
  const shown = await made[notebookDisplay]();
  assertEquals(
    JSON.parse(JSON.stringify(shown["application/vnd.vegalite.v5+json"])),
    JSON.parse(JSON.stringify(made)),
  );
  assertEquals(
    Uint8Array.fromBase64(shown["image/png"]),
    await toPng(await toSvg(made), { scale: 1 }),
  );
});

Deno.test("figure: a number that is not finite is refused, and where it is said", () => {
  assertThrows(
    () => figure({ data: { values: [{ a: 1 }, { a: NaN }] } }),
    RangeError,
    "data.values.1.a must be finite, got NaN",
  );
});

Deno.test("lineChart: draws a line and a legend entry a series, and a band where there is a spread", async () => {
  const svg = await toSvg(lineChart({
    title: "Two runs",
    x: epochs,
    y: loss,
    points: true,
    series: [
      {
        name: "Adam",
        points: [{ x: 1, y: 2, low: 1, high: 3 }, {
          x: 2,
          y: 1,
          low: 0.5,
          high: 2,
        }],
      },
      { name: "AdaFisher", points: [{ x: 1, y: 2 }, { x: 2, y: 0.5 }] },
    ],
  }));
  const texts = textsOf(svg);
  for (const text of ["Two runs", "Epoch", "Loss", "Adam", "AdaFisher"]) {
    assert(texts.includes(text), `no ${text} among ${texts}`);
  }
  assertEquals(svg.match(/aria-roledescription="line mark"/g)?.length, 2);
  assertEquals(svg.match(/aria-roledescription="area mark"/g)?.length, 1);
  assertEquals(svg.match(/aria-roledescription="point"/g)?.length, 4);
});

Deno.test("lineChart: marks whole numbers alone where it is asked to", async () => {
  const marked = async (whole: boolean) =>
    textsOf(
      await toSvg(lineChart({
        x: { title: "Epoch", whole },
        y: { title: "Loss", domain: [0, 100] },
        series: [{ name: "a", points: [{ x: 1, y: 3 }, { x: 3, y: 2 }] }],
      })),
    );
  assert((await marked(false)).some((text) => /^[12]\.\d$/.test(text)));
  const whole = await marked(true);
  assertEquals(whole.filter((text) => text.includes(".")), []);
  assert(["1", "2", "3"].every((epoch) => whole.includes(epoch)));
});

Deno.test("lineChart: refuses what it cannot show", () => {
  const one = (y: number, low?: number) => ({
    x: epochs,
    y: { ...loss, scale: "log" as const },
    series: [{ name: "a", points: [{ x: 1, y, low }] }],
  });
  assertThrows(() => lineChart(one(0)), RangeError, "above 0, got 0");
  assertThrows(() => lineChart(one(NaN)), RangeError, "got NaN");
  assertThrows(() => lineChart(one(1, 1)), RangeError, "low and high");
  const { series, ...axes } = one(1);
  assertThrows(
    () => lineChart({ ...axes, series: [...series, ...series] }),
    RangeError,
    'got "a" twice',
  );
});

Deno.test("seriesColors: more series than colours are told apart by dashes", async () => {
  const series = Array.from(
    { length: seriesColors.length + 1 },
    (_, i) => ({
      name: `${i}`,
      points: [{ x: 1, y: i, low: i - 1, high: i + 1 }, {
        x: 2,
        y: i,
        low: i,
        high: i,
      }],
    }),
  );
  const made = lineChart({ x: epochs, y: loss, series });
  const bands = (await toSvg(made))
    .match(/aria-roledescription="area mark"/g);
  assertEquals(bands?.length, series.length);
  const chart = JSON.parse(JSON.stringify(made));
  const { color, strokeDash } = chart.layer[1].encoding;
  const looks = series.map((_, i) =>
    JSON.stringify([color.scale.range[i], strokeDash.scale.range[i]])
  );
  assertEquals(new Set(looks).size, series.length);
  assertEquals(color.scale.range[0], color.scale.range.at(-1));
});

Deno.test("scatter: draws each point and its label", async () => {
  const svg = await toSvg(scatter({
    x: { title: "Time (s)", scale: "log" },
    y: { title: "Accuracy (%)" },
    series: [
      { name: "Adam", points: [{ x: 1, y: 2, label: "here" }, { x: 2, y: 3 }] },
      { name: "K-FAC", points: [{ x: 3, y: 4 }] },
    ],
  }));
  assertEquals(svg.match(/aria-roledescription="point"/g)?.length, 3);
  assertEquals(textsOf(svg).filter((text) => text === "here").length, 1);
});

Deno.test("heatMap: draws a cell and its number for each number that there is", async () => {
  const options = {
    x: { title: "Batch size", names: ["32", "64"] },
    y: { title: "Learning rate", names: ["0.1", "0.01"] },
    values: [[1.25, null], [2.5, 3.75]],
    value: "Accuracy (%)",
  };
  const svg = await toSvg(heatMap(options));
  assertEquals(
    svg.match(/aria-roledescription="rect mark"/g)?.length,
    3,
  );
  for (const text of ["1.25", "2.50", "3.75", "Accuracy (%)"]) {
    assert(textsOf(svg).includes(text), `no ${text}`);
  }
  const alike = await toSvg(heatMap({ ...options, values: [[1, 1], [1, 1]] }));
  assertEquals(alike.match(/aria-roledescription="rect mark"/g)?.length, 4);
});

Deno.test("heatMap: refuses rows that do not fit the names, and no number at all", () => {
  const axes = {
    x: { title: "x", names: ["a", "b"] },
    y: { title: "y", names: ["c"] },
    value: "v",
  };
  assertThrows(
    () => heatMap({ ...axes, values: [[1]] }),
    RangeError,
    "1 rows of 2 numbers, got 1 rows, one of 1",
  );
  assertThrows(
    () => heatMap({ ...axes, values: [[null, null]] }),
    RangeError,
    "at least one number",
  );
});

Deno.test("toSvg: what Vega-Lite complains of is an error", async () => {
  await assertRejects(
    () => toSvg(figure({ mark: "no such mark", data: { values: [] } })),
    Error,
  );
  await assertRejects(
    () =>
      toSvg(figure({
        data: { values: [{ a: 1 }] },
        mark: "point",
        encoding: { x: { field: "a", type: "quantitative", aggregate: "no" } },
      })),
    Error,
    "Cannot draw figure",
  );
});
