/** Writes tar archives, sound and unsound ones. */

/** One entry to write. */
export interface TarEntry {
  readonly name: string;
  readonly bytes?: Uint8Array;
  /** Type of the entry: "0" an ordinary file, "2" a link, "5" a folder. */
  readonly type?: string;
  /** First part of a long name. */
  readonly prefix?: string;
}

/** The header and the contents of an entry, in whole blocks. */
function entryBlocks(entry: TarEntry): Uint8Array {
  const { name, bytes = new Uint8Array(0), type = "0", prefix = "" } = entry;
  const blocks = new Uint8Array(512 + Math.ceil(bytes.length / 512) * 512);
  const put = (text: string, at: number) =>
    blocks.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put("0000644\0", 100);
  put(bytes.length.toString(8).padStart(11, "0") + " ", 124);
  put("        ", 148);
  put(type, 156);
  put("ustar\x0000", 257);
  put(prefix, 345);
  const sum = blocks.subarray(0, 512).reduce((a, b) => a + b, 0);
  put(sum.toString(8).padStart(6, "0") + "\0 ", 148);
  blocks.set(bytes, 512);
  return blocks;
}

/** An archive of some entries, with the two zero blocks at its end. */
export function tar(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const parts = [...entries.map(entryBlocks), new Uint8Array(1024)];
  const archive = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}
