/** Safetensors bytes made by hand, so that a test does not rest on the encoder. */

/** A file of any header, true or not, and any data. */
export function rawFile(
  header: string | Uint8Array,
  data: ArrayLike<number> = [],
): Uint8Array {
  const json = typeof header === "string"
    ? new TextEncoder().encode(header)
    : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** The bytes that are written as pairs of hexadecimal digits. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
}
