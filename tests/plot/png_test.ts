import { assert, assertEquals, assertRejects } from "@std/assert";
import { lineChart, toPng, toSvg } from "../../src/plot/mod.ts";
import { sizeOfPng } from "./helpers.ts";

const svg = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30">${body}</svg>`;

Deno.test("toPng: has the drawing's size times the scale", async () => {
  assertEquals(sizeOfPng(await toPng(svg(""))), [80, 60]);
  assertEquals(sizeOfPng(await toPng(svg(""), { scale: 3 })), [120, 90]);
});

Deno.test("toPng: draws text, with fonts of its own", async () => {
  const text = (font: string) =>
    svg(`<text x="2" y="20" font-family="${font}">A</text>`);
  const empty = await toPng(svg(""));
  const letter = await toPng(text("DejaVu Sans, Verdana, sans-serif"));
  assert(letter.length > empty.length);
  assertEquals(await toPng(text("No Such Font, sans-serif")), letter);
});

Deno.test("toPng: the same figure gives the same bytes", async () => {
  const draw = async () =>
    await toPng(
      await toSvg(lineChart({
        x: { title: "Epoch" },
        y: { title: "λ" },
        series: [{ name: "a", points: [{ x: 1, y: 2 }, { x: 2, y: 3 }] }],
      })),
    );
  assertEquals(await draw(), await draw());
});

Deno.test("toPng: refuses a bad scale and what is no drawing", async () => {
  await assertRejects(
    () => toPng(svg(""), { scale: 0 }),
    RangeError,
    "positive and finite, got 0",
  );
  await assertRejects(() => toPng("no svg"), Error, "Cannot draw PNG");
});
