// What the tests read out of a drawing.

/** Contents of the text elements of an SVG, in order. */
export function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) =>
    text
  );
}

/** Width and height that a PNG says it has. */
export function sizeOfPng(png: Uint8Array): [number, number] {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}
