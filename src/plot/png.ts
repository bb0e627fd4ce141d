/**
 * SVG to PNG, by resvg in WebAssembly and with fonts of its own: the same picture
 * on every machine.
 *
 * @module
 */

// deno-lint-ignore-file no-import-prefix -- only this folder needs libraries
import { initWasm, Resvg } from "npm:@resvg/resvg-wasm@2.6.2";
// Only files are wanted of this package; importing its description is what makes
// it be there.
import fonts from "npm:dejavu-fonts-ttf@2.37.3/package.json" with {
  type: "json",
};

const WASM = import.meta.resolve("npm:@resvg/resvg-wasm@2.6.2/index_bg.wasm");
const FONT_FILES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((file) =>
  import.meta.resolve(`npm:${fonts.name}@${fonts.version}/ttf/${file}`)
);

/** What the drawing needs; loaded once, when it is first needed. */
let loaded: Promise<Uint8Array[]> | undefined;

async function load(): Promise<Uint8Array[]> {
  await initWasm(await Deno.readFile(new URL(WASM)));
  return await Promise.all(
    FONT_FILES.map((file) => Deno.readFile(new URL(file))),
  );
}

/** Options of {@linkcode toPng}. */
export interface PngOptions {
  /** Pixels of the PNG for a pixel of the SVG; 2 by default. */
  readonly scale?: number;
}

/**
 * Draws an SVG as PNG. Needs `--allow-read` for the library's and the fonts' files
 * in Deno's own cache.
 *
 * @example
 * ```ts
 * import { toPng } from "@adafisher/adafisher/plot";
 * import { assertEquals } from "@std/assert";
 *
 * const png = await toPng(
 *   `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>`,
 * );
 * assertEquals([...png.subarray(1, 4)], [..."PNG"].map((c) => c.charCodeAt(0)));
 * ```
 *
 * @param svg The SVG.
 * @param options How large it gets.
 * @returns The file's bytes.
 * @throws {RangeError} If the scale is not positive and finite.
 * @throws {Error} If the SVG is not one.
 */
export async function toPng(
  svg: string,
  { scale = 2 }: PngOptions = {},
): Promise<Uint8Array> {
  if (!(scale > 0 && Number.isFinite(scale))) {
    throw new RangeError(
      `Cannot draw PNG: scale must be positive and finite, got ${scale}`,
    );
  }
  const fontBuffers = await (loaded ??= load());
  const drawing = read(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: {
      fontBuffers,
      defaultFontFamily: "DejaVu Sans",
      sansSerifFamily: "DejaVu Sans",
    },
  });
  const image = drawing.render();
  const png = image.asPng();
  image.free();
  drawing.free();
  return png;
}

/** The drawing; what the library throws where there is none are texts. */
function read(...given: ConstructorParameters<typeof Resvg>) {
  try {
    return new Resvg(...given);
  } catch (cause) {
    throw new Error(`Cannot draw PNG: ${cause}`, { cause });
  }
}
