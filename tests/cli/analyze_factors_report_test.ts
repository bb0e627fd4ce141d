import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder, namesIn } from "../data/temporary.ts";
import { sizeOfPng } from "../plot/helpers.ts";
import { chromiumTest, inChromium } from "./chromium.ts";
import { runCli } from "./commands.ts";

/** Sizes of all figures, of the pictures within them, and what is decoded of these. */
const LOOK = `(async () => {
  const sizeOf = (element) => {
    const { width, height } = element.getBoundingClientRect();
    return [width, height];
  };
  const pictures = [...document.querySelectorAll("figure image")];
  const decoded = await Promise.all(pictures.map(async (picture) => {
    const image = new Image();
    image.src = picture.getAttribute("href") ?? picture.getAttribute("xlink:href");
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }));
  return {
    figures: [...document.querySelectorAll("figure > svg")].map(sizeOf),
    captions: [...document.querySelectorAll("figcaption")].map((caption) =>
      caption.textContent.length
    ),
    pictures: pictures.map(sizeOf),
    decoded,
    width: document.documentElement.scrollWidth <= innerWidth,
  };
})()`;

interface Seen {
  readonly figures: readonly [number, number][];
  readonly captions: readonly number[];
  readonly pictures: readonly [number, number][];
  readonly decoded: readonly [number, number][];
  readonly width: boolean;
}

chromiumTest(
  "analyze-factors: the default run's report shows every figure in a browser, and asks for nothing",
  () =>
    inFolder(async (folder) => {
      const out = `${folder}/out`;
      const { code, err } = await runCli("analyze_factors.ts", "--out", out);
      assertEquals([code, err], [0, ""]);
      const drawn = namesIn(`${out}/figures`);
      const svgs = drawn.filter((name) => name.endsWith(".svg"));
      assert(svgs.length > 8);
      for (const name of svgs) {
        const { size } = await Deno.stat(`${out}/figures/${name}`);
        assert(size < 2e6, `${name} has ${size} bytes`);
        const png = await Deno.readFile(
          `${out}/figures/${name.replace(/svg$/, "png")}`,
        );
        const [width, height] = sizeOfPng(png);
        assert(width > 300 && height > 200, name);
      }
      await inChromium(`${out}/report.html`, async (page) => {
        const seen = await page.evaluate(LOOK) as Seen;
        assertEquals(seen.figures.length, svgs.length);
        assertEquals(seen.captions.length, svgs.length);
        assert(seen.captions.every((length) => length > 80));
        assert(seen.pictures.length > 3);
        const all = [...seen.figures, ...seen.pictures];
        for (const [width, height] of all) {
          assert(width > 100 && height > 100, `${width} x ${height}`);
        }
        for (const [width, height] of seen.decoded) assert(width * height > 0);
        assert(seen.width, "wider than the window");
        const paper = () =>
          page.evaluate("getComputedStyle(document.body).backgroundColor");
        await page.prefer("light");
        assertEquals(await paper(), "rgb(255, 255, 255)");
        await page.prefer("dark");
        assertEquals(await paper(), "rgb(22, 24, 28)");
        assertEquals([page.requests, page.complaints], [[], []]);
      });
    }),
);

chromiumTest(
  "inChromium: hears of a request and of an error",
  () =>
    inFolder(async (folder) => {
      const path = `${folder}/bad.html`;
      await Deno.writeTextFile(
        path,
        `<img src="none.png"><script>throw new Error("broken")</script>`,
      );
      await inChromium(path, (page) => {
        assertEquals(page.requests.length, 1);
        assertStringIncludes(page.requests[0], "none.png");
        assertStringIncludes(page.complaints.join("\n"), "broken");
        return Promise.resolve();
      });
    }),
);
