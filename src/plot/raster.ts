/**
 * A grid of numbers as a picture: a PNG of one pixel a number, in a data URL.
 *
 * @module
 */

import { crc32, deflateSync } from "node:zlib";

/** A colour: red, green, blue and opacity, each in [0, 255]. */
export type Rgba = readonly [number, number, number, number];

/** A colour in words of CSS, without its opacity. */
export function cssOf([r, g, b]: Rgba): string {
  return `rgb(${r}, ${g}, ${b})`;
}

/** A chunk of a PNG: length, type, data, checksum. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/**
 * A picture as a PNG in a data URL (PNG specification, 5 and 11).
 *
 * @param rows Colours by row, from the top; all rows of one length of at least 1.
 * @returns The URL.
 */
export function rasterUrl(rows: readonly (readonly Rgba[])[]): string {
  const height = rows.length, width = rows[0].length;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Eight bits each of red, green, blue and opacity.
  header.set([8, 6, 0, 0, 0], 8);
  // Each row begins with the filter's number: none.
  const pixels = new Uint8Array(height * (1 + 4 * width));
  rows.forEach((row, i) =>
    row.forEach((color, j) =>
      pixels.set(color, i * (1 + 4 * width) + 1 + 4 * j)
    )
  );
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ];
  const text = parts.map((part) =>
    Array.from(part, (byte) => String.fromCharCode(byte)).join("")
  );
  return `data:image/png;base64,${btoa(text.join(""))}`;
}
