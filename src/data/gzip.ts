/**
 * Gzip: told by its first two bytes, not by a name.
 *
 * @module
 */

/**
 * Whether bytes begin a gzip stream: 0x1f, 0x8b.
 *
 * @param bytes The first bytes of a file.
 * @returns True if they do.
 */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks a gzip stream.
 *
 * @param bytes The whole stream.
 * @param file Its file, for the message.
 * @returns What was packed.
 * @throws {RangeError} If the stream is cut off or damaged.
 */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const plain = ReadableStream.from([bytes])
      .pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  } catch (cause) {
    throw new RangeError(badGzip(file, cause), { cause });
  }
}

/**
 * The message for a gzip stream that cannot be unpacked.
 *
 * @param file The file.
 * @param cause What the decompression threw.
 * @returns The message.
 */
export function badGzip(file: string, cause: unknown): string {
  return `Cannot unpack ${file}: gzip stream must be whole and undamaged, got "${
    cause instanceof Error ? cause.message : cause
  }"`;
}
